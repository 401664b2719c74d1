"""From the tables of a database to those of a Dataset, all foci at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import spaces, unknown_spaces
from nimare_pipeline.contrast import counted, listed, sample_sizes
from nimare_pipeline.errors import Problem
from nimare_pipeline.io._neurosynth_tables import Foci, Problems, lines_of, read_table
from nimare_pipeline.label_matrix import LabelMatrix
from nimare_pipeline.tables import ID_COLUMNS, Tables, typed
from nimare_pipeline.unknown_spaces import ASSUMED, UNKNOWN

_SIZE = ("sample_size", "sample_sizes", "n")


def build(
    files: tuple[Path, Path],
    studies: pd.DataFrame,
    foci: Foci,
    matrices: tuple[LabelMatrix, ...],
    problems: Problems,
    *,
    tal2mni: str,
    unknown_space: str,
) -> tuple[Tables, list[Problem]]:
    """Tables of a Dataset, with every focus in MNI space.

    Parameters
    ----------
    files : (coordinates, metadata)
        For messages.
    studies : DataFrame
        One row a study, texts: ``id``, ``space`` and whatever else.
    foci : Foci
    matrices : tuple of LabelMatrix
        Rows as ``studies``.
    problems : Problems
        What was found so far.
    tal2mni, unknown_space : str

    Raises
    ------
    DataError
        With every problem, if one is an error.
    UsageError
        For an unknown conversion or policy.
    """
    spaces.check_method(tal2mni)
    unknown_spaces.check_policy(unknown_space)
    unknown_space = unknown_space or "mni"
    coordinates, metadata = files
    _check_ids(metadata, studies, problems)
    problems.refuse()
    position = _positions(coordinates, studies["id"], foci, problems)
    problems.refuse()
    known = _spaces(studies)
    order = np.argsort(position, kind="stable")
    position, xyz = position[order], foci.xyz[order]
    taken = np.where(known == UNKNOWN, ASSUMED.get(unknown_space, UNKNOWN), known)
    is_tal = (taken == "TAL")[position]
    xyz[is_tal] = spaces.tal2mni(xyz[is_tal], tal2mni)
    _say_spaces(metadata, studies, known, position, unknown_space, problems)
    problems.refuse()
    _say_outside(coordinates, xyz, position, studies["id"], problems)
    tables = Tables(
        coordinates=_foci_table(studies["id"], position, xyz, known),
        metadata=_metadata(metadata, studies, known, taken, tal2mni),
        **{name: _ids(studies["id"]) for name in ("images", "annotations", "texts")},
        matrices=matrices,
    )
    if unknown_space == "exclude":
        tables = tables.only(set(tables.metadata["id"][known != UNKNOWN]))
    return tables, problems.found


def _check_ids(file: Path, studies: pd.DataFrame, problems: Problems) -> None:
    if "id" not in studies:
        problems.error(file, "no column id", "columns: id, and space, title, ...", line=1)
        problems.refuse()
    studies["id"] = studies["id"].str.strip()
    names = studies["id"]
    lines = _lines(studies)
    empty = np.flatnonzero((names == "").to_numpy())
    problems.errors(file, [(int(lines[i]), "the id is empty") for i in empty])
    first = {name: int(lines[i]) for i, name in reversed(list(enumerate(names)))}
    twice = [int(i) for i in np.flatnonzero(names.duplicated().to_numpy()) if names[i]]
    problems.errors(
        file,
        [(int(lines[i]), f"id {names[i]!r} stands in line {first[names[i]]} too") for i in twice],
        "one row a study",
    )


def _positions(file: Path, ids: pd.Series, foci: Foci, problems: Problems) -> NDArray[np.int64]:
    """Row of each focus' study among the studies."""
    place = {name: number for number, name in enumerate(ids)}
    of_study = np.array([place.get(name.strip(), -1) for name in foci.study_ids], dtype=np.int64)
    position = np.where(foci.study >= 0, of_study[foci.study], -1)
    lost = np.flatnonzero(position < 0)
    if len(lost):
        names = dict.fromkeys(foci.study_ids[foci.study[i]] for i in lost if foci.study[i] >= 0)
        problems.error(
            file,
            f"{counted(len(lost), 'focus', 'foci')} of "
            f"{counted(len(names), 'study', 'studies')} that the metadata lack: "
            f"{listed(list(names), 5)}",
            "a row of the metadata for each study",
            line=int(lines_of(read_table(file))[foci.rows[lost[0]]]),
        )
    return position


def _spaces(studies: pd.DataFrame) -> NDArray[Any]:
    """MNI, TAL or UNKNOWN of each study."""
    if "space" not in studies:
        return np.full(len(studies), UNKNOWN, dtype=object)
    meant = {text: spaces.recognise(text) or UNKNOWN for text in studies["space"].unique()}
    return studies["space"].map(meant).to_numpy(dtype=object)


def _say_spaces(
    file: Path,
    studies: pd.DataFrame,
    known: NDArray[Any],
    position: NDArray[np.int64],
    policy: str,
    problems: Problems,
) -> None:
    unknown = known == UNKNOWN
    n_studies, n_foci = int(unknown.sum()), int(unknown[position].sum())
    if not n_studies:
        return
    named = sorted(set(studies["space"][unknown])) if "space" in studies else []
    said = f" ({listed([repr(one) for one in named], 5)})" if named else " (no column space)"
    message = (
        f"the space of {counted(n_studies, 'study', 'studies')} with "
        f"{counted(n_foci, 'focus', 'foci')} is unknown{said}"
    )
    if policy == "error":
        problems.error(file, message, f"{spaces.ACCEPTED}; or decide by --unknown-space")
        return
    done = f"taken as {ASSUMED[policy]}" if policy in ASSUMED else "left out"
    advice = "the selection original_space != 'UNKNOWN' leaves them out"
    problems.warning(file, f"{message}; they are {done}", advice if policy in ASSUMED else "")


def _say_outside(
    file: Path,
    xyz: NDArray[np.float64],
    position: NDArray[np.int64],
    ids: pd.Series,
    problems: Problems,
) -> None:
    outside = spaces.outside_head(xyz)
    n_studies = len(np.unique(position[outside]))
    if n_studies:
        names = list(dict.fromkeys(ids[row] for row in position[outside]))
        problems.warning(
            file,
            f"{counted(int(outside.sum()), 'focus', 'foci')} of "
            f"{counted(n_studies, 'study', 'studies')} outside the head: {listed(names, 5)}",
            "lost decimal points or minus signs?",
        )


def _lines(studies: pd.DataFrame) -> NDArray[np.int64]:
    return studies["line"].to_numpy(np.int64) if "line" in studies else lines_of(studies)


def _ids(names: pd.Series) -> pd.DataFrame:
    studies = names.to_numpy(dtype=object)
    cells = (studies + "-1", studies, np.full(len(studies), "1", dtype=object))
    return pd.DataFrame(
        {name: pd.Series(cell, dtype=object) for name, cell in zip(ID_COLUMNS, cells, strict=True)}
    )


def _foci_table(
    names: pd.Series, position: NDArray[np.int64], xyz: NDArray[np.float64], known: NDArray[Any]
) -> pd.DataFrame:
    ids = _ids(names)
    table = {name: pd.Series(ids[name].to_numpy()[position], dtype=object) for name in ID_COLUMNS}
    table |= {axis: pd.Series(xyz[:, i], dtype=float) for i, axis in enumerate("xyz")}
    table["space"] = pd.Series(np.full(len(xyz), "MNI", dtype=object), dtype=object)
    table["original_space"] = pd.Series(known[position], dtype=object)
    return pd.DataFrame(table)


def _metadata(
    file: Path,
    studies: pd.DataFrame,
    known: NDArray[Any],
    taken: NDArray[Any],
    tal2mni: str,
) -> pd.DataFrame:
    n = len(studies)
    sizes = next((studies[name].tolist() for name in _SIZE if name in studies), [""] * n)
    transform = [f"tal2mni-{tal2mni}" if space == "TAL" else "none" for space in taken]
    columns = {
        "original_space": pd.Series(known, dtype=object),
        "space_transform": pd.Series(transform, dtype=object),
        "sample_sizes": pd.Series(
            [list(sample_sizes(one)[0]) or None for one in sizes], dtype=object
        ),
        "source_file": pd.Series([file.name] * n, dtype=object),
        "source_line": pd.Series(_lines(studies)),
    }
    for name in studies.columns:
        if name not in ("id", "space", "line", *columns):
            columns[str(name)] = _column(studies[name])
    return pd.concat([_ids(studies["id"]), pd.DataFrame(columns)], axis=1)


def _column(cells: pd.Series) -> pd.Series:
    """Numbers if all that stands there is numbers, else text; what is empty is missing."""
    present = cells[cells.str.strip() != ""]
    numbers = pd.to_numeric(present, errors="coerce")
    if not len(present) or numbers.isna().any():
        return typed([cell or None for cell in cells])
    found = dict(zip(present.index, numbers.tolist(), strict=True))
    return typed([found.get(row) for row in cells.index])
