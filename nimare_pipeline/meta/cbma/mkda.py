"""Kernel density analyses: MKDA (share of contrasts with a focus nearby) and KDA (number of foci).

References
----------
.. [1] Wager TD, Lindquist M, Kaplan L (2007). Meta-analysis of functional neuroimaging data:
   current and future directions. Social Cognitive and Affective Neuroscience 2(2), 150-158.
.. [2] Wager TD, Phan KL, Liberzon I, Taylor SF (2003). Valence, gender, and lateralization of
   functional brain anatomy in emotion. NeuroImage 19(3), 513-531.
.. [3] Wager TD, Jonides J, Reading S (2004). Neuroimaging studies of shifting attention: a
   meta-analysis. NeuroImage 22(4), 1679-1693.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline import defaults
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.meta.cbma.base import (
    Arrays,
    CoordinateEstimator,
    Sums,
    amounts,
    null_in_words,
    rows_of,
)
from nimare_pipeline.meta.kernel import ExperimentFoci, KDAKernel, MKDAKernel, check_positive
from nimare_pipeline.meta.weights import effective_number, sample_size_weights
from nimare_pipeline.numerics.ma import sphere_kernel
from nimare_pipeline.numerics.nulls import MOST_DIRECT_WORK, Null, lattice_null
from nimare_pipeline.numerics.plan import FociDesign
from nimare_pipeline.scale import Scale

WEIGHTINGS = (None, "sample_size")
_FINEST_STEPS, _COARSEST_STEPS = 2**22, 2**19
"""Steps of 1 that the sum of all weights has in the engine: with 2**22 the order of the sums of
21 real sample sizes is that of exact arithmetic (with 2**19, 8 of 4,879 voxels differ)."""


class MKDADensity(CoordinateEstimator):
    """Multilevel kernel density analysis: how many contrasts have a focus near a voxel.

    ``stat = sum_c w_c I_c``, I_c whether contrast c has a focus within ``r`` mm [1]_, w_c its
    weight. Under the null each contrast covers a voxel with the probability of its own coverage of
    the mask, so that the statistic is a weighted Poisson-binomial variable.

    Parameters
    ----------
    kernel_transformer : MKDAKernel, optional
        Kernel; its parameters can also be given here as ``kernel__r=10``.
    weighting : None or "sample_size"
        None weighs all contrasts alike; ``sample_size`` by the square root of it, as the CANlab
        toolbox does, scaled to a mean of 1.
    inference_field : str, optional
        Metadata field that tells fixed- from random-effects analyses; with ``weighting`` only.
    fixed_effects_discount : float
        Factor on the weight of fixed-effects analyses.
    null_method : "approximate" or "montecarlo"
        ``approximate``: exact null by convolution; ``montecarlo``: foci are redrawn ``n_iters``
        times.
    n_iters, seed, null_outside
        Of the Monte Carlo null; without effect on the other.
    mask : image, path, nilearn masker or BrainMask, optional
        Voxels to analyse, on its own grid; the dataset's mask by default.
    n_cores : int
        Threads; changes the speed, never a bit.

    Raises
    ------
    UsageError
        For unknown keywords or values.

    Examples
    --------
    >>> MKDADensity(kernel__r=8).kernel_transformer.r
    8
    """

    kernel_class = MKDAKernel
    citations = ("wager2007", "wager2009")
    weighting: str | None
    inference_field: str | None
    fixed_effects_discount: float

    def __init__(  # noqa: PLR0913 - each is a keyword of its own
        self,
        kernel_transformer: MKDAKernel | type[MKDAKernel] | None = None,
        *,
        weighting: str | None = None,
        inference_field: str | None = None,
        fixed_effects_discount: float = defaults.FIXED_EFFECTS_DISCOUNT,
        null_method: str = defaults.NULL_METHOD,
        n_iters: int = defaults.N_ITERS,
        seed: int = defaults.SEED,
        null_outside: str = defaults.NULL_OUTSIDE,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
        **kernel_parameters: Any,
    ) -> None:
        if weighting not in WEIGHTINGS:
            known = ", ".join(map(repr, WEIGHTINGS))
            msg = f"weighting {weighting!r} is unknown; there are: {known}"
            raise UsageError(msg)
        check_positive("fixed_effects_discount", fixed_effects_discount)
        if inference_field is not None and weighting is None:
            msg = "inference_field discounts weights, so it needs weighting='sample_size'"
            raise UsageError(msg)
        self.weighting = weighting
        self.inference_field = inference_field
        self.fixed_effects_discount = fixed_effects_discount
        self._take(
            {
                "kernel_transformer": kernel_transformer,
                "null_method": null_method,
                "n_iters": n_iters,
                "seed": seed,
                "null_outside": null_outside,
                "mask": mask,
                "n_cores": n_cores,
            },
            kernel_parameters,
        )

    def without_effect(self) -> tuple[str, ...]:
        """Parameters that change nothing as the others stand."""
        discount = () if self.inference_field else ("fixed_effects_discount",)
        return (*super().without_effect(), *discount)

    def arrays(self, dataset: Dataset) -> dict[str, NDArray[Any]]:
        """Weight of each contrast; 1 without weighting."""
        if self.weighting is None:
            return {"weights": np.ones(len(dataset.ids))}
        weights = sample_size_weights(
            dataset,
            inference_field=self.inference_field,
            fixed_effects_discount=self.fixed_effects_discount,
        )
        return {"weights": weights}

    def design(
        self, foci: ExperimentFoci, arrays: Arrays, mask: BrainMask
    ) -> tuple[FociDesign, Scale]:
        """Spheres filled with the weight of their contrast, as a whole number."""
        whole, scale = self._whole(arrays["weights"])
        present = np.unique(foci.experiment)
        values, kernel_of = np.unique(whole[present], return_inverse=True)
        sphere = sphere_kernel(float(self.kernel_transformer.r), mask.affine)
        design = FociDesign(
            foci.xyz,
            np.searchsorted(present, foci.experiment),
            [(value * sphere).astype(np.int32) for value in values],
            kernel_of,
        )
        return design, scale

    def _whole(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.int64], Scale]:
        """Weights as whole numbers, the same for data and null; equal ones count as 1."""
        value = float(self.kernel_transformer.value)
        if (weights == 1).all():
            return np.ones(len(weights), dtype=np.int64), Scale("linear", value)
        bits = _weight_bits(weights)
        whole = np.maximum(np.rint(weights * 2.0**bits), 1).astype(np.int64)
        return whole, Scale("linear", value * 2.0**-bits)

    def sums(self, modelled: sparse.csr_array, arrays: Arrays, scale: Scale) -> Sums:
        """Weighted number of contrasts with a focus within reach of each voxel."""
        del scale
        whole, _ = self._whole(arrays["weights"])
        n_voxels = modelled.shape[1]
        row = np.repeat(np.arange(modelled.shape[0]), np.diff(modelled.indptr))
        stat = np.bincount(
            modelled.indices, weights=arrays["weights"][row] * modelled.data, minlength=n_voxels
        )
        numbers = np.bincount(modelled.indices, weights=whole[row], minlength=n_voxels)
        return Sums(np.asarray(stat, dtype=np.float64), numbers.astype(np.int64))

    def null(
        self, modelled: sparse.csr_array, arrays: Arrays, scale: Scale, observed_max: int
    ) -> Null:
        """Exact null: contrast c adds its weight with the probability of its coverage."""
        del scale
        whole, _ = self._whole(arrays["weights"])
        coverage = np.diff(modelled.indptr) / modelled.shape[1]
        pmfs = [
            (np.array([0, w], dtype=np.int64), np.array([1 - q, q]))
            for w, q in zip(whole, coverage, strict=True)
            if q > 0
        ]
        return lattice_null(pmfs, observed_max)

    def facts(self, arrays: Arrays, foci: ExperimentFoci) -> dict[str, Any]:
        """Radius and weights."""
        weights = arrays["weights"]
        weighted = {
            "weighting": self.weighting,
            "effective_n_contrasts": effective_number(weights),
            "weights": {"min": float(weights.min()), "max": float(weights.max())},
        }
        return {"radius_mm": float(self.kernel_transformer.r)} | (
            weighted if self.weighting else {}
        )

    def description(self, dataset: Dataset, foci: ExperimentFoci) -> str:
        """One sentence on what was done."""
        weights = (
            r", contrasts weighted by the square root of their sample size \citep{wager2009},"
            if self.weighting
            else ""
        )
        return (
            r"A multilevel kernel density analysis (MKDA) \citep{wager2007} of "
            f"{amounts(foci)} was run with spheres of {self.kernel_transformer.r:g} mm radius"
            f"{weights} and the {null_in_words(self.null_method)} null."
        )


class KDA(CoordinateEstimator):
    """Kernel density analysis: how many foci lie near a voxel.

    ``stat = value * (number of foci within r mm)`` [2]_ [3]_. Contrasts with many foci weigh more;
    ``MKDADensity`` has superseded it. Under the null a contrast adds at a voxel what it adds at a
    voxel of the mask taken at random.

    Parameters
    ----------
    kernel_transformer : KDAKernel, optional
        Kernel; its parameters can also be given here as ``kernel__r=10``.
    null_method : "approximate" or "montecarlo"
        ``approximate``: exact null by convolution; ``montecarlo``: foci are redrawn ``n_iters``
        times.
    n_iters, seed, null_outside
        Of the Monte Carlo null; without effect on the other.
    mask : image, path, nilearn masker or BrainMask, optional
        Voxels to analyse, on its own grid; the dataset's mask by default.
    n_cores : int
        Threads; changes the speed, never a bit.

    Raises
    ------
    UsageError
        For unknown keywords or values.

    Examples
    --------
    >>> KDA(kernel__r=12).kernel_transformer.r
    12
    """

    kernel_class = KDAKernel
    citations = ("wager2003", "wager2004")

    def __init__(
        self,
        kernel_transformer: KDAKernel | type[KDAKernel] | None = None,
        *,
        null_method: str = defaults.NULL_METHOD,
        n_iters: int = defaults.N_ITERS,
        seed: int = defaults.SEED,
        null_outside: str = defaults.NULL_OUTSIDE,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
        **kernel_parameters: Any,
    ) -> None:
        self._take(
            {
                "kernel_transformer": kernel_transformer,
                "null_method": null_method,
                "n_iters": n_iters,
                "seed": seed,
                "null_outside": null_outside,
                "mask": mask,
                "n_cores": n_cores,
            },
            kernel_parameters,
        )

    def arrays(self, dataset: Dataset) -> dict[str, NDArray[Any]]:
        """Nothing: the design depends on the foci alone."""
        del dataset
        return {}

    def design(
        self, foci: ExperimentFoci, arrays: Arrays, mask: BrainMask
    ) -> tuple[FociDesign, Scale]:
        """Spheres of 1; to the engine every focus is an experiment, so that all add up."""
        del arrays
        n = len(foci.xyz)
        sphere = sphere_kernel(float(self.kernel_transformer.r), mask.affine).astype(np.int32)
        design = FociDesign(foci.xyz, np.arange(n), [sphere], np.zeros(n, dtype=np.int64))
        return design, Scale("linear", float(self.kernel_transformer.value))

    def sums(self, modelled: sparse.csr_array, arrays: Arrays, scale: Scale) -> Sums:
        """Number of foci within reach of each voxel."""
        del arrays
        numbers = np.bincount(
            modelled.indices,
            weights=np.rint(modelled.data / scale.unit),
            minlength=modelled.shape[1],
        ).astype(np.int64)
        return Sums(scale.statistic(numbers), numbers)

    def null(
        self, modelled: sparse.csr_array, arrays: Arrays, scale: Scale, observed_max: int
    ) -> Null:
        """Exact null: each contrast adds a draw from its own map."""
        del arrays
        n_voxels = modelled.shape[1]
        pmfs = []
        for values in rows_of(modelled):
            if len(values):
                support, counts = np.unique(np.rint(values / scale.unit), return_counts=True)
                zeros = n_voxels - int(counts.sum())
                pmfs.append(
                    (
                        np.append(0, support).astype(np.int64),
                        np.append(zeros, counts) / n_voxels,
                    )
                )
        return lattice_null(pmfs, observed_max)

    def facts(self, arrays: Arrays, foci: ExperimentFoci) -> dict[str, Any]:
        """Radius of the spheres."""
        del arrays, foci
        return {"radius_mm": float(self.kernel_transformer.r)}

    def description(self, dataset: Dataset, foci: ExperimentFoci) -> str:
        """One sentence on what was done."""
        del dataset
        return (
            r"A kernel density analysis (KDA) \citep{wager2003,wager2004} of "
            f"{amounts(foci)} was run with spheres of {self.kernel_transformer.r:g} mm radius "
            f"and the {null_in_words(self.null_method)} null."
        )


def _weight_bits(weights: NDArray[np.float64]) -> int:
    """Unit of the weights, as bits: as fine as the exact null can be added up directly."""
    steps = np.clip(MOST_DIRECT_WORK // (2 * len(weights)), _COARSEST_STEPS, _FINEST_STEPS)
    return int(np.log2((steps - len(weights)) / weights.sum()))
