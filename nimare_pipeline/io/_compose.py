"""Specifications of Neurosynth-Compose, as analyses of an analysis file.

A specification names estimator and corrector by NiMARE's names and keywords; a column of the
annotation (``filter``) that chooses analyses; ``conditions``, values of that column, with
``weights``: above 0 for the group that is analysed, below 0 for the one it is compared with; or a
``database_studyset`` to compare with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import is_missing, is_number, listed, quoted
from nimare_pipeline.errors import Problem, UsageError
from nimare_pipeline.io._nimads_notes import columns_of, is_true
from nimare_pipeline.labels import label
from nimare_pipeline.registry import CORRECTORS, PAIR_ESTIMATORS, accepted_keywords

_TYPES = {"CBMA": "cbma", "IBMA": "ibma"}
_MACHINE = (
    "n_cores", "memory", "memory_level", "low_memory", "random_state", "description",
    "n_histogram_bins",
)  # fmt: skip
"""Keywords of NiMARE that say how something is computed, not what: settings of the run."""
_DEFAULTS = {"vfwe_only": False, "restrict_to_inference_mask": False}
"""Keywords that we do not have, and the value with which they change nothing."""
_OF_CLUSTERS = ("voxel_thresh", "vfwe_only")
"""Keywords of an estimator of NiMARE that are ours of the correction."""
_UNTITLED = "Untitled"
_LONGEST_NAME = 64
_LONGEST_FILE = 200
"""Bytes of a name: file systems take 255, with the endings."""
_DATABASE_NAMES = ("{}.json.gz", "{}.json", "{}_studyset.json.gz", "{}_studyset.json", "{}")
_DATABASES = "https://github.com/neurostuff/neurostore_database"


@dataclass
class _Reader:
    """One meta-analysis; collects what is wrong in it."""

    file: Path
    document: Mapping[str, Any]
    annotations: Sequence[Mapping[str, Any]]
    problems: list[Problem] = field(default_factory=list)

    @property
    def specification(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["specification"]
        return found

    def error(self, message: str, suggestion: str = "") -> None:
        self.problems.append(
            Problem("error", message, self.file.name, "specification", suggestion)
        )

    def note(self, message: str) -> None:
        self.problems.append(Problem("warning", message, self.file.name, "specification"))

    def table(self) -> dict[str, Any]:
        """Keys of an ``[[analysis]]``."""
        kind = self.kind()
        estimator = self.component("estimator")
        pair = estimator.get("type") in PAIR_ESTIMATORS
        found: dict[str, Any] = {"type": "pair" if pair and kind == "cbma" else kind}
        if estimator:
            found["estimator"] = estimator
        found |= self.correction()
        _move(estimator, found)
        found |= self.groups() if pair else self.selection()
        if kind == "cbma":
            # As Neurosynth-Compose does before it fits.
            found["pool"] = "study"
        return {"name": self.name(found), "description": self.description(), **found}

    def kind(self) -> str:
        named = self.specification.get("type", "CBMA")
        kind = _TYPES.get(str(named).upper())
        if kind is None:
            self.error(f"unknown type {quoted(named)}", f"accepted are: {', '.join(_TYPES)}")
        return kind or "cbma"

    def component(self, part: str) -> dict[str, Any]:
        """Estimator or corrector by our keywords; empty if there is none."""
        named = self.specification.get(part)
        if is_missing(named) or named == {}:
            return {}
        if isinstance(named, str):
            named = {"type": named}
        if not isinstance(named, Mapping) or not isinstance(named.get("type"), str):
            self.error(f"{part} is {quoted(named)}", "expected {type, args}")
            return {}
        args = named.get("args") or {}
        if not isinstance(args, Mapping):
            self.error(f"args of the {part} are {quoted(args)}", "expected keywords and values")
            return {}
        more = args.get("**kwargs")
        given = {**args, **(more if isinstance(more, Mapping) else {})}
        kept = {
            str(name): _whole(name, value)
            for name, value in given.items()
            if name != "**kwargs" and name not in _MACHINE and not is_missing(value)
        }
        kept = {name: value for name, value in kept.items() if _DEFAULTS.get(name) != value}
        return {"type": named["type"], "args": self.effective(part, named["type"], kept)}

    def effective(self, part: str, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Without the keywords that NiMARE ignores beside the others."""
        idle = ["n_iters"] if args.get("null_method", "approximate") != "montecarlo" else []
        if part == "corrector":
            idle = ["n_iters", "voxel_thresh", "vfwe_only"]
            idle = [] if args.get("method", "bonferroni") == "montecarlo" else idle
        try:
            # Those with a null of their own say so by this keyword.
            own = "null_method" in accepted_keywords(part, name)
        except UsageError:  # an unknown name is said where all analyses are checked
            return args
        if part == "estimator" and not own:
            return args
        return {key: value for key, value in args.items() if key not in idle}

    def correction(self) -> dict[str, Any]:
        """Corrector, level and result."""
        corrector = self.component("corrector")
        if not corrector:
            self.note("it names no corrector; the default one is used")
            return {}
        found: dict[str, Any] = {}
        args = corrector["args"]
        if corrector["type"] == "FWECorrector":
            args.setdefault("method", "bonferroni")  # NiMARE's default, not ours
        elif corrector["type"] == "FDRCorrector":
            args.setdefault("method", "indep")
        elif corrector["type"] not in CORRECTORS:
            return {"corrector": corrector}
        alpha = args.pop("alpha", None)
        if alpha is not None:
            found["alpha"] = alpha
        if args.pop("vfwe_only", False):
            found["result"] = "voxel"
        return {"corrector": corrector, **found}

    def name(self, table: Mapping[str, Any]) -> str:
        """Name of the meta-analysis, or what it analyses if that is no name."""
        own = self.document.get("name")
        if isinstance(own, str) and _is_name(own):
            return own.strip()
        if table["type"] == "pair" and table.get("groups"):
            return label(" Versus ".join(table["groups"]))
        column = self.specification.get("filter")
        parts = (table.get("estimator", {}).get("type", ""), column or "")
        return label(" ".join([*(str(part) for part in parts if part), "analysis"][:2]))

    def description(self) -> str:
        document = self.document
        said = [str(document[key]).strip() for key in ("name", "description") if document.get(key)]
        where = "Neurosynth-Compose meta-analysis"
        if isinstance(document.get("id"), str):
            where += f" {document['id']}"
        return ". ".join(dict.fromkeys([*said, where]))

    def selection(self) -> dict[str, Any]:
        """Selection of an analysis of one group."""
        if self.specification.get("database_studyset"):
            self.one_group("a database_studyset")
        above, below = self.conditions()
        if below:
            self.one_group(f"a second group ({listed(below)})")
        text = self.condition(above)
        return {"select": text} if text else {}

    def one_group(self, what: str) -> None:
        named = self.specification.get("estimator")
        name = named.get("type") if isinstance(named, Mapping) else named
        self.error(
            f"{name} analyses one group, but the specification names {what}",
            f"an estimator of two groups: {', '.join(PAIR_ESTIMATORS)}",
        )

    def groups(self) -> dict[str, Any]:
        """Two groups, the second of them that of the database if one is named."""
        above, below = self.conditions()
        name = self.specification["estimator"]
        name = name["type"] if isinstance(name, Mapping) else name
        database = self.specification.get("database_studyset")
        first = self.condition(above)
        if not self.column():
            self.error(f"{name} compares two groups, but there is no filter")
            return {}
        if database:
            return self.against(str(database), first, below)
        if not below:
            self.error(
                f"{name} compares two groups, but the specification names one",
                "a second condition with the weight -1, or a database_studyset",
            )
            return {}
        second = self.condition(below)
        names = [self.group_name(values) for values in (above, below)]
        if names[0] == names[1]:
            names = ["first", "second"]
        return {"groups": dict(zip(names, (first, second), strict=True))}

    def against(self, database: str, first: str, below: Sequence[Any]) -> dict[str, Any]:
        if below:
            self.error("it names a second group and a database_studyset; expected one of them")
            return {}
        folder = self.file.parent
        names = [pattern.format(database) for pattern in _DATABASE_NAMES]
        safe = _is_file_name(database)
        there = [folder / name for name in names if safe and (folder / name).exists()]
        path = next(iter(there), None)
        if path is None:
            self.error(
                f"the database_studyset {database!r} is not here, and a run downloads nothing",
                f"put {names[0]} into {folder}; {_DATABASES} has it" if safe else "a name",
            )
            return {}
        second = f"source_file == {_text(path.name)} and missing({self.quoted()})"
        mine = self.group_name([True])
        return {
            "groups": {mine: first, _unlike(label(database), mine): second},
            "database": path.name,
        }

    def column(self) -> str:
        named = self.specification.get("filter")
        return named if isinstance(named, str) else ""

    def quoted(self) -> str:
        return f"label({_text(self.column())})"

    def conditions(self) -> tuple[list[Any], list[Any]]:
        """Values of the column with a weight above 0, and below."""
        values = self.specification.get("conditions") or []
        values = values if isinstance(values, list) else [values]
        weights = self.specification.get("weights") or [1.0] * min(len(values), 1)
        weights = weights if isinstance(weights, list) else [weights]
        values = [ident_or_text(value) for value in values]
        if len(weights) != len(values) or not all(map(is_number, weights)):
            self.error(
                f"conditions {quoted(values, 80)} have the weights {quoted(weights, 80)}",
                "a weight each: 1 for the group that is analysed, -1 for the other",
            )
            return [], []
        above = [value for value, weight in zip(values, weights, strict=True) if weight > 0]
        below = [value for value, weight in zip(values, weights, strict=True) if weight < 0]
        if values and not above:
            self.error(f"no condition has a weight above 0: {quoted(weights, 80)}")
        return above, below

    def condition(self, values: Sequence[Any]) -> str:
        """Selection of the analyses whose note has one of some values."""
        column = self.column()
        if not column:
            if values:
                self.error("there are conditions, but no filter that names their column")
            return ""
        known = columns_of(self.annotations)
        if column not in known:
            self.error(
                f"filter: no annotation has the column {column!r}",
                f"the columns are: {listed(list(known), 20)}"
                if known
                else "put the annotation's JSON file beside it",
            )
            return ""
        if known[column] == "boolean":
            return self.boolean(values)
        if not values:
            self.error(
                f"filter: the column {column!r} is no true or false, and no condition is named"
            )
            return ""
        if known[column] == "number":
            return self.any_of([_number(value) for value in values])
        return self.any_of([_text(str(value)) for value in values])

    def boolean(self, values: Sequence[Any]) -> str:
        wanted = {is_true(value) for value in values} or {True}
        if len(wanted) > 1:
            return ""
        name = self.quoted()
        # Compose counts an empty cell as false.
        return f"{name} == true" if True in wanted else f"({name} == false or missing({name}))"

    def any_of(self, literals: Sequence[str]) -> str:
        if len(literals) == 1:
            return f"{self.quoted()} == {literals[0]}"
        return f"{self.quoted()} in [{', '.join(literals)}]"

    def group_name(self, values: Sequence[Any]) -> str:
        """Name of a group: its condition, or the column for true and false."""
        column = self.column()
        if columns_of(self.annotations).get(column) == "boolean":
            words = [column if all(map(is_true, values)) else f"not {column}"]
        else:
            words = [str(value) for value in values]
        text = " ".join(words)
        name = label(text) if any(c.isascii() and c.isalnum() for c in text) else "group"
        return f"group{name[:1].upper()}{name[1:]}" if not name[0].isalpha() else name


def tables(
    file: Path,
    meta_analyses: Iterable[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Tables of an analysis file, one a meta-analysis, and what is wrong in them.

    Parameters
    ----------
    file : Path
        File of the specifications.
    meta_analyses : iterable of dict
    annotations : sequence of dict
        Those that belong to the studyset.
    """
    found, problems = [], []
    for document in meta_analyses:
        reader = _Reader(file, document, annotations)
        found.append(reader.table())
        problems += reader.problems
    return found, problems


def _move(estimator: Mapping[str, Any], table: dict[str, Any]) -> None:
    """Give the corrector what NiMARE's ALESubtraction is told of its clusters."""
    given = estimator.get("args", {})
    moved = {key: given.pop(key) for key in _OF_CLUSTERS if key in given}
    args = table.get("corrector", {}).get("args", {})
    if args.get("method") == "montecarlo":
        args |= {"voxel_thresh": moved["voxel_thresh"]} if "voxel_thresh" in moved else {}
        table |= {"result": "voxel"} if moved.get("vfwe_only") else {}


def database_files(meta_analyses: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names under which the databases of specifications may lie beside them."""
    named = (one["specification"].get("database_studyset") for one in meta_analyses)
    return {
        pattern.format(name)
        for name in named
        if isinstance(name, str) and name
        for pattern in _DATABASE_NAMES
    }


def ident_or_text(value: Any) -> Any:
    """What a value that may be an object is called."""
    if isinstance(value, Mapping):
        return value.get("name") or value.get("id") or ""
    return value


def _is_name(text: str) -> bool:
    """Whether a text can name files: not a title, nor what Compose puts in its place."""
    named = any(letter.isascii() and letter.isalnum() for letter in text)
    return named and len(text) <= _LONGEST_NAME and not text.strip().startswith(_UNTITLED)


def _is_file_name(text: str) -> bool:
    """Whether a text, and what is put behind it, names a file and no path."""
    short = len(text.encode("utf-8", errors="surrogatepass")) <= _LONGEST_FILE
    return short and not {"/", "\\", "\0"} & set(text) and text not in ("", ".", "..")


def _whole(name: Any, value: Any) -> Any:
    if name == "n_iters" and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and name in ("n_iters", "kernel__r", "kernel__fwhm", "prior"):
        return _as_number(value)
    return value


def _as_number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _number(value: Any) -> str:
    number = _as_number(value) if isinstance(value, str) else value
    return repr(number) if is_number(number) else _text(str(value))


def _text(value: str) -> str:
    """Literal of the selection language, where a backslash stands before any letter."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unlike(name: str, other: str) -> str:
    return name if name.casefold() != other.casefold() else f"{name}Database"
