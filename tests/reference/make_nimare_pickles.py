"""Reference: pickled Datasets of many NiMARE versions, and what each says is in them.

Run in an environment of its own for each version, outside of this repository::

    python make_nimare_pickles.py NAME

writes ``nimare_pickles/NAME.pkl.gz`` as ``Dataset.save`` writes it, and beside it ``NAME.json``
with the tables as pandas shows them there. Made with

========  ======  =======  ======  =====  ====================================
name      NiMARE  Python   pandas  numpy  beside
========  ======  =======  ======  =====  ====================================
0.0.3     0.0.3   3.6.15   1.0.5   1.19.5
0.0.5     0.0.5   3.7.16   1.3.5   1.21.6
0.0.11    0.0.11  3.9.18   1.3.5   1.21.6
0.0.14    0.0.14  3.8.18   2.0.3   1.23.5
0.4.2     0.4.2   3.10.13  2.1.4   1.26.4
0.12.0    0.12.0  3.11.7   2.2.3   1.26.4
0.22.1    0.22.1  3.12.1   2.3.3   2.5.5
p3        0.22.1  3.11.7   3.1.1   2.4.6
p3arrow   0.22.1  3.13.0   3.1.1   2.5.5  pyarrow
========  ======  =======  ======  =====  ====================================
"""

import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from nimare.dataset import Dataset

HERE = Path(__file__).parent / "nimare_pickles"
TABLES = ("coordinates", "metadata", "images", "annotations", "texts")


def source():
    """Three studies with what a Dataset may hold, gaps included."""
    return {
        "pain_02": {
            "contrasts": {
                "1": {
                    "coords": {
                        "space": "MNI",
                        "x": [10, -22.5],
                        "y": [4, 0],
                        "z": [-8, 60],
                        "z_stat": [3.5, 4.25],
                    },
                    "images": {"z": "pain_02/z.nii.gz", "space": "MNI152NLin2009cAsym"},
                    "metadata": {"sample_sizes": [20, 22], "year": 2006, "journal": "Jöurnal"},
                    "labels": {"Terms__pain": 0.125, "Terms__touch": 0.0},
                    "text": {"abstract": "Hot & <cold>."},
                },
                "2": {
                    "coords": {"space": "MNI", "x": [0], "y": [2], "z": [40], "z_stat": [5.5]},
                    "metadata": {"sample_sizes": [20], "year": 2006, "is_patient": True},
                    "labels": {"Terms__pain": 0.5, "Terms__touch": 1.0},
                },
            }
        },
        "a-1": {
            "contrasts": {
                "main": {
                    "coords": {"space": "TAL", "x": [-40], "y": [-20], "z": [50], "z_stat": [2.5]},
                    "metadata": {"sample_sizes": [12], "doi": "10.1/x", "year": 1999},
                    "labels": {"Terms__pain": 0.25},
                    "text": {"abstract": "Touch.", "full": "Long."},
                }
            }
        },
        "no_foci": {
            "contrasts": {
                "1": {
                    "images": {"z": "no_foci/z.nii.gz", "t": "no_foci/t.nii.gz"},
                    "metadata": {"sample_sizes": [7]},
                    "labels": {"Terms__pain": 0.75, "Terms__touch": 0.5},
                }
            }
        },
    }


def mask():
    """Four voxels a side, to keep the files small."""
    inside = np.zeros((4, 4, 4), dtype=np.uint8)
    inside[1:3, 1:3, 1:4] = 1
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [-4, -5, -6]
    return nib.Nifti1Image(inside, affine)


def main(name):
    """Write a pickle and its tables."""
    # The last two in each way: with the whole brain, as most files are.
    dataset = Dataset(source(), mask=None if name == "p3" else mask())
    dataset.save(str(HERE / (name + ".pkl.gz")))
    tables = {
        table: json.loads(getattr(dataset, table).to_json(orient="split", double_precision=15))
        for table in TABLES
    }
    text = json.dumps({"ids": list(dataset.ids), "tables": tables}, indent=1, sort_keys=True)
    (HERE / (name + ".json")).write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
