"""Multilevel kernel density analysis of two groups, by chi-square (MKDAChi2)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import counted
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.pair_enhancement import (
    association_tables,
    count_tables,
    enhanced_association,
    judge_count,
)
from nimare_pipeline.meta.cbma.pairwise import GROUPS, Pair, PairEstimator, tested_signs
from nimare_pipeline.meta.estimator import check, count
from nimare_pipeline.meta.judging import (
    Judged,
    Maps,
    MonteCarlo,
    Signed,
    cluster_extents,
    corrected_maps,
    critical_values,
    judge_enhanced,
    judge_signed,
    powers,
)
from nimare_pipeline.meta.kernel import MKDAKernel
from nimare_pipeline.numerics import chi2
from nimare_pipeline.numerics.array_plan import ArrayPlan
from nimare_pipeline.numerics.chi2_tfce import LabelTFCEPlan
from nimare_pipeline.numerics.foci_groups import FociGroupsPlan, TFCEGroupsPlan
from nimare_pipeline.numerics.ma import sphere_kernel
from nimare_pipeline.numerics.plan import FociDesign, make_plan
from nimare_pipeline.numerics.pvalues import logp_from_logsf, montecarlo_p, z_from_logsf
from nimare_pipeline.numerics.study_runs import StudyRuns, study_runs
from nimare_pipeline.numerics.subtraction_loop import NEGATIVE, POSITIVE
from nimare_pipeline.numerics.tfce import TFCETables
from nimare_pipeline.numerics.tfce_plan import NO_SUPPORT, TFCEPlan
from nimare_pipeline.results import MetaResult
from nimare_pipeline.store import Store, key

FWE_NULLS = ("label-permutation", "random-foci")
ASSOCIATION = "association"
UNIFORMITY = "uniformity"


class MKDAChi2(PairEstimator):
    """Whether one group of contrasts reports a voxel more often than another.

    Each contrast counts once at a voxel, if it has a focus within reach (Wager et al. 2007).
    Association is the chi-square of group and report (Yarkoni et al. 2011); uniformity that of
    one group's count against its mean over the mask. See :mod:`nimare_pipeline.numerics.chi2`.

    Parameters
    ----------
    kernel_transformer : MKDAKernel, optional
        Kernel; its parameters can also be given here as ``kernel__r=8``.
    prior : float
        Prior probability of group 1 in ``prob_desc-AgF_prior`` and ``prob_desc-FgA_prior``.
    fwe_null_method : "label-permutation" or "random-foci"
        How ``FWECorrector(method="montecarlo")`` judges. ``label-permutation`` divides all
        contrasts into groups of the same sizes at random: a null of the difference, so that it
        judges ``association`` alone. ``random-foci`` redraws the foci of each group in space: a
        null of convergence within a group, so that it judges ``uniformity``, ``group1`` (the
        same) and ``group2``, by the count, where it is above the mean.
    mask : image, path, nilearn masker or BrainMask, optional
        Voxels to analyse, on its own grid; the datasets' mask by default.
    n_cores : int
        Threads; changes the speed, never a bit.

    Raises
    ------
    UsageError
        For unknown keywords or values.

    Notes
    -----
    Association says nothing of a voxel that no contrast, or every contrast, reports: stat, p, z
    and logp are NaN there, and such a voxel is no test.
    """

    kernel_class = MKDAKernel
    result_group = ASSOCIATION
    citations = ("wager2007", "yarkoni2011")
    plans_from_store = True
    """Whether ``montecarlo_plan`` finds in a store what ``fit`` left there."""

    def __init__(
        self,
        kernel_transformer: MKDAKernel | type[MKDAKernel] | None = None,
        *,
        prior: float = defaults.PRIOR,
        fwe_null_method: str = FWE_NULLS[0],
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
        **kernel_parameters: Any,
    ) -> None:
        check("prior", prior, "a number between 0 and 1", lambda v: 0 < v < 1)
        if fwe_null_method not in FWE_NULLS:
            msg = f"fwe_null_method is {' or '.join(FWE_NULLS)}, not {fwe_null_method!r}"
            raise UsageError(msg)
        self.kernel_transformer = self._take_kernel(kernel_transformer, kernel_parameters)
        self.prior = float(prior)
        self.fwe_null_method = fwe_null_method
        self.mask = mask
        self.n_cores = count("n_cores", n_cores)

    @property
    def judged_group(self) -> str:
        """Group of the maps that Monte Carlo correction judges, and that is the result then."""
        return ASSOCIATION if self.fwe_null_method == FWE_NULLS[0] else UNIFORMITY

    def fit(
        self,
        dataset1: Dataset,
        dataset2: Dataset,
        *,
        inference_map1: Any = None,
        inference_map2: Any = None,
        store: Store | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> MetaResult:
        """Compare two groups, with the parameters and errors of ``PairEstimator.fit``.

        Of a database, group 2 is usually all the rest. A voxel whose difference has a sign that
        the inference maps do not ask for is NaN. The store keeps the spheres of the contrasts;
        nothing is drawn, so that there is no progress to tell.

        Returns
        -------
        MetaResult
            ``chi2``, ``z``, ``p``, ``logp`` of ``desc-association``, ``desc-uniformity``,
            ``desc-group1`` (the same as uniformity) and ``desc-group2``, two-sided, z with the
            sign of the difference; ``stat_desc-association`` is z before inference maps; and
            ``prob_desc-A``, ``-AgF``, ``-AgU``, ``-FgA``, ``-AgF_prior``, ``-FgA_prior``,
            ``-group1``, ``-group2``.
        """
        del progress
        pair = self._pair(dataset1, dataset2)
        foci = pair.foci
        runs = self._runs(foci.xyz, foci.experiment, len(foci.ids), pair.mask, store)
        is_first = np.arange(len(pair.foci.ids)) < pair.n_first
        a, b = runs.counts(is_first), runs.counts(~is_first)
        n1, n2 = pair.n_first, len(is_first) - pair.n_first
        maps = self._maps(a, b, n1, n2)
        numbers = chi2.whole_numbers(a, b, n1, n2)
        tested = tested_signs(inference_map1, inference_map2, pair.mask)
        seen = np.where(numbers > 0, tested & POSITIVE, tested & NEGATIVE) > 0
        for spec in list(maps):
            if spec.group == ASSOCIATION and spec.statistic != "stat":
                # Of the other sign there is no evidence for what is looked for.
                nothing = np.where(tested > 0, 1.0 if spec.statistic == "p" else 0.0, np.nan)
                nothing[np.isnan(maps[spec])] = np.nan
                maps[spec] = np.where(seen, maps[spec], nothing)
        return MetaResult(
            estimator=self.component(),
            mask=pair.mask,
            maps={spec.name: values for spec, values in maps.items()},
            specs={spec.name: spec for spec in maps},
            arrays={
                **self._pair_arrays(pair),
                f"numbers_{ASSOCIATION}": np.where(seen, numbers, 0),
                "count_group1": a,
                "count_group2": b,
                "tested": tested,
            },
            facts={
                **self._pair_facts(pair),
                "result_group": self.judged_group,
                "null_method": "chi2",
                "radius_mm": float(self.kernel_transformer.r),
                "prior": self.prior,
                "fwe_null_method": self.fwe_null_method,
                "n_voxels_reported": int(((a + b) > 0).sum()),
            },
            ids=pair.foci.ids,
            description_=self._description(pair),
            bibtex_=bibtex(self.citations),
        )

    def montecarlo_plan(
        self, result: MetaResult, choices: MonteCarlo, store: Store | None = None
    ) -> ArrayPlan:
        """What the Monte Carlo engine needs to correct a result of this estimator.

        In the store that ``fit`` was given the spheres are found; without it they are made again.
        """
        if self.fwe_null_method == FWE_NULLS[0]:
            return self._label_plan(result, choices, store)
        return self._foci_plan(result, choices)

    def _label_plan(
        self, result: MetaResult, choices: MonteCarlo, store: Store | None
    ) -> ArrayPlan:
        arrays, mask = result.arrays, result.mask
        is_first = arrays["group"] == 1
        plan = chi2.label_plan(
            self._runs(arrays["foci_xyz"], arrays["foci_experiment"], len(is_first), mask, store),
            is_first,
            mask.inside,
            n_iters=choices.n_iters,
            voxel_thresh=choices.voxel_thresh,
            tested=arrays["tested"],
        )
        if not choices.tfce:
            return plan
        return LabelTFCEPlan.of(plan, *association_tables(result, choices))

    def _foci_plan(self, result: MetaResult, choices: MonteCarlo) -> FociGroupsPlan:
        arrays, mask = result.arrays, result.mask
        plans = []
        for number, name in enumerate(GROUPS, start=1):
            mine = arrays["group"][arrays["foci_experiment"]] == number
            threshold, _ = self._count_threshold(result, name, choices.voxel_thresh)
            present, experiment = np.unique(arrays["foci_experiment"][mine], return_inverse=True)
            sphere = sphere_kernel(float(self.kernel_transformer.r), mask.affine)
            design = FociDesign(
                arrays["foci_xyz"][mine],
                experiment,
                [sphere.astype(np.int32)],
                np.zeros(len(present), dtype=np.int64),
            )
            plan = make_plan(
                design,
                mask.inside,
                mask.affine,
                threshold=threshold,
                mass_floor=threshold - 1,
                null_outside=choices.null_outside,
            )
            if choices.tfce:
                plan = TFCEPlan.of(plan, self._count_tables(result, name, choices), 0, NO_SUPPORT)
            plans.append(plan)
        return (TFCEGroupsPlan if choices.tfce else FociGroupsPlan).of(plans)

    def _count_tables(self, result: MetaResult, name: str, choices: MonteCarlo) -> TFCETables:
        n = int(result.facts["groups"][name]["n_contrasts"])
        return count_tables(result.arrays[f"count_{name}"], n, result, choices)

    def judge(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        """Judge a result of this estimator by the null maxima of its plan."""
        if self.fwe_null_method == FWE_NULLS[0]:
            return self._judge_association(result, null, choices)
        return self._judge_groups(result, null, choices)

    def _judge_association(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        from nimare_pipeline.numerics.permute import n_divisions

        numbers = result.arrays[f"numbers_{ASSOCIATION}"]
        threshold = chi2.cluster_threshold(choices.voxel_thresh)
        above = np.where(np.abs(numbers) >= threshold, np.sign(numbers), 0).astype(np.int8)
        excess = np.where(above != 0, np.abs(numbers) - threshold, 0)
        undefined = np.isnan(result.maps[MapSpec("z", group=ASSOCIATION).name])
        group = result.arrays["group"]
        k = int((group == 1).sum())
        _, exhaustive = n_divisions(len(group), min(k, len(group) - k), choices.n_iters)
        judged = judge_signed(
            Signed(numbers, above, excess, chi2.UNIT, undefined),
            null,
            result.mask.inside,
            group=ASSOCIATION,
            exhaustive=exhaustive,
        )
        if choices.tfce:
            enhanced = enhanced_association(result, numbers, undefined, choices)
            judged = judged.and_also(
                judge_enhanced(enhanced, null, group=ASSOCIATION, exhaustive=exhaustive)
            )
        facts = {
            "cluster_forming": {
                "p": choices.voxel_thresh,
                "statistic": chi2.critical_z(choices.voxel_thresh),
                "statistic_negative": -chi2.critical_z(choices.voxel_thresh),
                "null": "chi-square",
            },
            "montecarlo": {
                "n_iters": len(null["positive_max_stat"]),
                "seed": choices.seed,
                "exhaustive": exhaustive,
                "null_method": self.fwe_null_method,
                "thresholds": judged.facts["thresholds"],
            },
            **({"tfce": powers(choices, "chi-square")} if choices.tfce else {}),
        }
        return Judged(judged.maps, facts, judged.arrays)

    def _judge_groups(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        """Judge each group's count by redrawn foci; ``uniformity`` is another name of group 1."""
        maps: Maps = {}
        arrays: dict[str, NDArray[Any]] = {}
        thresholds: dict[str, Any] = {}
        forming: dict[str, Any] = {}
        for name in GROUPS:
            counts = result.arrays[f"count_{name}"]
            threshold, achieved = self._count_threshold(result, name, choices.voxel_thresh)
            size, mass = cluster_extents(
                counts, threshold, result.mask.inside, mass_floor=threshold - 1
            )
            labels = (UNIFORMITY, name) if name == GROUPS[0] else (name,)
            judged: tuple[tuple[NDArray[np.int64], str, dict[str, Any]], ...] = (
                (counts, "stat", {"level": "voxel"}),
                (size, "size", {"level": "cluster", "measure": "size"}),
                (mass, "mass", {"level": "cluster", "measure": "mass"}),
            )
            for values, measure, meaning in judged:
                found = null[f"{name}_max_{measure}"]
                logsf = np.log(montecarlo_p(values, found))
                for group in labels:
                    maps |= corrected_maps(
                        logsf, correction="FWE", method="montecarlo", group=group, **meaning
                    )
                arrays[f"montecarlo_{name}_max_{measure}"] = found
                quoted = {"stat": "voxel", "size": "size_voxels", "mass": "mass"}[measure]
                thresholds[f"{quoted}_{name}"] = critical_values(found, float)
            if choices.tfce:
                more, arrays[f"montecarlo_{name}_max_tfce"], thresholds[f"tfce_{name}"] = (
                    judge_count(
                        counts,
                        self._count_tables(result, name, choices),
                        null[f"{name}_max_tfce"],
                        result.mask.inside,
                        groups=labels,
                    )
                )
                maps |= more
            if name == GROUPS[0]:
                arrays["suprathreshold"] = counts >= threshold
                arrays["excess"] = np.maximum(counts - threshold + 1, 0).astype(float)
                forming = {
                    "p": choices.voxel_thresh, "statistic": threshold, "achieved_p": achieved,
                    "null": "chi-square",
                }  # fmt: skip
        facts = {
            "cluster_forming": forming,
            "montecarlo": {
                "n_iters": len(next(iter(null.values()))),
                "seed": choices.seed,
                "null_outside": choices.null_outside,
                "null_method": self.fwe_null_method,
                "thresholds": thresholds,
            },
            **({"tfce": powers(choices, "chi-square of uniformity")} if choices.tfce else {}),
        }
        return Judged(maps, facts, arrays)

    def _count_threshold(
        self, result: MetaResult, name: str, voxel_thresh: float
    ) -> tuple[int, float]:
        """Smallest count of a group whose chi-square of uniformity is significant, and its p."""
        counts, n = (
            result.arrays[f"count_{name}"],
            int(result.facts["groups"][name]["n_contrasts"]),
        )
        mean = float(counts.mean())
        spread = np.sqrt(mean * (n - mean) / n) if 0 < mean < n else np.inf
        limit = mean + chi2.critical_z(voxel_thresh) * spread
        if not np.isfinite(limit):
            return n + 1, 0.0
        smallest = int(np.floor(limit)) + 1
        z = (smallest - mean) / spread
        return smallest, float(np.exp(chi2.two_sided_logsf(np.array([z]))[0]))

    def _runs(
        self,
        xyz: NDArray[np.float64],
        experiment: NDArray[np.int64],
        n: int,
        mask: BrainMask,
        store: Store | None,
    ) -> StudyRuns:
        kernel = self.kernel_transformer

        def compute() -> dict[str, NDArray[Any]]:
            made = study_runs(
                xyz, experiment, n, float(kernel.r), mask.inside, mask.affine,
                kernel.voxelization, self.n_cores,
            )  # fmt: skip
            return {"start": made.start, "stop": made.stop, "indptr": made.indptr}

        if store is None:
            found = compute()
        else:
            found = store.memo(
                key(
                    what="study_runs", xyz=xyz, experiment=experiment, n=n, r=float(kernel.r),
                    mask=mask.inside, affine=mask.affine, voxelization=kernel.voxelization,
                ),
                compute,
            )  # fmt: skip
        return StudyRuns(**found, n_voxels=mask.n_voxels)

    def _maps(self, a: NDArray[np.int64], b: NDArray[np.int64], n1: int, n2: int) -> Maps:
        association = chi2.association_z(a, b, n1, n2)
        maps: Maps = {MapSpec("stat", tail="two-sided", group=ASSOCIATION): association}
        maps |= _tests(ASSOCIATION, association)
        first = chi2.uniformity_z(a, n1)
        for group, z in (
            (UNIFORMITY, first), (GROUPS[0], first), (GROUPS[1], chi2.uniformity_z(b, n2))
        ):  # fmt: skip
            maps |= _tests(group, z)
        given, unless = a / n1, b / n2
        p_any = (a + b) / (n1 + n2)
        mixed = self.prior * given + (1 - self.prior) * unless
        with np.errstate(divide="ignore", invalid="ignore"):
            reverse = np.where(p_any > 0, given * (n1 / (n1 + n2)) / p_any, np.nan)
            reverse_prior = np.where(mixed > 0, self.prior * given / mixed, np.nan)
        for group, values in (
            ("A", p_any), ("AgF", given), ("AgU", unless), ("FgA", reverse),
            ("AgF_prior", mixed), ("FgA_prior", reverse_prior),
            (GROUPS[0], given), (GROUPS[1], unless),
        ):  # fmt: skip
            maps[MapSpec("prob", group=group)] = values
        return maps

    def _description(self, pair: Pair) -> str:
        n_second = len(pair.foci.ids) - pair.n_first
        return (
            r"A multilevel kernel density (MKDA) chi-square analysis \citep{wager2007,yarkoni2011}"
            f" compared {counted(pair.n_first, 'contrast')} with {counted(n_second, 'contrast')}; "
            f"spheres had a radius of {self.kernel_transformer.r:g} mm."
        )


def _tests(group: str, z: NDArray[np.float64]) -> Maps:
    """Chi-square, p, z and logp of a signed root, two-sided."""
    meaning: dict[str, Any] = {"tail": "two-sided", "group": group}
    logsf = chi2.two_sided_logsf(z)
    return {
        MapSpec("chi2", **meaning): z**2,
        MapSpec("p", **meaning): np.exp(logsf),
        MapSpec("z", **meaning): np.sign(z) * z_from_logsf(logsf - np.log(2)),
        MapSpec("logp", **meaning): logp_from_logsf(logsf),
    }
