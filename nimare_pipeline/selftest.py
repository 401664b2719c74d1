"""Whether an installation computes what it should: checks against numbers that others published.

A check compares one number (or text) with what is expected. Whatever stops it from being computed
- a data file that is missing, a library of another version - fails it and is said in its row; the
others go on. The checks are in ``selftest_checks``.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One number that is known from elsewhere.

    Parameters
    ----------
    name : str
        What is computed, with its unit.
    oracle : str
        Where the expected value comes from.
    expected : float or str
        A text must be the same, a number within ``tolerance``.
    compute : callable
        Takes nothing, gives what is found. It imports what it needs itself, so that an
        installation whose libraries cannot be imported is reported and not a crash.
    tolerance : float
        Largest difference from ``expected`` that passes.
    """

    name: str
    oracle: str
    expected: float | str
    compute: Callable[[], float | str]
    tolerance: float = 0.0


@dataclass(frozen=True)
class Finding:
    """What came of a check.

    Parameters
    ----------
    name, oracle, expected, tolerance
        Of the check.
    found : float, str or None
        None if it could not be computed.
    passed : bool
    seconds : float
    problem : str
        Why it could not be computed; else empty.
    """

    name: str
    oracle: str
    expected: float | str
    tolerance: float
    found: float | str | None
    passed: bool
    seconds: float
    problem: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """Everything, for JSON, which has no NaN: there it is a text."""
        number = isinstance(self.found, float) and math.isfinite(self.found)
        return {**asdict(self), "found": self.found if number or self.problem else str(self.found)}


def run_checks(checks: Iterable[Check]) -> Iterator[Finding]:
    """Do the checks one after the other, and give each finding when it is there."""
    for check in checks:
        yield run_check(check)


def run_check(check: Check) -> Finding:
    """Do one check; no error but an interruption leaves it."""
    started = time.monotonic()
    found: float | str | None = None
    problem = ""
    try:
        found = _plain(check.compute())
    except Exception as error:  # noqa: BLE001 - whatever is broken here is what the check is for
        problem = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return Finding(
        check.name,
        check.oracle,
        check.expected,
        check.tolerance,
        found,
        found is not None and agrees(found, check.expected, check.tolerance),
        round(time.monotonic() - started, 3),
        problem,
    )


def agrees(found: float | str, expected: float | str, tolerance: float) -> bool:
    """Whether a number is near enough, or a text the same; NaN never is."""
    if isinstance(found, str) or isinstance(expected, str):
        return found == expected
    return abs(found - expected) <= tolerance


def shown(value: float | str | None) -> str:
    """Value as the table shows it."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.6g}"


def _plain(value: Any) -> float | str:
    return value if isinstance(value, str) else float(value)
