"""What a map means, in one record; its names everywhere are rendered from that record."""

from dataclasses import dataclass
from typing import Literal

Tail = Literal["positive", "negative", "two-sided"]


@dataclass(frozen=True)
class MapSpec:
    """Meaning of one statistical map.

    Parameters
    ----------
    statistic : str
        ``stat`` (the estimator's own statistic), ``z``, ``p``, ``logp`` (-log10 p) or ``tfce``.
    tail : "positive", "negative" or "two-sided"
        Tail convention of p, z and logp.
    level : "voxel", "cluster" or "tfce", optional
        Level of the correction; None for an uncorrected map.
    measure : "size" or "mass", optional
        Cluster measure, for ``level="cluster"``.
    correction : "FWE" or "FDR", optional
        Error rate controlled.
    method : str, optional
        How it is controlled: ``montecarlo``, ``bonferroni``, ...
    group : str, optional
        Group or contrast the map speaks of, for estimators with several.
    """

    statistic: str
    tail: Tail = "positive"
    level: Literal["voxel", "cluster", "tfce"] | None = None
    measure: Literal["size", "mass"] | None = None
    correction: Literal["FWE", "FDR"] | None = None
    method: str | None = None
    group: str | None = None

    @property
    def name(self) -> str:
        """Name in ``MetaResult.maps``, as NiMARE spells it."""
        desc = f"{self.group or ''}{self._measure_label()}"
        parts = [self.statistic]
        parts += [f"desc-{desc}"] if desc else []
        parts += [f"level-{self.level}"] if self.level else []
        parts += [f"corr-{self.correction}"] if self.correction else []
        parts += [f"method-{self.method}"] if self.method else []
        return "_".join(parts)

    def _measure_label(self) -> str:
        if self.measure is None:
            return ""
        return self.measure.capitalize() if self.group else self.measure

    @property
    def desc(self) -> str | None:
        """Value of the BIDS entity ``desc``, as ``clusterSizeFWE``; None if uncorrected."""
        if self.correction is None:
            return None
        method = "" if self.method == "montecarlo" else (self.method or "").capitalize()
        return (
            f"{self.level or 'voxel'}{(self.measure or '').capitalize()}{self.correction}{method}"
        )


ALIASES = {
    # The tutorial's spelling: cluster size was the only cluster measure when it was written.
    f"{statistic}_level-cluster_corr-FWE_method-montecarlo": MapSpec(
        statistic, level="cluster", measure="size", correction="FWE", method="montecarlo"
    ).name
    for statistic in ("z", "p", "logp")
}
