"""Stack and memory of a pickle's instructions, with bounds on what they may hold."""

import struct
from collections.abc import Callable
from typing import Any, NoReturn

from nimare_pipeline.io._pickle_records import Name, Pairs, Record, RefusedError

MOST_OBJECTS = 5_000_000
"""Lists, tuples, mappings and records of one pickle."""
PARTIAL = {Name("pandas.core.internals.blocks", "new_block")}
"""Functions that may stand in a ``functools.partial``."""


def refuse(message: str) -> NoReturn:
    """Stop reading."""
    raise RefusedError(message)


class Machine:
    """Stack, memo and place in the data of one pickle."""

    def __init__(self, data: bytes | bytearray, check: Callable[[Name], None]) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.far_memo: dict[int, Any] = {}
        self.n_objects = 0
        self.check = check

    def take(self, n: int) -> bytes:
        """Next bytes."""
        return bytes(self.view(n))

    def view(self, n: int) -> memoryview:
        """Next bytes, not copied."""
        end = self.at + n
        if end > len(self.data):
            refuse("it is cut short, or damaged")
        found = memoryview(self.data)[self.at : end]
        self.at = end
        return found

    def number(self, form: struct.Struct) -> Any:
        """Next number of a fixed width."""
        end = self.at + form.size
        if end > len(self.data):
            refuse("it is cut short, or damaged")
        (found,) = form.unpack_from(self.data, self.at)
        self.at = end
        return found

    def byte(self) -> int:
        """Next byte."""
        found = self.data[self.at]
        self.at += 1
        return found

    def line(self) -> bytes:
        """Bytes up to the end of a line."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            refuse("it is cut short, or damaged")
        found = bytes(self.data[self.at : end])
        self.at = end + 1
        return found

    def push(self, value: Any) -> None:
        """Put onto the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take from the stack, not past a mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            refuse("it is damaged: an instruction finds nothing to work on")
        return self.stack.pop()

    def top(self) -> Any:
        """Look at the stack."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            refuse("it is damaged: an instruction finds nothing to work on")
        return self.stack[-1]

    def to_mark(self) -> list[Any]:
        """Take everything above the last mark."""
        if not self.marks:
            refuse("it is damaged: an instruction finds nothing to work on")
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def made(self, value: Any) -> None:
        """Put a new container onto the stack."""
        self.n_objects += 1
        if self.n_objects > MOST_OBJECTS:
            refuse(f"it has more than {MOST_OBJECTS:,} lists and objects")
        self.stack.append(value)

    def put(self, place: int, value: Any) -> None:
        """Remember a value."""
        if place == len(self.memo):
            self.memo.append(value)
        elif 0 <= place < len(self.memo):
            self.memo[place] = value
        elif 0 <= place < 2**32:
            self.far_memo[place] = value
        else:
            refuse("it is damaged: no such place in its memory")

    def get(self, place: int) -> None:
        """Put a remembered value onto the stack."""
        if 0 <= place < len(self.memo):
            self.stack.append(self.memo[place])
        elif place in self.far_memo:
            self.stack.append(self.far_memo[place])
        else:
            refuse("it is damaged: it recalls what it never remembered")

    def name(self, module: Any, name: Any) -> None:
        """Put a name onto the stack, if it is on the list."""
        if not (isinstance(module, str) and isinstance(name, str)):
            refuse("it is damaged: a name that is no text")
        found = Name(module, name)
        self.check(found)
        self.stack.append(found)

    def call(self, of: Any, args: Any) -> None:
        """Put the record of a call onto the stack."""
        if isinstance(of, Record):
            of, args = _unwrapped(of, args)
        if not isinstance(of, Name):
            refuse("it is damaged: it calls what has no name")
        if of.name == "_reconstructor" and isinstance(args, tuple) and args:
            # Protocols 0 and 1 make every object by this function of copyreg.
            of, args = args[0], ()
            if not isinstance(of, Name):
                refuse("it is damaged: it makes an object of no class")
        if not isinstance(args, tuple):
            refuse(f"it is damaged: {of} is called without arguments")
        self.made(Record(of, args))

    def extend(self, target: Any, items: list[Any]) -> None:
        """Append to a list, or to the record of one."""
        if isinstance(target, Record):
            target.items.extend(items)
        elif isinstance(target, list) and not isinstance(target, Pairs):
            target.extend(items)
        else:
            refuse("it is damaged: it appends to what is no list")

    def update(self, target: Any, items: list[Any]) -> None:
        """Put keys and values into a mapping, or into the record of one."""
        if len(items) % 2:
            refuse("it is damaged: a key without a value")
        pairs = zip(items[::2], items[1::2], strict=True)
        if isinstance(target, Record):
            target.items.extend(pairs)
        elif isinstance(target, Pairs):
            target.extend(pairs)
        else:
            refuse("it is damaged: it puts a key into what is no mapping")


def _unwrapped(of: Record, args: Any) -> tuple[Name, Any]:
    """What a partial call calls: pandas 1.3 wraps one function that makes a block."""
    match of:
        case Record(
            of=Name(module="functools", name="partial"),
            state=(Name() as inner, (), [("ndim", int(n_dims))], _),
        ) if inner in PARTIAL and isinstance(args, tuple):
            return inner, (*args, n_dims)
    refuse(f"it calls an object of {of.of}")
