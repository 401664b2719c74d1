"""Which contrasts and foci an analysis uses, and why the others are left out."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import defaults, foci_policy
from nimare_pipeline.cohort_table import (
    KERNEL_FWHM,
    NO_FOCUS,
    NOT_CHOSEN,
    NOT_SELECTED,
    Cohort,
    barred,
    contrasts_table,
    foci_table,
)
from nimare_pipeline.contrast import counted, is_missing, listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.defaults import OUTSIDE_POLICIES
from nimare_pipeline.errors import DataError, EmptySelectionError, Problem, UsageError
from nimare_pipeline.groups import GROUP, Groups, find_groups, group_names, require_groups
from nimare_pipeline.image_cohort import make_image_cohort
from nimare_pipeline.macm import in_region
from nimare_pipeline.pooling import (
    POOLED_INTO,
    POOLED_SIZE,
    REPEATED,
    Pooling,
    find_pools,
    repeated_foci,
    said_repeated,
    unite,
)
from nimare_pipeline.select import select
from nimare_pipeline.settings import Analysis, Component
from nimare_pipeline.tables import (
    COORDINATE_SOURCE,
    FROM_IMAGE,
    SAMPLE_SIZE_FILLED,
    filled_in,
)

ALE_KERNEL = ("ALE", "SCALE", "ALESubtraction", "BalancedALESubtraction")
"""Estimators whose kernel is as wide as the sample size says."""
_FIXED_KERNEL = ("kernel__fwhm", "kernel__sample_size")


@dataclass(frozen=True)
class _Sizes:
    """Sample sizes of contrasts as used; ``reason`` is why one cannot be used without.

    ``pooled`` are those of the experiments that the contrasts are in.
    """

    used: NDArray[np.float64]
    filled: NDArray[np.bool_]
    reason: tuple[str, ...]
    pooled: NDArray[np.float64]
    fwhm_mm: float | None = None
    problems: tuple[Problem, ...] = ()


def make_cohort(dataset: Dataset, analysis: Analysis) -> Cohort:
    """Select the contrasts of an analysis, and apply its policies.

    The policies are those for missing sample sizes, no foci, and foci outside the mask; of an
    analysis of images see :func:`nimare_pipeline.image_cohort.make_image_cohort`.

    Parameters
    ----------
    dataset : Dataset
        With the mask of the analysis.
    analysis : Analysis
        ``missing_n``: ``error``, ``median`` (of the contrasts that are used and have one),
        ``exclude``, or a FWHM in mm; it matters only to estimators whose kernel follows the sample
        size. ``outside``: ``keep`` or ``drop`` foci whose voxel is not in the mask.
        ``select``: contrasts it does not name are no part of all this. ``pool``: those that are
        left are united into experiments, see :mod:`nimare_pipeline.pooling`.

    Raises
    ------
    UsageError
        For an unknown policy, or a selection that is none or asks for what is not there.
    DataError
        If sample sizes are missing and the policy is ``error``, or all are and it is ``median``;
        with the file and line of each contrast where they are known.
    EmptySelectionError
        If no contrast is left.
    """
    if analysis.type == "ibma":
        return make_image_cohort(dataset, analysis)
    if analysis.outside not in OUTSIDE_POLICIES:
        msg = f"outside is {' or '.join(OUTSIDE_POLICIES)}, not {analysis.outside!r}"
        raise UsageError(msg)
    groups = _groups(dataset, analysis)
    searched, selected = groups.selected.holds, groups.selected
    if analysis.type == "macm":
        selected = in_region(dataset, selected, analysis)
    unchosen = np.where(selected.holds, "", np.where(searched, NO_FOCUS, NOT_SELECTED)).tolist()
    foci = foci_table(dataset, analysis.outside)
    contrasts = contrasts_table(dataset, foci)
    refused = barred(dataset.metadata)
    of_images = foci_policy.KEY in analysis.options
    lacking = "no foci, and no image that gives any" if of_images else "no foci"
    has_foci = contrasts["id"].isin(set(foci.loc[foci["used"], "id"])).to_numpy(dtype=bool)
    has_foci = has_foci & np.array([not why for why in refused], dtype=bool) & selected.holds
    sides = groups.labels.tolist() if analysis.type == "pair" else None
    pools = find_pools(dataset, analysis.pool, among=has_foci, sides=sides)
    sizes = _sizes(dataset, analysis, has_foci, pools)
    reasons = [
        other or why or _reason(row, size_reason, used=used, lacking=lacking)
        for other, why, row, size_reason, used in zip(
            unchosen,
            refused,
            contrasts.itertuples(),
            sizes.reason,
            has_foci.tolist(),
            strict=True,
        )
    ]
    contrasts["reason"] = pd.Series(reasons, dtype=object)
    contrasts["included"] = contrasts["reason"] == ""
    contrasts["sample_size"] = sizes.used
    contrasts[SAMPLE_SIZE_FILLED] = _filled(dataset, sizes)
    if analysis.type == "pair":
        contrasts[GROUP] = groups.labels
    if sizes.fwhm_mm is not None:
        contrasts[KERNEL_FWHM] = np.where(sizes.filled, sizes.fwhm_mm, np.nan)
    if not contrasts["included"].any():
        chosen = contrasts[selected.holds]
        why = "; ".join(f"{row.id}: {row.reason}" for row in chosen.head(20).itertuples())
        msg = (
            f"analysis {analysis.name}: no contrast is left to analyse ({why or 'none was read'})"
        )
        raise EmptySelectionError(msg)
    if analysis.type == "pair":
        require_groups(contrasts, group_names(analysis.options["groups"]))
    kept = contrasts.loc[contrasts["included"], "id"].tolist()
    foci["used"] &= foci["id"].isin(set(kept))
    into = dict(zip(dataset.ids, pools.into, strict=True))
    odd = _problems(contrasts, foci)
    if analysis.pool != defaults.POOL:
        odd += _mark_pools(contrasts, foci, pools, sizes)
    return Cohort(
        dataset=unite(_used(dataset, kept, foci, sizes), into),
        contrasts=contrasts,
        coordinates=_foci_of(contrasts[selected.holds], foci),
        problems=(*selected.problems, *odd, *pools.problems, *sizes.problems),
    )


def _mark_pools(
    contrasts: pd.DataFrame, foci: pd.DataFrame, pools: Pooling, sizes: _Sizes
) -> list[Problem]:
    """Say in the tables which contrasts are one experiment; its repeated foci are used once."""
    included = contrasts["included"].to_numpy(dtype=bool)
    contrasts[POOLED_INTO] = pd.Series(np.where(included, pools.into, ""), dtype=object)
    contrasts[POOLED_SIZE] = np.where(included, sizes.pooled, np.nan)
    into = dict(zip(contrasts["id"], contrasts[POOLED_INTO], strict=True))
    foci[REPEATED] = repeated_foci(foci, into)
    foci["used"] &= ~foci[REPEATED]
    foci[POOLED_INTO] = foci["id"].map(into).astype(object)
    return said_repeated(int(foci[REPEATED].sum()))


def _groups(dataset: Dataset, analysis: Analysis) -> Groups:
    """Find what is selected; all of it in one nameless group unless two are compared."""
    if analysis.type == "pair":
        named = analysis.options.get("groups", {})
        return find_groups(dataset, analysis.select, named, analysis.folders)
    selected = select(dataset, analysis.select, analysis.folders)
    return Groups(selected, np.full(len(dataset.ids), "", dtype=object))


def _foci_of(contrasts: pd.DataFrame, foci: pd.DataFrame) -> pd.DataFrame:
    return foci[foci["id"].isin(set(contrasts["id"]))].reset_index(drop=True)


def _sizes(
    dataset: Dataset, analysis: Analysis, has_foci: NDArray[np.bool_], pools: Pooling
) -> _Sizes:
    """Sample sizes under the policy; it concerns contrasts with foci that are used, no other.

    Nor does it concern those whose experiment has one, which another contrast says.
    """
    known = dataset.sample_sizes()
    missing = np.isnan(pools.sizes) & has_foci
    nothing = ("",) * len(known)
    policy = analysis.missing_n
    fwhm_mm = _policy_fwhm(policy)
    if fwhm_mm is not None and analysis.estimator.type not in ALE_KERNEL:
        msg = (
            f"missing_n {policy!r} is the width of a kernel of ALE; "
            f"{analysis.estimator.type} accepts error, median or exclude"
        )
        raise UsageError(msg)
    if not missing.any() or not follows_sample_size(analysis.estimator):
        return _Sizes(known, np.zeros_like(missing), nothing, pools.sizes)
    names = dataset.ids[missing].tolist()
    if policy == "error":
        raise DataError(
            "contrasts without sample size; accepted for them are --missing-n median, exclude, "
            "or a kernel width in mm",
            [_no_sample_size(row) for row in dataset.metadata[missing].to_dict("records")],
        )
    if policy == "exclude":
        reason = tuple("no sample size" if gap else "" for gap in missing)
        return _Sizes(known, np.zeros_like(missing), reason, pools.sizes)
    if policy == "median":
        if np.isnan(pools.sizes[has_foci]).all():
            msg = "no contrast has a sample size, so there is no median to put in their place"
            raise DataError(msg)
        median = float(np.nanmedian(pools.sizes[has_foci & pools.first]))
        problem = _policy_problem(names, f"the median of the others, {median:g}, is used")
        used, of_pools = (np.where(missing, median, sizes) for sizes in (known, pools.sizes))
        return _Sizes(used, missing, nothing, of_pools, problems=(problem,))
    problem = _policy_problem(names, f"a kernel of FWHM {fwhm_mm:g} mm is used")
    return _Sizes(known, missing, nothing, pools.sizes, fwhm_mm, (problem,))


def _filled(dataset: Dataset, sizes: _Sizes) -> NDArray[np.bool_]:
    """Contrasts whose sample size is put in, here or before the dataset was written and read."""
    return sizes.filled | (filled_in(dataset.metadata) & ~np.isnan(dataset.sample_sizes()))


def follows_sample_size(estimator: Component) -> bool:
    """Whether an estimator needs each contrast's sample size: for its kernel, or its weight."""
    if estimator.type in ALE_KERNEL:
        return all(estimator.args.get(name) is None for name in _FIXED_KERNEL)
    return estimator.args.get("weighting") == "sample_size"


def _policy_fwhm(policy: str) -> float | None:
    if policy in {"error", "median", "exclude"}:
        return None
    try:
        fwhm_mm = float(policy)
    except ValueError:
        fwhm_mm = np.nan
    if not (np.isfinite(fwhm_mm) and fwhm_mm > 0):
        msg = f"missing_n is error, median, exclude or a kernel width in mm, not {policy!r}"
        raise UsageError(msg)
    return fwhm_mm


def _no_sample_size(row: Mapping[Hashable, Any]) -> Problem:
    file, line = row.get("source_file"), row.get("source_line")
    name = str(row["id"])
    where = name if is_missing(line) else f"line {int(line)} ({name})"  # type: ignore[arg-type]
    return Problem("error", "no sample size", "" if is_missing(file) else str(file), where)


def _policy_problem(names: Sequence[str], what: str) -> Problem:
    many = counted(len(names), "contrast")
    return Problem("warning", f"{many} without sample size, {what}: {listed(names)}")


def _reason(row: Any, size_reason: str, *, used: bool, lacking: str) -> str:
    if not row.n_foci:
        flat = getattr(row, COORDINATE_SOURCE, None) == FROM_IMAGE
        return "no peak above the threshold in its image" if flat else lacking
    if size_reason:
        return size_reason
    return "" if used else "no foci inside the mask"


def _problems(contrasts: pd.DataFrame, foci: pd.DataFrame) -> list[Problem]:
    found = [
        Problem("warning", f"left out: {row.reason}", where=str(row.id))
        for row in contrasts[~contrasts["included"]].itertuples()
        if row.reason not in NOT_CHOSEN
    ]
    included = foci[foci["id"].isin(set(contrasts.loc[contrasts["included"], "id"]))]
    outside = included[~included["inside"]]
    if len(outside):
        lie, they = ("lies", "it is") if len(outside) == 1 else ("lie", "they are")
        what = "used" if outside["used"].any() else "left out"
        message = f"{len(outside)} of {counted(len(included), 'focus', 'foci')} {lie} outside"
        found.append(Problem("warning", f"{message} the mask; {they} {what}"))
    return found


def _used(dataset: Dataset, kept: Sequence[str], foci: pd.DataFrame, sizes: _Sizes) -> Dataset:
    metadata = dataset.metadata.copy()
    if sizes.fwhm_mm is not None:
        metadata[KERNEL_FWHM] = np.where(sizes.filled, sizes.fwhm_mm, np.nan)
    elif sizes.filled.any():
        cells = zip(metadata["sample_sizes"], sizes.filled, sizes.used, strict=True)
        filled = [[float(size)] if gap else known for known, gap, size in cells]
        metadata["sample_sizes"] = pd.Series(filled, dtype=object)
    if _filled(dataset, sizes).any():
        metadata[SAMPLE_SIZE_FILLED] = _filled(dataset, sizes)
    coordinates = dataset.coordinates[foci["used"].to_numpy()].reset_index(drop=True)
    whole = dataset.from_tables(
        replace(dataset.tables, metadata=metadata, coordinates=coordinates),
        dataset.mask,
        dataset.space,
    )
    return whole.slice(kept)
