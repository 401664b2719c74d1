"""Unweighted tests of images, judged by flips of signs."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec, Tail
from nimare_pipeline.meta.estimator import flag
from nimare_pipeline.meta.ibma.base import amounts, cited
from nimare_pipeline.meta.ibma.flips import group_means, present
from nimare_pipeline.meta.ibma.moderated import PLAIN, ModeratedEstimator, moderators_of
from nimare_pipeline.meta.ibma.sample import Rows, Sample, numbered
from nimare_pipeline.numerics import combination, dependence, sign_flips_terms, weighted_fit
from nimare_pipeline.numerics.conversions import t_to_z
from nimare_pipeline.numerics.sign_flips import FlipTerms

KINDS = ("beta", "z", "g", "d")

Values = NDArray[np.float64]


class PermutedOLS(ModeratedEstimator):
    """One-sample t test over studies, or of a moderator; each study counts alike.

    Images of one study are averaged first. A moderator is tested by flips of the residuals of the
    model without it (Freedman & Lane 1983).

    Parameters
    ----------
    image : "beta", "z", "g" or "d"
        Kind of images that is tested. Effects must be in one unit; z is in one wherever it comes
        from, but grows with the sample size of its study.
    use_sample_size : bool
        Weigh studies by their sample size; the error is then cluster-robust (CR2). Not with
        moderators.
    two_sided : bool
        Test both signs; else the positive one.
    """

    citations: ClassVar[tuple[str, ...]] = ("maumet2016",)
    image: str
    use_sample_size: bool
    two_sided: bool

    def __init__(  # noqa: PLR0913 - keywords of one method
        self,
        *,
        image: str = KINDS[0],
        use_sample_size: bool = False,
        two_sided: bool = True,
        aggressive_mask: bool = False,
        min_studies: int = defaults.MIN_STUDIES,
        groupby: Any = None,
        formula: str = PLAIN,
        term: str | None = None,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
    ) -> None:
        parameters = dict(locals())
        if image not in KINDS:
            msg = f"image {image!r} is unknown; there are: {', '.join(KINDS)}"
            raise UsageError(msg)
        for name in ("use_sample_size", "two_sided"):
            flag(name, parameters[name])
        if use_sample_size and formula != PLAIN:
            msg = "use_sample_size weighs the studies of a mean; with a formula they count alike"
            raise UsageError(msg)
        self._take({name: parameters[name] for name in self._parameter_names()})

    @property
    def tail(self) -> Tail:  # type: ignore[override]
        """Sides that are tested."""
        return "two-sided" if self.two_sided else "positive"

    def needs_sample_sizes(self) -> bool:
        """Weights are sample sizes."""
        return self.use_sample_size

    def kinds(self) -> tuple[str, ...]:
        """Kind of images that it takes."""
        return (self.image,)

    def alike(self, sample: Sample) -> NDArray[np.int64]:
        """Contrasts with the same moderators, and of the same sample size where it counts."""
        sizes = sample.sample_sizes if self.use_sample_size else np.zeros(len(sample.ids))
        return numbered(sizes, moderators_of(sample))

    def fit_rows(self, rows: Rows) -> dict[Any, Values]:
        """Test voxels."""
        values, moderators = rows.values[self.image], rows.state
        if not moderators.is_plain:
            return self._terms(values, rows)
        sizes = rows.sample_sizes if self.use_sample_size else None
        found = combination.one_sample_t(values, groups=rows.groups, sample_sizes=sizes)
        shares = combination.mean_shares(rows.groups, sizes)
        mean = shares @ combination.group_means(values, rows.groups)
        dof = np.full(len(mean), float(found.dof))
        return {"t": found.stat, "z": found.z, "est": mean, "dof": dof}

    def _terms(self, values: Values, rows: Rows) -> dict[Any, Values]:
        """Ordinary least squares: t of every coefficient."""
        ones = np.ones(values.shape)
        means = dependence.aggregate(values, ones, rows.groups, design=rows.state.matrix)
        fitted = weighted_fit.fit_weights(means.y, np.ones(means.y.shape), design=means.design)
        maps: dict[Any, Values] = {"dof": np.full(values.shape[1], float(fitted.dof))}
        for column, group in enumerate(rows.state.labels):
            found = weighted_fit.infer(fitted, column, correction="knapp-hartung")
            maps |= {
                MapSpec("t", self.tail, group=group): found.statistic,
                MapSpec("z", self.tail, group=group): t_to_z(found.statistic, found.dof),
                MapSpec("est", group=group): found.est,
                MapSpec("se", group=group): found.se,
            }
        return maps

    def flip_terms(self, sample: Sample) -> FlipTerms:
        """What each study adds to the sums of its statistic."""
        y = group_means(present(sample, self.image), sample.present, sample.groups)
        if sample.design is not None and not sample.design.is_plain:
            matrix = design_of_groups(sample)
            return sign_flips_terms.model_term(y, matrix, sample.design.result)
        if self.use_sample_size:
            sizes = np.broadcast_to(sample.sample_sizes[:, None], sample.present.shape)
            return sign_flips_terms.robust_mean(
                y, group_means(sizes, sample.present, sample.groups)
            )
        return sign_flips_terms.one_sample_t(y)

    def facts(self, sample: Sample) -> dict[str, Any]:
        """Kind of images that was tested, and the moderators."""
        return {"image": self.image, **self.term_facts(sample)}

    def description(self, sample: Sample) -> str:
        """One sentence on what was done, with citations."""
        return (
            f"A one-sample t test over studies was made of the {self.image} images of "
            f"{amounts(sample)} {cited(self.citations)}."
        )


def design_of_groups(sample: Sample) -> Values:
    """Design matrix of the studies: that of their images, which must be the same."""
    if sample.design is None:
        return np.ones((len(np.unique(sample.groups)), 1))
    matrix = sample.design.matrix
    zeros = np.zeros((len(matrix), 1))
    found = dependence.aggregate(zeros, zeros + 1, sample.groups, design=matrix)
    order = np.argsort(list(dict.fromkeys(sample.groups.tolist())))
    return found.design[order]
