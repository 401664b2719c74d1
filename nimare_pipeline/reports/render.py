"""Jinja environments of the report, and how numbers are written for readers."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

MINUS = "\N{MINUS SIGN}"
NOT_KNOWN = "n/a"
LEVELS = (0.1, 0.05, 0.025, 0.01, 0.005, 0.001)
"""Levels that readers compare p values with."""
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@cache
def environment(*, autoescape: bool = True) -> Any:
    """Jinja environment of the templates; unknown names are errors.

    Parameters
    ----------
    autoescape : bool
        True for HTML. False for prose, which is escaped where it is put into a page.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("nimare_pipeline.reports", "templates"),
        autoescape=autoescape,  # noqa: S701 - prose is escaped where it enters a page
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "p": p_value, "percent": percent, "counted": counted}
    return made


def template(name: str, context: Mapping[str, Any], *, autoescape: bool = True) -> str:
    """Render a template of the package."""
    text: str = environment(autoescape=autoescape).get_template(name).render(context)
    return text


def number(value: Any, digits: int = 4) -> str:
    """Number for readers: thousands separators, or ``digits`` significant figures."""
    if is_missing(value):
        return NOT_KNOWN
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return str(value)
    value = value.item() if isinstance(value, np.number) else value
    if not np.isfinite(value):
        return f"{MINUS if value < 0 else ''}∞"
    if float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif 1e-4 <= abs(value) < 1e6:
        text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"
    else:
        text = scientific(float(value))
    return text.replace("-", MINUS)


def p_value(value: Any) -> str:
    """Probability for readers: three decimals, more where it is small.

    More also where rounding would take it from below a level to the level itself: 0.0499 is
    significant at 0.05, and 0.050 would not look so.
    """
    if is_missing(value):
        return NOT_KNOWN
    if value < 0.00005:
        return scientific(float(value))
    for digits in range(3 if value >= 0.001 else 4, 8):
        text = f"{value:.{digits}f}"
        if not any(value < level <= float(text) for level in LEVELS):
            break
    return text


def percent(part: Any, whole: Any) -> str:
    """Share of a whole in percent, one decimal."""
    return f"{100 * part / whole:.1f} %" if whole else NOT_KNOWN


def counted(value: Any, noun: str, plural: str = "") -> str:
    """Number and noun: ``1 experiment``, ``2 studies``; ``plural`` where it is not noun + s."""
    return f"{number(value)} {noun if value == 1 else plural or f'{noun}s'}"


def scientific(value: float) -> str:
    """Mantissa and power of ten, as in ``1.2 × 10⁻⁵``."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def is_missing(value: Any) -> bool:
    """Whether a cell of a table holds nothing: None, NaN, NA, empty, or ``n/a``."""
    if value is None or (isinstance(value, str) and value in {"", NOT_KNOWN}):
        return True
    return bool(np.ndim(value) == 0 and pd.isna(value))
