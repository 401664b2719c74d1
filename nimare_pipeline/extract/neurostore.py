"""NeuroStore: releases of the whole database, and single studysets."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import listed
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.extract import addresses, archives, places
from nimare_pipeline.extract.requesting import Retries, get_json, parse
from nimare_pipeline.extract.transfer import download, used_up

_RELEASES = "/api/neurostore-studyset-releases/"
_MOVING = ("latest", "nightly")
"""Versions that are another release another day."""
_MARKS = ("studyset.json", "neurostore-studyset.json")
"""Files of which one is in every release."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def fetch_neurostore_releases(
    *, base_url: str = addresses.NEUROSTORE, retries: Retries | None = None
) -> list[dict[str, Any]]:
    """List the releases of NeuroStore.

    Parameters
    ----------
    base_url : str
        Address of the site.
    retries : Retries, optional
        How patient to be.

    Returns
    -------
    list of dict
        As the site tells them: ``version``, ``release_type``, ``built_at`` and more.

    Raises
    ------
    DownloadError, TemporaryDownloadError
        If the server does not answer.
    DataError
        If there are none in its answer.
    """
    url = f"{places.base_of(base_url)}{_RELEASES}"
    found = get_json(url, retries or Retries())
    releases = found.get("results") if isinstance(found, dict) else found
    if not isinstance(releases, list) or not releases:
        msg = f"{url}: there are no releases in the answer"
        raise DataError(msg)
    good = [one for one in releases if isinstance(one, dict) and _NAME.fullmatch(_version(one))]
    if len(good) < len(releases):
        msg = f"{url}: {len(releases) - len(good)} releases have no version that can be a name"
        raise DataError(msg)
    return good


def fetch_neurostore(
    version: str = "latest",
    data_dir: str | Path | None = None,
    overwrite: bool = False,  # noqa: FBT001, FBT002 - as the field calls it
    *,
    base_url: str = addresses.NEUROSTORE,
    retries: Retries | None = None,
) -> str:
    """Download a release of NeuroStore: all its studies, as tables.

    Parameters
    ----------
    version : str
        ``latest`` (the newest with a date), ``nightly``, or one of
        :func:`fetch_neurostore_releases`, which is not downloaded again once it is there.
    data_dir : path, optional
        The files come into the folder ``neurostore/VERSION`` below it; by default below
        ``~/.cache/nimare-pipeline``.
    overwrite : bool
        Download also what is there.
    base_url : str
        Address of the site.
    retries : Retries, optional
        How patient to be.

    Returns
    -------
    str
        The folder with ``studyset.json`` and its tables, which
        :func:`nimare_pipeline.io.convert_nimads_to_dataset` takes.

    Raises
    ------
    UsageError
        If there is no such version.
    DownloadError, TemporaryDownloadError
        If the server does not give it.
    DataError
        If it is not what it must be.
    OutputError
        If the place cannot be written.
    """
    top = places.folder_of("neurostore", data_dir)
    if version not in _MOVING and not overwrite and (found := _studyset_in(top / _safe(version))):
        return str(found)
    release = _select(fetch_neurostore_releases(base_url=base_url, retries=retries), version)
    folder, note = top / _version(release), top / f"{_version(release)}.sha256"
    checksum = str(release.get("archive_checksum") or "")
    same = not checksum or (note.is_file() and note.read_text(errors="replace") == checksum)
    if not overwrite and same and (found := _studyset_in(folder)):
        return str(found)
    archive = top / f"{_version(release)}.tar.gz"
    path = release.get("download_path") or f"{_RELEASES}{_version(release)}/download"
    download(
        places.on_base(places.base_of(base_url), str(path)),
        archive,
        checksum=f"sha256:{checksum}" if _SHA256.fullmatch(checksum) else "",
        overwrite=overwrite,
        retries=retries,
        check=archives.refuse_damaged,
    )
    found = _unpacked(archive, folder)
    note.write_text(checksum)
    return str(found)


def fetch_neurostore_studyset(
    studyset_id: str,
    annotation_id: str | None = None,
    data_dir: str | Path | None = None,
    overwrite: bool = False,  # noqa: FBT001, FBT002
    *,
    base_url: str = addresses.NEUROSTORE,
    retries: Retries | None = None,
) -> dict[str, str]:
    """Download one studyset of NeuroStore, with its studies, and an annotation of it.

    Parameters
    ----------
    studyset_id, annotation_id : str
        What their addresses on the site end in.
    data_dir : path, optional
        The files come into the folder ``neurostore/STUDYSET_ID`` below it; by default below
        ``~/.cache/nimare-pipeline``.
    overwrite : bool
        Download also what is there: a studyset may have changed.
    base_url : str
        Address of the site.
    retries : Retries, optional
        How patient to be.

    Returns
    -------
    dict of str to str
        ``studyset`` and, if asked for, ``annotation``: JSON files, which
        :func:`nimare_pipeline.io.convert_nimads_to_dataset` takes.

    Raises
    ------
    UsageError
        If an identifier cannot be one.
    DownloadError, TemporaryDownloadError, DataError, OutputError
        As :func:`fetch_neurostore`.
    """
    base = places.base_of(base_url)
    folder = places.folder_of("neurostore", data_dir) / _safe(studyset_id)
    wanted = {"studyset": (f"/api/studysets/{studyset_id}?nested=true", "studies")}
    if annotation_id is not None:
        wanted["annotation"] = (f"/api/annotations/{_safe(annotation_id)}", "notes")
    for what, (path, key) in wanted.items():

        def complete(file: Path, url: str = base + path, key: str = key) -> None:
            _require(parse(file.read_bytes(), url), key, url)

        download(
            f"{base}{path}",
            folder / f"{what}.json",
            overwrite=overwrite,
            retries=retries,
            check=complete,
        )
    return {what: str(folder / f"{what}.json") for what in wanted}


def _require(document: Any, key: str, url: str) -> None:
    if not isinstance(document, dict) or not isinstance(document.get(key), list):
        msg = f"{url}: the answer has no list of {key}"
        raise DataError(msg)


def _version(release: Mapping[str, Any]) -> str:
    return str(release.get("version") or "")


def _safe(name: str) -> str:
    if not _NAME.fullmatch(name):
        msg = f"{name!r} is no identifier or version: letters, digits, dots, '_' and '-'"
        raise UsageError(msg)
    return name


def _select(releases: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """Pick one release; the newest where several fit."""
    if version == "latest":
        dated = [one for one in releases if one.get("release_type") != "nightly"]
        fitting = dated or releases
    else:
        fitting = [one for one in releases if _version(one) == version]
    if not fitting:
        there = listed(sorted(map(_version, releases)), 12)
        msg = f"NeuroStore has no release {version!r}; it has {there}, or 'latest'"
        raise UsageError(msg)
    return max(fitting, key=lambda one: (str(one.get("built_at") or ""), _version(one)))


def _studyset_in(folder: Path) -> Path | None:
    """Folder of the studyset in what a release unpacked to: that or one below it."""
    if not folder.is_dir():
        return None
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    return next((f for f in (folder, *below) if any((f / m).is_file() for m in _MARKS)), None)


def _unpacked(archive: Path, folder: Path) -> Path:
    with used_up(archive), archives.made_whole(folder, _studyset_in) as aside:
        archives.unpack_tar(archive, aside, archives.Budget.of(archive))
        if _studyset_in(aside) is None:
            msg = f"{archive.name}: there is no {_MARKS[0]} in this release"
            raise DataError(msg)
    found = _studyset_in(folder)
    assert found is not None  # noqa: S101 - it was there before it was put in place
    return found
