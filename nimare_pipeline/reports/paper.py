"""Figures and tables for a paper, made from the derivatives folder alone.

Each map that a paper shows, the result and the whole map of z, becomes a mosaic of slices and a
glass brain, each as SVG and as PNG of 300 dpi; the tables become pages to paste from. What is
there already and would come out the same is left as it is.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from nimare_pipeline.derivative_names import paper_figure
from nimare_pipeline.directions import directions
from nimare_pipeline.errors import UsageError
from nimare_pipeline.reports import brains, paper_brains, paper_tables, paper_words
from nimare_pipeline.reports.figures import fade_below
from nimare_pipeline.reports.paper_files import PaperFigure, read_sidecar, write_figure
from nimare_pipeline.reports.paper_scale import Limits, Scale, together

N_CUTS = 14
VIEWS = ("mosaic", "glass")
_WHOLE_BRAIN = (-44.0, 66.0)
_LOWEST, _HIGHEST = -62, 78
"""Heights in mm that slices stay within, where they need not leave them."""
_LOGGER = logging.getLogger("nimare_pipeline")


def write_paper_figures(
    output_dir: str | Path,
    *,
    common_range: bool = False,
    z_max: float | None = None,
    analyses: Sequence[str] | None = None,
) -> dict[str, tuple[Path, ...]]:
    """Write the figures and the pages of tables of the analyses in a derivatives folder.

    Parameters
    ----------
    output_dir : path
        Derivatives folder of the pipeline.
    common_range : bool
        One range of colours, and the same slices, for all analyses in the folder.
    z_max : float, optional
        End of the colour scale; by default the next half above the highest z.
    analyses : sequence of str, optional
        Names of the analyses to draw, ignoring case; all by default. The common range is that of
        all of them anyway.

    Returns
    -------
    dict of str to tuple of Path
        Files of each analysis that was asked for, those that were left as they are included. Where
        nothing is significant there are figures of the whole map only.

    Raises
    ------
    UsageError
        For a name that no analysis in the folder has.
    OutputError
        If a file cannot be written.
    """
    from nimare_pipeline import derivatives

    folder = Path(output_dir)
    records = derivatives.read(folder, without=["coordinates"]).analyses
    wanted = _wanted([record.name for record in records], analyses)
    maps = {record.name: found for record in records if (found := _load(record)) is not None}
    shared = together(each.limits for each in maps.values()) if common_range else None
    spread = _spread(each.heights for each in maps.values())
    files: dict[str, tuple[Path, ...]] = {}
    for record in records:
        if record.name not in wanted:
            continue
        pages = paper_tables.write_pages(record, folder)
        drawn: tuple[Path, ...] = ()
        if record.name in maps:
            own = maps[record.name]
            look = _Look(
                own.limits.scale(z_max, within=shared),
                cuts(*((spread if shared else own.heights) or _WHOLE_BRAIN)),
                shared is not None,
            )
            drawn = tuple(_draw_analysis(own, look, folder))
        files[record.name] = (*drawn, *pages)
    if common_range or z_max:
        _say_other_ranges(folder, maps, wanted)
    return files


def _spread(heights: Iterable[tuple[float, float] | None]) -> tuple[float, float] | None:
    """Lowest and highest of several pairs."""
    known = [pair for pair in heights if pair]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


@dataclass(frozen=True)
class _Look:
    """How the figures of an analysis are drawn."""

    scale: Scale
    cuts: tuple[int, ...]
    shared: bool


@dataclass(frozen=True)
class _Maps:
    """What the figures of one analysis show."""

    record: Any
    z_path: Path
    z: brains.Volume
    result_path: Path | None
    result: brains.Volume | None

    @cached_property
    def limits(self) -> Limits:
        """Limits of the scale."""
        inside = np.zeros_like(self.z.data) if self.result is None else self.result.data
        two_sided = paper_words.two_sided(self.record) or bool((inside < 0).any())
        return Limits.of(self.z.data, inside, two_sided=two_sided)

    @property
    def ends(self) -> tuple[str, ...]:
        """What positive and negative values mean; empty without groups."""
        sides = directions(self.record.facts)
        return () if sides is None else sides.both

    @cached_property
    def heights(self) -> tuple[float, float] | None:
        """Lowest and highest significant voxel, mm; None where nothing is significant."""
        if self.result is None:
            return None
        ijk = np.argwhere(Scale(0, 1, self.limits.two_sided).shown(self.result.data))
        if not len(ijk):
            return None
        z = nib.affines.apply_affine(self.result.affine, ijk)[:, 2]
        return float(z.min()), float(z.max())


def _load(record: Any) -> _Maps | None:
    """Load the maps of an analysis; None, and a warning, where that of z cannot be read."""
    z_path = _z_path(record)
    try:
        if z_path is None:
            raise FileNotFoundError("there is no uncorrected map of z")
        result = None if record.result_map is None else _volume(record.result_map)
        return _Maps(record, z_path, _volume(z_path), record.result_map, result)
    except Exception as error:  # noqa: BLE001 - nibabel and zlib raise all kinds for a damaged file
        _LOGGER.warning("no figures of %s for a paper: %s", record.name, error)
        return None


def _z_path(record: Any) -> Path | None:
    """Map of z that the result was cut out of."""
    spec = paper_words.z_spec(record)
    return None if spec is None else record.maps[spec]


def _volume(path: Path) -> brains.Volume:
    image: Any = nib.load(path)
    data = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32), posinf=40, neginf=-40)
    return brains.Volume(data, np.asarray(image.affine))


def cuts(low: float, high: float) -> tuple[int, ...]:
    """Heights of axial slices, even mm, evenly spaced from ``low`` to ``high`` at least.

    They are at least 4 mm apart, and stay within the brain where the distance allows it.
    """
    step = 2 * int(np.ceil(max(4.0, (high - low + 2) / (N_CUTS - 1)) / 2))
    span = step * (N_CUTS - 1)
    first = 2 * int(np.floor(((low + high - span) / 2) / 2))
    if span <= _HIGHEST - _LOWEST:
        first = min(max(first, _LOWEST), _HIGHEST - span)
    return tuple(first + step * index for index in range(N_CUTS))


def _draw_analysis(maps: _Maps, look: _Look, folder: Path) -> Iterator[Path]:
    """Draw each map in each view; the files."""
    shown: list[tuple[Path, brains.Volume]] = [(maps.z_path, maps.z)]
    if maps.heights and maps.result_path and maps.result:
        shown.insert(0, (maps.result_path, maps.result))
    for source, volume in shown:
        for view in VIEWS:
            name = source.relative_to(folder).as_posix()
            figure = PaperFigure(
                layer=_layer(maps, volume, look, view),
                cuts=look.cuts if view == "mosaic" else (),
                source=name,
                inputs=tuple(path for path, _ in shown),
                shared=look.shared,
            )
            yield from write_figure(figure, folder / paper_figure(name, view, ".svg"))


def _layer(maps: _Maps, volume: brains.Volume, look: _Look, view: str) -> paper_brains.Layer:
    """A map, in words and colours: the result as it is, the whole map fading away."""
    record, places = maps.record, paper_words.places(maps.record, view, look.scale)
    if volume is maps.result:
        legend = f"{paper_words.result_legend(record)} {places}"
        return paper_brains.Layer(volume, look.scale, legend, ends=maps.ends)
    fade = fade_below(paper_words.z_spec(record))
    whole = paper_words.whole_legend(record, fade, significant=maps.heights is not None)
    return paper_brains.Layer(
        volume,
        look.scale.from_zero(),
        f"{whole} {places}",
        fade_below=fade,
        outline=maps.result if maps.heights else None,
        ends=maps.ends,
    )


def _wanted(known: Sequence[str], analyses: Sequence[str] | None) -> set[str]:
    if analyses is None:
        return set(known)
    by_name = {name.casefold(): name for name in known}
    for name in analyses:
        if name.casefold() not in by_name:
            listed = ", ".join(known) or "none"
            msg = f"there is no analysis {name!r} in the folder; there are: {listed}"
            raise UsageError(msg)
    return {by_name[name.casefold()] for name in analyses}


def _say_other_ranges(folder: Path, maps: Mapping[str, _Maps], wanted: set[str]) -> None:
    """Warn of figures that were not asked for and whose colours mean other values."""
    ends = {name: _end_of_scale(folder, each) for name, each in maps.items()}
    now = {ends[name] for name in wanted & ends.keys()}
    for name in sorted(ends.keys() - wanted):
        if ends[name] is not None and ends[name] not in now:
            _LOGGER.warning("the figures of %s stay, with colours up to z = %g", name, ends[name])


def _end_of_scale(folder: Path, maps: _Maps) -> float | None:
    """Last value of the colours that the figures of an analysis have; None without figures."""
    name = paper_figure(maps.z_path.relative_to(folder).as_posix(), VIEWS[0], ".json")
    found = read_sidecar(folder / name).get("ColorRange")
    return float(found[1]) if isinstance(found, list) and len(found) == 2 else None
