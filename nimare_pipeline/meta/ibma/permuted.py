"""One-sample t test of images, judged by flips of signs."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import Tail
from nimare_pipeline.meta.estimator import flag
from nimare_pipeline.meta.ibma.base import Rows, Sample, amounts, cited
from nimare_pipeline.meta.ibma.flips import FlippedEstimator, group_means
from nimare_pipeline.numerics import combination
from nimare_pipeline.numerics.combination import mean_shares, one_sample_t
from nimare_pipeline.numerics.sign_flips import FlipTerms
from nimare_pipeline.numerics.sign_flips_terms import one_sample_t as one_sample_terms

KINDS = ("beta", "z", "g", "d")


class PermutedOLS(FlippedEstimator):
    """One-sample t test over studies, the sampling of the maps within studies left out.

    Images of one study are averaged first.

    Parameters
    ----------
    image : "beta", "z", "g" or "d"
        Kind of images that is tested. Effects must be in one unit; z is in one wherever it comes
        from, but grows with the sample size of its study.
    use_sample_size : bool
        Weigh studies by their sample size; the error is then cluster-robust (CR2).
    two_sided : bool
        Test both signs; else the positive one.
    """

    citations: ClassVar[tuple[str, ...]] = ("maumet2016", "winkler2014")
    image: str
    use_sample_size: bool
    two_sided: bool

    def __init__(
        self,
        *,
        image: str = KINDS[0],
        use_sample_size: bool = False,
        two_sided: bool = True,
        aggressive_mask: bool = False,
        min_studies: int = defaults.MIN_STUDIES,
        groupby: Any = None,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
    ) -> None:
        parameters = dict(locals())
        if image not in KINDS:
            msg = f"image {image!r} is unknown; there are: {', '.join(KINDS)}"
            raise UsageError(msg)
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

    def kinds(self) -> tuple[str, ...]:
        """Kind of images that it takes."""
        return (self.image,)

    def fit_rows(self, rows: Rows) -> dict[Any, NDArray[np.float64]]:
        """Test voxels."""
        values = rows.values[self.image]
        sizes = rows.sample_sizes if self.use_sample_size else None
        found = one_sample_t(values, groups=rows.groups, sample_sizes=sizes)
        mean = mean_shares(rows.groups, sizes) @ combination.group_means(values, rows.groups)
        dof = np.full(len(mean), float(found.dof))
        return {"t": found.stat, "z": found.z, "est": mean, "dof": dof}

    def flip_terms(self, sample: Sample) -> FlipTerms:
        """What each study adds to its sum."""
        return one_sample_terms(
            group_means(sample.images[self.image], sample.present, sample.groups)
        )

    def facts(self, sample: Sample) -> dict[str, Any]:
        """Kind of images that was tested."""
        del sample
        return {"image": self.image}

    def description(self, sample: Sample) -> str:
        """One sentence on what was done, with citations."""
        return (
            f"A one-sample t test over studies was made of the {self.image} images of "
            f"{amounts(sample)} {cited(self.citations)}."
        )
