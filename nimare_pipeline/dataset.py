"""The Dataset: studies, their contrasts, and what is known of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nimare_pipeline import dataset_foreign, dataset_io, defaults, spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import Contrast, check, counted, is_missing
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.io import nimare_json
from nimare_pipeline.tables import (
    ID_COLUMNS,
    RELATIVE,
    Tables,
    filled_in,
    tables_of,
    to_contrasts,
    typed,
)

TOLERANCE_MM = 1e-6
"""Distances closer than this are equal: a focus at exactly the radius is within it."""


class Dataset:
    """Studies and their contrasts, with every focus in MNI space.

    A contrast is called ``<study>-<contrast>``. Contrasts keep the order of the file they were
    read from. Methods that select return a new Dataset; the tables are not to be changed in place.

    Parameters
    ----------
    source : path or dict
        NiMARE Dataset JSON: ``{study: {"contrasts": {contrast: {"coords": ..., "metadata": ...,
        "images": ..., "labels": ..., "text": ...}}}}``. For other formats see
        :func:`nimare_pipeline.io.read`.
    target : str
        Space and voxel size: ``mni152_2mm`` or ``mni152_1mm``.
    mask : BrainMask, image or path, optional
        Voxels to analyse, used on its own grid. None takes the brain mask of ``target``.
    tal2mni : str
        How Talairach coordinates are converted, see :func:`nimare_pipeline.spaces.tal2mni`.

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        With every problem found: broken JSON, ids that are not unique, coordinates that are not
        numbers or absurd, spaces that are neither MNI nor Talairach.
    UsageError
        For an unknown target or conversion.
    """

    def __init__(
        self,
        source: str | Path | Mapping[str, Any],
        target: str = defaults.TARGET_SPACE,
        mask: Any = None,
        tal2mni: str = defaults.TAL2MNI,
    ) -> None:
        if isinstance(source, Mapping):
            contrasts, problems = nimare_json.parse(source)
        elif isinstance(source, str | Path):
            contrasts, problems = nimare_json.read(Path(source))
        else:
            msg = f"a Dataset is made from a path or a dict, not from {type(source).__name__}"
            raise UsageError(msg)
        self._tables = _checked_tables(contrasts, problems, tal2mni)
        self._mask = _mask(mask, target)
        self._space = target

    @classmethod
    def from_contrasts(
        cls,
        contrasts: Sequence[Contrast],
        *,
        problems: Sequence[Problem] = (),
        target: str = defaults.TARGET_SPACE,
        mask: Any = None,
        tal2mni: str = defaults.TAL2MNI,
    ) -> Self:
        """Dataset of contrasts that a reader found.

        Parameters
        ----------
        contrasts : sequence of Contrast
        problems : sequence of Problem
            What the reader found wrong.
        target, mask, tal2mni
            As in the class.

        Raises
        ------
        DataError
            With every problem found, if one of them is an error.
        UsageError
            For an unknown target or conversion.
        """
        tables = _checked_tables(contrasts, problems, tal2mni)
        return cls.from_tables(tables, _mask(mask, target), target)

    @classmethod
    def from_tables(cls, tables: Tables, mask: BrainMask, space: str) -> Self:
        """Dataset of ready tables; nothing is checked or converted."""
        made = cls.__new__(cls)
        vars(made).update(_tables=tables, _mask=mask, _space=space)
        return made

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; or a Dataset of NiMARE, its pickle or its JSON.

        What a file is shows in its content, whatever its suffix. Pickles are read without running
        them, see :mod:`nimare_pipeline.io.nimare_pickle`; what is odd in a file of NiMARE is
        logged.

        Raises
        ------
        NoInputError
            If there is no such file.
        DataError
            If the file is damaged, truncated, none of these, or a pickle that names what no
            Dataset needs; with every problem found in a file of NiMARE.
        """
        found = dataset_foreign.load(Path(path))
        return cls.from_tables(*(found or dataset_io.load(Path(path))))

    def save(self, path: str | Path) -> Path:
        """Write everything to one compressed, checksummed file, whatever its suffix."""
        return dataset_io.save(Path(path), self._tables, self._mask, self._space)

    def copy(self) -> Self:
        """Copy whose tables are its own."""
        return self.from_tables(self._tables.copy(), self._mask, self._space)

    def __repr__(self) -> str:
        n_studies = self.metadata["study_id"].nunique()
        return (
            f"Dataset({counted(n_studies, 'study', 'studies')}, "
            f"{counted(len(self.ids), 'contrast')}, "
            f"{counted(len(self.coordinates), 'focus', 'foci')}, space={self._space!r})"
        )

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

    @property
    def tables(self) -> Tables:
        """The five tables together."""
        return self._tables

    @property
    def mask(self) -> BrainMask:
        """Voxels that are analysed."""
        return self._mask

    @property
    def space(self) -> str:
        """Space and voxel size, for example ``mni152_2mm``."""
        return self._space

    @cached_property
    def masker(self) -> Any:
        """Nilearn NiftiMasker of the mask, fitted."""
        return self._mask.masker()

    def contrasts(self) -> list[Contrast]:
        """Contrasts as records, foci in MNI space; :meth:`from_contrasts` undoes it."""
        return to_contrasts(self._tables)

    def with_tables(self, **tables: pd.DataFrame) -> Self:
        """Copy with some tables replaced, for example ``images=``.

        A table of ``annotations`` replaces the sparse ones, too.
        """
        whole = replace(self._tables, matrices=()) if "annotations" in tables else self._tables
        changed = replace(whole, **tables)  # type: ignore[arg-type]
        return self.from_tables(changed, self._mask, self._space)

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

    def slice(self, ids: Iterable[str]) -> Self:
        """Dataset of some contrasts, in the order of this one.

        Raises
        ------
        UsageError
            If one of ``ids`` is not in the dataset.
        """
        tables = self._tables.only(self._known_ids(ids))
        return self.from_tables(tables, self._mask, self._space)

    def select(self, selection: str, folder: str | Path = "") -> Self:
        """Dataset of the contrasts for which a selection holds.

        Parameters
        ----------
        selection : str
            For example ``'label("pain") > 0.001 and sample_size >= 10'``, see
            :mod:`nimare_pipeline.select`.
        folder : path
            Where relative paths of ``in_mask`` count from; the current folder by default.

        Raises
        ------
        UsageError
            For what is no selection, and names that the dataset does not have.
        EmptySelectionError
            If it holds for no contrast.
        """
        from nimare_pipeline.select import select

        return self.slice(self.ids[select(self, selection, (str(folder),)).holds])

    def merge(self, other: "Dataset") -> Self:
        """Dataset of the contrasts of both, these first; mask and space of this one.

        Raises
        ------
        DataError
            If a contrast is in both.
        """
        both = sorted(set(self.ids) & set(other.ids))
        if both:
            msg = "two datasets with the same contrasts cannot be merged"
            raise DataError(
                msg, [Problem("error", f"contrast {name} is in both") for name in both]
            )
        return self.from_tables(self._tables.merged(other.tables), self._mask, self._space)

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

    def update_path(self, new_path: str | Path) -> None:
        """Make the relative paths of images absolute, below a folder; ``__relative`` stays."""
        folder = Path(new_path).absolute()
        images = self.images.copy()
        for name in [name for name in images.columns if name.endswith(RELATIVE)]:
            plain = name.removesuffix(RELATIVE)
            kept = images[plain].tolist() if plain in images else [None] * len(images)
            images[plain] = typed(
                [
                    old if is_missing(path) else str(folder / path)
                    for path, old in zip(images[name].tolist(), kept, strict=True)
                ]
            )
        self._tables = replace(self._tables, images=images)

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


def _checked_tables(
    contrasts: Sequence[Contrast], problems: Sequence[Problem], tal2mni: str
) -> Tables:
    spaces.check_method(tal2mni)
    found = [*problems, *check(contrasts, tal2mni)]
    if any(problem.level == "error" for problem in found):
        msg = "the dataset cannot be read"
        raise DataError(msg, sorted(found, key=lambda problem: problem.level))
    return tables_of(contrasts, tal2mni)


def _mask(mask: Any, target: str) -> BrainMask:
    template = spaces.template_mask(target)
    return template if mask is None else spaces.analysis_mask(mask)[0]


def _hint(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(repr(match) for match in close)}?" if close else ""
