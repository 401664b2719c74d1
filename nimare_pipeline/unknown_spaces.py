"""Foci whose space is not given, or is neither MNI nor Talairach: what the user decides."""

from collections.abc import Sequence
from dataclasses import replace

from nimare_pipeline import defaults, spaces
from nimare_pipeline.contrast import UNKNOWN_SPACE, Contrast, counted, listed
from nimare_pipeline.errors import Problem, UsageError

UNKNOWN = "UNKNOWN"
"""Original space of such foci in the tables."""
ASSUMED = {"mni": "MNI", "talairach": "TAL"}
"""Spaces that may be assumed, by the name of the policy."""

NOT_GIVEN = "no space is given"
"""How readers that assume a space begin to say so."""
ADVICE = f"{spaces.ACCEPTED}; or decide by --unknown-space"


class AssumedSpace(str):
    """Space that a reader assumed because its file gives none; a policy may decide otherwise."""

    __slots__ = ()


def check_policy(policy: str) -> None:
    """Refuse an unknown policy.

    Raises
    ------
    UsageError
        If it is none of ``defaults.UNKNOWN_SPACES``, and not empty either.
    """
    if policy and policy not in defaults.UNKNOWN_SPACES:
        known = ", ".join(defaults.UNKNOWN_SPACES)
        msg = f"unknown policy {policy!r} for unknown spaces; accepted are: {known}"
        raise UsageError(msg)


def settle(contrasts: Sequence[Contrast], policy: str) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts whose spaces are known as far as a policy says, and a warning of what it did.

    Parameters
    ----------
    contrasts : sequence of Contrast
    policy : str
        ``mni`` or ``talairach``: what such foci are taken as; their original space stays
        ``UNKNOWN``. ``exclude``: contrasts with such foci are left out. ``error`` or empty: they
        stay, and :func:`nimare_pipeline.contrast.check` refuses them.

    Raises
    ------
    UsageError
        For an unknown policy.
    """
    check_policy(policy)
    if not policy:
        return list(contrasts), []
    if policy == "error":
        return [replace(one, spaces=tuple(map(_said, one.spaces))) for one in contrasts], []
    kept: list[Contrast] = []
    found: dict[tuple[str, int, str], list[Contrast]] = {}
    for one in contrasts:
        said = dict.fromkeys(map(_said, one.spaces))
        unknown = [name for name in said if spaces.recognise(name) is None]
        for name in unknown:
            found.setdefault((one.file, one.space_line, name), []).append(one)
        if not unknown:
            kept.append(one)
        elif policy in ASSUMED:
            kept.append(_assumed(one, ASSUMED[policy]))
    return kept, [_problem(*key, concerned, policy) for key, concerned in found.items()]


def _said(space: str) -> str:
    """Space that a file gives; empty where a reader assumed one."""
    return "" if isinstance(space, AssumedSpace) else space


def _assumed(contrast: Contrast, space: str) -> Contrast:
    known = [spaces.recognise(_said(name)) for name in contrast.spaces]
    original = tuple(name or UNKNOWN for name in known)
    return replace(
        contrast,
        spaces=tuple(str(name or space) for name in known),
        values={**contrast.values, "original_space": original},
    )


def _problem(
    file: str, line: int, space: str, contrasts: Sequence[Contrast], policy: str
) -> Problem:
    what = f"unknown space {space!r}" if space else "the space of the foci is not given"
    many = counted(len(contrasts), "contrast")
    one = len(contrasts) == 1
    done = (
        f"{ASSUMED[policy]} is assumed"
        if policy in ASSUMED
        else (f"{'it is' if one else 'they are'} left out")
    )
    return Problem(
        "warning",
        f"{what} for {many} ({listed([one.id for one in contrasts], 5)}); {done}",
        file,
        f"line {line}" if line else "",
        f"as asked for: {policy}",
    )


def as_decided(
    problems: Sequence[Problem], policy: str, checked: Sequence[Problem]
) -> list[Problem]:
    """Problems of a reader and of the common checks, without those that a policy has settled.

    Parameters
    ----------
    problems : sequence of Problem
        Of the reader, which names lines.
    policy : str
        As for :func:`settle`.
    checked : sequence of Problem
        Of :func:`nimare_pipeline.contrast.check`, after the policy was applied: errors about
        spaces are left out where the reader has them.
    """
    kept = list(problems)
    if policy:  # what a reader assumed instead is not so
        kept = [p for p in kept if p.level == "error" or NOT_GIVEN not in p.message]
    if policy not in ("", "error"):
        kept = [p for p in kept if p.kind != UNKNOWN_SPACE]
    said = any(problem.kind == UNKNOWN_SPACE for problem in kept)
    return kept + [p for p in checked if not (said and p.kind == UNKNOWN_SPACE)]
