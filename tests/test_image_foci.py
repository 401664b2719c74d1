"""Foci of images for an analysis: which images are read, and what bad ones lead to."""

from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError
from nimare_pipeline.foci_policy import completed
from nimare_pipeline.image_foci import ImageFoci, foci_of_images
from tests.image_sets import noise, small_mask, write
from tests.test_image_points import blobs, mm, points

COORDS = {"space": "MNI", "x": [0], "y": [0], "z": [4]}
OWN = [[0, 0, 4]]


def made(contrasts: dict[str, Any], folder: Path, merge: str) -> ImageFoci:
    dataset = Dataset({"a": {"contrasts": contrasts}}, mask=small_mask())
    options = completed({"merge": merge, "cluster_threshold": 5})
    return foci_of_images(dataset, options, (str(folder),))


def test_only_needed_images_are_read(tmp_path: Path) -> None:
    """No t where there is z; with fill no image of a contrast that has foci."""
    write(tmp_path / "z.nii", blobs(((2, 2, 2), 5)))
    contrasts = {
        "1": {"images": {"z": "z.nii", "t": "none.nii"}},
        "2": {"images": {"z": "none.nii"}, "coords": COORDS},
    }
    found = made(contrasts, tmp_path, "fill")
    assert points(found.dataset) == {"a-1": [mm(2, 2, 2)], "a-2": OWN}
    assert (found.n_contrasts, found.n_foci, found.problems) == (1, 1, ())


@pytest.mark.parametrize(("merge", "kept"), [("replace", OWN), ("demolish", [])])
def test_bad_image(tmp_path: Path, merge: str, kept: list[list[float]]) -> None:
    """It gives no foci and is a warning; its contrast keeps its own, where any stay."""
    write(tmp_path / "z.nii", blobs(((2, 2, 2), 5)))
    (tmp_path / "bad.nii").write_bytes(b"bad")
    contrasts = {
        "1": {"images": {"z": "z.nii"}, "coords": COORDS},
        "2": {"images": {"z": "bad.nii"}, "coords": COORDS},
    }
    found = made(contrasts, tmp_path, merge)
    assert points(found.dataset) == {"a-1": [mm(2, 2, 2)], "a-2": kept}
    (problem,) = found.problems
    assert problem.level == "warning"
    assert problem.message.startswith("its image gives no foci: ")
    assert problem.file == str(tmp_path / "bad.nii")


def test_image_without_peak(tmp_path: Path) -> None:
    """The contrast has no foci, and says that its image was looked at."""
    write(tmp_path / "z.nii", blobs(((2, 2, 2), 5)))
    write(tmp_path / "flat.nii", 0.1 * noise(1))
    contrasts = {
        "1": {"images": {"z": "z.nii"}},
        "2": {"images": {"z": "flat.nii"}, "coords": COORDS},
        "3": {},
    }
    found = made(contrasts, tmp_path, "replace")
    assert points(found.dataset) == {"a-1": [mm(2, 2, 2)], "a-2": [], "a-3": []}
    sources = found.dataset.metadata["coordinate_source"].tolist()
    assert sources == ["image", "image", None]
    assert (found.n_contrasts, found.n_foci) == (1, 1)


def test_paths_stay_as_they_are(tmp_path: Path) -> None:
    """Relative paths of images are looked up, and written nowhere."""
    write(tmp_path / "z.nii", blobs(((2, 2, 2), 5)))
    images = made({"1": {"images": {"z": "z.nii"}}}, tmp_path, "fill").dataset.images
    assert str(tmp_path) not in images.to_csv()


def test_t_without_sample_size(tmp_path: Path) -> None:
    """z cannot be made, which is said with what it would need."""
    write(tmp_path / "z.nii", blobs(((2, 2, 2), 5)))
    write(tmp_path / "t.nii", blobs(((4, 4, 4), 6)))
    found = made(
        {"1": {"images": {"z": "z.nii"}}, "2": {"images": {"t": "t.nii"}}}, tmp_path, "fill"
    )
    assert points(found.dataset) == {"a-1": [mm(2, 2, 2)], "a-2": []}
    assert any("cannot be computed without" in one.message for one in found.problems)


def test_no_image_at_all(tmp_path: Path) -> None:
    """An error that says what is needed."""
    with pytest.raises(DataError, match="no contrast has a z image, nor images that z can be"):
        made({"1": {"coords": COORDS, "images": {"varcope": "v.nii"}}}, tmp_path, "fill")


def test_all_have_foci(tmp_path: Path) -> None:
    """With fill there is nothing to do then."""
    contrasts = {"1": {"images": {"z": "none.nii"}, "coords": COORDS}}
    found = made(contrasts, tmp_path, "fill")
    assert points(found.dataset) == {"a-1": OWN}
    assert (found.n_contrasts, found.problems) == (0, ())
