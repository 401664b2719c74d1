"""Points from images: peaks where they are, and every contrast with the points it should have."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nibabel.affines import apply_affine

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.images import load_images
from nimare_pipeline.transforms import ImagesToCoordinates
from tests.image_sets import AFFINE, SHAPE, dataset_of, noise, small_mask, write


def blobs(*peaks: tuple[tuple[int, int, int], float]) -> np.ndarray:
    """Weak noise with peaks, each the top of a plus sign of half its height."""
    values = 0.1 * noise().astype(np.float64)
    for (i, j, k), height in peaks:
        values[i - 1 : i + 2, j, k] = values[i, j - 1 : j + 2, k] = height / 1.2
        values[i, j, k - 1 : k + 2] = height / 1.2
        values[i, j, k] = height
    return values.astype(np.float32)


def mm(*ijk: int) -> list[float]:
    return apply_affine(AFFINE, ijk).tolist()


def mixed(tmp_path: Path) -> Dataset:
    """Study a with two contrasts with images, one of them with points; b with points only."""
    first = write(tmp_path / "1.nii", blobs(((2, 2, 2), 5)))
    second = write(tmp_path / "2.nii", blobs(((5, 5, 5), 6)))
    coords = {"space": "MNI", "x": [0, 2], "y": [0, 0], "z": [4, 4], "z_stat": [3.5, 4.5]}
    source: dict[str, Any] = {
        "a": {
            "contrasts": {
                "1": {"images": {"z": str(first)}, "coords": coords},
                "2": {"images": {"z": str(second)}},
            }
        },
        "b": {"contrasts": {"1": {"coords": coords}}},
        "c": {"contrasts": {"1": {"metadata": {"sample_sizes": [9]}}}},
    }
    return Dataset(source, mask=small_mask())


def points(dataset: Dataset) -> dict[str, list[list[float]]]:
    table = dataset.coordinates
    return {
        name: table.loc[table["id"] == name, ["x", "y", "z"]].to_numpy().tolist()
        for name in dataset.ids
    }


OLD = [[0, 0, 4], [2, 0, 4]]


@pytest.mark.parametrize(
    ("strategy", "first", "b", "sources"),
    [
        ("fill", OLD, OLD, ["original", "image", "original", None]),
        ("replace", [mm(2, 2, 2)], OLD, ["image", "image", "original", None]),
        ("demolish", [mm(2, 2, 2)], [], ["image", "image", None, None]),
    ],
)
def test_strategies(tmp_path: Path, strategy: Any, first: Any, b: Any, sources: Any) -> None:
    """Both contrasts of a study have points, none twice, and each says where they are from."""
    dataset = mixed(tmp_path)
    found = ImagesToCoordinates(strategy).transform(dataset)
    assert points(found) == {"a-1": first, "a-2": [mm(5, 5, 5)], "b-1": b, "c-1": []}
    assert found.metadata["coordinate_source"].tolist() == sources
    assert points(dataset) == {"a-1": OLD, "a-2": [], "b-1": OLD, "c-1": []}


def test_heights_stand_beside_the_points(tmp_path: Path) -> None:
    """z of the peak; points that are kept keep theirs."""
    found = ImagesToCoordinates("fill").transform(mixed(tmp_path)).coordinates
    np.testing.assert_allclose(found["z_stat"], [3.5, 4.5, 6, 3.5, 4.5])
    assert found["space"].tolist() == ["MNI"] * 5


def test_space_is_that_of_the_new_points(tmp_path: Path) -> None:
    """Points that came in Talairach space are gone, and so is what the metadata say of them."""
    image = write(tmp_path / "1.nii", blobs(((2, 2, 2), 5)))
    flat = write(tmp_path / "2.nii", 0.1 * noise())
    coords = {"space": "TAL", "x": [0], "y": [0], "z": [4]}
    contrasts = {
        "1": {"images": {"z": str(image)}, "coords": coords},
        "2": {"images": {"z": str(flat)}, "coords": coords},
        "3": {"coords": coords},
    }
    dataset = Dataset({"a": {"contrasts": contrasts}}, mask=small_mask())
    found = ImagesToCoordinates("replace").transform(dataset).metadata
    assert found["original_space"].tolist() == ["MNI", None, "TAL"]
    assert found["space_transform"].tolist() == ["none", None, "tal2mni-other"]


def test_dataset_with_points_is_a_dataset(tmp_path: Path) -> None:
    """It can be saved, and made into contrasts and back."""
    found = ImagesToCoordinates("replace").transform(mixed(tmp_path))
    found.save(tmp_path / "dataset")
    assert points(Dataset.load(tmp_path / "dataset")) == points(found)
    again = Dataset.from_contrasts(found.contrasts(), mask=found.mask)
    assert points(again) == points(found)


def one(tmp_path: Path, values: Any, kind: str = "z", **options: Any) -> list[list[float]]:
    """Points of one image, each with its z."""
    dataset = dataset_of({"a": {kind: write(tmp_path / "a.nii", values)}}, sizes={"a": [20]})
    table = ImagesToCoordinates(**options).transform(dataset).coordinates
    return table[["x", "y", "z", "z_stat"]].round(4).to_numpy().tolist()


def test_both_sides(tmp_path: Path) -> None:
    """Deactivations only where they are asked for, with a negative z; the strongest first."""
    values = blobs(((2, 2, 2), 5), ((5, 6, 7), -6))
    assert one(tmp_path, values) == [[*mm(2, 2, 2), 5]]
    assert one(tmp_path, values, two_sided=True) == [[*mm(5, 6, 7), -6], [*mm(2, 2, 2), 5]]


def test_threshold(tmp_path: Path) -> None:
    """Only voxels beyond the threshold make clusters."""
    values = blobs(((2, 2, 2), 5), ((5, 6, 7), 4))
    assert len(one(tmp_path, values)) == 2
    assert one(tmp_path, values, z_threshold=4.5) == [[*mm(2, 2, 2), 5]]


def test_small_clusters(tmp_path: Path) -> None:
    """A cluster of exactly as many voxels as asked for stays."""
    values = blobs(((2, 2, 2), 5))
    assert len(one(tmp_path, values, cluster_threshold=7)) == 1
    assert one(tmp_path, values, cluster_threshold=8) == []


def test_subpeaks(tmp_path: Path) -> None:
    """Second peaks of a cluster by their distance, or none."""
    values = np.full(SHAPE, 4, np.float32)
    values[1, 1, 1], values[6, 7, 8], values[1, 1, 4] = 9, 8, 7
    main, second, third = [*mm(1, 1, 1), 9], [*mm(6, 7, 8), 8], [*mm(1, 1, 4), 7]
    assert one(tmp_path, values) == [main, second]
    assert one(tmp_path, values, min_distance=5) == [main, second, third]
    assert one(tmp_path, values, remove_subpeaks=True) == [main]


def test_points_from_t(tmp_path: Path) -> None:
    """Where there is no z image, z is computed: t of 6 with 19 degrees of freedom is 4.4."""
    ((*xyz, z),) = one(tmp_path, blobs(((2, 2, 2), 6)), "t", z_threshold=4)
    assert (xyz, z) == (mm(2, 2, 2), pytest.approx(4.4, abs=0.05))


def test_no_significant_voxel(tmp_path: Path) -> None:
    """No point, and no source of points."""
    dataset = dataset_of({"a": {"z": write(tmp_path / "a.nii", 0.1 * noise())}})
    found = ImagesToCoordinates().transform(dataset)
    assert len(found.coordinates) == 0
    assert found.metadata["coordinate_source"].tolist() == [None]


def test_images_in_memory(tmp_path: Path) -> None:
    """A stack that is there is used instead of reading."""
    dataset = mixed(tmp_path)
    stack, _ = load_images(dataset)
    for path in tmp_path.glob("*.nii"):
        path.unlink()
    found = ImagesToCoordinates("replace").transform(dataset, stack)
    assert points(found)["a-2"] == [mm(5, 5, 5)]


def test_images_that_cannot_be_read(tmp_path: Path) -> None:
    """One error, no points in silence."""
    with pytest.raises(DataError, match="points cannot be made, as some images cannot be read"):
        ImagesToCoordinates().transform(dataset_of({"a": {"z": tmp_path / "none.nii"}}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"merge_strategy": "add"}, "merge_strategy is one of fill, replace, demolish, not 'add'"),
        ({"z_threshold": 0}, "z_threshold is above 0"),
        ({"min_distance": -1}, "got 3.1, -1 and None"),
        ({"cluster_threshold": -5}, "got 3.1, 8.0 and -5"),
    ],
)
def test_options_out_of_range(options: Any, message: str) -> None:
    """What cannot be meant is refused at once."""
    with pytest.raises(UsageError, match=message):
        ImagesToCoordinates(**options)
