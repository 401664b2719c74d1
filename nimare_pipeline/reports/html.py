"""The report: one HTML file, written from the derivatives folder alone.

Each section is built and rendered by itself; one that cannot be made says why and does not take
the others with it. Nothing is loaded from anywhere: pictures, style and script are inside, and a
content security policy forbids the rest.
"""

import base64
import hashlib
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.reports import boilerplate, references, render, tables, verdict

MAX_FIGURE_BYTES = 8_500_000
"""What all pictures may take up in the report; what is beyond is linked instead."""
PRIORITY = (
    "result_mosaic",
    "foci",
    "null_montecarlo",
    "null_uncorrected",
    "sample_sizes",
    "result_glass",
    "z_mosaic",
    "result_ortho",
)
"""Which pictures are put in first, where not all fit."""
ALWAYS_CITED = (
    "eickhoff2016",
    "muller2018",
    "turkeltaub2012",
    "taylor2023",
    "fonov2011",
    "abraham2014",
)
"""Papers that verdict and captions name."""
LOG_LINES = 200
MAX_CRASH_CHARACTERS = 20_000


@dataclass(frozen=True)
class Picture:
    """A figure of the report: inside it (``uri``) or beside it (``href``, relative)."""

    uri: str
    href: str


@dataclass(frozen=True)
class Section:
    """A rendered section."""

    slug: str
    title: str
    html: str


@dataclass(frozen=True)
class Page:
    """All that the sections of one analysis are made from.

    ``record`` is an ``AnalysisRecord`` of ``nimare_pipeline.derivatives``.
    """

    record: Any
    output_dir: Path
    run: Mapping[str, Any]
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the analysis."""
        return str(self.record.name)

    @property
    def evidence(self) -> verdict.Evidence:
        """What the verdict is made from."""
        record = self.record
        return verdict.Evidence(
            facts=record.facts,
            analysis=record.analysis,
            contrasts=record.contrasts,
            clusters=record.clusters,
            problems=tuple(
                # What the cohort decided has no file, and notices of its own, but for sample sizes.
                str(problem)
                for problem in record.problems
                if problem.file or verdict.MISSING_N in problem.message
            ),
            failure=verdict.run_failure(self.run["status"], self.name),
        )

    def text(self) -> boilerplate.Text:
        """Methods paragraphs."""
        return boilerplate.methods(
            self.record.facts,
            self.record.analysis,
            self.run["versions"],
            contrasts=self.record.contrasts,
        )

    def relative(self, path: Path | str) -> str:
        """Path as a link from the report."""
        return Path(os.path.relpath(path, self.output_dir)).as_posix()


def write_report(output_dir: str | Path) -> Path:
    """Write ``report.html`` and ``logs/CITATION.*`` from what is in a derivatives folder.

    Parameters
    ----------
    output_dir : path
        Derivatives folder of the pipeline.

    Returns
    -------
    Path
        The report.
    """
    from nimare_pipeline import derivatives

    folder = Path(output_dir)
    read = derivatives.read(folder)
    texts = _texts(_pages(read, folder))
    if texts:
        (folder / "logs").mkdir(exist_ok=True)
        for name, content in boilerplate.citation_files(texts).items():
            _write(folder / "logs" / name, content)
    return _write(folder / "report.html", render_report(read, folder))


def render_report(read: Any, output_dir: str | Path) -> str:
    """Render the report.

    Parameters
    ----------
    read : Derivatives
        ``analyses`` and ``run``, as ``nimare_pipeline.derivatives.read`` returns them.
    output_dir : path
        Folder that links are relative to.

    Returns
    -------
    str
        HTML.
    """
    pages = _pages(read, Path(output_dir))
    analyses = [_analysis(page) for page in pages]
    run = _run(read)
    script = _asset("report.js")
    context = {
        "analyses": analyses,
        "run": run,
        "sections": [
            _section("run", spec, lambda make: make(run, pages)) for spec in RUN_SECTIONS
        ],
        "references": _references(pages),
        "style": _asset("style.css"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return render.template("report.html.jinja", context)


def _pages(read: Any, output_dir: Path) -> list[Page]:
    run = _run(read)
    pictures = embed({record.name: record.figures for record in read.analyses}, output_dir)
    return [Page(record, output_dir, run, pictures[record.name]) for record in read.analyses]


def embed(
    figures: Mapping[str, Mapping[str, Path]], output_dir: Path, budget: int = MAX_FIGURE_BYTES
) -> dict[str, dict[str, Picture]]:
    """Put pictures into data URIs, the most telling first, as long as they fit.

    Parameters
    ----------
    figures : dict of str to dict of str to Path
        Analysis to key to file. Files that are not there are left out.
    output_dir : Path
        Folder that links are relative to.
    budget : int
        Bytes that all data URIs together may take.

    Returns
    -------
    dict of str to dict of str to Picture
    """
    embedded: dict[str, dict[str, Picture]] = {name: {} for name in figures}
    keys = dict.fromkeys([*PRIORITY, *(key for paths in figures.values() for key in paths)])
    for key in keys:
        for name, paths in figures.items():
            path = paths.get(key)
            if path is None or not Path(path).is_file():
                continue
            uri = _data_uri(Path(path))
            if len(uri) > budget:
                uri = ""
            budget -= len(uri)
            href = Path(os.path.relpath(path, output_dir)).as_posix()
            embedded[name][key] = Picture(uri, href)
    return embedded


def _data_uri(path: Path) -> str:
    kind = {".svg": "image/svg+xml", ".png": "image/png"}[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


@dataclass(frozen=True)
class _Spec:
    """What a section is made by: a function to the context of the template ``<slug>.jinja``."""

    slug: str
    title: str
    context: Callable[..., Mapping[str, Any]]


def _section(prefix: str, spec: _Spec, call: Callable[[Callable[..., Any]], Any]) -> Section:
    slug = f"{prefix}-{spec.slug}"
    try:
        html = render.template(f"{spec.slug}.jinja", {"slug": slug, **call(spec.context)})
    except Exception as error:  # noqa: BLE001 - a broken section says so; the report goes on
        html = render.template("broken.jinja", {"error": f"{type(error).__name__}: {error}"})
    return Section(slug, spec.title, html)


def _analysis(page: Page) -> dict[str, Any]:
    judged: verdict.Verdict | None
    try:
        judged = verdict.verdict(page.evidence)
        opening = render.template("verdict.jinja", {"verdict": judged, "numbers": _numbers(page)})
    except Exception as error:  # noqa: BLE001 - as for sections
        judged = None
        opening = render.template("broken.jinja", {"error": f"{type(error).__name__}: {error}"})
    slug = f"analysis-{page.name}"
    specs = ANALYSIS_SECTIONS
    return {
        "name": page.name,
        "slug": slug,
        "level": judged.level if judged else "bad",
        "headline": judged.headline if judged else "",
        "opening": opening,
        "sections": [_section(slug, spec, lambda make: make(page)) for spec in specs],
    }


def _numbers(page: Page) -> list[tuple[str, str]]:
    facts, clusters = page.record.facts, page.record.clusters
    main = boilerplate.main_peaks(clusters)
    pairs = [
        ("experiments", facts.get("n_contrasts")),
        ("studies", facts.get("n_studies")),
        ("participants", facts.get("n_participants")),
        ("foci", facts.get("n_foci")),
        ("clusters", len(main)),
        ("significant voxels", main["n_voxels"].sum() if "n_voxels" in main else None),
    ]
    return [(label, render.number(value)) for label, value in pairs if value is not None]


def _data(page: Page) -> dict[str, Any]:
    contrasts = page.record.contrasts
    if contrasts.empty:
        return _base(page) | {"flow": None}
    kept = tables.truth(contrasts["included"])
    reasons = contrasts.loc[~kept, "reason"].fillna("no reason given").astype(str)
    spaces = contrasts.loc[kept].groupby(
        ["original_space", "space_transform"], dropna=False, sort=False
    )
    return _base(page) | {
        "flow": {
            "found": len(contrasts),
            "excluded": list(reasons.value_counts(sort=False).items()),
            "analysed": int(kept.sum()),
        },
        "spaces": [(space, transform, len(rows)) for (space, transform), rows in spaces],
        "contrasts": tables.contrasts_table(contrasts),
        "problems": [str(problem) for problem in page.record.problems],
    }


def _foci(page: Page) -> dict[str, Any]:
    coordinates = page.record.coordinates
    outside = None if coordinates.empty else tables.outside_table(coordinates)
    return _base(page) | {"outside": outside, "n_foci": len(coordinates)}


def _result(page: Page) -> dict[str, Any]:
    return _base(page) | {
        "significant": not page.record.clusters.empty,
        "thresholds": boilerplate.thresholds_at(page.record.facts, _alpha(page)),
    }


def _clusters(page: Page) -> dict[str, Any]:
    clusters = page.record.clusters
    if clusters.empty:
        return _base(page) | {"clusters": None}
    return _base(page) | {
        "clusters": tables.clusters_table(clusters),
        "centres": tables.centres_table(clusters),
        "distance_mm": defaults.PEAK_DISTANCE_MM,
    }


def _nulls(page: Page) -> dict[str, Any]:
    return _base(page) | {
        "thresholds": page.record.facts.get("montecarlo", {}).get("thresholds", {}),
        "forming": page.record.facts.get("cluster_forming"),
    }


def _methods(page: Page) -> dict[str, Any]:
    methods = page.text()
    results = boilerplate.results(page.record.facts, page.record.analysis, page.record.clusters)
    keys = [*methods.citations, *results.citations]
    return {
        "methods": methods.html,
        "results": results.html,
        "references": references.select(keys),
        "waiver": boilerplate.WAIVER,
    }


def _files(page: Page) -> dict[str, Any]:
    rows = [
        (_meaning(spec), page.relative(path), _sha256(Path(path)))
        for spec, path in page.record.maps.items()
    ]
    return {"files": rows, "analysis": _flat(page.record.analysis)}


def _settings(run: Mapping[str, Any], _pages: list[Page]) -> dict[str, Any]:
    return {
        "command": run["command"],
        "settings": _flat(run["settings"]),
        "versions": sorted(run["versions"].items()),
        "graph": run["graph"],
    }


def _log(run: Mapping[str, Any], _pages: list[Page]) -> dict[str, Any]:
    lines = str(run["log"]).splitlines()
    return {
        "lines": lines[-LOG_LINES:],
        "status": run["status"],
        "crashes": run["crashes"],
        "problems": run["problems"],
    }


ANALYSIS_SECTIONS = (
    _Spec("data", "Data and exclusions", _data),
    _Spec("foci", "Foci", _foci),
    _Spec("result", "Result", _result),
    _Spec("clusters", "Clusters", _clusters),
    _Spec("nulls", "Null distributions", _nulls),
    _Spec("methods", "Text for a paper", _methods),
    _Spec("files", "Files", _files),
)
RUN_SECTIONS = (_Spec("settings", "Settings and versions", _settings), _Spec("log", "Log", _log))


def _base(page: Page) -> dict[str, Any]:
    """Names that most templates use."""
    return {
        "name": page.name,
        "pictures": page.pictures,
        "facts": page.record.facts,
        "alpha": _alpha(page),
    }


def _alpha(page: Page) -> float:
    return float(page.evidence.analysis.get("alpha", defaults.ALPHA))


def _run(read: Any) -> dict[str, Any]:
    """What is known of the latest run; empty where nothing is."""
    run, status = read.run, read.run.status
    settings = dict(run.settings.get("settings", {}))
    return {
        "settings": settings,
        "status": status,
        "log": run.log_tail,
        "uuid": run.uuid,
        "command": shlex.join(map(str, settings.pop("command", ()))),
        "versions": _versions(read),
        "crashes": [(path.name, _read(path)) for path in run.crash_files],
        "graph": _data_uri(run.graph) if run.graph else "",
        "problems": [str(problem) for problem in read.problems],
    }


def _versions(read: Any) -> dict[str, str]:
    """Versions that the run recorded, of its own packages and of ours."""
    status = read.run.status
    sources = [
        status.get("versions"),
        *(record.record.get("Versions") for record in read.analyses),
    ]
    found: Mapping[str, Any] = next((source for source in sources if source), {})
    own = {boilerplate.PIPELINE: status["version"]} if status.get("version") else {}
    return own | {str(name): str(version) for name, version in found.items()}


def _texts(pages: Iterable[Page]) -> dict[str, boilerplate.Text]:
    return {page.name: page.text() for page in pages if page.record.facts}


def _references(pages: Iterable[Page]) -> tuple[references.Reference, ...]:
    cited = [key for text in _texts(pages).values() for key in text.citations]
    return references.select([*cited, *ALWAYS_CITED])


def _meaning(spec: MapSpec) -> str:
    """Map in words: ``z, corrected for family-wise error by cluster size``."""
    group = f" of {spec.group}" if spec.group else ""
    if spec.correction is None:
        return f"{spec.statistic}{group}, uncorrected"
    error = {"FWE": "family-wise error", "FDR": "false discovery rate"}[spec.correction]
    level = f"{spec.level or 'voxel'}{f' {spec.measure}' if spec.measure else ''}"
    return f"{spec.statistic}{group}, corrected for {error} by {level}"


def _flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names and values."""
    pairs: list[tuple[str, str]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            pairs.append((f"{prefix}{name}", text))
    return pairs


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-MAX_CRASH_CHARACTERS:]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _asset(name: str) -> str:
    return files("nimare_pipeline.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _write(path: Path, content: str) -> Path:
    """Write aside and rename, so that nobody reads half a file."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(content, encoding="utf-8")
    aside.replace(path)
    return path
