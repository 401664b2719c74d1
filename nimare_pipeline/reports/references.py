"""How cited papers are written: in the text, and in the list of references."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from nimare_pipeline import bibliography


@dataclass(frozen=True)
class Reference:
    """One entry of the bibliography.

    Parameters
    ----------
    key : str
        Citation key.
    fields : dict of str to str
        Fields of the entry, without LaTeX escapes.
    """

    key: str
    fields: dict[str, str]

    @property
    def authors(self) -> str:
        """All authors as ``Family AB``, separated by commas."""
        people = self.fields["author"].split(" and ")
        return ", ".join("et al" if name == "others" else _short(name) for name in people)

    @property
    def label(self) -> str:
        """Author and year, as in ``(Eickhoff et al., 2012)``."""
        return bibliography.label(self.fields)

    @property
    def place(self) -> str:
        """Journal, volume, number and pages, or the proceedings."""
        fields = self.fields
        issue = f"({fields['number']})" if "number" in fields else ""
        volume = f" {fields['volume']}{issue}" if "volume" in fields else ""
        pages = f", {fields['pages'].replace('--', '–')}" if "pages" in fields else ""
        return f"{fields.get('journal') or fields.get('booktitle', '')}{volume}{pages}"

    @property
    def doi(self) -> str:
        """DOI without resolver, empty if there is none."""
        return self.fields.get("doi", "")


@cache
def load() -> dict[str, Reference]:
    """Read the shipped bibliography: key to reference."""
    return {
        key: Reference(key, bibliography.fields(entry))
        for key, entry in bibliography.entries().items()
    }


def select(keys: Iterable[str]) -> tuple[Reference, ...]:
    """References of these keys, each once, by author and year."""
    chosen = {key: load()[key] for key in keys}
    return tuple(sorted(chosen.values(), key=lambda ref: (ref.fields["author"], ref.label)))


def _short(name: str) -> str:
    """Write ``Eickhoff, Simon B.`` as ``Eickhoff SB``; hyphens and particles stay."""
    family, _, given = name.partition(", ")
    return f"{family} {''.join(part[0] for part in given.split())}".strip()
