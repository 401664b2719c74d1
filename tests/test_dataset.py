"""The Dataset: selecting, merging, image paths, and its file."""

import gzip
import pickle
import zipfile
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import dataset_io
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError, OutputError, UsageError

TABLES = ("coordinates", "metadata", "images", "annotations", "texts")


def study(x: list[float], n: Any = (20,), **parts: Any) -> dict[str, Any]:
    coords = {"space": "MNI", "x": x, "y": [0] * len(x), "z": [0] * len(x)}
    metadata = {"sample_sizes": list(n)} if n else {}
    return {"contrasts": {"1": {"coords": coords, "metadata": metadata, **parts}}}


@pytest.fixture
def dataset() -> Dataset:
    """Four contrasts along the x axis, not in alphabetical order."""
    return Dataset(
        {
            "d": study([0, 40], labels={"pain": 0.5, "touch": 1}, text={"abstract": "Ä"}),
            "b": study([6], n=(10, 20), labels={"pain": 0.001, "touch": 0}),
            "a": study([-6.1, 7], n=(), labels={"pain": 0.0009, "touch": 1}),
            "c": study([], images={"z": "c/z.nii.gz", "t": "/t.nii.gz"}),
        }
    )


def test_ids_keep_file_order(dataset: Dataset) -> None:
    """Contrasts stand as in the file, in every table."""
    assert dataset.ids.tolist() == ["d-1", "b-1", "a-1", "c-1"]
    for name in TABLES[1:]:
        assert getattr(dataset, name)["id"].tolist() == ["d-1", "b-1", "a-1", "c-1"]
    assert dataset.coordinates["id"].tolist() == ["d-1", "d-1", "b-1", "a-1", "a-1"]


def test_repr_says_what_is_there(dataset: Dataset) -> None:
    """Printing a dataset counts it."""
    assert repr(dataset) == "Dataset(4 studies, 4 contrasts, 5 foci, space='mni152_2mm')"


def test_sample_sizes(dataset: Dataset) -> None:
    """Mean over groups, NaN where unknown, in the order of ids."""
    np.testing.assert_array_equal(dataset.sample_sizes(), [20, 15, np.nan, 20])


def test_n_participants(dataset: Dataset) -> None:
    """Sum over groups (10 + 20), NaN where unknown, in the order of ids."""
    np.testing.assert_array_equal(dataset.n_participants(), [20, 30, np.nan, 20])


def test_n_participants_leaves_out_what_was_filled_in(dataset: Dataset) -> None:
    """A sample size that a policy put in is nobody's; a mark that is missing is no mark."""
    filled = dataset.with_tables(
        metadata=dataset.metadata.assign(sample_size_filled=[True, None, False, False])
    )
    np.testing.assert_array_equal(filled.n_participants(), [np.nan, 30, np.nan, 20])


def test_repr_of_one(dataset: Dataset) -> None:
    """One is singular."""
    assert repr(dataset.slice(["b-1"])).startswith("Dataset(1 study, 1 contrast, 1 focus, space")


def test_source_of_wrong_type() -> None:
    """A list is no dataset."""
    with pytest.raises(UsageError, match="from a path or a dict, not from list"):
        Dataset([1])


def test_unknown_target() -> None:
    """The targets are named."""
    with pytest.raises(UsageError, match="unknown target space 'mni'; accepted are: mni152_2mm"):
        Dataset({"a": study([1])}, target="mni")


def test_input_is_not_changed() -> None:
    """Making a dataset leaves the dict as it was."""
    source = {"a": study([1], labels={"x": 1})}
    before = repr(source)
    Dataset(source).update_path("/x")
    assert repr(source) == before


def test_slice(dataset: Dataset) -> None:
    """A slice has the contrasts asked for, in the dataset's order, with a fresh index."""
    part = dataset.slice(["a-1", "d-1"])
    assert part.ids.tolist() == ["d-1", "a-1"]
    assert part.coordinates["x"].tolist() == [0, 40, -6.1, 7]
    assert part.coordinates.index.tolist() == [0, 1, 2, 3]
    assert len(dataset.ids) == 4


def test_slice_by_array(dataset: Dataset) -> None:
    """ids[:n] is the way the tutorial slices."""
    assert dataset.slice(dataset.ids[:2]).ids.tolist() == ["d-1", "b-1"]


def test_slice_of_unknown_id(dataset: Dataset) -> None:
    """Unknown ids are named, with what was perhaps meant."""
    with pytest.raises(UsageError, match="not in this dataset: 'dd-1'; did you mean 'd-1'"):
        dataset.slice(["dd-1"])


def test_merge(dataset: Dataset) -> None:
    """Both datasets one after the other; missing columns are gaps."""
    other = Dataset({"e": study([9], labels={"new": 2})})
    merged = dataset.merge(other)
    assert merged.ids.tolist() == ["d-1", "b-1", "a-1", "c-1", "e-1"]
    assert merged.coordinates["x"].tolist() == [0, 40, 6, -6.1, 7, 9]
    assert merged.annotations["new"].tolist()[-1] == 2
    assert np.isnan(merged.annotations["pain"].iloc[-1])
    assert len(dataset.ids) == 4


def test_merge_undoes_slice(dataset: Dataset) -> None:
    """Two slices merged are the dataset."""
    merged = dataset.slice(dataset.ids[:2]).merge(dataset.slice(dataset.ids[2:]))
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(merged, name), getattr(dataset, name))


def test_merge_after_update_path_with_an_image_called_z(dataset: Dataset) -> None:
    """Only the coordinates have numbers called x, y and z; the image type z is a path."""
    first, second = dataset.slice(dataset.ids[:2]), dataset.slice(dataset.ids[2:])
    for part in (first, second):
        part.update_path("/data")
    merged = first.merge(second)
    assert merged.get_images(imtype="z") == [None, None, None, "/data/c/z.nii.gz"]
    assert merged.coordinates[["x", "y", "z"]].dtypes.tolist() == [float] * 3


def test_merge_of_the_same_contrast(dataset: Dataset) -> None:
    """A contrast in both is an error that names it."""
    with pytest.raises(DataError, match="contrast b-1 is in both"):
        dataset.merge(dataset.slice(["b-1"]))


@pytest.mark.parametrize(
    ("labels", "threshold", "expected"),
    [
        ("pain", 0.001, ["d-1", "b-1"]),
        (["pain"], 0.5, ["d-1"]),
        (["pain", "touch"], 0.0001, ["d-1", "a-1"]),
        ("pain", 0.6, []),
    ],
)
def test_get_studies_by_label(
    dataset: Dataset, labels: Any, threshold: float, expected: list[str]
) -> None:
    """A value at the threshold counts; several labels must all hold; gaps do not count."""
    assert dataset.get_studies_by_label(labels, label_threshold=threshold) == expected


def test_get_studies_by_label_default_threshold(dataset: Dataset) -> None:
    """0.001, as the tutorial says."""
    assert dataset.get_studies_by_label("pain") == ["d-1", "b-1"]


def test_unknown_label(dataset: Dataset) -> None:
    """An unknown label is named, with what was perhaps meant."""
    with pytest.raises(UsageError, match="no label 'pian' in this dataset; did you mean 'pain'"):
        dataset.get_studies_by_label("pian")


@pytest.mark.parametrize(
    ("xyz", "r", "expected"),
    [
        ([[0, 0, 0]], 6, ["d-1", "b-1"]),
        ([0, 0, 0], 6, ["d-1", "b-1"]),
        ([[0, 0, 0]], 5.99, ["d-1"]),
        ([[0, 0, 0]], 6.1, ["d-1", "b-1", "a-1"]),
        ([[40, 3, 4]], 5, ["d-1"]),
        ([[7, 0, 0], [40, 0, 0]], 0, ["d-1", "a-1"]),
        ([[0, 90, 0]], 20, []),
    ],
)
def test_get_studies_by_coordinate(
    dataset: Dataset, xyz: Any, r: float, expected: list[str]
) -> None:
    """A focus at exactly the radius counts, whichever point it is near to."""
    assert dataset.get_studies_by_coordinate(xyz, r=r) == expected


def test_get_studies_by_coordinate_exact_radius_in_floats() -> None:
    """A distance of 0.1 * 3 counts within 0.3, which it exceeds by a rounding error."""
    assert Dataset({"a": study([0.1 * 3])}).get_studies_by_coordinate([0, 0, 0], r=0.3) == ["a-1"]


@pytest.mark.parametrize(("xyz", "r"), [([[1, 2]], 5), ([[1, 2, 3]], -1)])
def test_get_studies_by_coordinate_refuses(dataset: Dataset, xyz: Any, r: float) -> None:
    """Points have three numbers, a radius is not negative."""
    with pytest.raises(UsageError, match=r"expected \(n, 3\) coordinates and a radius >= 0"):
        dataset.get_studies_by_coordinate(xyz, r=r)


def test_get_studies_by_mask_on_any_grid(dataset: Dataset, tmp_path) -> None:
    """A mask file on its own grid, from right to left, selects the foci in its voxels."""
    values = np.zeros((11, 3, 3), dtype=np.uint8)
    values[5, 1, 1] = 1  # centred on x = 0, 4 mm wide
    affine = np.diag([-4.0, 4, 4, 1])
    affine[:3, 3] = [20, -4, -4]
    path = tmp_path / "roi.nii.gz"
    nib.save(nib.Nifti1Image(values, affine), path)
    assert dataset.get_studies_by_mask(path) == ["d-1"]
    values[7, 1, 1] = 1  # centred on x = -8
    assert dataset.get_studies_by_mask(nib.Nifti1Image(values, affine)) == ["d-1", "a-1"]


def test_get_labels(dataset: Dataset) -> None:
    """All labels, or those of some contrasts that are not 0."""
    assert dataset.get_labels() == ["pain", "touch"]
    assert dataset.get_labels("b-1") == ["pain"]
    assert dataset.get_labels(["b-1", "c-1"]) == ["pain"]
    assert dataset.get_labels("c-1") == []


def test_getters(dataset: Dataset) -> None:
    """Fields without a name, values with one, in the order of the ids given."""
    assert dataset.get_metadata() == ["original_space", "space_transform", "sample_sizes"]
    assert dataset.get_metadata(field="sample_sizes") == [[20], [10, 20], None, [20]]
    assert dataset.get_metadata(["b-1", "d-1"], "sample_sizes") == [[10, 20], [20]]
    assert dataset.get_texts(text_type="abstract") == ["Ä", None, None, None]
    assert dataset.get_texts("d-1") == ["abstract"]
    assert dataset.get_texts("b-1") == []
    assert dataset.get_images() == ["z__relative", "t"]


def test_getter_of_unknown_field(dataset: Dataset) -> None:
    """The fields that are there are named."""
    with pytest.raises(UsageError, match="no 'p' in images; there are: z__relative, t"):
        dataset.get_images(imtype="p")


def test_update_path(dataset: Dataset) -> None:
    """Relative paths become absolute and stay; absolute ones are left; again moves them."""
    dataset.update_path("/data")
    assert dataset.get_images("c-1", "z") == ["/data/c/z.nii.gz"]
    assert dataset.get_images("c-1", "z__relative") == ["c/z.nii.gz"]
    assert dataset.get_images("c-1", "t") == ["/t.nii.gz"]
    assert dataset.get_images("d-1", "z") == [None]
    dataset.update_path("/other")
    assert dataset.get_images("c-1", "z") == ["/other/c/z.nii.gz"]


def test_copy_is_independent(dataset: Dataset) -> None:
    """A copy's paths and tables are its own."""
    copy = dataset.copy()
    copy.update_path("/data")
    copy.coordinates.loc[0, "x"] = 99
    assert "z" not in dataset.images
    assert dataset.coordinates.loc[0, "x"] == 0


def test_attributes_cannot_be_set(dataset: Dataset) -> None:
    """Tables are replaced by making a new Dataset."""
    with pytest.raises(AttributeError):
        dataset.coordinates = None
    images = dataset.images.assign(z="x")
    assert dataset.with_tables(images=images).get_images(imtype="z") == ["x"] * 4
    assert "z" not in dataset.images


def test_masker_and_space() -> None:
    """The masker is nilearn's, fitted to the mask of the space."""
    dataset = Dataset({"a": study([1])})
    assert dataset.space == "mni152_2mm"
    assert dataset.masker.mask_img_.get_fdata().sum() == dataset.mask.n_voxels == 228_483
    assert dataset.masker is dataset.masker


def test_mask_is_used_on_its_own_grid() -> None:
    """A mask given is taken as it is."""
    inside = np.ones((3, 4, 5), dtype=bool)
    dataset = Dataset({"a": study([1])}, mask=BrainMask(inside, np.eye(4)))
    assert dataset.mask.shape == (3, 4, 5)


@pytest.fixture
def odd() -> Dataset:
    """Gaps, truth values, lists, unicode, numbers that do not round, a mask of its own."""
    return Dataset(
        {
            "ä/ö": study(
                [0.1 + 0.2, 1e-300],
                metadata={
                    "sample_sizes": [12, 1.5],
                    "year": 2006,
                    "ok": True,
                    "big": 2**70,
                    "weights": [1.0, None, "ü"],
                    "half": 1 / 3,
                },
                labels={"a b": 1 / 3, "🧠": 2},
                text={"abstract": "<b>\u2028\n\t"},
            ),
            "b": study([2], metadata={"year": 2007, "half": float("nan"), "ok": None}),
        },
        mask=BrainMask(np.arange(24).reshape(2, 3, 4) % 3 == 0, np.diag([2, 2, 2.5, 1.0])),
    )


@pytest.mark.parametrize("name", ["a.npz", "a.pkl.gz", "a", "a.json"])
def test_save_and_load(odd: Dataset, tmp_path, name: str) -> None:
    """Everything comes back exactly, whatever the suffix."""
    again = Dataset.load(odd.save(tmp_path / name))
    for table in TABLES:
        pd.testing.assert_frame_equal(
            getattr(again, table), getattr(odd, table), check_exact=True, obj=table
        )
    assert np.array_equal(again.mask.inside, odd.mask.inside)
    assert np.array_equal(again.mask.affine, odd.mask.affine)
    assert (again.mask.name, again.space) == (odd.mask.name, odd.space)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_save_and_load_without_foci(tmp_path) -> None:
    """Empty tables keep their columns and types."""
    empty = Dataset({"a": study([])})
    again = Dataset.load(empty.save(tmp_path / "a"))
    pd.testing.assert_frame_equal(again.coordinates, empty.coordinates)


def test_save_gives_the_same_bytes(odd: Dataset, tmp_path) -> None:
    """No time, no path and no chance in the file."""
    first = odd.save(tmp_path / "a").read_bytes()
    assert Dataset.load(tmp_path / "a").save(tmp_path / "b").read_bytes() == first


def test_save_has_no_pickle(odd: Dataset, tmp_path) -> None:
    """Members are JSON and plain arrays."""
    with zipfile.ZipFile(odd.save(tmp_path / "a")) as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"json", "npy"}
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as stream:
                    np.load(stream, allow_pickle=False)


def test_save_into_nowhere(odd: Dataset, tmp_path) -> None:
    """A folder that is not there is an output error."""
    with pytest.raises(OutputError, match=r"cannot write .*: No such file"):
        odd.save(tmp_path / "none" / "a")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.999])
def test_load_truncated(odd: Dataset, tmp_path, keep: float) -> None:
    """A file cut anywhere is damaged, in one sentence."""
    path = odd.save(tmp_path / "a")
    body = path.read_bytes()
    path.write_bytes(body[: int(len(body) * keep)])
    with pytest.raises(DataError, match=r"a is damaged: .*save the dataset again"):
        Dataset.load(path)


def test_load_with_any_byte_changed(odd: Dataset, tmp_path) -> None:
    """No single changed byte gives another dataset: refused, or all the same."""
    path = odd.save(tmp_path / "a")
    body = bytearray(path.read_bytes())
    for place in range(0, len(body), 13):
        body[place] ^= 0xFF
        path.write_bytes(body)
        try:
            again = Dataset.load(path)
        except DataError:
            pass
        else:
            assert all(getattr(again, t).equals(getattr(odd, t)) for t in TABLES), place
        body[place] ^= 0xFF


def test_load_with_altered_member(odd: Dataset, tmp_path) -> None:
    """A member replaced inside a sound zip is found by its checksum."""
    path = odd.save(tmp_path / "a")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["metadata.json"] = members["metadata.json"].replace(b"2007", b"2008")
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    with pytest.raises(DataError, match=r"a is damaged: checksum of metadata\.json differs"):
        Dataset.load(path)


def test_load_of_a_later_version(odd: Dataset, tmp_path, monkeypatch) -> None:
    """A file of a later version says so."""
    monkeypatch.setattr(dataset_io, "VERSION", 2)
    path = odd.save(tmp_path / "a")
    monkeypatch.setattr(dataset_io, "VERSION", 1)
    with pytest.raises(DataError, match=r"version 2; this program reads .* up to version 1"):
        Dataset.load(path)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was executed",))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_load_refuses_pickles(tmp_path, protocol: int) -> None:
    """A pickle, plain or gzipped, is never run, and what it would call is named."""
    body = pickle.dumps(_Bomb(), protocol=protocol)
    for name, content in (("a.pkl", body), ("a.pkl.gz", gzip.compress(body))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            DataError, match=r"it names _pytest.outcomes\S*, which no dataset needs"
        ):
            Dataset.load(tmp_path / name)


def test_load_gives_advice_for_pickles(tmp_path) -> None:
    """A pickle of something else: say what to do instead."""
    (tmp_path / "a.pkl.gz").write_bytes(gzip.compress(pickle.dumps({})))
    with pytest.raises(DataError, match=r"it is no Dataset \(save it as NIMADS or NiMARE Dataset"):
        Dataset.load(tmp_path / "a.pkl.gz")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "does not begin like a file written by Dataset.save"),
        (b'{"a": 1}', r"read it with nimare_pipeline.io.read\(path\)"),
        (b"PK\x03\x04something else", "is not a saved dataset"),
    ],
)
def test_load_refuses_other_files(tmp_path, body: bytes, message: str) -> None:
    """Other files are refused with what would read them."""
    (tmp_path / "a").write_bytes(body)
    with pytest.raises(DataError, match=message):
        Dataset.load(tmp_path / "a")


def test_load_of_a_missing_file(tmp_path) -> None:
    """A path without a file is no input."""
    with pytest.raises(NoInputError, match="no such file"):
        Dataset.load(tmp_path / "none")
