"""Which contrasts an image-based analysis uses, and why the others are left out."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import defaults, packed
from nimare_pipeline.cohort_table import (
    NOT_CHOSEN,
    NOT_SELECTED,
    OF_FOCI,
    Cohort,
    barred,
    contrasts_table,
    foci_table,
)
from nimare_pipeline.contrast import counted, is_missing, listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, EmptySelectionError, Problem, UsageError
from nimare_pipeline.image_analysis import estimator_of
from nimare_pipeline.image_checks import accepted_images, check_images
from nimare_pipeline.images import ImageStack, examine_images
from nimare_pipeline.select import select
from nimare_pipeline.settings import Analysis
from nimare_pipeline.tables import ID_COLUMNS, RELATIVE, SAMPLE_SIZE_FILLED, typed
from nimare_pipeline.transform_rules import SAMPLE_SIZE, lacking, resolve_transforms

IMAGES = "images"
"""Column of the table of contrasts: kinds of the images that a contrast has."""
DIGEST = "images_sha256"
"""Column of the table of contrasts: of the files of those images."""
REFUSED = "images refused, see the table of images"
"""Reason of a contrast of which the checks of images let too little through."""
_POLICIES = ("error", "median", "exclude")


def make_image_cohort(dataset: Dataset, analysis: Analysis) -> Cohort:
    """Select the contrasts of an image-based analysis, and apply its policy for sample sizes.

    A contrast is used that has the images the estimator takes, or those they can be made from.
    Nothing is read of the images: what is in them is checked when they are.

    Parameters
    ----------
    dataset : Dataset
    analysis : Analysis
        ``missing_n``: ``error``, ``median`` or ``exclude``, for contrasts whose sample size the
        estimator needs, or the making of an image it takes.

    Returns
    -------
    Cohort
        Its table of contrasts has the column ``images``; no focus of its foci is used.

    Raises
    ------
    UsageError
        For an unknown policy, or a selection that is none or asks for what is not there.
    DataError
        If sample sizes are missing and the policy is ``error``, or all are and it is ``median``.
    EmptySelectionError
        If no contrast is left.
    """
    if analysis.missing_n not in _POLICIES:
        msg = (
            f"missing_n is {', '.join(_POLICIES)} for images, not {analysis.missing_n!r}: a width "
            "of a kernel is for foci"
        )
        raise UsageError(msg)
    selected = select(dataset, analysis.select, analysis.folders)
    dataset = located(dataset, analysis.folders)
    foci = foci_table(dataset, "keep").assign(used=False)
    contrasts = contrasts_table(dataset, foci).drop(columns=list(OF_FOCI), errors="ignore")
    have = kinds_of(dataset)
    estimator = estimator_of(analysis)
    unchosen = ["" if holds else NOT_SELECTED for holds in selected.holds]
    lacking = [_lacking(kinds, estimator.kinds()) for kinds in have]
    reasons = [
        other or why or lack
        for other, why, lack in zip(unchosen, barred(dataset.metadata), lacking, strict=True)
    ]
    usable = np.array([not reason for reason in reasons], dtype=bool)
    need = np.array(
        [estimator.needs_sample_sizes() or _needs_n(kinds, estimator.kinds()) for kinds in have]
    )
    sizes, filled, problems = _sizes(dataset, analysis.missing_n, usable & need)
    if analysis.missing_n == "exclude":
        gaps = usable & need & np.isnan(sizes)
        reasons = [
            "no sample size" if gap else reason for gap, reason in zip(gaps, reasons, strict=True)
        ]
    contrasts["reason"] = pd.Series(reasons, dtype=object)
    contrasts["included"] = contrasts["reason"] == ""
    contrasts["sample_size"] = sizes
    contrasts[SAMPLE_SIZE_FILLED] = filled
    contrasts[IMAGES] = pd.Series([", ".join(kinds) for kinds in have], dtype=object)
    contrasts[DIGEST] = pd.Series(_digests(dataset, contrasts["included"].tolist()), dtype=object)
    if not contrasts["included"].any():
        chosen = contrasts[selected.holds]
        why = "; ".join(f"{row.id}: {row.reason}" for row in chosen.head(20).itertuples())
        msg = (
            f"analysis {analysis.name}: no contrast is left to analyse ({why or 'none was read'})"
        )
        raise EmptySelectionError(msg)
    left_out = [
        Problem("warning", f"left out: {row.reason}", where=str(row.id))
        for row in contrasts[~contrasts["included"]].itertuples()
        if row.reason not in NOT_CHOSEN
    ]
    kept = contrasts.loc[contrasts["included"], "id"].tolist()
    used = _with_sizes(dataset, sizes, filled).slice(kept)
    # A formula that does not fit the contrasts is wrong before their images are read.
    estimator.design(used)
    return Cohort(
        dataset=used,
        contrasts=contrasts,
        coordinates=foci.iloc[:0],
        problems=(*selected.problems, *left_out, *problems),
    )


def without_refused(contrasts: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Contrasts of which those named are no longer included, and why."""
    refused = contrasts["id"].isin(set(names)) & contrasts["included"]
    return contrasts.assign(
        included=contrasts["included"] & ~refused,
        reason=contrasts["reason"].where(~refused, REFUSED),
    )


@dataclass(frozen=True)
class CheckedImages:
    """A cohort whose images have been read.

    Parameters
    ----------
    dataset : Dataset
        Contrasts whose images can be used.
    contrasts : DataFrame
        As of ``Cohort``; contrasts of which every image was refused are no longer included.
    images : ImageStack
        Images that can be used.
    checks : DataFrame
        A row each image: what is in it, and the verdict.
    problems : list of Problem
    """

    dataset: Dataset
    contrasts: pd.DataFrame
    images: ImageStack
    checks: pd.DataFrame
    problems: list[Problem]


def with_checked_images(
    dataset: Dataset, analysis: Analysis, contrasts: pd.DataFrame, *, n_threads: int = 1
) -> CheckedImages:
    """Read the images of a cohort, each once, and leave out those that cannot be used.

    Parameters
    ----------
    dataset : Dataset
        Of the cohort.
    analysis : Analysis
        ``options``: ``on_bad_image``, ``error`` or ``exclude``.
    contrasts : DataFrame
        Table of the cohort.
    n_threads : int
        Threads over files.

    Raises
    ------
    DataError
        With every image that cannot be used, if ``on_bad_image`` is ``error``.
    EmptySelectionError
        If no contrast is left.
    """
    loaded = examine_images(dataset, n_threads=n_threads)
    needs_n = estimator_of(analysis).needs_sample_sizes()
    checks, found = check_images(loaded, dataset, needs_sample_size=needs_n)
    # Images that cannot be read are among both.
    problems = list(dict.fromkeys([*loaded.problems, *found]))
    policy = analysis.options.get("on_bad_image", defaults.BAD_IMAGE_POLICIES[0])
    images = accepted_images(loaded.stack, checks, problems, policy)
    estimator = estimator_of(analysis)
    has = {kind: images.has(kind) for kind in images.values}
    kept = [
        name
        for row, name in enumerate(images.ids)
        if not _lacking(tuple(kind for kind in has if has[kind][row]), estimator.kinds())
    ]
    # A contrast of which no image is left is no longer among the images.
    contrasts = without_refused(contrasts, set(dataset.ids.tolist()) - set(kept))
    if not kept:
        msg = f"analysis {analysis.name}: every image was refused"
        raise EmptySelectionError(msg)
    return CheckedImages(dataset.slice(kept), contrasts, images.only(kept), checks, problems)


def kinds_of(dataset: Dataset) -> list[tuple[str, ...]]:
    """Kinds of images that each contrast of a dataset has."""
    images = dataset.images
    kinds = dict.fromkeys(
        str(name).removesuffix(RELATIVE) for name in images.columns if name not in ID_COLUMNS
    )
    rows: list[list[str]] = [[] for _ in range(len(images))]
    for kind in kinds:
        columns = [name for name in (kind, f"{kind}{RELATIVE}") if name in images]
        for row, values in zip(rows, images[columns].itertuples(index=False), strict=True):
            if not all(map(is_missing, values)):
                row.append(kind)
    return [tuple(row) for row in rows]


def located(dataset: Dataset, folders: Sequence[str]) -> Dataset:
    """Dataset whose images have absolute paths.

    Parameters
    ----------
    dataset : Dataset
    folders : sequence of str
        Where relative paths count from: the first that has the file, or a link in its place.
    """
    images = dataset.images.copy()
    kinds = dict.fromkeys(
        str(name).removesuffix(RELATIVE) for name in images.columns if name not in ID_COLUMNS
    )
    for kind in kinds:
        columns = [name for name in (kind, f"{kind}{RELATIVE}") if name in images]
        cells = images[columns].itertuples(index=False)
        images[kind] = typed([_located(row, folders) for row in cells])
    return dataset.with_tables(images=images)


def _located(cells: Sequence[Any], folders: Sequence[str]) -> str | None:
    paths = [str(cell) for cell in cells if not is_missing(cell) and str(cell).strip()]
    if not paths:
        return None
    if "://" in paths[0]:
        return paths[0]
    tried = [str(Path(folder) / path) for path in paths for folder in ("", *folders)]
    tried = [path for path in tried if Path(path).is_absolute()]
    return next((path for path in tried if packed.exists(path)), [*tried, *paths][0])


def _digests(dataset: Dataset, used: Sequence[bool]) -> list[str | None]:
    """Digest of the files of each contrast that is used; what cannot be read counts as empty."""
    kinds = [
        name
        for name in dataset.images.columns
        if name not in ID_COLUMNS and not name.endswith(RELATIVE)
    ]
    found: list[str | None] = []
    for row, wanted in zip(dataset.images[kinds].itertuples(index=False), used, strict=True):
        total = hashlib.sha256()
        for path in row if wanted else ():
            if not is_missing(path):
                total.update(_file_digest(str(path)))
        found.append(total.hexdigest()[:16] if wanted else None)
    return found


def _file_digest(path: str) -> bytes:
    inside = packed.inside(path)
    try:
        with (Path(path) if inside is None else inside.file).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
            return digest if inside is None else digest + inside.part.encode(errors="replace")
    except OSError:
        return b""


def can_make(kind: str, have: Sequence[str], *, has_sample_size: bool = True) -> bool:
    """Whether images of a kind are there, or can be made from those of other kinds."""
    known = {*have, SAMPLE_SIZE} if has_sample_size else set(have)
    return resolve_transforms(kind, known, unsigned=True) is not None


def _lacking(have: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """Why images of some kinds are not there and cannot be made; empty if they can."""
    missing = [kind for kind in wanted if not can_make(kind, have)]
    if not missing:
        return ""
    if not have:
        return "no image"
    needed = lacking(missing[0], {*have, SAMPLE_SIZE})
    return f"no {missing[0]} image, and none can be made from {', '.join(have)} without {needed}"


def _needs_n(have: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether some wanted image can be made with the sample size only."""
    return any(
        can_make(kind, have) and not can_make(kind, have, has_sample_size=False) for kind in wanted
    )


def _sizes(
    dataset: Dataset, policy: str, concerned: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[Problem]]:
    """People of each contrast under the policy, whether it put them in, and what to say."""
    known = dataset.n_participants()
    missing = np.isnan(known) & concerned
    nothing = np.zeros(len(known), dtype=bool)
    if not missing.any() or policy == "exclude":
        return known, nothing, []
    names = dataset.ids[missing].tolist()
    if policy == "error":
        msg = "contrasts without sample size; accepted for them are --missing-n median or exclude"
        raise DataError(msg, [Problem("error", "no sample size", where=name) for name in names])
    if np.isnan(known).all():
        msg = "no contrast has a sample size, so there is no median to put in their place"
        raise DataError(msg)
    median = float(np.nanmedian(known))
    many = counted(len(names), "contrast")
    said = f"{many} without sample size, the median of the others, {median:g}, is used"
    return (
        np.where(missing, median, known),
        missing,
        [Problem("warning", f"{said}: {listed(names)}")],
    )


def _with_sizes(
    dataset: Dataset, sizes: NDArray[np.float64], filled: NDArray[np.bool_]
) -> Dataset:
    if not filled.any():
        return dataset
    metadata = dataset.metadata.copy()
    cells: list[Any] = [
        [float(size)] if gap else known
        for known, gap, size in zip(metadata["sample_sizes"], filled, sizes, strict=True)
    ]
    metadata["sample_sizes"] = pd.Series(cells, dtype=object)
    metadata[SAMPLE_SIZE_FILLED] = filled
    return Dataset.from_tables(
        replace(dataset.tables, metadata=metadata), dataset.mask, dataset.space
    )
