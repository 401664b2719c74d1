"""Derivatives of small made-up results, for what reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from nimare_pipeline import derivatives
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Analysis, Component, Settings

VOXEL = {"level": "voxel", "correction": "FWE", "method": "montecarlo"}
SIZE = {"level": "cluster", "measure": "size", "correction": "FWE", "method": "montecarlo"}


def small_mask(n: int = 6) -> BrainMask:
    """Some voxels of the 2 mm template grid in a row, from (0, 0, 0) to the left."""
    inside = np.zeros((91, 109, 91), dtype=bool)
    inside[45 : 45 + n, 63, 36] = True
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    return BrainMask(inside, affine, "row")


def made_result(
    z: list[float],
    *,
    voxel: list[float] | None = None,
    size: list[float] | None = None,
    **more: Any,
) -> MetaResult:
    """Result with these z, and p corrected at two levels; ``tail`` and ``mask`` in ``more``."""
    values, tail = np.array(z, dtype=float), more.get("tail", "positive")
    p = 2 * norm.sf(np.abs(values)) if tail == "two-sided" else norm.sf(values)
    maps = {MapSpec("stat", tail): values, MapSpec("z", tail): values, MapSpec("p", tail): p}
    maps[MapSpec("logp", tail)] = -np.log10(p)
    for given, level in ((voxel, VOXEL), (size, SIZE)):
        if given is not None:
            maps[MapSpec("p", tail, **level)] = np.array(given, dtype=float)
    mask = more.get("mask") or small_mask(len(z))
    return MetaResult(
        Component("ALE"),
        mask,
        {spec.name: found for spec, found in maps.items()},
        {spec.name: spec for spec in maps},
        facts={
            "n_contrasts": more.get("n_contrasts", 20),
            "n_foci": 40,
            "cluster_forming": {"p": 0.05},
            "correction": {"error_rate": "FWE", "method": "montecarlo"},
        },
    )


def contrasts(**studies: bool) -> pd.DataFrame:
    """Table of contrasts: study to whether it is included."""
    return pd.DataFrame(
        {
            "id": [f"{name}-1" for name in studies],
            "study_id": list(studies),
            "contrast_id": "1",
            "included": list(studies.values()),
            "reason": ["" if kept else "not selected" for kept in studies.values()],
            "sample_size": 20.0,
            "sample_size_filled": False,
            "n_foci": 1,
            "n_foci_inside": 1,
            "n_foci_outside": 0,
            "original_space": "MNI",
            "space_transform": "none",
        }
    )


def coordinates(table: pd.DataFrame, x: float = 0.0) -> pd.DataFrame:
    """One focus of each contrast, used if the contrast is included."""
    ids = table[["id", "study_id", "contrast_id"]]
    return ids.assign(x=x, y=0.0, z=0.0, original_space="MNI", inside=True, used=table["included"])


def write(
    out: Path, name: str, result: MetaResult, table: pd.DataFrame | None = None, **options: Any
) -> Path:
    """Write a result as the derivatives of an analysis; ``level``, ``x`` and ``mask_file``."""
    analysis, level = Analysis(name, alpha=0.05), options.get("level", "voxel")
    settings = Settings("/in", str(out), "", "run", mask_file=options.get("mask_file", ""))
    table = contrasts(ada=True, bell=True) if table is None else table
    foci = coordinates(table, options.get("x", 0.0))
    stage = out.with_name(f"{out.name}-stage-{name}")
    derivatives.write_analysis(
        stage,
        analysis=analysis,
        settings=settings,
        cohort_contrasts=table,
        cohort_coordinates=foci,
        result=result,
        clusters=cluster_table(result, alpha=0.05, level=level, foci=foci),
    )
    derivatives.swap_in(stage, out, name)
    return out
