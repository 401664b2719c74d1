"""MKDAChi2 beside NiMARE 0.22.1, on the shipped example with NiMARE's voxels."""

from pathlib import Path

import numpy as np
import pytest

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


def test_corrected_p(ours: MetaResult) -> None:
    """Both signs in one null, as the peer has it, give its p but for what chance leaves."""
    corrected = FWECorrector(n_iters=N_ITERS).transform(ours)
    found = [corrected.arrays[f"montecarlo_{tail}_max_stat"] for tail in ("positive", "negative")]
    z = np.abs(corrected.arrays["numbers_association"][PEER["index"]]) * 2.0**-16
    p = (np.maximum(*found)[:, None] >= z - 1e-3).mean(axis=0)
    n = int(PEER["n_iters"])
    spread = np.sqrt(p * (1 - p) * (1 / n + 1 / N_ITERS)) + 1 / n
    assert (np.abs(PEER["p_voxel"] - p) < 4 * spread).all()
    assert PEER["p_voxel"].min() < 0.9
