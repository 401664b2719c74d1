"""The report: one HTML file, written from the derivatives folder alone.

Each section is built and rendered by itself; one that cannot be made says why and does not take
the others with it. Nothing is loaded from anywhere: pictures, style and script are inside, and a
content security policy forbids the rest.
"""

import base64
import hashlib
import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from nimare_pipeline.directions import group_facts
from nimare_pipeline.reports import boilerplate, references, render, sections, verdict
from nimare_pipeline.reports.pages import Page, Picture, Spec, link

MAX_FIGURE_BYTES = 8_500_000
"""What all pictures may take up in the report; what is beyond is linked instead."""
PRIORITY = (
    "result_mosaic",
    "foci",
    "region",
    "null_montecarlo",
    "null_uncorrected",
    "sample_sizes",
    "result_glass",
    "z_mosaic",
    "effect_mosaic",
    "coverage_mosaic",
    "heterogeneity",
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
    "langner2014",
    "nichols2005",
)
"""Papers that verdict and captions name."""
OF_IMAGES = ("taylor2023", "fonov2011", "abraham2014", "higgins2003", "muller2018")
"""The same of analyses of images."""
MAX_CRASH_CHARACTERS = 20_000


@dataclass(frozen=True)
class Section:
    """A rendered section."""

    slug: str
    title: str
    html: str


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
    html = render_report(read, folder)
    texts = _texts(_pages(read, folder))
    if texts:
        (folder / "logs").mkdir(exist_ok=True)
        for name, content in boilerplate.citation_files(texts).items():
            _write(folder / "logs" / name, content)
    return _write(folder / "report.html", html)


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
    folder = Path(output_dir)
    pictures = embed({record.name: record.figures for record in read.analyses}, folder)
    pages = [replace(page, pictures=pictures[page.name]) for page in _pages(read, folder)]
    analyses = [_analysis(page) for page in pages]
    run = _run(read)
    script = _asset("report.js")
    context = {
        "analyses": analyses,
        "failed": _failed(run, [page.name for page in pages]),
        "n_linked": sum(not one.uri for page in pages for one in page.pictures.values()),
        "run": run,
        "sections": [
            _section("run", spec, lambda make: make(run, pages)) for spec in sections.RUN_SECTIONS
        ],
        "references": _references(pages),
        "style": _asset("style.css"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return render.template("report.html.jinja", context)


def _pages(read: Any, output_dir: Path) -> list[Page]:
    """One page an analysis, in the order of the run; those of earlier runs follow."""
    run = _run(read)
    order = [one["name"] for one in _planned(run)]
    records = sorted(
        read.analyses,
        key=lambda one: order.index(one.name) if one.name in order else len(order),
    )
    return [Page(record, output_dir, run) for record in records]


def _planned(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the status of the run says of each analysis; nothing if it is damaged."""
    listed = run["status"].get("analyses")
    rows = listed if isinstance(listed, list) else []
    return [one for one in rows if isinstance(one, Mapping) and isinstance(one.get("name"), str)]


def _failed(run: Mapping[str, Any], there: Sequence[str]) -> list[tuple[str, str]]:
    """Analyses of the run that have left no result, and why."""
    return [
        (str(one["name"]), str(one.get("reason") or one.get("state") or "not complete"))
        for one in _planned(run)
        if one.get("exit_code") != 0 and one["name"] not in there
    ]


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
            embedded[name][key] = Picture(uri, link(path, output_dir))
    return embedded


def _data_uri(path: Path) -> str:
    kind = {".svg": "image/svg+xml", ".png": "image/png"}[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _section(prefix: str, spec: Spec, call: Callable[[Callable[..., Any]], Any]) -> Section:
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
    specs = sections.of(page)
    return {
        "name": page.name,
        "slug": slug,
        "level": judged.level if judged else "bad",
        "headline": judged.headline if judged else "",
        "opening": opening,
        "description": str(page.record.analysis.get("description") or ""),
        "unit": "Contrasts" if page.of_images else "Experiments",
        "select": " ".join(str(page.record.analysis.get("select") or "").split()),
        "sections": [_section(slug, spec, lambda make: make(page)) for spec in specs],
    }


def _numbers(page: Page) -> list[tuple[str, str]]:
    facts, clusters = page.record.facts, page.record.clusters
    main = boilerplate.main_peaks(clusters)
    if page.of_images:
        return _of_known([
            ("contrast", "contrasts", facts.get("n_contrasts")),
            ("study", "studies", facts.get("n_studies")),
            ("participant", "participants", facts.get("n_participants")),
            ("voxel analysed", "voxels analysed", facts.get("n_voxels_analysed")),
            ("cluster", "clusters", len(main)),
            ("significant voxel", "significant voxels", _n_significant(main)),
        ])  # fmt: skip
    sizes = [
        (f"experiment of {group['name']}", f"experiments of {group['name']}", n)
        for group in group_facts(facts)
        if (n := group.get("n_contrasts")) is not None
    ]
    known = [
        *(sizes or [("experiment", "experiments", facts.get("n_contrasts"))]),
        ("study", "studies", facts.get("n_studies")),
        ("participant", "participants", facts.get("n_participants")),
        ("focus", "foci", facts.get("n_foci")),
        ("cluster", "clusters", len(main)),
        ("significant voxel", "significant voxels", _n_significant(main)),
    ]
    return _of_known(known)


def _n_significant(main: Any) -> Any:
    return main["n_voxels"].sum() if "n_voxels" in main else None


def _of_known(known: Iterable[tuple[str, str, Any]]) -> list[tuple[str, str]]:
    return [
        (one if value == 1 else many, render.number(value))
        for one, many, value in known
        if value is not None
    ]


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
    """Versions that the analyses record, and ours as the run does; damaged ones do not count."""
    status = read.run.status
    sources = [record.record.get("Versions") for record in read.analyses]
    found = next((source for source in sources if isinstance(source, Mapping) and source), {})
    own = {boilerplate.PIPELINE: status["version"]} if status.get("version") else {}
    return own | {str(name): str(version) for name, version in found.items()}


def _texts(pages: Iterable[Page]) -> dict[str, boilerplate.Text]:
    """Methods of the analyses whose numbers are there and make sense; the section says if not."""
    texts = {}
    for page in pages:
        if page.record.facts:
            with suppress(Exception):
                texts[page.name] = page.text()
    return texts


def _references(pages: Sequence[Page]) -> tuple[references.Reference, ...]:
    cited = [key for text in _texts(pages).values() for key in text.citations]
    of_images = [page.of_images for page in pages]
    always = ALWAYS_CITED if not of_images or not all(of_images) else ()
    of_all = OF_IMAGES if any(of_images) else ()
    return references.select([*cited, *always, *of_all])


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-MAX_CRASH_CHARACTERS:]


def _asset(name: str) -> str:
    return files("nimare_pipeline.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _write(path: Path, content: str) -> Path:
    """Write aside and rename, so that nobody reads half a file."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(content, encoding="utf-8")
    aside.replace(path)
    return path
