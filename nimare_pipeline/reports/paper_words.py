"""Words that figures and tables for a paper share: thresholds and p as papers write them."""

from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.directions import directions, is_of_images, is_pooled
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.reports import render
from nimare_pipeline.reports.paper_scale import Scale

METHODS = {
    "bonferroni": "Bonferroni",
    "holm": "Holm",
    "indep": "Benjamini–Hochberg",
    "negcorr": "Benjamini–Yekutieli",
}
_STATISTICS = {
    "MKDADensity": "Density",
    "KDA": "Foci within reach",
    "SCALE": "ALE value",
    "ALESubtraction": "ALE difference",
    "BalancedALESubtraction": "ALE difference",
    "MKDAChi2": "Chi-square",
}
_TAILS = {"positive": "one-tailed", "negative": "one-tailed, negative", "two-sided": "two-tailed"}


def p_text(value: Any) -> str:
    """Probability as papers write it: ``.012``, ``< .001``; empty if missing."""
    if render.is_missing(value):
        return ""
    if value < 0.001:
        return "< .001"
    return "> .999" if value > 0.9995 else f"{value:.3f}".lstrip("0")


def level_text(value: float) -> str:
    """Level as papers write it: ``.05``, ``.001``."""
    return f"{value:.10f}".rstrip("0").removeprefix("0")


def threshold(record: Any) -> str:
    """What made something significant: ``cluster-size FWE p < .05 (clusters formed at p < .001)``.

    Parameters
    ----------
    record : AnalysisRecord
    """
    spec, facts = record.result_spec, record.facts
    combined = facts.get("conjunction") or {}
    if combined.get("criterion"):
        return str(combined["criterion"])
    rate = spec.correction
    at = f"p < {level_text(alpha(record))}"
    if rate is None:
        return f"uncorrected {at}"
    more = []
    if spec.level == "cluster":
        what = f"cluster-{spec.measure or 'level'} {rate}"
        forming = (facts.get("cluster_forming") or {}).get("p")
        pooled = ", pooled over voxels" if is_pooled(facts) else ""
        more += [f"clusters formed at p < {level_text(forming)}{pooled}"] if forming else []
    else:
        what = f"TFCE {rate}" if spec.level == "tfce" else f"voxel-level {rate}"
    n_iters = (facts.get("montecarlo") or {}).get("n_iters")
    if spec.method in METHODS:
        more.append(METHODS[spec.method])
    elif n_iters:
        drawn = "sign flip" if is_of_images(facts) else "Monte Carlo iteration"
        more.append(render.counted(n_iters, drawn))
    return f"{what} {at}" + (f" ({', '.join(more)})" if more else "")


def result_legend(record: Any) -> str:
    """Legend of a picture of the result."""
    return (
        f"{record.name}: {z_kind(record)} z ({tail(record)}) where significant, "
        f"{threshold(record)}."
        f"{colors(record)}"
    )


def whole_legend(record: Any, fade_below: float, *, significant: bool) -> str:
    """Legend of a picture of the whole map of z, with what is significant outlined."""
    judged = "Outlined: significant" if significant else "Nothing is significant"
    return (
        f"{record.name}: whole map of {z_kind(record)} z ({tail(record)}), fading away below "
        f"{fade_below:g}{' on either side' if two_sided(record) else ''}. {judged}, "
        f"{threshold(record)}.{colors(record)}"
    )


def colors(record: Any) -> str:
    """What red and blue mean, as a sentence; empty where there are no groups."""
    if is_of_images(record.facts) and two_sided(record):
        return " Red: positive; blue: negative."
    sides = directions(record.facts)
    return "" if sides is None else f" Red: {sides.positive}; blue: {sides.negative}."


def z_spec(record: Any) -> MapSpec | None:
    """Meaning of the z that is shown: uncorrected, of a comparison else as judged; or None."""
    spec = record.result_spec
    uncorrected = [
        found
        for found in record.maps
        if (found.statistic, found.correction, found.group) == ("z", None, spec.group)
    ]
    same = [found for found in uncorrected if found.tail == spec.tail]
    judged = [spec] if spec in record.maps and spec.group is not None else []
    return next(iter([*same, *uncorrected, *judged]), None)


def z_kind(record: Any) -> str:
    """Whether that z is ``uncorrected`` or ``corrected``."""
    spec = z_spec(record)
    return "corrected" if spec is not None and spec.correction else "uncorrected"


def two_sided(record: Any) -> bool:
    """Whether that z has both signs."""
    return (z_spec(record) or record.result_spec).tail == "two-sided"


def places(record: Any, view: str, scale: Scale) -> str:
    """What else a reader of a picture must know: places, sides, and colours that are cut off."""
    where = {
        "mosaic": f"Axial slices at z in mm, {space(record)}; left is left.",
        "glass": "Glass brain: the value furthest from 0 along each line of sight.",
    }[view]
    beyond = f" Beyond {scale.high:g}, all values have the last colour." if scale.clipped else ""
    return f"{where}{beyond}"


def p_column(record: Any) -> tuple[str, str]:
    """Column of the table of clusters with the p that was judged by, and its head."""
    spec = record.result_spec
    if spec.level == "cluster":
        return f"p_{spec.measure}_fwe", f"p (FWE, cluster {spec.measure})"
    if spec.level == "tfce":
        return "p_tfce_fwe", "p (FWE, TFCE)"
    rate = spec.correction or "FWE"
    return f"p_voxel_{rate.lower()}", f"p ({rate}, voxel)"


def alpha(record: Any) -> float:
    """Level of the corrected inference."""
    given = (record.record.get("Result") or {}).get("Alpha")
    return float(given or record.analysis.get("alpha") or defaults.ALPHA)


def tail(record: Any) -> str:
    """How z is to be read: ``one-tailed``, ``two-tailed``."""
    return _TAILS[(z_spec(record) or record.result_spec).tail]


def space(record: Any) -> str:
    """Space of the coordinates: ``MNI space (MNI152NLin6Asym)``."""
    template = record.folder.parent.name.removeprefix("tpl-")
    return f"MNI space ({template})" if template.startswith("MNI") else f"{template} space"


def estimator(record: Any) -> str:
    """Class name of the estimator; empty if it is not known."""
    return str((record.analysis.get("estimator") or {}).get("type", ""))


def statistic(record: Any) -> str:
    """Head of the column of the statistic."""
    name = estimator(record)
    return _STATISTICS.get(name, f"{name} value".strip())
