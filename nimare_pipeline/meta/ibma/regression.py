"""Estimators that weigh effects by their variances: fixed and random effects, meta-regression."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.meta.estimator import check
from nimare_pipeline.meta.ibma.base import ImageEstimator, Rows, Sample, amounts
from nimare_pipeline.moderators import Design, design
from nimare_pipeline.numerics import weighted_fit
from nimare_pipeline.numerics.conversions import d_to_g, g_variance, t_to_d, t_to_z
from nimare_pipeline.numerics.coverage import Bag
from nimare_pipeline.numerics.tau2 import Method, estimate_tau2
from nimare_pipeline.numerics.weighted_fit import Correction
from nimare_pipeline.tables import ID_COLUMNS

CORRECTIONS = ("knapp-hartung", "knapp-hartung-conservative", "wald")
"""Standard errors: scaled by the weighted residuals and referred to t (Knapp & Hartung 2003), that
but never smaller than with known variances, or with known variances and referred to the normal."""
SCHEMES = ("rescale", "individual", "collapse")
"""Weights of several images of a study, see ``RegressionEstimator``."""

LIKELIHOODS = ("ml", "reml")
PLAIN = "~ 1"
RHO = 0.8

Values = NDArray[np.float64]


class RegressionEstimator(ImageEstimator):
    """Estimator of a mean effect, or of its dependence on moderators.

    Parameters that all of them take, beside those of ``ImageEstimator``:

    formula : str
        Right side of a formula of columns of metadata and annotations, for example
        ``~ 1 + age + C(modality)``.
    term : str, optional
        Column of the formula whose coefficient is the result; the intercept by default.
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
    formula: str
    term: str | None
    weight_scheme: str
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
        rho: float = RHO,
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
        if not isinstance(self.formula, str):
            msg = f"formula is {self.formula!r}; expected text such as '~ 1 + age'"
            raise UsageError(msg)
        check("rho", self.rho, "a number from 0 to 1", lambda value: 0 <= value <= 1)

    @property
    def correction(self) -> Correction:
        """Standard error that is used for independent studies."""
        usual = "wald" if self.tau2_method is None else "knapp-hartung"
        return self.small_sample_correction or usual  # type: ignore[return-value]

    def design(self, dataset: Dataset) -> Design | None:
        """Moderators of the contrasts of a dataset."""
        annotations = dataset.annotations.drop(columns=list(ID_COLUMNS), errors="ignore")
        table = dataset.metadata.loc[:, ~dataset.metadata.columns.isin(annotations.columns)]
        columns = pd.concat([table, annotations], axis=1)
        return design(self.formula, columns, self.term)

    def covers(self, sample: Sample, bag: Bag) -> bool:
        """Whether contrasts tell the coefficients of the design apart."""
        if not super().covers(sample, bag):
            return False
        if sample.design is None or sample.design.is_plain:
            return True
        matrix = sample.design.only(bag.rows)
        rank = int(np.linalg.matrix_rank(matrix / np.abs(sample.design.matrix).max(axis=0)))
        n_groups = len(np.unique(sample.groups[bag.rows]))
        return rank == matrix.shape[1] and n_groups > matrix.shape[1]

    def begin(self, sample: Sample, bag: Bag) -> Any:
        """Design of the contrasts of a bag."""
        if sample.design is None:
            return None
        matrix = sample.design.only(bag.rows)
        return Design(
            sample.design.formula, matrix, sample.design.columns, sample.design.labels,
            sample.design.result,
        )  # fmt: skip

    def effects(self, rows: Rows) -> tuple[Values, Values]:
        """Effects and their variances, (n_contrasts, n_voxels) each."""
        return rows.values["beta"], rows.values["varcope"]

    def fit_rows(self, rows: Rows) -> dict[Any, Values]:
        """Fit voxels by weighted least squares."""
        y, v = self.effects(rows)
        moderators: Design = rows.state
        full = weighted_fit.make_design(moderators.matrix, len(y))
        maps: dict[Any, Values] = {}
        tau2: Any = self.given_tau2()
        if self.tau2_method is not None:
            tau2 = maps["tau2"] = estimate_tau2(self.tau2_method, y, v, design=full).value
        fitted = weighted_fit.fit(y, v, tau2, design=full)
        for column, label in enumerate(moderators.labels):
            found = weighted_fit.infer(fitted, column, correction=self.correction)
            group = None if moderators.is_plain else label
            maps |= {
                self.spec("z", group): t_to_z(found.statistic, found.dof),
                self.spec("est", group): found.est,
                self.spec("se", group): found.se,
            }
        maps["dof"] = np.full(y.shape[1], float(fitted.dof))
        return maps

    def given_tau2(self) -> float:
        """Variance between studies that is assumed, where none is estimated."""
        return 0.0

    def facts(self, sample: Sample) -> dict[str, Any]:
        """What the standard errors are, and the moderators."""
        moderators = sample.design
        terms = {}
        if moderators is not None and not moderators.is_plain:
            labels = moderators.labels
            terms = {
                "formula": self.formula,
                "terms": dict(zip(labels, moderators.columns, strict=True)),
                "result_group": labels[moderators.result],
            }
        return {"standard_error": self.correction, "tau2_method": self.tau2_method, **terms}

    def description(self, sample: Sample) -> str:
        """One sentence on what was done, with citations."""
        return f"{type(self).__name__} was fitted to {amounts(sample)}."


class DerSimonianLaird(RegressionEstimator):
    """Random effects; the variance between studies is that of DerSimonian & Laird (1986)."""

    tau2_method = "dl"


class Hedges(RegressionEstimator):
    """Random effects; the variance between studies is that of Hedges (1983)."""

    tau2_method = "he"


class PauleMandel(RegressionEstimator):
    """Random effects; the variance between studies is that of Paule & Mandel (1982)."""

    tau2_method = "pm"


class VarianceBasedLikelihood(RegressionEstimator):
    """Random effects; the variance between studies has the largest (restricted) likelihood.

    Parameters
    ----------
    method : "ml" or "reml"
        Maximum or restricted maximum likelihood.
    """

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
        rho: float = RHO,
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
        rho: float = RHO,
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


class FixedEffectsHedges(WeightedLeastSquares):
    """Fixed effects of Hedges' g, which t and sample size give (Bossier et al. 2019)."""

    required: ClassVar[tuple[str, ...]] = ("t",)

    def needs_sample_sizes(self) -> bool:
        """Hedges' g follows from t and the sample size."""
        return True

    def effects(self, rows: Rows) -> tuple[Values, Values]:
        """Hedges' g and its variance."""
        n, dof = rows.effective_sizes[:, None], rows.dofs[:, None]
        d = t_to_d(rows.values["t"], n)
        return d_to_g(d, dof), g_variance(d, n, dof)
