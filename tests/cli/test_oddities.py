"""What looks like a slip in the data is in the log and the report of a run."""

import json
from pathlib import Path

import pytest

from tests.cli.program import FEW
from tests.cli.studies import example_and_box

COPY = "has the same 4 foci as"
TWICE = "study,n,x,y,z,space\n" + "".join(
    f"{study},20,{x},{y},{z},MNI\n"
    for study in ("Ada 2001", "Bob 2002")
    for x, y, z in ((-40, 10, 4), (40, 8, 2), (2, 22, 38), (-12, -18, 8))
)


@pytest.mark.usefixtures("undrawn")
def test_suspicions_are_in_log_and_report(tmp_path: Path, here) -> None:
    """The warning of ``validate``, word for word; the run goes on."""
    box = example_and_box(tmp_path).parent / "box.nii.gz"
    table = tmp_path / "foci.csv"
    table.write_text(TWICE)
    assert COPY in here("validate", table, "--json").out
    out = tmp_path / "out"
    ended = here(table, out, "meta", "--mask", box, *FEW)
    assert ended.code == 0, ended.err
    said = "foci.csv, line 2 (study Ada 2001, contrast 1): has the same 4 foci as Bob 2002-1 "
    assert f"WARNING: {said}" in ended.err
    (log,) = out.glob("logs/*/run.log")
    assert said in log.read_text()
    (status,) = out.glob("logs/*/status.json")
    assert COPY in json.dumps(json.loads(status.read_text()))
    assert said in (out / "report.html").read_text()
