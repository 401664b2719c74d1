"""Which corrected map the verdict of an analysis rests on, and how that is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nimare_pipeline import defaults
from nimare_pipeline.errors import UsageError
from nimare_pipeline.registry import MONTECARLO_ONLY, NO_TFCE, VOXELS_ONLY, refusal_of_tfce
from nimare_pipeline.settings import Analysis, Component

Level = Literal["size", "mass", "voxel", "tfce", "none"]
RESULTS: Mapping[str, Level] = {
    "cluster-size": "size", "cluster-mass": "mass", "voxel": "voxel", "tfce": "tfce"
}  # fmt: skip
"""Names that an analysis' ``result`` accepts, to what makes something significant."""
VOXELWISE: frozenset[Level] = frozenset({"voxel", "tfce"})
"""Levels at which every voxel has a p of its own."""

_CRITERIA = {
    "size": "by cluster size",
    "mass": "by cluster mass",
    "voxel": "voxel by voxel",
    "tfce": "by threshold-free cluster enhancement",
    "none": "",
}
_COLUMNS = {"size": "p_size_fwe", "mass": "p_mass_fwe", "tfce": "p_tfce_fwe"}
_THRESHOLDS = {"size": "size_voxels", "mass": "mass", "voxel": "voxel", "tfce": "tfce"}
_METHODS = {
    "bonferroni": "Bonferroni",
    "holm": "Holm",
    "indep": "Benjamini-Hochberg",
    "negcorr": "Benjamini-Yekutieli",
}


def has_clusters(corrector: Component) -> bool:
    """Whether a corrector judges clusters, and not only voxels."""
    method = corrector.args.get("method", defaults.CORRECTION_METHOD)
    return corrector.type == "FWECorrector" and method == "montecarlo"


def has_tfce(corrector: Component) -> bool:
    """Whether a corrector enhances without threshold."""
    return has_clusters(corrector) and corrector.args.get("tfce") is True


def result_level(analysis: Analysis) -> Level:
    """What makes something significant in an analysis: by default cluster size, if it is judged.

    Who asks for threshold-free cluster enhancement gets that.

    Raises
    ------
    UsageError
        For an unknown ``result``, or one that the corrector does not give.
    """
    if analysis.type == "conjunction":
        return "none"
    clusters, enhanced = has_clusters(analysis.corrector), has_tfce(analysis.corrector)
    if enhanced and analysis.estimator.type in NO_TFCE:
        raise UsageError(refusal_of_tfce(analysis.estimator.type))
    if analysis.estimator.type in VOXELS_ONLY:
        return _voxels_only(analysis)
    if not analysis.result:
        return "tfce" if enhanced else "size" if clusters else "voxel"
    if analysis.result not in RESULTS:
        msg = f"result {analysis.result!r} is unknown; there are: {', '.join(RESULTS)}"
        raise UsageError(msg)
    level = RESULTS[analysis.result]
    if level != "voxel" and not clusters:
        msg = (
            f"result {analysis.result!r} needs FWECorrector with method 'montecarlo'; "
            f"{analysis.corrector.type} with method {analysis.corrector.args.get('method')!r} "
            "judges voxels only"
        )
        raise UsageError(msg)
    if level == "tfce" and not enhanced:
        msg = "result 'tfce' needs the keyword tfce = true of FWECorrector, or the option --tfce"
        raise UsageError(msg)
    return level


def _voxels_only(analysis: Analysis) -> Level:
    """Voxels, of an estimator that judges nothing else."""
    name = analysis.estimator.type
    if name in MONTECARLO_ONLY and not has_clusters(analysis.corrector):
        given = f"{analysis.corrector.type} with method {analysis.corrector.args.get('method')!r}"
        msg = (
            f"{name} has no uncorrected p: it is judged by FWECorrector with method 'montecarlo', "
            f"not by {given}"
        )
        raise UsageError(msg)
    if analysis.result not in ("", "voxel"):
        msg = f"{name} judges voxels only: its result is 'voxel', not {analysis.result!r}"
        raise UsageError(msg)
    return "voxel"


@dataclass(frozen=True)
class Inference:
    """How the significance of a result was judged.

    Parameters
    ----------
    level : "size", "mass", "voxel", "tfce" or "none"
        What makes something significant.
    error_rate : "FWE" or "FDR"
        Error rate controlled.
    method : str
        How: ``montecarlo``, ``bonferroni``, ``holm``, ``indep``, ``negcorr``.
    alpha : float
        At which level.
    words : str
        Criterion of a conjunction, which has none of its own.
    """

    level: Level = "size"
    error_rate: str = "FWE"
    method: str = "montecarlo"
    alpha: float = defaults.ALPHA
    words: str = ""

    @classmethod
    def of(cls, facts: Mapping[str, Any], alpha: float, level: Level | None = None) -> "Inference":
        """Take it from the facts of a result; of a damaged record, what is usual."""
        known = facts.get("correction") or {}
        method = known.get("method", "montecarlo")
        usual: Level = "size" if method == "montecarlo" else "voxel"
        words = (facts.get("conjunction") or {}).get("criterion", "")
        return cls(level or usual, known.get("error_rate", "FWE"), method, alpha, words)

    @property
    def criterion(self) -> str:
        """For example ``FWE-corrected p < 0.05 by cluster size``."""
        if self.words:
            return self.words
        by = _CRITERIA[self.level]
        named = f", {_METHODS[self.method]}" if self.method in _METHODS else ""
        return f"{self.error_rate}-corrected p < {self.alpha:g} {by}{named}".strip()

    @property
    def by(self) -> str:
        """For example ``by cluster size``."""
        return _CRITERIA[self.level]

    @property
    def method_name(self) -> str:
        """Name of the method as papers write it."""
        return _METHODS.get(self.method, "Monte Carlo")

    @property
    def column(self) -> str:
        """Column of the table of clusters that holds the p judged by."""
        return _COLUMNS.get(self.level, f"p_voxel_{self.error_rate.lower()}")

    @property
    def threshold(self) -> str:
        """Key of the critical values of a Monte Carlo null."""
        return _THRESHOLDS.get(self.level, "")
