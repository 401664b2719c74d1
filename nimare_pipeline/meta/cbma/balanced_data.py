"""Both groups of a balanced subtraction, and how much a contrast of each counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.meta.cbma.ale_subtraction import integer_terms
from nimare_pipeline.meta.kernel import ExperimentFoci
from nimare_pipeline.numerics.gaussian import density_kernel, sampled_kernel
from nimare_pipeline.numerics.plan import FociDesign, integer_log
from nimare_pipeline.numerics.subtraction import exp_tables, exponentials


@dataclass(frozen=True)
class BalancedData:
    """Both groups, their modelled activation, and how much a contrast of each counts.

    Parameters
    ----------
    foci : ExperimentFoci
        Of both groups; the contrasts of group 1 come first.
    n_first : int
        Contrasts of group 1.
    mask : BrainMask
    fwhm : (n_contrasts,) array
        mm; NaN where it is not needed.
    ma : (n_contrasts, n_voxels) CSR array
        Modelled activation.
    bits : int
        Sums are in units of 2**-bits.
    target_n : int
        Contrasts that each group counts as.
    weights : tuple of float
        What a contrast of each group counts.
    voxelization : str
    """

    foci: ExperimentFoci
    n_first: int
    mask: BrainMask
    fwhm: NDArray[np.float64]
    ma: sparse.csr_array
    bits: int
    target_n: int
    weights: tuple[float, float]
    voxelization: str

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """Contrasts of group 1."""
        return np.arange(len(self.foci.ids)) < self.n_first

    def terms(self, weight: float) -> sparse.csr_array:
        """-log(1 - weight MA) as whole numbers."""
        weighted = sparse.csr_array(
            (weight * self.ma.data, self.ma.indices, self.ma.indptr), self.ma.shape
        )
        return integer_terms(weighted, self.bits)

    def _sums(self) -> list[NDArray[np.int64]]:
        sums = []
        for number, weight in enumerate(self.weights):
            mine = self.terms(weight)[np.flatnonzero(self.is_first == (number == 0))]
            sums.append(
                np.bincount(mine.indices, weights=mine.data, minlength=mine.shape[1]).astype(
                    np.int64
                )
            )
        return sums

    def numbers(self) -> NDArray[np.int64]:
        """Observed difference in units of 2**-30, as the null has it."""
        sums = self._sums()
        tables = exp_tables(int(max(one.max() for one in sums)), self.bits)
        ale = []
        for one in sums:
            out = np.zeros(len(one), dtype=np.int64)
            exponentials(one, *tables, out)
            ale.append(out)
        return ale[1] - ale[0]

    def difference(self) -> NDArray[np.float64]:
        """Observed difference."""
        logs = []
        for number, weight in enumerate(self.weights):
            mine = self.ma[np.flatnonzero(self.is_first == (number == 0))]
            logs.append(
                np.bincount(
                    mine.indices, weights=-np.log1p(-weight * mine.data), minlength=mine.shape[1]
                )
            )
        return np.asarray(np.expm1(-logs[1]) - np.expm1(-logs[0]))

    def design(
        self, members: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> tuple[FociDesign, int]:
        """Foci of some contrasts with weighted kernels, and the largest sum there can be."""
        foci, affine = self.foci, self.mask.affine
        kept = np.isin(foci.experiment, members)
        # A contrast without foci takes part with a kernel that is never placed.
        fwhm = np.where(np.isnan(self.fwhm), np.nanmin(self.fwhm), self.fwhm)
        kinds = np.stack([fwhm[members], weights], axis=1)
        kinds, kernel_of = np.unique(kinds, axis=0, return_inverse=True)
        rule = self.voxelization
        kernels = []
        for width, weight in kinds:
            kernel = (
                density_kernel(width, affine)
                if rule == "exact"
                else sampled_kernel(width, affine, rule)
            )
            kernels.append(integer_log(weight * kernel, self.bits).astype(np.int32))
        design = FociDesign(
            foci.xyz[kept],
            np.searchsorted(members, foci.experiment[kept]),
            kernels,
            np.ravel(kernel_of).astype(np.int64),
        )
        peaks = np.array([int(kernel.max()) for kernel in kernels])
        return design, int(peaks[design.experiment_kernel].sum())
