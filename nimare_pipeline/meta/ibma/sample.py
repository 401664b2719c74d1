"""Contrasts that an image-based estimator works on, and their values in blocks of voxels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nimare_pipeline.moderators import Design
from nimare_pipeline.numerics.coverage import Pool
from nimare_pipeline.numerics.null_correlation import null_correlation

BLOCK = 8192
"""Voxels that are fitted at once: 21 images of them in float64 are 1.4 MB, about a cache."""


@dataclass(frozen=True)
class Sample:
    """Contrasts that an image-based estimator works on.

    Parameters
    ----------
    ids : tuple of str
    images : dict of str to (n_contrasts, n_voxels) float32 array
        Kind to values over the mask; NaN where a contrast has none.
    present : (n_contrasts, n_voxels) bool array
        Where a contrast has a value in every kind.
    groups : (n_contrasts,) int array
        Dependence: contrasts of one number share people.
    sample_sizes : (n_contrasts,) float array
        People of each; NaN where unknown.
    effective_sizes, dofs : (n_contrasts,) float array
        What divides the variance of one person, and degrees of freedom; see ``People``.
    design : Design, optional
        Moderators of the contrasts.
    """

    ids: tuple[str, ...]
    images: Mapping[str, NDArray[np.float32]]
    present: NDArray[np.bool_]
    groups: NDArray[np.int64]
    sample_sizes: NDArray[np.float64]
    effective_sizes: NDArray[np.float64]
    dofs: NDArray[np.float64]
    design: Design | None = None

    @cached_property
    def dependent(self) -> bool:
        """Whether some study gives several contrasts."""
        return len(np.unique(self.groups)) < len(self.groups)

    @cached_property
    def null_correlation(self) -> NDArray[np.float64] | None:
        """Correlation of z images of a study where nothing happens, from all voxels of both.

        None where no study gives several. A bag of voxels is too small to tell it.
        """
        if not self.dependent:
            return None
        return null_correlation(self.images["z"], self.groups)


@dataclass(frozen=True)
class Rows:
    """Voxels that the same contrasts cover, or such that are alike, with what a fit needs of them.

    Parameters
    ----------
    values : dict of str to (n_contrasts, n_voxels) float64 array
    groups : (n_contrasts,) int array
        As in ``Sample``, numbered from 0 without gaps.
    sample_sizes, effective_sizes, dofs : (n_contrasts,) float array
        (n_contrasts, n_voxels) where contrasts stand for each other that differ in them, which
        ``ImageEstimator.alike`` says.
    dependent : bool
        Whether some study gives several contrasts, here or elsewhere: one method holds for the
        whole map.
    state : object
        What the estimator found out about the contrasts.
    """

    values: Mapping[str, NDArray[np.float64]]
    groups: NDArray[np.int64]
    sample_sizes: NDArray[np.float64]
    effective_sizes: NDArray[np.float64]
    dofs: NDArray[np.float64]
    dependent: bool = False
    state: Any = None


@dataclass(frozen=True)
class _People:
    """What contrasts have beside images: of a pool's rows, or of each value where they differ."""

    rows: NDArray[np.int64]
    of: NDArray[np.float64]
    same: bool

    @classmethod
    def pick(cls, rows: NDArray[np.int64], of: NDArray[np.float64]) -> "_People":
        values = of[rows]
        first = values[:, :1]
        same = (values == first) | (np.isnan(values) & np.isnan(first))
        return cls(rows, of, bool(same.all()))

    def at(self, contrasts: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.of[self.rows[:, 0] if self.same else contrasts]


def blocks_of(
    sample: Sample, pool: Pool, state: Any
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Rows]]:
    """Voxels of a pool in blocks, the contrast of each value, and the values."""
    sizes, effective, dofs = (
        _People.pick(pool.rows, of)
        for of in (sample.sample_sizes, sample.effective_sizes, sample.dofs)
    )
    for start in range(0, len(pool.voxels), BLOCK):
        at = slice(start, start + BLOCK)
        voxels, contrasts = pool.voxels[at], pool.rows[:, pool.column[at]]
        values = {
            kind: image[contrasts, voxels].astype(np.float64)
            for kind, image in sample.images.items()
        }
        rows = Rows(
            values,
            pool.groups,
            sample_sizes=sizes.at(contrasts),
            effective_sizes=effective.at(contrasts),
            dofs=dofs.at(contrasts),
            dependent=sample.dependent,
            state=state,
        )
        yield voxels, contrasts, rows


def numbered(*columns: ArrayLike) -> NDArray[np.int64]:
    """Number of each row of some columns; equal rows have the same."""
    table = np.column_stack([np.asarray(one, dtype=np.float64) for one in columns])
    _, numbers = np.unique(table, axis=0, return_inverse=True)
    return np.asarray(numbers, dtype=np.int64).ravel()
