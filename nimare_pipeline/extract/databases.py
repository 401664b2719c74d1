"""Databases that lie in repositories: Neurosynth, NeuroQuery, the Cognitive Atlas."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline.errors import UsageError
from nimare_pipeline.extract import addresses, checksums, places
from nimare_pipeline.extract.requesting import Retries
from nimare_pipeline.extract.transfer import download

Choice = str | Sequence[str] | None
"""One value, several, or all there are."""
_COMPANIONS = {"vocabulary": "vocabulary.txt", "keys": "keys.tsv", "metadata": "metadata.json"}
"""Files that belong to a set of labels, by what the field calls them."""


def fetch_neurosynth(  # noqa: PLR0913 - the choices that the field has
    data_dir: str | Path | None = None,
    version: str | Sequence[str] = "7",
    overwrite: bool = False,  # noqa: FBT001, FBT002 - as the field calls it
    *,
    source: Choice = None,
    vocab: Choice = None,
    type: Choice = None,  # noqa: A002
    unpack: bool = False,
    base_url: str = addresses.NEUROSYNTH,
    retries: Retries | None = None,
) -> list[dict[str, Any]]:
    """Download Neurosynth: coordinates and labels of 14,371 papers, as of 2018.

    Parameters
    ----------
    data_dir : path, optional
        The files come into the folder ``neurosynth`` below it; by default below
        ``~/.cache/nimare-pipeline``.
    version : str or sequence of str
        ``3`` to ``7``.
    overwrite : bool
        Download also files that are there and right.
    source, vocab, type : str or sequence of str, optional
        Which sets of labels; all by default. ``vocab`` is ``terms`` or, in versions 6 and 7,
        ``LDA50``, ``LDA100``, ``LDA200``, ``LDA400``.
    unpack : bool
        Write ``database.txt`` and ``features.txt``, the layout of before 2021, into ``data_dir``
        as well: of the terms, for one version.
    base_url : str
        Where the files lie.
    retries : Retries, optional
        How patient to be.

    Returns
    -------
    list of dict
        One for each version: ``coordinates``, ``metadata`` and ``features``, what
        :func:`nimare_pipeline.io.convert_neurosynth_to_dataset` takes.

    Raises
    ------
    UsageError
        If there is no such version or set.
    DownloadError, TemporaryDownloadError
        If the server does not give a file.
    DataError
        If a file is not what it must be.
    OutputError
        If the place cannot be written.
    """
    wanted = {"version": version, "source": source, "vocab": vocab, "type": type}
    if unpack:
        _refuse_unpacking(wanted)
        wanted["vocab"] = "terms"
    databases = _fetch(
        "neurosynth", wanted, data_dir, base_url, overwrite=overwrite, retries=retries
    )
    if unpack:
        from nimare_pipeline.extract.old_layout import write

        write(
            databases[0],
            places.folder_of("neurosynth", data_dir).parent,
            overwrite=overwrite,
        )
    return databases


def fetch_neuroquery(
    data_dir: str | Path | None = None,
    version: str | Sequence[str] = "1",
    overwrite: bool = False,  # noqa: FBT001, FBT002
    *,
    source: Choice = None,
    vocab: Choice = None,
    type: Choice = None,  # noqa: A002
    base_url: str = addresses.NEUROQUERY,
    retries: Retries | None = None,
) -> list[dict[str, Any]]:
    """Download NeuroQuery: coordinates and words of 13,459 papers.

    Parameters
    ----------
    data_dir : path, optional
        The files come into the folder ``neuroquery`` below it; by default below
        ``~/.cache/nimare-pipeline``.
    version : str or sequence of str
        ``1``.
    overwrite : bool
        Download also files that are there and right.
    source, vocab, type : str or sequence of str, optional
        Which sets of labels; all by default. ``vocab`` ``neuroquery6308`` has the ``source``
        ``combined`` and the ``type`` ``tfidf``; ``neuroquery7547`` and ``neuroquery156521`` have
        the sources ``abstract``, ``body``, ``keywords``, ``title`` and the type ``count``.
    base_url : str
        Where the files lie.
    retries : Retries, optional
        How patient to be.

    Returns
    -------
    list of dict
        As of :func:`fetch_neurosynth`.

    Raises
    ------
    UsageError, DownloadError, TemporaryDownloadError, DataError, OutputError
        As :func:`fetch_neurosynth`.
    """
    wanted = {"version": version, "source": source, "vocab": vocab, "type": type}
    return _fetch("neuroquery", wanted, data_dir, base_url, overwrite=overwrite, retries=retries)


def download_cognitive_atlas(
    data_dir: str | Path | None = None,
    overwrite: bool = False,  # noqa: FBT001, FBT002
    *,
    base_url: str = addresses.COGNITIVE_ATLAS,
    retries: Retries | None = None,
) -> dict[str, str]:
    """Download the terms of the Cognitive Atlas, as NiMARE has put them into tables.

    They are a snapshot: the site itself is not asked, which would be two thousand requests.

    Parameters
    ----------
    data_dir : path, optional
        The files come into the folder ``cognitive_atlas`` below it; by default below
        ``~/.cache/nimare-pipeline``.
    overwrite : bool
        Download also files that are there and right.
    base_url : str
        Where the files lie.
    retries : Retries, optional
        How patient to be.

    Returns
    -------
    dict of str to str
        ``ids``: table of identifiers, names and aliases, the longest alias first;
        ``relationships``: table of the columns input, output and rel_type.

    Raises
    ------
    DownloadError, TemporaryDownloadError, DataError, OutputError
        As :func:`fetch_neurosynth`.
    """
    names = {"ids": "cogat_aliases.csv", "relationships": "cogat_relationships.csv"}
    folder = places.folder_of("cognitive_atlas", data_dir)
    options = {"overwrite": overwrite, "retries": retries}
    _download("cognitive_atlas", names.values(), folder, base_url, **options)
    return {what: str(folder / name) for what, name in names.items()}


def entities(name: str) -> dict[str, str]:
    """What a file's name says: ``version``, ``vocab``, ``source``, ``type`` and ``suffix``."""
    *pairs, suffix = name.split("_")
    return {**dict(pair.split("-", 1) for pair in pairs), "suffix": suffix}


def _fetch(
    name: str,
    wanted: Mapping[str, Choice],
    data_dir: str | Path | None,
    base_url: str,
    **options: Any,
) -> list[dict[str, Any]]:
    found = _chosen(name, wanted)
    files: dict[str, None] = {}
    for database in found:
        files.update(dict.fromkeys((database["coordinates"], database["metadata"])))
        for labels in database["features"]:
            files.update(dict.fromkeys(labels.values()))
    folder = places.folder_of(name, data_dir)
    _download(name, files, folder, base_url, **options)
    return [_in_folder(database, folder) for database in found]


def _download(
    name: str, files: Iterable[str], folder: Path, base_url: str, **options: Any
) -> None:
    base, known = places.base_of(base_url), checksums.known(name)
    for file in files:
        download(f"{base}/{file}", folder / file, checksum=known[file], **options)


def _in_folder(database: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    sets = [
        {what: str(folder / file) for what, file in labels.items()}
        for labels in database["features"]
    ]
    plain = {what: str(folder / database[what]) for what in ("coordinates", "metadata")}
    return {**plain, "features": sets}


def _chosen(name: str, wanted: Mapping[str, Choice]) -> list[dict[str, Any]]:
    """File names of what was asked for, a database for each version.

    Raises
    ------
    UsageError
        With what there is, if nothing is left.
    """
    files = checksums.known(name)
    features = [file for file in files if entities(file)["suffix"] == "features.npz"]
    asked = {key: _values(value) for key, value in wanted.items() if value is not None}
    chosen = [
        file
        for file in features
        if all(entities(file)[key] in values for key, values in asked.items())
    ]
    _refuse_unknown(name, asked, features, chosen)
    versions = dict.fromkeys(entities(file)["version"] for file in chosen)
    return [
        {
            "coordinates": f"data-{name}_version-{version}_coordinates.tsv.gz",
            "metadata": f"data-{name}_version-{version}_metadata.tsv.gz",
            "features": [
                _with_companions(file, files)
                for file in chosen
                if entities(file)["version"] == version
            ],
        }
        for version in versions
    ]


def _values(choice: Any) -> list[str]:
    return [str(choice)] if isinstance(choice, str | int) else [str(value) for value in choice]


def _refuse_unknown(
    name: str, asked: Mapping[str, list[str]], features: list[str], chosen: list[str]
) -> None:
    """Refuse each value that does not exist, and values that do not go together."""
    for key, values in asked.items():
        there = dict.fromkeys(entities(file)[key] for file in features)
        unknown = [value for value in values if value not in there]
        if unknown or not values:
            what = ", ".join(repr(value) for value in unknown) or "nothing"
            msg = f"{key} of {name} cannot be {what}; there is {', '.join(there)}"
            raise UsageError(msg)
    if not chosen:
        said = ", ".join(f"{key} {' or '.join(values)}" for key, values in asked.items())
        rows = dict.fromkeys(
            " ".join(entities(file)[key] for key in ("source", "vocab", "type"))
            for file in features
        )
        msg = f"{name} has no labels with {said}; there is {'; '.join(rows)}"
        raise UsageError(msg)


def _with_companions(features: str, files: Iterable[str]) -> dict[str, str]:
    stem = features[: features.index("_source-")]
    there = {what: f"{stem}_{suffix}" for what, suffix in _COMPANIONS.items()}
    return {"features": features, **{w: file for w, file in there.items() if file in files}}


def _refuse_unpacking(wanted: Mapping[str, Choice]) -> None:
    if wanted["vocab"] not in (None, "terms", ["terms"]) or len(_values(wanted["version"])) != 1:
        msg = "unpack=True writes the terms of one version; vocab and version name others"
        raise UsageError(msg)
