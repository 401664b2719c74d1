"""Estimators that combine z: Stouffer's and Fisher's."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.maps import Tail
from nimare_pipeline.meta.estimator import flag
from nimare_pipeline.meta.ibma.base import amounts, cited
from nimare_pipeline.meta.ibma.flips import FlippedEstimator, present
from nimare_pipeline.meta.ibma.sample import Rows, Sample, numbered
from nimare_pipeline.numerics import sign_flips_terms
from nimare_pipeline.numerics.combination import Combined, fisher, stouffer
from nimare_pipeline.numerics.coverage import Bag
from nimare_pipeline.numerics.sign_flips import FlipTerms


class CombinationEstimator(FlippedEstimator):
    """Test that z of the studies say something together.

    Images of a study are dependent: their correlation where nothing happens is estimated from
    all voxels, see :mod:`nimare_pipeline.numerics.null_correlation`.

    Parameters
    ----------
    use_sample_size : bool
        Weigh studies by their sample size.
    two_sided : bool
        Test both signs, concordant: studies of opposite signs speak against each other (Winkler
        et al. 2016); else the positive one.
    """

    required: ClassVar[tuple[str, ...]] = ("z",)
    named: ClassVar[str]
    use_sample_size: bool
    two_sided: bool

    def __init__(
        self,
        *,
        use_sample_size: bool = False,
        two_sided: bool = True,
        aggressive_mask: bool = False,
        min_studies: int = defaults.MIN_STUDIES,
        groupby: Any = None,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
    ) -> None:
        parameters = dict(locals())
        for name in ("use_sample_size", "two_sided"):
            flag(name, parameters[name])
        self._take({name: parameters[name] for name in self._parameter_names()})

    @property
    def tail(self) -> Tail:  # type: ignore[override]
        """Sides that are tested."""
        return "two-sided" if self.two_sided else "positive"

    def needs_sample_sizes(self) -> bool:
        """Weights are sample sizes."""
        return self.use_sample_size

    def alike(self, sample: Sample) -> NDArray[np.int64]:
        """Contrasts that are a study each, those of the same sample size where it counts."""
        own = np.arange(1, 1 + len(sample.ids))
        several = np.bincount(sample.groups)[sample.groups] > 1
        sizes = sample.sample_sizes if self.use_sample_size else np.zeros(len(own))
        return numbered(np.where(several, own, 0), sizes)

    def begin(self, sample: Sample, bag: Bag) -> NDArray[np.float64] | None:
        """Correlation of the images of a study where nothing happens."""
        groups, correlation = sample.groups[bag.rows], sample.null_correlation
        if correlation is None or len(np.unique(groups)) == len(groups):
            return None
        return correlation[np.ix_(bag.rows, bag.rows)]

    def combine(self, rows: Rows) -> Combined:
        """Combine the z of some voxels."""
        raise NotImplementedError

    def fit_rows(self, rows: Rows) -> dict[Any, NDArray[np.float64]]:
        """Test voxels."""
        found = self.combine(rows)
        return {"stat": found.stat, "z": found.z, "dof": np.full(len(found.z), float(found.dof))}

    def _options(self, rows: Rows) -> dict[str, Any]:
        return {
            "groups": rows.groups,
            "sample_sizes": rows.sample_sizes if self.use_sample_size else None,
            "correlation": rows.state,
            "two_sided": self.two_sided,
        }

    def _flip_options(self, sample: Sample) -> dict[str, Any]:
        return {
            "groups": sample.groups,
            "sample_sizes": sample.sample_sizes if self.use_sample_size else None,
            "correlation": sample.null_correlation,
        }

    def facts(self, sample: Sample) -> dict[str, Any]:
        """Whether studies are weighed."""
        return {"weighting": "sample_size" if self.use_sample_size else None}

    def description(self, sample: Sample) -> str:
        """One sentence on what was done, with citations."""
        return (
            f"The z images of {amounts(sample)} were combined by {self.named}'s test "
            f"{cited(self.citations)}."
        )


class Stouffers(CombinationEstimator):
    """Stouffer's test: the sum of z, weighted by the root of the sample size if at all."""

    named = "Stouffer"
    citations: ClassVar[tuple[str, ...]] = ("zaykin2011",)

    def combine(self, rows: Rows) -> Combined:
        """Combine the z of some voxels."""
        return stouffer(rows.values["z"], **self._options(rows))

    def flip_terms(self, sample: Sample) -> FlipTerms:
        """What each study adds to Z."""
        options = self._flip_options(sample)
        return sign_flips_terms.stouffer(present(sample, "z"), **options)


class Fishers(CombinationEstimator):
    """Fisher's test: the sum of -2 ln p, which one study can make large."""

    named = "Fisher"
    citations: ClassVar[tuple[str, ...]] = ("fisher1992", "brown1975", "kost2002")

    def combine(self, rows: Rows) -> Combined:
        """Combine the z of some voxels."""
        return fisher(rows.values["z"], **self._options(rows))

    def flip_terms(self, sample: Sample) -> FlipTerms:
        """What each study adds to X."""
        options = self._flip_options(sample)
        return sign_flips_terms.fisher(present(sample, "z"), **options)
