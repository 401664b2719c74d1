"""Tables for a paper as pages to paste from: plain HTML with its formatting in each cell.

Word processors keep what stands in the cell and forget classes and style sheets: so there are
none, and sub-peaks are indented by spaces. The body has no margin, because LibreOffice would hand
it down to each cell.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nimare_pipeline import defaults
from nimare_pipeline.derivative_names import page
from nimare_pipeline.directions import GROUPS, group_facts, group_names, is_pair
from nimare_pipeline.pooling import POOLED_INTO
from nimare_pipeline.reports import boilerplate, image_texts, paper_words, render, tables
from nimare_pipeline.writing import write_file

INDENT = "\N{EM SPACE}"


@dataclass(frozen=True)
class Column:
    """Column of a table: its head, and how its cells are written."""

    head: str
    write: Callable[[Any], str]
    numeric: bool = True


@dataclass(frozen=True)
class PlainTable:
    """A table ready for the template: caption, columns, rows of text, note."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def write_pages(record: Any, output_dir: str | Path) -> tuple[Path, ...]:
    """Write the pages of an analysis beside the tables they show.

    Parameters
    ----------
    record : AnalysisRecord
    output_dir : path
        Folder of the derivatives.

    Returns
    -------
    tuple of Path
        Significant clusters (none where nothing is significant), and the experiments.
    """
    root = Path(output_dir)
    made = (("clusters", clusters_page(record)), ("contrasts", contrasts_page(record)))
    written = []
    for suffix, content in made:
        source = next(record.folder.glob(f"*_{suffix}.tsv"), None)
        if content and source is not None:
            path = root / page(source.relative_to(root).as_posix())
            write_file(path, content.encode())
            written.append(path)
    return tuple(written)


def clusters_page(record: Any) -> str:
    """Page of the significant clusters and their peaks; empty where there is none."""
    clusters = record.clusters
    if clusters.empty:
        return ""
    p_name, p_head = paper_words.p_column(record)
    columns = {
        "peak": Column("Cluster", _text, numeric=False),
        "direction": Column("Direction", _text, numeric=False),
        "region": Column("Region", _text, numeric=False),
        "side": Column("Side", lambda side: _text(side)[:1].upper(), numeric=False),
        "x": Column("x", _mm),
        "y": Column("y", _mm),
        "z": Column("z", _mm),
        "z_stat": Column("z value", _decimals(2)),
        "stat": Column(paper_words.statistic(record), _blank(tables.statistic_writer(clusters))),
        p_name: Column(p_head, paper_words.p_text),
        "volume_mm3": Column("Volume (mm³)", _value),
        "n_voxels": Column("Voxels", _value),
        "n_experiments": Column("Experiments", _value),
        **_OF_IMAGES,
    }
    if is_pair(record.facts):
        del columns["n_experiments"]
        for label, name in zip(GROUPS, group_names(record.facts), strict=True):
            columns[f"n_experiments_{label}"] = Column(f"Experiments of {name}", _value)
    sub = clusters["cluster"].duplicated()
    peaks = [f"{INDENT * s}{p}" for s, p in zip(sub, clusters["peak"], strict=True)]
    marked = clusters.assign(peak=peaks)
    if "direction" in clusters:
        marked["direction"] = clusters["direction"].where(~sub, "")
    caption = f"{_clusters_title(record)}, {paper_words.threshold(record)}."
    return _page(record, [plain(marked, columns, caption, _clusters_note(record, columns))])


def _clusters_title(record: Any) -> str:
    """What the clusters are of: a meta-analysis, or a comparison of two groups."""
    estimator = paper_words.estimator(record)
    if is_pair(record.facts):
        groups = " and ".join(
            f"{group['name']} ({render.counted(group.get('n_contrasts'), 'experiment')})"
            for group in group_facts(record.facts)
        )
        return f"Significant differences between {groups}, {estimator} “{record.name}”"
    n_experiments = record.facts.get("n_contrasts")
    of = f" of {render.counted(n_experiments, unit(record))}" if n_experiments else ""
    return f"Significant clusters of the {estimator} meta-analysis “{record.name}”{of}"


def unit(record: Any) -> str:
    """What an analysis is of: an experiment, or a contrast with images."""
    return "contrast" if boilerplate.of_images(record.facts, record.analysis) else "experiment"


def _clusters_note(record: Any, columns: Mapping[str, Column]) -> str:
    parts = [
        f"Coordinates of the peaks in mm, {paper_words.space(record)}.",
        f"z value: uncorrected, {paper_words.tail(record)}, at the peak.",
    ]
    if record.clusters["cluster"].duplicated().any():
        distance = render.number(defaults.PEAK_DISTANCE_MM)
        parts.append(f"Indented rows: further peaks of the cluster, at least {distance} mm apart.")
    sides = [side for side in ("left", "right", "midline") if side in set(record.clusters["side"])]
    parts.append(f"Side: {', '.join(f'{side[0].upper()} {side}' for side in sides)}.")
    if "n_experiments" in record.clusters:
        parts.append("Experiments: those with at least one focus inside the cluster.")
    if "est" in record.clusters:
        parts.append(f"Effect: {image_texts.estimate_words(record)}, at the peak.")
    if "n" in record.clusters:
        parts.append("Studies: those with a value at the peak.")
    return " ".join(parts)


def contrasts_page(record: Any) -> str:
    """Page of the experiments that were analysed, and of those left out; empty without any."""
    contrasts = record.contrasts
    if contrasts.empty:
        return ""
    kept = tables.truth(contrasts["included"])
    filled = tables.imputed(contrasts)
    sizes = (
        [
            f"{_value(size)}*" if star else _value(size)
            for size, star in zip(contrasts["sample_size"], filled, strict=True)
        ]
        if "sample_size" in contrasts
        else [""] * len(contrasts)
    )
    shown = tables.named(contrasts).assign(sample_size=sizes)
    columns = {
        "study_id": Column("Study", _text, numeric=False),
        "contrast_id": Column("Contrast", _text, numeric=False),
        "group": Column("Group", _text, numeric=False),
        "sample_size": Column("N", str),
        "pooled_into": Column("Experiment", _text, numeric=False),
        "pooled_sample_size": Column("N of the experiment", _value),
        **(
            {"images": Column("Images", _text, numeric=False)}
            if (unit(record) == "contrast")
            else {}
        ),
        "n_foci": Column("Foci", _value),
        "original_space": Column("Space", _text, numeric=False),
        "space_transform": Column("Transform", _transform, numeric=False),
    }
    stars = "* No sample size is reported; the value was put in." if (filled & kept).any() else ""
    united = (
        "Contrasts with the same experiment were pooled into it. " if POOLED_INTO in shown else ""
    )
    made = [
        plain(
            shown[kept],
            columns,
            f"{unit(record).capitalize()}s of the meta-analysis “{record.name}”.",
            f"N: participants. {stars}"
            if (unit(record) == "contrast")
            else f"{united}N: participants. Foci: as reported. Space: as published. {stars}",
        )
    ]
    if not kept.all():
        out = {
            **{name: columns[name] for name in ("study_id", "contrast_id")},
            "reason": Column("Reason", _text, numeric=False),
        }
        caption = f"{unit(record).capitalize()}s left out of the meta-analysis “{record.name}”."
        made.append(plain(shown[~kept], out, caption))
    return _page(record, made)


def plain(
    frame: pd.DataFrame, columns: Mapping[str, Column], caption: str, note: str = ""
) -> PlainTable:
    """Write the cells of the columns that hold anything."""
    texts = {
        name: [column.write(value) for value in frame[name]]
        for name, column in columns.items()
        if name in frame
    }
    texts = {name: cells for name, cells in texts.items() if any(cells)}
    rows = tuple(zip(*texts.values(), strict=True))
    return PlainTable(caption, tuple(columns[name] for name in texts), rows, note.strip())


def _page(record: Any, made: Sequence[PlainTable]) -> str:
    return render.template("paper_table.html.jinja", {"name": record.name, "tables": made})


def _text(value: Any) -> str:
    return "" if render.is_missing(value) else str(value)


def _transform(value: Any) -> str:
    return "" if value == "none" else _text(value)


def _blank(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """Write nothing where a value is missing."""
    return lambda value: "" if render.is_missing(value) else write(value)


def _value(value: Any) -> str:
    return "" if render.is_missing(value) else render.number(value)


def _mm(value: Any) -> str:
    return "" if render.is_missing(value) else render.number(round(float(value), 1))


def _decimals(digits: int) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        if render.is_missing(value):
            return ""
        return f"{value:.{digits}f}".replace("-", render.MINUS)

    return write


def _rounded(value: Any) -> str:
    return "" if render.is_missing(value) else render.number(value, 3)


_OF_IMAGES = {
    "est": Column("Effect", _rounded),
    "se": Column("SE", _rounded),
    "tau2": Column("τ²", _rounded),
    "i2": Column("I² (%)", _decimals(0)),
    "n": Column("Studies", _value),
}
"""Columns of clusters that only analyses of images have."""
