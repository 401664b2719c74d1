"""Estimators whose statistic is affine in the signs of the studies: inference by sign flips."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.ibma.base import IMAGES, ImageEstimator
from nimare_pipeline.meta.ibma.judging import Flipped, judge_enhanced_flips, judge_flips
from nimare_pipeline.meta.ibma.sample import Sample
from nimare_pipeline.meta.judging import (
    Judged,
    MonteCarlo,
    powers,
)
from nimare_pipeline.moderators import Design
from nimare_pipeline.numerics.sign_flips import FlipTerms, Reestimated, flip_plan
from nimare_pipeline.numerics.sign_flips_plan import FlipPlan
from nimare_pipeline.numerics.sign_flips_tfce import FlipTFCEPlan, flip_tables
from nimare_pipeline.numerics.tfce import TFCETables
from nimare_pipeline.results import MetaResult


class FlippedEstimator(ImageEstimator):
    """Estimator whose maps are corrected by flips of signs.

    Errors are assumed to be symmetric about 0. Dependent images are flipped together, the same
    signs hold at every voxel, and all flips are gone through where they are no more than asked.
    """

    def why_not_flipped(self, *, moderated: bool, dependent: bool) -> str:
        """Why the statistic is not affine in the signs, and what there is instead; else empty.

        Parameters
        ----------
        moderated : bool
            Whether there are moderators.
        dependent : bool
            Whether a study gives several contrasts.
        """
        del moderated, dependent
        return ""

    def why_not_flipped_of(self, dataset: Dataset) -> str:
        """:meth:`why_not_flipped` of the contrasts of a dataset; no image is read."""
        moderators, labels = self.design(dataset), self._labels(dataset)
        return self.why_not_flipped(
            moderated=moderators is not None and not moderators.is_plain,
            dependent=len(set(labels)) < len(labels),
        )

    def flip_terms(self, sample: Sample) -> FlipTerms | Reestimated:
        """What each study adds to the statistic.

        Raises
        ------
        UsageError
            If the statistic is not affine in the signs, as its parameters stand.
        """
        raise NotImplementedError

    def montecarlo_plan(self, result: MetaResult, choices: MonteCarlo) -> FlipPlan:
        """What the loop of flips reads."""
        plan = self._plan(result, choices)
        return plan if not choices.tfce else FlipTFCEPlan.of(plan, *_tables(plan, result, choices))

    def judge(
        self, result: MetaResult, null: Mapping[str, NDArray[np.int64]], choices: MonteCarlo
    ) -> Judged:
        """Judge a result of this estimator by the null maxima of its plan."""
        plan = self.montecarlo_plan(result, choices)
        group = result.facts.get("result_group")
        flipped = Flipped(
            numbers=plan.observed(),
            undefined=np.isnan(result.maps[self.spec("z", group).name]),
            two_sided=self.tail == "two-sided",
            exhaustive=plan.exhaustive,
            group=group,
        )
        mask = result.mask.inside
        judged = judge_flips(flipped, null, mask, choices)
        if not isinstance(plan, FlipTFCEPlan):
            return judged
        enhanced = judge_enhanced_flips(
            flipped,
            plan.enhanced(flipped.numbers, mask),
            _tables(plan, result, choices)[0].unit,
            null["max_tfce"],
        )
        montecarlo = judged.facts["montecarlo"]
        thresholds = montecarlo["thresholds"] | enhanced.facts["thresholds"]
        return Judged(
            judged.maps | enhanced.maps,
            {
                **judged.facts,
                "montecarlo": {**montecarlo, "thresholds": thresholds},
                "tfce": powers(choices, "z of the flips"),
            },
            judged.arrays | enhanced.arrays,
        )

    def _plan(self, result: MetaResult, choices: MonteCarlo) -> FlipPlan:
        return flip_plan(
            self.flip_terms(sample_of(result)),
            result.mask.inside,
            n_iters=choices.n_iters,
            voxel_thresh=choices.voxel_thresh,
            two_sided=self.tail == "two-sided",
        )


def sample_of(result: MetaResult) -> Sample:
    """The contrasts that a result was made from."""
    images = {
        name.removeprefix(IMAGES): values
        for name, values in result.arrays.items()
        if name.startswith(IMAGES)
    }
    present = np.logical_and.reduce([np.isfinite(one) for one in images.values()])
    # A voxel that was not analysed has no statistic in a flip either.
    present = present & ~np.isnan(_first_z(result))
    arrays = result.arrays
    return Sample(
        result.ids,
        images,
        present,
        arrays["groups"],
        sample_sizes=arrays["sample_sizes"],
        effective_sizes=arrays["effective_sizes"],
        dofs=arrays["dofs"],
        design=_design_of(result),
    )


def _design_of(result: MetaResult) -> Design | None:
    """Moderators of a result; None where it has none."""
    terms = result.facts.get("terms")
    if not terms:
        return None
    labels = tuple(terms)
    return Design(
        result.facts["formula"],
        result.arrays["design"],
        tuple(terms.values()),
        labels,
        labels.index(result.facts["result_group"]),
    )


def _first_z(result: MetaResult) -> NDArray[Any]:
    group = result.facts.get("result_group")
    return next(
        result.maps[spec.name]
        for spec in result.specs.values()
        if (spec.statistic, spec.group, spec.correction) == ("z", group, None)
    )


def present(sample: Sample, kind: str) -> NDArray[np.float64]:
    """Images of a kind, NaN where a contrast does not count."""
    return np.where(sample.present, sample.images[kind], np.nan)


def group_means(
    values: NDArray[Any], present: NDArray[np.bool_], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean of the images that each study has at a voxel.

    Parameters
    ----------
    values : (n_contrasts, n_voxels) array
    present : (n_contrasts, n_voxels) bool array
    groups : (n_contrasts,) int array

    Returns
    -------
    (n_groups, n_voxels) float64 array
        NaN where a study has no image; studies in order of their numbers.
    """
    found = np.unique(groups)
    means = np.full((len(found), values.shape[1]), np.nan)
    for row, group in enumerate(found):
        members = np.flatnonzero(groups == group)
        count = present[members].sum(axis=0)
        total = np.where(present[members], values[members], 0).sum(axis=0, dtype=np.float64)
        np.divide(total, count, out=means[row], where=count > 0)
    return means


def _tables(plan: FlipPlan, result: MetaResult, choices: MonteCarlo) -> tuple[TFCETables, int]:
    return flip_tables(
        plan,
        result.mask.voxel_volume_mm3,
        extent_power=choices.tfce_extent,
        height_power=choices.tfce_height,
    )
