"""Sample sizes in the headers of Sleuth files."""

import re
from dataclasses import dataclass

from nimare_pipeline.contrast import sample_sizes

SMALLEST, LARGEST = 5, 100_000
"""Fewer or more participants in a group than this are more likely a slip than a study."""

_COUNT = r"(?:(?:number|no\.?|nr\.?|total|sum|#)\s*(?:of\s+)?)?"
_NAME = r"(?:subj(?:ect)?s*\.?|participants?|sample\s?size|n(?=\s*=))"
_LINE = re.compile(
    rf"{_COUNT}{_NAME}\s*[=:]\s*(.*)"
    r"|(?:subj\w*|n)\s*[=:]\s*([-+]?\d[\d.,/+\s]*)"
    r"|(\d+)\s+(?:subjects|participants)"
    r"|(?:subj(?:ect)?s*|participants?)\s+(?:n\s*=\s*)?(\d+)",
    re.IGNORECASE,
)
# Inside a title only what can be nothing else: "Subjects=" whatever follows, "n=" and a number.
_INSIDE = re.compile(
    r"(?:^|[\s(\[,;])(?:"
    r"(?:subj(?:ect)?s*|participants?)\s*=\s*(?P<any>[^)\];]*?)(?=$|[)\];]|,?\s+[^\W\d])"
    r"|(?:subj\w*|participants?|n)\s*[=:]\s*(?P<number>\d[\d.,/+\s]*?)(?=$|[)\];]|,\s*[^\W\d])"
    r")",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s*[/+]\s*|\s*,\s+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")


@dataclass(frozen=True)
class Inside:
    """Sample sizes that stand inside a title, and the title without the one at its end."""

    values: tuple[str, ...]
    rest: str


def on_its_own(text: str) -> str | None:
    """Value of a line that gives a sample size (it may be empty); None if it is another line."""
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    return next((group for group in match.groups() if group), "").strip()


def inside(title: str) -> Inside:
    """Sample sizes inside a title; only one that ends it is cut off, for others mean something.

    Examples
    --------
    >>> inside("A, 2000: b (n=12)")
    Inside(values=('12',), rest='A, 2000: b')
    >>> inside("Patients (n=12) > controls (n=14)").values
    ('12', '14')
    """
    found = list(_INSIDE.finditer(title))
    values = tuple((match["any"] or match["number"] or "").strip() for match in found)
    rest = title
    if len(found) == 1 and not title[found[0].end() :].strip(" )],;"):
        rest = title[: found[0].start()].strip(" \t,;([")
    return Inside(values, rest)


def parse(value: str) -> tuple[float, ...] | None:
    """Sample size of each group that a value gives; None unless all of it can be read.

    A comma before three digits separates thousands, before a space it separates groups, as do a
    slash and a plus sign.

    Examples
    --------
    >>> parse("1,024"), parse("20, 22"), parse("20/22"), parse("ten")
    ((1024,), (20, 22), (20, 22), None)
    """
    sizes: list[float] = []
    for part in _SEPARATOR.split(value.strip(" \t.,;")):
        if _THOUSANDS.fullmatch(part):
            found, _ = sample_sizes(part.replace(",", ""))
        else:
            found, _ = sample_sizes(part) if _NUMBER.fullmatch(part) else ((), False)
        if not found:
            return None
        sizes += found
    return tuple(sizes)


def oddity(size: float) -> str:
    """Why a sample size is implausible; empty if it is not."""
    if size != int(size):
        return "it is not a whole number"
    if size < SMALLEST:
        return f"it is below {SMALLEST}"
    return f"it is above {LARGEST:,}" if size > LARGEST else ""
