"""Reading an analysis file: strict, and everything that is wrong is said at once, by line."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nimare_pipeline.defaults import CONJUNCTION
from nimare_pipeline.errors import ModelError, NoInputError, Problem, UsageError
from nimare_pipeline.inference import result_level
from nimare_pipeline.labels import label
from nimare_pipeline.model import kinds
from nimare_pipeline.model.lines import Way, key_lines, line_of
from nimare_pipeline.model.references import circles, hints, unknown_parts
from nimare_pipeline.model.schema import BUILT, RUN, TYPES, Key
from nimare_pipeline.needs import NULL_FOCI, check_needs
from nimare_pipeline.registry import (
    ESTIMATORS,
    PAIR_ESTIMATORS,
    POOL_ESTIMATORS,
    get_corrector,
    get_estimator,
)
from nimare_pipeline.select_syntax import nearest
from nimare_pipeline.settings import Analysis, Component

SECTIONS = ("run", "defaults", "analysis")
_MOST_BYTES, _MOST_DOTS = 2**20, 2000
_COMPONENTS = ("estimator", "corrector")
_COMBINED = ("conjunction", "estimator")
"""What has no estimator: the word that stands in its place in file names and reports."""
_ONE_GROUP = {**ESTIMATORS, **POOL_ESTIMATORS}
_KINDS = {"cbma": _ONE_GROUP, "macm": _ONE_GROUP, "pair": PAIR_ESTIMATORS}
_FIELDS = (
    "description", "select", "sources", "estimator", "corrector", "alpha", "missing_n", "outside",
    "pool", "result",
)  # fmt: skip
"""Keys that are fields of an Analysis; all others of a type go to its ``options``."""


@dataclass(frozen=True)
class Model:
    """What an analysis file says.

    Parameters
    ----------
    file : Path
    run : dict
        Keys of ``[run]`` that are given.
    analyses : tuple of Analysis
        In file order; names are of letters and digits, ``sources`` are patterns.
    names : dict of str to str
        Name of each analysis to the name as the file has it.
    """

    file: Path
    run: Mapping[str, Any]
    analyses: tuple[Analysis, ...]
    names: Mapping[str, str]


def read(path: str | Path) -> Model:
    """Read an analysis file.

    Raises
    ------
    NoInputError
        If there is no such file.
    ModelError
        With every problem found, each with its line.
    """
    path = Path(path)
    return parse(content(path), path)


def content(path: str | Path) -> bytes:
    """What an analysis file says, as TOML: that of a sheet of analyses is what it means.

    Raises
    ------
    NoInputError, ModelError
        If there is no such file; or with every row of a sheet that cannot be understood.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"there is no analysis file {path}"
        raise NoInputError(msg)
    if path.suffix.lower() == ".toml":
        return path.read_bytes()
    from nimare_pipeline.model import jale

    return jale.toml(path) if jale.is_sheet(path) else path.read_bytes()


def parse(content: bytes, path: Path) -> Model:
    """Read the content of an analysis file, see :func:`read`."""
    return _checked(_Checker(path.name, *_toml(content, path)), path)


def from_tables(tables: Sequence[Mapping[str, Any]], path: Path) -> Model:
    """Check analyses that a file of another kind describes, by the rules of an analysis file.

    Parameters
    ----------
    tables : sequence of dict
        One a ``[[analysis]]``, with its keys.
    path : Path
        File that describes them; relative paths count from its folder.

    Raises
    ------
    ModelError
        With every problem found.
    """
    return _checked(_Checker(path.name, {"analysis": list(map(dict, tables))}, {}), path)


def _checked(checked: "_Checker", path: Path) -> Model:
    run = checked.run()
    defaults = checked.defaults()
    entries = checked.entries(defaults)
    if checked.problems:
        ordered = sorted(checked.problems, key=lambda found: found[0])
        msg = f"{path.name} cannot be used"
        raise ModelError(msg, [problem for _, problem in ordered])
    return Model(
        path,
        run,
        tuple(_analysis(values, path) for values in entries),
        {label(values["name"]): values["name"] for values in entries},
    )


def _toml(content: bytes, path: Path) -> tuple[dict[str, Any], dict[Way, int]]:
    try:
        _refuse_too_much(content)
        # A byte order mark and Windows line ends are how some editors save a file.
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        return tomllib.loads(text), key_lines(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = Problem("error", "this is not UTF-8 text", path.name, f"line {line}")
    except tomllib.TOMLDecodeError as error:
        message, line_no = _toml_error(error, text)
        problem = Problem("error", message, path.name, f"line {line_no}")
    except RecursionError:
        problem = Problem("error", "tables inside tables without end", path.name)
    except ValueError as error:  # a number of thousands of digits, too, is none to TOMLDecodeError
        problem = Problem("error", str(error), path.name)
    msg = f"{path.name} is no TOML file"
    raise ModelError(msg, [problem])


def _refuse_too_much(content: bytes) -> None:
    """Refuse what the parser would take minutes for: its time grows with the square of a key."""
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{len(content):,} bytes; up to {_MOST_BYTES:,} are read")
    for number, line in enumerate(content.splitlines(), 1):
        if line.count(b".") > _MOST_DOTS:
            raise ValueError(f"line {number} has more than {_MOST_DOTS:,} full stops")


def _toml_error(error: Exception, text: str) -> tuple[str, int]:
    """Message of the parser, and the line in it."""
    said = str(error)
    place = re.search(r" \(at line (\d+), column (\d+)\)$", said)
    if place is None:  # at end of document
        return said.replace(" (at end of document)", " at the end"), text.count("\n") + 1
    return f"{said[: place.start()]} (column {place[2]})", int(place[1])


@dataclass
class _Checker:
    """Everything that is wrong with a file; ``problems`` come with their line, to be sorted."""

    file: str
    content: dict[str, Any]
    lines: dict[Way, int]
    problems: list[tuple[int, Problem]] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Keys of ``[run]``, checked."""
        for name in self.content:
            if name not in SECTIONS:
                hint = "[run], [defaults], [[analysis]]"
                self.wrong((name,), "", f"unknown section {name!r}", f"known: {hint}")
        return self.values(("run",), self.table("run"), RUN, "[run]")

    def defaults(self) -> dict[str, Any]:
        """Keys of ``[defaults]``; they are checked where an analysis takes them over."""
        table = self.table("defaults")
        known = {key.name for kind in TYPES.values() for key in kind.keys} - {"name"}
        for name in table:
            if name not in known:
                self.unknown(("defaults", name), "[defaults]", name, known)
        return {name: value for name, value in table.items() if name in known}

    def entries(self, defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Values of each analysis, with the defaults that it does not replace."""
        listed = self.content.get("analysis", [])
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            self.wrong(("analysis",), "", "analysis is no list", "write [[analysis]] above each")
            return []
        if not listed:
            self.wrong((), "", "it has no analysis", 'begin one by [[analysis]] and name = "…"')
        entries = [self.entry(number, one, defaults) for number, one in enumerate(listed)]
        self.clashes(entries)
        self.unused(defaults, entries)
        for way, where, message, hint in (*unknown_parts(entries), *circles(entries)):
            self.wrong(way, where, message, hint)
        return entries

    def entry(
        self, number: int, given: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Values of one analysis: its own, else the default, else what the schema says."""
        path: Way = ("analysis", number)
        name = given.get("name")
        where = f'analysis "{name}"' if isinstance(name, str) else f"analysis {number + 1}"
        type_name = {"type": "cbma", **defaults, **given}["type"]
        if not isinstance(type_name, str) or type_name not in TYPES:
            place = (*path, "type") if "type" in given else ("defaults", "type")
            hint = nearest(str(type_name), TYPES).removeprefix("; ")
            known = f"known: {', '.join(TYPES)}"
            self.wrong(place, where, f"unknown type {type_name!r}", hints(hint, known))
            return {"name": name, "type": type_name}
        keys = TYPES[type_name].keys
        own = {key.name for key in keys}
        values = self.values(path, given, keys, where)
        taken = {k: v for k, v in defaults.items() if k in own and k not in given}
        merged = {**taken, **given}
        if NULL_FOCI in taken and not _draws_from_pool(merged):
            # A default is for the analyses that have a use for it.
            del taken[NULL_FOCI], merged[NULL_FOCI]
        values |= self.values(("defaults",), taken, keys, "[defaults]")
        for key in keys:
            if key.required and key.name not in values and key.name not in given:
                hint = f"such as {key.name} = {key.example}"
                self.wrong(path, where, f"{key.name} is missing", hint)
        self.one_region(path, where, type_name, {**defaults, **given})
        if type_name in BUILT:
            self.kind(path, where, type_name, values)
            if "estimator" in own and _is_component(merged.get("estimator")):
                self.needs(path, where, type_name, merged)
            for part in _COMPONENTS:
                if part in given and part in values:
                    self.component((*path, part), where, part, values[part])
                elif part in values:
                    self.component(("defaults", part), "[defaults]", part, values[part])
            self.result(path, where, values)
        return {**values, "type": type_name}

    def values(
        self, path: Way, given: Mapping[str, Any], keys: Sequence[Key], where: str
    ) -> dict[str, Any]:
        """Values that are as the schema wants them."""
        known = {key.name: key for key in keys}
        values = {}
        for name, value in given.items():
            if name not in known:
                self.unknown((*path, name), where, name, known)
                continue
            wrong = known[name].kind.check(value)
            if wrong:
                self.wrong((*path, name), where, f"{name}: {_indented(wrong)}")
                continue
            values[name] = known[name].kind.convert(value)
            if name in (*_COMPONENTS, "decoder"):
                for extra in value.keys() - {"type", "args"}:
                    self.unknown((*path, name, extra), f"{where}, {name}", extra, ("type", "args"))
        return values

    def component(self, path: Way, where: str, kind: str, value: Mapping[str, Any]) -> None:
        """Make an estimator or corrector once: whatever it refuses is wrong here."""
        make = {"estimator": get_estimator, "corrector": get_corrector}[kind]
        try:
            make(_component(value))
        except UsageError as error:
            self.wrong(path, where, f"{kind}: {error}")
        except (TypeError, ValueError):
            args = ", ".join(f"{name} = {value!r}" for name, value in value["args"].items())
            self.wrong(path, where, f"{kind}: a keyword has a value of a wrong kind: {args}")

    def kind(self, path: Way, where: str, type_name: str, values: Mapping[str, Any]) -> None:
        """Complain of an estimator of one group where two are compared, or the other way round."""
        name = values.get("estimator", {}).get("type")
        pairs = type_name == "pair"
        if name in (_ONE_GROUP if pairs else PAIR_ESTIMATORS):
            fitting = [kind for kind, names in _KINDS.items() if name in names]
            known = ", ".join(_KINDS[type_name])
            message = f"estimator: {name} is not for the type {type_name}"
            hint = f"it is for the type {' and '.join(fitting)}; {type_name} takes {known}"
            self.wrong((*path, "estimator"), where, message, hint)

    def needs(self, path: Way, where: str, type_name: str, given: Mapping[str, Any]) -> None:
        """Complain of what an estimator lacks, and of what it has no use for."""
        usual = TYPES[type_name].key("estimator")
        value = given.get("estimator", usual.default if usual else None)
        if value["type"] not in _KINDS.get(type_name, {}):
            return
        keys = [key for key in (NULL_FOCI, "inference_mask") if TYPES[type_name].key(key)]
        own = {name: given[name] for name in keys if name in given}
        try:
            check_needs(Analysis("", type_name, Component(value["type"]), options=own))
        except UsageError as error:
            self.wrong((*path, next(iter(own), "estimator")), where, str(error))

    def result(self, path: Way, where: str, values: Mapping[str, Any]) -> None:
        """Complain of a result that corrector and estimator do not give."""
        parts: dict[str, Any] = {name: values[name] for name in ("result",) if name in values}
        parts |= {name: _component(values[name]) for name in _COMPONENTS if name in values}
        try:
            result_level(Analysis("", **parts))
        except UsageError as error:
            self.wrong((*path, "result"), where, str(error))

    def one_region(self, path: Way, where: str, type_name: str, given: Mapping[str, Any]) -> None:
        """Complain of no region, or several, where a type needs one."""
        ways = {"macm": ("roi", "sphere"), "decode": ("of", "roi", "sphere")}.get(type_name, ())
        found = [name for name in ways if name in given]
        if ways and len(found) != 1:
            got = " and ".join(found) or "none"
            self.wrong(path, where, f"expected one of {', '.join(ways)}, found {got}")

    def clashes(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Complain of names that would share a folder."""
        first: dict[str, tuple[int, str]] = {}
        for number, entry in enumerate(entries):
            name = entry.get("name")
            if not isinstance(name, str) or not any(c.isascii() and c.isalnum() for c in name):
                continue
            folder = label(name).casefold()
            if folder in first:
                earlier, earlier_name = first[folder]
                line = line_of(("analysis", earlier, "name"), self.lines)
                message = f"the name is taken by {earlier_name!r} in line {line}"
                hint = "names differ by letters and digits, ignoring case"
                self.wrong(("analysis", number, "name"), f'analysis "{name}"', message, hint)
            else:
                first[folder] = number, name

    def unused(self, defaults: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> None:
        """Complain of defaults that no analysis takes over."""
        types = [str(entry.get("type")) for entry in entries]
        if NULL_FOCI in defaults and types and not any(NULL_FOCI in entry for entry in entries):
            message = f"no analysis of this file draws its null from {NULL_FOCI!r}"
            hint = f"it is for {', '.join(POOL_ESTIMATORS)}"
            self.wrong(("defaults", NULL_FOCI), "[defaults]", message, hint)
            return
        for name in defaults:
            of = [kind for kind, schema in TYPES.items() if schema.key(name) is not None]
            if types and not set(of) & set(types):
                message = f"no analysis of this file has the key {name!r}"
                hint = f"it belongs to the type {' and '.join(of)}"
                self.wrong(("defaults", name), "[defaults]", message, hint)

    def table(self, name: str) -> dict[str, Any]:
        """Section that is one table; empty if it is not there or is none."""
        table = self.content.get(name, {})
        if isinstance(table, dict):
            return table
        self.wrong((name,), "", f"{name} is no table", f"write [{name}] above its keys")
        return {}

    def unknown(self, path: Way, where: str, name: str, known: Iterable[str]) -> None:
        """Note an unknown key, with the known ones."""
        known = list(known)
        hint = nearest(name, known).removeprefix("; ")
        self.wrong(path, where, f"unknown key {name!r}", hints(hint, f"known: {_join(known)}"))

    def wrong(self, path: Way, where: str, message: str, hint: str = "") -> None:
        """Note a problem."""
        line = line_of(path, self.lines)
        place = ", ".join(part for part in (f"line {line}" if line else "", where) if part)
        problem = Problem("error", message, self.file, place, hint)
        if (line, problem) not in self.problems:
            self.problems.append((line, problem))


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _is_component(value: Any) -> bool:
    """Whether a value names an estimator; the schema says what is wrong with one that does not."""
    return value is None or not kinds.COMPONENT.check(value)


def _draws_from_pool(given: Mapping[str, Any]) -> bool:
    value = given.get("estimator")
    return value is not None and _is_component(value) and value["type"] in POOL_ESTIMATORS


def _indented(text: str) -> str:
    """Fit a text of several lines into a list of problems."""
    return text.removeprefix("selection, ").replace("\n", "\n    ")


def _component(value: Mapping[str, Any]) -> Component:
    return Component(str(value["type"]), dict(value.get("args", {})))


def _analysis(values: Mapping[str, Any], path: Path) -> Analysis:
    """Make the record of checked values."""
    fields = {name: values[name] for name in _FIELDS if name in values}
    fields |= {name: _component(values[name]) for name in _COMPONENTS if name in values}
    for name in _COMPONENTS:
        if name not in values and values["type"] != "cbma":
            key = TYPES[values["type"]].key(name)
            default = key.default if key is not None else None
            stand_in = CONJUNCTION if (values["type"], name) == _COMBINED else ""
            fields[name] = _component(default or {"type": stand_in})
    options = {
        name: value for name, value in values.items() if name not in (*_FIELDS, "name", "type")
    }
    of = options.get("of")
    if of is not None:
        options["of"] = label(of) if isinstance(of, str) else [label(name) for name in of]
    return Analysis(
        name=label(values["name"]),
        type=values["type"],
        folders=(str(path.absolute().parent),),
        options=options,
        **fields,
    )
