"""``--add-iters``: the Monte Carlo null of an analysis in the output folder, made longer."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.cli.conjunctions import combined
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.request import Request
from nimare_pipeline.errors import PipelineError, UsageError
from nimare_pipeline.inference import has_clusters
from nimare_pipeline.settings import Analysis, Component

_LOGGER = logging.getLogger("nimare_pipeline")


def extended(planned: Sequence[Planned], request: Request) -> list[Planned]:
    """Give the analyses that have a null so many iterations more, or the reason why not.

    Parameters
    ----------
    planned : sequence of Planned
    request : Request
        ``add_iters`` is 0 where nothing is to be extended.
    """
    if not request.add_iters:
        return list(planned)
    found = []
    for one in planned:
        if one.error is not None:
            found.append(one)
        elif combined(one.analysis) or not has_clusters(one.analysis.corrector):
            _LOGGER.info(
                "analysis %s has no Monte Carlo correction: --add-iters changes nothing",
                one.analysis.name,
            )
            found.append(one)
        else:
            try:
                found.append(_extended(one, request))
            except PipelineError as error:
                found.append(replace(one, error=error))
    return found


def _extended(planned: Planned, request: Request) -> Planned:
    from nimare_pipeline.derivatives_reader import read_analysis
    from nimare_pipeline.saved_null import SavedNull
    from nimare_pipeline.up_to_date import NOT_THERE, why_not

    name, output = planned.analysis.name, request.settings.output_dir
    record = read_analysis(output, name)
    if record is None:
        msg = (
            f"--add-iters: {output} holds no analysis {name} to extend; run it first, without "
            "--add-iters"
        )
        raise UsageError(msg)
    held = _as_held(planned.analysis, record.analysis, request)
    reason = why_not(
        output,
        analysis=held,
        settings=request.settings,
        dataset=planned.dataset,
        cohort=planned.cohort,
        null_foci=planned.null_foci,
    )
    if reason:
        why = "it is damaged" if reason == NOT_THERE else reason
        msg = (
            f"--add-iters: analysis {name} in {output} cannot be extended: {why}; give the "
            "options and data it was run with, or run it again without --add-iters"
        )
        raise UsageError(msg)
    montecarlo = record.facts.get("montecarlo", {})
    if montecarlo.get("exhaustive"):
        _LOGGER.info(
            "analysis %s has all %d flips of the signs there are: --add-iters changes nothing",
            *(name, montecarlo["n_iters"]),
        )
        return replace(planned, analysis=held)
    columns = record.null_montecarlo
    arrays = {} if columns is None else {str(key): columns[key].to_numpy() for key in columns}
    saved = SavedNull.of(arrays, record.facts)
    total = _n_iters(held) + request.add_iters
    return replace(
        planned, analysis=_with_n_iters(held, total), saved_null=saved.extended_to(total)
    )


def _as_held(analysis: Analysis, record: dict[str, Any], request: Request) -> Analysis:
    """Give the analysis the iterations that it has in the output folder.

    What an estimator draws for its own p keeps its length; an analysis file says what that is.
    """
    parts: dict[str, Any] = {}
    for part in ("estimator", "corrector"):
        own: Component = getattr(analysis, part)
        then = record.get(part, {}).get("args", {}).get("n_iters")
        keeps = part == "estimator" and (request.analyses or "n_iters" not in own.args)
        if then is not None and not keeps:
            parts[part] = replace(own, args=own.args | {"n_iters": then})
    return replace(analysis, **parts)


def _n_iters(analysis: Analysis) -> int:
    return int(analysis.corrector.args.get("n_iters", defaults.N_ITERS))


def _with_n_iters(analysis: Analysis, n_iters: int) -> Analysis:
    corrector = analysis.corrector
    longer = replace(corrector, args=corrector.args | {"n_iters": n_iters})
    return replace(analysis, corrector=longer)
