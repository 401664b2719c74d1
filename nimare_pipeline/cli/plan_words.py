"""The plan of a run in words, for ``--dry-run``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nimare_pipeline import defaults
from nimare_pipeline.cli.conjunctions import combined
from nimare_pipeline.cli.conjunctions import describe as conjunction_lines
from nimare_pipeline.cli.estimate import estimate, estimate_images
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.pool import describe as pool_line
from nimare_pipeline.cli.regions import describe as region_line
from nimare_pipeline.image_analysis import component_of
from nimare_pipeline.settings import Analysis, Component, Settings

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from nimare_pipeline.dataset import Dataset


def describe(planned: Sequence[Planned], settings: Settings, current: Sequence[str] = ()) -> str:
    """Put the plan into words, for ``--dry-run``.

    Parameters
    ----------
    planned, settings
        What would be done.
    current : sequence of str
        Analyses that are up to date, so that nothing would be computed.
    """
    lines = [f"input    {settings.bids_dir}", f"output   {settings.output_dir}"]
    for one in planned:
        lines += ["", *_describe_one(one, settings)]
        if one.analysis.name in current:
            lines[-1] = "  estimate   nothing to compute, it is up to date"
    return "\n".join(lines)


def _describe_one(planned: Planned, settings: Settings) -> list[str]:
    from nimare_pipeline.cohort_table import NO_FOCUS, NOT_SELECTED
    from nimare_pipeline.pooling import by_experiment

    analysis = planned.analysis
    if combined(analysis):
        return conjunction_lines(planned)
    head = [f"analysis {analysis.name}", f"  sources    {', '.join(analysis.sources)}"]
    head += [f"  select     {' '.join(analysis.select.split())}"] if analysis.select else []
    head += region_line(analysis)
    if planned.cohort is None:
        return [*head, f"  cannot run {planned.error}"]
    used = planned.cohort.contrasts[planned.cohort.contrasts["included"]]
    n = by_experiment(used)["sample_size"].dropna()
    each = "a contrast" if analysis.pool == defaults.POOL else "an experiment"
    others = planned.cohort.contrasts.loc[~planned.cohort.contrasts["included"], "reason"]
    unselected, elsewhere = int((others == NOT_SELECTED).sum()), int((others == NO_FOCUS).sum())
    excluded = len(others) - unselected - elsewhere
    return [
        *head,
        f"  contrasts  {len(used)} of {used['study_id'].nunique()} studies"
        + (f", {excluded} excluded" if excluded else "")
        + (f", {unselected} not selected" if unselected else "")
        + (f", {elsewhere} without a focus in the region" if elsewhere else ""),
        *_pooled_line(used, analysis),
        *_groups(used),
        *(_images(used) if analysis.type == "ibma" else _foci(used, analysis)),
        *pool_line(planned.null_foci),
        f"  N          {_people(planned.cohort.dataset, n)} participants, {n.min():g} to "
        f"{n.max():g} {each}"
        if len(n)
        else "  N          unknown",
        f"  estimator  {_component(_estimator(analysis))}",
        f"  corrector  {_component(analysis.corrector)}",
        f"  inference  alpha {analysis.alpha:g}, seed {settings.seed}",
        *_extension(planned),
        f"  machine    {_machine(settings)}",
        f"  estimate   {_estimate(used, planned, settings)}",
    ]


def _people(dataset: "Dataset", sizes: "Series[float]") -> str:
    """Number of people, as the report counts them: nobody twice who is in several contrasts."""
    from nimare_pipeline.meta.participants import participants

    n = participants(dataset)["n_participants"]
    return f"{sizes.sum() if n is None else n:.12g}"


def _foci(used: "DataFrame", analysis: Analysis) -> list[str]:
    """Say how many foci are in the mask."""
    inside, outside = int(used["n_foci_inside"].sum()), int(used["n_foci_outside"].sum())
    return [f"  foci       {inside} inside the mask, {outside} outside ({analysis.outside})"]


def _images(used: "DataFrame") -> list[str]:
    """Say how many contrasts have which images."""
    from nimare_pipeline.image_cohort import IMAGES

    counts = used[IMAGES].str.split(", ").explode().value_counts(sort=False)
    return [f"  images     {', '.join(f'{kind}: {n}' for kind, n in counts.items())}"]


def _pooled_line(used: "DataFrame", analysis: Analysis) -> list[str]:
    """Say how many experiments the contrasts are, where they are pooled."""
    from nimare_pipeline.pooling import POOLED_INTO

    if POOLED_INTO not in used:
        return []
    n, word = used[POOLED_INTO].nunique(), "experiment"
    return [f"  pool       {n} {word if n == 1 else word + 's'} ({analysis.pool})"]


def _groups(used: "DataFrame") -> list[str]:
    """Say how many contrasts each group has."""
    from nimare_pipeline.groups import GROUP

    if GROUP not in used:
        return []
    counts = used[GROUP].value_counts(sort=False)
    return [f"  groups     {', '.join(f'{name}: {n}' for name, n in counts.items())}"]


def _extension(planned: Planned) -> list[str]:
    if planned.saved_null is None:
        return []
    n_iters = planned.analysis.corrector.args["n_iters"]
    return [f"  extend     the null of {planned.saved_null.n_iters} iterations to {n_iters}"]


def _machine(settings: Settings) -> str:
    counted = {"thread": settings.n_procs, "chunk": settings.n_chunks}
    return ", ".join(
        [settings.plugin, *(f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counted.items())]
    )


def _component(component: object) -> str:
    args = ", ".join(f"{name}={value}" for name, value in component.args.items())  # type: ignore[attr-defined]
    return f"{component.type}({args})"  # type: ignore[attr-defined]


def _estimator(analysis: Analysis) -> Component:
    """Estimator with all that it is told, moderators and coverage of images among it."""
    return component_of(analysis) if analysis.type == "ibma" else analysis.estimator


def _estimate(used: "DataFrame", planned: Planned, settings: Settings) -> str:
    """Say roughly how long it takes, and how much memory."""
    from nimare_pipeline.groups import GROUP
    from nimare_pipeline.image_cohort import IMAGES

    held = 0 if planned.saved_null is None else planned.saved_null.n_iters
    n_iters = planned.analysis.corrector.args.get("n_iters", 0) - held
    if planned.analysis.type == "ibma":
        seconds, memory_mb = estimate_images(
            planned.analysis,
            n_contrasts=len(used),
            n_images=sum(len(kinds.split(", ")) for kinds in used[IMAGES]),
            n_iters=n_iters,
            n_threads=settings.n_procs,
        )
        return _cost(seconds, memory_mb)
    groups = used.groupby(GROUP)["n_foci"].sum() if GROUP in used else used[["n_foci"]].sum()
    seconds, memory_mb = estimate(
        planned.analysis,
        n_read=0 if planned.dataset is None else len(planned.dataset.coordinates),
        n_foci=int(used["n_foci"].sum()),
        n_smaller=int(groups.min()),
        n_iters=n_iters,
        n_threads=settings.n_procs,
    )
    return _cost(seconds, memory_mb)


def _cost(seconds: float, memory_mb: float) -> str:
    return f"about {_duration(seconds)}, {memory_mb / 1024:.1f} GB of memory"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds, -1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
