"""A small comparison of two groups on an ellipsoid of 4 mm voxels, as an estimator gives it.

Two blobs of each sign: of the positive ones one is significant, of the negative ones both are.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.judging import Signed, corrected_maps, judge_signed
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component

N_ITERS = 199
N_FIRST, N_SECOND = 18, 12
UNIT = 1e-4
THRESHOLD = 0.02
CENTRES = {
    (36, 4, 0): (0.04, 12.0),
    (-36, -60, -28): (0.025, 5.0),
    (-44, 4, 0): (-0.045, 8.0),
    (6, 4, 0): (-0.05, 9.0),
}
"""Middle of each blob, mm: height and width (mm)."""


def ellipsoid() -> BrainMask:
    """Voxels of 4 mm within an ellipsoid of the size of a brain."""
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -72, -104, -68
    xyz = np.moveaxis(np.indices((37, 45, 37)), 0, -1) * 4.0 + affine[:3, 3]
    inside = (((xyz - [0, -18, 4]) / [66, 82, 62]) ** 2).sum(axis=-1) < 1
    return BrainMask(inside, affine, "ellipsoid")


def places(mask: BrainMask) -> NDArray[np.float64]:
    """Centres of the voxels of a mask, mm."""
    return np.argwhere(mask.inside) @ mask.affine[:3, :3].T + mask.affine[:3, 3]


def difference(mask: BrainMask) -> NDArray[np.float64]:
    """A map of both signs, whole steps of ``UNIT``."""
    xyz = places(mask)
    blobs = [
        height * np.exp(-((xyz - centre) ** 2).sum(axis=1) / (2 * width**2))
        for centre, (height, width) in CENTRES.items()
    ]
    return np.rint(np.sum(blobs, axis=0) / UNIT) * UNIT


def null() -> dict[str, NDArray[np.int64]]:
    """Maxima of each tail: clusters of 30 voxels or more are rare, of the negative tail of 20."""
    rng = np.random.default_rng(7)
    made = {}
    for tail, largest in (("positive", 30), ("negative", 20)):
        made[f"{tail}_max_stat"] = rng.integers(250, 330, N_ITERS)
        made[f"{tail}_max_size"] = rng.integers(1, largest, N_ITERS)
        made[f"{tail}_max_mass"] = rng.integers(10, 40 * largest, N_ITERS)
    return made


def make_pair(
    *,
    estimator: str = "ALESubtraction",
    group: str = "group1MinusGroup2",
    names: Sequence[str] | None = ("pain", "touch"),
    args: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
) -> MetaResult:
    """A corrected comparison of 18 experiments with 12."""
    mask = ellipsoid()
    stat = difference(mask)
    numbers = np.rint(stat / UNIT).astype(np.int64)
    forming = round(THRESHOLD / UNIT)
    above = np.where(np.abs(numbers) >= forming, np.sign(numbers), 0).astype(np.int8)
    judged = judge_signed(
        Signed(numbers, above, np.maximum(np.abs(numbers) - forming, 0), UNIT),
        null(),
        mask.inside,
        group=group,
    )
    logsf = -np.abs(numbers) / 40.0
    maps = {
        MapSpec("stat", tail="two-sided", group=group): stat,
        **corrected_maps(logsf, sign=np.sign(numbers).astype(float), group=group),
    }
    names_given = {"group_names": list(names)} if names else {}
    ids = tuple(f"study{i:02d}-1" for i in range(N_FIRST + N_SECOND))
    coordinates = cohort()[1]
    result = MetaResult(
        estimator=Component(estimator, args or {}),
        mask=mask,
        maps={},
        specs={},
        ids=ids,
        arrays={
            "group": np.repeat([1, 2], [N_FIRST, N_SECOND]).astype(np.int8),
            "foci_xyz": coordinates[["x", "y", "z"]].to_numpy(dtype=float),
            f"numbers_{group}": numbers,
        },
        facts={
            **_facts(mask, group),
            **names_given,
            "correction": {"error_rate": "FWE", "method": "montecarlo"},
            "cluster_forming": {"p": 0.001, "statistic": THRESHOLD},
            "montecarlo": {"seed": 4711, **judged.facts},
            **(facts or {}),
        },
    )
    return result.with_maps({**maps, **judged.maps}, arrays=judged.arrays)


def _facts(mask: BrainMask, group: str) -> dict[str, Any]:
    sizes = {"group1": (N_FIRST, 18 * 20, 3 * N_FIRST), "group2": (N_SECOND, 240, 3 * N_SECOND)}
    groups = {
        name: {
            "n_studies": n,
            "n_contrasts": n,
            "n_participants": participants,
            "n_studies_with_n": n,
            "n_contrasts_without_n": 0,
            "n_foci": foci,
            "n_foci_outside": 1,
        }
        for name, (n, participants, foci) in sizes.items()
    }
    return {
        "result_group": group,
        "groups": groups,
        "n_studies": 30,
        "n_contrasts": 30,
        "n_participants": 600,
        "n_studies_with_n": 30,
        "n_contrasts_without_n": 0,
        "n_foci": 90,
        "n_foci_outside": 2,
        "n_voxels": mask.n_voxels,
        "voxel_size_mm": [4.0, 4.0, 4.0],
        "fwhm_mm": {"min": 8.5, "median": 9.25, "max": 11.75},
        "voxelization": "exact",
        "connectivity": "faces",
        "null_method": "permutation",
        "n_permutations": N_ITERS,
        "exhaustive": False,
        "seed": 4711,
    }


def cohort() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Contrasts with their groups, and their foci: many of each group where it has more."""
    n = N_FIRST + N_SECOND
    ids = [f"study{i:02d}-1" for i in range(n)]
    contrasts = pd.DataFrame(
        {
            "id": ids,
            "study_id": [name.split("-")[0] for name in ids],
            "contrast_id": "1",
            "included": True,
            "reason": "",
            "group": ["pain"] * N_FIRST + ["touch"] * N_SECOND,
            "sample_size": 20.0,
            "n_foci": 3,
            "n_foci_inside": [2, *[3] * (n - 2), 2],
            "n_foci_outside": [1, *[0] * (n - 2), 1],
            "original_space": "MNI",
            "space_transform": "none",
        }
    )
    rng = np.random.default_rng(3)
    foci = rng.uniform([-50, -80, -30], [50, 40, 50], (3 * n, 3)).round()
    foci[0] = foci[-1] = [0, 0, 95]
    foci[3:15] = [36, 4, 0]
    foci[60:70] = [6, 4, 0]
    foci[72:76] = [36, 4, 0]
    owner = np.repeat(ids, 3)
    coordinates = pd.DataFrame(
        {
            "id": owner,
            "study_id": [name.split("-")[0] for name in owner],
            "contrast_id": "1",
            **{axis: foci[:, i] for i, axis in enumerate("xyz")},
            "original_space": "MNI",
            "inside": [0 < i < 3 * n - 1 for i in range(3 * n)],
            "used": True,
        }
    )
    return contrasts, coordinates
