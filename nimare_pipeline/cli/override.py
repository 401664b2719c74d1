"""What the command line says of analyses that a file has: which are run, and what it replaces."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nimare_pipeline import foci_policy
from nimare_pipeline.cli.request import PLACES, Request
from nimare_pipeline.errors import UsageError
from nimare_pipeline.inference import has_clusters, has_tfce
from nimare_pipeline.labels import label
from nimare_pipeline.model.schema import BUILT, TYPES
from nimare_pipeline.needs import NULL_FOCI
from nimare_pipeline.registry import (
    NO_TFCE,
    POOL_ESTIMATORS,
    get_corrector,
    get_estimator,
    own_keyword,
    refusal_of_tfce,
)
from nimare_pipeline.select_syntax import nearest
from nimare_pipeline.settings import Analysis, Component

_RIVALS = {"fwhm": "kernel__sample_size", "sample_size": "kernel__fwhm"}
"""Options of which one takes the other's place, and the keyword of the other."""
_OF_TFCE = ("tfce", "tfce_extent", "tfce_height")


def chosen(analyses: Sequence[Analysis], only: Sequence[str], file: str) -> list[Analysis]:
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
                f"there is no analysis {name!r} in {file}{hint or ';'} "
                f"there are: {', '.join(known)}"
            )
            raise UsageError(msg)
        wanted.add(folder)
    return [one for name, one in by_name.items() if name in wanted or not only]


def overridden(
    analyses: Sequence[Analysis], request: Request, source: str
) -> tuple[list[Analysis], list[str]]:
    """Give analyses what the command line names, and say so.

    Parameters
    ----------
    analyses : sequence of Analysis
    request : Request
    source : str
        What the analyses come from, for the notes: ``file`` or ``input``.
    """
    given = sorted(request.given & PLACES.keys())
    if not given:
        return list(analyses), []
    changed = [override(one, request.analysis, request.given) for one in analyses]
    said = f"the command line replaces what the {source} says: {options_named(given)}"
    return changed, [said, *without_effect(changed, given)]


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
                before = changes.get(part, analysis.options)
                changes |= {part: before | _option(analysis, template, keyword)}
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


def _has(analysis: Analysis, part: str) -> bool:
    """Whether analyses of a type have a key."""
    return TYPES[analysis.type].key(part) is not None


def _takes(analysis: Analysis, key: str) -> bool:
    """Whether an analysis has a use for a key that not all of its type have."""
    return _has(analysis, key) and (key != NULL_FOCI or analysis.estimator.type in POOL_ESTIMATORS)


def _option(analysis: Analysis, template: Analysis, key: str) -> dict[str, Any]:
    """What the command line says of an option; it names the policy of foci, not the peaks."""
    if not _takes(analysis, key):
        return {}
    asked = template.options[key]
    if key != foci_policy.KEY:
        return {key: asked}
    return {key: {**analysis.options.get(key, asked), "merge": asked["merge"]}}


def _accepts(analysis: Analysis, part: str, keyword: str) -> bool:
    """Whether a keyword has an effect on a part of an analysis, with the other keywords it has."""
    if part == "options":
        return _takes(analysis, keyword)
    if analysis.type not in BUILT or not _has(analysis, part):
        return False
    if not getattr(analysis, part).type:
        return False  # What images there are decides on the estimator; it keeps its defaults.
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
