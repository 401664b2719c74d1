"""What single checks find in a statistical image."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.image_facts import MOST_LABELS, ImageFacts
from nimare_pipeline.numerics.conversions import z_to_t

LARGE_Z = 50.0
"""A larger z needs a p below 1e-545; group maps of thousands of people stay below."""
NO_STATISTIC = 1000.0
"""No z, t, d or g is larger: these are values in units of the scanner."""
LARGE_D = 30.0
"""A larger effect, in standard deviations, is a z that never was one. The largest t of noise among
a brain's voxels is one of 10 with five people; that of a seed with itself, by 150, one of 12."""
FEW_COVERED = 0.5
"""An image that covers less than this share of the mask is pointed out."""
GAP = 0.2
"""Smallest absolute value, relative to the median one, that shows a threshold."""
GAP_MISSING = 0.1
"""Share of zeros inside the image from which a gap is a threshold, not a region of activation."""
MANY_ZEROS = 0.5
"""Share of zeros, where most others have values, from which an image may be thresholded."""
FEWEST_VOXELS = 100
"""With fewer values no distribution is judged."""
WHOLE_BRAIN = 10_000
"""Values among which both signs are expected; a region may well have one only."""
MOST_WRONG = 0.01
"""Share of impossible values up to which the voxels are left out, not the image."""
MISMATCH = 0.2
"""Relative difference of t from effect over its error from which they do not belong together."""

_STATISTICS = ("z", "t", "d", "g")
POSITIVE = ("varcope", "se", "sd", "g_var")
"""Kinds whose values are above 0."""
_NAMES: Mapping[str, str] = {
    "p": "p values", "varcope": "variances", "se": "standard errors",
    "sd": "standard deviations", "g_var": "variances of g",
}  # fmt: skip

Level = Literal["warn", "reject"]


@dataclass(frozen=True)
class Finding:
    """What one check has to say of one image.

    Parameters
    ----------
    level : "warn" or "reject"
    check : str
        Name of the check.
    words : str
        What was found.
    advice : str
        What would be right.
    """

    level: Level
    check: str
    words: str
    advice: str = ""


@dataclass(frozen=True)
class Image:
    """An image with everything that checks look at."""

    facts: ImageFacts
    row: NDArray[np.float32]
    values: NDArray[np.float32]
    size: float
    n_groups: int
    thresholded_share: float
    others: Mapping[str, NDArray[np.float32]]


def _coverage(image: Image) -> Iterable[Finding]:
    facts = image.facts
    if not facts.n_valid:
        why = "it is 0 everywhere" if facts.n_zero else "it holds no number there"
        if facts.n_outside == facts.n_voxels:
            why = "it lies outside the mask"
        yield Finding("reject", "empty", f"no value inside the mask: {why}")
    elif facts.n_valid < FEW_COVERED * facts.n_voxels:
        share = facts.n_valid / facts.n_voxels
        yield Finding(
            "warn", "coverage", f"it has values in only {share:.2%} of the mask",
            "a partial field of view, or a thresholded map?",
        )  # fmt: skip
    if not facts.placed:
        yield Finding(
            "warn", "affine",
            "its header does not say where in the brain the voxels lie (no sform and no qform)",
            "look at it over a template",
        )  # fmt: skip


def _constant(image: Image) -> Iterable[Finding]:
    facts = image.facts
    if facts.n_valid < 2:
        return
    if facts.low == facts.high:
        yield Finding(
            "reject", "constant", f"it is {facts.low:g} in all its voxels", "a mask, not a map?"
        )
    elif facts.n_whole == facts.n_valid and facts.n_valid >= FEWEST_VOXELS:
        if facts.n_distinct <= MOST_LABELS:
            yield Finding(
                "reject", "labels", f"it has only {facts.n_distinct} values, all whole numbers",
                "an atlas or a mask, not a map?",
            )  # fmt: skip
        else:
            yield Finding(
                "warn", "whole numbers", "all its values are whole numbers: digits were cut off",
                "save it as floating point",
            )  # fmt: skip


def _range(image: Image) -> Iterable[Finding]:
    facts, kind = image.facts, image.facts.kind
    if not facts.n_valid:
        return
    if kind == "p":
        yield from _range_of_p(image)
    elif kind in POSITIVE:
        yield from _range_of_errors(image)
    elif kind in _STATISTICS:
        yield from _range_of_statistics(image)


def _range_of_p(image: Image) -> Iterable[Finding]:
    facts = image.facts
    if facts.low < 0 or facts.high > 1:
        yield Finding(
            "reject", "range", f"p values from {facts.low:.3g} to {facts.high:.3g}",
            "p lies between 0 and 1; is it -log10 p, or z?",
        )  # fmt: skip
    elif len(image.values) >= FEWEST_VOXELS and np.median(image.values) > 0.9:
        yield Finding(
            "warn", "range", f"half of its p values are above {np.median(image.values):.2f}",
            "is it 1 - p, as FSL writes it?",
        )  # fmt: skip


def _range_of_errors(image: Image) -> Iterable[Finding]:
    n_wrong = int((image.values < 0).sum())
    if not n_wrong:
        return
    name = _NAMES[image.facts.kind]
    is_bad = n_wrong > MOST_WRONG * len(image.values)
    yield Finding(
        "reject" if is_bad else "warn", "range",
        f"{n_wrong:,} of {len(image.values):,} {name} are negative, down to {image.facts.low:.3g}",
        "expected positive numbers" if is_bad else "these voxels are left out",
    )  # fmt: skip


def _range_of_statistics(image: Image) -> Iterable[Finding]:
    facts, kind = image.facts, image.facts.kind
    largest = max(abs(facts.low), abs(facts.high))
    if largest > NO_STATISTIC:
        yield Finding(
            "reject", "range", f"values up to {largest:.4g} are no {kind}",
            "an image of effects (beta) in the units of the scanner?",
        )  # fmt: skip
        return
    if kind == "z" and largest > LARGE_Z:
        yield Finding("warn", "range", f"a z of {largest:.4g} is too large", "is it a t map?")
    elif kind in ("z", "t") and image.size > image.n_groups:
        dof = image.size - max(image.n_groups, 1)
        t = float(z_to_t(largest, dof)) if kind == "z" else largest
        d = t / np.sqrt(image.size)
        if d > LARGE_D:
            yield Finding(
                "warn", "range",
                f"a {kind} of {largest:.4g} by {image.size:g} participants is an effect of "
                f"{d:.3g} standard deviations",
                "is it a t map, or the sample size of another study?" if kind == "z"
                else "is the sample size right?",
            )  # fmt: skip
    elif kind in ("d", "g") and largest > LARGE_D:
        words = f"an effect of {largest:.4g} standard deviations"
        yield Finding("warn", "range", words, "is it a t map?")
    if len(image.values) >= WHOLE_BRAIN and facts.low > 0:
        yield Finding(
            "warn", "sign", f"no {kind} is negative", "a map without signs, or thresholded?"
        )


def _thresholded(image: Image) -> Iterable[Finding]:
    facts = image.facts
    if len(image.values) < 2:
        return
    inside = facts.n_voxels - facts.n_outside
    share = facts.n_zero / inside if inside else 0.0
    typical = float(np.median(np.abs(image.values)))
    is_error = facts.kind in POSITIVE
    if facts.kind == "p":
        is_cut = share > GAP_MISSING and facts.high < 0.11
    else:
        is_cut = not is_error and share > GAP_MISSING and facts.smallest > GAP * typical
    if is_cut:
        limit = f"above {facts.high:.3g}" if facts.kind == "p" else f"within {facts.smallest:.3g}"
        yield Finding(
            "reject", "thresholded",
            f"it is thresholded: no value {limit}{' of 0' if facts.kind != 'p' else ''}, and 0 in "
            f"{share:.0%} of the mask",
            "an image-based meta-analysis needs the map before its threshold",
        )  # fmt: skip
    elif image.thresholded_share > MANY_ZEROS:
        yield Finding(
            "warn", "thresholded",
            f"it is 0 in {image.thresholded_share:.0%} of the voxels that most others cover",
            "a small field of view, or a thresholded map?",
        )  # fmt: skip


def _belongs_together(image: Image) -> Iterable[Finding]:
    """Standard errors and variances against t and the effect of the same contrast."""
    kind = image.facts.kind
    t, beta = image.others.get("t"), image.others.get("beta")
    if kind not in ("se", "varcope") or t is None or beta is None:
        return
    usable = np.isfinite(t) & np.isfinite(beta) & (image.row > 0)
    if usable.sum() < FEWEST_VOXELS:
        return
    implied = np.abs(beta[usable].astype(np.float64) / t[usable])
    given = image.row[usable].astype(np.float64)
    off = {
        "se": float(np.median(np.abs(np.log(given / implied)))),
        "varcope": float(np.median(np.abs(np.log(np.sqrt(given) / implied)))),
    }
    if off[kind] <= MISMATCH:
        return
    other = "varcope" if kind == "se" else "se"
    fits = off[other] <= MISMATCH
    names = {"se": "standard errors", "varcope": "variances"}
    yield Finding(
        "warn", "mismatch",
        "t is not the effect over its standard error: in half of the voxels they differ by a "
        f"factor of {np.exp(off[kind]):.3g} or more",
        f"these are {names[other]}, not {names[kind]}" if fits
        else "do t, beta and this image come from the same model?",
    )  # fmt: skip


def _header(image: Image) -> Iterable[Finding]:
    said, kind = image.facts.statistic, image.facts.kind
    if said and said != kind:
        yield Finding(
            "warn", "header", f"its header says that it is a map of {said}, not {kind}",
            "right only if another program kept the header of another image",
        )  # fmt: skip


CHECKS: Sequence[Callable[[Image], Iterable[Finding]]] = (
    _coverage,
    _constant,
    _header,
    _range,
    _thresholded,
    _belongs_together,
)


def of_study(about: Mapping[str, Any], image: Image, *, needs_sample_size: bool) -> list[Finding]:
    """What the metadata of a contrast say against its images."""
    found = []
    level = str(about.get("analysis_level", "")).casefold()
    if image.size == 1 or level in ("single-subject", "s"):
        found.append(
            Finding(
                "reject", "single subject", "it is the map of a single person",
                "a meta-analysis combines group maps",
            )
        )  # fmt: skip
    elif level in ("meta-analysis", "m"):
        words = "it is the result of a meta-analysis, not of a study"
        found.append(Finding("warn", "meta-analysis", words))
    if str(about.get("not_mni", "")).casefold() in ("true", "1", "1.0"):
        words = "its description says that it is not in MNI space"
        found.append(Finding("reject", "space", words, "images in MNI space are combined"))
    if str(about.get("is_thresholded", "")).casefold() in ("true", "1", "1.0"):
        words = "its description says that it is thresholded"
        found.append(Finding("warn", "thresholded", words))
    if np.isnan(image.size) and needs_sample_size:
        found.append(
            Finding(
                "reject", "sample size", "the number of participants is missing",
                "give sample_size of this contrast",
            )
        )  # fmt: skip
    return found
