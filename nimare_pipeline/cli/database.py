"""Databases that analyses search beside the input folder, each read once."""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline.cli.conjunctions import combined
from nimare_pipeline.errors import NoInputError
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from nimare_pipeline.io import Source

_LOGGER = logging.getLogger("nimare_pipeline")


def database_of(analysis: Analysis) -> Path | None:
    """Folder or file of the studies that an analysis searches; None for the input folder.

    Raises
    ------
    NoInputError
        If it names one that does not exist.
    """
    named = analysis.options.get("database")
    if not named:
        return None
    tried = [Path(folder) / Path(named).expanduser() for folder in analysis.folders]
    tried = tried or [Path(named).expanduser()]
    found = next((path for path in tried if path.exists()), None)
    if found is None:
        where = " or ".join(dict.fromkeys(str(path.parent) for path in tried))
        msg = f"there is no database {Path(named).name} in {where}"
        raise NoInputError(msg)
    return found


def apart(analyses: Iterable[Analysis]) -> list[Path]:
    """Databases there are, which are no part of the input even where they lie inside it."""
    found = []
    for analysis in analyses:
        with suppress(NoInputError):
            found.append(database_of(analysis))
    return [path for path in found if path is not None]


def needs_input(analysis: Analysis) -> bool:
    """Whether an analysis reads the input folder, and not only a database or other results."""
    searches = bool(analysis.options.get("database")) and analysis.type != "pair"
    return not searches and not combined(analysis)


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


def reader(
    settings: Settings, sources: Sequence["Source"], show: Callable[["Source"], object]
) -> Callable[[Analysis], Sequence["Source"]]:
    """Make a function that gives the sources of an analysis: of its database, if it has one.

    Parameters
    ----------
    settings : Settings
        Input folder and spaces.
    sources : sequence of Source
        What the input folder holds.
    show : callable
        Told of each source that is read, to say what is odd in it.
    """
    known: dict[Path, Sequence[Source]] = {}
    if sources:
        known[Path(settings.bids_dir).resolve()] = sources

    def of(analysis: Analysis) -> Sequence["Source"]:
        from nimare_pipeline import io

        path = database_of(analysis)
        if path is None:
            return sources
        if path.resolve() not in known:
            _LOGGER.info("reading the database %s", path)
            found = io.read(
                path,
                tal2mni=settings.tal2mni,
                target=settings.target,
                unknown_space=settings.unknown_space,
            )
            known[path.resolve()] = found
            for source in found:
                show(source)
        database = known[path.resolve()]
        # Two groups are compared across both; a region is searched for in the database alone.
        both = analysis.type == "pair" and database is not sources
        return [*sources, *_others(database, sources)] if both else database

    return of
