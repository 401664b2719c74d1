"""Diagnostics of an image-based analysis: what its result owes to single studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from scipy.special import ndtri

from nimare_pipeline import defaults, derivative_tables
from nimare_pipeline.errors import Problem, UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.estimator import count, flag
from nimare_pipeline.meta.ibma.base import IMAGES, ImageEstimator, Rows, Sample
from nimare_pipeline.meta.ibma.left_out import maps_without, whole_sample, z_without
from nimare_pipeline.meta.ibma.study_parts import Parts, parts
from nimare_pipeline.numerics.coverage import Bag, bags
from nimare_pipeline.numerics.influence import egger
from nimare_pipeline.registry import get_estimator
from nimare_pipeline.results import MetaResult

MAX_PEAKS = 20
"""Peaks that are looked at: those of the largest clusters."""
FEW_STUDIES = 10
"""With fewer studies Egger's test has too little power to be relied on (Sterne et al. 2011)."""
MOST_FITS = 40
"""Fits of all voxels that the maps may cost. One without a study takes about a quarter of the
estimator's own, which makes more maps: so they cost at most about ten times the analysis."""
STRONGEST = "strongest voxel"
"""Name of the peak where nothing is significant."""
WEAKEST_Z, N_STAYS = "zLeaveOneOut", "nLeaveOneOut"
"""Statistics of the maps: z without the study that matters most, and studies that can be left out
each alone."""
_SMALLEST = 1e-200
"""Smaller variances are none: a likelihood's maximum was at 0."""
_NORMAL = float(ndtri(0.975))
_POOLED = {
    "est": "est", "lower": "estLower", "upper": "estUpper", "tau2": "tau2", "i2": "i2",
    "prediction_lower": "predictionLower", "prediction_upper": "predictionUpper",
}  # fmt: skip
_WITHOUT = {"est_without": "est", "tau2_without": "tau2", "z_without": "z"}

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ImageDiagnostics:
    """What a result of images owes to its studies.

    Parameters
    ----------
    studies : DataFrame
        A row each peak and contrast; columns ``derivative_tables.DIAGNOSTICS``.
    pooled : DataFrame
        A row each peak; columns ``derivative_tables.POOLED``.
    maps : dict of MapSpec to (n_voxels,) array
        At voxels below the uncorrected threshold the z without the study whose absence weakens it
        most, and how many studies can each be left out alone with the voxel staying below; NaN
        elsewhere. Empty if they were not asked for, or would take too long.
    problems : tuple of Problem
        What was not made, and why.
    """

    studies: pd.DataFrame
    pooled: pd.DataFrame
    maps: Mapping[MapSpec, Values] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def nothing_diagnosed() -> ImageDiagnostics:
    """Empty tables, and no maps."""
    return ImageDiagnostics(
        _typed([], derivative_tables.DIAGNOSTICS), _typed([], derivative_tables.POOLED)
    )


class LeaveOneOut:
    """Leave each study of an image-based result out in turn.

    Parameters
    ----------
    max_peaks : int
        Peaks that are tabulated, those of the largest clusters.
    voxel_thresh : float, optional
        Uncorrected p below which a voxel stays; by default that which formed clusters, else .001.
    maps : bool
        Make the maps. Each study is left out at all voxels that are below the threshold; where
        that is more than ``MOST_FITS`` fits of all voxels they are not made, which is said.
    """

    def __init__(
        self, *, max_peaks: int = MAX_PEAKS, voxel_thresh: float | None = None, maps: bool = True
    ) -> None:
        flag("maps", maps)
        if voxel_thresh is not None and not 0 < voxel_thresh < 1:
            msg = f"voxel_thresh is a level between 0 and 1, not {voxel_thresh}"
            raise UsageError(msg)
        self.max_peaks = count("max_peaks", max_peaks)
        self.voxel_thresh = voxel_thresh
        self.maps = maps

    def transform(
        self, result: MetaResult, clusters: pd.DataFrame | None = None
    ) -> ImageDiagnostics:
        """Diagnose a result.

        Parameters
        ----------
        result : MetaResult
            Of an image-based estimator.
        clusters : DataFrame, optional
            Its table of clusters, see ``diagnostics.cluster_table``. Without it, or where it is
            empty, the strongest voxel stands for the peaks.

        Raises
        ------
        UsageError
            For a result of foci.
        """
        if not any(name.startswith(IMAGES) for name in result.arrays):
            msg = "leave-one-out of images needs a result of an image-based estimator"
            raise UsageError(msg)
        case = _Case.of(result, self.voxel_thresh)
        peaks = _peaks(case, clusters, self.max_peaks)
        # Where studies agree exactly, or one tells a coefficient alone, the table says NaN.
        with np.errstate(all="ignore"):
            studies, pooled = _tables(case, peaks)
            maps, problems = _bounded(case) if self.maps else ({}, ())
        return ImageDiagnostics(studies, pooled, maps, problems)


@dataclass(frozen=True)
class _Case:
    """A result, the estimator that made it, and what that was made from."""

    result: MetaResult
    estimator: ImageEstimator
    sample: Sample
    group: str | None
    voxel_thresh: float

    @classmethod
    def of(cls, result: MetaResult, voxel_thresh: float | None) -> "_Case":
        estimator = get_estimator(result.estimator)
        formed = (result.facts.get("cluster_forming") or {}).get("p")
        thresh = voxel_thresh or formed or defaults.VOXEL_THRESH
        group = result.facts.get("result_group")
        return cls(result, estimator, whole_sample(result), group, float(thresh))

    @property
    def term(self) -> str:
        """Coefficient of a meta-regression that is the result; empty of a mean."""
        terms = self.result.facts.get("terms") or {}
        return str(terms.get(self.group, self.group or ""))

    @property
    def z(self) -> Values:
        """Uncorrected z of the result."""
        return np.asarray(self.result.maps[self.estimator.spec("z", self.group).name], dtype=float)

    def map(self, statistic: str) -> Values | None:
        """A map of the result: that of its term, else one that all terms share."""
        wanted = [self.estimator.spec(statistic, group) for group in (self.group, None)]
        for name in (spec.name for spec in wanted):
            if name in self.result.maps:
                return np.asarray(self.result.maps[name], dtype=float)
        return None

    def below(self, z: Values) -> NDArray[np.bool_]:
        """Whether the uncorrected p of z is below the threshold."""
        return np.asarray(np.exp(self.estimator.logsf(z)) < self.voxel_thresh)

    def stays(self, z: Values, without: Values) -> NDArray[np.bool_]:
        """Whether z without a study is below the threshold, and of the same sign."""
        return np.asarray(self.below(without) & (np.sign(without) == np.sign(z)))

    def rows(self, bag: Bag, voxels: NDArray[np.int64], state: Any) -> Rows:
        """Values of the contrasts of a bag at some of its voxels."""
        sample, chosen = self.sample, bag.rows
        _, groups = np.unique(sample.groups[chosen], return_inverse=True)
        values = {
            kind: image[np.ix_(chosen, voxels)].astype(np.float64)
            for kind, image in sample.images.items()
        }
        return Rows(
            values,
            groups.astype(np.int64),
            sample_sizes=sample.sample_sizes[chosen],
            effective_sizes=sample.effective_sizes[chosen],
            dofs=sample.dofs[chosen],
            dependent=sample.dependent,
            state=state,
        )


BLOCK = 8192
"""Voxels that are fitted at once."""


def _bounded(case: _Case) -> tuple[Mapping[MapSpec, Values], tuple[Problem, ...]]:
    """The maps, unless they would take much longer than the analysis."""
    analysed = case.sample.present.any(axis=0)
    n_groups = len(np.unique(case.sample.groups))
    n_fits = n_groups * float(case.below(case.z)[analysed].mean()) if analysed.any() else 0.0
    if n_fits <= MOST_FITS:
        return robustness(case), ()
    message = (
        f"no leave-one-out maps: {n_groups} studies at {100 * n_fits / n_groups:.0f} % of the "
        f"voxels would take as long as {n_fits:.0f} analyses (at most {MOST_FITS}); the peaks of "
        "the clusters are tabulated"
    )
    return {}, (Problem("warning", message),)


def robustness(case: _Case) -> dict[MapSpec, Values]:
    """Maps of what is left of each voxel without the study that matters most to it."""
    z = case.z
    weakest, n_stays = np.full(z.shape, np.nan), np.full(z.shape, np.nan)
    below = case.below(z)
    for bag in bags(case.sample.present):
        chosen = bag.voxels[below[bag.voxels]]
        if not len(chosen):
            continue
        state = case.estimator.begin(case.sample, bag)
        for start in range(0, len(chosen), BLOCK):
            voxels = chosen[start : start + BLOCK]
            rows = case.rows(bag, voxels, state)
            without = _of_groups(z_without(case.estimator, rows, case.group), rows)
            weakest[voxels] = _weakest(z[voxels], without)[0]
            n_stays[voxels] = case.stays(z[voxels], without).sum(axis=0)
    return {
        replace(case.estimator.spec("z", case.group), statistic=WEAKEST_Z): weakest,
        MapSpec(N_STAYS, group=case.group): n_stays,
    }


def _of_groups(values: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """One row a study of what all contrasts of a study have in common."""
    _, first = np.unique(rows.groups, return_index=True)
    return values[first]


def _weakest(z: Values, without: Values) -> tuple[Values, NDArray[np.int64]]:
    """Lowest z, in the direction of the whole z, and which study it is without; NaN if none."""
    directed = np.where(np.isfinite(without), np.sign(z) * without, np.inf)
    which = np.argmin(directed, axis=0)
    found = np.take_along_axis(without, which[None], axis=0)[0]
    return found, which


def _peaks(case: _Case, clusters: pd.DataFrame | None, most: int) -> pd.DataFrame:
    """Voxels to look at: cluster, peak, x, y, z (mm) and ``voxel``, their place in the mask."""
    mask = case.result.mask
    number = np.full(mask.shape, -1, dtype=np.int64)
    number[mask.inside] = np.arange(mask.n_voxels)
    if clusters is not None and len(clusters):
        main = clusters[clusters["n_voxels"].notna()]
        main = main.sort_values("n_voxels", ascending=False, kind="stable").head(most)
        peaks = main[["cluster", "peak", "x", "y", "z"]].reset_index(drop=True)
        xyz = peaks[["x", "y", "z"]].to_numpy(dtype=float)
        ijk = apply_affine(np.linalg.inv(mask.affine), xyz).round().astype(int)
        return peaks.assign(voxel=number[tuple(ijk.T)]).sort_values("cluster", kind="stable")
    height = np.where(case.sample.present.any(axis=0), np.abs(case.z), np.nan)
    if not np.isfinite(height).any():
        return pd.DataFrame(columns=["cluster", "peak", "x", "y", "z", "voxel"])
    voxel = int(np.nanargmax(np.where(np.isfinite(height), height, np.nan)))
    x, y, z = apply_affine(mask.affine, np.argwhere(mask.inside)[voxel])
    row = {"cluster": None, "peak": STRONGEST, "x": x, "y": y, "z": z, "voxel": voxel}
    return pd.DataFrame([row])


def _tables(case: _Case, peaks: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    voxels = peaks["voxel"].to_numpy(dtype=np.int64)
    places: list[dict[str, Any]] = _records(peaks.drop(columns="voxel"))
    studies: list[list[dict[str, Any]]] = [[] for _ in places]
    pooled: list[dict[str, Any]] = [dict(place) for place in places]
    whole = {bag.rows.tobytes(): bag for bag in bags(case.sample.present)} if len(voxels) else {}
    for at in bags(case.sample.present[:, voxels]):
        bag = whole[at.rows.tobytes()]
        state = case.estimator.begin(case.sample, bag)
        rows = case.rows(bag, voxels[at.voxels], state)
        for column, peak in enumerate(at.voxels):
            one = _only(rows, column)
            found = _Peak(case, one, bag.rows, int(voxels[peak]))
            studies[peak] = [{**places[peak], **row} for row in found.studies()]
            pooled[peak] |= found.pooled()
    flat = [row for rows in studies for row in rows]
    return _typed(flat, derivative_tables.DIAGNOSTICS), _typed(pooled, derivative_tables.POOLED)


def _only(rows: Rows, column: int) -> Rows:
    values = {kind: image[:, [column]] for kind, image in rows.values.items()}
    return replace(rows, values=values)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in row.items()} for row in table.to_dict("records")]


def _typed(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> pd.DataFrame:
    return derivative_tables.typed(pd.DataFrame(rows, columns=list(columns)), columns)


class _Peak:
    """Everything about one voxel."""

    def __init__(self, case: _Case, rows: Rows, numbers: NDArray[np.int64], voxel: int) -> None:
        self.case, self.rows, self.numbers, self.voxel = case, rows, numbers, voxel
        self.z = case.z[[voxel]]
        self.parts: Parts = parts(case.estimator, rows)
        names = tuple(_WITHOUT.values())
        self.without = maps_without(case.estimator, rows, case.group, names)
        nothing = np.full((len(numbers), 1), np.nan)
        self.z_without = self.without.get("z", nothing)
        self.stays = case.stays(self.z, self.z_without)

    def studies(self) -> list[dict[str, Any]]:
        """A row each contrast."""
        effect, se = self.parts.effect[:, 0], self.parts.se[:, 0]
        columns: dict[str, Any] = {
            "id": [self.case.sample.ids[number] for number in self.numbers],
            "sample_size": self.rows.sample_sizes,
            "effect": effect,
            "se": se,
            "lower": effect - _NORMAL * se,
            "upper": effect + _NORMAL * se,
            "weight": self.parts.weight[:, 0],
            **{name: values[:, 0] for name, values in self.parts.measures.items()},
            "left_out": np.bincount(self.rows.groups)[self.rows.groups],
            **{
                column: self.without[name][:, 0]
                for column, name in _WITHOUT.items()
                if name in self.without
            },
            "p_without": np.exp(self.case.estimator.logsf(self.z_without[:, 0])),
            "stays": self.stays[:, 0],
        }
        if "influential" in columns:
            columns["influential"] = columns["influential"] > 0
        return _records(pd.DataFrame(columns))

    def pooled(self) -> dict[str, Any]:
        """What the studies say together."""
        weakest, which = _weakest(self.z, _of_groups(self.z_without, self.rows))
        told = bool(np.isfinite(weakest[0]))
        members = [self.case.sample.ids[n] for n in self.numbers[self.rows.groups == which[0]]]
        maps = {column: self.case.map(name) for column, name in _POOLED.items()}
        return {
            "term": self.case.term,
            "n": int(self.rows.groups.max()) + 1,
            "z_stat": self.z[0],
            **{
                column: values[self.voxel] for column, values in maps.items() if values is not None
            },
            "voxel_thresh": self.case.voxel_thresh,
            "n_stays": int(_of_groups(self.stays, self.rows).sum()),
            "weakest_z": weakest[0],
            "weakest_without": "; ".join(members) if told else "",
            **self._egger(),
        }

    def _egger(self) -> dict[str, Any]:
        if self.parts.variances is None or self.parts.means is None:
            return {"egger_note": "the estimator has no standard errors of studies"}
        if not (self.parts.variances > _SMALLEST).all():
            return {"egger_note": "the variance of participants is estimated to be 0"}
        found = egger(self.parts.means, self.parts.variances)
        k = len(self.parts.means)
        note = "moderators are not taken into account" if self.case.term else ""
        if np.isnan(found.p[0]):
            note = "standard errors of studies are alike" if k > 2 else "fewer than 3 studies"
        elif k < FEW_STUDIES:
            note = f"fewer than {FEW_STUDIES} studies: too few to tell asymmetry from chance"
        return {
            "egger_k": k,
            "egger_slope": found.slope[0],
            "egger_se": found.se[0],
            "egger_t": found.t[0],
            "egger_p": found.p[0],
            "egger_limit": found.limit[0],
            "egger_note": note,
        }
