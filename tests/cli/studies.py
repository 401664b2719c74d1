"""The shipped example with something to select by, and an analysis file of six analyses."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

from tests.cli.program import EXAMPLE

SIX = """\
[run]
seed = 7

[defaults]
corrector = {type = "FWECorrector", args = {method = "montecarlo", n_iters = 20}}

[[analysis]]
name = "all"
description = "Every experiment of the example"

[[analysis]]
name = "heat only"
select = 'modality == "heat" and sample_size >= 10'

[[analysis]]
name = "arm"
select = 'label("site__arm") > 0.5 or missing(modality)'
corrector = {type = "FDRCorrector", args = {method = "indep"}}

[[analysis]]
name = "wrong"
select = 'modalty == "heat"'

[[analysis]]
name = "insula"
select = 'in_mask("roi.nii.gz") or within(-38, 4, 2, 6)'
outside = "drop"

[[analysis]]
name = "density"
estimator = {type = "MKDADensity"}
result = "voxel"
"""
"""Six analyses, of which ``wrong`` cannot be done: there is no column ``modalty``."""
NAMES = ["all", "heatOnly", "arm", "wrong", "insula", "density"]


def write_six(folder: Path) -> Path:
    """Make an input folder: 21 studies with a modality and a label, a mask, and the file."""
    folder.mkdir(parents=True, exist_ok=True)
    studies = json.loads((EXAMPLE / "pain.json").read_text())
    for i, study in enumerate(studies.values()):
        contrast = study["contrasts"]["1"]
        if i % 7:
            contrast["metadata"]["modality"] = "heat" if i % 2 else "laser"
        contrast["labels"] = {"site__arm": round((i * 5 % 21) / 21, 3)}
    (folder / "pain.json").write_text(json.dumps(studies))
    volume = np.zeros((91, 109, 91), dtype=np.uint8)
    volume[22:30, 60:70, 32:42] = 1
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(volume, affine), folder / "roi.nii.gz")
    (folder / "analyses.toml").write_text(SIX)
    return folder


BOX_AFFINE = np.array([[2.0, 0, 0, -90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])


def example_and_box(folder: Path) -> Path:
    """Put the example as it ships into ``in``, and a small mask, ``box.nii.gz``, beside it."""
    inner = folder / "in"
    inner.mkdir()
    (inner / "pain.json").write_bytes((EXAMPLE / "pain.json").read_bytes())
    volume = np.zeros((91, 109, 91), dtype=np.uint8)
    volume[16:41, 55:75, 28:48] = 1
    nib.save(nib.Nifti1Image(volume, BOX_AFFINE), folder / "box.nii.gz")
    return inner
