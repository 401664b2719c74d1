"""From a request to the analyses of a run: what is read, how each is called, what it will do."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline.cli.checks import check_classes, check_file
from nimare_pipeline.cli.conjunctions import check
from nimare_pipeline.cli.database import Shelf, apart, needs_input
from nimare_pipeline.cli.flips import with_possible_corrector
from nimare_pipeline.cli.gather import gather, name_analyses
from nimare_pipeline.cli.image_foci import FociOfImages
from nimare_pipeline.cli.images import ASKS
from nimare_pipeline.cli.model import files_named
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.pool import with_null_foci
from nimare_pipeline.cli.problems import accept, show_problems
from nimare_pipeline.cli.request import Request
from nimare_pipeline.errors import NoInputError, PipelineError, Problem
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from nimare_pipeline.io import Source

_LOGGER = logging.getLogger("nimare_pipeline")


def plan(request: Request) -> list[Planned]:
    """Read the input and say which analyses there will be.

    Raises
    ------
    NoInputError
        If there is nothing to read.
    DataError
        If what was read is wrong, or two analyses would have one name.
    UsageError
        If the estimator or corrector does not accept its keywords, or one name is given to
        several analyses.
    """
    for note in request.notes:
        _LOGGER.info("%s", note)
    if request.analyses:
        check_file(request.analyses)
    else:
        check_classes(request.analysis)
    require_input(request.settings)
    sources = _sources(request, request.analyses or (request.analysis,))
    show = accept if request.strict else show_problems
    show([*request.problems, *(odd for source in sources for odd in source.problems)])
    masked = _masker(request.settings)
    shelf = Shelf(request.settings, sources, lambda source: show(source.problems))
    if request.analyses:
        planned = gather(request.analyses, sources, shelf.of, request.settings)
    else:
        planned = name_analyses(request, sources)
    if request.strict:
        accept(problem for one in planned for problem in one.problems)
    alone = len(planned) == 1
    of_images = FociOfImages(request.settings, strict=request.strict)
    ready = [of_images(masked(one)) for one in planned]
    asked = bool(request.analyses or request.given & ASKS)
    selected = [_select(one, of="" if alone else one.analysis.name, asked=asked) for one in ready]
    return check([with_null_foci(one, shelf) for one in selected], request.settings)


def require_input(settings: Settings) -> None:
    """Raise ``NoInputError`` if the input or the mask does not exist."""
    if not Path(settings.bids_dir).exists():
        visible = _nearest_existing(Path(settings.bids_dir))
        msg = f"there is no file or folder {settings.bids_dir}; what exists of it is {visible}"
        raise NoInputError(msg)
    if settings.mask_file and not Path(settings.mask_file).is_file():
        msg = f"there is no mask file {settings.mask_file}"
        raise NoInputError(msg)
    if settings.image_root and not Path(settings.image_root).is_dir():
        msg = f"there is no folder of images {settings.image_root}"
        raise NoInputError(msg)


def _sources(request: Request, wanted: Sequence[Analysis]) -> Sequence["Source"]:
    """Read the input folder, if an analysis uses it: it takes its time."""
    from nimare_pipeline import io

    if not any(map(needs_input, wanted)):  # all studies are those of a database elsewhere
        return ()
    _LOGGER.info("reading %s", request.settings.bids_dir)
    read = partial(
        io.read,
        Path(request.settings.bids_dir),
        tal2mni=request.settings.tal2mni,
        target=request.settings.target,
        unknown_space=request.settings.unknown_space,
        known=files_named(request),
    )
    try:
        return read(apart=apart(wanted))
    except NoInputError:
        # Who has but one dataset may draw from its own foci.
        return read(apart=apart(wanted, ["database"]))


def _masker(settings: Settings) -> Callable[[Planned], Planned]:
    """Make a function that gives analyses the user's mask, on the grid of the target space."""
    if not settings.mask_file:
        return lambda planned: planned
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.spaces import analysis_mask

    mask, note = analysis_mask(settings.mask_file, settings.target)
    problems = (Problem("warning", note),) if note else ()
    show_problems(problems)

    def masked(planned: Planned) -> Planned:
        if planned.dataset is None:
            return planned
        dataset = Dataset.from_tables(planned.dataset.tables, mask, planned.dataset.space)
        return replace(planned, dataset=dataset, problems=(*planned.problems, *problems))

    return masked


def _select(planned: Planned, of: str, *, asked: bool) -> Planned:
    """Add the cohort, or the reason why there is none: one analysis must not stop the others."""
    from nimare_pipeline.cohort import make_cohort

    if planned.dataset is None or planned.error is not None:
        return planned
    try:
        cohort = make_cohort(planned.dataset, planned.analysis)
        analysis = with_possible_corrector(planned.analysis, cohort.dataset, asked=asked)
    except PipelineError as error:
        return replace(planned, error=error)
    show_problems(cohort.problems, of)
    return replace(planned, analysis=analysis, cohort=cohort)


def _nearest_existing(path: Path) -> Path:
    return next((parent for parent in path.parents if parent.exists()), Path("/"))
