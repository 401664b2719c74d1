"""The instructions of a pickle, carried out on inert records: nothing is imported or called.

A pickle is a small program. Python's own unpickler runs it: it imports what the pickle names and
calls it, and it sets aside whatever memory the pickle asks for. Here a name stays a ``Name``, a
call becomes a ``Record`` of what would have been called, and a mapping stays a list of ``Pairs``,
so that not even a hash is computed. Texts and arrays are slices of what was read.
"""

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nimare_pipeline.io._pickle_machine import Machine, refuse
from nimare_pipeline.io._pickle_names import is_allowed
from nimare_pipeline.io._pickle_records import Name, Pairs, Record, RefusedError, shown

MOST_STEPS = 150_000_000
"""Instructions of one pickle; 14,371 studies with 3,228 terms may have some 50 million."""
LONGEST_INTEGER = 64
"""Bytes of an integer."""
_LARGE = 2**16
_PROTOCOL = 5
_U2, _U4, _U8 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")


def load(data: bytes | bytearray) -> Any:
    """Top object of a pickle.

    Raises
    ------
    RefusedError
        If it is damaged, too large, or names what is not on the list.
    """
    return _run(Machine(data, _refuse_name))


def names(head: bytes, most: int = 2) -> list[str]:
    """First names in the beginning of a pickle, allowed or not; empty if it is none."""
    found: list[str] = []

    def note(name: Name) -> None:
        found.append(str(name))
        if len(found) == most:
            raise RefusedError

    with suppress(RefusedError):
        _run(Machine(head, note))
    return found


def _run(machine: Machine) -> Any:
    data, steps = machine.data, 0
    try:
        while (code := data[machine.at]) != _STOP:
            machine.at += 1
            _TABLE[code](machine)
            steps += 1
            if steps > MOST_STEPS:
                refuse(f"it has more than {MOST_STEPS:,} instructions")
        return machine.pop()
    except IndexError:
        refuse("it is cut short, or damaged")
    except KeyError:
        refuse(f"it is damaged: byte {machine.at} is no instruction")
    except (UnicodeDecodeError, struct.error, ValueError, OverflowError) as error:
        refuse(f"it is damaged at byte {machine.at}: {type(error).__name__}")


def _refuse_name(name: Name) -> None:
    if not is_allowed(name.module, name.name):
        refuse(f"it names {shown(str(name))}, which no dataset needs")


def _proto(m: Machine) -> None:
    version = m.byte()
    if version > _PROTOCOL:
        refuse(f"it is of pickle protocol {version}; up to {_PROTOCOL} is read")


def _frame(m: Machine) -> None:
    m.take(8)  # how much to read ahead: nothing is read ahead here


def _mark(m: Machine) -> None:
    m.marks.append(len(m.stack))


def _pop(m: Machine) -> None:
    if m.marks and m.marks[-1] == len(m.stack):
        m.marks.pop()
    else:
        m.pop()


def _pop_mark(m: Machine) -> None:
    m.to_mark()


def _int(m: Machine) -> None:
    text = m.line()
    m.push({b"00": False, b"01": True}.get(text) if text in {b"00", b"01"} else _decimal(text))


def _long(m: Machine) -> None:
    m.push(_decimal(m.line().removesuffix(b"L")))


def _decimal(text: bytes) -> int:
    if len(text) > 2 * LONGEST_INTEGER:
        refuse(f"it has an integer of {len(text):,} digits")
    return int(text)


def _long_of(m: Machine, size: int) -> None:
    if not 0 <= size <= LONGEST_INTEGER:
        refuse(f"it has an integer of {size:,} bytes")
    m.push(int.from_bytes(m.take(size), "little", signed=True))


def _text_of(m: Machine, size: int) -> None:
    m.push(m.take(size).decode("utf-8", "surrogatepass"))


def _bytes_of(m: Machine, size: int) -> None:
    # The cells of a large table stay where they are.
    m.push(m.view(size) if size > _LARGE else m.take(size))


def _old_text(m: Machine, size: int) -> None:
    # What Python 2 called a string: bytes or text, who knows. Latin-1 keeps each byte.
    if size < 0:
        refuse("it is damaged: a text of negative length")
    m.push(m.take(size).decode("latin-1"))


def _quoted(m: Machine) -> None:
    text = m.line().strip()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in b"\"'":
        refuse("it is damaged: a text without quotes")
    m.push(text[1:-1].decode("latin-1"))


def _memoize(m: Machine) -> None:
    m.put(len(m.memo), m.top())


def _tuple_of(m: Machine, n: int) -> None:
    items = [m.pop() for _ in range(n)][::-1]
    m.made(tuple(items)) if n else m.push(())


def _append(m: Machine) -> None:
    value = m.pop()
    m.extend(m.top(), [value])


def _appends(m: Machine) -> None:
    items = m.to_mark()
    m.extend(m.top(), items)


def _set_item(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    m.update(m.top(), [key, value])


def _set_items(m: Machine) -> None:
    items = m.to_mark()
    m.update(m.top(), items)


def _dict(m: Machine) -> None:
    pairs, items = Pairs(), m.to_mark()
    m.update(pairs, items)
    m.made(pairs)


def _stack_name(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    m.name(module, name)


def _line_name(m: Machine) -> None:
    module, name = m.line().decode("utf-8"), m.line().decode("utf-8")
    m.name(module, name)


def _reduce(m: Machine) -> None:
    args, of = m.pop(), m.pop()
    m.call(of, args)


def _new(m: Machine) -> None:
    args, of = m.pop(), m.pop()
    m.call(of, args)


def _new_with_keywords(m: Machine) -> None:
    keywords, args, of = m.pop(), m.pop(), m.pop()
    if keywords != []:
        refuse("it makes an object with keywords")
    m.call(of, args)


def _inst(m: Machine) -> None:
    _line_name(m)
    of, args = m.pop(), m.to_mark()
    m.call(of, tuple(args))


def _obj(m: Machine) -> None:
    items = m.to_mark()
    if not items:
        refuse("it is damaged: an instruction finds nothing to work on")
    m.call(items[0], tuple(items[1:]))


def _build(m: Machine) -> None:
    state, target = m.pop(), m.top()
    if not isinstance(target, Record):
        refuse("it is damaged: it gives a state to what is no object")
    if target.state is not None:
        refuse(f"it is damaged: {target.of} gets two states")
    target.state = state


def _frozen_set(m: Machine) -> None:
    items = m.to_mark()
    m.made(Record(Name("builtins", "frozenset"), items=items))


def _constant(*, value: bool) -> Callable[[Machine], None]:
    return lambda m: m.push(value)


def _refused(what: str) -> Callable[[Machine], None]:
    def act(_: Machine) -> None:
        refuse(what)

    return act


_EXTENSION = _refused("it uses the extension registry, which no dataset needs")
_PERSISTENT = _refused("it points to objects outside of itself (persistent id)")
_BUFFER = _refused("its arrays are outside of itself (out-of-band buffers)")
_STOP = ord(".")
_TABLE: dict[int, Callable[[Machine], None]] = {
    0x80: _proto,
    0x95: _frame,
    # The stack and the memory.
    ord("("): _mark,
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord("2"): lambda m: m.push(m.top()),
    ord("g"): lambda m: m.get(_decimal(m.line())),
    ord("h"): lambda m: m.get(m.byte()),
    ord("j"): lambda m: m.get(m.number(_U4)),
    ord("p"): lambda m: m.put(_decimal(m.line()), m.top()),
    ord("q"): lambda m: m.put(m.byte(), m.top()),
    ord("r"): lambda m: m.put(m.number(_U4), m.top()),
    0x94: _memoize,
    # Numbers and truth values.
    ord("N"): lambda m: m.push(None),
    0x88: _constant(value=True),
    0x89: _constant(value=False),
    ord("I"): _int,
    ord("J"): lambda m: m.push(m.number(_I4)),
    ord("K"): lambda m: m.push(m.byte()),
    ord("M"): lambda m: m.push(m.number(_U2)),
    ord("L"): _long,
    0x8A: lambda m: _long_of(m, m.byte()),
    0x8B: lambda m: _long_of(m, m.number(_I4)),
    ord("F"): lambda m: m.push(float(m.line()[:64])),
    ord("G"): lambda m: m.push(m.number(_F8)),
    # Texts and bytes.
    ord("S"): _quoted,
    ord("T"): lambda m: _old_text(m, m.number(_I4)),
    ord("U"): lambda m: _old_text(m, m.byte()),
    ord("V"): lambda m: m.push(m.line().decode("raw-unicode-escape")),
    ord("X"): lambda m: _text_of(m, m.number(_U4)),
    0x8C: lambda m: _text_of(m, m.byte()),
    0x8D: lambda m: _text_of(m, m.number(_U8)),
    ord("B"): lambda m: _bytes_of(m, m.number(_U4)),
    ord("C"): lambda m: m.push(m.take(m.byte())),
    0x8E: lambda m: _bytes_of(m, m.number(_U8)),
    0x96: lambda m: _bytes_of(m, m.number(_U8)),
    # Containers.
    ord(")"): lambda m: m.push(()),
    ord("t"): lambda m: m.made(tuple(m.to_mark())),
    0x85: lambda m: _tuple_of(m, 1),
    0x86: lambda m: _tuple_of(m, 2),
    0x87: lambda m: _tuple_of(m, 3),
    ord("]"): lambda m: m.made([]),
    ord("l"): lambda m: m.made(m.to_mark()),
    ord("a"): _append,
    ord("e"): _appends,
    ord("}"): lambda m: m.made(Pairs()),
    ord("d"): _dict,
    ord("s"): _set_item,
    ord("u"): _set_items,
    0x8F: lambda m: m.made(Record(Name("builtins", "set"))),
    0x90: _appends,
    0x91: _frozen_set,
    # Names and calls.
    ord("c"): _line_name,
    0x93: _stack_name,
    ord("R"): _reduce,
    0x81: _new,
    0x92: _new_with_keywords,
    ord("i"): _inst,
    ord("o"): _obj,
    ord("b"): _build,
    # What no dataset needs.
    ord("P"): _PERSISTENT,
    ord("Q"): _PERSISTENT,
    0x82: _EXTENSION,
    0x83: _EXTENSION,
    0x84: _EXTENSION,
    0x97: _BUFFER,
    0x98: _BUFFER,
}
