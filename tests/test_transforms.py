"""Images made from images: the right way, the right numbers, and nothing where nothing is."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

from nimare_pipeline import transforms
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import DataError, OutputError, UsageError
from nimare_pipeline.images import KINDS, ImageStack, load_images
from nimare_pipeline.transform_rules import SAMPLE_SIZE, People, lacking, people_of
from nimare_pipeline.transforms import (
    ImageTransformer,
    resolve_transforms,
    threshold_image,
    transform_problems,
    transform_stack,
)
from tests.image_sets import dataset_of, noise, small_mask, write

N = 20
T = np.array([3.0, -1.5, 0.25, 8.0])
SE = np.array([0.5, 0.25, 2.0, 1.5])
D = T / N**0.5
J = 1 - 3 / (4 * 19 - 1)
# One study whose images all say the same.
TRUTH: dict[str, np.ndarray] = {
    "t": T,
    "z": np.sign(T) * stats.norm.isf(stats.t.sf(np.abs(T), N - 1)),
    "p": 2 * stats.t.sf(np.abs(T), N - 1),
    "beta": T * SE,
    "se": SE,
    "varcope": SE**2,
    "sd": SE * N**0.5,
    "d": D,
    "g": J * D,
    "g_var": 19 / 17 * (1 + N * D**2) / N * J**2 - D**2,
}
PEOPLE = {"a": People(N, N - 1)}


def stack_of(**images: Any) -> ImageStack:
    """One contrast with some images."""
    return ImageStack(("a",), {kind: np.float32([row]) for kind, row in images.items()})


def ways(target: str, available: list[str]) -> list[str] | None:
    steps = resolve_transforms(target, available)
    return None if steps is None else [f"{one.target}<-{'+'.join(one.sources)}" for one in steps]


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize(
    "given",
    [("t", "se"), ("z", "beta"), ("beta", "varcope"), ("d", "sd"), ("g", "se"), ("beta", "sd")],
)
def test_every_image_follows_from_two(target: str, given: tuple[str, str]) -> None:
    """A statistic and a measure of spread, or the effect, give all the others."""
    stack = stack_of(**{kind: TRUTH[kind] for kind in given})
    made = transform_stack(stack, target, PEOPLE)
    np.testing.assert_allclose(made.values[target][0], TRUTH[target], rtol=3e-6)


@pytest.mark.parametrize("given", ["t", "z", "d", "g"])
@pytest.mark.parametrize("target", ["t", "z", "p", "d", "g", "g_var"])
def test_statistics_follow_from_one(target: str, given: str) -> None:
    """z, t, d and g give each other, p and the variance of g."""
    made = transform_stack(stack_of(**{given: TRUTH[given]}), target, PEOPLE)
    np.testing.assert_allclose(made.values[target][0], TRUTH[target], rtol=3e-6)


@pytest.mark.parametrize("given", ["se", "varcope", "sd"])
@pytest.mark.parametrize("target", ["se", "varcope", "sd"])
def test_errors_follow_from_one(target: str, given: str) -> None:
    """Standard errors, variances and, with N, standard deviations give each other."""
    made = transform_stack(stack_of(**{given: TRUTH[given]}), target, PEOPLE)
    np.testing.assert_allclose(made.values[target][0], TRUTH[target], rtol=3e-6)


def test_sd_and_sample_size_give_varcope() -> None:
    """The variance of the mean is sd^2 / N."""
    made = transform_stack(stack_of(sd=[2.0, 4]), "varcope", {"a": People(16, 15)})
    np.testing.assert_array_equal(made.values["varcope"], [[0.25, 1]])


@pytest.mark.parametrize("sign", ["t", "beta", "d", "g"])
def test_p_takes_its_sign_from_another_image(sign: str) -> None:
    """z of p is negative where the t, effect, d or g is; no sample size is needed."""
    made = transform_stack(stack_of(p=TRUTH["p"], **{sign: TRUTH[sign]}), "z", {})
    np.testing.assert_allclose(made.values["z"][0], TRUTH["z"], rtol=3e-6)


def test_p_alone_gives_z_without_sign_and_says_so() -> None:
    """z from p alone is positive everywhere, with a warning."""
    stack = stack_of(p=TRUTH["p"])
    made = transform_stack(stack, "z", PEOPLE)
    np.testing.assert_allclose(made.values["z"][0], np.abs(TRUTH["z"]), rtol=3e-6)
    (problem,) = transform_problems(stack, "z", PEOPLE)
    assert problem.message.startswith("computed from p alone, every z is positive")
    assert problem.kind == "unsigned"


@pytest.mark.parametrize("target", ["t", "d", "g", "beta", "varcope"])
def test_p_alone_gives_nothing_else(target: str) -> None:
    """Without a direction there is no t, and nothing that follows from it."""
    made = transform_stack(stack_of(p=TRUTH["p"], se=SE), target, PEOPLE)
    assert made.has(target).tolist() == [target == "varcope"]


def test_p_image_with_a_background_of_zeros_gives_no_z_there(tmp_path: Path) -> None:
    """The 0 outside the brain is no p of 0: z is missing there, not 38."""
    p = np.full(small_mask().shape, 0.04, dtype=np.float32)
    p[:4] = 0
    dataset = dataset_of({"a": {"p": write(tmp_path / "p.nii", p)}})
    made = transform_stack(load_images(dataset)[0], "z", {})
    volume = small_mask().volume(made.values["z"][0])
    assert np.isnan(volume[1:4, 1:-1, 1:-1]).all()
    np.testing.assert_allclose(volume[4:-1, 1:-1, 1:-1], 2.0537489, rtol=1e-6)


def test_t_of_zero_gives_no_variance() -> None:
    """(beta / t)^2 is missing where t or beta is 0 or their signs differ, never infinite."""
    stack = stack_of(t=[np.nan, 2, 2, -2], beta=[1, np.nan, 1, 1])
    made = transform_stack(stack, "varcope", PEOPLE)
    np.testing.assert_array_equal(made.values["varcope"], [[np.nan, np.nan, 0.25, np.nan]])


def test_missing_voxels_stay_missing() -> None:
    """A voxel without a source, or with an error that is none, has no result."""
    stack = stack_of(beta=[1, np.nan, 1, 1], varcope=[4, 4, np.nan, -4])
    made = transform_stack(stack, ["t", "z"], PEOPLE)
    np.testing.assert_array_equal(made.values["t"], [[0.5, np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(np.isnan(made.values["z"]), [[False, True, True, True]])


def test_far_tail() -> None:
    """t of 135 with 149 degrees of freedom gives z (by mpmath), and z gives t again."""
    made = transform_stack(stack_of(t=[135, -135]), "z", {"a": People(150, 149)})
    np.testing.assert_allclose(made.values["z"], [[26.7548154, -26.7548154]], rtol=1e-6)
    again = transform_stack(stack_of(z=made.values["z"][0]), "t", {"a": People(150, 149)})
    np.testing.assert_allclose(again.values["t"], [[135, -135]], rtol=1e-5)


def test_p_too_small_for_a_float_is_not_zero() -> None:
    """0 would be no value: the smallest p that an image can hold stands in its place."""
    made = transform_stack(stack_of(z=[20.0, 38, 5]), "p", {})
    np.testing.assert_allclose(made.values["p"][0, :2], np.finfo(np.float32).tiny)


def test_a_result_of_zero_is_missing() -> None:
    """0 cannot be told from the background: z of p = 1 is missing, as it is when it is read."""
    made = transform_stack(stack_of(p=[1, 0.5]), "z", {})
    np.testing.assert_array_equal(np.isnan(made.values["z"]), [[True, False]])


def test_images_that_are_there_are_kept() -> None:
    """Only what is missing is computed, unless overwriting is asked for."""
    stack = ImageStack(("a", "b"), {"t": np.float32([[2], [2]]), "z": np.float32([[9], [np.nan]])})
    people = {"a": People(N, 19), "b": People(N, 19)}
    kept = transform_stack(stack, "z", people)
    assert kept.values["z"][0, 0] == 9
    assert kept.made == {"z": ("b",)}
    again = transform_stack(stack, "z", people, overwrite=True)
    assert again.values["z"][0, 0] == again.values["z"][1, 0] == kept.values["z"][1, 0]
    assert again.made == {"z": ("a", "b")}
    assert stack.values["z"][0, 0] == 9


def test_overwriting_does_not_touch_what_follows_from_nothing() -> None:
    """An image that no others lead to stays as it is."""
    made = transform_stack(stack_of(z=[2.0]), "z", PEOPLE, overwrite=True)
    assert made.values["z"][0, 0] == 2
    assert made.made == {"z": ()}


def test_without_sample_size() -> None:
    """What needs N is not computed, and said; what does not is."""
    stack = stack_of(beta=TRUTH["beta"], se=SE)
    made = transform_stack(stack, ["t", "z"], {})
    assert made.has("t").all()
    assert not made.has("z").any()
    (problem,) = transform_problems(stack, ["t", "z"], {})
    assert problem.message == ("it is not there, and cannot be computed without its sample size")
    assert problem.where == "contrast a, z image"


def test_threads_change_nothing() -> None:
    """One thread or three give the same bits."""
    rng = np.random.default_rng(0)
    t = rng.standard_normal((5, 50)).astype(np.float32)
    stack = ImageStack(tuple("abcde"), {"t": t})
    people = {name: People(10 + i, 9 + i) for i, name in enumerate("abcde")}
    one, three = (transform_stack(stack, "g", people, n_threads=n).values["g"] for n in (1, 3))
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize(
    ("target", "available", "expected"),
    [
        ("z", ["z"], []),
        ("z", ["t", SAMPLE_SIZE], ["z<-t"]),
        ("z", ["t"], None),
        ("z", ["p", "t", SAMPLE_SIZE], ["z<-t"]),
        ("z", ["p", "t"], ["z<-p+t"]),
        ("z", ["p", "beta", "se", SAMPLE_SIZE], ["varcope<-se", "t<-beta+varcope", "z<-t"]),
        ("varcope", ["se", "t", "beta"], ["varcope<-se"]),
        ("beta", ["z", "se", SAMPLE_SIZE], ["t<-z", "varcope<-se", "beta<-t+varcope"]),
        ("g_var", ["z", SAMPLE_SIZE], ["t<-z", "d<-t", "g_var<-d"]),
        ("varcope", ["beta"], None),
        ("t", ["p", SAMPLE_SIZE], None),
    ],
)
def test_ways(target: str, available: list[str], expected: list[str] | None) -> None:
    """The shortest way; from t rather than from p, which is 0 where z is large."""
    assert ways(target, available) == expected


def test_what_is_lacking() -> None:
    """One more thing that would do, in words."""
    assert lacking("z", ["t"]) == "its sample size"
    assert lacking("varcope", ["beta", SAMPLE_SIZE]) == (
        "a t image or a z image or a varcope image or a se image"
    )


def test_people_of_groups() -> None:
    """N is that of all groups, less one degree of freedom each; a dof in the metadata wins."""
    dataset = dataset_of(
        {"one": {}, "two": {}, "given": {}, "none": {}, "difference": {}},
        sizes={"one": [20], "two": [12, 15], "given": [20], "difference": [12, 15]},
        metadata={"given": {"dof": 17.5}, "difference": {"design": "two-sample"}},
    )
    found = {name.removesuffix("-1"): one for name, one in people_of(dataset).items()}
    assert found["one"] == People(20, 19)
    assert found["two"] == People(27, 25)
    assert found["given"] == People(20, 17.5)
    assert found["difference"] == People(pytest.approx(12 * 15 / 27), 25)
    assert np.isnan(found["none"].n)


def transformed(tmp_path: Path, **options: Any) -> tuple[Any, Any]:
    """Two studies with t images, one of them with z too; and with the z of both."""
    paths = {
        "a": {"t": write(tmp_path / "a_t.nii.gz", noise(1))},
        "b": {
            "t": write(tmp_path / "b_t.nii.gz", noise(2)),
            "z": write(tmp_path / "b_z.nii.gz", noise(3)),
        },
    }
    dataset = dataset_of(paths, sizes={"a": [20], "b": [30]})
    return dataset, ImageTransformer("z", **options).transform(dataset)


def test_transformer_writes_beside_the_images(tmp_path: Path) -> None:
    """The missing z is a file in the layout's style; the one that is there stays."""
    dataset, found = transformed(tmp_path)
    a, b = found.images["z"]
    name = "study-a_contrast-1_space-MNI152NLin6Asym_stat-z_statmap.nii.gz"
    assert (Path(a), b) == (tmp_path / name, dataset.images["z"][1])
    image = nib.load(a)
    inside = small_mask().inside
    expected = stats.norm.isf(stats.t.sf(np.abs(noise(1)[inside]), 19)) * np.sign(noise(1)[inside])
    np.testing.assert_allclose(image.get_fdata()[inside], expected, rtol=1e-5, atol=1e-7)
    assert np.isnan(image.get_fdata()[~inside]).all()
    assert image.get_data_dtype() == np.float32
    assert dataset.images["z"].isna().tolist() == [True, False]


def test_transformer_writes_where_it_is_told(tmp_path: Path) -> None:
    """``out_dir`` is made, and holds the files."""
    _, found = transformed(tmp_path, out_dir=tmp_path / "new" / "maps")
    assert Path(found.images["z"][0]).parent == tmp_path / "new" / "maps"


def test_transformer_again_is_no_error(tmp_path: Path) -> None:
    """A second run finds the same file and leaves it; other values are not overwritten."""
    _, found = transformed(tmp_path)
    path = Path(found.images["z"][0])
    body = path.read_bytes()
    assert body[4:8] == bytes(4), "no time in the gzip header: the same bytes every time"
    transformed(tmp_path)
    assert path.read_bytes() == body
    write(path, noise(9))
    with pytest.raises(OutputError, match="is there with other values; overwrite=True replaces"):
        transformed(tmp_path)
    transformed(tmp_path, overwrite=True)
    assert path.read_bytes() == body


def test_transformer_overwrites_in_the_dataset(tmp_path: Path) -> None:
    """With overwrite both z images are computed; the original file stays on disk."""
    dataset, found = transformed(tmp_path, overwrite=True)
    assert "stat-z" in found.images["z"][1]
    np.testing.assert_array_equal(nib.load(dataset.images["z"][1]).get_fdata(), noise(3))


def test_transformer_after_update_path(tmp_path: Path) -> None:
    """A relative path of an image that was computed anew is not taken for it again."""
    write(tmp_path / "t.nii", noise(1))
    write(tmp_path / "z.nii", noise(2))
    dataset = dataset_of({"a": {"t": "t.nii", "z": "z.nii"}}, sizes={"a": [20]})
    dataset.update_path(tmp_path)
    found = ImageTransformer("z", overwrite=True).transform(dataset)
    path = found.images["z"][0]
    found.update_path(tmp_path)
    assert found.images["z"][0] == path
    assert dataset.images["z__relative"][0] == "z.nii"


def test_files_of_contrasts_that_look_alike(tmp_path: Path) -> None:
    """Ids that differ only in signs have files of their own."""
    t = write(tmp_path / "t.nii", noise(1))
    dataset = dataset_of(
        {"a.b": {"t": t}, "a-b": {"t": t}, "A B": {"t": t}},
        sizes={key: [20] for key in ("a.b", "a-b", "A B")},
    )
    found = ImageTransformer("z", out_dir=tmp_path).transform(dataset)
    assert len(set(found.images["z"])) == 3


def test_transformer_lists_images_that_cannot_be_read(tmp_path: Path) -> None:
    """One error with all of them."""
    dataset = dataset_of({"a": {"t": tmp_path / "no.nii"}, "b": {"t": tmp_path / "none.nii"}})
    with pytest.raises(DataError, match="images cannot be transformed") as caught:
        ImageTransformer("z").transform(dataset)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("target", "given"), [("t", ("beta", "se")), ("z", ("t",)), ("se", ("t", "beta"))]
)
def test_real_study_that_gives_all(shared_data: Path, target: str, given: tuple[str, ...]) -> None:
    """Effect, error, t and z of five people, computed by others, follow from each other."""
    stem = shared_data / "ibma" / "wager2008_pseudostudies" / "study-06_"
    files = {kind: f"{stem}{kind}.nii.gz" for kind in ("beta", "se", "t", "z")}
    mask = BrainMask.from_image(files["t"])
    stack, _ = load_images(dataset_of({"a": files}, sizes={"a": [5]}, mask=mask))
    some = ImageStack(stack.ids, {kind: stack.values[kind] for kind in given})
    found = transform_stack(some, target, {"a-1": People(5, 4)}).values[target]
    assert found.shape[1] > 70_000
    np.testing.assert_allclose(found, stack.values[target], rtol=2e-5)


@pytest.mark.parametrize("target", ["zz", ["z", "con"], []])
def test_unknown_target(target: Any) -> None:
    """Unknown kinds are an error that lists the known ones."""
    with pytest.raises(
        UsageError, match="accepted are: z, t, p, beta, varcope, se, sd, d, g, g_var"
    ):
        ImageTransformer(target)


@pytest.mark.parametrize(
    ("tail", "expected"),
    [("upper", [7, 7, 2, 3]), ("lower", [-3, -2, 7, 7]), ("two-sided", [-3, -2, 2, 3])],
)
def test_threshold_image(tail: Any, expected: list[float]) -> None:
    """Values at the threshold stay; what is beyond it depends on the tail."""
    threshold = -2 if tail == "lower" else 2
    found = threshold_image(np.array([-3, -2, 2, 3]), threshold, tail=tail, fill_value=7)
    np.testing.assert_array_equal(found, expected)


def test_threshold_by_another_image() -> None:
    """One image is kept where another reaches the threshold."""
    found = threshold_image(np.array([5.0, 6]), 0.5, np.array([0.4, 0.5]))
    np.testing.assert_array_equal(found, [0, 6])
    with pytest.raises(UsageError, match="tail is one of upper, lower, two-sided"):
        threshold_image(np.ones(2), 1, tail="both")  # type: ignore[arg-type]


def test_functions_of_the_field() -> None:
    """Every function that the field knows, by its name, with its published value."""
    assert transforms.sample_sizes_to_dof([12, 15]) == 25
    assert transforms.sample_sizes_to_sample_size([12, 15]) == 27
    assert transforms.sd_to_varcope(2, 16) == 0.25
    assert transforms.se_to_varcope(0.5) == 0.25
    assert transforms.samplevar_dataset_to_varcope(4, 16) == 0.25
    assert transforms.t_and_varcope_to_beta(3, 0.25) == 1.5
    assert transforms.t_and_beta_to_varcope(3, 1.5) == 0.25
    assert transforms.z_to_p(1.959964) == pytest.approx(0.05, rel=1e-6)
    assert transforms.z_to_p(1.644854, tail="one") == pytest.approx(0.05, rel=1e-6)
    np.testing.assert_allclose(transforms.p_to_z([0.05, 0.9], tail="one"), [1.6448536, 0])
    assert transforms.nlogp_to_z(transforms.z_to_nlogp(40)) == pytest.approx(40)
    assert transforms.t_to_nlogp(3, 19) == pytest.approx(np.log(2 * stats.t.sf(3, 19)))
    assert transforms.z_to_t(transforms.t_to_z(3, 19), 19) == pytest.approx(3)
    assert transforms.chi2_to_nlogp(3.841459) == pytest.approx(np.log(0.05), rel=1e-6)
    assert transforms.t_to_d(3, [20]) == pytest.approx(D[0])
    assert transforms.d_to_g(D[0], 20) == pytest.approx(TRUTH["g"][0])
    assert transforms.d_to_g_variance(D[0], 20) == pytest.approx(TRUTH["g_var"][0])
    with pytest.raises(UsageError, match="unknown tail 'both'; accepted are: one, two"):
        transforms.z_to_p(1, tail="both")


def test_parameters() -> None:
    """Both transformers show their parameters, as estimators do."""
    transformer = ImageTransformer(["z"], out_dir="maps")
    assert transformer.get_params() == {
        "target": ["z"], "overwrite": False, "out_dir": "maps", "n_threads": 1,
    }  # fmt: skip
    assert repr(transforms.ImagesToCoordinates("replace")).startswith(
        "ImagesToCoordinates(merge_strategy='replace', "
    )
