"""Contrasts on their way out: databases, whose foci were converted when they were read."""

from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline import io
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.io import _outgoing, neurosynth
from nimare_pipeline.io.conversion import convert
from tests.io.test_neurosynth import COORDINATES, METADATA, TERMS, WEIGHTS, write, write_features


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A database of four studies."""
    root = tmp_path / "database"
    root.mkdir()
    write(root, "metadata", METADATA)
    write(root, "coordinates", COORDINATES)
    path = write_features(root)
    vocabulary = path.name.split("_source-")[0] + "_vocabulary.txt"
    (root / vocabulary).write_text("\n".join(TERMS) + "\n")
    return root


def outgoing(folder: Path) -> list[Contrast]:
    """Contrasts as the command reads them."""
    paths = neurosynth.group(sorted(folder.iterdir()))[0]
    tables, _ = neurosynth.read_tables(*paths, tal2mni="none")
    return _outgoing.from_tables(tables)


def test_foci_are_those_of_the_file(folder: Path) -> None:
    """Space and numbers as published; a space that is neither is told by the metadata."""
    rows = [line.split("\t") for line in COORDINATES.splitlines()]
    head = rows[0]
    place = {name: head.index(name) for name in ("id", "x", "y", "z")}
    found = outgoing(folder)
    for contrast in found:
        own = [row for row in rows[1:] if row[place["id"]] == contrast.study_id]
        assert contrast.xyz.tolist() == [[float(row[place[a]]) for a in "xyz"] for row in own]
    spaces = {line.split("\t")[0]: line for line in METADATA.splitlines()[1:]}
    for contrast in found:
        named = spaces[contrast.study_id]
        assert ("TAL" in contrast.spaces) == ("TAL" in named and len(contrast.xyz) > 0)
        assert "source_file" not in contrast.metadata


def test_labels_are_made_when_they_are_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a small set all, zeros too; of a large one what is not 0."""
    labels = [list(one.annotations.values()) for one in outgoing(folder)]
    dense = np.array(labels)
    np.testing.assert_array_equal(dense, WEIGHTS)
    monkeypatch.setattr(_outgoing, "MOST_DENSE", 1)
    found = outgoing(folder)
    assert [len(one.annotations) for one in found] == (WEIGHTS != 0).sum(axis=1).tolist()
    assert sorted(v for one in found for v in one.annotations.values()) == sorted(
        WEIGHTS[WEIGHTS != 0]
    )


def test_large_sets_are_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON has what is not 0, tables have nothing of them; both are losses."""
    monkeypatch.setattr(_outgoing, "MOST_DENSE", 1)
    (made,) = convert(folder, tmp_path / "a.json")
    assert [str(loss) for loss in made.losses] == [
        "labels: 0 becomes missing, for 3 labels are too many to write each, in 4 contrasts"
    ]
    (source,) = io.read(tmp_path / "a.json")
    assert len(source.dataset.get_labels()) == 2  # the third is 0 everywhere
    (made,) = convert(folder, tmp_path / "a")
    (loss,) = made.losses
    assert str(loss) == (
        "labels: left out, for 3 are too many for a table (nimads and nimare hold them), "
        "in 4 contrasts"
    )


@pytest.mark.parametrize("name", ["a", "a.json", "b.json"])
def test_database_and_back(name: str, folder: Path, tmp_path: Path) -> None:
    """Foci in MNI space are those of the database itself."""
    (made,) = convert(folder, tmp_path / name, "nimare" if name == "b.json" else None)
    assert made.losses == ()
    (first,), (second,) = io.read(folder), io.read(tmp_path / name)
    one = first.dataset.coordinates.set_index("id")[["x", "y", "z"]]
    other = second.dataset.coordinates.set_index("id")[["x", "y", "z"]]
    np.testing.assert_array_equal(one.sort_index(kind="stable"), other.sort_index(kind="stable"))
    assert second.dataset.get_metadata(field="original_space") == (
        first.dataset.get_metadata(field="original_space")
    )


def test_paths_of_images(tmp_path: Path) -> None:
    """From the old place to the new one where a file is there; addresses and others stay."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "z.nii").write_bytes(b"x")
    images = {"z": "z.nii", "t": "no.nii", "p": "/abs.nii", "beta": "https://a/b", "space": "MNI"}
    given = Contrast("s", "c", images=images)
    (found,), lacking = _outgoing.moved([given], [tmp_path / "old"], tmp_path / "a" / "b")
    assert found.images == {**images, "z": "../../old/z.nii"}
    assert lacking == 1
    assert given.images == images
