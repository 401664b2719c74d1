"""Databases of thousands of studies, as Neurosynth and NeuroQuery publish them.

::

    data-<name>_version-<v>_coordinates.tsv.gz                            id  x  y  z
    data-<name>_version-<v>_metadata.tsv.gz                               id  [space  title ...]
    data-<name>_version-<v>_vocab-<v>_source-<s>_type-<t>_features.npz    studies x terms, sparse
    data-<name>_version-<v>_vocab-<v>_vocabulary.txt                      a term a line

Rows of the features are the studies in the order of the metadata. A study is one contrast,
``<id>-1``; a label is called ``<vocab>_<source>_<type>__<term>``. Also the layout of before 2021:
``database.txt`` (id, x, y, z, space) and ``features.txt`` (id, then one column a term).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nimare_pipeline import defaults
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io._neurosynth_build import build
from nimare_pipeline.io._neurosynth_tables import (
    Problems,
    columns_of,
    read_foci,
    read_matrix,
    read_table,
)
from nimare_pipeline.tables import Tables, to_contrasts

NAME = "Neurosynth or NeuroQuery database"
_PREFIX = r"(?P<prefix>data-(?P<data>[^_]+)_version-(?P<version>[^_]+))"
_FILE = re.compile(
    _PREFIX + r"(?:_(?P<table>coordinates|metadata)\.tsv(?:\.gz)?|_vocab-(?P<vocab>[^_]+)"
    r"(?:_source-(?P<source>[^_]+)_type-(?P<type>[^_]+)_(?P<features>features)\.npz"
    r"|_(?P<words>vocabulary)\.txt|_keys\.tsv|_metadata\.json))"
)
_OLD_COLUMNS = {"id", "x", "y", "z", "space"}


@dataclass(frozen=True)
class Annotation:
    """Files of one set of labels, and what the labels' names begin with."""

    features: Path
    vocabulary: Path
    prefix: str


def sniff(path: Path) -> bool:
    """Whether a file is one of a database: by its name, of the old layout by its columns."""
    if _FILE.fullmatch(path.name):
        return True
    return path.suffix == ".txt" and (path.name == "features.txt" or is_old(path))


def is_old(path: Path) -> bool:
    """Whether a file begins like ``database.txt``."""
    with path.open("rb") as stream:
        head = stream.readline(4096)
    return set(head.decode("utf-8", errors="replace").strip().split("\t")) >= _OLD_COLUMNS


def group(paths: Iterable[Path]) -> list[tuple[Path, ...]]:
    """Files that are one database: of one folder, name and version; the foci first."""
    groups: dict[tuple[Path, str], set[Path]] = {}
    for path in paths:
        groups.setdefault((path.parent, _prefix(path)), set()).add(path)
    for (folder, prefix), files in groups.items():
        # One file that is named stands for all of its database.
        beside = folder.glob(f"{prefix}_*") if prefix else [folder / "features.txt"]
        files |= {file for file in beside if file.is_file() and sniff(file)}
    return [tuple(sorted(files, key=_order)) for files in groups.values()]


def own_name(path: Path) -> str | None:
    """Name and version: ``neurosynth_version-7``."""
    return _prefix(path).removeprefix("data-") or None


def read(path: Path, *companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a database, foci in MNI space.

    Raises
    ------
    NoInputError, DataError
        As :func:`read_tables`.
    """
    tables, problems = read_tables(path, *companions)
    return to_contrasts(tables), problems


def read_tables(
    path: Path,
    *companions: Path,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
) -> tuple[Tables, list[Problem]]:
    """Tables of a database with every focus in MNI space, and its warnings.

    Parameters
    ----------
    path, *companions : Path
        Files of one database, in any order.
    tal2mni : str
        How Talairach coordinates are converted.
    unknown_space : str
        Studies whose space is neither MNI nor Talairach: ``mni`` (and empty) takes their foci as
        they are, as Neurosynth does; ``talairach`` converts them; ``exclude`` leaves these studies
        out; ``error`` refuses them.

    Raises
    ------
    NoInputError
        If a file does not exist.
    DataError
        With every problem found: files that are missing or disagree with each other.
    """
    files = (path, *companions)
    policies = {"tal2mni": tal2mni, "unknown_space": unknown_space}
    if not _prefix(path):
        found = sorted(files, key=_order)
        return read_old(found[0], found[1] if len(found) > 1 else None, **policies)
    kinds = {one: _FILE.fullmatch(one.name) for one in files}
    tables = {match["table"]: one for one, match in kinds.items() if match and match["table"]}
    for name in ("coordinates", "metadata"):
        if name not in tables:
            wanted = f"{_prefix(path)}_{name}.tsv.gz"
            problem = Problem("error", f"there is no {wanted} beside it", path.name)
            raise DataError("the database cannot be read", [problem])
    return read_triplet(
        tables["coordinates"], tables["metadata"], annotations_among(files), **policies
    )


def read_triplet(
    coordinates: Path,
    metadata: Path,
    annotations: Sequence[Annotation] = (),
    *,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
) -> tuple[Tables, list[Problem]]:
    """Tables of a database whose files are named one by one.

    Parameters
    ----------
    coordinates, metadata : Path
    annotations : sequence of Annotation
    tal2mni : str
    unknown_space : str
        As in :func:`read_tables`.

    Raises
    ------
    NoInputError, DataError
        As :func:`read_tables`.
    """
    problems = Problems()
    studies = read_table(metadata)
    foci = read_foci(coordinates, problems)
    matrices = [
        read_matrix(one.features, one.vocabulary, one.prefix, len(studies), problems)
        for one in annotations
    ]
    return build(
        (coordinates, metadata),
        studies,
        foci,
        tuple(one for one in matrices if one is not None),
        problems,
        tal2mni=tal2mni,
        unknown_space=unknown_space,
    )


def read_old(
    database: Path,
    features: Path | None = None,
    *,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
    prefix: str = "Neurosynth_TFIDF",
) -> tuple[Tables, list[Problem]]:
    """Tables of the layout of before 2021: ``database.txt`` and ``features.txt``.

    Raises
    ------
    NoInputError, DataError
        As :func:`read_tables`.
    """
    from nimare_pipeline.io._neurosynth_old import read_features, studies_of

    problems = Problems()
    if not set(columns_of(database)) >= _OLD_COLUMNS:
        problems.error(database, "no columns id, x, y, z, space", line=1)
        problems.refuse()
    studies = studies_of(database, problems)
    foci = read_foci(database, problems)
    ids = studies["id"].tolist()
    matrix = read_features(features, ids, prefix, problems) if features else None
    return build(
        (database, database),
        studies,
        foci,
        (matrix,) if matrix is not None else (),
        problems,
        tal2mni=tal2mni,
        unknown_space=unknown_space,
    )


def annotations_among(files: Iterable[Path]) -> list[Annotation]:
    """Sets of labels among the files of a database; each needs its vocabulary beside it."""
    found = []
    for path in sorted(files):
        match = _FILE.fullmatch(path.name)
        if match and match["features"]:
            vocabulary = f"{match['prefix']}_vocab-{match['vocab']}_vocabulary.txt"
            found.append(Annotation(path, path.with_name(vocabulary), label_prefix(path)))
    return found


def label_prefix(features: Path) -> str:
    """What the names of a file's labels begin with: ``<vocab>_<source>_<type>``."""
    match = _FILE.fullmatch(features.name)
    if match and match["features"]:
        return f"{match['vocab']}_{match['source']}_{match['type']}"
    return re.sub(r"_?features$", "", features.stem) or "features"


def _prefix(path: Path) -> str:
    match = _FILE.fullmatch(path.name)
    return match["prefix"] if match else ""


def _order(path: Path) -> tuple[int, str]:
    for number, name in enumerate(("_coordinates.tsv", "_metadata.tsv", ".npz")):
        if name in path.name:
            return number, path.name
    return (1 if path.name == "features.txt" else 0) + 3, path.name
