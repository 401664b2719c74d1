"""Settings and analyses of a run as TOML: written into the logs, read again by a rerun."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from nimare_pipeline.errors import DataError, OutputError, Problem
from nimare_pipeline.settings import Analysis, Component, Settings
from nimare_pipeline.writing import write_file

Record = TypeVar("Record", Settings, Analysis, Component)

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def write_settings(path: str | Path, settings: Settings, analyses: Sequence[Analysis]) -> Path:
    """Write what a run is, so that ``read_settings`` gives it back.

    An option that is None is left out: it is at its default.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    lines = ["[settings]", *_lines(asdict(settings))]
    for analysis in analyses:
        lines += ["", "[[analysis]]", *_lines(asdict(analysis))]
    path = Path(path)
    write_file(path, "".join(f"{line}\n" for line in lines).encode())
    return path


def read_settings(path: str | Path) -> tuple[Settings, tuple[Analysis, ...]]:
    """Read what ``write_settings`` wrote.

    Raises
    ------
    DataError
        If it is no TOML, or has keys or values that a run does not know; all are listed.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path} is not a readable TOML file: {error}"
        raise DataError(msg) from error
    problems = [
        Problem("error", f"unknown section {name!r}", str(path), "", "[settings], [[analysis]]")
        for name in content.keys() - {"settings", "analysis"}
    ]
    where = f"{path}, [settings]"
    settings = _record(Settings, content.get("settings", {}), where, problems)
    listed = content.get("analysis", [])
    if not isinstance(listed, list):
        problems.append(Problem("error", "analysis is not a list", str(path), "", "[[analysis]]"))
        listed = []
    analyses = [
        _record(Analysis, values, f"{path}, [[analysis]] {number}", problems)
        for number, values in enumerate(listed, start=1)
    ]
    if problems or settings is None:
        msg = f"{path} does not describe a run:"
        raise DataError(msg, problems)
    return settings, tuple(analysis for analysis in analyses if analysis is not None)


def _record(
    record: type[Record], values: Any, where: str, problems: list[Problem]
) -> Record | None:
    """Make a record of a table; what is wrong with it goes to ``problems``."""
    if not isinstance(values, Mapping):
        problems.append(Problem("error", f"{values!r} is not a table", where))
        return None
    known = {f.name: f for f in fields(record)}
    problems += [
        Problem("error", f"unknown key {name!r}", where, "", f"known: {', '.join(known)}")
        for name in values.keys() - known.keys()
    ]
    arguments: dict[str, Any] = {}
    for name, field in known.items():
        required = field.default is MISSING and field.default_factory is MISSING
        if name in values:
            arguments[name] = _value(field.type, values[name], f"{where}, {name}", problems)
        elif required:
            problems.append(Problem("error", f"{name} is missing", where))
            arguments[name] = None
    return record(**arguments)


def _value(expected: Any, value: Any, where: str, problems: list[Problem]) -> Any:
    """Check a value against the annotation of its field."""
    if expected is Component:
        return _record(Component, value, where, problems)
    if expected == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        problems.append(Problem("error", f"{value!r} is not a list of strings", where))
        return ()
    kind = dict if expected == dict[str, Any] else expected
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        problems.append(Problem("error", f"{value!r} is not a {kind.__name__}", where))
    return value


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [
        f"{_key(name)} = {toml_value(value)}" for name, value in table.items() if value is not None
    ]


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def toml_value(value: Any) -> str:
    """Write a value as TOML has it, on one line.

    Raises
    ------
    OutputError
        For what TOML cannot hold.
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return _string(str(value))
    if isinstance(value, Mapping):
        pairs = _lines({str(name): item for name, item in value.items()})
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    msg = f"cannot write {value!r} as TOML"
    raise OutputError(msg)


def _string(text: str) -> str:
    """Quote a string; a lone surrogate (an odd byte of a path) has no place in TOML."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return '"' + re.sub(r'[\x00-\x1f\x7f"\\]', _escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"
