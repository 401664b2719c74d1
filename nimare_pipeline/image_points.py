"""Points from images: the peaks of each contrast, as an article would list them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.images import ImageStack, load_images
from nimare_pipeline.meta.estimator import Parametrised
from nimare_pipeline.numerics import clusters
from nimare_pipeline.stack_transforms import transform_problems, transform_stack
from nimare_pipeline.tables import (
    COORDINATE_COLUMNS,
    COORDINATE_SOURCE,
    FROM_IMAGE,
    ID_COLUMNS,
    ORIGINAL,
    typed,
)
from nimare_pipeline.transform_rules import people_of

MergeStrategy = Literal["fill", "replace", "demolish"]

Z_STAT = "z_stat"
_SPACE = {"original_space": "MNI", "space_transform": "none"}
"""What the metadata say of a contrast's points, where they are those of its image."""


@dataclass(frozen=True)
class Peak:
    """A point of one contrast."""

    xyz: tuple[float, float, float]
    z: float


class ImagesToCoordinates(Parametrised):
    """Turn the image of each contrast into the points that a table of results would list.

    Parameters
    ----------
    merge_strategy : "fill", "replace" or "demolish"
        What becomes of points that are there. ``fill``: a contrast with points keeps them, only
        one without gets those of its image. ``replace``: those of an image take the place of what
        the contrast had; a contrast without an image keeps its own. ``demolish``: no point stays
        but those of images.
    cluster_threshold : int, optional
        Clusters of fewer voxels give no points.
    remove_subpeaks : bool
        Keep only the main peak of a cluster.
    two_sided : bool
        Also the clusters below ``-z_threshold``, with negative ``z_stat``.
    min_distance : float
        Peaks of a cluster are at least this far apart, mm.
    z_threshold : float
        Voxels beyond this z are significant.
    n_threads : int
        Files that are read at the same time.

    Raises
    ------
    UsageError
        For a value out of range.

    Notes
    -----
    z is computed where a contrast has no z image, from t and the sample size or whatever leads to
    it. Neighbours share a face, as everywhere in the package.
    """

    def __init__(
        self,
        merge_strategy: MergeStrategy = "fill",
        cluster_threshold: int | None = None,
        remove_subpeaks: bool = False,  # noqa: FBT001, FBT002 - names and places the field knows
        two_sided: bool = False,  # noqa: FBT001, FBT002
        min_distance: float = defaults.PEAK_DISTANCE_MM,
        z_threshold: float = defaults.FOCI_Z,
        n_threads: int = 1,
    ) -> None:
        self.merge_strategy = merge_strategy
        self.cluster_threshold = cluster_threshold
        self.remove_subpeaks = remove_subpeaks
        self.two_sided = two_sided
        self.min_distance = min_distance
        self.z_threshold = z_threshold
        self.n_threads = n_threads
        if merge_strategy not in get_args(MergeStrategy):
            accepted = ", ".join(get_args(MergeStrategy))
            msg = f"merge_strategy is one of {accepted}, not {merge_strategy!r}"
            raise UsageError(msg)
        if not z_threshold > 0 or not min_distance >= 0 or (cluster_threshold or 0) < 0:
            msg = (
                "z_threshold is above 0, min_distance and cluster_threshold are not below; got "
                f"{z_threshold}, {min_distance} and {cluster_threshold}"
            )
            raise UsageError(msg)

    def transform(self, dataset: Dataset, images: ImageStack | None = None) -> Dataset:
        """Dataset with points from images.

        Parameters
        ----------
        dataset : Dataset
        images : ImageStack, optional
            Its images, if they are in memory; they are read otherwise.

        Returns
        -------
        Dataset
            ``z_stat`` beside the points from images, and ``coordinate_source`` in the metadata:
            ``original``, ``image``, or missing where a contrast has no points. What is to be said
            of images is in ``problems_`` afterwards, and in ``without_peaks_`` the contrasts whose
            image was used and has no peak.

        Raises
        ------
        DataError
            If an image cannot be read, with every such image.
        """
        stack, found = (images, []) if images is not None else self._read(dataset)
        people = people_of(dataset)
        self.problems_ = (*found, *transform_problems(stack, ["z"], people))
        stack = transform_stack(stack, ["z"], people, n_threads=self.n_threads)
        with_image = {
            name: row
            for row, (name, has) in enumerate(zip(stack.ids, stack.has("z"), strict=True))
            if has
        }
        had = set(dataset.coordinates["id"].tolist())
        chosen = [name for name in with_image if self.merge_strategy != "fill" or name not in had]
        peaks = {
            name: self._peaks(stack.values["z"][with_image[name]], dataset.mask) for name in chosen
        }
        self.without_peaks_ = tuple(name for name in chosen if not peaks[name])
        kept = had if self.merge_strategy != "demolish" else set()
        return _merged(dataset, kept - set(chosen), peaks)

    def _read(self, dataset: Dataset) -> tuple[ImageStack, list[Problem]]:
        stack, found = load_images(dataset, n_threads=self.n_threads)
        errors = [problem for problem in found if problem.level == "error"]
        if errors:
            raise DataError("points cannot be made, as some images cannot be read", errors)
        return stack, found

    def _peaks(self, z: NDArray[np.float32], mask: BrainMask) -> list[Peak]:
        volume = mask.volume(np.nan_to_num(z, nan=0.0).astype(np.float64))
        signs = (1, -1) if self.two_sided else (1,)
        found = [peak for sign in signs for peak in self._one_sided(sign * volume, mask, sign)]
        return sorted(found, key=lambda peak: -abs(peak.z))

    def _one_sided(self, volume: NDArray[np.float64], mask: BrainMask, sign: int) -> list[Peak]:
        labels, n = clusters.label(volume > self.z_threshold, defaults.CONNECTIVITY)
        sizes = clusters.cluster_sizes(labels, n)
        small = np.flatnonzero(sizes < (self.cluster_threshold or 0)) + 1
        labels = np.where(np.isin(labels, small), 0, labels)
        peaks = clusters.local_maxima(volume, labels, self.min_distance, mask.affine)
        xyz = apply_affine(mask.affine, peaks.ijk)
        # Sorted by cluster, then height: the first of each is its main peak.
        is_main = np.append(True, peaks.cluster[1:] != peaks.cluster[:-1])[: len(peaks.cluster)]
        wanted = is_main if self.remove_subpeaks else np.ones(len(is_main), dtype=bool)
        return [
            Peak((float(x), float(y), float(s)), sign * float(stat))
            for (x, y, s), stat in zip(xyz[wanted], peaks.stat[wanted], strict=True)
        ]


def _merged(dataset: Dataset, kept: set[str], peaks: dict[str, list[Peak]]) -> Dataset:
    """Dataset with the points of some contrasts kept, and of others made."""
    old = dataset.coordinates
    stay = old[old["id"].isin(kept)]
    before = _sources(dataset)
    made = _frame(dataset, peaks)
    place = {name: number for number, name in enumerate(dataset.ids.tolist())}
    columns = [*old.columns, *(name for name in made.columns if name not in old.columns)]
    both = {name: [*_column(stay, name), *_column(made, name)] for name in columns}
    order = np.argsort([place[name] for name in both["id"]], kind="stable")
    plain = {*ID_COLUMNS, "space", "original_space"}
    coordinates = pd.DataFrame(
        {
            name: pd.Series([cells[i] for i in order], dtype=object)
            if name in plain
            else typed([cells[i] for i in order])
            for name, cells in both.items()
        }
    )
    coordinates = coordinates.astype(dict.fromkeys("xyz", np.float64))
    metadata = dataset.metadata.copy()
    metadata[COORDINATE_SOURCE] = typed(
        [
            FROM_IMAGE if peaks.get(name) else before[name] if name in kept else None
            for name in dataset.ids.tolist()
        ]
    )
    for name, own in _SPACE.items():
        said = _column(metadata, name)
        metadata[name] = typed(
            [
                (own if peaks[key] else None) if key in peaks else old
                for key, old in zip(dataset.ids.tolist(), said, strict=True)
            ]
        )
    return dataset.with_tables(coordinates=coordinates, metadata=metadata)


def _sources(dataset: Dataset) -> dict[str, str]:
    """Where the points that contrasts have are from: an earlier conversion may have made them."""
    said = _column(dataset.metadata, COORDINATE_SOURCE)
    return {
        name: FROM_IMAGE if source == FROM_IMAGE else ORIGINAL
        for name, source in zip(dataset.ids.tolist(), said, strict=True)
    }


def _column(table: pd.DataFrame, name: str) -> Sequence[Any]:
    return table[name].tolist() if name in table else [None] * len(table)


def _frame(dataset: Dataset, peaks: dict[str, list[Peak]]) -> pd.DataFrame:
    keys = dataset.metadata[list(ID_COLUMNS)].set_index("id", drop=False)
    rows = [
        (*keys.loc[name], *peak.xyz, "MNI", "MNI", peak.z)
        for name, found in peaks.items()
        for peak in found
    ]
    return pd.DataFrame(rows, columns=[*COORDINATE_COLUMNS, Z_STAT])
