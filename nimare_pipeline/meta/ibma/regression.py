"""Estimators that weigh effects by their variances: fixed and random effects, meta-regression."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.estimator import check
from nimare_pipeline.meta.ibma.base import amounts, cited, no_flips
from nimare_pipeline.meta.ibma.flips import group_means, present
from nimare_pipeline.meta.ibma.moderated import PLAIN, ModeratedEstimator, moderators_of
from nimare_pipeline.meta.ibma.sample import Rows, Sample, numbered
from nimare_pipeline.moderators import Design
from nimare_pipeline.numerics import (
    dependence,
    heterogeneity,
    sign_flips_terms,
    weighted_fit,
)
from nimare_pipeline.numerics.conversions import d_to_g, g_variance, t_to_d, t_to_z
from nimare_pipeline.numerics.coverage import bags
from nimare_pipeline.numerics.robust_variance import robust_fit
from nimare_pipeline.numerics.sign_flips import FlipTerms, Reestimated
from nimare_pipeline.numerics.tau2 import Method, estimate_tau2
from nimare_pipeline.numerics.weighted_fit import Correction, Inference

CORRECTIONS = ("knapp-hartung", "knapp-hartung-conservative", "wald")
"""Standard errors: scaled by the weighted residuals and referred to t (Knapp & Hartung 2003), that
but never smaller than with known variances, or with known variances and referred to the normal."""
SCHEMES = ("rescale", "individual", "collapse")
"""Weights of several images of a study, see ``RegressionEstimator``."""

FLIPPED = (None, "dl", "he")
"""Ways to tau2 that have a closed form, so that they can be gone at every flip."""
LIKELIHOODS = ("ml", "reml")

Values = NDArray[np.float64]


class RegressionEstimator(ModeratedEstimator):
    """Estimator of a mean effect, or of its dependence on moderators.

    Parameters that all of them take, beside those of ``ModeratedEstimator``:

    weight_scheme : "rescale", "individual" or "collapse"
        Where studies give several images: weights of a study are shared among its images
        (Hedges, Tipton & Johnson 2010), every image has its own, or images of a study are averaged
        first. The first two have cluster-robust errors (CR2, Satterthwaite).
    rho : float
        Correlation assumed between images of one study, 0 to 1.
    small_sample_correction : "knapp-hartung", "knapp-hartung-conservative" or "wald", optional
        Standard error of independent studies; Knapp-Hartung where a variance between studies is
        estimated, else wald.
    """

    required: ClassVar[tuple[str, ...]] = ("beta", "varcope")
    tau2_method: ClassVar[Method | None] = None
    model: ClassVar[str] = "Random effects"
    formula: str
    term: str | None
    weight_scheme: dependence.Scheme
    rho: float
    small_sample_correction: str | None

    def __init__(  # noqa: PLR0913 - keywords of one method
        self,
        *,
        aggressive_mask: bool = False,
        min_studies: int = defaults.MIN_STUDIES,
        groupby: Any = None,
        formula: str = PLAIN,
        term: str | None = None,
        weight_scheme: str = SCHEMES[0],
        rho: float = dependence.RHO,
        small_sample_correction: str | None = None,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
    ) -> None:
        parameters = dict(locals())
        self._take({name: parameters[name] for name in self._parameter_names()})

    def _take(self, parameters: Mapping[str, Any]) -> None:
        super()._take(parameters)
        known: dict[str, tuple[str | None, ...]] = {
            "weight_scheme": SCHEMES, "small_sample_correction": (None, *CORRECTIONS)
        }  # fmt: skip
        for name, accepted in known.items():
            if name in parameters and parameters[name] not in accepted:
                listed = ", ".join(str(one) for one in accepted if one)
                msg = f"{name} {parameters[name]!r} is unknown; there are: {listed}"
                raise UsageError(msg)
        check("rho", self.rho, "a number from 0 to 1", lambda value: 0 <= value <= 1)

    @property
    def correction(self) -> Correction:
        """Standard error that is used for independent studies."""
        usual = "wald" if self.tau2_method is None else "knapp-hartung"
        return self.small_sample_correction or usual  # type: ignore[return-value]

    def alike(self, sample: Sample) -> NDArray[np.int64]:
        """Contrasts with the same moderators."""
        return numbered(moderators_of(sample))

    def effects(self, rows: Rows) -> tuple[Values, Values]:
        """Effects and their variances, (n_contrasts, n_voxels) each."""
        return rows.values["beta"], rows.values["varcope"]

    def fit_rows(self, rows: Rows) -> dict[Any, Values]:
        """Fit voxels by weighted least squares."""
        return _Fit(self, *self.effects(rows), rows).maps()

    def why_not_flipped(self, *, moderated: bool, dependent: bool) -> str:
        """Of moderators, and of weights shared within studies where tau2 is estimated."""
        if moderated:
            return "moderators are tested so by PermutedOLS (Freedman and Lane)"
        if self.tau2_method not in FLIPPED:
            return "its variance between studies would be iterated at every flip"
        robust = dependent and self.weight_scheme != "collapse"
        if robust and (self.tau2_method is not None or self.weight_scheme != "rescale"):
            return (
                "several images of a study are flipped with weight_scheme 'collapse' "
                "(--dependence collapse)"
            )
        if self.tau2_method is None and not robust and self.correction != "wald":
            return "with fixed weights its standard error must be wald"
        return ""

    def flip_terms(self, sample: Sample) -> FlipTerms | Reestimated:
        """What each study adds to the statistic; tau2 is estimated again at every flip."""
        moderated = sample.design is not None and not sample.design.is_plain
        if why := self.why_not_flipped(moderated=moderated, dependent=sample.dependent):
            raise no_flips(type(self).__name__, why)
        robust = sample.dependent and self.weight_scheme != "collapse"
        y, v = self.flipped_effects(sample)
        if robust:
            return sign_flips_terms.robust_mean(y, 1 / (v + self.given_tau2()))
        if self.tau2_method is None:
            return sign_flips_terms.fixed_weights(y, v + self.given_tau2())
        return sign_flips_terms.random_effects(y, v, tau2=self.tau2_method, error=self.correction)

    def flipped_effects(self, sample: Sample) -> tuple[Values, Values]:
        """Effects and variances of studies, (n_studies, n_voxels); NaN where one has none."""
        images = {kind: present(sample, kind) for kind in sample.images}
        y, v = self.effects(
            Rows(
                images,
                sample.groups,
                sample_sizes=sample.sample_sizes,
                effective_sizes=sample.effective_sizes,
                dofs=sample.dofs,
            )
        )
        if not sample.dependent:
            return y, v
        means = group_means(y, sample.present, sample.groups)
        if self.weight_scheme != "collapse":
            return means, group_means(v, sample.present, sample.groups)
        variances = np.full(means.shape, np.nan)
        for bag in bags(sample.present):
            own, at = sample.groups[bag.rows], np.ix_(bag.rows, bag.voxels)
            found = dependence.aggregate(y[at], v[at], own, rho=self.rho)
            where = list(dict.fromkeys(own.tolist()))  # the order that aggregate has them in
            variances[np.ix_(where, bag.voxels)] = found.v
        return means, variances

    def z_rows(self, rows: Rows, group: str | None = None) -> Values:
        """Z of the result at voxels."""
        del group  # the design of the rows knows which term it is
        return _Fit(self, *self.effects(rows), rows).z()

    def given_tau2(self) -> float:
        """Variance between studies that is assumed, where none is estimated."""
        return 0.0

    def facts(self, sample: Sample) -> dict[str, Any]:
        """What the standard errors are, and the moderators."""
        return {
            "standard_error": self.correction,
            "tau2_method": self.tau2_method,
            **self.term_facts(sample),
        }

    def description(self, sample: Sample) -> str:
        """One sentence on what was done, with citations."""
        plain = sample.design is None or sample.design.is_plain
        model = f"{self.model_words()}, {'' if plain else f'of the formula {self.formula}, '}"
        return f"{model}were fitted to {amounts(sample)}{self._sources()}."

    def model_words(self) -> str:
        """Kind of the model, as a sentence begins."""
        return self.model

    def _sources(self) -> str:
        return f" {cited(self.citations)}" if self.citations else ""


def maps_of_terms(tested: Sequence[Inference], moderators: Design) -> dict[Any, Values]:
    """Maps of every coefficient: z, estimate, standard error and 95 % interval."""
    maps: dict[Any, Values] = {}
    for label, found in zip(moderators.labels, tested, strict=True):
        group = None if moderators.is_plain else label
        low, high = heterogeneity.interval(found)
        maps |= {
            MapSpec("z", "two-sided", group=group): t_to_z(found.statistic, found.dof),
            MapSpec("est", group=group): found.est,
            MapSpec("se", group=group): found.se,
            MapSpec("estLower", group=group): low,
            MapSpec("estUpper", group=group): high,
        }
    return maps


class _Fit:
    """Fit of voxels that the same contrasts cover, and the maps of it."""

    def __init__(self, estimator: RegressionEstimator, y: Values, v: Values, rows: Rows) -> None:
        self.estimator = estimator
        self.moderators: Design = rows.state
        self.y, self.v, self.matrix, self.groups = y, v, self.moderators.matrix, None
        if rows.dependent and estimator.weight_scheme == "collapse":
            found = dependence.aggregate(y, v, rows.groups, rho=estimator.rho, design=self.matrix)
            self.y, self.v, self.matrix = found.y, found.v, found.design
        elif rows.dependent:
            self.groups = rows.groups

    def maps(self) -> dict[Any, Values]:
        """Every map."""
        tau2 = self._tau2(self.matrix)
        maps: dict[Any, Values] = {}
        if self.estimator.tau2_method is not None:
            maps["tau2"] = tau2
        tested, omnibus = self._tested(tau2)
        maps |= maps_of_terms(tested, self.moderators)
        maps["dof"] = self._dof(tested[self.moderators.result])
        if self.groups is None:
            maps |= self._heterogeneity(tau2, tested[0])
        if omnibus is not None:
            maps |= {"qm": omnibus.statistic, "qmP": omnibus.p}
            if self.estimator.tau2_method is not None and self.moderators.has_intercept:
                without = self._tau2(np.ones((len(self.y), 1)))
                maps["r2"] = heterogeneity.explained(without, tau2)
        return maps

    def z(self) -> Values:
        """Z of the result alone."""
        tested, _ = self._tested(self._tau2(self.matrix))
        found = tested[self.moderators.result]
        return np.asarray(t_to_z(found.statistic, found.dof))

    def _tau2(self, matrix: Values) -> Values:
        method, n_voxels = self.estimator.tau2_method, self.y.shape[1]
        if method is None:
            return np.full(n_voxels, self.estimator.given_tau2())
        if self.groups is None:
            return estimate_tau2(method, self.y, self.v, design=matrix).value
        scheme, rho = self.estimator.weight_scheme, self.estimator.rho
        return dependence.grouped_tau2(
            method, self.y, self.v, self.groups, scheme=scheme, rho=rho, design=matrix
        ).value

    def _tested(self, tau2: Values) -> tuple[list[Inference], heterogeneity.Omnibus | None]:
        """Every coefficient, and all moderators together where studies are independent."""
        columns = range(self.matrix.shape[1])
        if self.groups is not None:
            scheme = self.estimator.weight_scheme
            weights = dependence.group_weights(self.v, self.groups, tau2, scheme=scheme)
            robust = robust_fit(self.y, weights, self.groups, design=self.matrix)
            return [robust.infer(column) for column in columns], None
        fitted = weighted_fit.fit(self.y, self.v, tau2, design=self.matrix)
        correction = self.estimator.correction
        tested = [weighted_fit.infer(fitted, column, correction=correction) for column in columns]
        others = self.moderators.others
        if not others:
            return tested, None
        return tested, heterogeneity.omnibus(fitted, others, correction=correction)

    def _dof(self, found: Inference) -> Values:
        if self.groups is not None:
            return found.dof
        return np.full(self.y.shape[1], float(len(self.y) - self.matrix.shape[1]))

    def _heterogeneity(self, tau2: Values, mean: Inference) -> dict[Any, Values]:
        found = heterogeneity.heterogeneity(self.y, self.v, tau2, design=self.matrix)
        maps: dict[Any, Values] = {"q": found.q, "qP": found.q_p, "i2": found.i2, "h2": found.h2}
        if self.estimator.tau2_method is not None:
            maps["tau2Lower"], maps["tau2Upper"] = heterogeneity.tau2_interval(
                self.y, self.v, design=self.matrix
            )
        if self.moderators.is_plain:
            maps["predictionLower"], maps["predictionUpper"] = heterogeneity.prediction_interval(
                mean, tau2, found.dof
            )
        return maps


class DerSimonianLaird(RegressionEstimator):
    """Random effects; the variance between studies is that of DerSimonian & Laird (1986)."""

    tau2_method = "dl"
    citations: ClassVar[tuple[str, ...]] = ("dersimonian1986",)


class Hedges(RegressionEstimator):
    """Random effects; the variance between studies is that of Hedges (1983)."""

    tau2_method = "he"
    citations: ClassVar[tuple[str, ...]] = ("hedges1983",)


class PauleMandel(RegressionEstimator):
    """Random effects; the variance between studies is that of Paule & Mandel (1982)."""

    tau2_method = "pm"
    citations: ClassVar[tuple[str, ...]] = ("paule1982",)


class VarianceBasedLikelihood(RegressionEstimator):
    """Random effects; the variance between studies has the largest (restricted) likelihood.

    Parameters
    ----------
    method : "ml" or "reml"
        Maximum or restricted maximum likelihood.
    """

    citations: ClassVar[tuple[str, ...]] = ("viechtbauer2005",)
    method: str

    def __init__(  # noqa: PLR0913 - keywords of one method
        self,
        *,
        method: str = "ml",
        aggressive_mask: bool = False,
        min_studies: int = defaults.MIN_STUDIES,
        groupby: Any = None,
        formula: str = PLAIN,
        term: str | None = None,
        weight_scheme: str = SCHEMES[0],
        rho: float = dependence.RHO,
        small_sample_correction: str | None = None,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
    ) -> None:
        parameters = dict(locals())
        if method not in LIKELIHOODS:
            msg = f"method {method!r} is unknown; there are: {', '.join(LIKELIHOODS)}"
            raise UsageError(msg)
        self._take({name: parameters[name] for name in self._parameter_names()})

    @property
    def tau2_method(self) -> Method:  # type: ignore[override]
        """Which likelihood."""
        return self.method  # type: ignore[return-value]


class WeightedLeastSquares(RegressionEstimator):
    """Weighted least squares; the variance between studies is assumed, 0: fixed effects.

    Parameters
    ----------
    tau2 : float
        Variance between studies, at least 0.
    """

    model = "Fixed effects"
    tau2: float

    def __init__(  # noqa: PLR0913 - keywords of one method
        self,
        *,
        tau2: float = 0.0,
        aggressive_mask: bool = False,
        min_studies: int = defaults.MIN_STUDIES,
        groupby: Any = None,
        formula: str = PLAIN,
        term: str | None = None,
        weight_scheme: str = SCHEMES[0],
        rho: float = dependence.RHO,
        small_sample_correction: str | None = None,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
    ) -> None:
        parameters = dict(locals())
        check("tau2", tau2, "a number of at least 0", lambda value: 0 <= value < np.inf)
        self._take({name: parameters[name] for name in self._parameter_names()})

    def given_tau2(self) -> float:
        """Variance between studies that is assumed."""
        return float(self.tau2)

    def model_words(self) -> str:
        """Kind of the model: with a variance between studies effects are not fixed."""
        if not self.tau2:
            return self.model
        model = self.model.replace("Fixed", "Random")
        return f"{model} with an assumed variance between studies of {self.tau2:g}"


class FixedEffectsHedges(WeightedLeastSquares):
    """Fixed effects of Hedges' g, which t and sample size give (Bossier et al. 2019)."""

    required: ClassVar[tuple[str, ...]] = ("t",)
    citations: ClassVar[tuple[str, ...]] = ("hedges1981", "bossier2019")
    model = "Fixed effects of Hedges' g"

    def needs_sample_sizes(self) -> bool:
        """Hedges' g follows from t and the sample size."""
        return True

    def effects(self, rows: Rows) -> tuple[Values, Values]:
        """Hedges' g and its variance."""
        n, dof = (
            one if one.ndim == 2 else one[:, None] for one in (rows.effective_sizes, rows.dofs)
        )
        d = t_to_d(rows.values["t"], n)
        return d_to_g(d, dof), g_variance(d, n, dof)
