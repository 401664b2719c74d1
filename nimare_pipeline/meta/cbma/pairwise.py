"""What estimators of two groups share: groups checked and brought together, and their facts."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.meta.cbma.kernel_estimator import KernelEstimator
from nimare_pipeline.meta.estimator import expect_type
from nimare_pipeline.meta.judging import Judged, MonteCarlo
from nimare_pipeline.meta.kernel import ExperimentFoci
from nimare_pipeline.meta.participants import participants
from nimare_pipeline.numerics.array_plan import ArrayPlan
from nimare_pipeline.numerics.subtraction_loop import NEGATIVE, POSITIVE
from nimare_pipeline.results import MetaResult
from nimare_pipeline.spaces import analysis_mask, contains
from nimare_pipeline.store import Store

GROUPS = ("group1", "group2")
"""Groups by the names they have in maps."""


@dataclass(frozen=True)
class Pair:
    """Two groups of contrasts, checked, over one mask.

    Parameters
    ----------
    datasets : tuple of Dataset
        First and second group.
    foci : ExperimentFoci
        Foci of both; the contrasts of the first group come first.
    n_first : int
        Contrasts of the first group.
    mask : BrainMask
    """

    datasets: tuple[Dataset, Dataset]
    foci: ExperimentFoci
    n_first: int
    mask: BrainMask


class PairEstimator(KernelEstimator):
    """Estimator of a difference between two groups of contrasts.

    Attributes
    ----------
    result_group : str
        Group label of the map that is the result (``MapSpec.group``).
    """

    result_group: ClassVar[str]
    citations: ClassVar[tuple[str, ...]]
    mask: Any
    n_cores: int

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
        """Compare two groups.

        Parameters
        ----------
        dataset1, dataset2 : Dataset
            No contrast may be in both.
        inference_map1, inference_map2 : image, path or (n_voxels,) array, optional
            Voxels above 0: where group 1 may exceed group 2, and the other way round; everywhere
            by default. Voxels of neither are not tested.
        store : Store, optional
            Where dear results are found and kept, as blocks of permutations.
        progress : callable, optional
            Told the permutations as they are done.

        Returns
        -------
        MetaResult

        Raises
        ------
        UsageError
            If these are no Datasets, or an inference map does not fit the mask.
        DataError
            If a group is empty or has no foci, a contrast is in both, or one lacks what the
            kernel needs.
        """
        raise NotImplementedError

    def observe(self, dataset1: Dataset, dataset2: Dataset, **how: Any) -> MetaResult:
        """What a corrector judges: the fit, of an estimator that does not correct its own p."""
        return self.fit(dataset1, dataset2, **how)

    def montecarlo_plan(self, result: MetaResult, choices: MonteCarlo) -> ArrayPlan:
        """What the Monte Carlo engine needs to correct a result of this estimator."""
        raise NotImplementedError

    def judge(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        """Judge a result of this estimator by the null maxima of its plan."""
        raise NotImplementedError

    def _pair(self, dataset1: Dataset, dataset2: Dataset) -> Pair:
        for dataset in (dataset1, dataset2):
            expect_type("fit", dataset, Dataset)
        check_groups(dataset1, dataset2)
        mask = dataset1.mask if self.mask is None else analysis_mask(self.mask)[0]
        one, two = (ExperimentFoci.of(dataset) for dataset in (dataset1, dataset2))
        foci = ExperimentFoci(
            (*one.ids, *two.ids),
            np.concatenate([one.xyz, two.xyz]),
            np.concatenate([one.experiment, two.experiment + len(one.ids)]),
        )
        return Pair((dataset1, dataset2), foci, len(one.ids), mask)

    def _pair_facts(self, pair: Pair) -> dict[str, Any]:
        """Facts that every two-group result has: totals, and the same of each group."""
        groups = {}
        outside = ~contains(pair.mask, pair.foci.xyz)
        second = pair.foci.experiment >= pair.n_first
        for number, (name, dataset) in enumerate(zip(GROUPS, pair.datasets, strict=True)):
            mine = second == bool(number)
            groups[name] = {
                "n_studies": len(set(dataset.metadata["study_id"])),
                "n_contrasts": len(dataset.ids),
                **participants(dataset),
                "n_foci": int(mine.sum()),
                "n_foci_outside": int((mine & outside).sum()),
            }
        both = set().union(*(set(dataset.metadata["study_id"]) for dataset in pair.datasets))
        return {
            "estimator": asdict(self.component()),
            "result_group": self.result_group,
            "groups": groups,
            "n_studies": len(both),
            "n_contrasts": len(pair.foci.ids),
            "n_participants": _added(groups, "n_participants"),
            "n_studies_with_n": _added(groups, "n_studies_with_n"),
            "n_contrasts_without_n": _added(groups, "n_contrasts_without_n"),
            "n_foci": len(pair.foci.xyz),
            "n_foci_outside": int(outside.sum()),
            "n_voxels": pair.mask.n_voxels,
            "voxel_size_mm": list(pair.mask.zooms),
            "voxelization": self.kernel_transformer.voxelization,
            "connectivity": defaults.CONNECTIVITY,
        }

    def _pair_arrays(self, pair: Pair) -> dict[str, NDArray[Any]]:
        """Foci and groups, as a result keeps them: group is 1 or 2 of each contrast."""
        group = np.where(np.arange(len(pair.foci.ids)) < pair.n_first, 1, 2).astype(np.int8)
        return {
            "foci_xyz": pair.foci.xyz,
            "foci_experiment": pair.foci.experiment,
            "group": group,
        }


def check_groups(dataset1: Dataset, dataset2: Dataset) -> None:
    """Refuse groups that are empty, have no foci, overlap, or lie on different masks.

    Raises
    ------
    DataError
        With the contrasts that are in both.
    UsageError
        If the masks of the datasets differ.
    """
    for number, dataset in enumerate((dataset1, dataset2), start=1):
        if not len(dataset.ids):
            msg = f"group {number} is empty: two groups of contrasts are compared"
            raise DataError(msg)
        if not len(dataset.coordinates):
            msg = f"group {number} has no focus in any of its {len(dataset.ids)} contrasts"
            raise DataError(msg)
    shared = sorted(set(dataset1.ids) & set(dataset2.ids))
    if shared:
        msg = f"the groups overlap: {listed(shared)}"
        advice = "a contrast may be in one group only"
        raise DataError(
            msg,
            [
                Problem("error", "is in both groups", where=f"contrast {name}", suggestion=advice)
                for name in shared
            ],
        )
    one, two = dataset1.mask, dataset2.mask
    if one.shape != two.shape or not np.array_equal(one.inside, two.inside):
        msg = "the two datasets have different masks; give both the same"
        raise UsageError(msg)


def tested_signs(one: Any, two: Any, mask: BrainMask) -> NDArray[np.int8]:
    """Bits of the signs of group 1 less group 2 that two inference maps let a voxel be tested for.

    Raises
    ------
    UsageError
        If a map does not fit the mask, or is nowhere above 0.
    """
    positive, negative = (inference_voxels(given, mask) for given in (one, two))
    return (POSITIVE * positive + NEGATIVE * negative).astype(np.int8)


def inference_voxels(given: Any, mask: BrainMask) -> NDArray[np.bool_]:
    """Voxels above 0 of a map over the mask; all of them where none is given.

    Parameters
    ----------
    given : image, path, (n_voxels,) array or None
        An image must be on the mask's grid.
    mask : BrainMask

    Raises
    ------
    UsageError
        For another grid or length, or where no voxel is left.
    """
    if given is None:
        return np.ones(mask.n_voxels, dtype=bool)
    if isinstance(given, np.ndarray):
        values = given
        if values.shape != (mask.n_voxels,):
            msg = f"an inference map has {values.shape} values; expected ({mask.n_voxels},)"
            raise UsageError(msg)
    else:
        import nibabel as nib

        image: Any = given if hasattr(given, "dataobj") else nib.load(given)
        if image.shape[:3] != mask.shape or not np.allclose(image.affine, mask.affine, atol=1e-4):
            msg = "an inference map is on another grid than the mask; resample it"
            raise UsageError(msg)
        values = np.asanyarray(image.dataobj).reshape(mask.shape)[mask.inside]
    chosen = np.asarray(values > 0)
    if not chosen.any():
        msg = "an inference map has no voxel above 0 in the mask"
        raise UsageError(msg)
    return chosen


def _added(groups: Mapping[str, Mapping[str, Any]], name: str) -> int | None:
    known = [group[name] for group in groups.values() if group[name] is not None]
    return sum(known) if known else None
