"""The data of an analysis beside its results: JSON of a usual size, compact of a database."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from nimare_pipeline import io, snapshots
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.label_matrix import LabelMatrix


def few(title: str = "one") -> Dataset:
    def study(x: float) -> dict:
        coords = {"space": "MNI", "x": [x], "y": [0], "z": [10]}
        return {"contrasts": {"1": {"coords": coords, "metadata": {"title": title}}}}

    return Dataset({"a": study(1), "b": study(2)})


def labelled(value: float = 0.5) -> Dataset:
    """Two studies whose labels are sparse, as those of a database."""
    dataset = few()
    values = sparse.csc_array(np.array([[value, 0], [0, 1]]))
    matrix = LabelMatrix(("pain", "touch"), values, np.ones(2, dtype=bool))
    tables = replace(dataset.tables, matrices=(matrix,))
    return Dataset.from_tables(tables, dataset.mask, dataset.space)


def many() -> Dataset:
    """Two studies with more foci than JSON is written of."""
    dataset = few()
    repeated = pd.concat([dataset.coordinates] * (snapshots.MOST_FOCI // 2 + 1))
    return dataset.with_tables(coordinates=repeated.reset_index(drop=True))


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        (few(), "sourcedata/cohort-pain_dataset.json"),
        (labelled(), "sourcedata/cohort-pain_dataset.npz"),
        (many(), "sourcedata/cohort-pain_dataset.npz"),
    ],
    ids=["few", "labelled", "many"],
)
def test_a_snapshot_is_the_dataset_again(dataset: Dataset, name: str, tmp_path: Path) -> None:
    """Whatever its form, the file is found, is input, and gives the identical tables."""
    path = snapshots.write(dataset, tmp_path, "pain")
    assert path == tmp_path / name
    assert snapshots.found(tmp_path, "pain") == name
    (source,) = io.read(path)
    for table, expected in dataset.tables.frames().items():
        given = source.dataset.tables.frames()[table]
        shown = given[expected.columns]  # a file of JSON says what it was read from
        pd.testing.assert_frame_equal(shown, expected)
    assert source.dataset.get_labels() == dataset.get_labels()


def test_names_where_there_is_no_snapshot(tmp_path: Path) -> None:
    """Where there is none, its name is the one of data of a usual size."""
    assert snapshots.found(tmp_path, "pain") == "sourcedata/cohort-pain_dataset.json"


@pytest.mark.parametrize(
    ("made", "other"), [(few(), few("other")), (labelled(), labelled(0.25))], ids=["json", "npz"]
)
def test_other_data_are_seen(made: Dataset, other: Dataset, tmp_path: Path) -> None:
    """A snapshot is of its data, and of no other; one that is gone, cut or altered is of none."""
    path = snapshots.write(made, tmp_path, "pain")
    assert snapshots.why_not(tmp_path, "pain", made) == ""
    assert snapshots.why_not(tmp_path, "pain", other) == "the data are others"
    content = path.read_bytes()
    for harmed in (content[:-9], content[: len(content) // 2], content[:-400] + content[-399:]):
        path.write_bytes(harmed)
        assert snapshots.why_not(tmp_path, "pain", made) == "the data are others"
    path.unlink()
    assert snapshots.why_not(tmp_path, "pain", made) == f"{path.name} is missing"


def test_the_same_data_are_the_same_bytes(tmp_path: Path) -> None:
    """A compact snapshot has no date and no order of chance in it."""
    one, two = (snapshots.write(labelled(), tmp_path / name, "pain") for name in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_json_stays_readable(tmp_path: Path) -> None:
    """The snapshot of a usual dataset is NiMARE Dataset JSON."""
    path = snapshots.write(few(), tmp_path, "pain")
    assert json.loads(path.read_text())["a"]["contrasts"]["1"]["coords"]["x"] == [1.0]
