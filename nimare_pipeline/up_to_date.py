"""Whether an analysis in an output folder is what a run would compute again.

It is if what goes in is the same (the data, the contrasts that are used, the record of the
analysis, seed, space, mask, the code) and every file that came out is as it was written.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nimare_pipeline import __version__, conjunction_parts, environment, macm, snapshots
from nimare_pipeline import derivative_tables as tables
from nimare_pipeline.cohort import Cohort
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.derivative_sidecars import plain
from nimare_pipeline.derivative_tsv import from_tsv, to_tsv
from nimare_pipeline.errors import PipelineError
from nimare_pipeline.image_cohort import REFUSED, without_refused
from nimare_pipeline.needs import NULL_FOCI
from nimare_pipeline.null_foci import NullFoci
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.unpacking import MOST_BYTES, gunzip

NOT_THERE = "it is not there"
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError)
_PLACES_ONLY = ("folders",)
"""Fields that say where files lie: what is in the files counts, and shows in the contrasts."""


def why_not(
    output_dir: str | Path,
    *,
    analysis: Analysis,
    settings: Settings,
    dataset: Dataset | None = None,
    cohort: Cohort | None = None,
    null_foci: NullFoci | None = None,
) -> str:
    """Say what is different from the result in the output folder; empty if nothing is.

    Parameters
    ----------
    output_dir : path
    analysis, settings
        What is asked for now.
    dataset : Dataset, optional
        Every contrast of the sources, with the mask; none of an analysis that combines others.
    cohort : Cohort, optional
        What of it is used.
    null_foci : NullFoci, optional
        Pool of foci that the null draws from.

    Returns
    -------
    str
        Half a sentence: ``alpha is another``; ``NOT_THERE`` where there is no such result.
    """
    output = Path(output_dir)
    found = sorted(output.glob(f"tpl-*/cohort-{analysis.name}/*_analysis.json"))
    if not found:
        return NOT_THERE
    try:
        record = json.loads(found[0].read_text(encoding="utf-8"))
        checksums = dict(record["Checksums"])
        return (
            _record_differs(record, analysis, settings)
            or (
                _parts_differ(record, output, analysis)
                if dataset is None or cohort is None
                else _input_differs(
                    checksums, dataset, cohort, _refused(analysis, output, checksums)
                )
                or _region_differs(record, analysis, dataset)
                or _pool_differs(record, null_foci)
                or snapshots.why_not(output, analysis.name, dataset)
            )
            or _files_differ(output, checksums)
        )
    except (*_UNREADABLE, LookupError, TypeError):
        return f"{found[0].name} is damaged"


def _record_differs(record: Mapping[str, Any], analysis: Analysis, settings: Settings) -> str:
    ours = {
        "SoftwareVersion": ("the version of nimare-pipeline", __version__),
        "CodeDigest": ("the code of nimare-pipeline", environment.code_digest()),
        "RandomSeed": ("the seed", settings.seed),
        "Target": ("the space", settings.target),
    }
    for key, (words, value) in ours.items():
        if record.get(key) != value:
            return f"{words} is another"
    now, then = plain(asdict(analysis)), record["Analysis"]
    differ = [
        name
        for name in [*now, *(name for name in then if name not in now)]
        if now.get(name) != then.get(name) and name not in _PLACES_ONLY
    ]
    return f"{differ[0]} is another" if differ else ""


def _refused(analysis: Analysis, output: Path, checksums: Mapping[str, str]) -> list[str] | None:
    """Contrasts whose images were refused, as the same images are again; None of foci."""
    if analysis.type != "ibma":
        return None
    (path,) = [output / name for name in checksums if name.endswith("_contrasts.tsv")]
    if not path.is_file():
        return []
    written = from_tsv(path.read_bytes(), tables.CONTRASTS)
    return [str(one) for one in written.loc[written["reason"] == REFUSED, "id"]]


def _input_differs(
    checksums: Mapping[str, str], dataset: Dataset, cohort: Cohort, refused: list[str] | None
) -> str:
    mask = dataset.mask.as_image().to_bytes()
    used = cohort.contrasts if refused is None else without_refused(cohort.contrasts, refused)
    contrasts = to_tsv(tables.typed(used, tables.CONTRASTS))
    found = [
        ("_mask.nii.gz", "the mask is another", mask),
        ("_contrasts.tsv", "other contrasts are used", contrasts),
    ]
    if refused is None:
        coordinates = to_tsv(tables.typed(cohort.coordinates, tables.COORDINATES))
        found.append(("_coordinates.tsv", "other foci are used", coordinates))
    for ending, words, content in found:
        written = [checksum for name, checksum in checksums.items() if name.endswith(ending)]
        if hashlib.sha256(content).hexdigest() not in written:
            return words
    return ""


def _region_differs(record: Mapping[str, Any], analysis: Analysis, dataset: Dataset) -> str:
    if analysis.type != "macm":
        return ""
    now = plain(macm.describe(dataset, analysis))
    return "" if record["Facts"].get("region") == now else "the region is another"


def _pool_differs(record: Mapping[str, Any], null_foci: NullFoci | None) -> str:
    now = {} if null_foci is None else plain(null_foci.facts())
    then = record["Facts"].get(NULL_FOCI, {})
    differ = any(then.get(name) != value for name, value in now.items())
    return "the pool of foci is another" if differ else ""


def _parts_differ(record: Mapping[str, Any], output: Path, analysis: Analysis) -> str:
    """Say which of the results that are combined is another than it was."""
    then = {one["name"]: one["files"] for one in record["Facts"]["conjunction"]["inputs"]}
    try:
        inputs = conjunction_parts.inputs_of(output, analysis)
    except PipelineError:
        return "what it combines is not as it was"
    now = {one["name"]: one["files"] for one in inputs}
    differ = [name for name in now if now[name] != then.get(name)]
    return f"the result of {differ[0]} is another" if differ else ""


def _files_differ(output: Path, checksums: Mapping[str, str]) -> str:
    for name, checksum in checksums.items():
        path = output / name
        if not path.is_file():
            return f"{path.name} is missing"
        try:
            content = path.read_bytes()
            content = gunzip(content, MOST_BYTES) if name.endswith(".gz") else content
        except _UNREADABLE:
            return f"{path.name} is damaged"
        if hashlib.sha256(content).hexdigest() != checksum:
            return f"{path.name} was altered"
    return ""
