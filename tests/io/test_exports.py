"""Writers under the names the field knows."""

import json
import logging
from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, OutputError, UsageError
from tests.cli.program import EXAMPLE
from tests.io.tables import SET, assert_same, put

TEXT = "//Reference=Talairach\n//Smith, 2019: pain\n//Subjects=20\n1\t2\t3\n-4.5\t5\t6\n\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Two contrasts with labels, metadata of studies, one of Talairach space."""
    return io.convert_native_to_dataset(put(tmp_path / "set", SET))


@pytest.mark.parametrize("name", ["a.json", "folder", "a.csv", "a.txt"])
def test_write_goes_by_the_suffix(name: str, dataset: Dataset, tmp_path: Path) -> None:
    """What is written holds the same foci."""
    io.write(dataset, tmp_path / name)
    (source,) = io.read(tmp_path / name)
    axes = ["x", "y", "z"]
    written, kept = source.dataset.coordinates[axes], dataset.coordinates[axes]
    assert (written.to_numpy() == kept.to_numpy()).all()


def test_a_dataset_comes_back(dataset: Dataset, tmp_path: Path) -> None:
    """As tables and as NiMARE JSON every table of it is the same."""
    assert io.write(dataset, tmp_path / "a") == []
    assert_same(dataset, io.convert_native_to_dataset(tmp_path / "a"))
    assert io.write(dataset, tmp_path / "a.json", "nimare") == []
    again = Dataset(tmp_path / "a.json")
    assert again.ids.tolist() == dataset.ids.tolist()
    assert again.label("pain").tolist() == dataset.label("pain").tolist()


def test_losses_are_returned_and_logged(
    dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost in silence."""
    with caplog.at_level(logging.WARNING, "nimare_pipeline"):
        losses = io.write(dataset, tmp_path / "a.txt")
    assert "labels" in {loss.part for loss in losses}
    assert "a.txt: labels (condition, age, pain, words): left out in 2 contrasts" in caplog.text


def test_strict(dataset: Dataset, tmp_path: Path) -> None:
    """What would be lost is an error, and nothing is written."""
    with pytest.raises(DataError, match="Sleuth text cannot hold all of it; nothing is written"):
        io.write(dataset, tmp_path / "a.txt", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_refusals(dataset: Dataset, tmp_path: Path) -> None:
    """A place that is taken, and a format that there is not."""
    put(tmp_path, {"a.json": "mine"})
    with pytest.raises(OutputError, match=r"a\.json is there already; --overwrite replaces it"):
        io.write(dataset, tmp_path / "a.json")
    with pytest.raises(UsageError, match="no format 'pdf'; there are: native, nimads, nimare,"):
        io.write(dataset, tmp_path / "b.json", "pdf")
    io.write(dataset, tmp_path / "a.json", overwrite=True)
    assert len(json.loads((tmp_path / "a.json").read_text())["studies"]) == 2


def test_dataset_to_nimads(tmp_path: Path) -> None:
    """A dict, and the same file; the dict is read as a studyset."""
    (source,) = io.read(EXAMPLE)
    found = io.convert_dataset_to_nimads_dict(
        source.dataset, studyset_id="x", studyset_name="Pain", out_file=tmp_path / "a.json"
    )
    assert (found["id"], found["name"], len(found["studies"])) == ("x", "Pain", 21)
    again = io.convert_nimads_to_dataset(found)
    assert again.ids.tolist() == source.dataset.ids.tolist()
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["studies"] == found["studies"]


def test_sleuth_to_dicts(tmp_path: Path) -> None:
    """Foci stay in Talairach space, as they stand in the file."""
    path = put(tmp_path, {"a.txt": TEXT}) / "a.txt"
    found = io.convert_sleuth_to_dict(path)
    coords = found["Smith_2019"]["contrasts"]["pain"]["coords"]
    assert coords == {"space": "TAL", "x": [1.0, -4.5], "y": [2.0, 5.0], "z": [3.0, 6.0]}
    assert Dataset(found).coordinates["original_space"].tolist() == ["TAL", "TAL"]
    assert io.convert_sleuth_to_json(path, tmp_path / "a.json") == tmp_path / "a.json"
    assert json.loads((tmp_path / "a.json").read_text()) == found
    (study,) = io.convert_sleuth_to_nimads_dict(path)["studies"]
    assert study["analyses"][0]["points"][1]["coordinates"] == [-4.5, 5.0, 6.0]
    assert study["analyses"][0]["metadata"]["sample_sizes"] == [20]


def test_nimads_to_sleuth(tmp_path: Path) -> None:
    """The studyset of a Sleuth file is that file again."""
    path = put(tmp_path, {"a.txt": TEXT}) / "a.txt"
    losses = io.convert_nimads_to_sleuth(
        io.convert_sleuth_to_nimads_dict(path), tmp_path / "b.txt"
    )
    assert losses == []
    assert (tmp_path / "b.txt").read_text() == TEXT


def test_wrong_sleuth_file(tmp_path: Path) -> None:
    """Every error of the file is told."""
    path = put(tmp_path, {"a.txt": "//A, 2000: b\n1\t2\n"}) / "a.txt"
    with pytest.raises(DataError, match="line 2: expected three numbers"):
        io.convert_sleuth_to_dict(path)


def test_neurosynth_to_json(shared_data: Path, tmp_path: Path) -> None:
    """The old layout of a database as NiMARE JSON: as many studies and foci."""
    folder = shared_data / "neurosynth_old_format"
    database, features = folder / "test_dataset.txt", folder / "test_features.txt"
    out = io.convert_neurosynth_to_json(database, features, tmp_path / "a.json")
    dataset, again = io.convert_neurosynth_to_dataset(database, features), Dataset(out)
    assert len(again.coordinates) == len(dataset.coordinates)
    assert again.ids.tolist() == dataset.ids.tolist()
