"""The selection language: a text becomes a small tree; nothing of it is ever run as Python.

::

    condition  = all { "or" all }
    all        = part { "and" part }
    part       = "not" part | comparison
    comparison = value [ { operator value } | [ "not" ] "in" "[" literal { "," literal } "]" ]
    value      = number | "text" | true | false | name | function | "(" condition ")"

What the names mean is for :mod:`nimare_pipeline.select`, which knows the data.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nimare_pipeline.errors import UsageError
from nimare_pipeline.select_tree import (
    And,
    Column,
    Compare,
    Condition,
    Holds,
    InMask,
    Literal,
    Missing,
    Node,
    Not,
    OneOf,
    Or,
    Within,
)

FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "label": ("text",),
    "metadata": ("text",),
    "column": ("text",),
    "missing": ("column",),
    "within": ("number", "number", "number", "number"),
    "in_mask": ("text",),
}
"""Functions of the language and the kinds of their arguments."""
_COLUMNS = ("label", "metadata", "column")
_USES = {
    "label": 'label("pain")',
    "metadata": 'metadata("task")',
    "column": 'column("an odd name")',
    "missing": "missing(age)",
    "within": "within(x, y, z, radius), in mm",
    "in_mask": 'in_mask("mask.nii.gz")',
}
OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
_MAX_DEPTH = 100
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w))
      | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<name>[^\W\d]\w*)
      | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,|-|\+)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = ("and", "or", "not", "in", "true", "false")
_SLIPS = {
    "=": "one = is not a comparison; write ==",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != for 'is not'",
    '"': "this text has no closing quote",
    "'": "this text has no closing quote",
}


def parse(text: str) -> Node:
    """Parse a selection.

    Raises
    ------
    UsageError
        That shows the text with a mark under the place, and says what was expected there.
    """
    return _Parser(text).parse()


def error(text: str, at: int, message: str) -> UsageError:
    """Error that shows where in a selection something is wrong.

    Parameters
    ----------
    text : str
        The selection.
    at : int
        Position in it, from 0.
    message : str
        What was found and what was expected.
    """
    before = text[:at]
    number = before.count("\n")
    column = at - (before.rfind("\n") + 1)
    line = text.split("\n")[number] if text else ""
    place = f"line {number + 1}, column {column + 1}" if "\n" in text else f"column {column + 1}"
    # A tab or a wide letter above must not shift the mark below.
    blank = "".join("\t" if letter == "\t" else " " for letter in line[:column])
    return UsageError(f"selection, {place}: {message}\n    {line}\n    {blank}^")


def nearest(name: str, known: Iterable[str], *, quoted: bool = False) -> str:
    """Names that are most like one, in words: ``"; did you mean a or b?"``, or nothing."""
    by_fold = {word.casefold(): word for word in known}
    near = difflib.get_close_matches(name.casefold(), by_fold, n=3, cutoff=0.6)
    words = [repr(by_fold[word]) if quoted else by_fold[word] for word in near]
    return f"; did you mean {' or '.join(words)}?" if words else ""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def end(self) -> int:
        return self.at + len(self.text)

    @property
    def said(self) -> str:
        return "the end" if self.kind == "end" else self.text


class _Parser:
    """One look ahead, one method a rule."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._tokens())
        self.next = 0
        self.depth = 0

    def parse(self) -> Node:
        if self.token.kind == "end":
            raise error(self.text, 0, "it is empty; leave select out to take every contrast")
        node = self.condition()
        if self.token.kind != "end":
            raise self.wrong("expected and, or, or the end")
        return node

    def condition(self) -> Node:
        parts = [self.all_of()]
        while self.accept("or"):
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all_of(self) -> Node:
        parts = [self.part()]
        while self.accept("and"):
            parts.append(self.part())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def part(self) -> Node:
        negative = False
        while self.accept("not"):
            negative = not negative
        node = self.comparison()
        return Not(node) if negative else node

    def comparison(self) -> Node:
        start = self.token
        left = self.value()
        if self.token.text in OPERATORS or self.token.text in ("in", "not"):
            if not isinstance(left, Literal | Column):
                raise self.wrong("a condition is not compared with anything; expected and or or")
            return self.compared(left, start.at)
        if isinstance(left, Literal):
            raise error(self.text, left.at, "a value alone says nothing; compare it with a column")
        return Holds(left, start.at, self.end) if isinstance(left, Column) else left

    def compared(self, left: Literal | Column, start: int) -> Node:
        negative = self.token.text == "not" and self.ahead.text == "in"
        if negative or self.token.text == "in":
            self.next += 1 + negative
            among = self.list_of_literals()
            return OneOf(self.column(left), among, negative, start, self.end)
        parts: list[Node] = []
        while self.token.text in OPERATORS:
            operator = self.take().text
            at = self.token.at
            right = self.value()
            if not isinstance(right, Literal | Column):
                raise error(self.text, at, "expected a value to compare with")
            if isinstance(left, Literal) and isinstance(right, Literal):
                raise error(self.text, left.at, "two constants are compared; name a column")
            parts.append(Compare(left, operator, right, start, self.end))
            left, start = right, at
        if not parts:
            raise self.wrong("expected a comparison, and or or")
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def column(self, value: Literal | Column) -> Column:
        if isinstance(value, Literal):
            raise error(self.text, value.at, "expected a column before in")
        return value

    def list_of_literals(self) -> tuple[Literal, ...]:
        self.expect("[", 'a list such as ["a", "b"]')
        items = [self.literal()]
        while self.accept(","):
            items.append(self.literal())
        self.expect("]", "a comma or ]")
        return tuple(items)

    def value(self) -> Literal | Column | Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            message = f"more than {_MAX_DEPTH} conditions inside each other"
            raise error(self.text, self.token.at, message)
        found = self._value()
        self.depth -= 1
        return found

    def _value(self) -> Literal | Column | Node:
        if self.accept("("):
            node = self.condition()
            self.expect(")", "and, or, or )")
            return node.value if isinstance(node, Holds) else node
        if self.token.kind in ("number", "text") or self.token.text in ("-", "+", "true", "false"):
            return self.literal()
        token = self.token
        if token.kind != "name" or token.text in _WORDS:
            raise self.wrong("expected a column, a value, a function, not or (")
        self.next += 1
        if self.token.text == "(":
            return self.function(token)
        return Column(token.text, "", token.at)

    def function(self, name: _Token) -> Column | Condition:
        if name.text not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            hint = nearest(name.text, FUNCTIONS)
            message = f"there is no function {name.text!r}{hint or ';'} there are: {known}"
            raise error(self.text, name.at, message)
        arguments = self.arguments(name.text)
        if name.text in _COLUMNS:
            return Column(str(arguments[0]), name.text, name.at)
        if name.text == "missing":
            return Missing(arguments[0], name.at, self.end)
        if name.text == "in_mask":
            return InMask(str(arguments[0]), name.at, self.end)
        x, y, z, radius = (float(argument) for argument in arguments)
        if radius < 0:
            raise error(self.text, name.at, "the radius is below 0 mm")
        return Within((x, y, z), radius, name.at, self.end)

    def arguments(self, name: str) -> list[Any]:
        use = f"{name} is written {_USES[name]}"
        self.expect("(", f"(: {use}")
        found: list[Any] = []
        for number, kind in enumerate(FUNCTIONS[name]):
            if number:
                self.expect(",", f"a comma: {use}")
            at = self.token
            value = self.value()
            got = value.value if isinstance(value, Literal) else value
            wanted = {"text": str, "number": float, "column": Column}[kind]
            if not isinstance(got, wanted):
                raise error(self.text, at.at, f"expected a {kind}: {use}")
            found.append(got)
        self.expect(")", f"): {use}")
        return found

    def literal(self) -> Literal:
        token = self.take()
        if token.text in ("-", "+") and self.token.kind == "number":
            sign = -1.0 if token.text == "-" else 1.0
            return Literal(sign * float(self.take().text), token.at)
        if token.kind == "number":
            return Literal(float(token.text), token.at)
        if token.kind == "text":
            return Literal(re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL), token.at)
        if token.text in ("true", "false"):
            return Literal(token.text == "true", token.at)
        self.next -= 1
        raise self.wrong("expected a number, a text in quotes, true or false")

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    @property
    def ahead(self) -> _Token:
        return self.tokens[min(self.next + 1, len(self.tokens) - 1)]

    @property
    def end(self) -> int:
        return self.tokens[self.next - 1].end

    def take(self) -> _Token:
        token = self.token
        self.next = min(self.next + 1, len(self.tokens) - 1)
        return token

    def accept(self, text: str) -> bool:
        # A text in quotes is never a word of the language.
        found = self.token.kind in ("name", "sign") and self.token.text == text
        self.next += found
        return found

    def expect(self, text: str, wanted: str) -> None:
        if not self.accept(text):
            raise self.wrong(f"expected {wanted}")

    def wrong(self, wanted: str) -> UsageError:
        return error(self.text, self.token.at, f"{wanted}, found {self.token.said}")

    def _tokens(self) -> Iterator[_Token]:
        at = 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                letter = self.text[at]
                advice = _SLIPS.get(letter, "this has no meaning here; a text stands in quotes")
                raise error(self.text, at, f"{letter!r}: {advice}")
            if match.lastgroup != "space":
                yield _Token(str(match.lastgroup), match.group(), at)
            at = match.end()
        yield _Token("end", "", len(self.text.rstrip()))
