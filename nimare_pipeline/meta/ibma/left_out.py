"""Fits without one study, by the estimator that made the whole one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.errors import DataError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.ibma.base import ImageEstimator, Rows, Sample
from nimare_pipeline.meta.ibma.flips import sample_of
from nimare_pipeline.meta.ibma.regression import RegressionEstimator
from nimare_pipeline.meta.ibma.sample_size import SampleSizeBasedLikelihood
from nimare_pipeline.moderators import INTERCEPT, Design
from nimare_pipeline.numerics.conversions import t_to_z
from nimare_pipeline.numerics.influence import leave_out
from nimare_pipeline.numerics.weighted_fit import infer
from nimare_pipeline.results import MetaResult

_IMPOSSIBLE = (ValueError, DataError, np.linalg.LinAlgError)
"""What a fit raises that the studies which are left do not allow."""

Values = NDArray[np.float64]


def whole_sample(result: MetaResult) -> Sample:
    """The contrasts that a result was made from, with their moderators."""
    sample, matrix = sample_of(result), result.arrays.get("design")
    if matrix is None:
        return sample
    terms = result.facts.get("terms") or {INTERCEPT: "Intercept"}
    labels = tuple(terms)
    chosen = result.facts.get("result_group")
    design = Design(
        str(result.facts.get("formula", "~ 1")),
        matrix,
        tuple(terms.values()),
        labels,
        labels.index(chosen) if chosen in labels else 0,
    )
    return replace(sample, design=design)


def subset(rows: Rows, kept: NDArray[np.int64]) -> Rows:
    """Some of the contrasts; method and correlation of images stay those of all of them."""
    _, groups = np.unique(rows.groups[kept], return_inverse=True)
    state = rows.state
    if isinstance(state, Design):
        state = replace(state, matrix=state.matrix[kept])
    elif isinstance(state, np.ndarray):
        state = state[np.ix_(kept, kept)]
    return Rows(
        {kind: values[kept] for kind, values in rows.values.items()},
        groups.astype(np.int64),
        sample_sizes=rows.sample_sizes[kept],
        effective_sizes=rows.effective_sizes[kept],
        dofs=rows.dofs[kept],
        dependent=rows.dependent,
        state=state,
    )


def without_each(rows: Rows) -> Iterator[tuple[NDArray[np.int64], Rows | None]]:
    """Contrasts of each study, and what is left without it; None where that is one study."""
    n_groups = int(rows.groups.max()) + 1
    for group in range(n_groups):
        out = np.flatnonzero(rows.groups == group)
        kept = np.flatnonzero(rows.groups != group)
        yield out, subset(rows, kept) if n_groups > 2 else None


def z_without(estimator: ImageEstimator, rows: Rows, group: str | None = None) -> Values:
    """Z of the result without the study of each contrast, everything else estimated anew.

    Parameters
    ----------
    estimator : ImageEstimator
    rows : Rows
    group : str, optional
        Term that is the result.

    Returns
    -------
    (n_contrasts, n_voxels) array
        NaN where the other studies allow no fit.
    """
    values = next(iter(rows.values.values()))
    if _weights_stay(estimator, rows) and len(values) > 2:
        return _by_closed_form(estimator, rows)  # type: ignore[arg-type]
    out = np.full(values.shape, np.nan)
    for left, rest in without_each(rows):
        if rest is not None:
            out[left] = _tried(lambda rest=rest: estimator.z_rows(rest, group))
    return out


def maps_without(
    estimator: ImageEstimator, rows: Rows, group: str | None, names: tuple[str, ...]
) -> dict[str, Values]:
    """Maps of the result without the study of each contrast, (n_contrasts, n_voxels).

    Parameters
    ----------
    names : tuple of str
        Statistics; those that the estimator has not are left out.
    """
    shape = next(iter(rows.values.values())).shape
    found: dict[str, Values] = {}
    for left, rest in without_each(rows):
        maps = {} if rest is None else _tried_maps(estimator, rest)
        for name in names:
            values = _of(maps, estimator, name, group)
            if values is not None:
                found.setdefault(name, np.full(shape, np.nan))[left] = values
    return found


def _of(maps: dict[Any, Values], estimator: ImageEstimator, name: str, group: str | None) -> Any:
    """A map by its statistic: that of the term, else the one that all terms share."""
    for key in (estimator.spec(name, group), MapSpec(name, group=group), name):
        if key in maps:
            return maps[key]
    return None


def _tried(fit: Any) -> Any:
    try:
        return fit()
    except _IMPOSSIBLE:
        return np.nan


def _tried_maps(estimator: ImageEstimator, rows: Rows) -> dict[Any, Values]:
    try:
        return estimator.fit_rows(rows)
    except _IMPOSSIBLE:
        return {}


def _weights_stay(estimator: ImageEstimator, rows: Rows) -> bool:
    """Whether leaving a study out changes nothing about the others."""
    return (
        isinstance(estimator, RegressionEstimator)
        and not isinstance(estimator, SampleSizeBasedLikelihood)
        and estimator.tau2_method is None
        and not rows.dependent
    )


def _by_closed_form(estimator: RegressionEstimator, rows: Rows) -> Values:
    y, v = estimator.effects(rows)
    moderators: Design = rows.state
    found = leave_out(y, 1 / (v + estimator.given_tau2()), design=moderators.matrix)
    out = np.full(y.shape, np.nan)
    for row in range(len(y)):
        fitted = found.without(row)
        if fitted.dof > 0:
            tested = infer(fitted, moderators.result, correction=estimator.correction)
            out[row] = t_to_z(tested.statistic, tested.dof)
    return out
