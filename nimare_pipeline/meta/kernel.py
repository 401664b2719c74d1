"""Kernels: from the foci of each contrast to its modelled activation map."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline import defaults
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.meta.estimator import Parametrised
from nimare_pipeline.numerics.gaussian import (
    density_kernel,
    fwhm_from_sample_size,
    peak_height,
    sampled_kernel,
)
from nimare_pipeline.numerics.ma import ale_maps, sphere_counts
from nimare_pipeline.numerics.nulls import LOG_BITS
from nimare_pipeline.numerics.plan import FociDesign, integer_log, largest_bits
from nimare_pipeline.spaces import analysis_mask


@dataclass(frozen=True)
class ExperimentFoci:
    """Foci of the contrasts of a dataset, in its order.

    Parameters
    ----------
    ids : tuple of str
        Contrasts, also those without foci.
    xyz : (n_foci, 3) float array
        mm.
    experiment : (n_foci,) int array
        Index into ``ids``, ascending.
    """

    ids: tuple[str, ...]
    xyz: NDArray[np.float64]
    experiment: NDArray[np.int64]

    @classmethod
    def of(cls, dataset: Dataset) -> "ExperimentFoci":
        """Take the foci out of a dataset."""
        ids = tuple(str(name) for name in dataset.ids)
        frame = dataset.coordinates
        known = pd.Index(ids, dtype=object)
        experiment = known.get_indexer(pd.Index(frame["id"])).astype(np.int64)
        order = np.argsort(experiment, kind="stable")
        xyz = frame[["x", "y", "z"]].to_numpy(dtype=float).reshape(-1, 3)
        return cls(ids, xyz[order], experiment[order])


class Kernel(Parametrised):
    """From foci to modelled activation maps; the kernels of this module derive from it."""

    voxelization: str

    def transform(
        self,
        dataset: Dataset,
        masker: Any = None,
        return_type: Literal["image", "array", "sparse"] = "image",
    ) -> Any:
        """Modelled activation map of every contrast, in the order of ``dataset.ids``.

        Parameters
        ----------
        dataset : Dataset
        masker : BrainMask, image, path or nilearn masker, optional
            Voxels to compute; the dataset's own by default.
        return_type : str
            ``image``: list of NIfTI images; ``array``: (n_contrasts, n_voxels) float array;
            ``sparse``: the same as a SciPy CSR array.

        Raises
        ------
        DataError
            If a contrast lacks what the kernel needs.
        UsageError
            For an unknown return type.
        """
        mask = dataset.mask if masker is None else analysis_mask(masker)[0]
        maps = self.maps(dataset, mask)
        if return_type == "sparse":
            return maps
        if return_type == "array":
            return maps.toarray()
        if return_type == "image":
            return [mask.image(maps[[row]].toarray()[0]) for row in range(maps.shape[0])]
        msg = f"return_type is 'image', 'array' or 'sparse', not {return_type!r}"
        raise UsageError(msg)

    def maps(self, dataset: Dataset, mask: BrainMask, n_threads: int = 1) -> sparse.csr_array:
        """Modelled activation maps as a (n_contrasts, n_voxels) CSR array."""
        raise NotImplementedError


class ALEKernel(Kernel):
    """Gaussian kernel of activation likelihood estimation.

    Modelled activation is the Gaussian density times the voxel volume, the largest over the foci
    of a contrast. Its width comes from the sample size (Eickhoff et al. 2009) unless one is given.

    Parameters
    ----------
    fwhm : float, optional
        One full width at half maximum for all contrasts, mm.
    sample_size : float, optional
        One sample size for all contrasts; not together with ``fwhm``.
    voxelization : str
        ``exact`` evaluates the density at the true distance in mm between voxel centre and focus.
        ``half-up`` (Eickhoff's MATLAB), ``half-even`` (NiMARE), ``truncate`` (old NiMARE) and
        ``ceil`` (JALE) move the focus to a voxel and place the sampled Gaussian of those tools.

    Raises
    ------
    UsageError
        For values out of range or both widths at once.
    """

    def __init__(
        self,
        fwhm: float | None = None,
        sample_size: float | None = None,
        voxelization: str = defaults.VOXELIZATION,
    ) -> None:
        if fwhm is not None and sample_size is not None:
            msg = "the ALE kernel takes fwhm or sample_size, not both"
            raise UsageError(msg)
        for name, value in (("fwhm", fwhm), ("sample_size", sample_size)):
            if value is not None:
                check_positive(name, value)
        check_voxelization(voxelization)
        self.fwhm = fwhm
        self.sample_size = sample_size
        self.voxelization = voxelization

    def maps(self, dataset: Dataset, mask: BrainMask, n_threads: int = 1) -> sparse.csr_array:
        """Modelled activation maps as a (n_contrasts, n_voxels) CSR array."""
        foci = ExperimentFoci.of(dataset)
        fwhm = self.widths(dataset)
        _check_widths(fwhm[np.unique(foci.experiment)], mask)
        return ale_maps(
            foci.xyz, foci.experiment, fwhm, mask.inside, mask.affine, self.voxelization, n_threads
        )

    def widths(self, dataset: Dataset) -> NDArray[np.float64]:
        """FWHM of each contrast, mm; NaN where unknown and not needed (no foci).

        Raises
        ------
        DataError
            If a contrast with foci has no sample size and no width was given.
        """
        n = len(dataset.ids)
        if self.fwhm is not None:
            return np.full(n, float(self.fwhm))
        if self.sample_size is not None:
            return np.full(n, float(fwhm_from_sample_size(self.sample_size)))
        fwhm = fwhm_from_sample_size(dataset.sample_sizes())
        own = dataset.metadata
        if "kernel_fwhm" in own.columns:
            given = own.set_index("id").loc[list(dataset.ids), "kernel_fwhm"].to_numpy(dtype=float)
            fwhm = np.where(np.isnan(given), fwhm, given)
        unknown = np.isnan(fwhm) & np.isin(dataset.ids, dataset.coordinates["id"].unique())
        if unknown.any():
            msg = "the ALE kernel needs a sample size for every contrast with foci"
            advice = "add it, exclude the contrast, or give fwhm= or sample_size="
            raise DataError(
                msg,
                [
                    Problem("error", "no sample size", where=f"contrast {name}", suggestion=advice)
                    for name in np.asarray(dataset.ids)[unknown]
                ],
            )
        return fwhm

    def design(
        self, foci: ExperimentFoci, fwhm: NDArray[np.float64], mask: BrainMask
    ) -> tuple[FociDesign, int]:
        """Integer kernels of the Monte Carlo engine, and their unit 2**-bits as bits."""
        present = np.unique(foci.experiment)
        widths, kernel_of = np.unique(fwhm[present], return_inverse=True)
        _check_widths(widths, mask)
        kernels = [
            density_kernel(width, mask.affine)
            if self.voxelization == "exact"
            else sampled_kernel(width, mask.affine, self.voxelization)
            for width in widths
        ]
        peaks = np.array([kernel.max() for kernel in kernels])
        bound = float(-np.log1p(-peaks[kernel_of]).sum())
        bits = largest_bits(bound, len(present), LOG_BITS)
        design = FociDesign(
            foci.xyz,
            np.searchsorted(present, foci.experiment),
            [integer_log(kernel, bits).astype(np.int32) for kernel in kernels],
            kernel_of,
        )
        return design, bits


class KDAKernel(Kernel):
    """Sphere around each focus; spheres of one contrast add up (Wager et al. 2003, 2004).

    Parameters
    ----------
    r : float
        Radius, mm; a voxel whose centre is just that far from a focus is inside.
    value : float
        Modelled activation inside one sphere.
    voxelization : str
        ``exact`` measures from the focus itself; ``half-up``, ``half-even`` (NiMARE),
        ``truncate`` and ``ceil`` from the centre of the voxel that it is moved to.

    Raises
    ------
    UsageError
        For values out of range.
    """

    def __init__(
        self,
        r: float = defaults.KERNEL_RADIUS_MM,
        value: float = 1,
        voxelization: str = defaults.VOXELIZATION,
    ) -> None:
        check_positive("r", r)
        check_positive("value", value)
        check_voxelization(voxelization)
        self.r = r
        self.value = value
        self.voxelization = voxelization

    def counts(self, foci: ExperimentFoci, mask: BrainMask, n_threads: int) -> sparse.csr_array:
        """Spheres of each contrast that hold a voxel, as a (n_contrasts, n_voxels) CSR array."""
        return sphere_counts(
            foci.xyz, foci.experiment, len(foci.ids), float(self.r), mask.inside, mask.affine,
            self.voxelization, n_threads,
        )  # fmt: skip

    def maps(self, dataset: Dataset, mask: BrainMask, n_threads: int = 1) -> sparse.csr_array:
        """Modelled activation maps as a (n_contrasts, n_voxels) CSR array."""
        return self.value * self.counts(ExperimentFoci.of(dataset), mask, n_threads)


class MKDAKernel(KDAKernel):
    """Sphere around each focus; a voxel counts once however many spheres hold it.

    Wager et al. 2007 (doi 10.1093/scan/nsm015): a contrast weighs the same whether it reports one
    focus in a region or ten. Parameters as those of ``KDAKernel``.
    """

    def counts(self, foci: ExperimentFoci, mask: BrainMask, n_threads: int) -> sparse.csr_array:
        """Whether a contrast has a focus within reach of a voxel, 0 or 1."""
        counts = super().counts(foci, mask, n_threads)
        counts.data = np.minimum(counts.data, 1.0)
        return counts


def check_voxelization(rule: str) -> None:
    """Refuse an unknown rounding rule."""
    if rule not in defaults.VOXELIZATIONS:
        known = ", ".join(defaults.VOXELIZATIONS)
        msg = f"voxelization {rule!r} is unknown; there are: {known}"
        raise UsageError(msg)


def check_positive(name: str, value: Any) -> None:
    """Refuse what is not a positive number."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (number and np.isfinite(value) and value > 0):
        msg = f"{name} is {value!r}; expected a positive number"
        raise UsageError(msg)


def _check_widths(fwhm: NDArray[np.float64], mask: BrainMask) -> None:
    for width in np.unique(fwhm):
        try:
            peak_height(float(width), mask.voxel_volume_mm3)
        except ValueError as error:
            raise UsageError(str(error)) from error
