"""What ``foci_from_images`` accepts: the words, and nothing heavy, for all who take it."""

from collections.abc import Callable, Mapping
from typing import Any

from nimare_pipeline import defaults

KEY = "foci_from_images"
"""Key of an analysis whose foci are peaks of images."""
POLICIES = ("fill", "replace", "demolish")
"""Foci that contrasts lack; those of all contrasts with images; and then no others."""
ACCEPTED = (
    '"fill", "replace", "demolish", or a table such as {merge = "replace", z_threshold = 3.1}'
)

_USUAL: Mapping[str, Any] = {
    "merge": POLICIES[0],
    "z_threshold": defaults.FOCI_Z,
    "cluster_threshold": defaults.FOCI_CLUSTER_VOXELS,
    "two_sided": False,
    "min_distance": defaults.PEAK_DISTANCE_MM,
}


def _number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < float("inf")
    )


_VALUES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "merge": ('"fill", "replace" or "demolish"', lambda v: v in POLICIES),
    "z_threshold": ("a z above 0", lambda v: _number(v) and v > 0),
    "cluster_threshold": (
        "a whole number of voxels, 0 for clusters of any size",
        lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0,
    ),
    "two_sided": ("true or false", lambda v: isinstance(v, bool)),
    "min_distance": ("a distance in mm, at least 0", lambda v: _number(v) and v >= 0),
}


def wrong_with(value: object) -> str:
    """Say what is wrong with a value, as a file gives it; empty if nothing is."""
    if isinstance(value, str) and value in POLICIES:
        return ""
    if not isinstance(value, Mapping):
        return f"expected {ACCEPTED}, not {str(value)[:60]!r}"
    for name, given in value.items():
        if name not in _VALUES:
            return f"unknown key {name!r}; known: {', '.join(_VALUES)}"
        expected, accepts = _VALUES[name]
        if not accepts(given):
            return f"{name}: expected {expected}, not {str(given)[:60]!r}"
    if "merge" not in value:
        return f"merge is missing: expected {_VALUES['merge'][0]}"
    return ""


def completed(value: str | Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a value that is right, those it does not name as usual."""
    given = {"merge": value} if isinstance(value, str) else dict(value)
    made = {**_USUAL, **given}
    for name in ("z_threshold", "min_distance"):
        made[name] = float(made[name])
    return made


def peaks_in_words(options: Mapping[str, Any]) -> str:
    """Say of which peaks foci are, for example *peaks of the z images (z > 3.1, 8 mm apart)*."""
    z = f"{options['z_threshold']:g}"
    n = options["cluster_threshold"]
    said = [
        f"z > {z} or z < −{z}" if options["two_sided"] else f"z > {z}",
        *([f"clusters of at least {n} voxels"] if n > 1 else []),
        f"{options['min_distance']:g} mm apart",
    ]
    return f"peaks of the z images ({', '.join(said)})"
