"""Correction for multiple comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.estimator import Parametrised, check, count, expect_type, seed_number
from nimare_pipeline.meta.judging import Maps, MonteCarlo, corrected_maps
from nimare_pipeline.montecarlo import montecarlo_chunk
from nimare_pipeline.montecarlo_error import threshold_intervals
from nimare_pipeline.numerics import multiple
from nimare_pipeline.numerics.array_plan import ArrayPlan
from nimare_pipeline.progress import iterations
from nimare_pipeline.registry import NO_TFCE, get_estimator, refusal_of_tfce
from nimare_pipeline.results import MetaResult
from nimare_pipeline.saved_null import PREFIX, SavedNull, null_key
from nimare_pipeline.store import Store


class Corrector(Parametrised):
    """Correction of the uncorrected p map of a result."""

    error_rate: ClassVar[Literal["FWE", "FDR"]]
    method: str

    @classmethod
    def methods(cls) -> tuple[str, ...]:
        """Names that ``method`` accepts."""
        return tuple(multiple.METHODS[cls.error_rate])

    @property
    def needs_montecarlo(self) -> bool:
        """Whether the correction needs a Monte Carlo null."""
        return False

    def transform(self, result: MetaResult) -> MetaResult:
        """Result with the corrected maps added; the one given is unchanged.

        Every uncorrected map ``logp`` gives maps p, z and logp named
        ``_corr-<error rate>_method-<method>``, of the same tail: z of a one-tailed p is
        one-tailed, z of a two-sided p has the sign of the uncorrected z. Voxels without value
        (NaN) stay so, and are not counted as tests.

        Raises
        ------
        UsageError
            If it is no MetaResult, or has no map of log p.
        """
        expect_type("transform", result, MetaResult)
        adjust = multiple.METHODS[self.error_rate][self.method]
        found = [spec for spec in result.specs.values() if _is_uncorrected_logp(spec)]
        if not found:
            msg = f"no uncorrected map logp in this result; there are: {', '.join(result.maps)}"
            raise UsageError(msg)
        maps: Maps = {}
        for spec in found:
            logsf = adjust(-np.log(10) * result.maps[spec.name])
            meaning = {"correction": self.error_rate, "method": self.method, "group": spec.group}
            sign = None
            if spec.tail == "two-sided":
                sign = np.sign(result.maps[MapSpec("z", tail=spec.tail, group=spec.group).name])
            maps |= corrected_maps(logsf, tail=spec.tail, sign=sign, **meaning)
        n_tests = int((~np.isnan(result.maps[found[0].name])).sum())
        return result.with_maps(
            maps,
            {
                "corrector": asdict(self.component()),
                "correction": {
                    "error_rate": self.error_rate, "method": self.method, "n_tests": n_tests,
                },
            },
        )  # fmt: skip


class FWECorrector(Corrector):
    """Family-wise error correction.

    ``montecarlo`` redraws the foci ``n_iters`` times, keeps the largest statistic, cluster size
    and cluster mass of each iteration, and gives ``p = (b + 1) / (n_iters + 1)`` with b the number
    of iterations that reach the observed value (Phipson & Smyth 2010). Clusters are voxels with
    uncorrected p below ``voxel_thresh`` that share faces; mass is the sum over a cluster of the
    statistic above the threshold, for ALE in the unit it adds up in, -log(1 - ALE), and for a
    discrete statistic above the largest value that is not significant.

    With ``tfce`` also the largest threshold-free enhanced value is kept (Smith & Nichols 2009):
    ``TFCE = integral from 0 to z of extent**E h**H dh``, an exact integral over the uncorrected z,
    extent in mm3. Of a difference of two groups each sign is enhanced by itself and has its own
    null; p is twice that of its sign. Its z is that of chi-square, and of ``ALESubtraction`` that
    of the first three moments of all divisions (:mod:`nimare_pipeline.numerics.permutation_z`).

    ``bonferroni`` and ``holm`` correct the voxels' p by their number; Holm's is never less
    powerful.

    Parameters
    ----------
    method : "montecarlo", "bonferroni" or "holm"
    n_iters : int
        Iterations, at least 1. This and the following: with ``montecarlo`` only.
    voxel_thresh : float
        Cluster-forming p, between 0 and 1.
    n_cores : int
        Threads; changes the speed, never a bit.
    seed : int
        0 to 2**64 - 1.
    null_outside : "distance" or "inside"
        Foci outside the mask are redrawn outside at their own distance from it, or in the mask as
        GingerALE and NiMARE do.
    tfce : bool
        Enhance without threshold, too.
    tfce_extent, tfce_height : float
        Powers E and H, above 0; with ``tfce`` only.

    Raises
    ------
    UsageError
        For values out of range.
    """

    error_rate = "FWE"

    def __init__(  # noqa: PLR0913 - keywords of one correction
        self,
        method: str = defaults.CORRECTION_METHOD,
        *,
        n_iters: int = defaults.N_ITERS,
        voxel_thresh: float = defaults.VOXEL_THRESH,
        n_cores: int = defaults.N_CORES,
        seed: int = defaults.SEED,
        null_outside: str = defaults.NULL_OUTSIDE,
        tfce: bool = False,
        tfce_extent: float = defaults.TFCE_EXTENT,
        tfce_height: float = defaults.TFCE_HEIGHT,
    ) -> None:
        _one_of("method", method, self.methods())
        _one_of("null_outside", null_outside, defaults.NULL_OUTSIDE_POLICIES)
        check("voxel_thresh", voxel_thresh, "a number between 0 and 1", lambda v: 0 < v < 1)
        self.method = method
        self.n_iters = count("n_iters", n_iters)
        self.voxel_thresh = float(voxel_thresh)
        self.n_cores = count("n_cores", n_cores)
        self.seed = seed_number(seed)
        self.null_outside = null_outside
        if not isinstance(tfce, bool):
            msg = f"tfce is {tfce!r}; expected true or false"
            raise UsageError(msg)
        self.tfce = tfce
        for name, value in (("tfce_extent", tfce_extent), ("tfce_height", tfce_height)):
            check(name, value, "a number above 0, at most 10", lambda v: 0 < v <= 10)
        self.tfce_extent, self.tfce_height = float(tfce_extent), float(tfce_height)

    @classmethod
    def methods(cls) -> tuple[str, ...]:
        """Names that ``method`` accepts."""
        return (defaults.CORRECTION_METHOD, *super().methods())

    @property
    def needs_montecarlo(self) -> bool:
        """Whether the correction needs a Monte Carlo null."""
        return self.method == "montecarlo"

    def without_effect(self) -> tuple[str, ...]:
        """Parameters that change nothing as the others stand."""
        powers = ("tfce_extent", "tfce_height")
        if self.needs_montecarlo:
            return () if self.tfce else powers
        return ("n_iters", "voxel_thresh", "seed", "null_outside", "tfce", *powers)

    def transform(self, result: MetaResult) -> MetaResult:
        """Result with the corrected maps added; the one given is unchanged.

        ``montecarlo`` adds p, z and logp at ``level-voxel``, ``desc-size_level-cluster`` and
        ``desc-mass_level-cluster``, each ``_corr-FWE_method-montecarlo``, with ``tfce`` also at
        ``level-tfce``, and the map ``tfce``; the others add p, z and
        logp ``_corr-FWE_method-<method>``.
        """
        if not self.needs_montecarlo:
            return super().transform(result)
        expect_type("transform", result, MetaResult)
        return self.simulate(result)

    def extend(self, result: MetaResult, add_iters: int) -> MetaResult:
        """Correct a result again, by the null it was corrected by and so many iterations more.

        Adding iterations until something is significant makes its p invalid: say beforehand how
        many there will be. The fact ``montecarlo`` lists every extension.

        Parameters
        ----------
        result : MetaResult
            That ``transform`` or ``extend`` of a corrector with these parameters returned.
        add_iters : int
            At least 1.

        Returns
        -------
        MetaResult
            As ``transform`` gives it with the sum of the iterations.

        Raises
        ------
        UsageError
            If the result was not corrected by a Monte Carlo null.
        DataError
            If that null is of other parameters, or of another version.
        """
        expect_type("extend", result, MetaResult)
        held = result.facts.get("corrector", {}).get("args", {}).get("n_iters", self.n_iters)
        total = held + count("add_iters", add_iters)
        longer = type(self)(**{**self.get_params(), "n_iters": total})
        saved = SavedNull.of(result.arrays, result.facts).extended_to(total)
        return longer.simulate(result, saved)

    def simulate(self, result: MetaResult, saved: SavedNull | None = None) -> MetaResult:
        """Compute the Monte Carlo null of a result, or the rest of one, and judge by it.

        Parameters
        ----------
        result : MetaResult
        saved : SavedNull, optional
            Its first iterations, computed before.
        """
        plan = self.plan(result)
        known = saved if saved is not None and saved.serves(plan, self.seed) else None
        n_iters = plan.iterations(self.n_iters)
        with iterations(n_iters, "Monte Carlo") as progress:
            null = montecarlo_chunk(
                plan,
                n_iters=n_iters,
                seed=self.seed,
                known=known.maxima if known is not None else None,
                n_threads=self.n_cores,
                progress=progress,
            )
        return self.apply(
            result,
            null,
            key=null_key(plan, self.seed),
            extensions=known.extensions if known is not None else (),
        )

    @property
    def choices(self) -> MonteCarlo:
        """How the Monte Carlo correction is asked for, as estimators take it."""
        return MonteCarlo(
            self.n_iters, self.seed, self.voxel_thresh, self.null_outside,
            self.tfce, self.tfce_extent, self.tfce_height,
        )  # fmt: skip

    def plan(self, result: MetaResult, store: Store | None = None) -> ArrayPlan:
        """What the Monte Carlo engine needs to know of a result.

        Parameters
        ----------
        result : MetaResult
        store : Store, optional
            Where the fit left what a plan is made of.
        """
        if self.tfce and result.estimator.type in NO_TFCE:
            raise UsageError(refusal_of_tfce(result.estimator.type))
        estimator = get_estimator(result.estimator)
        kept = {"store": store} if getattr(estimator, "plans_from_store", False) else {}
        plan: ArrayPlan = estimator.montecarlo_plan(result, self.choices, **kept)
        return plan

    def apply(
        self,
        result: MetaResult,
        null: Mapping[str, NDArray[np.int64]],
        *,
        key: str = "",
        extensions: Sequence[Mapping[str, Any]] = (),
    ) -> MetaResult:
        """Judge a result by null maxima computed before.

        Parameters
        ----------
        result : MetaResult
        null : dict of (n_iters,) int64 arrays
            What the result's plan gives, in the engine's integers.
        key : str
            Of its draws, ``saved_null.null_key``; without it the null cannot be extended.
        extensions : sequence of dict
            How it came to be so long, ``SavedNull.extensions``.
        """
        judged = get_estimator(result.estimator).judge(result, null, self.choices)
        montecarlo = dict(judged.facts["montecarlo"])
        if not montecarlo.get("exhaustive"):
            montecarlo["threshold_intervals"] = threshold_intervals(
                montecarlo["thresholds"], judged.arrays
            )
        montecarlo |= {"key": key} if key else {}
        montecarlo |= {"extensions": [dict(step) for step in extensions]} if extensions else {}
        return result.with_maps(
            judged.maps,
            {
                "corrector": asdict(self.component()),
                "correction": {"error_rate": self.error_rate, "method": self.method},
                **judged.facts,
                "montecarlo": montecarlo,
            },
            {**judged.arrays, **{f"{PREFIX}{name}": values for name, values in null.items()}},
        )


class FDRCorrector(Corrector):
    """False discovery rate correction of the voxels' p.

    Parameters
    ----------
    method : "indep" or "negcorr"
        ``indep``: Benjamini & Hochberg (1995), for independent or positively dependent tests, as
        smooth maps have; ``negcorr``: Benjamini & Yekutieli (2001), for any dependence.

    Raises
    ------
    UsageError
        For an unknown method.
    """

    error_rate = "FDR"

    def __init__(self, method: str = defaults.FDR_METHOD) -> None:
        _one_of("method", method, self.methods())
        self.method = method


def _is_uncorrected_logp(spec: MapSpec) -> bool:
    return spec.statistic == "logp" and spec.correction is None


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        msg = f"{name} {value!r} is unknown; there are: {', '.join(known)}"
        raise UsageError(msg)
