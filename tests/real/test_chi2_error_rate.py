"""MKDAChi2 errs as often as it may: 500 datasets of each kind of null, a minute of computing."""

from collections.abc import Callable

import numpy as np
import pytest

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.mkda_chi2 import MKDAChi2
from tests.meta.conftest import dataset_of
from tests.meta.test_mkda import small_mask

N, N_ITERS = 500, 199
WITHIN = 0.02
"""Nineteen in twenty shares of 500 lie as near as this to .05."""
FWE = "corr-FWE_method-montecarlo"


def groups(seed: int, gathered: int) -> tuple[Dataset, Dataset]:
    """14 and 9 contrasts, alike: foci anywhere, and up to so many about one place."""
    rng = np.random.default_rng(seed)
    mask = small_mask()
    voxels = 3.0 * np.argwhere(mask.inside) - 24

    def foci() -> np.ndarray:
        spread = voxels[rng.integers(0, len(voxels), rng.integers(2, 5))]
        about = rng.normal([6, 0, 0], 5, (rng.integers(0, gathered + 1), 3))
        return np.concatenate([spread, about])

    image = mask.as_image()
    named = [(f"s{i}", ([20.0], foci())) for i in range(23)]
    return dataset_of(dict(named[:14]), mask=image), dataset_of(dict(named[14:]), mask=image)


def smallest(null: str, gathered: int, name: Callable[[str], str]) -> dict[str, np.ndarray]:
    """Smallest corrected p of each dataset at each level."""
    found = {level: np.zeros(N) for level in ("voxel", "size", "mass")}
    for number in range(N):
        result = MKDAChi2(fwe_null_method=null, kernel__r=6).fit(*groups(number, gathered))
        corrector = FWECorrector(n_iters=N_ITERS, seed=number, voxel_thresh=0.05)
        corrected = corrector.transform(result)
        for level, p in found.items():
            p[number] = np.nanmin(corrected.maps[name(level)])
    return found


def named(group: str) -> Callable[[str], str]:
    """Names of the p maps of a group."""

    def name(level: str) -> str:
        if level == "voxel":
            return f"p_desc-{group}_level-voxel_{FWE}"
        return f"p_desc-{group}{level.title()}_level-cluster_{FWE}"

    return name


@pytest.fixture(scope="module")
def labels() -> dict[str, np.ndarray]:
    """Groups that differ in nothing, though both gather at one place."""
    return smallest("label-permutation", 2, named("association"))


@pytest.fixture(scope="module")
def foci() -> dict[str, np.ndarray]:
    """A group whose foci gather nowhere."""
    return smallest("random-foci", 0, named("uniformity"))


@pytest.mark.parametrize("level", ["voxel", "size", "mass"])
def test_association_of_groups_that_are_alike(labels: dict[str, np.ndarray], level: str) -> None:
    """5 +- 2 % of datasets have a corrected p of at most .05; where p are tied, fewer."""
    assert 0.015 <= (labels[level] <= 0.05).mean() <= 0.05 + WITHIN


@pytest.mark.parametrize("level", ["voxel", "size", "mass"])
def test_uniformity_of_foci_that_are_random(foci: dict[str, np.ndarray], level: str) -> None:
    """The same of redrawn foci. The largest count takes few values, so that p are far apart."""
    assert (foci[level] <= 0.05).mean() <= 0.05 + WITHIN
