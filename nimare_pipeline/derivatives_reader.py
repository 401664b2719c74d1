"""Reading a folder of derivatives back, from its files alone.

A piece that is missing or damaged becomes a ``Problem`` and an empty place, never an exception: a
report must come out of whatever is there.
"""

import hashlib
import json
import tomllib
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nimare_pipeline import derivative_tables as tables
from nimare_pipeline.derivative_names import (
    THRESHOLDED,
    paper_figure_key,
    parse_path,
    snake,
    spec_from_entities,
)
from nimare_pipeline.derivative_records import AnalysisRecord, Derivatives, RunRecord
from nimare_pipeline.derivative_sidecars import CONJUNCTION, NUMBERS
from nimare_pipeline.derivative_tsv import from_tsv
from nimare_pipeline.derivatives_swap import pending_swaps
from nimare_pipeline.directions import is_of_images
from nimare_pipeline.errors import DataError, NoInputError, Problem, UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.unpacking import MOST_BYTES, gunzip

_LOG_TAIL_LINES = 200
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, RecursionError)
"""What reading a damaged file raises; ValueError includes bad JSON, TOML, UTF-8 and DataError."""


def read(output_dir: str | Path, *, without: Collection[str] = ()) -> Derivatives:
    """Read a folder of derivatives.

    Parameters
    ----------
    output_dir : path
    without : collection of str
        Tables that are not wanted and stay empty, for example ``coordinates``: of a database they
        are half a million rows.

    Raises
    ------
    NoInputError
        If there is no such folder.
    """
    folder = Path(output_dir)
    if not folder.is_dir():
        msg = f"{folder} is not a folder of results"
        raise NoInputError(msg)
    problems: list[Problem] = [
        Problem(
            "error",
            f"the results of {path.name.removeprefix('cohort-')} were not moved in completely",
            str(path),
            suggestion="run again",
        )
        for path in pending_swaps(folder)
        if path.suffix != ".partial"
    ]
    cohorts = sorted(
        (path for path in folder.glob("tpl-*/cohort-*") if path.is_dir()),
        key=lambda path: (path.name.casefold(), path.parent.name),
    )
    return Derivatives(
        folder=folder,
        description=_json(folder / "dataset_description.json", problems),
        analyses=tuple(_Reader(folder, cohort, without).read() for cohort in cohorts),
        run=_read_run(folder / "logs", problems),
        problems=tuple(problems),
    )


def read_analysis(output_dir: str | Path, name: str) -> AnalysisRecord | None:
    """Read one analysis of a folder of derivatives; None if it is not there."""
    folder = Path(output_dir)
    found = (path for path in folder.glob("tpl-*/cohort-*") if path.name == f"cohort-{name}")
    cohort = next((path for path in found if path.is_dir()), None)
    return None if cohort is None else _Reader(folder, cohort).read()


class _Reader:
    """Files of one analysis by what they are, and the problems met with them."""

    def __init__(self, root: Path, cohort: Path, without: Collection[str] = ()) -> None:
        self.root = root
        self.cohort = cohort
        self.without = without
        self.name = cohort.name.removeprefix("cohort-")
        self.problems: list[Problem] = []
        self.found = {
            path: parse_path(path.relative_to(root))
            for folder in (cohort, root / "figures", root / "sourcedata")
            for path in sorted(folder.glob("*"))
            if not path.name.startswith(".")
        }
        self.found = {
            path: entities
            for path, entities in self.found.items()
            if entities.get("cohort") == self.name
        }

    def read(self) -> AnalysisRecord:
        record = self._record()
        data_problems = self._data_problems()
        maps = self._maps()
        result_spec = self._result_spec(record)
        facts = record.get("Facts") or {}
        of_images = is_of_images(facts) or record.get("Analysis", {}).get("type") == "ibma"
        frames = {
            name: self._table(name, columns)
            for name, columns in (
                ("contrasts", tables.CONTRASTS),
                ("images", tables.IMAGES) if of_images else ("coordinates", tables.COORDINATES),
                ("clusters", tables.cluster_columns(facts)),
            )
        }
        if of_images:
            frames["coordinates"] = tables.typed(
                pd.DataFrame(columns=list(tables.COORDINATES)), tables.COORDINATES
            )
        frames["diagnostics"] = self._diagnostics("peaks", tables.DIAGNOSTICS)
        frames["pooled"] = self._diagnostics("pooled", tables.POOLED)
        result_map = self._image("statmap", lambda e: e.get("desc", "").endswith(THRESHOLDED))
        self._verify(record.get("Checksums", {}))
        return AnalysisRecord(
            name=self.name,
            folder=self.cohort,
            record=record,
            **frames,
            null_uncorrected=self._null("uncorrected"),
            null_montecarlo=self._null("montecarlo"),
            maps=maps,
            result_spec=result_spec,
            result_map=result_map,
            label_image=self._image("dseg"),
            mask=self._mask(record, result_map),
            figures={
                snake(entities["desc"]): path
                for path, entities in self.found.items()
                if entities.get("suffix") == "figure" and "desc" in entities
            },
            paper_figures={
                key: path
                for path, entities in self.found.items()
                if (key := paper_figure_key(entities)) and path.suffix != ".json"
            },
            snapshot=self._one("dataset", ".json") or self._one("dataset", ".npz"),
            problems=(*data_problems, *self.problems),
        )

    def _one(self, suffix: str, extension: str, **wanted: str) -> Path | None:
        kind = {"suffix": suffix, "extension": extension, **wanted}.items()
        own = ((p, e) for p, e in self.found.items() if e.get("datatype") != "figures")
        return next((path for path, entities in own if kind <= entities.items()), None)

    def _image(self, suffix: str, accept: Any = lambda entities: True) -> Path | None:
        kind = {"suffix": suffix, "extension": ".nii.gz"}.items()
        for path, entities in self.found.items():
            if kind <= entities.items() and accept(entities):
                return path
        self._miss(f"no {suffix} image of the result")
        return None

    def _miss(self, message: str, path: Path | None = None) -> None:
        where = (path or self.cohort).relative_to(self.root).as_posix()
        self.problems.append(Problem("warning", message, where))

    def _record(self) -> dict[str, Any]:
        path = self._one("analysis", ".json")
        record = {} if path is None else _json(path, self.problems)
        for key in ("Analysis", "Facts", "Result", "Checksums"):
            if not isinstance(record.get(key, {}), dict):
                del record[key]
                self._miss(f"cannot be read: {key} has no keys and values", path)
        if not record:
            self._miss("no record of the analysis: the numbers are those of a map's sidecar")
            record = self._record_from_sidecar()
        return record

    def _record_from_sidecar(self) -> dict[str, Any]:
        path = self._one("statmap", ".json")
        sidecar = {} if path is None else _json(path, self.problems)
        facts = {fact: sidecar[key] for key, fact in NUMBERS.items() if key in sidecar}
        record: dict[str, Any] = {"Name": self.name, "Facts": facts}
        estimator = sidecar.get("Estimator")
        if isinstance(estimator, dict) and is_of_images(facts):
            made_by = {"type": estimator.get("Name"), "args": estimator.get("Parameters")}
            record["Analysis"] = {"name": self.name, "type": "ibma", "estimator": made_by}
        return record

    def _maps(self) -> dict[MapSpec, Path]:
        maps: dict[MapSpec, Path] = {}
        for path, entities in self.found.items():
            desc = entities.get("desc", "")
            if (entities.get("suffix"), entities.get("extension")) != ("statmap", ".nii.gz"):
                continue
            if "study" in entities:  # an image of one study, made for the analysis
                continue
            if entities.get("datatype") is None and not desc.endswith(THRESHOLDED):
                try:
                    maps[self._spec(path, entities)] = path
                except (UsageError, TypeError) as error:
                    self._miss(str(error), path)
        if not maps:
            self._miss("no maps")
        return maps

    def _spec(self, path: Path, entities: Mapping[str, str]) -> MapSpec:
        """Trust the sidecar, which knows the method and the tail; else the name."""
        sidecar = path.with_name(path.name.replace(".nii.gz", ".json"))
        try:
            return MapSpec(**_json(sidecar, self.problems)["MapSpec"])
        except (KeyError, TypeError):
            return spec_from_entities(entities)

    def _result_spec(self, record: Mapping[str, Any]) -> MapSpec:
        try:
            return MapSpec(**record["Result"]["MapSpec"])
        except (KeyError, TypeError):
            path = self._one("clusters", ".tsv")
            desc = "" if path is None else self.found[path].get("desc", "")
            judged = {} if desc in ("", CONJUNCTION) else {"desc": desc}
            return spec_from_entities({"stat": "z", **judged})

    def _mask(self, record: Mapping[str, Any], image: Path | None) -> Path | None:
        """Find the analysis' own mask, else the one of its template and grid."""
        own = self._one("mask", ".nii.gz", label="brain")
        if own is not None:
            return own
        resolution = self.found[image].get("resolution") if image else None
        for path in sorted(self.cohort.parent.glob("*_mask.nii.gz")):
            if parse_path(path.relative_to(self.root)).get("resolution") == resolution:
                return path
        self._miss("no mask")
        return None

    def _table(self, suffix: str, columns: Mapping[str, tables.Column]) -> pd.DataFrame:
        path = self._one(suffix, ".tsv")
        if suffix in self.without:
            path = None
        elif path is None:
            self._miss(f"no table of {suffix}")
        else:
            try:
                return from_tsv(path.read_bytes(), columns)
            except _UNREADABLE as error:
                self._miss(f"cannot be read: {error}", path)
        return tables.typed(pd.DataFrame(columns=list(columns)), columns)

    def _diagnostics(self, desc: str, columns: Mapping[str, tables.Column]) -> pd.DataFrame:
        """A table that only analyses of images have, and not all of them."""
        path = self._one("diagnostics", ".tsv", desc=desc)
        if path is not None:
            try:
                return from_tsv(path.read_bytes(), columns)
            except _UNREADABLE as error:
                self._miss(f"cannot be read: {error}", path)
        return tables.typed(pd.DataFrame(columns=list(columns)), columns)

    def _null(self, desc: str) -> pd.DataFrame | None:
        path = self._one("nulldist", ".tsv.gz", desc=desc)
        if path is None:
            return None
        sidecar = _json(path.with_name(path.name.replace(".tsv.gz", ".json")), self.problems)
        of_kind = tables.NULL_UNCORRECTED if desc == "uncorrected" else tables.NULL_MONTECARLO
        names = sidecar.get("Columns", list(of_kind))
        try:
            columns = of_kind | tables.null_columns(names)
            return from_tsv(_unpacked(path), columns, names=names)
        except _UNREADABLE as error:
            self._miss(f"cannot be read: {error}", path)
            return None

    def _data_problems(self) -> list[Problem]:
        path = self._one("problems", ".tsv")
        if path is None:
            return []
        try:
            table = from_tsv(path.read_bytes(), tables.PROBLEMS)
            return [
                Problem(**{str(name): value for name, value in row.items()})
                for row in table.to_dict("records")
            ]
        except _UNREADABLE as error:
            self._miss(f"cannot be read: {error}", path)
            return []

    def _verify(self, checksums: Mapping[str, str]) -> None:
        """Say which files are not as they were written."""
        for name, expected in checksums.items():
            path = self.root / name
            if not path.is_relative_to(self.root) or ".." in path.parts:
                self._miss(f"names a file outside the folder: {name}")
                continue
            try:
                content = _unpacked(path)
            except FileNotFoundError:
                self._miss("is missing", path)
            except _UNREADABLE as error:
                self._miss(f"is damaged: {error}", path)
            else:
                if hashlib.sha256(content).hexdigest() != expected:
                    self._miss("was altered after the run", path)


def _read_run(logs: Path, problems: list[Problem]) -> RunRecord:
    folders = sorted(path for path in logs.glob("*") if path.is_dir())
    if not folders:
        return RunRecord()
    folder = folders[-1]
    graph = folder / "graph.svg"
    return RunRecord(
        uuid=folder.name,
        folder=folder,
        settings=_toml(folder / "settings.toml", problems),
        status=_json(folder / "status.json", problems),
        log_tail=_tail(folder / "run.log"),
        graph=graph if graph.is_file() else None,
        crash_files=tuple(sorted(folder.glob("crash-*"))),
    )


def _unpacked(path: Path) -> bytes:
    body = path.read_bytes()
    return gunzip(body, MOST_BYTES) if path.suffix == ".gz" else body


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_LOG_TAIL_LINES:])


def _json(path: Path, problems: list[Problem]) -> dict[str, Any]:
    return _load(path, problems, json.loads)


def _toml(path: Path, problems: list[Problem]) -> dict[str, Any]:
    return _load(path, problems, tomllib.loads)


def _load(path: Path, problems: list[Problem], parse: Any) -> dict[str, Any]:
    try:
        content = parse(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and content:
            return content
        raise DataError("it holds no keys and values")
    except _UNREADABLE as error:
        problems.append(Problem("warning", f"cannot be read: {error}", str(path)))
        return {}
