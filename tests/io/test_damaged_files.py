"""Every format, damaged at random: what is left is read, or refused in words that name a file."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from nimare_pipeline import io
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.io import registry
from tests.hostile import Files, bounded, damaged_sets, put, read_or_refused
from tests.io import sheets, tables, test_canlab, test_compose, test_jale, test_neurosynth
from tests.io import test_nimads_parquet as parquets
from tests.io.test_nimads import analysis, point, studyset

PICKLES = Path(__file__).resolve().parents[1] / "reference" / "nimare_pickles"
COORDS = {"space": "MNI", "x": [1, 2], "y": [2, 3], "z": [3, 4], "kind": ["a", "b"]}
CONTRAST = {
    "coords": COORDS,
    "metadata": {"sample_sizes": [12], "task": "pain"},
    "labels": {"pain": 0.5},
    "images": {"z": "z.nii.gz", "space": "MNI"},
    "text": {"abstract": "On pain"},
}
SLEUTH = (
    "//Reference=Talairach\n//Smith, 2019: pain > rest\n//Subjects=24\n10\t-20\t30\n-12\t4\t8\n\n"
    "// Lee, 2020: touch\n// Subjects=16\n40,5 -10 2 4.5\n"
)
OLD = "id\tdoi\tx\ty\tz\tspace\ttitle\n1\ta\t10\t20\t30\tMNI\tPain\n2\tb\t1\t2\t3\tTAL\tTouch\n"


def _text(value: object) -> bytes:
    return json.dumps(value).encode()


def _made(write: Callable[[Path], object]) -> Files:
    """Files that a helper of another test writes into a folder."""
    with TemporaryDirectory() as name:
        write(Path(name))
        return {path.name: path.read_bytes() for path in sorted(Path(name).iterdir())}


def _neurosynth(folder: Path) -> None:
    test_neurosynth.write(folder, "metadata", test_neurosynth.METADATA)
    test_neurosynth.write(folder, "coordinates", test_neurosynth.COORDINATES)
    path = test_neurosynth.write_features(folder)
    sparse.save_npz(path, sparse.csr_matrix(test_neurosynth.WEIGHTS), compressed=False)
    terms = "\n".join(test_neurosynth.TERMS) + "\n"
    (folder / f"{test_neurosynth.PREFIX}_vocab-terms_vocabulary.txt").write_text(terms)


def _saved(folder: Path) -> None:
    contrasts = {"1": CONTRAST, "b": {"coords": COORDS}}
    dataset = Dataset({"s": {"contrasts": contrasts}})
    dataset.save(folder / "saved.pkl.gz")


SEEDS: dict[str, Callable[[], Files]] = {
    "native": lambda: {name: body.encode() for name, body in tables.SET.items()},
    "native, one table": lambda: {"coordinates.tsv": tables.QUICK.encode()},
    "sleuth": lambda: {"a.txt": SLEUTH.encode()},
    "sleuth, UTF-16": lambda: {"a.txt": SLEUTH.encode("utf-16")},
    "NiMARE": lambda: {"a.json": _text({"s": {"contrasts": {"1": CONTRAST}}})},
    "NiMARE pickle": lambda: {"a.pkl.gz": (PICKLES / "0.0.11.pkl.gz").read_bytes()},
    "NIMADS": lambda: {
        "studyset.json": _text(studyset(analysis("a1", point(1, 2, 3), metadata={"a": 1}))),
        "annotation.json": _text({"id": "A", "notes": [{"analysis": "a1", "note": {"p": 1}}]}),
    },
    "Compose": lambda: _made(test_compose.bundle),
    "parquet": lambda: _made(parquets.put),
    "Neurosynth": lambda: _made(_neurosynth),
    "Neurosynth, old": lambda: {
        "database.txt": OLD.encode(),
        "features.txt": b"pmid\tpain\ttouch\n1\t0.5\t0\n2\t0\t1\n",
    },
    "CSV": lambda: {"a.csv": sheets.csv([sheets.HEAD, *sheets.ROWS]).encode()},
    "XLSX": lambda: _made(
        lambda to: sheets.workbook(to / "a.xlsx", {"a": [sheets.HEAD, *sheets.ROWS]})
    ),
    "CANlab": lambda: {"a.txt": sheets.csv(test_canlab.ROWS, "\t").encode()},
    "JALE": lambda: _made(test_jale.project),
    "JALE, text": lambda: {
        "experiment_info.csv": sheets.csv(test_jale.EXPERIMENTS).encode(),
        "analysis_info.csv": sheets.csv(test_jale.ANALYSES).encode(),
    },
    "saved": lambda: _made(_saved),
}


@cache
def seed(name: str) -> Files:
    """Small whole files of a format."""
    return SEEDS[name]()


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_whole_ones_are_read(tmp_path: Path, name: str) -> None:
    """What the test below damages is right before."""
    assert io.read(put(tmp_path / "in", seed(name)))


@pytest.mark.parametrize("name", sorted(SEEDS))
@bounded(40)
@given(data=st.data())
def test_damaged_ones_are_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    """No other exception, no warning, no loop, and nothing written; a refusal names a file."""
    files = data.draw(damaged_sets(seed(name)))
    folder = put(tmp_path / "in", files)
    known = [*files, "in"]
    found = read_or_refused(lambda: registry.examine(folder), names=known, folder=tmp_path)
    for problem in (
        [] if found is None else [*found[1], *(p for one in found[0] for p in one.problems)]
    ):
        assert problem.message.strip()
        assert problem.file in ("", *files), problem
    read_or_refused(lambda: io.read(folder), names=known, folder=tmp_path)
