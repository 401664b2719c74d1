"""Two groups of the same kind differ as often as they may: minutes of computing."""

import numpy as np
import pytest

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.ale_subtraction import ALESubtraction
from nimare_pipeline.meta.cbma.balanced_subtraction import BalancedALESubtraction
from tests.meta.conftest import dataset_of
from tests.meta.test_mkda import small_mask

N, N_ITERS = 500, 199
WITHIN = 0.02
"""Nineteen in twenty shares of 500 lie as near as this to .05."""
LEVELS = {
    "voxel": "p_desc-group1MinusGroup2_level-voxel_corr-FWE_method-montecarlo",
    "size": "p_desc-group1MinusGroup2Size_level-cluster_corr-FWE_method-montecarlo",
    "mass": "p_desc-group1MinusGroup2Mass_level-cluster_corr-FWE_method-montecarlo",
}


def groups(seed: int) -> tuple[Dataset, Dataset]:
    """14 and 9 contrasts whose foci gather at one place, alike in both groups."""
    rng = np.random.default_rng(seed)
    mask = small_mask()
    voxels = 3.0 * np.argwhere(mask.inside) - 24

    def foci() -> np.ndarray:
        spread = voxels[rng.integers(0, len(voxels), rng.integers(2, 5))]
        gathered = rng.normal([6, 0, 0], 5, (rng.integers(0, 3), 3))
        return np.concatenate([spread, gathered])

    image = mask.as_image()
    named = [(f"s{i}", ([float(rng.integers(8, 50))], foci())) for i in range(23)]
    return dataset_of(dict(named[:14]), mask=image), dataset_of(dict(named[14:]), mask=image)


@pytest.fixture(scope="module")
def rates() -> dict[str, float]:
    """Share of datasets with a corrected p of at most .05, and of voxels with p of at most .05."""
    smallest = {level: np.zeros(N) for level in LEVELS}
    voxels = np.zeros(N)
    for number in range(N):
        result = ALESubtraction(n_iters=N_ITERS, seed=number, n_cores=2).fit(*groups(number))
        corrector = FWECorrector(n_iters=N_ITERS, seed=number, voxel_thresh=0.01, n_cores=2)
        corrected = corrector.transform(result)
        voxels[number] = (result.maps["p_desc-group1MinusGroup2"] <= 0.05).mean()
        for level, name in LEVELS.items():
            smallest[level][number] = corrected.maps[name].min()
    found = {level: float((p <= 0.05).mean()) for level, p in smallest.items()}
    return {**found, "uncorrected": float(voxels.mean())}


@pytest.mark.parametrize("level", LEVELS)
def test_nominal_level(rates: dict[str, float], level: str) -> None:
    """5 +- 2 % of datasets have a corrected p of at most .05; a size may be tied, and has less."""
    assert rates[level] <= 0.05 + WITHIN
    assert rates[level] >= (0.05 - WITHIN if level != "size" else 0.015)


def test_uncorrected_p(rates: dict[str, float]) -> None:
    """No more than 5 % of voxels have p of at most .05; fewer where few contrasts report foci."""
    assert 0.02 <= rates["uncorrected"] <= 0.055


N_BALANCED = 150
BALANCED = "p_desc-balancedGroup1MinusGroup2_level-voxel_corr-FWE_method-montecarlo"


def balanced_rate() -> float:
    """Share of datasets in which the balanced difference has a p of at most .05."""
    smallest = np.zeros(N_BALANCED)
    for number in range(N_BALANCED):
        estimator = BalancedALESubtraction(n_iters=N_ITERS, n_subsamples=1, seed=number, n_cores=2)
        smallest[number] = estimator.fit(*groups(number)).maps[BALANCED].min()
    return float((smallest <= 0.05).mean())


def test_balanced_difference_by_permuted_labels_holds_its_level() -> None:
    """5 +- 3.5 % of 150 datasets: nineteen in twenty shares lie so near."""
    assert abs(balanced_rate() - 0.05) <= 0.035
