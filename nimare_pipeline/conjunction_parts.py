"""Results in a folder of derivatives, as parts of a conjunction."""

import gzip
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import defaults, derivatives_reader
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.conjunction import Part, combine
from nimare_pipeline.derivative_records import AnalysisRecord
from nimare_pipeline.errors import DataError, NoInputError, UsageError
from nimare_pipeline.image_cohort import DIGEST, IMAGES
from nimare_pipeline.inference import RESULTS, Inference
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.pooling import POOLED_INTO, POOLED_SIZE, REPEATED
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Analysis
from nimare_pipeline.spaces import template_mask

_UNCORRECTED = ("z", "p", "logp")


def conjoin(
    output_dir: str | Path, analysis: Analysis
) -> tuple[MetaResult, pd.DataFrame, pd.DataFrame]:
    """Combine the analyses that an analysis of type ``conjunction`` names.

    Parameters
    ----------
    output_dir : path
        Derivatives folder that holds them.
    analysis : Analysis
        ``of`` and ``level`` in its options, and ``alpha``.

    Returns
    -------
    MetaResult
    DataFrame
        Contrasts that one of them or several were of.
    DataFrame
        Their foci.

    Raises
    ------
    NoInputError
        If the folder lacks one of them.
    UsageError
        If one has no map of the level that is asked for.
    DataError
        If a file of theirs is missing, damaged or altered, or the grids differ.
    """
    level = level_of(analysis)
    records = records_of(output_dir, analysis)
    parts = [_part(record, level) for record in records]
    return (
        combine(parts, level=level, alpha=analysis.alpha),
        _contrasts([record.contrasts for record in records]),
        _coordinates([record.coordinates for record in records]),
    )


def level_of(analysis: Analysis) -> str:
    """Which maps an analysis of type ``conjunction`` combines."""
    return str(analysis.options.get("level", "result"))


def records_of(output_dir: str | Path, analysis: Analysis) -> list[AnalysisRecord]:
    """Read the analyses that a conjunction names.

    Raises
    ------
    NoInputError
        If there is no result of one.
    """
    found = {
        name: derivatives_reader.read_analysis(output_dir, name) for name in analysis.options["of"]
    }
    lacking = [name for name, record in found.items() if record is None or not record.maps]
    if lacking:
        msg = f"{output_dir} has no result of {', '.join(lacking)}: run them too"
        raise NoInputError(msg)
    return [record for record in found.values() if record is not None]


def inputs_of(output_dir: str | Path, analysis: Analysis) -> list[dict[str, Any]]:
    """Facts of what goes into a conjunction, as its result records them."""
    level = level_of(analysis)
    return [
        {"name": one.name, **_facts(one, _used(one, level))}
        for one in records_of(output_dir, analysis)
    ]


def _part(record: AnalysisRecord, level: str) -> Part:
    used = _used(record, level)
    if record.mask is None:
        msg = f"{record.name}: the mask of its maps is not among the derivatives: run it again"
        raise DataError(msg)
    for path in used.values():
        _verify(record, path)
    mask = BrainMask.from_image(record.mask, name=_mask_name(record))
    spec = _corrected(record, level)
    result = _values(used["result"], mask) if "result" in used else None
    return Part(
        record.name,
        mask,
        {name: _values(used[name], mask) for name in _UNCORRECTED},
        record.result_spec.tail,
        spec,
        None if spec is None else _values(used["corrected"], mask),
        None if result is None else np.nan_to_num(result) != 0,
        _facts(record, used),
    )


def _used(record: AnalysisRecord, level: str) -> dict[str, Path]:
    """Images that go into a conjunction.

    Raises
    ------
    UsageError
        If there is none of that level.
    DataError
        If one of those that all have is missing.
    """
    used = {name: path for name in _UNCORRECTED if (path := _uncorrected(record, name))}
    if level == "result" and record.result_map is not None:
        used["result"] = record.result_map
    needed = (*_UNCORRECTED, *(["result"] if level == "result" else []))
    lacking = [name for name in needed if name not in used]
    if lacking:
        msg = f"{record.name}: no map {', '.join(lacking)} in {record.folder}: run it again"
        raise DataError(msg)
    if level in RESULTS:
        spec = _corrected(record, level)
        if spec is None:
            has = [name for name in RESULTS if _corrected(record, name)] or ["none"]
            msg = f"{record.name} has no p corrected by {level}; it has: {', '.join(has)}"
            raise UsageError(msg)
        used["corrected"] = record.maps[spec]
    return used


def _uncorrected(record: AnalysisRecord, statistic: str) -> Path | None:
    """Uncorrected map of the kind that the result was cut out of."""
    wanted = (statistic, None, record.result_spec.group)
    found = {
        spec.tail: path
        for spec, path in record.maps.items()
        if (spec.statistic, spec.correction, spec.group) == wanted
    }
    return found.get(record.result_spec.tail) or next(iter(found.values()), None)


def _corrected(record: AnalysisRecord, level: str) -> MapSpec | None:
    """Map of p corrected at a level: of the error rate of the result, if there are several."""
    if level not in RESULTS:
        return None
    measure = RESULTS[level] if RESULTS[level] in ("size", "mass") else None
    found = [
        spec
        for spec in record.maps
        if spec.statistic == "p"
        and spec.correction is not None
        and spec.group == record.result_spec.group
        and spec.measure == measure
        and (spec.level or "voxel") == ("cluster" if measure else RESULTS[level])
    ]
    same = [spec for spec in found if spec.correction == record.result_spec.correction]
    return next(reversed(same or found), None)


def _facts(record: AnalysisRecord, used: Mapping[str, Path]) -> dict[str, Any]:
    root = record.folder.parents[1]
    result = record.record.get("Result", {})
    judged = Inference.of(
        record.facts, float(result.get("Alpha") or defaults.ALPHA), result.get("Level")
    )
    return {
        "run_uuid": record.record.get("RunUUID", ""),
        "estimator": record.record.get("Analysis", {}).get("estimator", {}).get("type", ""),
        "n_contrasts": record.facts.get("n_contrasts"),
        "n_foci": record.facts.get("n_foci"),
        "criterion": judged.criterion,
        "own_mask": _has_own_mask(record),
        "files": {
            path.relative_to(root).as_posix(): _digest(path) for path in sorted(used.values())
        },
    }


def _verify(record: AnalysisRecord, path: Path) -> None:
    """Raise ``DataError`` for a file that is not as its run wrote it."""
    name = path.relative_to(record.folder.parents[1]).as_posix()
    written = record.record.get("Checksums", {}).get(name)
    if written is not None and written != _digest(path):
        msg = f"{record.name}: {path.name} was altered or damaged after its run: run it again"
        raise DataError(msg)


def _digest(path: Path) -> str:
    """SHA-256 of what a file holds; empty if it cannot be read."""
    try:
        return hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    except (OSError, EOFError, zlib.error):
        return ""


def _values(path: Path, mask: BrainMask) -> NDArray[Any]:
    image: Any = nib.load(path)
    return np.asarray(image.dataobj)[mask.inside]


def _mask_name(record: AnalysisRecord) -> str:
    """Name that the mask of a template has everywhere; another is that of its analysis."""
    if _has_own_mask(record):
        return f"mask of {record.name}"
    return template_mask(record.record.get("Target", defaults.TARGET_SPACE)).name


def _has_own_mask(record: AnalysisRecord) -> bool:
    return record.mask is not None and record.mask.parent == record.folder


def _contrasts(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Contrasts of several cohorts: each once, included if one of them includes it."""
    both = _alike([table for table in tables if len(table)])
    order = {name: place for place, name in enumerate(dict.fromkeys(both["id"]))}
    # Of images and of their peaks it is told what each has.
    ranked = both.assign(told=both["n_foci"].fillna(0) > 0).sort_values(
        ["included", "told"], ascending=False, kind="stable"
    )
    for name in {IMAGES, DIGEST} & set(both.columns):
        ranked[name] = ranked.groupby("id")[name].transform("first")
    first = ranked.drop_duplicates("id").drop(columns="told")
    return first.sort_values("id", key=lambda ids: ids.map(order)).reset_index(drop=True)


def _coordinates(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Foci of several cohorts; a contrast's are those of the first that uses it."""
    kept: list[pd.DataFrame] = []
    known: set[str] = set()
    for table in tables:
        used = set(table.loc[table["used"].astype(bool), "id"])
        kept.append(table[table["id"].isin(used - known)])
        known |= used
    return _alike(kept)


def _alike(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of all tables; in experiments only if all of them are pooled, else in contrasts."""
    both = pd.concat(tables, ignore_index=True)
    if all(POOLED_INTO in table for table in tables):
        return both
    return both.drop(columns=[POOLED_INTO, POOLED_SIZE, REPEATED], errors="ignore")
