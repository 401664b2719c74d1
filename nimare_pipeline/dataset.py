"""The Dataset: studies, their contrasts, and what is known of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from nimare_pipeline import dataset_foreign, dataset_io, defaults, spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import Contrast, check, counted, is_missing
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.io import nimare_json
from nimare_pipeline.select import select
from nimare_pipeline.studies import Studies
from nimare_pipeline.tables import (
    RELATIVE,
    Tables,
    tables_of,
    to_contrasts,
    typed,
)


class Dataset(Studies):
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
