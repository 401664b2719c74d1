"""Difference of two groups' activation likelihood by permutation of the labels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline import defaults
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.contrast import counted
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.pairwise import GROUPS, Pair, PairEstimator, tested_signs
from nimare_pipeline.meta.estimator import count, seed_number
from nimare_pipeline.meta.judging import (
    EnhancedSigned,
    Judged,
    Maps,
    MonteCarlo,
    Signed,
    judge_enhanced,
    judge_signed,
    powers,
)
from nimare_pipeline.meta.kernel import ALEKernel
from nimare_pipeline.montecarlo import chunk_blocks
from nimare_pipeline.numerics.ma import ale_maps
from nimare_pipeline.numerics.plan import integer_log
from nimare_pipeline.numerics.pvalues import logp_from_logsf, z_from_logsf
from nimare_pipeline.numerics.subtraction import (
    UNIT,
    UNREACHED,
    SubtractionPlan,
    count_block,
    exp_tables,
    integer_differences,
    pooled_threshold,
)
from nimare_pipeline.numerics.subtraction_layout import Layout, lay_out
from nimare_pipeline.numerics.subtraction_loop import NEGATIVE, POSITIVE
from nimare_pipeline.numerics.subtraction_tfce import SubtractionTFCEPlan
from nimare_pipeline.numerics.tfce_signed import signed_tfce
from nimare_pipeline.results import MetaResult
from nimare_pipeline.store import Store, key

DIFFERENCE = "group1MinusGroup2"
"""Label of the difference in names of maps."""


class ALESubtraction(PairEstimator):
    r"""Where the activation likelihood of two groups of contrasts differs.

    ``D = ALE_1 - ALE_2`` at each voxel (Laird et al. 2005) against ``n_iters`` random divisions of
    all contrasts into groups of the same sizes (Eickhoff et al. 2012). With u and l the numbers of
    divisions in which D is at least, and at most, as observed,

    .. math:: p = \min\left(1, 2 \frac{\min(u, l) + 1}{n + 1}\right)

    two-sided, and z has the sign of the smaller tail. Where there are no more than ``n_iters``
    divisions all of them are gone through, and p is ``2 min(u, l) / n``.

    Parameters
    ----------
    kernel_transformer : ALEKernel, optional
        Kernel; its parameters can also be given here as ``kernel__fwhm=10``.
    n_iters : int
        Divisions, at least 1.
    seed : int
        0 to 2**64 - 1.
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
    ``FWECorrector(method="montecarlo")`` forms clusters at thresholds that hold for the whole
    brain: the quantiles of D over all divisions *and voxels*, ``voxel_thresh / 2`` in each tail.
    That takes the null of D to be alike at all voxels. It is not: it is wide where many contrasts
    report foci and narrow elsewhere, so that clusters form more easily where activation is
    common. The family-wise error rate does not depend on it, because every division is measured
    with the same thresholds.
    """

    kernel_class = ALEKernel
    result_group = DIFFERENCE
    citations = ("turkeltaub2002", "laird2005", "eickhoff2009", "eickhoff2012", "turkeltaub2012")

    def __init__(
        self,
        kernel_transformer: ALEKernel | type[ALEKernel] | None = None,
        *,
        n_iters: int = defaults.N_ITERS,
        seed: int = defaults.SEED,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
        **kernel_parameters: Any,
    ) -> None:
        self.kernel_transformer = self._take_kernel(kernel_transformer, kernel_parameters)
        self.n_iters = count("n_iters", n_iters)
        self.seed = seed_number(seed)
        self.mask = mask
        self.n_cores = count("n_cores", n_cores)

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

        In voxels of one inference map only that direction is tested; those of neither are NaN in
        p, z and logp. The maps are taken as given beforehand. p stays that of both tails (twice
        the p of the tail that is tested) because the map holds both directions.

        Returns
        -------
        MetaResult
            Maps ``stat``, ``p``, ``z``, ``logp`` of ``desc-group1MinusGroup2``, two-sided, and of
            ``desc-group1`` and ``desc-group2``, each group's own ALE with the exact null.
        """
        pair = self._pair(dataset1, dataset2)
        tested = tested_signs(inference_map1, inference_map2, pair.mask)
        fwhm = np.concatenate([self.kernel_transformer.widths(one) for one in pair.datasets])
        ma = [self.kernel_transformer.maps(one, pair.mask, self.n_cores) for one in pair.datasets]
        _, log_bits = self.kernel_transformer.design(pair.foci, fwhm, pair.mask)
        terms = integer_terms(sparse.vstack(ma, format="csr"), log_bits)
        is_first = np.arange(len(pair.foci.ids)) < pair.n_first
        layout = lay_out(
            terms, is_first, pair.mask.inside,
            log_bits=log_bits, n_iters=self.n_iters, tested=tested,
        )  # fmt: skip
        counts = _permute(layout.plan, self, store, progress)
        numbers = _numbers(terms, is_first, log_bits)
        maps = {MapSpec("stat", tail="two-sided", group=DIFFERENCE): _difference(ma)}
        maps |= _two_sided(layout, counts, tested)
        for name, dataset, own in zip(GROUPS, pair.datasets, ma, strict=True):
            maps |= self._own_maps(name, dataset, own)
        return MetaResult(
            estimator=self.component(),
            mask=pair.mask,
            maps={spec.name: values for spec, values in maps.items()},
            specs={spec.name: spec for spec in maps},
            arrays={
                **self._pair_arrays(pair),
                "fwhm_mm": fwhm,
                f"numbers_{DIFFERENCE}": numbers,
                "tested": tested,
                "pooled_bins": counts.bins,
                "pooled_positive": counts.positive,
                "pooled_negative": counts.negative,
            },
            facts={
                **self._pair_facts(pair),
                **ALE(self.kernel_transformer).facts({"fwhm_mm": fwhm}, pair.foci),
                "null_method": "permutation",
                "n_permutations": counts.n,
                "exhaustive": layout.plan.exhaustive,
                "seed": self.seed,
                "n_voxels_tested": int((tested > 0).sum()),
                "log_bits": log_bits,
            },
            ids=pair.foci.ids,
            description_=self._description(pair, counts.n, exhaustive=layout.plan.exhaustive),
            bibtex_=bibtex(self.citations),
        )

    def montecarlo_plan(self, result: MetaResult, choices: MonteCarlo) -> SubtractionPlan:
        """What the Monte Carlo engine needs to correct a result of this estimator."""
        layout, terms = self._layout(result, choices)
        return _enhancing(layout, terms, result, choices) if choices.tfce else layout.plan

    def _layout(self, result: MetaResult, choices: MonteCarlo) -> tuple[Layout, sparse.csr_array]:
        arrays, mask, log_bits = result.arrays, result.mask, result.facts["log_bits"]
        ma = ale_maps(
            arrays["foci_xyz"], arrays["foci_experiment"], arrays["fwhm_mm"],
            mask.inside, mask.affine, self.kernel_transformer.voxelization, self.n_cores,
        )  # fmt: skip
        (positive, _), (negative, _) = cluster_thresholds(result, choices.voxel_thresh)
        terms = integer_terms(ma, log_bits)
        layout = lay_out(
            terms,
            arrays["group"] == 1,
            mask.inside,
            log_bits=log_bits,
            n_iters=choices.n_iters,
            tested=arrays["tested"],
            thresholds=(positive, negative),
        )
        return layout, terms

    def judge(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        """Judge a result of this estimator by the null maxima of its plan."""
        numbers, tested = result.arrays[f"numbers_{DIFFERENCE}"], result.arrays["tested"]
        seen = np.where(numbers > 0, tested & POSITIVE, tested & NEGATIVE) > 0
        numbers = np.where(seen, numbers, 0)
        (positive, p_positive), (negative, p_negative) = cluster_thresholds(
            result, choices.voxel_thresh
        )
        limit = np.where(numbers > 0, positive, negative)
        above = np.where(np.abs(numbers) >= limit, np.sign(numbers), 0).astype(np.int8)
        excess = np.where(above != 0, np.abs(numbers) - limit, 0)
        n = len(null["positive_max_stat"])
        exhaustive = self._exhaustive(result, choices.n_iters)
        judged = judge_signed(
            Signed(numbers, above, excess, UNIT, tested == 0),
            null,
            result.mask.inside,
            group=DIFFERENCE,
            exhaustive=exhaustive,
        )
        if choices.tfce:
            enhanced = self._enhanced(result, choices)
            judged = judged.and_also(
                judge_enhanced(enhanced, null, group=DIFFERENCE, exhaustive=exhaustive)
            )
        return Judged(
            judged.maps,
            {
                "cluster_forming": {
                    "p": choices.voxel_thresh,
                    "statistic": _statistic(positive),
                    "statistic_negative": _statistic(negative, -1),
                    "achieved_p": p_positive + p_negative,
                    "null": "pooled over voxels",
                },
                "montecarlo": {
                    "n_iters": n,
                    "seed": choices.seed,
                    "exhaustive": exhaustive,
                    "thresholds": judged.facts["thresholds"],
                },
                **({"tfce": powers(choices, "permutation moments")} if choices.tfce else {}),
            },
            judged.arrays,
        )

    def _enhanced(self, result: MetaResult, choices: MonteCarlo) -> EnhancedSigned:
        """Enhance what was observed, by the tables of the null."""
        layout, terms = self._layout(result, choices)
        plan = _enhancing(layout, terms, result, choices)
        levels = layout.over_mask(plan.observed_levels())
        return EnhancedSigned(
            signed_tfce(levels, result.mask.inside, plan.tables),
            plan.tables.unit,
            result.arrays["tested"] == 0,
        )

    def _exhaustive(self, result: MetaResult, n_iters: int) -> bool:
        from nimare_pipeline.numerics.permute import n_divisions

        group = result.arrays["group"]
        return n_divisions(len(group), int((group == 1).sum()), n_iters)[1]

    def _own_maps(self, name: str, dataset: Dataset, ma: sparse.csr_array) -> Maps:
        """ALE of one group, with the exact null."""
        ale = ALE(self.kernel_transformer, mask=self.mask, n_cores=self.n_cores)
        own = ale.fit(dataset, ma)
        return {MapSpec(what, group=name): own.maps[what] for what in ("stat", "p", "z", "logp")}

    def _description(self, pair: Pair, n: int, *, exhaustive: bool) -> str:
        n_second = len(pair.foci.ids) - pair.n_first
        how = f"all {n:,} divisions" if exhaustive else f"{n:,} random divisions"
        return (
            r"The activation likelihood (ALE) \citep{turkeltaub2002,turkeltaub2012,eickhoff2012} "
            f"of {counted(pair.n_first, 'contrast')} minus that of "
            rf"{counted(n_second, 'contrast')} \citep{{laird2005}} was compared with the "
            f"differences in {how} of all contrasts into groups of these sizes."
        )


@dataclass(frozen=True)
class _Counts:
    """What the permutations of ``fit`` leave."""

    n: int
    at_least: NDArray[np.int64]
    at_most: NDArray[np.int64]
    bins: NDArray[np.int64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]


def cluster_thresholds(
    result: MetaResult, voxel_thresh: float
) -> tuple[tuple[int, float], tuple[int, float]]:
    """Cluster-forming threshold of both tails and the share of the pooled null that reaches it."""
    arrays, n = result.arrays, result.facts["n_permutations"]
    positive, negative = (
        pooled_threshold(
            arrays["pooled_bins"],
            arrays[f"pooled_{tail}"],
            n * int((arrays["tested"] & bit > 0).sum()),
            voxel_thresh / 2,
        )
        for tail, bit in (("positive", POSITIVE), ("negative", NEGATIVE))
    )
    return positive, negative


def _enhancing(
    layout: Layout, terms: sparse.csr_array, result: MetaResult, choices: MonteCarlo
) -> SubtractionTFCEPlan:
    return SubtractionTFCEPlan.of(
        layout,
        terms,
        result.mask.voxel_volume_mm3,
        extent_power=choices.tfce_extent,
        height_power=choices.tfce_height,
    )


def integer_terms(ma: sparse.csr_array, log_bits: int) -> sparse.csr_array:
    """-log(1 - MA) as the whole numbers that are summed."""
    return sparse.csr_array((integer_log(ma.data, log_bits), ma.indices, ma.indptr), ma.shape)


def _permute(
    plan: SubtractionPlan,
    estimator: ALESubtraction,
    store: Store | None,
    progress: Callable[[int], Any] | None,
) -> _Counts:
    """Count in blocks, which are found in the store if they were computed before."""
    n_iters = plan.iterations(estimator.n_iters)
    at_least = np.zeros(len(plan.total), dtype=np.int64)
    at_most = np.zeros(len(plan.total), dtype=np.int64)
    digest = plan.digest
    bins = np.zeros(0, dtype=np.int64)
    tails = np.zeros((2, 0), dtype=np.int64)
    for first, size in chunk_blocks(n_iters):
        compute = partial(
            count_block, plan, seed=estimator.seed, first=first, n_iters=size,
            n_threads=estimator.n_cores, progress=progress,
        )  # fmt: skip
        if store is None:
            block = compute()
        else:
            name = key(
                what="subtraction", plan=digest, seed=estimator.seed, first=first, n_iters=size
            )
            block = store.memo(name, compute)
        at_least += block["at_least"]
        at_most += block["at_most"]
        bins, tails = _merge(bins, tails, block)
    return _Counts(n_iters, at_least, at_most, bins, tails[0], tails[1])


def _merge(
    bins: NDArray[np.int64], tails: NDArray[np.int64], block: Mapping[str, NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Add histograms that leave out empty bins."""
    union = np.union1d(bins, block["bins"])
    total = np.zeros((2, len(union)), dtype=np.int64)
    total[:, np.searchsorted(union, bins)] = tails
    at = np.searchsorted(union, block["bins"])
    total[0, at] += block["positive"]
    total[1, at] += block["negative"]
    return union, total


def _numbers(
    terms: sparse.csr_array, is_first: NDArray[np.bool_], log_bits: int
) -> NDArray[np.int64]:
    """Observed difference as the whole numbers that the null is compared with."""
    n_voxels = terms.shape[1]
    total, part = (
        np.bincount(some.indices, weights=some.data, minlength=n_voxels).astype(np.int64)
        for some in (terms, terms[np.flatnonzero(is_first)])
    )
    return integer_differences(part, total, exp_tables(int(total.max()), log_bits), first=True)


def _difference(ma: list[sparse.csr_array]) -> NDArray[np.float64]:
    """ALE of the first group minus that of the second."""
    one, two = (
        np.bincount(group.indices, weights=-np.log1p(-group.data), minlength=group.shape[1])
        for group in ma
    )
    return np.asarray(np.expm1(-two) - np.expm1(-one))


def _two_sided(layout: Layout, counts: _Counts, tested: NDArray[np.int8]) -> Maps:
    """p, z and logp of how many permutations reach the observed difference."""
    n, more = counts.n, 0 if layout.plan.exhaustive else 1
    upper, lower = (
        layout.over_mask(reached, missing=n) for reached in (counts.at_least, counts.at_most)
    )
    upper = np.where(tested & POSITIVE, upper, n)
    lower = np.where(tested & NEGATIVE, lower, n)
    p = np.minimum(2 * (np.minimum(upper, lower) + more) / (n + more), 1)
    logsf = np.where(tested > 0, np.log(p), np.nan)
    sign = np.sign(lower - upper)
    meaning: dict[str, Any] = {"tail": "two-sided", "group": DIFFERENCE}
    return {
        MapSpec("p", **meaning): np.exp(logsf),
        MapSpec("z", **meaning): z_from_logsf(logsf - np.log(2)) * sign + 0.0,  # never -0
        MapSpec("logp", **meaning): logp_from_logsf(logsf),
    }


def _statistic(threshold: int, sign: int = 1) -> float | None:
    return None if threshold == UNREACHED else sign * threshold * UNIT
