"""Foci that the null of an analysis draws from: read for it, and named in the plan."""

from dataclasses import replace
from typing import TYPE_CHECKING

from nimare_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from nimare_pipeline.cli.database import Shelf
    from nimare_pipeline.cli.planned import Planned
    from nimare_pipeline.null_foci import NullFoci


def with_null_foci(planned: "Planned", shelf: "Shelf") -> "Planned":
    """Add the pool of foci that the null of an analysis draws from, or why it cannot."""
    if planned.dataset is None or planned.cohort is None or planned.error is not None:
        return planned
    try:
        found = shelf.null_foci(planned.analysis, planned.dataset.mask)
        if found is None:
            return planned
        pool, problems = found
        pool.check(int(planned.cohort.coordinates["used"].sum()))
    except PipelineError as error:
        return replace(planned, error=error)
    return replace(planned, null_foci=pool, problems=(*planned.problems, *problems))


def describe(pool: "NullFoci | None") -> list[str]:
    """Line of the plan that says what the null draws from; none where that is the mask."""
    if pool is None:
        return []
    return [f"  null foci  {len(pool.xyz)} of {pool.n_contrasts} contrasts, from {pool.path}"]
