"""Activation likelihood estimation (ALE)."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline import defaults
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.cohort import KERNEL_FWHM
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.estimator import KERNEL_PREFIX, Parametrised, unknown_keywords
from nimare_pipeline.meta.kernel import ALEKernel, ExperimentFoci
from nimare_pipeline.meta.participants import participants
from nimare_pipeline.numerics.nulls import LOG_BITS, Null, convolution_null, histogram_null
from nimare_pipeline.numerics.plan import MonteCarloPlan, integer_log, make_plan
from nimare_pipeline.numerics.pvalues import logp_from_logsf, z_from_logsf
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component
from nimare_pipeline.spaces import analysis_mask, contains

CITATIONS = ("turkeltaub2002", "eickhoff2009", "eickhoff2012", "turkeltaub2012")


class ALE(Parametrised):
    """Where foci of several experiments converge more than by chance.

    ``ALE = 1 - prod_i (1 - MA_i)`` over the modelled activation maps of the experiments
    (Turkeltaub et al. 2002, 2012; Eickhoff et al. 2009, 2012).

    Parameters
    ----------
    kernel_transformer : ALEKernel, optional
        Kernel; its parameters can also be given here as ``kernel__fwhm=10``.
    null_method : "approximate" or "histogram"
        ``approximate``: exact null by convolution of the logarithms; ``histogram``: null on bins
        of 1e-5, as GingerALE and NiMARE have it.
    mask : image, path, nilearn masker or BrainMask, optional
        Voxels to analyse, on its own grid; the dataset's mask by default.
    n_cores : int
        Threads for the modelled activation maps; changes the speed, never a bit.

    Raises
    ------
    UsageError
        For unknown keywords or values.

    Examples
    --------
    >>> ALE(kernel__fwhm=10).kernel_transformer.fwhm
    10
    """

    def __init__(
        self,
        kernel_transformer: ALEKernel | type[ALEKernel] | None = None,
        *,
        null_method: str = defaults.NULL_METHOD,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
        **kernel_parameters: Any,
    ) -> None:
        if null_method not in defaults.NULL_METHODS:
            known = ", ".join(defaults.NULL_METHODS)
            msg = f"null_method {null_method!r} is unknown; there are: {known}"
            raise UsageError(msg)
        if isinstance(kernel_transformer, type) or kernel_transformer is None:
            kernel_transformer = (kernel_transformer or ALEKernel)()
        self.kernel_transformer = kernel_transformer
        self.null_method = null_method
        self.mask = mask
        self.n_cores = n_cores
        strange = {k: v for k, v in kernel_parameters.items() if not k.startswith(KERNEL_PREFIX)}
        known_kernel = [f"{KERNEL_PREFIX}{name}" for name in kernel_transformer.get_params()]
        strange |= {k: v for k, v in kernel_parameters.items() if k not in known_kernel}
        if strange:
            accepted = [*self._parameter_names(), *known_kernel]
            raise unknown_keywords(type(self).__name__, strange, accepted)
        if kernel_parameters:
            own = {k.removeprefix(KERNEL_PREFIX): v for k, v in kernel_parameters.items()}
            self.kernel_transformer = type(kernel_transformer)(
                **(kernel_transformer.get_params() | own)
            )

    def fit(self, dataset: Dataset, ma_maps: sparse.csr_array | None = None) -> MetaResult:
        """Analyse a dataset.

        Parameters
        ----------
        dataset : Dataset
        ma_maps : (n_contrasts, n_voxels) CSR array, optional
            Modelled activation computed before by the same kernel over the same mask.

        Returns
        -------
        MetaResult
            Maps ``stat``, ``p``, ``z``, ``logp`` (uncorrected, one-tailed).

        Raises
        ------
        DataError
            If the dataset has no foci, or contrasts lack what the kernel needs.
        """
        mask = dataset.mask if self.mask is None else analysis_mask(self.mask)[0]
        foci = ExperimentFoci.of(dataset)
        if not len(foci.xyz):
            msg = "no contrast of the dataset has any focus: there is nothing to analyse"
            raise DataError(msg)
        fwhm = self.kernel_transformer.widths(dataset)
        bits = self.kernel_transformer.design(foci, fwhm, mask)[1]
        if ma_maps is None:
            ma_maps = self.kernel_transformer.maps(dataset, mask, self.n_cores)
        sums = _sums(ma_maps, bits)
        null = self._null(ma_maps, sums, bits)
        logsf = null.log_p(sums.log_stat if null.domain == "log" else sums.stat)
        maps = {
            MapSpec("stat"): sums.stat,
            MapSpec("p"): np.exp(logsf),
            MapSpec("z"): z_from_logsf(logsf),
            MapSpec("logp"): logp_from_logsf(logsf),
        }
        return MetaResult(
            estimator=self.component(),
            mask=mask,
            maps={spec.name: values for spec, values in maps.items()},
            specs={spec.name: spec for spec in maps},
            arrays={
                "log_stat": sums.log_stat,
                "null_stat": null_grid(null, bits),
                "null_logsf": null.logsf,
                "foci_xyz": foci.xyz,
                "foci_experiment": foci.experiment,
                "fwhm_mm": fwhm,
            },
            facts=self._facts(dataset, foci, fwhm, mask, null, bits),
            ids=foci.ids,
            description_=self._description(dataset, foci),
            bibtex_=bibtex(CITATIONS),
        )

    def _null(self, ma_maps: sparse.csr_array, sums: "_Sums", bits: int) -> Null:
        rows = [slice(*ma_maps.indptr[i : i + 2]) for i in range(ma_maps.shape[0])]
        if self.null_method == "histogram":
            return histogram_null([ma_maps.data[row] for row in rows], ma_maps.shape[1])
        integers = [integer_log(ma_maps.data[row], bits) for row in rows]
        return convolution_null(
            [values for values in integers if len(values)],
            ma_maps.shape[1],
            int(sums.log_stat.max()),
            bits,
        )

    def _facts(
        self,
        dataset: Dataset,
        foci: ExperimentFoci,
        fwhm: NDArray[np.float64],
        mask: BrainMask,
        null: Null,
        bits: int,
    ) -> dict[str, Any]:
        used = np.sort(fwhm[np.unique(foci.experiment)])
        return {
            "estimator": asdict(self.component()),
            "n_studies": len(set(dataset.metadata["study_id"])),
            "n_contrasts": len(foci.ids),
            **participants(dataset),
            "n_foci": len(foci.xyz),
            "n_foci_outside": int((~contains(mask, foci.xyz)).sum()),
            "n_voxels": mask.n_voxels,
            "voxel_size_mm": list(mask.zooms),
            # The median is the upper middle element, as GingerALE prints it.
            "fwhm_mm": {
                "min": float(used[0]),
                "median": float(used[len(used) // 2]),
                "max": float(used[-1]),
            },
            "voxelization": self.kernel_transformer.voxelization,
            "null_method": null.method,
            "null_step": null.step,
            "null_domain": null.domain,
            "connectivity": defaults.CONNECTIVITY,
            "log_bits": bits,
        }

    def _description(self, dataset: Dataset, foci: ExperimentFoci) -> str:
        n_foci, n_contrasts = len(foci.xyz), len(foci.ids)
        return (
            "An activation likelihood estimation (ALE) meta-analysis "
            r"\citep{turkeltaub2002,turkeltaub2012,eickhoff2012} of "
            f"{n_foci} {'focus' if n_foci == 1 else 'foci'} from "
            f"{n_contrasts} {'contrast' if n_contrasts == 1 else 'contrasts'} was run with "
            f"Gaussian kernels {self._widths_in_words(dataset)} and the {self.null_method} null."
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


@dataclass(frozen=True)
class _Sums:
    """Statistic over the mask: float64, and the integers that inference compares."""

    stat: NDArray[np.float64]
    log_stat: NDArray[np.int64]


def _sums(ma_maps: sparse.csr_array, bits: int) -> _Sums:
    n_voxels = ma_maps.shape[1]
    logs = -np.log1p(-ma_maps.data)
    log_sum = np.bincount(ma_maps.indices, weights=logs, minlength=n_voxels)
    # Sums of integers below 2**53 are exact in float64.
    whole = np.bincount(
        ma_maps.indices, weights=integer_log(ma_maps.data, bits), minlength=n_voxels
    )
    return _Sums(-np.expm1(-log_sum), whole.astype(np.int64))


def null_grid(null: Null, bits: int) -> NDArray[np.float64]:
    """Statistic at each bin of a null."""
    x = np.arange(len(null.logsf)) * null.step
    return np.asarray(-np.expm1(-x / 2.0**bits) if null.domain == "log" else x, dtype=np.float64)


def null_of(result: MetaResult) -> Null:
    """The null a result was judged by."""
    facts = result.facts
    return Null(
        facts["null_method"], facts["null_step"], result.arrays["null_logsf"], facts["null_domain"]
    )


def cluster_forming(result: MetaResult, voxel_thresh: float) -> tuple[int, dict[str, float]]:
    """Smallest integer statistic with p < ``voxel_thresh``, and what it means.

    Returns
    -------
    threshold : int
        In units of 2**-log_bits of -log(1 - ALE).
    facts : dict
        ``p`` asked for, ``statistic`` (ALE), ``integer`` (the threshold), ``achieved_p``.
    """
    null = null_of(result)
    smallest, achieved = null.smallest_significant(voxel_thresh)
    bits = result.facts.get("log_bits", LOG_BITS)
    if null.domain == "stat":
        smallest = -np.log1p(-min(smallest, 1.0)) * 2.0**bits if smallest < 1 else np.inf
    threshold = int(np.ceil(smallest)) if np.isfinite(smallest) else 2**30
    statistic = float(-np.expm1(-threshold / 2.0**bits))
    return threshold, {
        "p": voxel_thresh,
        "statistic": statistic,
        "integer": threshold,
        "achieved_p": achieved,
    }


def montecarlo_plan(result: MetaResult, *, threshold: int, null_outside: str) -> MonteCarloPlan:
    """What the Monte Carlo engine needs to redraw the foci of a result."""
    kernel = kernel_of(result.estimator)
    arrays = result.arrays
    foci = ExperimentFoci(result.ids, arrays["foci_xyz"], arrays["foci_experiment"])
    design, bits = kernel.design(foci, arrays["fwhm_mm"], result.mask)
    return make_plan(
        design,
        result.mask.inside,
        result.mask.affine,
        threshold=threshold,
        log_bits=bits,
        null_outside=null_outside,
    )


def kernel_of(estimator: Component) -> ALEKernel:
    """Kernel with the parameters an estimator was described with."""
    own = {
        name.removeprefix(KERNEL_PREFIX): value
        for name, value in estimator.args.items()
        if name.startswith(KERNEL_PREFIX)
    }
    return ALEKernel(**own)
