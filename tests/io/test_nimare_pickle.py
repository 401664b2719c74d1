"""Pickled NiMARE Datasets: of real versions, and hostile ones."""

import gzip
import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import io, spaces
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.io import nimare_pickle
from nimare_pipeline.io._nimare_tables import contrasts_of
from nimare_pipeline.io._pickle_pandas import Frame
from nimare_pipeline.tables import FRAMES, ID_COLUMNS

PICKLES = Path(__file__).resolve().parents[1] / "reference" / "nimare_pickles"
VERSIONS = sorted(path.name.removesuffix(".pkl.gz") for path in PICKLES.glob("*.pkl.gz"))
NOT_KEPT = {"coordinates": {"space", "i", "j", "k"}}
"""Columns that say where foci lie in another way."""


def pickled(version: str) -> Path:
    return PICKLES / f"{version}.pkl.gz"


def said(version: str, table: str) -> dict[str, Any]:
    """Columns of a table, as pandas showed them beside the NiMARE that wrote the pickle.

    Rows in the order of the metadata: before 0.0.4 some tables were sorted, and some not.
    """
    tables = json.loads((PICKLES / f"{version}.json").read_text())["tables"]
    order = [row[0] for row in tables["metadata"]["data"]]
    rows = sorted(tables[table]["data"], key=lambda row: order.index(row[0]))
    columns = zip(tables[table]["columns"], zip(*rows, strict=True), strict=True)
    return {name: list(cells) for name, cells in columns if name not in NOT_KEPT.get(table, ())}


def cells(table: pd.DataFrame, names: list[str]) -> dict[str, list[Any]]:
    return {
        name: [None if one is None or one != one else one for one in table[name].tolist()]  # noqa: PLR0124
        for name in names
    }


def test_versions_are_there() -> None:
    """The reference pickles are of seven NiMARE versions and of pandas 1, 2 and 3."""
    assert len(VERSIONS) == 9


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("table", ["coordinates", "metadata", "images", "annotations", "texts"])
def test_tables_are_those_of_nimare(version: str, table: str) -> None:
    """Every cell of every column is what that NiMARE itself showed."""
    found = getattr(Dataset.load(pickled(version)), table)
    expected = said(version, table)
    if "z_stat" in expected:  # texts before 0.0.11
        expected["z_stat"] = [None if one is None else float(one) for one in expected["z_stat"]]
    assert cells(found, list(expected)) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_ids_keep_their_order(version: str) -> None:
    """Contrasts stand as in the pickle; columns that are not in it are those of any Dataset."""
    dataset = Dataset.load(pickled(version))
    assert dataset.ids.tolist() == said(version, "metadata")["id"]
    assert set(dataset.metadata.columns) - set(said(version, "metadata")) == {
        *("original_space", "space_transform", "source_file")
    }
    assert set(dataset.coordinates["space"]) == {"MNI"}


def test_contrasts_without_a_name_are_given_one() -> None:
    """A Dataset that NiMARE made of Sleuth headers without a colon keeps every contrast."""
    names = [("A, 2000-", "A, 2000", ""), ("B, 2001-", "B, 2001", "")]
    cells = dict(zip(ID_COLUMNS, np.array(names, dtype=object).T, strict=True))
    frames = {name: Frame(cells, 2) for name in FRAMES}
    frames["coordinates"] = Frame({**cells, **{axis: np.array([1.0, 2]) for axis in "xyz"}}, 2)
    found, _, problems = contrasts_of(
        frames, [one[0] for one in names], file="a.pkl", target="mni152_2mm"
    )
    assert [one.id for one in found] == ["A, 2000-analysis_1", "B, 2001-analysis_1"]
    assert [len(one.xyz) for one in found] == [1, 1]
    assert problems[-1].message == (
        "2 contrasts have no name, of studies 'A, 2000', 'B, 2001'; called analysis_1 and so on"
    )


def test_masks() -> None:
    """A mask of its own comes along; the usual one is ours."""
    mask = Dataset.load(pickled("0.22.1")).mask
    expected = np.zeros((4, 4, 4), dtype=bool)
    expected[1:3, 1:3, 1:4] = True
    np.testing.assert_array_equal(mask.inside, expected)
    np.testing.assert_array_equal(mask.affine[:3, 3], [-4, -5, -6])
    assert Dataset.load(pickled("p3")).mask.name == spaces.template_mask().name


@pytest.mark.parametrize("name", ["a.pkl", "a.json", "dataset"])
@pytest.mark.parametrize("is_packed", [True, False])
def test_load_goes_by_content(tmp_path, name: str, *, is_packed: bool) -> None:
    """A pickle is known by its content, packed or not, whatever it is called."""
    body = pickled("0.22.1").read_bytes()
    (tmp_path / name).write_bytes(body if is_packed else gzip.decompress(body))
    assert len(Dataset.load(tmp_path / name).ids) == 4


def test_load_of_nimare_json(tmp_path, caplog) -> None:
    """NiMARE's JSON is loaded too, whatever its suffix; what is odd is logged."""
    coords = {"space": "MNI", "x": [200], "y": [0], "z": [0]}
    (tmp_path / "a.pkl.gz").write_text(json.dumps({"s": {"contrasts": {"1": {"coords": coords}}}}))
    with caplog.at_level(logging.WARNING, "nimare_pipeline"):
        assert Dataset.load(tmp_path / "a.pkl.gz").ids.tolist() == ["s-1"]
    assert "focus 1, (200, 0, 0), lies outside the head" in caplog.text


def test_folder_with_a_pickle(tmp_path) -> None:
    """A pickle is a dataset folder's dataset like any other; that its mask is not used is said."""
    (tmp_path / "pain.pkl.gz").write_bytes(pickled("0.0.11").read_bytes())
    (source,) = io.read(tmp_path)
    assert (source.format, source.name) == ("pickled NiMARE Dataset", "pain")
    assert source.dataset.ids.tolist() == said("0.0.11", "metadata")["id"]
    (problem,) = source.problems
    assert problem.message == (
        "its mask is not the usual one; the analysis takes the brain mask of its own target space"
    )
    assert set(source.dataset.metadata.columns) >= set(ID_COLUMNS)


@pytest.mark.parametrize(
    ("value", "kind"), [({1: np.float64(2)}, "a dictionary"), ([np.float64(2)], "a list")]
)
@pytest.mark.parametrize("protocol", [3, 5])
def test_plain_pickle_is_called_what_it_is(tmp_path, value: Any, kind: str, protocol: int) -> None:
    """Not by the first thing inside of it, which may be a number of numpy."""
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    assert f"a.pkl is a pickle of {kind}, and only Datasets" in nimare_pickle.why_not(path)


def test_sniff_leaves_other_files_alone(tmp_path) -> None:
    """What is not a pickled Dataset is not taken for one."""
    for number, body in enumerate(
        (b"", b"\x80", b"\x80\x04.", b"{}", b"\x1f\x8b", b"cos\nsystem\n")
    ):
        (tmp_path / str(number)).write_bytes(body)
        assert not nimare_pickle.sniff(tmp_path / str(number))
