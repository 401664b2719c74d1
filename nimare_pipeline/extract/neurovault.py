"""NeuroVault: collections of images, and the packs of the pain studies."""

import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from nimare_pipeline.contrast import listed
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.extract import addresses, archives, neurovault_table, places
from nimare_pipeline.extract.requesting import Retries, get_json
from nimare_pipeline.extract.transfer import download, used_up
from nimare_pipeline.writing import write_file

_PAGE = 100
"""Images that a page lists."""
_MOST_PAGES = 10_000
_MOST_ID = 2**63
_SUFFIXES = (".nii.gz", ".nii")
_SURFACES = re.compile(r"\.[dp](scalar|tseries|label|conn|trajectory|fan)\.nii$")
"""What CIFTI files end in."""
_PAIN = "nidm_21pain"
_PAIN_WHOLE = "description.txt"

_LOGGER = logging.getLogger("nimare_pipeline")


def fetch_neurovault_collection(
    collection_id: int | str,
    data_dir: str | Path | None = None,
    overwrite: bool = False,  # noqa: FBT001, FBT002 - as the field calls it
    *,
    base_url: str = addresses.NEUROVAULT,
    retries: Retries | None = None,
) -> str:
    """Download every image of a collection of NeuroVault, with what the site knows of it.

    Parameters
    ----------
    collection_id : int
        The number in the collection's address.
    data_dir : path, optional
        The files come into the folder ``neurovault/collection_ID`` below it; by default below
        ``~/.cache/nimare-pipeline``.
    overwrite : bool
        Download also images that are there.
    base_url : str
        Address of the site. Pages and images are asked for there, whatever host they name.
    retries : Retries, optional
        How patient to be.

    Returns
    -------
    str
        The folder: ``collection_metadata.json``, and for each image ``image_ID.nii.gz`` and
        ``image_ID_metadata.json``; and ``contrasts.tsv``, which a run reads, made of what people
        told the site and to be checked. A ``contrasts.tsv`` that is there stays, but for
        ``overwrite``.

    Raises
    ------
    UsageError
        If the identifier is no number.
    DownloadError, TemporaryDownloadError
        If the server does not give something.
    DataError
        If what it gives is wrong.
    OutputError
        If the place cannot be written.
    """
    number = _number(collection_id)
    base, patience = places.base_of(base_url), retries or Retries()
    about = get_json(f"{base}/api/collections/{number}/?format=json", patience)
    images = list(_images(base, number, patience))
    folder = places.folder_of("neurovault", data_dir) / f"collection_{number}"
    write_file(folder / "collection_metadata.json", _text(about))
    left, there = [], []
    for image in images:
        stem, suffix = f"image_{image['id']}", _suffix(image)
        if not suffix:
            left.append(f"{stem} ({image.get('file') or 'no file'})")
            continue
        download(
            places.on_base(base, str(image["file"])),
            folder / f"{stem}{suffix}",
            overwrite=overwrite,
            retries=patience,
            check=archives.refuse_damaged,
        )
        write_file(folder / f"{stem}_metadata.json", _text(image))
        there.append((image, f"{stem}{suffix}"))
    if overwrite or not (folder / neurovault_table.NAME).exists():
        rows = neurovault_table.table(number, there)
        write_file(folder / neurovault_table.NAME, rows.encode(errors="replace"))
    if left:
        _LOGGER.warning("not downloaded, as they are no NIfTI images: %s", listed(left, 5))
    return str(folder)


def download_nidm_pain(
    data_dir: str | Path | None = None,
    overwrite: bool = False,  # noqa: FBT001, FBT002
    *,
    base_url: str = addresses.NEUROVAULT,
    retries: Retries | None = None,
) -> str:
    """Download the images of 21 studies of pain, as NIDM-Results packs, and unpack them.

    Parameters
    ----------
    data_dir : path, optional
        The files come into the folder ``nidm_21pain`` below it; by default below
        ``~/.cache/nimare-pipeline``.
    overwrite : bool
        Download again what is there.
    base_url : str
        Address of NeuroVault.
    retries : Retries, optional
        How patient to be.

    Returns
    -------
    str
        The folder with ``pain_01.nidm`` to ``pain_21.nidm``, which
        :meth:`nimare_pipeline.dataset.Dataset.update_path` takes.

    Raises
    ------
    DownloadError, TemporaryDownloadError
        If the server does not give them.
    DataError
        If what comes is damaged, or would be unpacked outside the folder.
    OutputError
        If the place cannot be written.
    """
    folder = places.folder_of(_PAIN, data_dir)
    if _is_pain(folder) and not overwrite:
        return str(folder)
    archive = folder.with_name(f"{_PAIN}.zip")
    url = f"{places.base_of(base_url)}/collections/{addresses.NIDM_PAIN}/download"
    download(url, archive, overwrite=overwrite, retries=retries)
    with used_up(archive), archives.made_whole(folder, _is_pain) as aside:
        _unpack_packs(archive, aside)
        (aside / _PAIN_WHOLE).write_text("NIDM-Results packs of 21 studies of pain.\n")
    return str(folder)


def _is_pain(folder: Path) -> bool:
    return (folder / _PAIN_WHOLE).is_file()


def _unpack_packs(archive: Path, folder: Path) -> None:
    """Unpack a collection, and each pack in it into a folder of the pack's name."""
    budget = archives.Budget.of(archive)
    outer = folder / ".collection"
    packs = [p for p in archives.unpack_zip(archive, outer, budget) if p.suffix == ".zip"]
    if not packs:
        msg = f"{archive.name}: there are no packs (*.nidm.zip) in this collection"
        raise DataError(msg)
    for pack in packs:
        place = folder / pack.stem
        if place.exists():
            msg = f"{archive.name}: there are two packs called {pack.name}"
            raise DataError(msg)
        archives.unpack_zip(pack, place, budget)
    shutil.rmtree(outer)


def _number(collection_id: int | str) -> int:
    text = str(collection_id)
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) < _MOST_ID):
        msg = f"a collection of NeuroVault has a number, such as 1425, not {collection_id!r}"
        raise UsageError(msg)
    return int(text)


def _images(base: str, number: int, retries: Retries) -> Iterator[dict[str, Any]]:
    """What the site knows of every image, page by page.

    Raises
    ------
    DataError
        If pages come round again, or do not hold as many images as they say.
    """
    first = f"{base}/api/collections/{number}/images/"
    url = f"{first}?format=json&limit={_PAGE}"
    asked: set[str] = set()
    seen: set[int] = set()
    while url:
        if url in asked or len(asked) >= _MOST_PAGES:
            msg = f"{url}: the pages of the collection go round in a circle"
            raise DataError(msg)
        asked.add(url)
        page = get_json(url, retries)
        for image in _listed(page, url):
            if image["id"] not in seen:
                seen.add(image["id"])
                yield image
        url = _next(page, first)
    told = page.get("count")
    if isinstance(told, int) and told != len(seen):
        msg = f"{first}: {told} images are said to be there, and {len(seen)} are listed"
        raise DataError(msg)


def _listed(page: Any, url: str) -> list[dict[str, Any]]:
    images = page.get("results") if isinstance(page, dict) else None
    if not isinstance(images, list):
        msg = f"{url}: the answer is no list of images"
        raise DataError(msg)
    for image in images:
        number = image.get("id") if isinstance(image, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < _MOST_ID:
            msg = f"{url}: an image has no number: {str(image)[:60]}"
            raise DataError(msg)
    return images


def _next(page: dict[str, Any], first: str) -> str:
    """Address of the next page: the same list of the same site, with the page's own question."""
    link = page.get("next")
    if not isinstance(link, str) or not link:
        return ""
    try:
        return f"{first}?{urlsplit(link).query}"
    except ValueError as error:
        msg = f"{first}: the address of the next page is none: {link[:200]!r}"
        raise DataError(msg) from error


def _suffix(image: dict[str, Any]) -> str:
    try:
        name = PurePosixPath(unquote(urlsplit(str(image.get("file") or "")).path)).name.lower()
    except ValueError:
        return ""
    suffix = next((end for end in _SUFFIXES if name.endswith(end)), "")
    return "" if _SURFACES.search(name) else suffix


def _text(document: Any) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(errors="replace")
