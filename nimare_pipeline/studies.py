"""What can be asked of studies: their tables, their values, and those with a label or a focus."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nimare_pipeline import spaces
from nimare_pipeline.errors import UsageError
from nimare_pipeline.tables import ID_COLUMNS, Tables, filled_in

TOLERANCE_MM = 1e-6
"""Distances closer than this are equal: a focus at exactly the radius is within it."""


class Studies:
    """Studies and their contrasts as tables, a row a contrast or a focus.

    The part of a :class:`~nimare_pipeline.dataset.Dataset` that tells what is there.
    """

    _tables: Tables

    @property
    def ids(self) -> NDArray[Any]:
        """``<study>-<contrast>`` of each contrast, in file order, (n_contrasts,) objects."""
        return np.array(self._tables.metadata["id"].tolist(), dtype=object)

    @property
    def coordinates(self) -> pd.DataFrame:
        """Foci: ids, x, y, z (MNI, mm), space, original_space, then values of the foci."""
        return self._tables.coordinates

    @property
    def metadata(self) -> pd.DataFrame:
        """Contrasts: ids, original_space, space_transform, sample_sizes, then what files say."""
        return self._tables.metadata

    @property
    def images(self) -> pd.DataFrame:
        """Contrasts: ids, then paths by image type; ``<type>__relative`` as the file gives it."""
        return self._tables.images

    @property
    def annotations(self) -> pd.DataFrame:
        """Contrasts: ids, then one column a label.

        The thousands of labels of a database are sparse columns of pandas; a table like that is
        slow, and made when it is asked for: :meth:`label` gives one column at once.
        """
        return self._all_annotations

    @cached_property
    def _all_annotations(self) -> pd.DataFrame:
        return self._tables.all_annotations()

    def label(self, name: str) -> pd.Series:
        """Values of one label, a row each contrast.

        Raises
        ------
        UsageError
            If the dataset does not have it.
        """
        known = self.get_labels()
        if name not in known:
            msg = f"no label {name!r} in this dataset{_hint(name, known)}"
            raise UsageError(msg)
        return self._tables.label(name)

    @property
    def texts(self) -> pd.DataFrame:
        """Contrasts: ids, then one column a kind of text, for example ``abstract``."""
        return self._tables.texts

    def sample_sizes(self) -> NDArray[np.float64]:
        """Mean sample size of each contrast's groups, (n_contrasts,), NaN where unknown.

        What the width of a kernel follows; for counting people see :meth:`n_participants`.
        """
        sizes = self.metadata["sample_sizes"]
        return np.array([np.mean(one) if one else np.nan for one in sizes], dtype=float)

    def n_participants(self) -> NDArray[np.float64]:
        """People of each contrast, all its groups together, (n_contrasts,), NaN where unknown.

        Unknown are also those whose sample size a policy filled in (``sample_size_filled``).
        """
        sizes = self.metadata["sample_sizes"]
        people = np.array([sum(one) if one else np.nan for one in sizes], dtype=float)
        return np.where(filled_in(self.metadata), np.nan, people)

    def get_studies_by_label(
        self, labels: str | Sequence[str], label_threshold: float = 0.001
    ) -> list[str]:
        """Ids of contrasts whose labels are all at or above a threshold.

        Parameters
        ----------
        labels : str or sequence of str
            Columns of ``annotations``.
        label_threshold : float
            Smallest value that counts.

        Raises
        ------
        UsageError
            For a label that the dataset does not have.
        """
        wanted = [labels] if isinstance(labels, str) else list(labels)
        holds = np.ones(len(self.ids), dtype=bool)
        for label in wanted:
            values = pd.to_numeric(self.label(label), errors="coerce")
            holds &= (values >= label_threshold).to_numpy(dtype=bool)
        return self.ids[holds].tolist()

    def get_studies_by_coordinate(self, xyz: ArrayLike, r: float = 20) -> list[str]:
        """Ids of contrasts with a focus within ``r`` mm, inclusive, of any of some points.

        Parameters
        ----------
        xyz : (n, 3) array-like
            MNI coordinates, mm.
        r : float
            Radius, mm.

        Raises
        ------
        UsageError
            If ``xyz`` is not points, or ``r`` is negative.
        """
        points = np.atleast_2d(np.asarray(xyz, dtype=float))
        if points.ndim != 2 or points.shape[1] != 3 or r < 0:
            msg = f"expected (n, 3) coordinates and a radius >= 0, got {points.shape} and {r}"
            raise UsageError(msg)
        foci = self.coordinates[["x", "y", "z"]].to_numpy(dtype=float)
        near = np.zeros(len(foci), dtype=bool)
        for point in points:
            near |= np.sqrt(((foci - point) ** 2).sum(axis=1)) <= r + TOLERANCE_MM
        return self._ids_with(near)

    def get_studies_by_mask(self, mask: Any) -> list[str]:
        """Ids of contrasts with a focus in a mask (BrainMask, image or path) on any grid.

        Raises
        ------
        DataError
            If the mask cannot be read or is empty.
        """
        xyz = self.coordinates[["x", "y", "z"]].to_numpy(dtype=float)
        return self._ids_with(spaces.contains(spaces.analysis_mask(mask)[0], xyz))

    def get_labels(self, ids: str | Iterable[str] | None = None) -> list[str]:
        """Labels: all, or those that are not 0 (nor missing) in one of some contrasts."""
        labels = self._tables.labels()
        if ids is None:
            return labels
        chosen = np.flatnonzero(np.isin(self.ids, np.array(self._known_ids(ids), dtype=object)))
        plain = self._tables.annotations.iloc[chosen]
        used = {name for name in plain.columns if plain[name].fillna(0).astype(bool).any()}
        used |= {name for one in self._tables.matrices for name in one.used_in(chosen)}
        return [name for name in labels if name in used]

    def get_metadata(
        self, ids: str | Iterable[str] | None = None, field: str | None = None
    ) -> list[Any]:
        """Values of a metadata field, or, without ``field``, the names of the fields."""
        return self._values("metadata", ids, field)

    def get_images(
        self, ids: str | Iterable[str] | None = None, imtype: str | None = None
    ) -> list[Any]:
        """Paths of an image type, or, without ``imtype``, the types."""
        return self._values("images", ids, imtype)

    def get_texts(
        self, ids: str | Iterable[str] | None = None, text_type: str | None = None
    ) -> list[Any]:
        """Texts of a kind, or, without ``text_type``, the kinds."""
        return self._values("texts", ids, text_type)

    def _known_ids(self, ids: str | Iterable[str]) -> list[str]:
        wanted = [ids] if isinstance(ids, str) else [str(name) for name in ids]
        known = self.ids.tolist()
        unknown = sorted(set(wanted) - set(known))
        if unknown:
            shown = ", ".join(repr(name) for name in unknown[:5])
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            msg = f"not in this dataset: {shown}{more}{_hint(unknown[0], known)}"
            raise UsageError(msg)
        return wanted

    def _ids_with(self, foci: NDArray[np.bool_]) -> list[str]:
        found = set(self.coordinates.loc[foci, "id"])
        return [name for name in self.ids if name in found]

    def _values(self, table: str, ids: str | Iterable[str] | None, name: str | None) -> list[Any]:
        rows = getattr(self._tables, table)
        names = [column for column in rows.columns if column not in ID_COLUMNS]
        wanted = self.ids.tolist() if ids is None else self._known_ids(ids)
        if name is not None and name not in names:
            msg = f"no {name!r} in {table}; there are: {', '.join(names) or 'none'}"
            raise UsageError(msg)
        chosen = rows.set_index("id").loc[wanted]
        if name is None:
            return [column for column in names if chosen[column].notna().any()]
        return chosen[name].tolist()


def _hint(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(repr(match) for match in close)}?" if close else ""
