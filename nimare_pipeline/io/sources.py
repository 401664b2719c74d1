"""Datasets that lie in a folder: as they stand in their files, and as they are used."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import Problem
from nimare_pipeline.tables import Tables


@dataclass(frozen=True)
class Source:
    """One dataset found.

    Parameters
    ----------
    name : str
        What to call its analysis: the file's name without suffix; for a NIMADS file whose name
        says nothing (``studyset.json``), the name of the studyset, or else of the folder.
    files : tuple of str
        Files it was read from, relative to the folder, the main one first.
    format : str
        Name of the format.
    dataset : Dataset
    problems : tuple of Problem
        Warnings, no more than some of a kind.
    kinds : dict of str to int
        Warnings of each kind, those that are left out of ``problems``, too.
    notes : dict of str to int
        Notes of each kind; none of them is among ``problems``.
    """

    name: str
    files: tuple[str, ...]
    format: str
    dataset: Dataset
    problems: tuple[Problem, ...] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_warnings(self) -> int:
        """Number of warnings, those that are left out of ``problems``, too."""
        return sum(not problem.kind for problem in self.problems) + sum(self.kinds.values())


@dataclass(frozen=True)
class Found:
    """One dataset as it stands in its files, right or wrong.

    Parameters
    ----------
    name, files, format
        As in :class:`Source`.
    contrasts : tuple of Contrast
        Those that could be read.
    problems : tuple of Problem
        Errors and warnings.
    tables : Tables or None
        Of a format that reads whole tables, in place of contrasts.
    folder : str
        Folder that paths of images count from, relative to the one that was read.
    """

    name: str
    files: tuple[str, ...]
    format: str
    contrasts: tuple[Contrast, ...]
    problems: tuple[Problem, ...] = ()
    tables: Tables | None = None
    folder: str = ""

    def counts(self) -> dict[str, int]:
        """Numbers of studies, contrasts and foci."""
        if self.tables is not None:
            return {
                "studies": self.tables.metadata["study_id"].nunique(),
                "contrasts": len(self.tables.metadata),
                "foci": len(self.tables.coordinates),
            }
        return {
            "studies": len({contrast.study_id for contrast in self.contrasts}),
            "contrasts": len(self.contrasts),
            "foci": sum(len(contrast.xyz) for contrast in self.contrasts),
        }

    def studies(self) -> list[str]:
        """Study of each contrast."""
        if self.tables is not None:
            return self.tables.metadata["study_id"].tolist()
        return [contrast.study_id for contrast in self.contrasts]

    def without_size(self) -> list[str]:
        """Ids of contrasts that have foci, but no sample size."""
        if self.tables is not None:
            metadata = self.tables.metadata
            lacking = metadata["id"][metadata["sample_sizes"].isna()]
            return lacking[lacking.isin(set(self.tables.coordinates["id"]))].tolist()
        return [one.id for one in self.contrasts if len(one.xyz) and not one.sample_sizes]
