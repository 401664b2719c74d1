"""NiMARE reads what is written here: the files are those it was given, and it says the same."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nimare_pipeline import io
from nimare_pipeline.contrast import is_missing
from nimare_pipeline.io.conversion import convert
from tests.io.tables import SET, put

READ = json.loads(
    (Path(__file__).resolve().parents[1] / "reference" / "nimare_reads.json").read_text()
)
"""By file, see make_nimare_reads.py beside it."""
FORMATS = {"nimads.json": "nimads", "nimare.json": "nimare", "sleuth.txt": "sleuth"}


@pytest.mark.parametrize("name", FORMATS)
def test_nimare_reads_what_is_written(name: str, tmp_path: Path) -> None:
    """Ids, coordinates in MNI space, sample sizes and labels of NiMARE 0.22.1 are ours.

    If the digest is another, the format has changed: let NiMARE read it again.
    """
    path = tmp_path / "files" / name
    convert(put(tmp_path / "set", SET), path, FORMATS[name])
    seen: dict[str, Any] = READ[name]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == seen["sha256"]
    dataset = io.convert_native_to_dataset(tmp_path / "set")
    assert sorted(dataset.ids) == sorted(seen["ids"])
    ours = dataset.slice(seen["ids"]).coordinates.sort_values(["id", "x"])
    theirs = sorted(seen["coordinates"])
    if name == "sleuth.txt":  # one space: it was converted here
        assert dataset.coordinates["original_space"].nunique() == 2
    assert ours["id"].tolist() == [row[0] for row in theirs]
    np.testing.assert_allclose(
        ours[["x", "y", "z"]].to_numpy(), [row[1:] for row in theirs], atol=1e-9
    )
    by_id = dict(zip(dataset.ids, dataset.sample_sizes(), strict=True))
    assert [[by_id[one]] for one in seen["ids"]] == seen["sample_sizes"]
    for one, labels in seen["labels"].items():
        row = int(np.flatnonzero(dataset.ids == one)[0])
        for label, value in labels.items():
            own = dataset.label(label)[row]
            assert own == value or (value is None and is_missing(own))
