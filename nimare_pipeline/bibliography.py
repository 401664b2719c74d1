"""The papers this package cites, from the BibTeX file that ships with it."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

_FIELD = re.compile(r"^\s*(?P<name>\w+) = \{(?P<value>.*)\},?$", re.MULTILINE)
_KEYS = re.compile(r"\(([^\W_]+\d{4}\w*(?:; [^\W_]+\d{4}\w*)*)\)")
_ENTRY = re.compile(r"^@\w+\{([^,\s]+),.*?^\}\n?", re.MULTILINE | re.DOTALL)


@cache
def entries() -> dict[str, str]:
    """Citation key to BibTeX entry."""
    text = resources.files("nimare_pipeline.data").joinpath("bibliography.bib").read_text("utf-8")
    return {match.group(1): match.group(0).strip() for match in _ENTRY.finditer(text)}


def bibtex(keys: Iterable[str]) -> str:
    """BibTeX of the given keys, each once, in alphabetical order.

    Raises
    ------
    KeyError
        For a key that is not in the bibliography.
    """
    known = entries()
    return "\n\n".join(known[key] for key in sorted(set(keys))) + "\n"


def fields(entry: str) -> dict[str, str]:
    """Fields of a BibTeX entry."""
    return {m["name"]: m["value"].replace("\\&", "&") for m in _FIELD.finditer(entry)}


def label(known: Mapping[str, str]) -> str:
    """Author and year of an entry with these fields, as in ``(Eickhoff et al., 2012)``."""
    families = [name.split(", ")[0] for name in known["author"].split(" and ")]
    who = f"{families[0]} et al." if len(families) > 2 else " & ".join(families)
    return f"{who}, {known['year']}"


def with_labels(text: str) -> str:
    """Text in which parentheses of citation keys are authors and years.

    Examples
    --------
    >>> with_labels("by its width (eickhoff2009; eickhoff2012), in mm (sic)")
    'by its width (Eickhoff et al., 2009; Eickhoff et al., 2012), in mm (sic)'
    """

    def cited(match: re.Match[str]) -> str:
        keys = match[1].split("; ")
        if not all(key in entries() for key in keys):
            return match[0]
        return f"({'; '.join(label(fields(entries()[key])) for key in keys)})"

    return _KEYS.sub(cited, text)
