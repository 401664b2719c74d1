"""A JALE analysis sheet as analyses of an analysis file: what each of its rows means here.

====================  ===============================================================
``M`` main effect      ``cbma`` with ALE
``C`` contrast         ``pair`` with ALESubtraction, main effects, and their conjunction
``B<n>`` balanced      ``pair`` with BalancedALESubtraction, ``target_n = n``
``P<n>``, ``Cluster``  nothing here: they are left out, and that is said
====================  ===============================================================

The tags of a row become its selection. A region, ``$file``, is left out as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nimare_pipeline.defaults import PAIR_ESTIMATOR
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.io import _jale_analyses as sheets
from nimare_pipeline.labels import free_name, label
from nimare_pipeline.registry import PAIR_ESTIMATORS

_NOT_BUILT = {"P": "probabilistic ALE", "CLUSTER": "clustering of MA maps"}
_BALANCED = "BalancedALESubtraction"
_DEFAULTS = {
    "monte_carlo_iterations": ("corrector", "n_iters", int),
    "cluster_forming_threshold": ("corrector", "voxel_thresh", float),
    "contrast_permutations": ("estimator", "n_iters", int),
}


def tables(path: Path, settings: Mapping[str, str]) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Tables of an analysis file, one an analysis, and every row that is wrong or left out.

    Parameters
    ----------
    path : Path
        Sheet of analyses.
    settings : dict of str to str
        Those of the project.
    """
    try:
        rows = sheets.entries(path)
    except DataError as error:
        return [], list(error.problems)
    reader = _Reader(path, rows, _changes(settings))
    reader.read()
    if not reader.errors and not reader.made:
        reader.wrong(rows[0] if rows else None, "no analysis in it can be run here")
    return reader.made, [*reader.errors, *reader.left_out]


def _changes(settings: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Keywords that the project's settings give; JALE predicts thresholds unless told not to."""
    found: dict[str, dict[str, Any]] = {"corrector": {}, "estimator": {}}
    predicts = settings.get("cutoff_predict_enabled", "true").casefold() == "true"
    for key, (part, keyword, kind) in _DEFAULTS.items():
        if key not in settings or (predicts and part == "corrector"):
            continue
        try:
            found[part][keyword] = kind(settings[key])
        except ValueError:
            continue
    return found


@dataclass
class _Reader:
    """Goes through the rows once; names are unique, main effects are made once."""

    path: Path
    rows: Sequence[sheets.Entry]
    changes: Mapping[str, Mapping[str, Any]]
    made: list[dict[str, Any]] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    left_out: list[Problem] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    effects: dict[tuple[str, str], str] = field(default_factory=dict)

    def wrong(self, row: sheets.Entry | None, message: str, suggestion: str = "") -> None:
        where = f"line {row.line}" if row else ""
        self.errors.append(Problem("error", message, self.path.name, where, suggestion))

    def left(self, row: sheets.Entry, message: str) -> None:
        where = f"line {row.line}"
        self.left_out.append(Problem("warning", message, self.path.name, where))

    def read(self) -> None:
        for row, second in self.blocks():
            if not self.is_complete(row):
                continue
            for region in (*row.regions, *(second.regions if second else ())):
                self.left(row, f"the region {region} is left out: there is no ROI analysis here")
            if row.kind in _NOT_BUILT:
                name = _NOT_BUILT[row.kind]
                self.left(row, f"{row.name!r} is left out: {name} is not built here")
            elif row.kind == "M":
                self.effect(row)
            elif row.kind == "B" and _BALANCED not in PAIR_ESTIMATORS:
                self.left(row, f"{row.name!r} is left out: {_BALANCED} is not built here")
            elif second is None:
                advice = "a contrast is of two rows; the second has no type"
                self.wrong(row, f"contrast {row.name!r} has no second row", advice)
            elif self.is_complete(second):
                self.contrast(row, second)

    def blocks(self) -> Iterator[tuple[sheets.Entry, sheets.Entry | None]]:
        """Rows with a type, each with the row below that belongs to it."""
        used: sheets.Entry | None = None
        for row, below in zip(self.rows, [*self.rows[1:], None], strict=True):
            if row.kind:
                is_pair = row.kind in ("C", "B") and below is not None and not below.kind
                used = below if is_pair else None
                yield row, used
            elif row is not used:
                self.wrong(row, f"row {row.name!r} has no type", "M, P, C, B or Cluster")

    def is_complete(self, row: sheets.Entry) -> bool:
        try:
            label(row.name)
        except UsageError:
            self.wrong(row, f"{row.name!r} is no name", "a name with a letter or digit")
            return False
        if not row.tags or all(tag[0] == "$" for tag in row.tags):
            self.wrong(row, f"{row.name!r} has no tags", "+ALL for all experiments")
            return False
        return True

    def effect(self, row: sheets.Entry) -> str:
        """Name of the analysis of a row, made unless there is one."""
        select = sheets.selection(row.tags)
        key = (label(row.name).casefold(), select)
        if key not in self.effects:
            values: dict[str, Any] = {"name": self.name(row.name), "type": "cbma"}
            values["description"] = _said(row)
            values |= {"select": select} if select else {}
            values |= self.corrector()
            self.effects[key] = values["name"]
            self.made.append(values)
        return self.effects[key]

    def contrast(self, first: sheets.Entry, second: sheets.Entry) -> None:
        balanced = first.kind == "B"
        effects = [] if balanced else [self.effect(row) for row in (first, second)]
        ends = f" balanced{first.n or ''}" if balanced else ""
        args = dict(self.changes["estimator"]) if not balanced else {}
        args |= {"target_n": first.n} if balanced and first.n else {}
        estimator: dict[str, Any] = {"type": _BALANCED if balanced else PAIR_ESTIMATOR}
        estimator |= {"args": args} if args else {}
        names = [label(row.name) for row in (first, second)]
        if names[0].casefold() == names[1].casefold():
            self.wrong(second, f"both rows of the contrast are called {second.name!r}")
            return
        values = {
            "name": self.name(f"{first.name} versus {second.name}{ends}"),
            "type": "pair",
            "description": f"{_said(first)}, against {_said(second, 'those with')}",
            "groups": {
                name: sheets.selection(row.tags) or "n_foci >= 0"
                for name, row in zip(names, (first, second), strict=True)
            },
            "estimator": estimator,
        }
        self.made.append(values)
        if len(set(effects)) == 2:
            name = self.name(f"{first.name} and {second.name}")
            self.made.append({"name": name, "type": "conjunction", "of": effects})

    def corrector(self) -> dict[str, Any]:
        args = self.changes["corrector"]
        if not args:
            return {}
        whole = {"method": "montecarlo", **args}
        return {"corrector": {"type": "FWECorrector", "args": whole}}

    def name(self, text: str) -> str:
        """Name in letters and digits that no other analysis has."""
        name = free_name(label(text), lambda one: one.casefold() in self.names, joint="")
        self.names.add(name.casefold())
        return name


def _said(row: sheets.Entry, of: str = "JALE's analysis of experiments with") -> str:
    """Tags of a row, as they stand in the sheet."""
    return f"{of} {' '.join(row.tags)}"
