"""Specific coactivation likelihood estimation (SCALE): ALE against a base rate of foci."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.base import amounts
from nimare_pipeline.meta.cbma.forming import scale_of
from nimare_pipeline.meta.estimator import expect_type
from nimare_pipeline.meta.judging import Judged, MonteCarlo, corrected_maps, critical_values
from nimare_pipeline.meta.kernel import ALEKernel, ExperimentFoci
from nimare_pipeline.meta.modelled import Modelled
from nimare_pipeline.montecarlo import montecarlo_exceedances
from nimare_pipeline.null_foci import digest
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.numerics.plan import FociDesign, make_plan
from nimare_pipeline.numerics.pvalues import logp_from_logsf, montecarlo_p, z_from_logsf
from nimare_pipeline.numerics.simulate import LARGEST_SUM
from nimare_pipeline.results import MetaResult
from nimare_pipeline.spaces import analysis_mask
from nimare_pipeline.store import Store


class SCALE(ALE):
    """Where foci converge more than those of a database do (Langner et al. 2014).

    The statistic is that of ``ALE``. In each of ``n_iters`` iterations every focus is replaced by
    one drawn with replacement from a pool, so that places that are often reported are likely
    under the null, too; p of a voxel is (b + 1) / (n + 1), b the iterations that reach the ALE
    observed at this voxel. As the null of each voxel is another, no one statistic forms clusters:
    the family-wise error is controlled for voxels only.

    Parameters
    ----------
    xyz : (n_pool, 3) array or Dataset
        Pool of foci, mm, in the space of the dataset; not fewer than the dataset has. Foci outside
        the mask are in the pool as far as they reach it.
    n_iters, seed : int
    kernel_transformer : ALEKernel, optional
        As for ``ALE``; its parameters can also be given as ``kernel__fwhm=10``.
    mask : image, path, nilearn masker or BrainMask, optional
        Voxels to analyse; the dataset's mask by default.
    n_cores : int
        Threads; changes the speed, never a bit.

    Raises
    ------
    UsageError
        For unknown keywords or values, or a pool that is no list of x, y, z.
    """

    null_methods: ClassVar[tuple[str, ...]] = ("montecarlo",)
    citations: ClassVar[tuple[str, ...]] = ("langner2014", *ALE.citations)

    def __init__(
        self,
        xyz: Any = None,
        kernel_transformer: ALEKernel | type[ALEKernel] | None = None,
        *,
        n_iters: int = defaults.N_ITERS,
        seed: int = defaults.SEED,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
        **kernel_parameters: Any,
    ) -> None:
        self._take(
            {
                "kernel_transformer": kernel_transformer,
                "null_method": "montecarlo",
                "n_iters": n_iters,
                "seed": seed,
                "null_outside": defaults.NULL_OUTSIDE,
                "mask": mask,
                "n_cores": n_cores,
            },
            kernel_parameters,
        )
        self.xyz = xyz

    def fit(
        self,
        dataset: Dataset,
        ma_maps: Modelled | None = None,
        *,
        store: Store | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> MetaResult:
        """Analyse a dataset; see ``ALE.fit``.

        Raises
        ------
        UsageError
            If it is no Dataset, or there is no pool.
        DataError
            If the dataset has no foci, or the pool fewer than the dataset.
        """
        expect_type("fit", dataset, Dataset)
        mask = dataset.mask if self.mask is None else analysis_mask(self.mask)[0]
        foci = ExperimentFoci.of(dataset)
        pool = _pool(self.xyz)
        if not len(foci.xyz):
            msg = "no contrast of the dataset has any focus: there is nothing to analyse"
            raise DataError(msg)
        own = {**self.arrays(dataset), "pool_xyz": pool}
        design, scale = self.design(foci, own, mask)
        if ma_maps is None:
            ma_maps = self.modelled(dataset, foci, mask, self.n_cores)
        sums = self.sums(ma_maps, own, scale)
        plan = _plan(design, mask, pool)
        _check_sizes(len(foci.xyz), len(plan.candidates))
        reached = montecarlo_exceedances(
            plan, sums.numbers, n_iters=self.n_iters, seed=self.seed, n_threads=self.n_cores,
            store=store, progress=progress,
        )  # fmt: skip
        p = (reached + 1) / (self.n_iters + 1)
        logsf = np.log(p)
        maps = {
            MapSpec("stat"): sums.stat,
            MapSpec("p"): p,
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
                "foci_xyz": foci.xyz,
                "foci_experiment": foci.experiment,
                **own,
            },
            facts={
                **self._sample_facts(dataset, foci, mask),
                "null_method": "montecarlo",
                "null_n_iters": self.n_iters,
                "null_seed": self.seed,
                "null_foci": {
                    "n_foci": len(pool),
                    "n_foci_in_reach": len(plan.candidates),
                    "foci_sha256": digest(pool),
                },
                "scale": scale.fact(),
                **self.facts(own, foci),
            },
            ids=foci.ids,
            description_=self.description(dataset, foci),
            bibtex_=bibtex(self.citations),
        )

    def montecarlo_plan(self, result: MetaResult, choices: MonteCarlo) -> MonteCarloPlan:
        """What the Monte Carlo engine needs to redraw the foci of a result from its pool."""
        del choices
        arrays = result.arrays
        foci = ExperimentFoci(result.ids, arrays["foci_xyz"], arrays["foci_experiment"])
        design, _ = self.design(foci, arrays, result.mask)
        return _plan(design, result.mask, arrays["pool_xyz"])

    def judge(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        """Judge voxels by the largest ALE of each iteration."""
        maxima, scale = null["max_stat"], scale_of(result)
        logsf = np.log(montecarlo_p(result.arrays["numbers"], maxima))
        maps = corrected_maps(logsf, level="voxel", correction="FWE", method="montecarlo")
        facts = {
            "montecarlo": {
                "n_iters": len(maxima),
                "seed": choices.seed,
                "thresholds": {"voxel": critical_values(maxima, scale.statistic)},
            }
        }
        return Judged(maps, facts, {"montecarlo_max_stat": scale.statistic(maxima)})

    def description(self, dataset: Dataset, foci: ExperimentFoci) -> str:
        """One sentence on what was done."""
        return (
            r"A specific coactivation likelihood estimation (SCALE) \citep{langner2014} of "
            f"{amounts(foci)} was run with Gaussian kernels {self._widths_in_words(dataset)}; "
            f"under the null, foci came from a pool of {len(_pool(self.xyz)):,}."
        )


def _plan(design: FociDesign, mask: BrainMask, pool: NDArray[np.float64]) -> MonteCarloPlan:
    return make_plan(
        design,
        mask.inside,
        mask.affine,
        threshold=LARGEST_SUM,
        mass_floor=LARGEST_SUM,
        null_outside=defaults.NULL_OUTSIDE,
        pool=pool,
    )


def _pool(given: Any) -> NDArray[np.float64]:
    """Foci of a pool, mm."""
    if isinstance(given, Dataset):
        return ExperimentFoci.of(given).xyz
    try:
        xyz = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        xyz = np.empty(0)
    if xyz.ndim != 2 or xyz.shape[1] != 3 or not np.isfinite(xyz).all():
        msg = "SCALE draws foci from a pool: give xyz as a Dataset or an (n, 3) array of finite mm"
        raise UsageError(msg)
    return xyz


def _check_sizes(n_foci: int, n_pool: int) -> None:
    if n_pool < n_foci:
        msg = (
            f"the pool has {n_pool} foci in reach of the mask, fewer than the {n_foci} of the "
            "dataset; give a larger one, for example all foci of a database"
        )
        raise DataError(msg)
