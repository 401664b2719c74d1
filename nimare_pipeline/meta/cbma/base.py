"""What all coordinate-based estimators of one sample share: from foci to statistic, null and maps.

An estimator says which kernel it takes, how modelled activation adds up to its statistic, and how
that statistic is counted in whole numbers; null, p, z, the Monte Carlo plan and the
cluster-forming threshold follow from that.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline import defaults
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import counted
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.enhancement import Enhancement
from nimare_pipeline.meta.cbma.forming import (
    cluster_forming,
    montecarlo_plan,
    null_grid,
    null_of,
    scale_of,
)
from nimare_pipeline.meta.cbma.kernel_estimator import KernelEstimator
from nimare_pipeline.meta.estimator import count, expect_type, seed_number
from nimare_pipeline.meta.judging import (
    LEVELS,
    Judged,
    Maps,
    MonteCarlo,
    cluster_extents,
    corrected_maps,
    critical_values,
)
from nimare_pipeline.meta.kernel import ExperimentFoci
from nimare_pipeline.meta.modelled import Modelled
from nimare_pipeline.meta.participants import participants
from nimare_pipeline.montecarlo import montecarlo_counts
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.numerics.nulls import Null, counted_null
from nimare_pipeline.numerics.plan import FociDesign, make_plan
from nimare_pipeline.numerics.pvalues import logp_from_logsf, montecarlo_p, z_from_logsf
from nimare_pipeline.numerics.simulate import LARGEST_SUM
from nimare_pipeline.numerics.tfce_plan import TFCEPlan
from nimare_pipeline.results import MetaResult
from nimare_pipeline.scale import Scale
from nimare_pipeline.spaces import analysis_mask, contains
from nimare_pipeline.store import Store

Arrays = Mapping[str, NDArray[Any]]

_ONLY_MONTECARLO = ("n_iters", "seed", "null_outside")


@dataclass(frozen=True)
class Sums:
    """Statistic over the mask: float64, and the whole numbers that inference compares."""

    stat: NDArray[np.float64]
    numbers: NDArray[np.int64]


class CoordinateEstimator(KernelEstimator):
    """Estimator of convergence among the foci of one set of contrasts.

    Parameters that all of them take:

    kernel_transformer : Kernel, optional
        Kernel of the estimator's own kind; its parameters can also be given as ``kernel__<name>``.
    null_method : str
        Where uncorrected p-values come from: ``approximate`` (exact, by convolution),
        ``histogram`` (ALE: as GingerALE and NiMARE) or ``montecarlo``.
    n_iters, seed, null_outside
        Of the Monte Carlo null; without effect on the others. ``null_outside`` as for
        ``FWECorrector``.
    mask : image, path, nilearn masker or BrainMask, optional
        Voxels to analyse, on its own grid; the dataset's mask by default.
    n_cores : int
        Threads; changes the speed, never a bit.
    """

    null_methods: ClassVar[tuple[str, ...]] = ("approximate", "montecarlo")
    citations: ClassVar[tuple[str, ...]]
    null_method: str
    n_iters: int
    seed: int
    null_outside: str
    mask: Any
    n_cores: int

    def _take(self, parameters: Mapping[str, Any], kernel_parameters: Mapping[str, Any]) -> None:
        """Check and keep what the constructor was given.

        Raises
        ------
        UsageError
            For unknown keywords or values, or a kernel of another kind.
        """
        _one_of("null_method", parameters["null_method"], self.null_methods)
        _one_of("null_outside", parameters["null_outside"], defaults.NULL_OUTSIDE_POLICIES)
        whole = {
            "n_iters": count("n_iters", parameters["n_iters"]),
            "n_cores": count("n_cores", parameters["n_cores"]),
            "seed": seed_number(parameters["seed"]),
        }
        kernel = self._take_kernel(parameters["kernel_transformer"], kernel_parameters)
        for key, value in {**parameters, **whole, "kernel_transformer": kernel}.items():
            setattr(self, key, value)

    def without_effect(self) -> tuple[str, ...]:
        """Parameters that change nothing as the others stand."""
        return () if self.null_method == "montecarlo" else _ONLY_MONTECARLO

    def fit(
        self,
        dataset: Dataset,
        ma_maps: Modelled | None = None,
        *,
        store: Store | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> MetaResult:
        """Analyse a dataset.

        Parameters
        ----------
        dataset : Dataset
        ma_maps : (n_contrasts, n_voxels) CSR array or Activation, optional
            Modelled activation computed before by the same kernel over the same mask: what a
            kernel's ``transform(return_type="sparse")`` or the estimator's ``modelled`` gives.
        store : Store, optional
            Where blocks of a Monte Carlo null are found and kept.
        progress : callable, optional
            Told the iterations of a Monte Carlo null as they are done.

        Returns
        -------
        MetaResult
            Maps ``stat``, ``p``, ``z``, ``logp`` (uncorrected, one-tailed).

        Raises
        ------
        UsageError
            If it is no Dataset.
        DataError
            If the dataset has no foci, or contrasts lack what the estimator needs.
        """
        expect_type("fit", dataset, Dataset)
        mask = dataset.mask if self.mask is None else analysis_mask(self.mask)[0]
        foci = ExperimentFoci.of(dataset)
        if not len(foci.xyz):
            msg = "no contrast of the dataset has any focus: there is nothing to analyse"
            raise DataError(msg)
        own = self.arrays(dataset)
        design, scale = self.design(foci, own, mask)
        if ma_maps is None:
            ma_maps = self.modelled(dataset, foci, mask, self.n_cores)
        sums = self.sums(ma_maps, own, scale)
        observed_max = int(sums.numbers.max())
        if self.null_method == "montecarlo":
            null = self._simulated_null(design, scale, mask, observed_max, store, progress)
        else:
            null = self.null(ma_maps, own, scale, observed_max)
        logsf = null.log_p(sums.stat if null.domain == "stat" else sums.numbers)
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
                "numbers": sums.numbers,
                "null_stat": null_grid(null, scale),
                "null_logsf": null.logsf,
                **({} if null.support is None else {"null_support": null.support}),
                "foci_xyz": foci.xyz,
                "foci_experiment": foci.experiment,
                **own,
            },
            facts={
                **self._common_facts(dataset, foci, mask, null, scale),
                **self.facts(own, foci),
            },
            ids=foci.ids,
            description_=self.description(dataset, foci),
            bibtex_=bibtex(self.citations),
        )

    def montecarlo_plan(self, result: MetaResult, choices: MonteCarlo) -> MonteCarloPlan:
        """What the Monte Carlo engine needs to correct a result of this estimator."""
        threshold, forming = cluster_forming(result, choices.voxel_thresh)
        plan = montecarlo_plan(
            result,
            threshold=threshold,
            mass_floor=forming["mass_floor"],
            null_outside=choices.null_outside,
        )
        if not choices.tfce:
            return plan
        enhancement = self._enhancement(result, choices)
        return TFCEPlan.of(plan, enhancement.tables, enhancement.shift, enhancement.support)

    def _enhancement(self, result: MetaResult, choices: MonteCarlo) -> Enhancement:
        arrays = result.arrays
        foci = ExperimentFoci(result.ids, arrays["foci_xyz"], arrays["foci_experiment"])
        design, scale = self.design(foci, arrays, result.mask)
        return Enhancement.of(result, null_of(result), scale, largest_sum(design), choices)

    def judge(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        """Judge a result of this estimator by the null maxima of its plan."""
        threshold, forming = cluster_forming(result, choices.voxel_thresh)
        scale, observed = scale_of(result), result.arrays["numbers"]
        size, mass = cluster_extents(
            observed, threshold, result.mask.inside, mass_floor=forming["mass_floor"]
        )
        judged: tuple[tuple[NDArray[np.int64], str, dict[str, Any]], ...] = (
            (observed, "max_stat", {"level": "voxel"}),
            (size, "max_size", {"level": "cluster", "measure": "size"}),
            (mass, "max_mass", {"level": "cluster", "measure": "mass"}),
        )
        maps: Maps = {}
        for values, key, meaning in judged:
            logsf = np.log(montecarlo_p(values, null[key]))
            maps |= corrected_maps(logsf, correction="FWE", method="montecarlo", **meaning)
        scales: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "voxel": ("max_stat", scale.statistic),
            "size_voxels": ("max_size", lambda v: v),
            "mass": ("max_mass", scale.mass),
        }
        enhanced: dict[str, Any] = {}
        if choices.tfce:
            enhancement = self._enhancement(result, choices)
            more, powers = enhancement.judge(result, null["max_tfce"], choices)
            maps |= more
            enhanced["tfce"] = powers
            scales["tfce"] = ("max_tfce", partial(operator.mul, enhancement.tables.unit))
        forms = forming["statistic"] is not None
        inside = choices.null_outside == "inside"
        facts = {
            "cluster_forming": forming,
            "montecarlo": {
                "n_iters": len(null["max_stat"]),
                "seed": choices.seed,
                "null_outside": choices.null_outside,
                "n_drawn_outside": 0 if inside else result.facts["n_foci_outside"],
                "thresholds": {
                    name: critical_values(null[key], scale_)
                    if key in {"max_stat", "max_tfce"} or forms
                    else dict.fromkeys(map("{:g}".format, LEVELS))
                    for name, (key, scale_) in scales.items()
                },
            },
            **enhanced,
        }
        arrays = {f"montecarlo_{key}": scale_(null[key]) for key, scale_ in scales.values()}
        return Judged(maps, facts, {**arrays, "suprathreshold": observed >= threshold})

    def arrays(self, dataset: Dataset) -> dict[str, NDArray[Any]]:
        """What the design depends on beside the foci: widths of kernels, weights."""
        raise NotImplementedError

    def design(
        self, foci: ExperimentFoci, arrays: Arrays, mask: BrainMask
    ) -> tuple[FociDesign, Scale]:
        """Foci and kernels as the Monte Carlo engine has them, and how it counts."""
        raise NotImplementedError

    def modelled(
        self, dataset: Dataset, foci: ExperimentFoci, mask: BrainMask, n_threads: int
    ) -> Modelled:
        """Model the activation of each contrast of a dataset, whose foci these are."""
        del foci
        maps: sparse.csr_array = self.kernel_transformer.maps(dataset, mask, n_threads)
        return maps

    def sums(self, modelled: Any, arrays: Arrays, scale: Scale) -> Sums:
        """Add up over contrasts what ``modelled`` gave, or maps."""
        raise NotImplementedError

    def null(self, modelled: Any, arrays: Arrays, scale: Scale, observed_max: int) -> Null:
        """Null of the statistic at a voxel, up to the largest observed number."""
        raise NotImplementedError

    def facts(self, arrays: Arrays, foci: ExperimentFoci) -> dict[str, Any]:
        """Numbers of this estimator that sidecars, methods text and report quote."""
        raise NotImplementedError

    def description(self, dataset: Dataset, foci: ExperimentFoci) -> str:
        """One sentence on what was done, with citations."""
        raise NotImplementedError

    def _simulated_null(
        self,
        design: FociDesign,
        scale: Scale,
        mask: BrainMask,
        observed_max: int,
        store: Store | None,
        progress: Callable[[int], Any] | None,
    ) -> Null:
        plan = make_plan(
            design,
            mask.inside,
            mask.affine,
            threshold=LARGEST_SUM,
            mass_floor=LARGEST_SUM,
            null_outside=self.null_outside,
        )
        shift, n_bins = self._histogram(design, scale, observed_max)
        counts = montecarlo_counts(
            plan,
            n_iters=self.n_iters,
            seed=self.seed,
            shift=shift,
            n_bins=n_bins,
            n_threads=self.n_cores,
            store=store,
            progress=progress,
        )
        return counted_null(counts, float(1 << shift), discrete=scale.domain == "linear")

    def _histogram(self, design: FociDesign, scale: Scale, observed_max: int) -> tuple[int, int]:
        """Width (as a power of 2) and number of the bins of a Monte Carlo null."""
        del scale, observed_max
        return 0, largest_sum(design) + 1

    def _common_facts(
        self, dataset: Dataset, foci: ExperimentFoci, mask: BrainMask, null: Null, scale: Scale
    ) -> dict[str, Any]:
        simulated = {
            "null_n_iters": self.n_iters, "null_seed": self.seed, "null_outside": self.null_outside
        }  # fmt: skip
        return {
            **self._sample_facts(dataset, foci, mask),
            "null_method": null.method,
            "null_step": null.step,
            "null_domain": null.domain,
            **(simulated if null.method == "montecarlo" else {}),
            "scale": scale.fact(),
        }

    def _sample_facts(
        self, dataset: Dataset, foci: ExperimentFoci, mask: BrainMask
    ) -> dict[str, Any]:
        return {
            "estimator": asdict(self.component()),
            "n_studies": len(set(dataset.metadata["study_id"])),
            "n_contrasts": len(foci.ids),
            **participants(dataset),
            "n_foci": len(foci.xyz),
            "n_foci_outside": int((~contains(mask, foci.xyz)).sum()),
            "n_voxels": mask.n_voxels,
            "voxel_size_mm": list(mask.zooms),
            "voxelization": self.kernel_transformer.voxelization,
            "connectivity": defaults.CONNECTIVITY,
        }


def largest_sum(design: FociDesign) -> int:
    """Largest number there can be: a focus of every experiment at one voxel."""
    peaks = np.array([int(kernel.max()) for kernel in design.kernels])
    return int(peaks[design.experiment_kernel].sum())


def amounts(foci: ExperimentFoci) -> str:
    """Foci and contrasts in words, for descriptions."""
    n_foci, n_contrasts = len(foci.xyz), len(foci.ids)
    return f"{counted(n_foci, 'focus', 'foci')} from {counted(n_contrasts, 'contrast')}"


def null_in_words(null_method: str) -> str:
    """Null in words, for descriptions."""
    return {"approximate": "exact", "montecarlo": "Monte Carlo"}.get(null_method, null_method)


def rows_of(ma_maps: sparse.csr_array) -> list[NDArray[np.float64]]:
    """Non-zero values of each row."""
    return [ma_maps.data[slice(*ma_maps.indptr[i : i + 2])] for i in range(ma_maps.shape[0])]


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        msg = f"{name} {value!r} is unknown; there are: {', '.join(known)}"
        raise UsageError(msg)
