"""Activation likelihood estimation (ALE)."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.cohort_table import KERNEL_FWHM
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.base import (
    Arrays,
    CoordinateEstimator,
    Sums,
    amounts,
    largest_sum,
    null_in_words,
    rows_of,
)
from nimare_pipeline.meta.kernel import ALEKernel, ExperimentFoci
from nimare_pipeline.meta.modelled import Modelled
from nimare_pipeline.numerics.activation import Activation, activation_of, ale_activation
from nimare_pipeline.numerics.nulls import MOST_BINS, Null, convolution_null, histogram_null
from nimare_pipeline.numerics.plan import FociDesign
from nimare_pipeline.numerics.value_counts import FINEST_BIN_BITS
from nimare_pipeline.scale import Scale


class ALE(CoordinateEstimator):
    """Where foci of several experiments converge more than by chance.

    ``ALE = 1 - prod_i (1 - MA_i)`` over the modelled activation maps of the experiments
    (Turkeltaub et al. 2002, 2012; Eickhoff et al. 2009, 2012).

    Parameters
    ----------
    kernel_transformer : ALEKernel, optional
        Kernel; its parameters can also be given here as ``kernel__fwhm=10``.
    null_method : "approximate", "histogram" or "montecarlo"
        ``approximate``: exact null by convolution of the logarithms; ``histogram``: null on bins
        of 1e-5, as GingerALE and NiMARE have it; ``montecarlo``: foci are redrawn ``n_iters``
        times, and p is the share of redrawn voxels that reach a value.
    n_iters, seed, null_outside
        Of the Monte Carlo null; without effect on the others.
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
    >>> ALE(kernel__fwhm=10).kernel_transformer.fwhm
    10
    """

    kernel_class = ALEKernel
    null_methods: ClassVar[tuple[str, ...]] = ("approximate", "histogram", "montecarlo")
    citations: ClassVar[tuple[str, ...]] = (
        "turkeltaub2002",
        "eickhoff2009",
        "eickhoff2012",
        "turkeltaub2012",
    )

    def __init__(
        self,
        kernel_transformer: ALEKernel | type[ALEKernel] | None = None,
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
        """Kernel width of each contrast, mm."""
        return {"fwhm_mm": self.kernel_transformer.widths(dataset)}

    def design(
        self, foci: ExperimentFoci, arrays: Arrays, mask: BrainMask
    ) -> tuple[FociDesign, Scale]:
        """Kernels of -log(1 - MA) in units of a power of 2."""
        design, bits = self.kernel_transformer.design(foci, arrays["fwhm_mm"], mask)
        return design, Scale("log", 2.0**-bits)

    def modelled(
        self, dataset: Dataset, foci: ExperimentFoci, mask: BrainMask, n_threads: int
    ) -> Modelled:
        """Add modelled activation up as it is made: of many contrasts the maps are not held."""
        kernel = self.kernel_transformer
        if kernel.voxelization != "exact" or self.null_method == "histogram":
            return super().modelled(dataset, foci, mask, n_threads)
        fwhm = kernel.widths(dataset)
        _, bits = kernel.design(foci, fwhm, mask)
        return ale_activation(
            foci.xyz, foci.experiment, fwhm, mask.inside, mask.affine, bits, n_threads
        )

    def sums(self, modelled: Modelled, arrays: Arrays, scale: Scale) -> Sums:
        """Unite modelled activation over contrasts: sums of -log(1 - MA)."""
        del arrays
        added = _added(modelled, scale)
        return Sums(added.stat, added.numbers)

    def null(self, modelled: Any, arrays: Arrays, scale: Scale, observed_max: int) -> Null:
        """Null by convolution of the logarithms, or of GingerALE's histograms."""
        del arrays
        if self.null_method == "histogram":
            return histogram_null(rows_of(modelled), modelled.shape[1])
        added = _added(modelled, scale)
        return convolution_null(added.counts, len(added.numbers), observed_max, _bits(scale))

    def _histogram(self, design: FociDesign, scale: Scale, observed_max: int) -> tuple[int, int]:
        shift = max(_bits(scale) - FINEST_BIN_BITS, 0)
        # What is beyond the last bin counts as in it, so that all that was observed must fit.
        while (observed_max >> shift) + 2 > MOST_BINS:
            shift += 1
        return shift, min((largest_sum(design) >> shift) + 2, MOST_BINS)

    def facts(self, arrays: Arrays, foci: ExperimentFoci) -> dict[str, Any]:
        """Widths of the kernels that are used."""
        used = np.sort(arrays["fwhm_mm"][np.unique(foci.experiment)])
        # The median is the upper middle element, as GingerALE prints it.
        median = float(used[len(used) // 2])
        return {"fwhm_mm": {"min": float(used[0]), "median": median, "max": float(used[-1])}}

    def description(self, dataset: Dataset, foci: ExperimentFoci) -> str:
        """One sentence on what was done."""
        return (
            "An activation likelihood estimation (ALE) meta-analysis "
            r"\citep{turkeltaub2002,turkeltaub2012,eickhoff2012} of "
            f"{amounts(foci)} was run with "
            f"Gaussian kernels {self._widths_in_words(dataset)} and the "
            f"{null_in_words(self.null_method)} null."
        )

    def _widths_in_words(self, dataset: Dataset) -> str:
        kernel = self.kernel_transformer
        if kernel.fwhm is not None:
            return f"of {kernel.fwhm:g} mm FWHM"
        if kernel.sample_size is not None:
            return (
                rf"as wide as for a sample size of {kernel.sample_size:g} \citep{{eickhoff2009}}"
            )
        own = dataset.metadata.get(KERNEL_FWHM)
        if own is not None and own.notna().all():
            widths = sorted({f"{width:g}" for width in own})
            return f"of {' or '.join(widths)} mm FWHM"
        return r"whose width follows from the sample size \citep{eickhoff2009}" + (
            " where it is reported" if own is not None and own.notna().any() else ""
        )


def _added(modelled: Modelled, scale: Scale) -> Activation:
    return modelled if isinstance(modelled, Activation) else activation_of(modelled, _bits(scale))


def _bits(scale: Scale) -> int:
    return round(-np.log2(scale.unit))
