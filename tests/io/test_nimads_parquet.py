"""Studysets as parquet tables."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import _parquet, nimads_parquet

IDS = {"id": ["s1-a", "s1-b", "s2-a"], "study_id": ["s1", "s1", "s2"], "contrast_id": list("aba")}
TABLES: dict[str, dict[str, list[Any]]] = {
    "studies": {
        "study_id": ["s2", "s1"],
        "name": ["Second", "First"],
        "description": ["", "An abstract"],
        "authors": [None, "Ada"],
    },
    "analyses": {**IDS, "name": ["heat", "touch", "cold"]},
    "coordinates": {
        "id": ["s2-a", "s1-a", "s1-a", "s1-a"],
        "study_id": ["s2", "s1", "s1", "s1"],
        "contrast_id": ["a", "a", "a", "a"],
        "x": [1.0, 2.0, 3.0, None],
        "y": [1.0, 2.0, 3.0, None],
        "z": [1.0, 2.0, 3.0, None],
        "space": ["TAL", "MNI", "MNI", "MNI"],
        "kind": ["", "", "", ""],
        "t_stat": [None, 4.5, None, None],
    },
    "images": {**IDS, "z__source": ["z.nii", None, None], "space": ["MNI", None, None]},
    "metadata": {
        **IDS,
        "analysis_name": ["heat", "touch", "cold"],
        "sample_sizes": [[12, 14], None, None],
        "subjects": [None, 20.0, None],
        "modality": ["heat", None, None],
    },
    "annotations": {**IDS, "pain": [True, False, None], "sample_size": [None, None, 9.0]},
    "texts": {**IDS, "body": ["text", None, None]},
}


def put(folder: Path, *, listed: bool = True, **changed: Any) -> Path:
    """Write the tables, some of them changed; those that are None are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: table for name, table in (TABLES | changed).items() if table is not None}
    for name, table in tables.items():
        parquet.write_table(pa.table(table), folder / f"{name}.parquet")
    if listed:
        manifest = {"format": "nimare-studyset-parquet", "version": 1, "name": "pain set"}
        (folder / "studyset.json").write_text(json.dumps(manifest))
    return folder


def test_tables_become_contrasts(tmp_path: Path) -> None:
    """Every table finds its place, rows by their ids and not by their order."""
    contrasts, problems = nimads_parquet.read_folder(put(tmp_path))
    first, second, third = contrasts
    assert [one.id for one in contrasts] == ["s1-a", "s1-b", "s2-a"]
    assert first.xyz.tolist() == [[2, 2, 2], [3, 3, 3]]
    assert first.spaces == ("MNI", "MNI")
    assert first.values == {"t_stat": (4.5, None)}
    assert first.metadata == {
        "study_name": "First",
        "contrast_name": "heat",
        "authors": "Ada",
        "modality": "heat",
    }
    assert first.images == {"z": "z.nii", "space": "MNI"}
    assert first.annotations == {"pain": True}
    assert first.texts == {"abstract": "An abstract", "body": "text"}
    assert [one.sample_sizes for one in contrasts] == [(12, 14), (20,), (9,)]
    assert second.xyz.shape == (0, 3)
    assert (third.spaces, third.xyz.tolist()) == (("TAL",), [[1, 1, 1]])
    assert [str(problem) for problem in problems] == [
        "studyset.json: 1 focus without coordinates left out",
        "studyset.json: 'subjects' is taken as the sample size of 1 analysis",
    ]


@pytest.mark.parametrize("named", [".", "studyset.json", "analyses.parquet"])
def test_folder_or_any_of_its_files_is_read(tmp_path: Path, named: str) -> None:
    """The tables are one dataset, whichever of them is named."""
    (source,) = io.read(put(tmp_path) / named)
    assert (source.name, source.format) == ("pain set", "parquet studyset")
    assert source.files[0] == "studyset.json"
    assert len(source.files) == 8
    assert len(source.dataset.coordinates) == 3
    assert source.dataset.get_metadata(field="space_transform") == ["none", "", "tal2mni-other"]


def test_tables_without_their_list(tmp_path: Path) -> None:
    """The list says only a name: without it the folder's is taken."""
    (source,) = io.read(put(tmp_path / "mine", listed=False))
    assert source.name == "mine"
    assert list(source.dataset.ids) == ["s1-a", "s1-b", "s2-a"]


def test_unknown_space_is_the_users_decision(tmp_path: Path) -> None:
    """From the library too, and never silent."""
    coordinates = TABLES["coordinates"] | {"space": ["TAL", None, "OTHER", None]}
    folder = put(tmp_path, coordinates=coordinates)
    with pytest.raises(DataError, match="unknown space 'OTHER' for s1-a"):
        io.convert_nimads_to_dataset(folder)
    dataset = io.convert_nimads_to_dataset(folder, unknown_space="mni")
    assert dataset.coordinates["original_space"].tolist() == ["UNKNOWN", "UNKNOWN", "TAL"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"studies": None}, "studyset.json: there is no studies.parquet"),
        (
            {"analyses": {"id": ["a"]}},
            "analyses.parquet: no column study_id, contrast_id (has id)",
        ),
        (
            {"coordinates": {k: v for k, v in TABLES["coordinates"].items() if k != "z"}},
            "coordinates.parquet: no column z",
        ),
        (
            {"coordinates": TABLES["coordinates"] | {"x": ["a", "b", "c", "d"]}},
            "coordinates.parquet: column x is no column of numbers",
        ),
        (
            {"annotations": TABLES["annotations"] | {"id": ["s1-a", "q", "r"]}},
            "2 rows of annotations.parquet of 2 analyses that analyses.parquet lacks: q, r",
        ),
        (
            {"analyses": TABLES["analyses"] | {"contrast_id": ["a", "a", "a"]}},
            "id 's1-a' stands 2 times",
        ),
    ],
)
def test_wrong_tables(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    """A table that lacks what it needs is named with what is wrong."""
    with pytest.raises(DataError) as caught:
        io.read(put(tmp_path, **changed))
    assert message in str(caught.value)


def test_study_without_a_row_is_said(tmp_path: Path) -> None:
    """Its analyses are there all the same."""
    studies = {"study_id": ["s1"], "name": ["First"]}
    contrasts, problems = nimads_parquet.read_folder(put(tmp_path, studies=studies))
    assert len(contrasts) == 3
    assert "studies.parquet lacks 1 study of the analyses: s2" in str(problems[0])


@pytest.mark.parametrize("keep", [5, 200, -20])
def test_damaged_table(tmp_path: Path, keep: int) -> None:
    """A table that was cut off is one error."""
    path = put(tmp_path) / "coordinates.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"coordinates\.parquet: damaged: "):
        io.read(tmp_path)


def test_table_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a table says of its size is believed before it is read."""
    monkeypatch.setattr(_parquet, "MAX_CELLS", 20)
    with pytest.raises(DataError, match=r"coordinates\.parquet: 36 cells in .* are too many"):
        io.read(put(tmp_path))


def test_repeated_text_is_held_once(tmp_path: Path) -> None:
    """A short file may say a long text in every row."""
    path = tmp_path / "long.parquet"
    parquet.write_table(pa.table({"a": ["x" * 10_000] * 50_000 + [None]}), path)
    found = _parquet.cells(_parquet.read_table(path).column("a"))
    assert path.stat().st_size < 100_000
    assert len({id(one) for one in found}) == 2
    assert (found[0], found[-1], len(found)) == ("x" * 10_000, None, 50_001)


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    put(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError) as caught:
        nimads_parquet.read_folder(tmp_path)
    assert str(caught.value).endswith(
        "studies.parquet: reading parquet needs pyarrow: pip install 'nimare-pipeline[parquet]'"
    )


def test_real_release(shared_data: Path) -> None:
    """Numbers of studies, analyses and foci are those of the tables, read one by one."""
    folder = shared_data / "nimads/parquet/neurostore_parquet_studyset"
    (source,) = io.read(folder)
    tables = {p.stem: parquet.read_table(p).to_pylist() for p in folder.glob("*.parquet")}
    dataset = source.dataset
    assert sorted(dataset.ids) == sorted(row["id"] for row in tables["analyses"])
    assert dataset.metadata["study_id"].nunique() == len(tables["studies"]) == 4
    assert len(dataset.coordinates) == len(tables["coordinates"]) == 47
    first = tables["coordinates"][0]
    mine = dataset.coordinates[dataset.coordinates["id"] == first["id"]]
    assert (mine["original_space"] == first["space"]).all()
    column = "ParticipantDemographicsExtractor.groups[0].count"
    counts = {row["id"]: row[column] for row in tables["annotations"]}
    labels = dict(zip(dataset.ids, dataset.label(column), strict=True))
    np.testing.assert_array_equal(
        [labels[name] for name in counts],
        [np.nan if value is None else value for value in counts.values()],
    )
