"""MKDAChi2 beside NiMARE 0.22.1, on the shipped example with NiMARE's voxels."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.mkda_chi2 import MKDAChi2
from nimare_pipeline.results import MetaResult
from nimare_pipeline.spaces import data_path

PEER = np.load(Path(__file__).parents[1] / "reference" / "nimare_chi2.npz")
N_ITERS = 2000


@pytest.fixture(scope="module")
def ours() -> MetaResult:
    """The first ten and the last eleven, foci rounded as the peer rounds them."""
    dataset = Dataset(data_path("examples") / "pain" / "pain.json")
    ids = list(dataset.ids)
    estimator = MKDAChi2(kernel__voxelization="half-even")
    return estimator.fit(dataset.slice(ids[:10]), dataset.slice(ids[10:]))


@pytest.mark.parametrize(
    "name",
    [
        "z_desc-association",
        "z_desc-uniformity",
        "z_desc-group2",
        "prob_desc-AgF_prior",
        "prob_desc-FgA_prior",
    ],
)
def test_maps(ours: MetaResult, name: str) -> None:
    """The same at every voxel that someone reports, to the peer's single precision."""
    theirs = PEER[name.replace("-", "_")]
    assert ours.maps[name][PEER["index"]] == pytest.approx(theirs, rel=1e-5, abs=2e-6)


def test_null_of_the_largest(ours: MetaResult) -> None:
    """The larger of both signs is distributed as the peer's largest chi-square is; one is not."""
    corrected = FWECorrector(n_iters=N_ITERS).transform(ours)
    found = [corrected.arrays[f"montecarlo_{tail}_max_stat"] for tail in ("positive", "negative")]
    # Ours are cut to 2**-16. The values are few: a hair below the peer's, none would tie.
    theirs = np.round(np.sqrt(PEER["largest"]), 4)
    assert stats.ks_2samp(theirs, np.round(np.maximum(*found), 4)).pvalue > 0.01
    for one in found:
        assert stats.ks_2samp(theirs, np.round(one, 4)).pvalue < 1e-6
