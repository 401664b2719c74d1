"""The papers this package cites, from the BibTeX file that ships with it."""

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources

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
