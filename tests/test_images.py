"""Images in memory: read once, onto the mask; saved and selected."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline import images
from nimare_pipeline.errors import DataError, NoInputError
from nimare_pipeline.images import ImageStack, examine_images, load_images
from tests.image_sets import AFFINE, SHAPE, dataset_of, noise, small_mask, write


def stack() -> ImageStack:
    """Three contrasts, the second without z, the third without beta."""
    z, beta = np.ones((3, 4), np.float32), np.full((3, 4), 2, np.float32)
    z[1], beta[2], z[0, 0] = np.nan, np.nan, np.nan
    return ImageStack(("a", "b", "c"), {"z": z, "beta": beta}, {"z": ("a", "c")})


def test_values_are_those_of_the_file(tmp_path: Path) -> None:
    """Rows are contrasts in the dataset's order, columns voxels of the mask in C order."""
    paths = {
        name: {"z": write(tmp_path / f"{name}.nii.gz", noise(i))} for i, name in enumerate("ba")
    }
    loaded, problems = load_images(dataset_of(paths))
    assert problems == []
    assert loaded.ids == ("b-1", "a-1")
    inside = small_mask().inside
    np.testing.assert_array_equal(loaded.values["z"], [noise(0)[inside], noise(1)[inside]])


def test_zero_and_not_finite_are_missing(tmp_path: Path) -> None:
    """Exactly 0, NaN and infinity are no data; -0 neither, nor what float32 makes 0."""
    values = noise().astype(np.float64)
    odd = [0, -0.0, np.nan, np.inf, -np.inf, 1e300, 1e-300]
    values[1, 1, 1:8] = odd
    loaded, _ = load_images(dataset_of({"a": {"p": write(tmp_path / "a.nii", values)}}))
    np.testing.assert_array_equal(np.isnan(loaded.values["p"][0, :8]), [True] * 7 + [False])


def test_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that two contrasts name is read for both."""
    read, seen = images.read_volume, []

    def counted(path: Path, where: str):
        seen.append(path)
        return read(path, where)

    monkeypatch.setattr(images, "read_volume", counted)
    path = write(tmp_path / "a.nii", noise())
    loaded, _ = load_images(dataset_of({"a": {"z": path}, "b": {"z": path, "t": path}}))
    assert seen == [path]
    np.testing.assert_array_equal(loaded.has("z"), [True, True])
    np.testing.assert_array_equal(loaded.has("t"), [False, True])


def test_threads_change_nothing(tmp_path: Path) -> None:
    """One thread or two, the stack is the same."""
    paths = {f"s{i}": {"z": write(tmp_path / f"{i}.nii.gz", noise(i))} for i in range(5)}
    one, two = (load_images(dataset_of(paths), n_threads=n)[0] for n in (1, 2))
    np.testing.assert_array_equal(one.values["z"], two.values["z"])


def test_kinds_asked_for(tmp_path: Path) -> None:
    """Only kinds asked for are read, and contrasts without any of them are left out."""
    path = write(tmp_path / "a.nii", noise())
    dataset = dataset_of({"a": {"z": path}, "b": {"t": path}, "c": {}})
    loaded, _ = load_images(dataset, ["t"])
    assert (loaded.ids, loaded.kinds) == (("b-1",), ("t",))
    assert load_images(dataset)[0].ids == ("a-1", "b-1")


def test_unknown_kinds_are_said(tmp_path: Path) -> None:
    """Images of a name that nobody knows are not read, and not in silence."""
    path = write(tmp_path / "a.nii", noise())
    dataset = dataset_of({"a": {"z": path, "cope": path, "mask": path}, "b": {"cope": path}})
    loaded, (problem,) = load_images(dataset)
    assert loaded.kinds == ("z",)
    assert problem.message == "images called 'cope', of 2 contrasts, are not used"
    assert load_images(dataset, ["z"])[1] == []


def test_relative_paths(tmp_path: Path) -> None:
    """Relative paths count from the folder of update_path; without it they are one problem."""
    write(tmp_path / "a.nii", noise())
    dataset = dataset_of({"a": {"z": "a.nii"}})
    loaded, (problem,) = load_images(dataset)
    assert problem.message == "a relative path, and no folder it counts from"
    assert problem.suggestion == "name the folder with Dataset.update_path"
    assert not loaded.has("z").any()
    dataset.update_path(tmp_path)
    assert load_images(dataset)[0].has("z").all()


def test_address(tmp_path: Path) -> None:
    """An address is not downloaded."""
    _, (problem,) = load_images(dataset_of({"a": {"z": "https://example.org/a.nii.gz"}}))
    assert problem.message == "an address, not a file"


def test_all_broken_files_are_listed(tmp_path: Path) -> None:
    """One problem each, with study, contrast and kind; the others are read all the same."""
    (tmp_path / "b.nii.gz").write_bytes(b"no")
    paths = {
        "a": {"z": write(tmp_path / "a.nii.gz", noise())},
        "b/pain": {"z": tmp_path / "b.nii.gz"},
        "c": {"t": tmp_path / "none.nii.gz"},
    }
    loaded, problems = load_images(dataset_of(paths))
    assert [problem.level for problem in problems] == ["error", "error"]
    assert [problem.where for problem in problems] == [
        "study b, contrast pain, z image",
        "study c, contrast 1, t image",
    ]
    assert loaded.has("z").tolist() == [True, False, False]


def test_flipped_axes_move_voxels_and_change_none(tmp_path: Path) -> None:
    """An image whose x runs the other way is not interpolated."""
    affine = AFFINE.copy()
    affine[0] = [-2, 0, 0, -10 + 2 * (SHAPE[0] - 1)]
    path = write(tmp_path / "a.nii", noise()[::-1], affine)
    found = examine_images(dataset_of({"a": {"z": path}}))
    np.testing.assert_array_equal(found.stack.values["z"][0], noise()[small_mask().inside])
    assert found.problems == ()
    assert (found.facts[0].grid, found.facts[0].orientation) == ("same", "LAS")


def test_part_of_the_grid_leaves_the_rest_missing(tmp_path: Path) -> None:
    """An image that covers half of the mask gives NaN elsewhere, and says how much."""
    path = write(tmp_path / "a.nii", noise()[:4])
    found = examine_images(dataset_of({"a": {"z": path}}))
    volume = small_mask().volume(found.stack.values["z"][0])
    np.testing.assert_array_equal(volume[1:4, 1:-1, 1:-1], noise()[1:4, 1:-1, 1:-1])
    assert np.isnan(volume[4:-1, 1:-1, 1:-1]).all()
    assert (found.facts[0].n_outside, found.facts[0].n_valid) == (3 * 7 * 8, 3 * 7 * 8)


def plane(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """x + 2 y - z + 100, which linear interpolation gives exactly."""
    xyz = nib.affines.apply_affine(affine, np.indices(shape).reshape(3, -1).T)
    return (xyz @ [1.0, 2, -1] + 100).reshape(shape)


def test_other_grid_is_resampled_linearly(tmp_path: Path) -> None:
    """A plane on voxels of 1.7 mm is the same plane on the mask's; and that is said."""
    affine = np.diag([1.7, 1.7, 1.7, 1])
    affine[:3, 3] = AFFINE[:3, 3] - 3
    path = write(tmp_path / "a.nii", plane(affine, (14, 16, 17)), affine)
    loaded, (problem,) = load_images(dataset_of({"a": {"beta": path}}))
    expected = plane(AFFINE, SHAPE)[small_mask().inside]
    np.testing.assert_allclose(loaded.values["beta"][0], expected, rtol=1e-6)
    assert (problem.level, problem.kind) == ("warning", "resampled")
    assert problem.message == (
        "it lies on another grid than the mask (14x16x17 voxels of 1.7x1.7x1.7 mm, RAS) and was "
        "resampled (linear)"
    )
    assert problem.where == "study a, contrast 1, beta image"


def test_resampled_images_of_one_grid_are_said_once(tmp_path: Path) -> None:
    """Else two hundred lines would hide what else is odd in the data."""
    coarse, fine = (np.diag([size, size, size, 1.0]) for size in (4, 3))
    images = {
        "a": {"z": write(tmp_path / "a.nii", noise(), coarse)},
        "b": {"z": write(tmp_path / "b.nii", noise(1), fine)},
        "c": {"z": write(tmp_path / "c.nii", noise(2), coarse)},
    }
    _, problems = load_images(dataset_of(images))
    assert [(one.file, one.where, one.message.split(" on another")[0]) for one in problems] == [
        (str(tmp_path / "a.nii"), "study a, contrast 1, z image and 1 more", "they lie"),
        (str(tmp_path / "b.nii"), "study b, contrast 1, z image", "it lies"),
    ]


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(-1.5, [np.nan, 3, 3, 3, 3, 3]), (-0.5, [np.nan, np.nan, 3, 3, 3, 3])],
)
def test_resampling_does_not_fade_to_the_background(
    tmp_path: Path, shift: float, expected: list[float]
) -> None:
    """Beside the 0 outside the brain a constant stays what it is, and ends at half a voxel."""
    values = np.full((12, 12, 12), 3.0)
    values[:3] = 0
    affine = AFFINE.copy()
    affine[:3, 3] += (shift, 0.5, 0.5)  # places of the mask lie 3/4 or 1/4 of a voxel on
    path = write(tmp_path / "a.nii", values, affine)
    loaded, _ = load_images(dataset_of({"a": {"z": path}}))
    volume = small_mask().volume(loaded.values["z"][0])[:, 4, 4]
    np.testing.assert_array_equal(volume[1:-1], expected)


def test_resampling_stays_in_range(tmp_path: Path) -> None:
    """Interpolated values never leave the range of the image."""
    affine = np.diag([3.3, 3.1, 2.9, 1])
    affine[:3, 3] = AFFINE[:3, 3] - 1
    path = write(tmp_path / "a.nii", noise(shape=(9, 9, 9)), affine)
    loaded, _ = load_images(dataset_of({"a": {"z": path}}))
    there = loaded.values["z"][np.isfinite(loaded.values["z"])]
    assert (
        noise(shape=(9, 9, 9)).min() <= there.min() < there.max() <= noise(shape=(9, 9, 9)).max()
    )


def test_labels_take_the_nearest_voxel(tmp_path: Path) -> None:
    """An image of a few whole numbers is not averaged."""
    affine = AFFINE.copy()
    affine[0, 3] += 0.7
    values = np.random.default_rng(1).integers(1, 5, SHAPE).astype(np.int16)
    loaded, (problem,) = load_images(
        dataset_of({"a": {"z": write(tmp_path / "a.nii", values, affine)}})
    )
    volume = small_mask().volume(loaded.values["z"][0])
    np.testing.assert_array_equal(volume[small_mask().inside], values[small_mask().inside])
    assert "nearest voxel, as its values are labels" in problem.message


def test_facts(tmp_path: Path) -> None:
    """What is told of an image: its grid, and what it holds in the mask."""
    values = noise().astype(np.float64)
    values[1, 1, 1:4] = 0
    values[1, 1, 4:6] = np.nan
    values[2, 2, 2], values[3, 3, 3] = -9, 7
    (facts,) = examine_images(dataset_of({"a": {"z": write(tmp_path / "a.nii", values)}})).facts
    assert (facts.id, facts.kind, facts.shape) == ("a-1", "z", SHAPE)
    assert (facts.zooms, facts.orientation) == ((2, 2, 2), "RAS")
    assert (facts.n_voxels, facts.n_zero, facts.n_nan, facts.n_outside) == (336, 3, 2, 0)
    assert (facts.n_valid, facts.low, facts.high, facts.n_whole) == (331, -9, 7, 2)
    assert facts.smallest == pytest.approx(
        np.nanmin(np.abs(values[small_mask().inside & (values != 0)]))
    )


def test_has_and_complete() -> None:
    """Contrasts that have every kind, and those kinds only."""
    assert stack().has("z").tolist() == [True, False, True]
    assert stack().has("t").tolist() == [False, False, False]
    both = stack().complete(["z", "beta"])
    assert (both.ids, both.kinds, both.made) == (("a",), ("z", "beta"), {"z": ("a",)})
    assert stack().complete(["t"]).ids == ()


def test_only_keeps_the_order() -> None:
    """Selected contrasts stand in the order of the stack."""
    assert stack().only(["c", "a"]).ids == ("a", "c")


def test_without_single_images() -> None:
    """An image is taken out; a contrast with none left goes, and the stack itself is kept."""
    whole = stack()
    left = whole.without([("a", "z"), ("b", "beta")])
    assert left.ids == ("a", "c")
    assert left.has("z").tolist() == [False, True]
    assert whole.has("z").tolist() == [True, False, True]


def test_save_and_load(tmp_path: Path) -> None:
    """The file gives the same stack again."""
    stack().save(tmp_path / "images.npz")
    again = ImageStack.load(tmp_path / "images.npz")
    assert (again.ids, again.made, again.kinds) == (("a", "b", "c"), stack().made, ("z", "beta"))
    for kind in again.kinds:
        np.testing.assert_array_equal(again.values[kind], stack().values[kind])
        assert again.values[kind].dtype == np.float32


def test_load_of_what_is_no_stack(tmp_path: Path) -> None:
    """A missing file and another file are one error each."""
    with pytest.raises(NoInputError, match="no such file"):
        ImageStack.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(DataError, match="is not a file of images, or is damaged"):
        ImageStack.load(tmp_path / "other.npz")


def test_shapes_must_agree() -> None:
    """Arrays that are not one row a contrast are refused."""
    with pytest.raises(DataError, match="images of 1 contrasts cannot have the shapes"):
        ImageStack(("a",), {"z": np.ones((2, 3), np.float32)})
