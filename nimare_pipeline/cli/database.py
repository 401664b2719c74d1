"""Databases that analyses search beside the input folder, each read once."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline.cli.conjunctions import combined
from nimare_pipeline.errors import NoInputError, Problem
from nimare_pipeline.needs import NULL_FOCI
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from nimare_pipeline.brainmask import BrainMask
    from nimare_pipeline.io import Source
    from nimare_pipeline.null_foci import NullFoci

_LOGGER = logging.getLogger("nimare_pipeline")


_NAMES = {"database": "database", NULL_FOCI: "dataset of null foci"}
"""Keys that name studies beside the input, and what to call them."""


def database_of(analysis: Analysis, key: str = "database") -> Path | None:
    """Folder or file of the studies that an analysis searches; None for the input folder.

    Parameters
    ----------
    analysis : Analysis
    key : "database" or "null_foci"
        Which of them: those that are searched, or those whose foci a null draws from.

    Raises
    ------
    NoInputError
        If it names one that does not exist.
    """
    named = analysis.options.get(key)
    if not named:
        return None
    tried = [Path(folder) / Path(named).expanduser() for folder in analysis.folders]
    tried = tried or [Path(named).expanduser()]
    found = next((path for path in tried if path.exists()), None)
    if found is None:
        where = " or ".join(dict.fromkeys(str(path.parent) for path in tried))
        msg = f"there is no {_NAMES[key]} {Path(named).name} in {where}"
        raise NoInputError(msg)
    return found


def apart(analyses: Iterable[Analysis], keys: Iterable[str] = tuple(_NAMES)) -> list[Path]:
    """Databases there are, which are no part of the input even where they lie inside it."""
    found = []
    for analysis in analyses:
        for key in keys:
            with suppress(NoInputError):
                found.append(database_of(analysis, key))
    return [path for path in found if path is not None]


def needs_input(analysis: Analysis) -> bool:
    """Whether an analysis reads the input folder, and not only a database or other results."""
    searches = bool(analysis.options.get("database")) and analysis.type != "pair"
    return not searches and not combined(analysis)


class Shelf:
    """What the analyses of a run read: the input folder and databases, each once.

    Parameters
    ----------
    settings : Settings
        Input folder and spaces.
    sources : sequence of Source
        What the input folder holds.
    show : callable
        Told of each source that is read, to say what is odd in it.
    """

    def __init__(
        self, settings: Settings, sources: Sequence["Source"], show: Callable[["Source"], object]
    ) -> None:
        self._settings, self._sources, self._show = settings, sources, show
        self._known: dict[Path, Sequence[Source]] = {}
        if sources:
            self._known[Path(settings.bids_dir).resolve()] = sources

    def of(self, analysis: Analysis) -> Sequence["Source"]:
        """Sources of an analysis: of its database, if it has one."""
        path = database_of(analysis)
        if path is None:
            return self._sources
        database = self._at(path)
        # Two groups are compared across both; a region is searched for in the database alone.
        both = analysis.type == "pair" and database is not self._sources
        return [*self._sources, *_others(database, self._sources)] if both else database

    def null_foci(
        self, analysis: Analysis, mask: "BrainMask"
    ) -> "tuple[NullFoci, tuple[Problem, ...]] | None":
        """Pool that the null of an analysis draws from, and what was odd in it; or None.

        Parameters
        ----------
        analysis : Analysis
            Where foci outside the mask are dropped, those of the pool are, too.
        mask : BrainMask
            Of the analysis.

        Raises
        ------
        NoInputError, DataError
            If it names what does not exist, or cannot be read.
        """
        from nimare_pipeline.null_foci import NullFoci

        path = database_of(analysis, NULL_FOCI)
        if path is None:
            return None
        sources = self._at(path)
        base = path if path.is_dir() else path.parent
        files = [base / name for source in sources for name in source.files]
        pool = NullFoci.of(
            [source.dataset for source in sources],
            path=str(analysis.options[NULL_FOCI]),
            name=path.resolve().name,
            files={
                file.relative_to(base).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
                for file in files
            },
            inside=mask if analysis.outside == "drop" else None,
        )
        odd = dict.fromkeys(problem for source in sources for problem in source.problems)
        return pool, tuple(
            # What is suggested there is to select others, which a pool is too large for.
            replace(problem, message=f"pool of null foci: {problem.message}", suggestion="")
            for problem in odd
        )

    def _at(self, path: Path) -> Sequence["Source"]:
        from nimare_pipeline import io

        place = path.resolve()
        if place not in self._known:
            _LOGGER.info("reading the database %s", path)
            found = io.read(
                path,
                tal2mni=self._settings.tal2mni,
                target=self._settings.target,
                unknown_space=self._settings.unknown_space,
            )
            self._known[place] = found
            for source in found:
                self._show(source)
        return self._known[place]


def _others(database: Sequence["Source"], sources: Sequence["Source"]) -> list["Source"]:
    """A database without the studies that the input holds too: none may be in both groups."""
    mine = {name for source in sources for name in source.dataset.metadata["study_id"]}
    found, twice = [], set()
    for source in database:
        whole = source.dataset
        known = whole.metadata["study_id"].isin(mine).to_numpy()
        twice |= set(whole.metadata["study_id"][known])
        kept = whole.slice(whole.ids[~known].tolist()) if known.any() else whole
        found.append(replace(source, dataset=kept))
    if twice:
        many = f"{len(twice):,} {'study' if len(twice) == 1 else 'studies'}"
        _LOGGER.warning("%s of the input left out of the database, which has them too", many)
    return found
