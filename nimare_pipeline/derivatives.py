"""The derivatives of a run: the one place that writes results, as BIDS files, and reads them."""

import gzip
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nibabel as nib
import numpy as np
import pandas as pd

import nimare_pipeline
from nimare_pipeline import derivative_tables as tables
from nimare_pipeline import snapshots
from nimare_pipeline.cluster_evidence import shown_z
from nimare_pipeline.derivative_images import StudyImages
from nimare_pipeline.derivative_names import (
    Place,
    map_paths,
    parse_path,
    resolution_label,
    template_label,
)
from nimare_pipeline.derivative_sidecars import (
    Context,
    analysis_record,
    cluster_desc,
    combines_own_masks,
    describe,
    dseg_sidecar,
    map_sidecar,
    mask_sidecar,
    region_sidecar,
    result_sidecar,
    result_spec,
    to_json,
)
from nimare_pipeline.derivative_tsv import to_tsv
from nimare_pipeline.derivatives_reader import read
from nimare_pipeline.derivatives_swap import recover, swap_in
from nimare_pipeline.diagnostics import ClusterTable
from nimare_pipeline.errors import OutputError, Problem, UsageError
from nimare_pipeline.image_diagnostics import ImageDiagnostics
from nimare_pipeline.null_foci import NullFoci
from nimare_pipeline.results import MetaResult, outside_value
from nimare_pipeline.saved_null import PREFIX
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.settings_file import read_settings, write_settings
from nimare_pipeline.writing import write_file

__all__ = [
    "BIDSIGNORE",
    "read",
    "read_settings",
    "recover",
    "swap_in",
    "write_analysis",
    "write_dataset_level",
    "write_null_foci",
    "write_problems",
    "write_settings",
    "write_snapshot",
]

BIDS_VERSION = "1.11.0"

BIDSIGNORE = (
    "*.html",
    "figures",
    "*_statmap.*",
    "*_model-*",
    "*_contrasts.*",
    "*_coordinates.*",
    "*_problems.*",
    "*_images.*",
    "*_analysis.json",
    ".work",
    ".swap",
)
"""What BIDS has no name for yet. A pattern with a slash at its end leaves the folder itself in."""

_INTENTS = {"z": "z score", "p": "p value", "logp": "log10 p value"}


class _Stage:
    """A folder that files are written to once each, with their checksums."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.checksums: dict[str, str] = {}

    def write(self, path: str, content: bytes) -> None:
        """Write a file; ``.gz`` files are compressed here, without time and name.

        Raises
        ------
        OutputError
            If the file was written before, or cannot be.
        """
        if path in self.checksums:
            msg = f"{path} would be written twice: two things have one name"
            raise OutputError(msg)
        self.checksums[path] = hashlib.sha256(content).hexdigest()
        stored = gzip.compress(content, 6, mtime=0) if path.endswith(".gz") else content
        write_file(self.folder / path, stored)


def write_analysis(  # noqa: PLR0913 - all that an analysis leaves
    stage_dir: str | Path,
    *,
    analysis: Analysis,
    settings: Settings,
    cohort_contrasts: pd.DataFrame,
    cohort_coordinates: pd.DataFrame,
    result: MetaResult,
    clusters: ClusterTable,
    figures_dir: str | Path | None = None,
    images: StudyImages | None = None,
    diagnostics: ImageDiagnostics | None = None,
) -> None:
    """Write everything of one analysis into a folder of its own, for ``swap_in``.

    Parameters
    ----------
    stage_dir : path
        Laid out like the output folder; holds nothing else but the snapshot, and the pool of
        null foci where there is one.
    analysis, settings
        What was asked for.
    cohort_contrasts, cohort_coordinates : DataFrame
        Contrasts with reasons of exclusion, and foci as used (mm).
    result : MetaResult
        All of its maps are written.
    clusters : ClusterTable
        Its level and alpha decide what is called the result.
    figures_dir : path, optional
        ``<key>.svg`` or ``<key>.png``, keys in snake_case.
    images : StudyImages, optional
        Images of the studies, of an image-based analysis.
    diagnostics : ImageDiagnostics, optional
        What its result owes to single studies.

    Raises
    ------
    OutputError
        If a file cannot be written, or two would share a name.
    UsageError
        If a name cannot be a BIDS label.
    """
    place = _place(analysis, settings, result)
    if diagnostics is not None:
        result = result.with_maps(diagnostics.maps)
    own_mask = bool(settings.mask_file) or combines_own_masks(result.facts)
    snapshot = snapshots.found(stage_dir, analysis.name)
    mask_path = place.mask(own=own_mask)
    pool = place.null_foci() if (Path(stage_dir) / place.null_foci()).is_file() else ""
    context = Context(place, analysis, settings, result, mask_path, snapshot, pool)
    stage = _Stage(stage_dir)
    mask_image = result.mask.as_image()
    sidecar = mask_sidecar(context, own=own_mask)
    _write_image(stage, place.mask(own=own_mask), mask_image, sidecar)
    written = {"contrasts": (cohort_contrasts, tables.CONTRASTS)}
    if images is None:
        written["coordinates"] = (cohort_coordinates, tables.COORDINATES)
    for name, (table, columns) in written.items():
        _write_table(stage, place.table(name), table, columns)
    _write_maps(stage, context)
    if images is not None:
        _write_table(stage, place.table("images"), images.checks, tables.IMAGES)
        for path, values, about in images.made(place):
            image = result.mask.image(values, np.nan)
            _write_image(stage, path, image, {**about, **context.provenance()})
    if "region" in result.arrays:
        region = result.mask.image(result.arrays["region"].astype(np.uint8))
        _write_image(stage, place.region(), region, region_sidecar(context))
    if diagnostics is not None:
        _write_diagnostics(stage, context, diagnostics)
    _write_clusters(stage, context, clusters)
    _write_nulls(stage, context)
    if figures_dir is not None:
        _write_figures(stage, place, Path(figures_dir))
    record = {**analysis_record(context, clusters), "Checksums": dict(stage.checksums)}
    if images is not None:
        record["MadeImages"] = {kind: list(ids) for kind, ids in images.stack.made.items() if ids}
    stage.write(place.analysis(), to_json(record))


def write_snapshot(stage_dir: str | Path, cohort: str, dataset: Any) -> None:
    """Write the dataset that was analysed, so that the folder alone reproduces the run.

    Parameters
    ----------
    stage_dir : path
        The same as for ``write_analysis``.
    cohort : str
        Name of the analysis.
    dataset : Dataset
    """
    snapshots.write(dataset, stage_dir, cohort)


def write_null_foci(stage_dir: str | Path, cohort: str, pool: NullFoci) -> None:
    """Write the pool that the null was drawn from, for the same reason.

    Parameters
    ----------
    stage_dir, cohort
        As for ``write_snapshot``.
    pool : NullFoci
    """
    snapshots.write_null_foci(pool, stage_dir, cohort)


def write_problems(
    stage_dir: str | Path, *, analysis: Analysis, settings: Settings, problems: Iterable[Problem]
) -> None:
    """Write what was odd in the data of an analysis.

    Parameters
    ----------
    stage_dir : path
        The same as for ``write_analysis``.
    """
    rows = pd.DataFrame([asdict(problem) for problem in problems], columns=list(tables.PROBLEMS))
    place = Place(analysis.name, analysis.estimator.type, template_label(settings.target), "")
    _write_table(_Stage(stage_dir), place.table("problems"), rows, tables.PROBLEMS)


def write_dataset_level(
    output_dir: str | Path,
    settings: Settings,
    *,
    analyses: Sequence[Analysis] = (),
    container: Mapping[str, str] | None = None,
) -> None:
    """Write what describes the folder as a whole; analyses already in it are counted in.

    Parameters
    ----------
    output_dir : path
    settings : Settings
        Of the latest run.
    analyses : sequence of Analysis
        Those whose input files are to be identified by a checksum.
    container : dict, optional
        ``Type``, ``Tag``, ``URI`` of the image the run was in.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    output = Path(output_dir)
    description = _dataset_description(output, settings, analyses, container)
    write_file(output / "dataset_description.json", to_json(description))
    write_file(output / "README.md", _README.read_bytes())
    write_file(output / ".bidsignore", "".join(f"{line}\n" for line in BIDSIGNORE).encode())
    named = [*output.glob("tpl-*/**/*.*"), *output.glob("sourcedata/*.*")]
    descs = {parse_path(path.relative_to(output)).get("desc") for path in named}
    rows = [(f"desc-{desc}", describe(desc)) for desc in sorted(desc for desc in descs if desc)]
    table = pd.DataFrame(rows, columns=list(tables.DESCRIPTIONS))
    write_file(output / "descriptions.tsv", to_tsv(table))
    sidecar = tables.column_sidecar(table, tables.DESCRIPTIONS)
    write_file(output / "descriptions.json", to_json(sidecar))


_README = Path(str(files("nimare_pipeline.data"))) / "derivatives_readme.md"


def _place(analysis: Analysis, settings: Settings, result: MetaResult) -> Place:
    return Place(
        cohort=analysis.name,
        model=result.estimator.type,
        template=template_label(settings.target),
        resolution=resolution_label(result.mask),
    )


def _write_maps(stage: _Stage, context: Context) -> None:
    result = context.result
    for spec, path in map_paths(context.place, result.specs.values()).items():
        values = np.asarray(result.maps[spec.name], dtype=np.float32)
        image = result.mask.image(values, outside_value(spec))
        if spec.statistic in _INTENTS:
            image.header.set_intent(_INTENTS[spec.statistic])
        _write_image(stage, path, image, map_sidecar(context, spec))


def _write_diagnostics(stage: _Stage, context: Context, diagnostics: ImageDiagnostics) -> None:
    group = context.result.facts.get("result_group")
    for desc, table, columns in (
        ("peaks", diagnostics.studies, tables.DIAGNOSTICS),
        ("pooled", diagnostics.pooled, tables.POOLED),
    ):
        if len(table):
            path = context.place.table("diagnostics", desc, group=group)
            _write_table(stage, path, table, columns)


def _write_clusters(stage: _Stage, context: Context, clusters: ClusterTable) -> None:
    result, place = context.result, context.place
    desc, spec = cluster_desc(result, clusters), result_spec(result, clusters)
    path = place.table("clusters", desc, group=spec.group)
    columns = tables.cluster_columns(result.facts)
    _write_table(stage, path, clusters.clusters, columns)
    labels = np.asarray(clusters.label_map, dtype=np.int32)
    numbers = np.unique(labels[labels > 0])
    names = pd.DataFrame({"index": numbers, "name": [f"cluster {n}" for n in numbers]})
    path = place.dseg(desc, group=spec.group)
    sidecar = dseg_sidecar(context, clusters) | tables.column_sidecar(names, tables.DSEG)
    _write_image(stage, path, result.mask.image(labels), sidecar)
    stage.write(path.replace(".nii.gz", ".tsv"), to_tsv(names))
    z = shown_z(result)
    if z is not None:
        inside = np.where(labels > 0, z, 0).astype(np.float32)
        image = result.mask.image(inside)
        image.header.set_intent(_INTENTS["z"])
        sidecar = result_sidecar(context, clusters, path)
        where = place.result_map(desc, group=spec.group, tail=spec.tail)
        _write_image(stage, where, image, sidecar)


def _write_nulls(stage: _Stage, context: Context) -> None:
    """Write the nulls the result has, so that thresholds can change without new permutations."""
    arrays, place = context.result.arrays, context.place
    if {"null_stat", "null_logsf"} <= arrays.keys():
        table = pd.DataFrame({"stat": arrays["null_stat"], "logsf": arrays["null_logsf"]})
        path = place.table("nulldist", "uncorrected")
        _write_table(stage, path, table, tables.NULL_UNCORRECTED)
    found = [name.removeprefix("montecarlo_") for name in arrays if name.startswith("montecarlo_")]
    columns = tables.null_columns(found)
    whole = [name for name in arrays if name.startswith(PREFIX)]
    columns |= tables.null_columns(whole)
    # The same null maxima in the same order, in whatever order the arrays were kept.
    names = sorted(columns.keys() - {"iteration"}, key=tables.null_order)
    if names:
        table = pd.DataFrame(
            {name: arrays[name if name in whole else f"montecarlo_{name}"] for name in names}
        )
        table.insert(0, "iteration", np.arange(len(table)))
        path = place.table("nulldist", "montecarlo")
        _write_table(stage, path, table, columns)


def _write_figures(stage: _Stage, place: Place, folder: Path) -> None:
    for figure in sorted(folder.iterdir()):
        if figure.suffix not in {".svg", ".png"}:
            msg = f"{figure}: figures are .svg or .png files"
            raise UsageError(msg)
        stage.write(place.figure(figure.stem, figure.suffix), figure.read_bytes())


def _write_image(
    stage: _Stage, path: str, image: nib.Nifti1Image, sidecar: Mapping[str, Any]
) -> None:
    content = image.to_bytes()
    stage.write(path, content)
    digest = hashlib.sha256(content).hexdigest()
    stage.write(path.replace(".nii.gz", ".json"), to_json({**sidecar, "SHA256": digest}))


def _write_table(
    stage: _Stage, path: str, table: pd.DataFrame, columns: Mapping[str, tables.Column]
) -> None:
    table = tables.typed(table, columns)
    packed = path.endswith(".gz")
    sidecar = tables.column_sidecar(table, columns)
    # BIDS: a compressed table has no header, its sidecar names the columns.
    named = {"Columns": list(table.columns), **sidecar} if packed else sidecar
    stage.write(path, to_tsv(table, header=not packed))
    stage.write(path.removesuffix(".gz").replace(".tsv", ".json"), to_json(named))


def _dataset_description(
    output: Path,
    settings: Settings,
    analyses: Sequence[Analysis],
    container: Mapping[str, str] | None,
) -> dict[str, Any]:
    options = to_json([asdict(settings), [asdict(analysis) for analysis in analyses]])
    link = quote(Path(os.path.relpath(settings.bids_dir, output)).as_posix())
    source = {"URL": link, "Version": _input_version(settings, analyses)}
    generated = {
        "Name": "nimare-pipeline",
        "Version": nimare_pipeline.__version__,
        "ConfigurationHash": hashlib.sha256(options).hexdigest()[:12],
        "Container": dict(container) if container else None,
    }
    return {
        "Name": "nimare-pipeline: neuroimaging meta-analyses",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [_present(generated)],
        "SourceDatasets": [_present(source)],
        "DatasetLinks": {"input": link},
        "HowToAcknowledge": "Cite what the methods text in report.html refers to.",
    }


def _present(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value is not None}


def _input_version(settings: Settings, analyses: Sequence[Analysis]) -> str | None:
    """Identify the input files by their content; None if none of them is there."""
    root = Path(settings.bids_dir)
    found = {name for analysis in analyses for name in analysis.sources}
    paths = [root / name for name in sorted(found)] if root.is_dir() else [root]
    digests = [hashlib.sha256(path.read_bytes()).digest() for path in paths if path.is_file()]
    return f"sha256:{hashlib.sha256(b''.join(digests)).hexdigest()}" if digests else None
