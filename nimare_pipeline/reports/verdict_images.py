"""What a reader has to know before believing an analysis of statistical images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from nimare_pipeline.inference import Inference
from nimare_pipeline.reports import image_texts, render

FEW_STUDIES = 5
"""With fewer studies tau2 is little more than a guess."""
FEW_PER_MODERATOR = 10
"""Studies that a moderator needs, by the usual rule of thumb."""
MANY_HETEROGENEOUS = 0.25
"""Share of the voxels with large I2 (or significant Q) from which heterogeneity is a caution."""
SOME_HETEROGENEOUS = 0.05
"""Share from which it is mentioned."""
OTHER_UNITS = 10.0
"""A larger ratio of the contrasts' scales hardly comes from people and noise."""
SMALLEST_MEDIAN = 6
"""Studies with which the signs of all can reach a two-sided p of 0.05."""
MAX_NAMED = 5
_FIXED = ("WeightedLeastSquares", "FixedEffectsHedges")
_STANDARDISED = (
    'Analyse what has no unit: Hedges\' g (FixedEffectsHedges; PermutedOLS with image = "g"), or '
    'z (Stouffers; PermutedOLS with image = "z").'
)

Said = tuple[Literal["bad", "warn", "note", "good"], str, str]
"""Level, title and text of a notice."""


@dataclass(frozen=True)
class Case:
    """What is judged.

    Parameters
    ----------
    facts, analysis : dict
    images : DataFrame
        Checks of the images; empty if missing.
    made : dict of str to sequence of str
        Kind to the contrasts whose image was computed.
    inference : Inference
    """

    facts: Mapping[str, Any]
    analysis: Mapping[str, Any]
    images: pd.DataFrame
    made: Mapping[str, Sequence[str]]
    inference: Inference

    @property
    def estimator(self) -> str:
        """Class name of the estimator."""
        return str(image_texts.estimator_of(self.facts, self.analysis)["type"])

    @property
    def args(self) -> Mapping[str, Any]:
        """Parameters of the estimator."""
        found: Mapping[str, Any] = image_texts.estimator_of(self.facts, self.analysis)["args"]
        return found

    @property
    def n_studies(self) -> int | None:
        """Independent studies."""
        known = self.facts.get("n_groups", self.facts.get("n_studies"))
        return None if known is None else int(known)


def headline(facts: Mapping[str, Any], main: pd.DataFrame, criterion: str) -> str:
    """Headline of an analysis of images; ``main`` has a row a cluster."""
    what = image_texts.effect_words(facts)
    if main.empty:
        return f"No cluster of {what} ({criterion})"
    signs = image_texts.signs(main)
    both = f": {signs[0]} positive, {signs[1]} negative" if signs and signs[1] else ""
    return f"{render.counted(len(main), 'cluster')} of {what}{both} ({criterion})"


def notices(case: Case) -> Iterator[Said]:
    """Everything that is to be said of the studies, the images and the method."""
    for judge in _JUDGES:
        yield from judge(case)


def _power(case: Case) -> Iterator[Said]:
    k = case.n_studies
    if k is None:
        return
    if k < FEW_STUDIES:
        text = "One study can decide the result, and power is low."
        if case.facts.get("tau2_method"):
            look = "look at its interval, and " if _has_tau2_interval(case) else ""
            text = (
                f"The variance between studies (tau²) is estimated from {k} effects a voxel, and "
                f"is hardly known: {look}do not rely on p alone. {text}"
            )
        yield "warn", f"Only {render.counted(k, 'study', 'studies')}: too few", text
    elif case.estimator == "WeightedMedian" and k < SMALLEST_MEDIAN:
        text = "Even if all studies have one sign, two-sided p is not below 0.05."
        yield "bad", f"The median of {k} studies cannot be significant", text
    else:
        yield "good", f"{render.counted(k, 'study', 'studies')}", ""


def _has_tau2_interval(case: Case) -> bool:
    """Whether there is one: of independent studies whose variances are given."""
    if case.estimator in {"SampleSizeBasedLikelihood", "WeightedMedian"}:
        return False
    collapsed = case.args.get("weight_scheme") == "collapse"
    return collapsed or not case.facts.get("n_groups_with_several")


def _moderators(case: Case) -> Iterator[Said]:
    terms = [name for name in case.facts.get("terms") or {} if name != "intercept"]
    if not terms or case.n_studies is None:
        return
    text = (
        "Each coefficient has maps of its own. Studies were not given their moderators by chance, "
        "so that what goes with one can be the cause."
    )
    yield "note", f"The result is {_result(case.facts)}", text
    if case.n_studies < FEW_PER_MODERATOR * len(terms):
        yield (
            "warn",
            (
                f"{render.counted(case.n_studies, 'study', 'studies')} for "
                f"{render.counted(len(terms), 'moderator')}"
            ),
            (
                f"A rule of thumb asks for {FEW_PER_MODERATOR} studies a moderator; with fewer, "
                "coefficients are chance findings more often than p says."
            ),
        )


def _result(facts: Mapping[str, Any]) -> str:
    name = image_texts.term(facts)
    return f"the coefficient of {name}" if name else "the intercept, where all moderators are 0"


def _heterogeneity(case: Case) -> Iterator[Said]:
    share = case.facts.get("share_of_large_i2")
    if share is not None and share >= SOME_HETEROGENEOUS:
        level: Literal["warn", "note"] = "warn" if share >= MANY_HETEROGENEOUS else "note"
        text = (
            "There I² is above 75 %: more of the variance is between studies than within them, "
            "and the mean describes no single one. Look at the prediction interval, and for what "
            "the studies differ in."
        )
        yield level, f"Large heterogeneity in {render.percent(share, 1)} of the voxels", text
        return
    q = case.facts.get("share_of_significant_q")
    fixed = share is None and not _assumed_tau2(case)
    if fixed and q is not None and q >= MANY_HETEROGENEOUS:
        text = (
            "There Q has p < 0.05 (uncorrected), while fixed effects assume that all studies have "
            "one effect: p is too small. Prefer random effects."
        )
        yield "warn", f"Studies differ in {render.percent(q, 1)} of the voxels", text


def _assumed_tau2(case: Case) -> float:
    """Variance between studies that was given; 0 of fixed effects, and where it is estimated."""
    given = case.args.get("tau2") if case.estimator in _FIXED else None
    return float(given) if isinstance(given, int | float) else 0.0


def _fixed(case: Case) -> Iterator[Said]:
    if _assumed_tau2(case):
        text = (
            f"It was given as {_assumed_tau2(case):g}, and p is as right as that number is: look "
            "at Q, which does not depend on it."
        )
        yield "note", "The variance between studies is assumed", text
    elif case.estimator in _FIXED:
        text = (
            "The result speaks of these studies, not of others like them. For those, random "
            "effects are needed."
        )
        yield "note", "Fixed effects", text
    elif case.estimator in {"Stouffers", "Fishers"}:
        one = " A single study can make it large." if case.estimator == "Fishers" else ""
        text = (
            f"{case.estimator[:-1]}'s test says that there is "
            f"an effect in these studies, not how large it is, nor in how many.{one}"
        )
        yield "note", "A test without an effect size", text


def _units(case: Case) -> Iterator[Said]:
    ratio = case.facts.get("unit_ratio")
    if ratio is None or ratio < OTHER_UNITS:
        return
    smallest, largest = case.facts.get("unit_smallest"), case.facts.get("unit_largest")
    times, what = render.number(ratio, 3), case.facts.get("unit_of", "scale")
    text = (
        f"The {what} of {largest} is {times} times that of {smallest}: programs scale signals "
        f"differently, and a mean over units has no meaning. {_STANDARDISED}"
    )
    yield "warn", "Effects seem to be in different units", text


def _of_z(case: Case) -> Iterator[Said]:
    if case.estimator == "PermutedOLS" and case.facts.get("image") == "z":
        text = "z grows with the sample size of its study: the mean z is no effect size."
        yield "note", "z images are averaged", text


def _several(case: Case) -> Iterator[Said]:
    n = case.facts.get("n_groups_with_several")
    if not n:
        return
    scheme = case.args.get("weight_scheme")
    treated = {
        "Stouffers": "their correlation without an effect is estimated from all voxels",
        "Fishers": "their correlation without an effect is estimated from all voxels",
        "PermutedOLS": "they are averaged first, and flipped together",
        "WeightedMedian": "they are averaged first",
    }.get(case.estimator)
    if treated is None:
        treated = (
            f"they are averaged first, with an assumed correlation of {case.args.get('rho', 0.8)}"
            if scheme == "collapse"
            else "errors are cluster-robust, so that they do not count as independent"
        )
    images = case.facts.get("n_images_of_these")
    yield (
        "note",
        f"{render.counted(n, 'study', 'studies')} with several contrasts",
        f"{f'These {images} contrasts' if images else 'These contrasts'} share people: {treated}.",
    )


def _coverage(case: Case) -> Iterator[Said]:
    facts = case.facts
    analysed, full = facts.get("n_voxels_analysed"), facts.get("n_voxels_of_all_studies")
    total, fewest = facts.get("n_voxels"), facts.get("fewest_studies")
    if analysed and full is not None and full < analysed:
        text = (
            f"They rest on the studies that cover them, at least {fewest}; the map of coverage "
            "shows where."
        )
        yield (
            "note",
            f"{render.percent(analysed - full, analysed)} of the voxels lack some studies",
            text,
        )
    if analysed and total and analysed < total:
        yield (
            "note",
            f"{render.percent(total - analysed, total)} of the mask was not analysed",
            "Too few studies cover these voxels: that nothing is found there says nothing.",
        )


def _images(case: Case) -> Iterator[Said]:
    table = case.images
    if "level" not in table or "reason" not in table:
        return
    refused = table[table["level"].eq("reject")]
    if len(refused):
        named = [f"{row.id} ({row.kind}): {row.reason}" for row in refused.itertuples()]
        more = f"; and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
        yield (
            "warn",
            f"{render.counted(len(refused), 'image')} refused",
            f"{'; '.join(named[:MAX_NAMED])}{more}.",
        )
    odd = int(table["level"].eq("warn").sum())
    if odd:
        yield (
            "note",
            f"{render.counted(odd, 'image')} with a remark",
            "The table of images says what is odd about each.",
        )


def _made(case: Case) -> Iterator[Said]:
    said = image_texts.made_in_words(case.made)
    if not said:
        return
    named = ", ".join(f"{n} {kind}" for n, kind in said)
    total = sum(n for n, _ in said)
    yield (
        "note",
        f"{render.counted(total, 'image')} computed from others",
        f"{named}: from other images of the same contrast. They are among the files.",
    )


def _flips(case: Case) -> Iterator[Said]:
    montecarlo = case.facts.get("montecarlo")
    if not montecarlo:
        return
    n, tails = montecarlo.get("n_iters"), 1 if case.facts.get("tail") == "positive" else 2
    if montecarlo.get("exhaustive") and n:
        least = tails / n
        if least >= case.inference.alpha:
            text = (
                f"There are only {n} flips, and no p is below {least:.3g}. More studies are "
                "needed."
            )
            yield "bad", "Nothing could be significant", text
        text = f"Corrected p is a share of these, exact, and never below {least:.3g}."
        yield "note", f"All {n:,} sign flips were gone through", text
    text = (
        "A sign flip leaves the chances as they are only where errors are distributed "
        "symmetrically about 0."
    )
    yield "note", "Symmetric errors are assumed", text


def _one_sided(case: Case) -> Iterator[Said]:
    tail = case.facts.get("tail")
    if tail == "positive":
        text = "Negative effects cannot be significant, however large."
        yield "note", "Only positive effects are tested", text


_JUDGES = (
    _power,
    _moderators,
    _units,
    _images,
    _heterogeneity,
    _fixed,
    _of_z,
    _several,
    _coverage,
    _made,
    _flips,
    _one_sided,
)
