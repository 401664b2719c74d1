"""What NiMARE reads in files that were written here; run by hand where NiMARE is (0.22.1).

From the root of the checkout, with this package::

    python -c "import pathlib, tests.io.tables as t; t.put(pathlib.Path('set'), t.SET)"
    nimare-pipeline convert set files/nimads.json
    nimare-pipeline convert set files/nimare.json --to nimare
    nimare-pipeline convert set files/sleuth.txt

and then, with NiMARE::

    python tests/reference/make_nimare_reads.py files tests/reference/nimare_reads.json
"""

import hashlib
import json
import sys
from pathlib import Path

from nimare.dataset import Dataset
from nimare.io import convert_sleuth_to_dataset
from nimare.nimads import Studyset

READERS = {
    "nimads.json": lambda path: Studyset(path).to_dataset(),
    "nimare.json": Dataset,
    "sleuth.txt": lambda path: convert_sleuth_to_dataset(path, target="mni152_2mm"),
}


def facts(path: Path) -> dict:
    """Ids, coordinates, sample sizes and labels that NiMARE has of a file."""
    found = READERS[path.name](str(path))
    labels = found.annotations.set_index("id").drop(columns=["study_id", "contrast_id"])
    return {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "ids": list(found.ids),
        "coordinates": found.coordinates[["id", "x", "y", "z"]].to_numpy().tolist(),
        "sample_sizes": [list(sizes) for sizes in found.metadata["sample_sizes"]],
        "labels": json.loads(labels.to_json(orient="index")),
    }


folder, out = map(Path, sys.argv[1:])
read = {name: facts(folder / name) for name in READERS}
out.write_text(json.dumps(read, indent=1, ensure_ascii=False) + "\n")
