"""Regions of coactivation models on the command line: names of analyses, and the plan's line."""

from pathlib import Path

from nimare_pipeline.labels import label
from nimare_pipeline.settings import Analysis


def named(analysis: Analysis, source: str) -> str:
    """Name of an analysis that is given none: its source, and its region if it has one.

    Each region of a database has its own, so that runs for several into one folder add up.

    Examples
    --------
    >>> named(Analysis("", type="macm", options={"sphere": [24, -2, -20, 6]}), "neurosynth")
    'neurosynthSphereX24Ym2Zm20R6'
    """
    roi, sphere = analysis.options.get("roi"), analysis.options.get("sphere")
    if roi is not None:
        return label(f"{source} {Path(roi).name.partition('.')[0]}")
    if sphere is not None:
        numbers = " ".join(f"{axis}{value:g}" for axis, value in zip("xyzr", sphere, strict=True))
        return label(f"{source} sphere {numbers.replace('-', 'm').replace('.', 'p')}")
    return source


def describe(analysis: Analysis) -> list[str]:
    """Line of the plan that says the region; none without one."""
    roi, sphere = analysis.options.get("roi"), analysis.options.get("sphere")
    if sphere is not None:
        x, y, z, radius = sphere
        return [f"  region     {radius:g} mm around {x:g}, {y:g}, {z:g}"]
    return [f"  region     {roi}"] if roi is not None else []
