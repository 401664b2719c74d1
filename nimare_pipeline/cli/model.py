"""The analysis file of a run: found, read, and brought together with the command line."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nimare_pipeline import model
from nimare_pipeline.cli.request import NO_MODEL, PLACES, Request
from nimare_pipeline.contrast import listed
from nimare_pipeline.errors import UsageError
from nimare_pipeline.inference import has_clusters, has_tfce
from nimare_pipeline.labels import label
from nimare_pipeline.model.schema import BUILT, FILE_NAME, TYPES
from nimare_pipeline.needs import NULL_FOCI, check_needs
from nimare_pipeline.registry import (
    NO_TFCE,
    POOL_ESTIMATORS,
    accepted_keywords,
    get_corrector,
    get_estimator,
    own_keyword,
    refusal_of_tfce,
)
from nimare_pipeline.select_syntax import InMask, conditions, nearest, parse
from nimare_pipeline.settings import Analysis, Component, Settings

if TYPE_CHECKING:
    from nimare_pipeline.io import Source

_FILES = ("roi", "inference_mask", "database", NULL_FOCI)
"""Options of an analysis that are files."""
_RIVALS = {"fwhm": "kernel__sample_size", "sample_size": "kernel__fwhm"}
"""Options of which one takes the other's place, and the keyword of the other."""
_OF_TFCE = ("tfce", "tfce_extent", "tfce_height")


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
    if path is None and request.model != NO_MODEL:
        from nimare_pipeline.cli.described import with_described

        request = with_described(request)
        if request.analyses:
            placed = tuple(_placed(one, request) for one in request.analyses)
            return replace(request, analyses=placed)
    if path is None:
        if request.only:
            msg = "--analysis picks analyses of an analysis file; give one with --model"
            raise UsageError(msg + _why(request))
        _refuse_strange(request)
        check_needs(request.analysis, how="--null-foci PATH")
        return replace(request, analysis=_placed(request.analysis, request))
    for option, instead in (
        ("name", "the file names its analyses; --analysis runs some of them"),
        ("merge", "each of its analyses pools its sources"),
        ("roi", "its analyses of the type macm name their regions"),
        ("sphere", "its analyses of the type macm name their regions"),
        ("group", "its analyses of type pair name their groups"),
        ("inference_mask", "its analyses of type pair name theirs"),
    ):
        if option in request.given:
            msg = f"--{option} has no meaning with the analysis file {path}: {instead}"
            raise UsageError(msg)
    read = model.read(path)
    settings = _settings(request, read.run, path)
    analyses = tuple(chosen(read.analyses, request.only, path))
    here = () if request.model else (f"found in the input folder; --model {NO_MODEL} ignores it",)
    notes = [f"analyses are those of {path}{''.join(f' ({text})' for text in here)}"]
    notes += [
        f"{asked!r} is called {name!r}: names are of letters and digits"
        for name, asked in read.names.items()
        if name != asked
    ]
    replacing = sorted(request.given & PLACES.keys())
    if replacing:
        analyses = tuple(override(one, request.analysis, request.given) for one in analyses)
        notes.append(f"the command line replaces what the file says: {options_named(replacing)}")
        notes += without_effect(analyses, replacing)
    placed = tuple(_placed(one, request) for one in analyses)
    return replace(
        request,
        settings=settings,
        analyses=placed,
        notes=tuple(notes),
        problems=read.problems,
        model_text=read.text,
    )


def override(analysis: Analysis, template: Analysis, given: frozenset[str]) -> Analysis:
    """Give an analysis what the command line names.

    Parameters
    ----------
    analysis : Analysis
        Of the file.
    template : Analysis
        What the command line says of every analysis; a keyword that it lacks is at its default.
    given : frozenset of str
        Options that the command line names.
    """
    changes: dict[str, Any] = {}
    for option in ("estimator", "corrector", "method"):
        part = PLACES[option][0][0]
        if option in given and _has(analysis, part):
            analysis = replace(analysis, **{part: getattr(template, part)})
    if "estimator" in given and not _takes(analysis, NULL_FOCI):
        others = {key: value for key, value in analysis.options.items() if key != NULL_FOCI}
        analysis = replace(analysis, options=others)
    for option in sorted(given & PLACES.keys()):
        for part, keyword in PLACES[option]:
            if keyword == "type":
                continue
            if part == "options":
                named = {keyword: template.options[keyword]}
                changes |= {part: analysis.options | named} if _takes(analysis, keyword) else {}
                continue
            if not keyword:
                changes |= {part: getattr(template, part)} if _has(analysis, part) else {}
            elif _accepts(_with_tfce(analysis, changes), part, keyword):
                own: Component = changes.get(part, getattr(analysis, part))
                name, rival = own_keyword(own.type, keyword), _RIVALS.get(option)
                args = {k: v for k, v in own.args.items() if k not in (name, rival)}
                changes[part] = replace(own, args=args | _asked(template, option, name))
    return replace(analysis, **changes)


def _with_tfce(analysis: Analysis, changes: dict[str, Any]) -> Analysis:
    """The analysis as it was, but enhanced if it will be: then the powers have an effect."""
    corrector = changes.get("corrector", Component(""))
    return replace(analysis, corrector=corrector) if "tfce" in corrector.args else analysis


def _asked(template: Analysis, option: str, keyword: str) -> dict[str, Any]:
    """What the command line says of a keyword; nothing where it is at its default."""
    for part, name in PLACES[option]:
        if not name:
            return {keyword: getattr(template, part)}
        args = getattr(template, part).args
        if name in args:
            return {keyword: args[name]}
    return {}


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
    return replace(request.settings, model_file=str(path), **changes)


def chosen(analyses: Sequence[Analysis], only: Sequence[str], path: Path) -> list[Analysis]:
    """Pick analyses by name; all if no name is given.

    Raises
    ------
    UsageError
        For a name that none has.
    """
    by_name = {analysis.name.casefold(): analysis for analysis in analyses}
    wanted = set()
    for name in only:
        folder = label(name).casefold() if any(c.isalnum() for c in name) else name
        if folder not in by_name:
            known = [analysis.name for analysis in analyses]
            hint = nearest(name, known)
            msg = (
                f"there is no analysis {name!r} in {path.name}{hint or ';'} "
                f"there are: {', '.join(known)}"
            )
            raise UsageError(msg)
        wanted.add(folder)
    return [one for name, one in by_name.items() if name in wanted or not only]


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


def _has(analysis: Analysis, part: str) -> bool:
    """Whether analyses of a type have a key."""
    return TYPES[analysis.type].key(part) is not None


def _takes(analysis: Analysis, key: str) -> bool:
    """Whether an analysis has a use for a key that not all of its type have."""
    return _has(analysis, key) and analysis.estimator.type in POOL_ESTIMATORS


def _accepts(analysis: Analysis, part: str, keyword: str) -> bool:
    """Whether a keyword has an effect on a part of an analysis, with the other keywords it has."""
    if part == "options":
        return _takes(analysis, keyword)
    if analysis.type not in BUILT or not _has(analysis, part):
        return False
    make = {"estimator": get_estimator, "corrector": get_corrector}[part]
    if keyword in _OF_TFCE and analysis.estimator.type in NO_TFCE:
        return False
    made = make(getattr(analysis, part))
    keyword = own_keyword(getattr(analysis, part).type, keyword)
    return keyword in made.get_params() and keyword not in made.without_effect()


def without_effect(analyses: Sequence[Analysis], given: Sequence[str]) -> list[str]:
    """Say which options of the command line do not concern an analysis."""
    notes = []
    for one in analyses:
        idle = [
            option
            for option in given
            if not any(
                _has(one, part) if keyword in ("", "type") else _accepts(one, part, keyword)
                for part, keyword in PLACES[option]
            )
        ]
        if idle and one.type in BUILT:
            why = _why_no_tfce(one) if set(idle) & set(_OF_TFCE) else ""
            notes.append(f"{options_named(idle)} does not concern analysis {one.name}{why}")
    return notes


def _why_no_tfce(analysis: Analysis) -> str:
    if not _has(analysis, "corrector"):
        return f": a {analysis.type} is judged by its parts"
    if not has_clusters(analysis.corrector):
        return ": tfce needs FWECorrector with method montecarlo"
    if analysis.estimator.type in NO_TFCE:
        return f": {refusal_of_tfce(analysis.estimator.type)}"
    return ": it has no tfce" if not has_tfce(analysis.corrector) else ""


def options_named(names: Sequence[str]) -> str:
    """Options as they are typed, for a message."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
