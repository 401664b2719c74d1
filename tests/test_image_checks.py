"""Checks of images: what is odd is found, what is right is not accused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.image_checks import COLUMNS, accepted_images, check_images
from nimare_pipeline.images import examine_images
from tests.image_sets import AFFINE, SHAPE, dataset_of, noise, small_mask, write

BIG = (30, 30, 30)


def checked(
    images: Mapping[str, Mapping[str, Any]], **options: Any
) -> tuple[pd.DataFrame, list[Problem]]:
    """Table of checks and problems of contrasts with sample sizes, by default 20."""
    needs = options.pop("needs_sample_size", False)
    sizes = options.pop("sizes", {name: [20] for name in images})
    dataset = dataset_of(images, sizes=sizes, **options)
    return check_images(examine_images(dataset), dataset, needs_sample_size=needs)


def only(
    tmp_path: Path, values: Any, kind: str = "z", affine: Any = AFFINE, **options: Any
) -> tuple[str, str]:
    """Level and reason of one image."""
    path = write(tmp_path / "image.nii", values, affine)
    table, _ = checked({"a": {kind: path}}, **options)
    return table["level"][0], table["reason"][0]


def big_mask() -> BrainMask:
    return BrainMask(np.ones(BIG, dtype=bool), AFFINE, "large box")


def test_a_good_image_is_accepted(tmp_path: Path) -> None:
    """Its row tells what was found, in the columns that are promised."""
    values = noise()
    table, problems = checked({"a": {"z": write(tmp_path / "a.nii", values)}})
    assert tuple(table.columns) == COLUMNS
    row = table.iloc[0]
    assert problems == []
    assert (row["id"], row["kind"], row["file"]) == ("a-1", "z", str(tmp_path / "a.nii"))
    assert (row["accepted"], row["level"], row["reason"]) == (True, "accept", "")
    assert (row["shape"], row["voxel_size_mm"], row["orientation"]) == ("8x9x10", "2x2x2", "RAS")
    assert (row["grid"], row["coverage"], row["n_nan"], row["n_zero"]) == ("same", 100, 0, 0)
    inside = values[small_mask().inside]
    assert (row["smallest"], row["largest"]) == (inside.min(), inside.max())
    assert row["thresholded_share"] == 0
    assert row["most_correlated"] is None
    assert np.isnan(row["correlation"])


def test_a_file_that_cannot_be_read_has_a_row(tmp_path: Path) -> None:
    """It is rejected with what is wrong, beside the others, in the order of the dataset."""
    table, problems = checked(
        {"a": {"z": tmp_path / "none.nii"}, "b": {"z": write(tmp_path / "b.nii", noise())}}
    )
    assert table["id"].tolist() == ["a-1", "b-1"]
    assert table["level"].tolist() == ["reject", "accept"]
    assert (table["reason"][0], table["file"][0]) == ("no such file", str(tmp_path / "none.nii"))
    assert str(problems[0]) == (
        f"{tmp_path / 'none.nii'}, study a, contrast 1, z image: no such file (correct the path, "
        "name the folder it counts from with --image-root, or leave the cell empty)"
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.zeros(SHAPE), "it is 0 everywhere"),
        (np.full(SHAPE, np.nan), "it holds no number there"),
    ],
)
def test_empty(tmp_path: Path, values: Any, why: str) -> None:
    """An image of zeros or NaN is rejected."""
    assert only(tmp_path, values) == ("reject", f"no value inside the mask: {why}")


def test_outside_the_mask(tmp_path: Path) -> None:
    """An image that lies elsewhere is rejected."""
    away = AFFINE.copy()
    away[:3, 3] += 500
    found = only(tmp_path, noise(), affine=away)
    assert found == ("reject", "no value inside the mask: it lies outside the mask")


def test_constant(tmp_path: Path) -> None:
    """The same value everywhere is no map."""
    assert only(tmp_path, np.full(SHAPE, 0.5)) == ("reject", "it is 0.5 in all its voxels")


def test_labels(tmp_path: Path) -> None:
    """A few whole numbers are an atlas or a mask."""
    values = np.random.default_rng(0).integers(1, 9, SHAPE).astype(np.int16)
    found = only(tmp_path, values)
    assert found == ("reject", "it has only 8 values, all whole numbers")


def test_digits_cut_off(tmp_path: Path) -> None:
    """Many whole numbers are a map that lost its digits."""
    values = (noise() * 90).round().astype(np.int16)
    level, reason = only(tmp_path, values, "t")
    assert (level, reason.split(":")[0]) == ("warn", "all its values are whole numbers")


def test_part_of_the_mask(tmp_path: Path) -> None:
    """Less than half of the mask is pointed out."""
    assert only(tmp_path, noise()[:3]) == ("warn", "it has values in only 33.33% of the mask")


def test_no_place_in_the_header(tmp_path: Path) -> None:
    """Without sform and qform nobody knows where the voxels lie."""
    nib.save(nib.Nifti1Image(noise(), None), tmp_path / "a.nii")
    table, _ = checked({"a": {"z": tmp_path / "a.nii"}})
    assert "its header does not say where in the brain the voxels lie" in table["reason"][0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.abs(noise()) + 0.5, "p values from 0.5"),
        (noise(), "p values from -"),
    ],
)
def test_p_beyond_its_range(tmp_path: Path, values: Any, words: str) -> None:
    """p lies between 0 and 1."""
    level, reason = only(tmp_path, values, "p")
    assert level == "reject"
    assert reason.startswith(words)


def test_one_minus_p(tmp_path: Path) -> None:
    """p images of FSL hold 1 - p."""
    values = 1 - np.random.default_rng(0).uniform(0, 0.15, SHAPE)
    level, reason = only(tmp_path, values, "p")
    assert (level, reason) == ("warn", "half of its p values are above 0.92")


@pytest.mark.parametrize("kind", ["z", "t", "d", "g"])
def test_units_of_the_scanner(tmp_path: Path, kind: str) -> None:
    """Values in the thousands are no statistic."""
    level, reason = only(tmp_path, noise() * 2000, kind)
    assert level == "reject"
    assert reason.endswith(f"are no {kind}")


def test_z_too_large(tmp_path: Path) -> None:
    """A z beyond 50 is odd, whatever the sample size."""
    values = noise()
    values[3, 3, 3] = 61.5
    assert only(tmp_path, values, sizes={}) == ("warn", "a z of 61.5 is too large")


def test_z_that_is_t(tmp_path: Path) -> None:
    """A z that ten people cannot have shows a t map; the same values as t are fine."""
    values = stats.t.rvs(9, loc=3, size=SHAPE, random_state=0)
    values[3, 3, 3] = 15.2
    level, reason = only(tmp_path, values, sizes={"a": [10]})
    assert level == "warn"
    assert reason.startswith("a z of 15.2 by 10 participants is an effect of")
    assert only(tmp_path, values, "t", sizes={"a": [10]})[0] == "accept"


def test_largest_z_of_noise_with_few_people_is_no_t(tmp_path: Path) -> None:
    """Among a brain's voxels z of 4.5 comes up by chance, also with five people."""
    values = noise()
    values[3, 3, 3] = 4.5
    assert only(tmp_path, values, sizes={"a": [5]})[0] == "accept"


def test_seed_with_itself(tmp_path: Path) -> None:
    """t of 148 by 150 people, as connectivity maps have it at the seed, is accepted."""
    values = noise()
    values[3, 3, 3] = 148
    assert only(tmp_path, values, "t", sizes={"a": [150]})[0] == "accept"


@pytest.mark.parametrize(("intent", "text"), [("t test", ""), (0, "SPM{T_[19.0]} - contrast 1")])
def test_header_of_a_t_map(tmp_path: Path, intent: Any, text: str) -> None:
    """What NIfTI's intent code, or SPM, says in the header must be what the image is given as."""
    image = nib.Nifti1Image(noise(), AFFINE)
    image.header.set_intent(intent, (19,) if intent else ())
    image.header["descrip"] = text
    nib.save(image, tmp_path / "a.nii")
    table, _ = checked({"a": {"z": tmp_path / "a.nii"}, "b": {"t": tmp_path / "a.nii"}})
    assert table["level"].tolist() == ["warn", "accept"]
    assert table["reason"][0] == "its header says that it is a map of t, not z"


def test_map_without_signs(tmp_path: Path) -> None:
    """A whole brain without a negative value is odd; a region is not."""
    values = np.abs(noise(shape=BIG)) + 0.001
    found = only(tmp_path, values, mask=big_mask())
    assert found == ("warn", "no z is negative")
    assert only(tmp_path, np.abs(noise()) + 0.001)[0] == "accept"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("varcope", "variances"), ("se", "standard errors"), ("sd", "standard deviations")],
)
def test_negative_errors(tmp_path: Path, kind: str, name: str) -> None:
    """Many negative variances reject the image; a few are left out, and said."""
    level, reason = only(tmp_path, noise(), kind)
    assert level == "reject"
    assert f"of 336 {name} are negative, down to" in reason
    values = np.abs(noise()) + 0.1
    values[3, 3, 3] = -1
    found = only(tmp_path, values, kind)
    assert found == ("warn", f"1 of 336 {name} are negative, down to -1")


def test_thresholded(tmp_path: Path) -> None:
    """A map with nothing between 0 and 2 is rejected."""
    values = np.where(np.abs(noise()) > 0.8, 2.5 * noise(), 0)
    level, reason = only(tmp_path, values)
    assert level == "reject"
    assert "it is thresholded: no value within 2" in reason


def test_thresholded_p(tmp_path: Path) -> None:
    """A p map of significant voxels only is rejected."""
    p = np.random.default_rng(0).uniform(0, 1, SHAPE)
    level, reason = only(tmp_path, np.where(p < 0.05, p, 0), "p")
    assert level == "reject"
    assert "it is thresholded: no value above 0.0483, and 0 in 96% of the mask" in reason


def test_region_of_activation_is_not_thresholded(tmp_path: Path) -> None:
    """Values that are all large, with no zero among them, are a region."""
    assert only(tmp_path, np.abs(noise()) + 3)[0] == "accept"


def test_zeros_where_others_have_values(tmp_path: Path) -> None:
    """A map with zeros scattered among small values is pointed out where others cover more."""
    holes = np.where(np.random.default_rng(5).uniform(size=SHAPE) < 0.7, 0, noise(9))
    paths = {
        name: {"z": write(tmp_path / f"{name}.nii", noise(i))} for i, name in enumerate("abc")
    }
    paths["d"] = {"z": write(tmp_path / "d.nii", holes)}
    table, _ = checked(paths)
    share = (holes == 0)[small_mask().inside].mean()
    assert table["thresholded_share"].tolist() == [0, 0, 0, pytest.approx(share)]
    assert "of the voxels that most others cover" in table["reason"][3]
    assert table["level"].tolist() == ["accept"] * 3 + ["warn"]


def test_nan_is_no_zero(tmp_path: Path) -> None:
    """What is NaN where others have values is out of the field of view, not thresholded."""
    paths = {n: {"z": write(tmp_path / f"{n}.nii", noise(i))} for i, n in enumerate("abc")}
    values = noise(9)
    values[1:5] = np.nan
    paths["d"] = {"z": write(tmp_path / "d.nii", values)}
    assert checked(paths)[0]["thresholded_share"].tolist() == [0, 0, 0, 0]


def test_description_says_thresholded(tmp_path: Path) -> None:
    """What NeuroVault says of an image is believed."""
    found = only(tmp_path, noise(), metadata={"a": {"is_thresholded": True}})
    assert found == ("warn", "its description says that it is thresholded")


def test_description_says_not_mni(tmp_path: Path) -> None:
    """An image in the space of a person, or in Talairach's, is rejected."""
    found = only(tmp_path, noise(), metadata={"a": {"not_mni": True}})
    assert found == ("reject", "its description says that it is not in MNI space")
    assert only(tmp_path, noise(), metadata={"a": {"not_mni": False}})[0] == "accept"


def test_same_image_twice(tmp_path: Path) -> None:
    """The same data under two names: the later one is rejected, whatever its scale."""
    paths = {
        "a": {"z": write(tmp_path / "a.nii", noise())},
        "b": {"z": write(tmp_path / "b.nii", noise(1))},
        "c": {"z": write(tmp_path / "c.nii", 2 * noise())},
    }
    table, problems = checked(paths)
    assert table["level"].tolist() == ["accept", "accept", "reject"]
    assert table["reason"][2] == "it has the same values as a-1, r = 1.00000"
    assert table["most_correlated"].tolist()[::2] == ["c-1", "a-1"]
    assert problems[0].suggestion == "the same data under two names count twice"


def test_the_last_copy_is_not_lost(tmp_path: Path) -> None:
    """Of three copies, the first rejected for another reason, the second stays."""
    paths = {n: {"z": write(tmp_path / f"{n}.nii", noise())} for n in "abc"}
    table, _ = checked(paths, sizes={"a": [1], "b": [20], "c": [20]})
    assert table["level"].tolist() == ["reject", "warn", "reject"]
    assert table["reason"][1].endswith("as a-1, r = 1.00000")
    assert table["reason"][2].endswith("as b-1, r = 1.00000")


def test_reverse_contrast(tmp_path: Path) -> None:
    """The same data with the opposite sign."""
    paths = {
        "a/left": {"t": write(tmp_path / "a.nii", noise())},
        "a/right": {"t": write(tmp_path / "b.nii", -noise())},
    }
    table, _ = checked(paths, sizes={"a/left": [20], "a/right": [20]})
    assert table["reason"][1] == (
        "it has the same values with the opposite sign as a-left, r = -1.00000"
    )
    assert table["correlation"].tolist() == [-1, -1]


@pytest.mark.parametrize("kind", ["varcope", "se"])
def test_variances_of_one_model_are_multiples_of_each_other(tmp_path: Path, kind: str) -> None:
    """SPM and FSL's OLS have one residual variance for all contrasts of a study."""
    residual = np.abs(noise()) + 1
    paths = {
        name: {
            "beta": write(tmp_path / f"{number}_beta.nii", noise(number)),
            kind: write(tmp_path / f"{number}_{kind}.nii", residual / number),
        }
        for number, name in enumerate(("a/heat", "a/touch", "b/heat"), 1)
    }
    table, _ = checked(paths, sizes={name: [20] for name in paths})
    verdicts = table.set_index(["id", "kind"])["level"]
    assert verdicts["a-touch", kind] == "accept"
    assert verdicts["b-heat", kind] == "reject"  # Another study has residuals of its own.
    assert (verdicts.xs("beta", level="kind") == "accept").all()


def test_nearly_the_same_image(tmp_path: Path) -> None:
    """Values that differ by little are pointed out, and accepted."""
    paths = {
        "a": {"z": write(tmp_path / "a.nii", noise())},
        "b": {"z": write(tmp_path / "b.nii", noise() + 0.1 * noise(1))},
    }
    table, _ = checked(paths)
    assert table["level"].tolist() == ["accept", "warn"]
    assert table["reason"][1].startswith("it has nearly the same values as a-1, r = 0.99")


def test_two_kinds_of_one_contrast_are_no_twins(tmp_path: Path) -> None:
    """t and effect of a contrast are alike by nature."""
    path = write(tmp_path / "a.nii", noise())
    table, _ = checked({"a": {"t": path, "beta": path}})
    assert table["level"].tolist() == ["accept", "accept"]


def test_correlation_is_that_of_common_voxels(tmp_path: Path) -> None:
    """Correlation over the voxels that both have, against numpy."""
    a, b = noise(0), (noise(0) + noise(1)) * 1000
    a[2], b[:, 3] = np.nan, 0
    paths = {
        "a": {"z": write(tmp_path / "a.nii", a)},
        "b": {"z": write(tmp_path / "b.nii", b / 1e3)},
    }
    table, _ = checked(paths)
    both = small_mask().inside & np.isfinite(a) & (b != 0)
    expected = np.corrcoef(a[both], b[both])[0, 1]
    np.testing.assert_allclose(table["correlation"], [expected, expected], rtol=1e-6)


def test_standard_errors_that_are_variances(tmp_path: Path) -> None:
    """t that is not the effect over its error tells which of the two the image holds."""
    se = np.abs(noise(1)) + 0.3
    beta = noise(2)
    files = {
        "t": write(tmp_path / "t.nii", beta / se),
        "beta": write(tmp_path / "b.nii", beta),
        "se": write(tmp_path / "se.nii", se**2),
    }
    table, problems = checked({"a": files})
    assert table.set_index("kind")["level"].to_dict() == {
        "t": "accept", "beta": "accept", "se": "warn",
    }  # fmt: skip
    assert problems[0].suggestion == "these are variances, not standard errors"
    write(tmp_path / "se.nii", se)
    assert checked({"a": files})[1] == []


@pytest.mark.parametrize(
    ("sizes", "metadata"),
    [({"a": [1]}, {}), ({"a": [20]}, {"a": {"analysis_level": "single-subject"}})],
)
def test_single_subject(tmp_path: Path, sizes: Any, metadata: Any) -> None:
    """A map of one person is rejected."""
    found = only(tmp_path, noise(), sizes=sizes, metadata=metadata)
    assert found == ("reject", "it is the map of a single person")


def test_missing_sample_size(tmp_path: Path) -> None:
    """Rejected only where it is needed."""
    assert only(tmp_path, noise(), sizes={})[0] == "accept"
    found = only(tmp_path, noise(), sizes={}, needs_sample_size=True)
    assert found == ("reject", "the number of participants is missing")


def test_policies(tmp_path: Path) -> None:
    """One error with every rejected image, or a stack without them."""
    paths = {
        "a": {"z": write(tmp_path / "a.nii", noise()), "se": write(tmp_path / "s.nii", noise(4))},
        "b": {"z": write(tmp_path / "b.nii", np.zeros(SHAPE))},
        "c": {"z": tmp_path / "none.nii"},
    }
    dataset = dataset_of(paths)
    loaded = examine_images(dataset)
    table, problems = check_images(loaded, dataset)
    with pytest.raises(DataError, match="3 images of 4 cannot be used") as caught:
        accepted_images(loaded.stack, table, problems)
    assert len(caught.value.problems) == 3
    left = accepted_images(loaded.stack, table, problems, "exclude")
    assert left.ids == ("a-1",)
    assert (left.has("z").tolist(), left.has("se").tolist()) == ([True], [False])
    with pytest.raises(UsageError, match="accepted are: error, exclude"):
        accepted_images(loaded.stack, table, problems, "ignore")


def test_few_negative_variances_are_left_out(tmp_path: Path) -> None:
    """Of an image that is accepted, they are missing in what is analysed."""
    values = np.abs(noise()) + 0.1
    values[1, 1, 1] = -1
    dataset = dataset_of({"a": {"varcope": write(tmp_path / "a.nii", values)}})
    loaded = examine_images(dataset)
    left = accepted_images(loaded.stack, *check_images(loaded, dataset))
    assert np.flatnonzero(np.isnan(left.values["varcope"])).tolist() == [0]


def test_order_of_studies_does_not_matter(tmp_path: Path) -> None:
    """Numbers of an image are the same whatever stands before it."""
    paths = {
        name: {"z": write(tmp_path / f"{name}.nii", noise(i))} for i, name in enumerate("abc")
    }
    one, _ = checked(paths)
    two, _ = checked(dict(reversed(paths.items())))
    pd.testing.assert_frame_equal(
        one.sort_values("id", ignore_index=True), two.sort_values("id", ignore_index=True)
    )


def test_smooth_noise_is_never_accused(tmp_path: Path) -> None:
    """Twenty smooth maps of noise, with their errors, pass every check."""
    paths = {}
    for i in range(20):
        z = gaussian_filter(noise(i, BIG), 2)
        z = (z / z.std()).astype(np.float32)
        se = np.exp(gaussian_filter(noise(100 + i, BIG), 2))
        paths[f"s{i}"] = {
            "z": write(tmp_path / f"z{i}.nii", z), "se": write(tmp_path / f"s{i}.nii", se)
        }  # fmt: skip
    table, _ = checked(paths, mask=big_mask())
    assert table["reason"].tolist() == [""] * 40


def test_real_pain_images_are_accepted(shared_data: Path) -> None:
    """103 images of the 21 pain studies: none is accused."""
    folder = shared_data / "nimare_json"
    mask = BrainMask.from_image(folder / "test_pain_dataset" / "mask.nii.gz")
    dataset = Dataset(folder / "test_pain_dataset.json", mask=mask)
    dataset.update_path(folder / "test_pain_dataset")
    table, problems = check_images(examine_images(dataset), dataset, needs_sample_size=True)
    assert (len(table), problems) == (103, [])


def test_real_group_maps_are_accepted(shared_data: Path) -> None:
    """Pseudo-studies of five people, and connectivity maps with t up to 148: none is accused."""
    ibma = shared_data / "ibma"
    images: dict[str, dict[str, Path]] = {}
    sizes = {}
    for path in sorted((ibma / "wager2008_pseudostudies").glob("*.nii.gz")):
        study, _, kind = path.name.removesuffix(".nii.gz").rpartition("_")
        images.setdefault(study, {})[kind] = path
        sizes[study] = [5]
    for path in sorted((ibma / "rsfc" / "grammatical").glob("*.nii.gz")):
        study, _, kind = path.name.removesuffix(".nii.gz").rpartition("_")
        images.setdefault(study, {})[kind] = path
        sizes[study] = [150]
    dataset = dataset_of(images, sizes=sizes, mask=Dataset({}).mask)
    table, _ = check_images(examine_images(dataset, n_threads=2), dataset)
    assert len(table) == 26
    assert table["reason"].tolist() == [""] * 26
