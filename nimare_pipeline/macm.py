r"""Meta-analytic coactivation modelling: a meta-analysis of the studies with a focus in a region.

With the library it is three lines::

    ids = dataset.get_studies_by_mask("amygdala.nii.gz")
    result = MKDADensity().fit(dataset.slice(ids))

:func:`macm` does the same with checks, and the result knows its region: it says how many contrasts
and foci of the dataset are in it. The region itself converges by construction, as every contrast
was chosen for a focus there; what is to be read are the other places [1]_. How often a place is
reported at all is not taken into account either; SCALE tests against that base rate [2]_.

References
----------
.. [1] Robinson JL et al. (2010). Metaanalytic connectivity modeling: delineating the functional
   connectivity of the human amygdala. Human Brain Mapping 31:173-184.
.. [2] Langner R et al. (2014). Meta-analytic connectivity modeling revisited: controlling for
   activation base rates. NeuroImage 99:559-570.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import ArrayLike, NDArray

from nimare_pipeline import named_files, spaces
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import counted
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import (
    DataError,
    EmptySelectionError,
    Problem,
    UsageError,
)
from nimare_pipeline.results import MetaResult
from nimare_pipeline.select import Selected, select
from nimare_pipeline.settings import Analysis
from nimare_pipeline.studies import TOLERANCE_MM

CITATIONS = ("robinson2010", "langner2014")


@dataclass(frozen=True)
class Region:
    """A region: a sphere, or the voxels of a mask on its own grid.

    Parameters
    ----------
    sphere : tuple of 4 float, optional
        x, y, z and radius, mm, MNI; or
    mask : BrainMask, optional
        Voxels.
    sha256 : str
        Digest of the mask's file, if it is one.
    """

    sphere: tuple[float, float, float, float] | None = None
    mask: BrainMask | None = None
    sha256: str = ""

    @classmethod
    def of(
        cls,
        *,
        roi: Any = None,
        sphere: Sequence[float] | None = None,
        folders: Sequence[str] = (),
    ) -> "Region":
        """Make it of a mask or of a sphere.

        Parameters
        ----------
        roi : path, image or BrainMask, optional
            Mask; or
        sphere : sequence of 4 float, optional
            x, y, z and radius, mm, MNI.
        folders : sequence of str
            Where a relative path counts from: the first folder that has the file.

        Raises
        ------
        UsageError
            For both, neither, or no sphere.
        NoInputError, DataError
            If the file does not exist, cannot be read, or has no voxel.
        """
        if (roi is None) == (sphere is None):
            got = "neither" if roi is None else "both"
            msg = f"a region is a mask (roi) or a sphere; {got} was given"
            raise UsageError(msg)
        if sphere is not None:
            values = tuple(float(value) for value in sphere)
            if len(values) != 4 or not np.isfinite(values).all() or values[3] <= 0:
                msg = f"a sphere is x, y, z and a radius above 0, in mm, not {list(sphere)}"
                raise UsageError(msg)
            return cls(sphere=values)
        if not isinstance(roi, str | Path):
            return cls(mask=spaces.analysis_mask(roi)[0])
        path = named_files.find(str(Path(roi).expanduser()), folders, "region file")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls(mask=spaces.analysis_mask(path)[0], sha256=digest)

    @property
    def words(self) -> str:
        """``a sphere of 6 mm around (24, -2, -20)``, or ``the region roi.nii.gz``."""
        if self.sphere is None:
            return f"the region {self.mask.name if self.mask is not None else ''}"
        x, y, z, radius = self.sphere
        return f"a sphere of {radius:g} mm around ({x:g}, {y:g}, {z:g})"

    def contains(self, xyz: ArrayLike) -> NDArray[np.bool_]:
        """Whether points (n, 3), mm, lie inside; as ``Dataset.get_studies_by_*`` have it."""
        points = np.asarray(xyz, dtype=float).reshape(-1, 3)
        if self.mask is not None:
            return spaces.contains(self.mask, points)
        *centre, radius = self.sphere or (0.0,) * 4
        return np.asarray(np.linalg.norm(points - centre, axis=1) <= radius + TOLERANCE_MM)

    def search(self, dataset: Dataset) -> list[str]:
        """Ids of the contrasts with a focus inside."""
        if self.mask is not None:
            return dataset.get_studies_by_mask(self.mask)
        *centre, radius = self.sphere or (0.0,) * 4
        return dataset.get_studies_by_coordinate([centre], radius)

    def over(self, mask: BrainMask) -> NDArray[np.bool_]:
        """Which voxels of a mask lie inside; the one it is in for a sphere smaller than that.

        Raises
        ------
        UsageError, DataError
            If there is none: a sphere, or a mask, that lies outside.
        """
        inside = self.contains(apply_affine(mask.affine, np.argwhere(mask.inside)))
        if not inside.any() and self.sphere is not None:
            centre = np.floor(apply_affine(np.linalg.inv(mask.affine), self.sphere[:3]) + 0.5)
            inside = (np.argwhere(mask.inside) == centre).all(axis=1)
        if inside.any():
            return np.asarray(inside)
        if self.sphere is not None:
            msg = f"{self.words} lies outside the mask ({mask.name}): give x, y, z, radius in MNI"
            raise UsageError(msg)
        msg = (
            f"{self.words} lies outside the mask ({mask.name}): none of its "
            f"{counted(self.mask.n_voxels, 'voxel')} is in it; is it in MNI space?"  # type: ignore[union-attr]
        )
        raise DataError(msg)

    def points(self) -> NDArray[np.float64]:
        """Centres of its voxels, or of the sphere; (n, 3) mm."""
        if self.mask is None:
            return np.array([(self.sphere or (0.0,) * 4)[:3]])
        return np.asarray(apply_affine(self.mask.affine, np.argwhere(self.mask.inside)))


def region_of(analysis: Analysis) -> Region:
    """Region that an analysis of type ``macm`` names; see :meth:`Region.of`."""
    options = analysis.options
    return Region.of(
        roi=options.get("roi"), sphere=options.get("sphere"), folders=analysis.folders
    )


def in_region(dataset: Dataset, selected: Selected, analysis: Analysis) -> Selected:
    """Of the contrasts that are selected, those with a focus in the region of an analysis.

    Parameters
    ----------
    dataset : Dataset
        With the mask of the analysis.
    selected : Selected
    analysis : Analysis
        Of type ``macm``.

    Raises
    ------
    UsageError, NoInputError, DataError
        As for :meth:`Region.of` and :meth:`Region.over`.
    EmptySelectionError
        If there is none.
    """
    region = region_of(analysis)
    region.over(dataset.mask)
    here = selected.holds & np.isin(dataset.ids, np.array(region.search(dataset), dtype=object))
    if not here.any():
        raise EmptySelectionError(_nothing(dataset, region, selected.holds))
    return Selected(here, selected.parts, (*selected.problems, *_other_grid(region, dataset)))


def describe(dataset: Dataset, analysis: Analysis) -> dict[str, Any]:
    """Say what the region of an analysis is, and how much of the dataset is in it.

    Parameters
    ----------
    dataset : Dataset
        Everything that is searched, with the mask of the analysis.
    analysis : Analysis
        Of type ``macm``.

    Returns
    -------
    dict
        ``words``; ``sphere`` (x, y, z, radius, mm) or ``file`` with its ``sha256``; ``centre``
        (mm); ``n_voxels`` of the analysis inside, ``volume_mm3`` of them; ``n_searched`` contrasts
        that the selection names, of which ``n_contrasts`` from ``n_studies`` have ``n_foci`` foci
        inside.
    """
    selected = select(dataset, analysis.select, analysis.folders)
    return _facts(dataset, region_of(analysis), selected.holds)


def macm(
    dataset: Dataset,
    estimator: Any = None,
    *,
    roi: Any = None,
    sphere: Sequence[float] | None = None,
) -> MetaResult:
    """Fit an estimator to the contrasts of a dataset that have a focus in a region.

    Parameters
    ----------
    dataset : Dataset
        A database: all of it is searched.
    estimator : estimator of one set of contrasts, optional
        ``ALE()`` by default.
    roi : path, image or BrainMask, optional
        Region; on any grid. Foci are looked up in its own voxels.
    sphere : sequence of 4 float, optional
        Region as x, y, z and radius, mm, MNI.

    Returns
    -------
    MetaResult
        That of the estimator, with ``facts["region"]`` (see :func:`describe`) and
        ``arrays["region"]``, the voxels of the region.

    Raises
    ------
    UsageError
        For both or neither, or a sphere outside the mask.
    DataError
        For a region that is empty or outside the mask.
    EmptySelectionError
        If no contrast has a focus there.

    Examples
    --------
    >>> macm(dataset, MKDADensity(), sphere=[24, -2, -20, 6])  # doctest: +SKIP
    """
    from nimare_pipeline.meta.cbma.ale import ALE

    region = Region.of(roi=roi, sphere=sphere)
    ids = region.search(dataset)
    everything = np.ones(len(dataset.ids), dtype=bool)
    region.over(dataset.mask)
    if not ids:
        raise EmptySelectionError(_nothing(dataset, region, everything))
    result = (ALE() if estimator is None else estimator).fit(dataset.slice(ids))
    return marked(result, region, _facts(dataset, region, everything))


def marked(result: MetaResult, region: Region, facts: dict[str, Any]) -> MetaResult:
    """Result that knows the region its contrasts were chosen by.

    Parameters
    ----------
    result : MetaResult
    region : Region
    facts : dict
        What :func:`describe` returns.
    """
    known = result.with_maps({}, {"region": facts}, {"region": region.over(result.mask)})
    n, searched = counted(facts["n_contrasts"], "contrast"), f"{facts['n_searched']:,}"
    sentence = (
        f"Coactivation with {facts['words']} was modelled (MACM \\citep{{robinson2010}}): {n} of "
        f"{searched} had a focus in it."
    )
    return replace(
        known,
        description_=f"{sentence} {result.description_}",
        bibtex_=f"{result.bibtex_.rstrip()}\n\n{bibtex(CITATIONS)}",
    )


def _facts(dataset: Dataset, region: Region, searched: NDArray[np.bool_]) -> dict[str, Any]:
    foci = dataset.coordinates
    ours = foci["id"].isin(set(dataset.ids[searched])).to_numpy(dtype=bool)
    inside = foci[ours & region.contains(foci[["x", "y", "z"]])]
    over = region.over(dataset.mask)
    sphere = {"sphere": list(region.sphere)} if region.sphere is not None else {}
    file = (
        {"file": region.mask.name, "sha256": region.sha256}
        if region.mask and region.sha256
        else {}
    )
    return {
        "words": region.words,
        **sphere,
        **file,
        "centre": region.points().mean(axis=0).round(2).tolist(),
        "n_voxels": int(over.sum()),
        "volume_mm3": round(float(over.sum() * dataset.mask.voxel_volume_mm3), 6),
        "n_searched": int(searched.sum()),
        "n_contrasts": int(inside["id"].nunique()),
        "n_studies": int(inside["study_id"].nunique()),
        "n_foci": len(inside),
    }


def _nothing(dataset: Dataset, region: Region, searched: NDArray[np.bool_]) -> str:
    """Say that nothing is in a region, and how far it is to the next focus."""
    from scipy.spatial import KDTree

    foci = dataset.coordinates
    ours = foci[foci["id"].isin(set(dataset.ids[searched]))]
    n = counted(int(searched.sum()), "contrast that is", "contrasts that are")
    msg = f"none of the {n} searched has a focus in {region.words}"
    if not len(ours):
        return f"{msg}: they have no foci"
    distance, nearest = KDTree(ours[["x", "y", "z"]].to_numpy(dtype=float)).query(region.points())
    row = ours.iloc[int(nearest[int(np.argmin(distance))])]
    return (
        f"{msg}; the nearest focus is {distance.min():.1f} mm from its "
        f"{'voxels' if region.mask is not None else 'centre'}: {row.x:g}, {row.y:g}, {row.z:g} "
        f"of {row.id}"
    )


def _other_grid(region: Region, dataset: Dataset) -> list[Problem]:
    """What happens to a region whose grid is not that of the analysis."""
    own, grid = region.mask, dataset.mask
    if own is None:
        return []
    if own.shape == grid.shape and np.allclose(own.affine, grid.affine, atol=1e-3):
        return []
    n = int(region.over(grid).sum())
    message = (
        f"Region {own.name} lies on another grid than the analysis: foci are looked up in its own "
        f"{counted(own.n_voxels, 'voxel')}; figures show it resampled (nearest voxel), "
        f"{counted(n, 'voxel')} of the mask"
    )
    return [Problem("warning", message)]
