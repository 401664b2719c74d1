"""What a pickle says, as inert records: names, calls that were not made, mappings."""

from dataclasses import dataclass, field
from typing import Any


class RefusedError(Exception):
    """A pickle that is damaged, or does what no dataset does."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a pickle would import."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Pairs(list[tuple[Any, Any]]):
    """A mapping, as the keys and values that were put into it."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Record:
    """A call that was not made.

    Parameters
    ----------
    of : Name
        What would have been called.
    args : tuple
    state : object
        What the made object would have been given, or None.
    items : list
        What would have been appended to it or put into it.
    """

    of: Name
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.of}>"


def shown(text: str) -> str:
    """A text of the pickle, for a message."""
    short = text if len(text) <= 100 else text[:100] + "..."
    return short.encode("ascii", "backslashreplace").decode("ascii")
