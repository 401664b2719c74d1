"""The output folder before the official validator, without network."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline import io
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset


def validate(folder: Path) -> subprocess.CompletedProcess[str]:
    beside_python = Path(sys.executable).with_name("bids-validator-deno")
    program = str(beside_python) if beside_python.exists() else shutil.which("bids-validator-deno")
    assert program is not None, "bids-validator-deno is in the test requirements"
    return subprocess.run(
        [program, "--json", str(folder)], capture_output=True, text=True, check=False, timeout=300
    )


def errors_of(ended: subprocess.CompletedProcess[str]) -> list[str]:
    issues = json.loads(ended.stdout)["issues"]["issues"]
    return [
        f"{issue['code']} {issue.get('location', '')}"
        for issue in issues
        if issue["severity"] == "error"
    ]


def test_results_are_valid_bids(results: Path) -> None:
    """The validator finds no error and exits 0."""
    ended = validate(results)
    assert errors_of(ended) == []
    assert ended.returncode == 0


def test_validator_sees_what_it_looks_for(results: Path, tmp_path: Path) -> None:
    """A file with a name BIDS does not know is found out, so that silence means something."""
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    (copy / "tpl-MNI152NLin6Asym" / "odd name.txt").touch()
    ended = validate(copy)
    assert ended.returncode != 0
    assert any("odd name" in error for error in errors_of(ended))


@pytest.mark.parametrize("name", ["status.json", "settings.toml", "run.log"])
def test_logs_are_left_alone(results: Path, name: str) -> None:
    """The logs are where BIDS wants them, one folder a run."""
    assert len(list(results.glob(f"logs/*/{name}"))) == 1


def test_studies_written_as_tables_are_valid_bids(tmp_path: Path) -> None:
    """Also with all kinds of tables, maps in folders of their studies, and odd labels."""
    dataset = Dataset.from_contrasts(
        [
            Contrast("a_1.nidm", name, np.ones((2, 3)), ("MNI", "TAL"), (12, 13),
                     metadata={"title": "T", "dof": 3}, annotations={"pain": 1},
                     texts={"abstract": "A"}, images={"z": "study-a1nidm/z.nii.gz"})
            for name in ("x > y", "y > x")
        ]
    )  # fmt: skip
    folder = io.write_native(dataset, tmp_path / "set")
    stem = folder / "study-a1nidm" / "study-a1nidm_contrast-xy"
    stem.parent.mkdir()
    for name in ("coordinates.tsv", "space-MNI152NLin6Asym_stat-z_statmap.nii.gz", "mask.nii.gz"):
        Path(f"{stem}_{name}").write_bytes(b"1")
    ended = validate(folder)
    assert errors_of(ended) == []
    assert ended.returncode == 0
