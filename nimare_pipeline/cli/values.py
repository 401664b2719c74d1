"""Words of the command line to values: each converter says what it wanted when it refuses."""

import argparse
import difflib
from collections.abc import Callable, Iterable

from nimare_pipeline import pool_policy
from nimare_pipeline.errors import UsageError
from nimare_pipeline.select_syntax import parse

MISSING_N_POLICIES = ("error", "median", "exclude")


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Make a converter that accepts one of several names and suggests the nearest."""
    accepted = tuple(names)

    def convert(text: str) -> str:
        if text in accepted:
            return text
        near = nearest(text, accepted)
        hint = f"did you mean {near}? " if near else ""
        msg = f"unknown name {text!r}; {hint}accepted: {', '.join(accepted)}"
        raise argparse.ArgumentTypeError(msg)

    return convert


def number(wanted: str, accept: Callable[[float], bool]) -> Callable[[str], float]:
    """Make a converter to a number; ``wanted`` says in words what ``accept`` accepts."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if accept(value):
            return value
        msg = f"{text!r} is not {wanted}"
        raise argparse.ArgumentTypeError(msg)

    return convert


def integer(wanted: str, accept: Callable[[int], bool]) -> Callable[[str], int]:
    """Make a converter to a whole number; ``wanted`` says in words what ``accept`` accepts."""

    def convert(text: str) -> int:
        if text.removeprefix("-").isdecimal() and accept(int(text)):
            return int(text)
        msg = f"{text!r} is not {wanted}"
        raise argparse.ArgumentTypeError(msg)

    return convert


def missing_n(text: str) -> str:
    """Accept a policy for contrasts without sample size, or a kernel width in mm."""
    if text in MISSING_N_POLICIES:
        return text
    try:
        width = float(text)
    except ValueError:
        width = float("nan")
    if 0 < width < float("inf"):
        return text
    msg = f"{text!r} is none of {', '.join(MISSING_N_POLICIES)}, nor a kernel width in mm above 0"
    raise argparse.ArgumentTypeError(msg)


def pool(text: str) -> str:
    """Accept a way to pool contrasts into experiments."""
    if pool_policy.accepts(text):
        return text
    msg = f"{text!r} is none of {pool_policy.ACCEPTED}"
    raise argparse.ArgumentTypeError(msg)


def name(text: str) -> str:
    """Accept a name that has a letter or digit to make a label of."""
    if any(letter.isalnum() for letter in text):
        return text
    msg = f"{text!r} has no letter or digit"
    raise argparse.ArgumentTypeError(msg)


def selection(text: str) -> str:
    """Accept a selection of contrasts, see ``nimare_pipeline.select``."""
    try:
        if text.strip():
            parse(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def group(text: str) -> tuple[str, str]:
    """Accept a named selection, ``name=selection``."""
    name, equals, selected = text.partition("=")
    if not equals or not name.strip().isidentifier() or not selected.strip():
        msg = f"expected NAME=EXPR, such as 'pain=condition == \"pain\"', not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return name.strip(), selection(selected)


def nearest(text: str, accepted: Iterable[str]) -> str | None:
    """Find the accepted name that is most like a text, ignoring case."""
    by_fold = {name.casefold(): name for name in accepted}
    near = difflib.get_close_matches(text.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[near[0]] if near else None
