"""A selection as a tree: the values that it compares, its conditions, and what joins them."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    """A number, a text, or true or false."""

    value: float | str | bool
    at: int


@dataclass(frozen=True)
class Column:
    """A value of each contrast; ``table`` is ``label``, ``metadata``, ``column`` or ``""``."""

    name: str
    table: str
    at: int


@dataclass(frozen=True)
class Compare:
    """``left operator right``."""

    left: "Literal | Column"
    operator: str
    right: "Literal | Column"
    at: int
    end: int


@dataclass(frozen=True)
class OneOf:
    """``value in [literal, ...]``, or ``not in``."""

    value: Column
    among: tuple[Literal, ...]
    negative: bool
    at: int
    end: int


@dataclass(frozen=True)
class Holds:
    """A value that stands alone: it is true, or above 0."""

    value: Column
    at: int
    end: int


@dataclass(frozen=True)
class Missing:
    """``missing(value)``: the contrast has none."""

    value: Column
    at: int
    end: int


@dataclass(frozen=True)
class Within:
    """A focus within ``radius`` mm of a point."""

    xyz: tuple[float, float, float]
    radius: float
    at: int
    end: int


@dataclass(frozen=True)
class InMask:
    """A focus in a mask."""

    file: str
    at: int
    end: int


@dataclass(frozen=True)
class Not:
    """The opposite; unknown stays unknown."""

    part: "Node"


@dataclass(frozen=True)
class And:
    """All of them."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    """At least one of them."""

    parts: tuple["Node", ...]


Condition = Compare | OneOf | Holds | Missing | Within | InMask
Node = Condition | Not | And | Or


def conditions(node: Node) -> Iterator[Condition]:
    """Conditions that are not made of others, as they stand in the text."""
    if isinstance(node, Not):
        yield from conditions(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from conditions(part)
    else:
        yield node
