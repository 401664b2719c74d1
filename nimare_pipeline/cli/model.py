"""The analysis file of a run: found, read, and brought together with the command line."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nimare_pipeline import model
from nimare_pipeline.cli.described import with_described
from nimare_pipeline.cli.override import chosen, options_named, overridden
from nimare_pipeline.cli.request import NO_MODEL, PLACES, Request
from nimare_pipeline.contrast import listed
from nimare_pipeline.errors import UsageError
from nimare_pipeline.model.schema import FILE_NAME
from nimare_pipeline.needs import NULL_FOCI, check_needs
from nimare_pipeline.registry import POOL_ESTIMATORS, accepted_keywords, own_keyword
from nimare_pipeline.select_syntax import nearest, parse
from nimare_pipeline.select_tree import InMask, conditions
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from nimare_pipeline.io import Source

_FILES = ("roi", "inference_mask", "database", NULL_FOCI)
"""Options of an analysis that are files."""
_OF_FILES = {
    "name": "the file names its analyses; --analysis runs some of them",
    "merge": "each of its analyses pools its sources",
    "roi": "its analyses of the type macm name their regions",
    "sphere": "its analyses of the type macm name their regions",
    "group": "its analyses of type pair name their groups",
    "inference_mask": "its analyses of type pair name theirs",
}
"""Options that mean nothing with an analysis file, and what stands in their place."""


def with_model(request: Request) -> Request:
    """Add the analyses of the analysis file that was named, or lies in the input folder.

    Without one, add those that the input itself describes, as a Neurosynth-Compose bundle
    or a JALE project does.
    What the command line names replaces what they say.

    Raises
    ------
    NoInputError, ModelError
        If the file does not exist, or is wrong.
    UsageError
        For options that have no meaning with a file, or without one, and unknown analyses.
    """
    path = _path(request)
    if path is not None:
        made = _with_file(request, path)
    elif request.model != NO_MODEL:
        made = with_described(request)
    else:
        made = request
    if made.analyses:
        return replace(made, analyses=tuple(_placed(one, made) for one in made.analyses))
    if made.only:
        msg = "--analysis picks analyses of an analysis file; give one with --model"
        raise UsageError(msg + _why(made))
    _refuse_strange(made)
    check_needs(made.analysis, how="--null-foci PATH")
    return replace(made, analysis=_placed(made.analysis, made))


def _with_file(request: Request, path: Path) -> Request:
    """Add the analyses of an analysis file, as the command line wants them."""
    for option, instead in _OF_FILES.items():
        if option in request.given:
            msg = f"--{option} has no meaning with the analysis file {path}: {instead}"
            raise UsageError(msg)
    read = model.read(path)
    settings = _settings(request, read.run, path)
    here = "" if request.model else f" (found in the input folder; --model {NO_MODEL} ignores it)"
    renamed = [
        f"{asked!r} is called {name!r}: names are of letters and digits"
        for name, asked in read.names.items()
        if name != asked
    ]
    wanted = chosen(read.analyses, request.only, path.name)
    analyses, notes = overridden(wanted, request, "file")
    return replace(
        request,
        settings=settings,
        analyses=tuple(analyses),
        notes=(f"analyses are those of {path}{here}", *renamed, *notes),
        problems=read.problems,
        model_text=read.text,
    )


def sources_of(analysis: Analysis, sources: Sequence["Source"]) -> list["Source"]:
    """Pick the sources whose files fit one of the patterns of an analysis; all without patterns.

    Raises
    ------
    UsageError
        For a pattern that no file fits.
    """
    if not analysis.sources:
        return list(sources)
    files = [file for source in sources for file in source.files]
    for pattern in analysis.sources:
        if not any(fnmatchcase(file, pattern) for file in files):
            hint = nearest(pattern, files)
            msg = (
                f"sources: no input file fits {pattern!r}{hint or ';'} there are: {listed(files)}"
            )
            raise UsageError(msg)
    return [
        source
        for source in sources
        if any(fnmatchcase(file, pattern) for file in source.files for pattern in analysis.sources)
    ]


def files_named(request: Request) -> set[str]:
    """Paths of the files beside the studies that the analyses and the settings name."""
    found = {request.settings.mask_file} - {""}
    for analysis in request.analyses or (request.analysis,):
        found |= {str(Path(folder) / f) for folder in analysis.folders for f in _files(analysis)}
    return found


def _files(analysis: Analysis) -> list[str]:
    """Files that an analysis names, as it names them."""
    texts = [analysis.select, *analysis.options.get("groups", {}).values()]
    tests = [test for text in texts if text.strip() for test in conditions(parse(text))]
    masks = [test.file for test in tests if isinstance(test, InMask)]
    return [*masks, *(str(analysis.options[key]) for key in _FILES if key in analysis.options)]


def _path(request: Request) -> Path | None:
    if request.model == NO_MODEL:
        return None
    if request.model:
        return Path(request.model)
    own = Path(request.settings.bids_dir) / FILE_NAME
    return own if own.is_file() else None


def _why(request: Request) -> str:
    return "" if request.model else f" (there is no {FILE_NAME} in the input folder)"


def _settings(request: Request, run: dict[str, Any], path: Path) -> Settings:
    changes = {name: value for name, value in run.items() if name not in request.given}
    mask = changes.pop("mask", None)
    if mask is not None:
        changes["mask_file"] = str(path.parent / Path(mask).expanduser())
    if "image_root" in changes:
        changes["image_root"] = str(path.parent / Path(changes["image_root"]).expanduser())
    return replace(request.settings, model_file=str(path), **changes)


def _placed(analysis: Analysis, request: Request) -> Analysis:
    """Say where the files of an analysis are looked for, if it names any.

    First where the words were written (the current folder, for those of the command line; the
    folder of the analysis file), then in the input folder.
    """
    typed = [str(Path.cwd())] if request.given & {"select", "roi", NULL_FOCI} else []
    source = Path(request.settings.bids_dir)
    folders = [*typed, *analysis.folders, str(source if source.is_dir() else source.parent)]
    return replace(analysis, folders=tuple(dict.fromkeys(folders)) if _files(analysis) else ())


def _refuse_strange(request: Request) -> None:
    """Refuse an option of another estimator by the name it has on the command line.

    Raises
    ------
    UsageError
        With the options that the estimator does take.
    """
    estimator = request.analysis.estimator.type
    known = accepted_keywords("estimator", estimator)
    own = {
        option: keyword
        for option, places in PLACES.items()
        for part, keyword in places
        if part == "estimator" and keyword != "type" and len(places) == 1
    }
    strange = sorted(
        option
        for option in own
        if option in request.given and own_keyword(estimator, own[option]) not in known
    )
    # It draws foci where the pool has them, and forms no clusters.
    idle = {"null_outside", "voxel_thresh"} if estimator in POOL_ESTIMATORS else set()
    strange += sorted(idle & request.given)
    if strange:
        taken = [
            option for option, keyword in own.items() if own_keyword(estimator, keyword) in known
        ]
        msg = (
            f"{estimator} has no {options_named(strange)}; its options are {options_named(taken)}"
        )
        raise UsageError(msg)
