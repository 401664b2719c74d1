"""Estimators against NiMARE's maps of the 19 pain studies that have every image.

The maps are made by ``tests/reference/make_nimare_ibma.py``; five studies lack the first voxel.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.images import ImageStack
from nimare_pipeline.meta import ibma
from nimare_pipeline.numerics.conversions import d_to_g, g_variance, t_to_d

REFERENCE = Path(__file__).parents[1] / "reference" / "nimare_ibma.npz"
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "DerSimonianLaird": ("DerSimonianLaird", {}),
    "DerSimonianLaird wald": ("DerSimonianLaird", {"small_sample_correction": "wald"}),
    "Hedges": ("Hedges", {}),
    "SampleSizeBasedLikelihood ml": ("SampleSizeBasedLikelihood", {"method": "ml"}),
    "SampleSizeBasedLikelihood reml": ("SampleSizeBasedLikelihood", {"method": "reml"}),
    "WeightedLeastSquares": ("WeightedLeastSquares", {}),
    "WeightedLeastSquares tau2": ("WeightedLeastSquares", {"tau2": 0.3}),
    "FixedEffectsHedges": ("FixedEffectsHedges", {}),
    "PermutedOLS": ("PermutedOLS", {}),
    "PermutedOLS weighted": ("PermutedOLS", {"use_sample_size": True}),
    "Stouffers": ("Stouffers", {}),
    "Stouffers weighted": ("Stouffers", {"use_sample_size": True}),
    "Fishers": ("Fishers", {}),
    "Fishers weighted": ("Fishers", {"use_sample_size": True}),
    "Fishers positive": ("Fishers", {"two_sided": False}),
}
STATISTICS = ("est", "se", "tau2", "sigma2", "t", "z", "p", "dof")
Theirs = Mapping[str, NDArray[Any]]


@pytest.fixture(scope="module")
def theirs() -> Theirs:
    with np.load(REFERENCE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def pain(theirs: Theirs) -> tuple[Dataset, ImageStack]:
    """Studies and their images, NaN where they have no data."""
    values = {
        kind: theirs[f"image_{kind}"].astype(float) for kind in ("beta", "varcope", "z", "t")
    }
    gone = (values["z"] == 0) | (values["varcope"] == 0)
    for array in values.values():
        array[gone] = np.nan
    n = theirs["sample_sizes"].astype(float)[:, None]
    values["d"] = t_to_d(values["t"], n)
    values["g"] = d_to_g(values["d"], n - 1)
    values["g_var"] = g_variance(values["d"], n, n - 1)
    dataset = Dataset.from_contrasts(
        [
            Contrast(str(name), "1", sample_sizes=(int(size),))
            for name, size in zip(theirs["ids"], theirs["sample_sizes"], strict=True)
        ],
        mask=nib.Nifti1Image(np.ones((gone.shape[1], 1, 1), "u1"), np.eye(4)),
    )
    return dataset, ImageStack(tuple(dataset.ids), values)


def of_case(theirs: Theirs, case: str) -> dict[str, NDArray[Any]]:
    """NiMARE's maps of a case, by statistic."""
    names = [f"{case}/{statistic}" for statistic in STATISTICS]
    return {name.split("/")[1]: theirs[name] for name in names if name in theirs}


@pytest.mark.parametrize("case", CASES)
def test_maps(theirs: Theirs, pain: tuple[Dataset, ImageStack], case: str) -> None:
    """Every map that both have is the same, to what p of 1e-20 of float32 images holds."""
    name, keywords = CASES[case]
    dataset, images = pain
    maps = getattr(ibma, name)(**keywords).fit(dataset, images=images).maps
    expected = of_case(theirs, case)
    assert {"z", "p", "dof"} <= set(expected)
    assert expected["dof"][0] < expected["dof"][1]
    for statistic, values in expected.items():
        np.testing.assert_allclose(
            maps[statistic], values, rtol=5e-6, atol=1e-30, err_msg=f"{case}, {statistic}"
        )


@pytest.mark.parametrize(("method", "n_apart"), [("ml", 1), ("reml", 2)])
def test_likelihood(
    theirs: Theirs, pain: tuple[Dataset, ImageStack], method: str, n_apart: int
) -> None:
    """The same maps, but where NiMARE's search ends at a lower maximum of the likelihood."""
    dataset, images = pain
    maps = ibma.VarianceBasedLikelihood(method=method).fit(dataset, images=images).maps
    expected = of_case(theirs, f"VarianceBasedLikelihood {method}")
    same = np.isclose(maps["tau2"], expected["tau2"], rtol=1e-4)
    assert (~same).sum() == n_apart
    for statistic, values in expected.items():
        np.testing.assert_allclose(
            maps[statistic][same], values[same], rtol=1e-4, err_msg=statistic
        )
    for voxel in np.flatnonzero(~same):
        y, v = images.values["beta"][:, voxel], images.values["varcope"][:, voxel]
        ours, peer = (
            deviance(y, v, one["tau2"][voxel], restricted=method == "reml")
            for one in (maps, expected)
        )
        assert ours < peer - 0.05


def deviance(y: Any, v: Any, tau2: float, *, restricted: bool) -> float:
    """Minus twice the log of the (restricted) likelihood of tau2, but for a constant."""
    weights = 1 / (v + tau2)
    mean = np.sum(weights * y) / weights.sum()
    whole = np.sum(weights * (y - mean) ** 2) - np.log(weights).sum()
    return float(whole + (np.log(weights.sum()) if restricted else 0))
