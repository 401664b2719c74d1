"""What a folder of derivatives tells: its analyses and its latest run, as records."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from nimare_pipeline.directions import is_of_images
from nimare_pipeline.errors import Problem
from nimare_pipeline.maps import MapSpec


@dataclass(frozen=True)
class AnalysisRecord:
    """One analysis as its folder tells it.

    Parameters
    ----------
    name : str
    folder : Path
    record : dict
        All of ``*_analysis.json``: Description, Analysis, Facts, Result, BibTeX, ...
    contrasts, coordinates, clusters : DataFrame
        Columns as in ``derivative_tables``; empty if missing. mm.
    images : DataFrame
        Checks of the images of an image-based analysis; empty of others.
    null_uncorrected, null_montecarlo : DataFrame or None
        Columns stat, logsf; and iteration, max_stat, max_size, max_mass, or those of each tail.
    maps : dict of MapSpec to Path
    result_spec : MapSpec
        The map the verdict rests on, a key of ``maps``.
    result_map, label_image, mask : Path or None
        Uncorrected z inside the significant clusters; their numbers; voxels analysed.
    figures : dict of str to Path
        Of the report, by key.
    paper_figures : dict of str to Path
        For a paper: ``result_mosaic.svg``, ``z_glass.png``, ...
    snapshot : Path or None
        Dataset that was analysed.
    problems : tuple of Problem
        Found in the data by the run, then found while reading.
    diagnostics, pooled : DataFrame
        Contrasts at peaks, and peaks, of an image-based analysis, as ``image_diagnostics`` makes
        them; empty of others, and where missing or damaged.
    """

    name: str
    folder: Path
    record: dict[str, Any]
    contrasts: pd.DataFrame
    coordinates: pd.DataFrame
    clusters: pd.DataFrame
    null_uncorrected: pd.DataFrame | None
    null_montecarlo: pd.DataFrame | None
    maps: dict[MapSpec, Path]
    result_spec: MapSpec
    result_map: Path | None
    label_image: Path | None
    mask: Path | None
    figures: dict[str, Path]
    paper_figures: dict[str, Path]
    snapshot: Path | None
    problems: tuple[Problem, ...]
    images: pd.DataFrame = field(default_factory=pd.DataFrame)
    diagnostics: pd.DataFrame = field(default_factory=pd.DataFrame)
    pooled: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def analysis(self) -> dict[str, Any]:
        """What was asked for: the fields of ``settings.Analysis``."""
        return dict(self.record.get("Analysis", {}))

    @property
    def facts(self) -> dict[str, Any]:
        """Numbers of the run, as ``MetaResult.facts``."""
        return dict(self.record.get("Facts", {}))

    @property
    def made(self) -> dict[str, list[str]]:
        """Kind of image to the contrasts whose image was computed from others."""
        known = self.record.get("MadeImages")
        if not isinstance(known, dict):
            return {}
        return {kind: ids for kind, ids in known.items() if isinstance(ids, list)}

    @property
    def is_of_images(self) -> bool:
        """Whether it is an analysis of statistical images."""
        return is_of_images(self.facts) or self.analysis.get("type") == "ibma"


@dataclass(frozen=True)
class RunRecord:
    """The latest run as its logs tell it.

    Parameters
    ----------
    uuid : str
        Empty if there is no run.
    folder : Path or None
    settings : dict
        ``settings`` and ``analysis`` of settings.toml.
    status : dict
        status.json.
    log_tail : str
        Last lines of run.log.
    graph : Path or None
        Picture of the workflow.
    crash_files : tuple of Path
    """

    uuid: str = ""
    folder: Path | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    log_tail: str = ""
    graph: Path | None = None
    crash_files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Derivatives:
    """A folder of derivatives.

    Parameters
    ----------
    folder : Path
    description : dict
        dataset_description.json.
    analyses : tuple of AnalysisRecord
        By name.
    run : RunRecord
    problems : tuple of Problem
        Found while reading what is not of one analysis.
    """

    folder: Path
    description: dict[str, Any]
    analyses: tuple[AnalysisRecord, ...]
    run: RunRecord
    problems: tuple[Problem, ...]
