"""Checking what an analysis file says against the schema: all that is wrong, by line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nimare_pipeline.errors import Problem, UsageError
from nimare_pipeline.image_analysis import OF_IMAGES, estimator_of
from nimare_pipeline.inference import result_level
from nimare_pipeline.labels import label
from nimare_pipeline.model import kinds
from nimare_pipeline.model.key import Key
from nimare_pipeline.model.lines import Way, line_of
from nimare_pipeline.model.references import circles, hints, unknown_parts
from nimare_pipeline.model.schema import BUILT, RUN, TYPES
from nimare_pipeline.needs import (
    ESTIMATORS_OF,
    NULL_FOCI,
    check_needs,
    of_other_type,
    usual_corrector,
)
from nimare_pipeline.registry import POOL_ESTIMATORS, get_corrector, get_estimator
from nimare_pipeline.select_syntax import nearest
from nimare_pipeline.settings import Analysis, Component

SECTIONS = ("run", "defaults", "analysis")
COMPONENTS = ("estimator", "corrector")


@dataclass
class Checker:
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
            for part in COMPONENTS:
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
            if name in (*COMPONENTS, "decoder"):
                for extra in value.keys() - {"type", "args"}:
                    self.unknown((*path, name, extra), f"{where}, {name}", extra, ("type", "args"))
        return values

    def component(self, path: Way, where: str, kind: str, value: Mapping[str, Any]) -> None:
        """Make an estimator or corrector once: whatever it refuses is wrong here."""
        make = {"estimator": get_estimator, "corrector": get_corrector}[kind]
        try:
            make(component(value))
        except UsageError as error:
            self.wrong(path, where, f"{kind}: {error}")
        except (TypeError, ValueError):
            args = ", ".join(f"{name} = {value!r}" for name, value in value["args"].items())
            self.wrong(path, where, f"{kind}: a keyword has a value of a wrong kind: {args}")

    def kind(self, path: Way, where: str, type_name: str, values: Mapping[str, Any]) -> None:
        """Complain of an estimator that is for another type of analysis."""
        name = values.get("estimator", {}).get("type")
        other = of_other_type(type_name, name)
        if other:
            message, hint = other
            self.wrong((*path, "estimator"), where, f"estimator: {message}", hint)

    def needs(self, path: Way, where: str, type_name: str, given: Mapping[str, Any]) -> None:
        """Complain of what an estimator lacks, and of what it has no use for."""
        usual = TYPES[type_name].key("estimator")
        value = given.get("estimator", usual.default if usual else None)
        if value is None or value["type"] not in ESTIMATORS_OF.get(type_name, {}):
            return
        keys = [
            key for key in (NULL_FOCI, "inference_mask", *OF_IMAGES) if TYPES[type_name].key(key)
        ]
        own = {name: given[name] for name in keys if name in given}
        try:
            asked = Analysis("", type_name, component(value), options=own)
            if _is_component(given.get("corrector")):
                judged = asked.corrector
                if given.get("corrector"):
                    judged = component(given["corrector"])
                else:
                    judged = usual_corrector(judged, value["type"])
                asked = replace(asked, corrector=judged)
            check_needs(asked)
            if type_name == "ibma":
                estimator_of(asked)
        except UsageError as error:
            self.wrong((*path, next(iter(own), "estimator")), where, str(error))

    def result(self, path: Way, where: str, values: Mapping[str, Any]) -> None:
        """Complain of a result that corrector and estimator do not give."""
        parts: dict[str, Any] = {name: values[name] for name in ("result",) if name in values}
        parts |= {name: component(values[name]) for name in COMPONENTS if name in values}
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


def component(value: Mapping[str, Any]) -> Component:
    """Make the record of an estimator or corrector as a file has it."""
    return Component(str(value["type"]), dict(value.get("args", {})))
