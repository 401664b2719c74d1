"""Simulated images in memory, and every image-based estimator with the keywords that matter."""

from dataclasses import replace
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.images import ImageStack
from nimare_pipeline.meta import ibma
from nimare_pipeline.numerics.conversions import d_to_g, g_variance, t_to_d, t_to_z

SHAPE = (5, 5, 4)
SIZES = (12, 15, 20, 25, 18, 30, 22, 16, 14, 28)
AGES = (31, 24, 45, 38, 52, 29, 61, 33, 47, 40)

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "DerSimonianLaird": ("DerSimonianLaird", {}),
    "DerSimonianLaird wald": ("DerSimonianLaird", {"small_sample_correction": "wald"}),
    "DerSimonianLaird on age": ("DerSimonianLaird", {"formula": "~ 1 + age"}),
    "Hedges": ("Hedges", {}),
    "PauleMandel": ("PauleMandel", {}),
    "VarianceBasedLikelihood": ("VarianceBasedLikelihood", {}),
    "VarianceBasedLikelihood reml": ("VarianceBasedLikelihood", {"method": "reml"}),
    "VarianceBasedLikelihood on group": (
        "VarianceBasedLikelihood",
        {"formula": "~ 1 + C(modality)"},
    ),
    "SampleSizeBasedLikelihood": ("SampleSizeBasedLikelihood", {}),
    "WeightedLeastSquares": ("WeightedLeastSquares", {}),
    "FixedEffectsHedges": ("FixedEffectsHedges", {}),
    "WeightedMedian": ("WeightedMedian", {}),
    "PermutedOLS": ("PermutedOLS", {}),
    "PermutedOLS z": ("PermutedOLS", {"image": "z"}),
    "PermutedOLS g positive": ("PermutedOLS", {"image": "g", "two_sided": False}),
    "PermutedOLS weighted": ("PermutedOLS", {"use_sample_size": True}),
    "Stouffers": ("Stouffers", {}),
    "Stouffers weighted": ("Stouffers", {"use_sample_size": True}),
    "Fishers": ("Fishers", {}),
    "Fishers weighted positive": ("Fishers", {"use_sample_size": True, "two_sided": False}),
}
"""Name of a case to an estimator and its keywords."""


def make(case: str, **more: Any) -> Any:
    """Estimator of a case."""
    name, keywords = VARIANTS[case]
    return getattr(ibma, name)(**{**keywords, **more})


def studies(
    names: list[str] | None = None, sizes: Any = SIZES, *, backwards: bool = False
) -> Dataset:
    """Contrasts with sample sizes, an age and a modality, without files."""
    mask = BrainMask(np.ones(SHAPE, dtype=bool), np.diag([2.0, 2, 2, 1]))
    names = names or [f"s{i}" for i in range(len(sizes))]
    contrasts = [
        Contrast(
            study,
            str(i),
            sample_sizes=() if n is None else (n,),
            metadata={
                "age": AGES[names.index(study)],
                "modality": "PET" if names.index(study) % 3 == 0 else "fMRI",
            },
        )
        for i, (study, n) in enumerate(zip(names, sizes, strict=True))
    ]
    return Dataset.from_contrasts(
        contrasts[::-1] if backwards else contrasts,
        mask=nib.Nifti1Image(mask.inside.astype("u1"), mask.affine),
    )


def stack(dataset: Dataset, seed: int = 0, effect: float = 0.3) -> ImageStack:
    """Images of every kind that an estimator takes, without gaps."""
    rng = np.random.default_rng(seed)
    n = np.array(SIZES[: len(dataset.ids)], dtype=float)[:, None]
    n_voxels = dataset.mask.n_voxels
    beta = effect + rng.normal(0, np.sqrt(1 / n + 0.05), (len(n), n_voxels))
    varcope = rng.chisquare(n - 1, (len(n), n_voxels)) / (n - 1) / n
    t = beta / np.sqrt(varcope)
    d = t_to_d(t, n)
    g = d_to_g(d, n - 1)
    values = {
        "beta": beta, "varcope": varcope, "t": t, "z": t_to_z(t, n - 1), "d": d, "g": g,
        "g_var": g_variance(d, n, n - 1),
    }  # fmt: skip
    arrays = {kind: np.asarray(array, dtype=np.float32) for kind, array in values.items()}
    return ImageStack(tuple(dataset.ids), arrays)


def ragged(images: ImageStack, seed: int = 1, share: float = 0.25) -> ImageStack:
    """Images of which each lacks some voxels, all its kinds the same."""
    rng = np.random.default_rng(seed)
    gone = rng.random((len(images.ids), images.n_voxels)) < share
    gone[:, :10] = False
    gone[1:, 10] = True
    gone[2:, 11] = True
    gone[:, 12] = True
    values = {}
    for kind, array in images.values.items():
        values[kind] = array.copy()
        values[kind][gone] = np.nan
    return replace(images, values=values)


def at(images: ImageStack, voxel: int) -> tuple[list[str], ImageStack]:
    """Contrasts with a value at a voxel, and a stack of them whose voxels are all that one."""
    kept = np.isfinite(images.values["beta"][:, voxel])
    ids = tuple(name for name, here in zip(images.ids, kept, strict=True) if here)
    values = {
        kind: np.repeat(array[kept, voxel][:, None], images.n_voxels, axis=1)
        for kind, array in images.values.items()
    }
    return list(ids), ImageStack(ids, values)


def flipped(images: ImageStack) -> ImageStack:
    """All effects with the other sign."""
    signed = ("beta", "t", "z", "d", "g")
    values: dict[str, NDArray[np.float32]] = {
        kind: -array if kind in signed else array for kind, array in images.values.items()
    }
    return replace(images, values=values)
