"""An analysis that is to be run, with what it will use."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nimare_pipeline.errors import PipelineError, Problem
from nimare_pipeline.settings import Analysis

if TYPE_CHECKING:
    from nimare_pipeline.cohort import Cohort
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.null_foci import NullFoci
    from nimare_pipeline.saved_null import SavedNull


@dataclass(frozen=True)
class Planned:
    """One analysis that is to be run.

    Parameters
    ----------
    analysis : Analysis
        With its name and sources.
    dataset : Dataset or None
        Every contrast of its sources; None if they cannot be brought together.
    cohort : Cohort or None
        Contrasts and foci it will use; None if they cannot be selected.
    error : PipelineError or None
        Why not.
    problems : tuple of Problem
        What was odd in its sources; what was odd in selecting is in the cohort.
    saved_null : SavedNull or None
        Monte Carlo null in the output folder that is extended.
    null_foci : NullFoci or None
        Pool of foci that the null draws from, of an estimator that takes one.
    """

    analysis: Analysis
    dataset: "Dataset | None"
    cohort: "Cohort | None" = None
    error: PipelineError | None = None
    problems: tuple[Problem, ...] = ()
    saved_null: "SavedNull | None" = None
    null_foci: "NullFoci | None" = None

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Everything that was odd or wrong in the data, in the order it was found."""
        selecting = self.cohort.problems if self.cohort is not None else ()
        return (*self.problems, *selecting, *getattr(self.error, "problems", ()))
