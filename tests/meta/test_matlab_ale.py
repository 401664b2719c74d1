"""ALE against the output of Eickhoff's MATLAB code for 30 experiments and 477 foci."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.stats import ks_2samp

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.io import convert_sleuth_to_dataset
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.forming import montecarlo_plan, scale_of
from nimare_pipeline.meta.kernel import ALEKernel, ExperimentFoci
from nimare_pipeline.numerics.gaussian import fwhm_from_sample_size, sampled_kernel
from nimare_pipeline.numerics.ma import voxelize
from nimare_pipeline.numerics.montecarlo import run_block

BIN = 1e-4
"""Its histograms have one bin for 0, then [0, 1e-4), [1e-4, 2e-4), ..."""
HALF = 15
"""Its kernels lie in cubes of 31 voxels."""


@dataclass(frozen=True)
class Matlab:
    """What the MATLAB code was given, and what it left."""

    dataset: Dataset
    mask: BrainMask
    kernels: NDArray[np.float64]
    histograms: NDArray[np.int64]
    null_p: NDArray[np.float64]
    max_ale: NDArray[np.float64]
    max_size: NDArray[np.int64]


@pytest.fixture(scope="module")
def matlab(shared_data: Path) -> Matlab:
    folder = shared_data / "references" / "pyale_nat"
    maxima = loadmat(folder / "nat_clustP.mat")
    return Matlab(
        dataset=convert_sleuth_to_dataset(folder / "nat.txt"),
        mask=BrainMask.from_image(folder / "Grey10.nii.gz", "Grey10"),
        kernels=loadmat(folder / "kernels.mat")["kernels"],
        histograms=loadmat(folder / "nat_maHists.mat")["maHists"],
        null_p=np.ravel(loadmat(folder / "nat_nullDist.mat")["nullDist"]),
        max_ale=np.ravel(maxima["maxAles"]),
        max_size=np.ravel(maxima["maxClustSizes"]).astype(np.int64),
    )


def activation(matlab: Matlab, rule: str) -> NDArray[np.float64]:
    """Modelled activation in the mask, its kernels laid around our voxels by plain code."""
    foci = ExperimentFoci.of(matlab.dataset)
    ijk = voxelize(foci.xyz, matlab.mask.affine, rule).astype(int)
    sizes = matlab.dataset.sample_sizes().astype(int)
    rows = []
    for number, size in enumerate(sizes):
        volume = np.zeros([side + 2 * HALF for side in matlab.mask.shape])
        for i, j, k in ijk[foci.experiment == number]:
            around = volume[i : i + 31, j : j + 31, k : k + 31]
            np.maximum(around, matlab.kernels[..., size - 1], out=around)
        rows.append(volume[HALF:-HALF, HALF:-HALF, HALF:-HALF][matlab.mask.inside])
    return np.array(rows)


def histogram(values: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    """Counts of one experiment's activation in its bins."""
    counts = np.bincount(np.floor(values[values > 0] / BIN).astype(int) + 1, minlength=n_bins)
    counts[0] = (values == 0).sum()
    return counts


def exact_rows(maps: NDArray[np.float64], matlab: Matlab) -> int:
    """How many experiments have its histogram to the voxel."""
    pairs = zip(maps, matlab.histograms, strict=True)
    return sum(bool((histogram(row, len(own)) == own).all()) for row, own in pairs)


def test_its_file_is_read_whole(matlab: Matlab) -> None:
    """30 experiments, 477 foci, 478 participants, from a file whose lines end in CR alone."""
    assert len(matlab.dataset.ids) == 30
    assert len(matlab.dataset.coordinates) == 477
    assert np.sum(matlab.dataset.sample_sizes()) == 478
    assert matlab.mask.n_voxels == 211_590


@pytest.mark.parametrize(
    ("rule", "exact"), [("half-up", 30), ("half-even", 27), ("truncate", 0), ("ceil", 0)]
)
def test_half_up_is_its_rule(matlab: Matlab, rule: str, exact: int) -> None:
    """Its kernels around the voxels that ``half-up`` finds: all 30 histograms to the voxel."""
    assert exact_rows(activation(matlab, rule), matlab) == exact


def test_its_kernels(matlab: Matlab) -> None:
    """For N of 1 to 50 the same voxels hold activation, and as much of it as float32 can tell."""
    for size in range(1, 51):
        ours = sampled_kernel(float(fwhm_from_sample_size(size)), matlab.mask.affine, "half-up")
        inside = slice(HALF - len(ours) // 2, HALF + len(ours) // 2 + 1)
        its = matlab.kernels[..., size - 1]
        assert np.count_nonzero(its) == np.count_nonzero(its[inside, inside, inside]) == ours.size
        np.testing.assert_allclose(ours, its[inside, inside, inside], rtol=1e-7)


def test_histograms_of_our_kernel(matlab: Matlab) -> None:
    """``ALEKernel(voxelization="half-up")`` gives its 30 histograms to the voxel."""
    kernel = ALEKernel(voxelization="half-up")
    maps = kernel.transform(matlab.dataset, masker=matlab.mask, return_type="array")
    assert exact_rows(maps, matlab) == 30


def test_histograms_on_the_other_orientation(matlab: Matlab) -> None:
    """So it does on a grid whose x runs to the right, as that of our own masks."""
    affine = matlab.mask.affine.copy()
    affine[0] = 2, 0, 0, -90
    mask = BrainMask(np.ascontiguousarray(matlab.mask.inside[::-1]), affine, "Grey10, mirrored")
    kernel = ALEKernel(voxelization="half-up")
    maps = kernel.transform(matlab.dataset, masker=mask, return_type="array")
    assert exact_rows(maps, matlab) == 30


def test_largest_ale(matlab: Matlab) -> None:
    """Largest ALE of the 30 experiments."""
    ale = 1 - np.prod(1 - activation(matlab, "half-up"), axis=0)
    assert ale.max() == pytest.approx(0.03909599, abs=5e-9)


def test_null_maxima(matlab: Matlab) -> None:
    """Largest ALE and cluster of 10,000 draws are distributed as its 10,000 are.

    It looks p up at ALE rounded to 1e-4; the first of these bins below .001 is .0132, so a
    cluster is made of voxels with ALE of .01315 and more. It joins voxels that share an edge, we
    join faces: that makes another largest cluster in 2 % of draws, by .2 voxels on the average.
    """
    first = int(np.flatnonzero(matlab.null_p < 0.001)[0])
    assert first * BIN == pytest.approx(0.0132)
    result = ALE(mask=matlab.mask, kernel__voxelization="half-up").fit(matlab.dataset)
    scale = scale_of(result)
    threshold = int(np.ceil(scale.number((first - 0.5) * BIN)))
    plan = montecarlo_plan(result, threshold=threshold, null_outside="inside")
    null = run_block(plan, seed=1, first=0, n_iters=len(matlab.max_ale), n_threads=2)
    ale = scale.statistic(null["max_stat"])
    assert ks_2samp(ale, matlab.max_ale).pvalue > 0.05
    assert ks_2samp(null["max_size"], matlab.max_size).pvalue > 0.05
    assert np.quantile(ale, 0.95) == pytest.approx(0.0253738, rel=0.01)
    assert np.quantile(null["max_size"], 0.95) == pytest.approx(122, abs=3)
