"""Analyses are made once before anything is read, so that what they refuse is said at once."""

from collections.abc import Sequence

from nimare_pipeline.errors import ModelError, Problem, UsageError
from nimare_pipeline.image_analysis import estimator_of
from nimare_pipeline.inference import result_level
from nimare_pipeline.model.schema import BUILT, TYPES
from nimare_pipeline.needs import check_needs, of_other_type
from nimare_pipeline.registry import get_corrector, get_estimator
from nimare_pipeline.settings import Analysis


def check_file(analyses: Sequence[Analysis]) -> None:
    """Check every analysis of a file, with what the command line replaced in it.

    Raises
    ------
    ModelError
        With every analysis that cannot be run, and why.
    """
    problems = []
    for analysis in analyses:
        try:
            check_classes(analysis)
        except UsageError as error:
            problems.append(Problem("error", str(error), where=f"analysis {analysis.name}"))
    if problems:
        n = len(problems)
        which = "an analysis" if n == 1 else f"{n} analyses"
        msg = f"{which} cannot be run with the options of the command line"
        raise ModelError(msg, problems)


def check_classes(analysis: Analysis) -> None:
    """Make estimator and corrector once, so that a keyword they refuse is said before reading."""
    if analysis.type not in BUILT:
        return
    for part, make in (("estimator", get_estimator), ("corrector", get_corrector)):
        # An analysis of images may leave its estimator to what images there are.
        if TYPES[analysis.type].key(part) is not None and getattr(analysis, part).type:
            make(getattr(analysis, part))
    other = of_other_type(analysis.type, analysis.estimator.type)
    if other:
        raise UsageError("; ".join(other))
    if analysis.type == "ibma" and analysis.estimator.type:
        estimator_of(analysis)
    result_level(analysis)
    check_needs(analysis, how="the key null_foci or --null-foci PATH")
