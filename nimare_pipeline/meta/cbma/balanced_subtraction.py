"""Difference of two groups' ALE, each as if it had the same number of contrasts."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline import defaults
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import counted
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.balanced_data import BalancedData
from nimare_pipeline.meta.cbma.balanced_subsets import Subsets
from nimare_pipeline.meta.cbma.pairwise import GROUPS, PairEstimator
from nimare_pipeline.meta.estimator import check, count, seed_number
from nimare_pipeline.meta.judging import (
    SIGNS,
    Judged,
    MonteCarlo,
    corrected_maps,
    critical_values,
)
from nimare_pipeline.meta.kernel import ALEKernel, ExperimentFoci
from nimare_pipeline.montecarlo import montecarlo_chunk
from nimare_pipeline.numerics.array_plan import ArrayPlan
from nimare_pipeline.numerics.balanced import (
    BalancedFociPlan,
    labels_plan,
)
from nimare_pipeline.numerics.ma import ale_maps
from nimare_pipeline.numerics.permute import n_divisions
from nimare_pipeline.numerics.plan import make_plan
from nimare_pipeline.numerics.pvalues import montecarlo_p
from nimare_pipeline.numerics.simulate import LARGEST_SUM
from nimare_pipeline.numerics.subtraction import UNIT
from nimare_pipeline.results import MetaResult
from nimare_pipeline.store import Store

DIFFERENCE = "balancedGroup1MinusGroup2"
NULL_METHODS = ("label-permutation", "random-foci")
NO_INFERENCE_MAP = (
    "BalancedALESubtraction looks for differences in the whole mask, and takes no inference mask; "
    "give a smaller mask instead"
)


class BalancedALESubtraction(PairEstimator):
    r"""Where two groups differ that do not have the same number of contrasts.

    ALE grows with the number of contrasts, so the difference of groups of unequal size is not
    about 0 where they are alike. Here both groups count as ``target_n`` contrasts (Frahm et al.
    2022 and JALE): the balanced difference is that of the ALE of random subsets of so many,
    averaged over all subsets,

    .. math:: D = \prod_{i \in 2}\left(1 - \tfrac{m}{n_2} MA_i\right)
              - \prod_{i \in 1}\left(1 - \tfrac{m}{n_1} MA_i\right).

    In closed form there is nothing to draw, which is why ``difference_iterations`` of other
    programs does not exist here. (Each contrast enters with probability m / n on its own, not in
    subsets of just m: the difference is of second order, up to .3 % of an ALE.) p is that of the
    largest difference anywhere in the brain under the null, twice that of its tail: it is
    corrected already (family-wise).

    Parameters
    ----------
    kernel_transformer : ALEKernel, optional
        Kernel; its parameters can also be given here as ``kernel__fwhm=10``.
    target_n : int, optional
        Contrasts of both groups; by default as many as the smaller group has.
    n_subsamples : int
        Random subsets for the maps ``prob``.
    n_iters : int
        Iterations of the null of the difference, and of the size of clusters by chance.
    voxel_thresh : float
        Cluster-forming p in the subsets.
    null_method : "label-permutation" or "random-foci"
        ``label-permutation``: contrasts are exchanged between the groups, which keeps what they
        have in common. ``random-foci``, the default of NiMARE and JALE: the foci of each contrast
        lie anywhere. Groups that both converge at a place differ there by more than such a null
        allows for: with a fifth of all foci at one place in both groups 13 % of datasets had a
        p of at most .05 (labels permuted: 4.7 %).
    alpha : float
        Level at which a cluster of a subset survives.
    seed : int
        0 to 2**64 - 1.
    null_outside : "distance" or "inside"
        Where foci outside the mask are redrawn, as for ``FWECorrector``.
    mask : image, path, nilearn masker or BrainMask, optional
        Voxels to analyse, on its own grid; the datasets' mask (the whole brain) by default. For
        grey matter alone give a mask of it: none is shipped.
    n_cores : int
        Threads; changes the speed, never a bit.

    Raises
    ------
    UsageError
        For unknown keywords or values.
    """

    kernel_class = ALEKernel
    result_group = DIFFERENCE
    citations = ("turkeltaub2002", "laird2005", "eickhoff2009", "eickhoff2012", "turkeltaub2012")

    def __init__(  # noqa: PLR0913 - each is a choice of the user's
        self,
        kernel_transformer: ALEKernel | type[ALEKernel] | None = None,
        *,
        target_n: int | None = None,
        n_subsamples: int = 2500,
        n_iters: int = 1000,
        voxel_thresh: float = defaults.VOXEL_THRESH,
        null_method: str = NULL_METHODS[0],
        alpha: float = defaults.ALPHA,
        seed: int = defaults.SEED,
        null_outside: str = defaults.NULL_OUTSIDE,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
        **kernel_parameters: Any,
    ) -> None:
        for name, value, known in (
            ("null_method", null_method, NULL_METHODS),
            ("null_outside", null_outside, defaults.NULL_OUTSIDE_POLICIES),
        ):
            if value not in known:
                msg = f"{name} {value!r} is unknown; there are: {', '.join(known)}"
                raise UsageError(msg)
        for name, share in (("voxel_thresh", voxel_thresh), ("alpha", alpha)):
            check(name, share, "a number between 0 and 1", lambda v: 0 < v < 1)
        self.kernel_transformer = self._take_kernel(kernel_transformer, kernel_parameters)
        self.target_n = None if target_n is None else count("target_n", target_n)
        self.n_subsamples = count("n_subsamples", n_subsamples)
        self.n_iters = count("n_iters", n_iters)
        self.voxel_thresh = float(voxel_thresh)
        self.null_method = null_method
        self.alpha = float(alpha)
        self.seed = seed_number(seed)
        self.null_outside = null_outside
        self.mask = mask
        self.n_cores = count("n_cores", n_cores)

    def fit(  # type: ignore[override] # there is no direction to choose: the null is of both signs
        self,
        dataset1: Dataset,
        dataset2: Dataset,
        *,
        store: Store | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> MetaResult:
        """Compare two groups.

        Parameters
        ----------
        dataset1, dataset2 : Dataset
            No contrast may be in both.
        store : Store, optional
            Where blocks of iterations are found and kept.
        progress : callable, optional
            Told the iterations of the null of the difference as they are done.

        Returns
        -------
        MetaResult
            ``stat_desc-balancedGroup1MinusGroup2``, and p, z, logp of it at the voxel level,
            corrected; ``prob_desc-group1`` and ``prob_desc-group2``, the share of subsets in which
            a voxel is in a surviving cluster; ``stat_desc-conjunction``, the smaller of the two.

        Raises
        ------
        UsageError
            If these are no Datasets, or ``target_n`` exceeds the smaller group.
        DataError
            If a group is empty or has no foci, a contrast is in both, or one lacks what the
            kernel needs.
        """
        observed, data = self._observed(dataset1, dataset2)
        choices = MonteCarlo(n_iters=self.n_iters, seed=self.seed, null_outside=self.null_outside)
        plan = self._null_plan(data, choices)
        null = montecarlo_chunk(
            plan,
            n_iters=plan.iterations(self.n_iters),
            seed=self.seed,
            store=store,
            n_threads=self.n_cores,
            progress=progress,
        )
        judged = self.judge(observed, null, choices)
        correction = {"error_rate": "FWE", "method": "montecarlo"}
        return observed.with_maps(
            judged.maps, {"correction": correction, **judged.facts}, judged.arrays
        )

    def observe(
        self,
        dataset1: Dataset,
        dataset2: Dataset,
        *,
        inference_map1: Any = None,
        inference_map2: Any = None,
        **_how: Any,
    ) -> MetaResult:
        """Difference and shares of subsets, which ``FWECorrector(method="montecarlo")`` judges.

        The corrector's iterations, seed and policy of outside foci are those of the null then.

        Parameters
        ----------
        dataset1, dataset2
            As for ``fit``.
        inference_map1, inference_map2 : None
            There is no direction to choose.
        **_how
            ``store`` and ``progress`` of others, not used: what is drawn here takes seconds.

        Raises
        ------
        UsageError
            If there is an inference map, and as ``fit``.
        DataError
            As ``fit``.
        """
        if inference_map1 is not None or inference_map2 is not None:
            raise UsageError(NO_INFERENCE_MAP)
        return self._observed(dataset1, dataset2)[0]

    def montecarlo_plan(self, result: MetaResult, choices: MonteCarlo) -> ArrayPlan:
        """What the Monte Carlo engine needs to judge a result of this estimator."""
        arrays, mask = result.arrays, result.mask
        foci = ExperimentFoci(result.ids, arrays["foci_xyz"], arrays["foci_experiment"])
        ma = ale_maps(
            foci.xyz, foci.experiment, arrays["fwhm_mm"],
            mask.inside, mask.affine, self.kernel_transformer.voxelization, self.n_cores,
        )  # fmt: skip
        n_first = int((arrays["group"] == 1).sum())
        return self._null_plan(self._data(foci, n_first, mask, arrays["fwhm_mm"], ma), choices)

    def judge(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        """Judge voxels by the largest difference of each direction in each iteration."""
        numbers = result.arrays[f"numbers_{DIFFERENCE}"]
        group = result.arrays["group"]
        exhaustive = (
            self.null_method == "label-permutation"
            and n_divisions(len(group), int((group == 1).sum()), choices.n_iters)[1]
        )
        p = np.ones(len(numbers))
        for tail, sign in SIGNS.items():
            here = sign * numbers > 0
            one = montecarlo_p(
                sign * numbers[here], null[f"{tail}_max_stat"], exhaustive=exhaustive
            )
            p[here] = np.minimum(2 * one, 1)
        maps = corrected_maps(
            np.log(p),
            sign=np.sign(numbers).astype(float),
            level="voxel",
            correction="FWE",
            method="montecarlo",
            group=DIFFERENCE,
        )
        thresholds = {
            f"voxel_{tail}": critical_values(
                null[f"{tail}_max_stat"], lambda v: v * UNIT, share=0.5
            )
            for tail in SIGNS
        }
        facts = {
            "montecarlo": {
                "n_iters": len(null["positive_max_stat"]),
                "seed": choices.seed,
                "exhaustive": exhaustive,
                "thresholds": thresholds,
            }
        }
        arrays = {f"montecarlo_{name}": values * UNIT for name, values in null.items()}
        return Judged(maps, facts, arrays)

    def _observed(self, dataset1: Dataset, dataset2: Dataset) -> tuple[MetaResult, BalancedData]:
        """Result without its null, and what the null is drawn from."""
        pair = self._pair(dataset1, dataset2)
        fwhm = np.concatenate([self.kernel_transformer.widths(one) for one in pair.datasets])
        ma = sparse.vstack(
            [self.kernel_transformer.maps(one, pair.mask, self.n_cores) for one in pair.datasets],
            format="csr",
        )
        data = self._data(pair.foci, pair.n_first, pair.mask, fwhm, ma)
        maps = {MapSpec("stat", tail="two-sided", group=DIFFERENCE): data.difference()}
        cutoffs = {}
        subsets = Subsets(
            self.n_subsamples,
            self.n_iters,
            self.voxel_thresh,
            self.alpha,
            self.seed,
            self.null_outside,
            self.n_cores,
        )
        for number, name in enumerate(GROUPS):
            share, cutoffs[name] = subsets.surviving(data, number)
            maps[MapSpec("prob", group=name)] = share
        shares = [maps[MapSpec("prob", group=name)] for name in GROUPS]
        maps[MapSpec("stat", group="conjunction")] = np.minimum(*shares)
        result = MetaResult(
            estimator=self.component(),
            mask=pair.mask,
            maps={spec.name: values for spec, values in maps.items()},
            specs={spec.name: spec for spec in maps},
            arrays={
                **self._pair_arrays(pair),
                "fwhm_mm": fwhm,
                f"numbers_{DIFFERENCE}": data.numbers(),
            },
            facts={
                **self._pair_facts(pair),
                **ALE(self.kernel_transformer).facts({"fwhm_mm": fwhm}, pair.foci),
                "null_method": self.null_method,
                "target_n": data.target_n,
                "n_subsamples": self.n_subsamples,
                "cluster_cutoffs": cutoffs,
            },
            ids=pair.foci.ids,
            description_=self._description(data),
            bibtex_=bibtex(self.citations),
        )
        return result, data

    def _data(
        self,
        foci: ExperimentFoci,
        n_first: int,
        mask: BrainMask,
        fwhm: NDArray[np.float64],
        ma: sparse.csr_array,
    ) -> BalancedData:
        sizes = (n_first, len(foci.ids) - n_first)
        target_n = min(sizes) if self.target_n is None else self.target_n
        if target_n > min(sizes):
            msg = (
                f"target_n is {target_n}, more than the smaller group has: "
                f"the groups have {sizes[0]} and {sizes[1]} contrasts"
            )
            raise UsageError(msg)
        _, bits = self.kernel_transformer.design(foci, fwhm, mask)
        weights = (target_n / sizes[0], target_n / sizes[1])
        rule = self.kernel_transformer.voxelization
        return BalancedData(foci, n_first, mask, fwhm, ma, bits, target_n, weights, rule)

    def _null_plan(self, data: BalancedData, choices: MonteCarlo) -> ArrayPlan:
        if self.null_method == "label-permutation":
            return labels_plan(
                (data.terms(data.weights[0]), data.terms(data.weights[1])),
                data.is_first,
                data.mask.inside,
                log_bits=data.bits,
                n_iters=choices.n_iters,
            )
        weights = np.where(data.is_first, *data.weights)
        design, largest = data.design(np.arange(len(data.is_first)), weights)
        plan = make_plan(
            design,
            data.mask.inside,
            data.mask.affine,
            threshold=LARGEST_SUM,
            mass_floor=LARGEST_SUM,
            null_outside=choices.null_outside,
        )
        return BalancedFociPlan.of(plan, data.n_first, largest, data.bits)

    def _description(self, data: BalancedData) -> str:
        n_first, n = data.n_first, len(data.is_first)
        null = {
            "random-foci": "with the foci of each contrast redrawn at random",
            "label-permutation": "in divisions of all contrasts into such groups",
        }[self.null_method]
        return (
            r"The activation likelihood (ALE) \citep{turkeltaub2002,turkeltaub2012,eickhoff2012} "
            f"of {counted(n_first, 'contrast')} minus that of {counted(n - n_first, 'contrast')} "
            rf"\citep{{laird2005}}, both averaged over subsets of {data.target_n}, was compared "
            f"with the largest differences {null}."
        )
