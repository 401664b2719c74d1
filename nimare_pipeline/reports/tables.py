"""Tables of the report: which columns, under which heads, how their cells are written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nimare_pipeline import derivative_tables
from nimare_pipeline.directions import GROUPS
from nimare_pipeline.reports import render

MAX_ROWS = 500
"""Longer tables are cut in the report; the TSV holds them whole."""


@dataclass(frozen=True)
class Head:
    """Head of a column: short label, what it means, and how its cells are written."""

    label: str
    write: Callable[[Any], str] = render.number
    help: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """Text of a cell, and the value it is sorted by (empty sorts last)."""

    text: str
    sort: str


@dataclass(frozen=True)
class Table:
    """A table ready for a template.

    Parameters
    ----------
    heads : tuple of Head
    rows : tuple of (str, tuple of Cell)
        CSS class of the row, and its cells.
    n_rows : int
        Rows of the whole table, of which at most ``MAX_ROWS`` are here.
    """

    heads: tuple[Head, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    n_rows: int


def _text(value: Any) -> str:
    return render.NOT_KNOWN if render.is_missing(value) else str(value)


def _fixed(digits: int) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        if render.is_missing(value):
            return render.NOT_KNOWN
        return f"{value:.{digits}f}".replace("-", render.MINUS)

    return write


def _yes_no(value: Any) -> str:
    return render.NOT_KNOWN if render.is_missing(value) else ("yes" if _is_true(value) else "no")


def _mm(value: Any) -> str:
    if render.is_missing(value):
        return render.NOT_KNOWN
    return f"{value:.1f}".removesuffix(".0").replace("-", render.MINUS)


def _size(value: Any) -> str:
    return f"{render.number(value.n)}*" if isinstance(value, Imputed) else render.number(value)


@dataclass(frozen=True)
class Imputed:
    """A sample size that no file gives; written with an asterisk."""

    n: float

    def __float__(self) -> float:
        return float(self.n)


CLUSTERS = {
    "peak": Head("Cluster", _text, numeric=False),
    "direction": Head("Direction", _text, numeric=False),
    "n_voxels": Head("Voxels"),
    "volume_mm3": Head("mm³"),
    "p_size_fwe": Head("p(size)", render.p_value),
    "p_mass_fwe": Head("p(mass)", render.p_value),
    "x": Head("x", _mm),
    "y": Head("y", _mm),
    "z": Head("z", _mm),
    "side": Head("Side", _text, numeric=False),
    "stat": Head("Statistic"),
    "z_stat": Head("z value", _fixed(2)),
    "p_voxel_fwe": Head("p(voxel)", render.p_value),
    "p_voxel_fdr": Head("p(FDR)", render.p_value),
    "p_tfce_fwe": Head("p(TFCE)", render.p_value),
    "n_experiments": Head("Exp.", help="Experiments with at least one focus inside the cluster"),
}
CENTRES = {
    "peak": Head("Cluster", _text, numeric=False),
    "com": Head("Centre of mass", _text, "Of the cluster's voxels, x, y, z in mm", numeric=False),
    "nearest_inside": Head("Nearest voxel to it", _text, numeric=False,
        help="Where the centre lies outside the cluster: the cluster's voxel nearest to it"),
    "wcom": Head("Weighted centre", _text, "Weighted by statistic, x, y, z in mm", numeric=False),
    "wnearest_inside": Head("Nearest voxel to that", _text, numeric=False,
        help="Where the weighted centre lies outside: the cluster's voxel nearest to it"),
    "mass": Head("Mass"),
    "n_studies": Head("Studies"),
    "experiments": Head("Experiments inside", _text, numeric=False),
}  # fmt: skip
CONTRASTS = {
    "study_id": Head("Study", _text, numeric=False),
    "contrast_id": Head("Contrast", _text, numeric=False),
    "group": Head("Group", _text, numeric=False),
    "sample_size": Head("N", _size),
    "pooled_into": Head("Experiment", _text, numeric=False),
    "pooled_sample_size": Head("N of the experiment", _size),
    "n_foci": Head("Foci"),
    "n_foci_inside": Head("Inside"),
    "n_foci_outside": Head("Outside"),
    "original_space": Head("Space", _text, numeric=False),
    "space_transform": Head("Transform", _text, numeric=False),
    "kernel_fwhm": Head("Kernel, mm"),
    "file": Head("File", _text, numeric=False),
    "line": Head("Line"),
    "included": Head("Analysed", _yes_no, numeric=False),
    "reason": Head("Reason", _text, numeric=False),
}
FOCI = {
    "study_id": Head("Study", _text, numeric=False),
    "contrast_id": Head("Contrast", _text, numeric=False),
    "x": Head("x", _mm),
    "y": Head("y", _mm),
    "z": Head("z", _mm),
    "original_space": Head("Space", _text, numeric=False),
    "used": Head("Used", _yes_no, numeric=False),
}


def truth(values: pd.Series) -> pd.Series:
    """Column of truth values as bool, whatever way a file says it; missing is False."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.fillna(False).astype(bool)  # noqa: FBT003 - the value
    return values.map(lambda value: not render.is_missing(value) and _is_true(value)).astype(bool)


def imputed(contrasts: pd.DataFrame) -> pd.Series:
    """Whether the sample size of a contrast is one that was put in where none is reported."""
    if not {"sample_size", "sample_size_filled"} <= set(contrasts.columns):
        return pd.Series(False, contrasts.index)  # noqa: FBT003 - the values
    known = ~contrasts["sample_size"].map(render.is_missing).astype(bool)
    return truth(contrasts["sample_size_filled"]) & known


def clusters_table(
    clusters: pd.DataFrame, *, statistic: str = "ALE", groups: Sequence[str] = ()
) -> Table:
    """Peaks and sub-peaks as a paper prints them; rows of sub-peaks have the class ``sub``.

    Columns without any value (p that were not computed) are left out. Of two groups that are
    compared, ``groups`` holds the names.
    """
    first = ~clusters["cluster"].duplicated()
    classes = ["" if main else "sub" for main in first]
    heads = {**CLUSTERS, "stat": Head(statistic, statistic_writer(clusters))}
    if groups:
        del heads["n_experiments"]
    for label, name in zip(GROUPS, groups, strict=False):
        text = f"Experiments of {name} with at least one focus inside the cluster"
        heads[f"n_experiments_{label}"] = Head(f"Exp. {name}", help=text)
    described = derivative_tables.PAIR_CLUSTERS if groups else derivative_tables.CLUSTERS
    return make(without_empty(clusters), heads, described, classes=classes)


def statistic_writer(clusters: pd.DataFrame) -> Callable[[Any], str]:
    """Write statistics with as many decimals as they need to be told apart: counts have none."""
    known = clusters["stat"].dropna() if "stat" in clusters else pd.Series(dtype=float)
    if len(known) and (known == known.round()).all():
        return render.number
    return _fixed(4 if known.abs().max() < 10 else 2)


def centres_table(clusters: pd.DataFrame) -> Table:
    """Centres of the clusters, their mass, and the experiments inside."""
    main = clusters.drop_duplicates("cluster").copy()
    for name in ("com", "nearest_inside", "wcom", "wnearest_inside"):
        parts = [f"{name}_{axis}" for axis in "xyz"]
        if set(parts) <= set(main.columns):
            main[name] = [_point(row) for row in main[parts].itertuples(index=False)]
    return make(without_empty(main), CENTRES, derivative_tables.CLUSTERS)


def named(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Contrasts with the names of study and contrast in place of ids, where there are names."""
    shown = {}
    for part in ("study", "contrast"):
        if {f"{part}_id", f"{part}_name"} <= set(contrasts.columns):
            name = contrasts[f"{part}_name"]
            known = ~name.map(render.is_missing).astype(bool)
            shown[f"{part}_id"] = name.where(known, contrasts[f"{part}_id"])
    return contrasts.assign(**shown)


def contrasts_table(contrasts: pd.DataFrame, *, heads: Mapping[str, Head] | None = None) -> Table:
    """Experiments found, with what became of them; columns without any value are left out."""
    classes = ["" if kept else "out" for kept in truth(contrasts["included"])]
    if imputed(contrasts).any():
        sizes = zip(contrasts["sample_size"], imputed(contrasts), strict=True)
        marked = [Imputed(float(size)) if filled else size for size, filled in sizes]
        contrasts = contrasts.assign(sample_size=pd.Series(marked, contrasts.index, dtype=object))
    shown = without_empty(named(contrasts))
    return make(shown, heads or CONTRASTS, derivative_tables.CONTRASTS, classes=classes)


def outside_table(coordinates: pd.DataFrame) -> Table:
    """Foci outside the mask."""
    outside = coordinates[~truth(coordinates["inside"])]
    return make(outside, FOCI, derivative_tables.COORDINATES)


def make(
    frame: pd.DataFrame,
    heads: Mapping[str, Head],
    described: Mapping[str, Any],
    *,
    classes: list[str] | None = None,
) -> Table:
    """Pick and write the columns of ``heads`` that ``frame`` has.

    Parameters
    ----------
    frame : DataFrame
    heads : dict of str to Head
        Column to head, in order of display.
    described : dict of str to Column
        Descriptions for heads that have no help of their own.
    classes : list of str, optional
        CSS class of each row.
    """
    names = [name for name in heads if name in frame]
    columns = [
        [_cell(value, heads[name]) for value in frame[name].head(MAX_ROWS)] for name in names
    ]
    rows = zip(*columns, strict=True) if columns else ()
    classes = [""] * len(frame) if classes is None else classes
    return Table(
        heads=tuple(_helped(heads[name], described.get(name)) for name in names),
        rows=tuple(zip(classes[:MAX_ROWS], map(tuple, rows), strict=True)),
        n_rows=len(frame),
    )


def without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Table without the columns that hold nothing."""
    return frame.loc[:, [not frame[name].map(render.is_missing).all() for name in frame]]


def _helped(head: Head, column: Any) -> Head:
    text = head.help or getattr(column, "description", "")
    return Head(head.label, head.write, text, head.numeric)


def _cell(value: Any, head: Head) -> Cell:
    if render.is_missing(value):
        return Cell("", "")
    number = isinstance(value, int | float | np.number | Imputed)
    number = number and not isinstance(value, bool | np.bool_)
    return Cell(head.write(value), repr(float(value)) if number else str(value))


def _point(xyz: tuple[Any, ...]) -> str:
    return "" if any(map(render.is_missing, xyz)) else ", ".join(map(_fixed(1), xyz))


def _is_true(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in {"true", "yes", "1", "1.0"}
    return bool(value)
