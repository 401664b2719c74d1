"""Whether to believe a statistical image: checks of each before any is analysed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.contrast import counted
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.image_facts import ImageFacts
from nimare_pipeline.image_findings import CHECKS, POSITIVE, Finding, Image, of_study
from nimare_pipeline.image_twins import compare
from nimare_pipeline.images import ImageStack, LoadedImages

POLICIES = ("error", "exclude")
"""What becomes of rejected images: one error that lists them, or they are left out."""

COLUMNS = (
    "id", "kind", "file", "accepted", "level", "reason", "shape", "voxel_size_mm", "orientation",
    "grid", "coverage", "n_nan", "n_zero", "smallest", "largest", "thresholded_share",
    "most_correlated", "correlation",
)  # fmt: skip
"""Of the table of checks."""

SAME_R = 0.9999
"""From this |r| on two images are the same data: rounding to whole hundredths leaves more."""
NEAR_R = 0.98
"""From here on they are nearly the same; contrasts of one study seldom reach it."""


def check_images(
    loaded: LoadedImages, dataset: Dataset, *, needs_sample_size: bool = False
) -> tuple[pd.DataFrame, list[Problem]]:
    """Judge each image of a dataset: accepted, or rejected and why.

    Parameters
    ----------
    loaded : LoadedImages
        Of :func:`nimare_pipeline.images.examine_images`.
    dataset : Dataset
        Its sample sizes, and its metadata ``analysis_level`` and ``is_thresholded``
        (NeuroVault's) are looked at.
    needs_sample_size : bool
        Whether what is to be done cannot do without sample sizes.

    Returns
    -------
    table : DataFrame
        A row an image, with the columns ``COLUMNS``. ``level`` is accept, warn or reject.
    problems : list of Problem
        Errors for rejected images, warnings for what is odd.
    """
    findings: dict[tuple[str, str], list[Finding]] = {
        (name, kind): [Finding("reject", "unreadable", problem.message, problem.suggestion)]
        for name, kind, problem in loaded.failed
    }
    images = _images(loaded, dataset)
    about = _about(dataset)
    for image in images:
        key = (image.facts.id, image.facts.kind)
        found = [finding for check in CHECKS for finding in check(image)]
        found += of_study(about[image.facts.id], image, needs_sample_size=needs_sample_size)
        findings[key] = found
    study_of = {name: str(row.get("study_id", name)) for name, row in about.items()}
    twins = _find_twins(loaded.stack, findings, study_of)
    files = {(one.facts.id, one.facts.kind): one for one in images}
    rows = [_row(key, found, files.get(key), twins.get(key)) for key, found in findings.items()]
    place = {name: number for number, name in enumerate(dataset.ids.tolist())}
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name, kind, problem in loaded.failed:
        table.loc[(table["id"] == name) & (table["kind"] == kind), "file"] = problem.file
    table = table.sort_values("id", key=lambda ids: ids.map(place), kind="stable")
    table = table.reset_index(drop=True)
    return table, _problems(table, findings, dataset)


def accepted_images(
    stack: ImageStack, table: pd.DataFrame, problems: Iterable[Problem], policy: str = "error"
) -> ImageStack:
    """Images that passed their checks; single variances below 0 in them are missing.

    Parameters
    ----------
    stack : ImageStack
    table, problems
        Of :func:`check_images`.
    policy : "error" or "exclude"

    Raises
    ------
    DataError
        With the policy ``error``, listing every rejected image.
    UsageError
        For another policy.
    """
    if policy not in POLICIES:
        msg = f"unknown policy for bad images {policy!r}; accepted are: {', '.join(POLICIES)}"
        raise UsageError(msg)
    rejected = table.loc[~table["accepted"].astype(bool)]
    if len(rejected) and policy == "error":
        errors = [problem for problem in problems if problem.level == "error"]
        msg = (
            f"{counted(len(rejected), 'image')} of {len(table):,} cannot be used; correct them, "
            "or leave them out with --on-bad-image exclude"
        )
        raise DataError(msg, errors)
    return _possible(stack.without(list(zip(rejected["id"], rejected["kind"], strict=True))))


def _possible(stack: ImageStack) -> ImageStack:
    """Stack whose variances and errors are positive, or missing."""
    bad = {kind: stack.values[kind] < 0 for kind in POSITIVE if kind in stack.values}
    cleared = {
        kind: np.where(wrong, np.float32(np.nan), stack.values[kind])
        for kind, wrong in bad.items()
        if wrong.any()
    }
    return stack.with_values(cleared, {}) if cleared else stack


def _images(loaded: LoadedImages, dataset: Dataset) -> list[Image]:
    stack = loaded.stack
    row_of = {name: row for row, name in enumerate(stack.ids)}
    sizes = dict(zip(dataset.metadata["id"], dataset.metadata["sample_sizes"], strict=True))
    most = _where_most_have(stack)
    found = []
    for facts in loaded.facts:
        at = row_of[facts.id]
        row = stack.values[facts.kind][at]
        size = sizes[facts.id] or ()
        found.append(
            Image(
                facts,
                row,
                row[np.isfinite(row)],
                float(sum(size)) if size else float("nan"),
                len(size),
                _thresholded_share(facts, row, most),
                {kind: stack.values[kind][at] for kind in stack.kinds},
            )
        )
    return found


def _where_most_have(stack: ImageStack) -> NDArray[np.bool_]:
    """Voxels at which more than half of the contrasts have a value; none with two or fewer."""
    count = np.zeros(stack.n_voxels, dtype=np.int64)
    if len(stack.ids) <= 2:
        return count > 0
    for row in range(len(stack.ids)):
        there = np.zeros(stack.n_voxels, dtype=bool)
        for values in stack.values.values():
            there |= np.isfinite(values[row])
        count += there
    return count > len(stack.ids) / 2


def _thresholded_share(
    facts: ImageFacts, row: NDArray[np.float32], most: NDArray[np.bool_]
) -> float:
    """Share of zeros where most others have values; without others, inside the image."""
    if most.any():
        # Beyond the image, or NaN, is not zero: no more zeros than were counted.
        return min(int((most & ~np.isfinite(row)).sum()), facts.n_zero) / int(most.sum())
    inside = facts.n_voxels - facts.n_outside
    return facts.n_zero / inside if inside else 0.0


def _about(dataset: Dataset) -> dict[str, Mapping[str, Any]]:
    rows = dataset.metadata.to_dict(orient="records")
    return {str(row["id"]): {str(key): value for key, value in row.items()} for row in rows}


def _find_twins(
    stack: ImageStack,
    findings: Mapping[tuple[str, str], list[Finding]],
    study_of: Mapping[str, str],
) -> dict[tuple[str, str], tuple[str, float]]:
    """Most similar other image of each; what is the same is added to the findings.

    Variances of contrasts that one model estimates are multiples of its residual variance:
    within a study that they are alike says nothing.
    """
    twins: dict[tuple[str, str], tuple[str, float]] = {}
    for kind, rows in stack.values.items():
        nearest, pairs = compare(rows, NEAR_R)
        for row, (other, r) in nearest.items():
            twins[stack.ids[row], kind] = (stack.ids[other], r)
        earlier: dict[int, list[tuple[int, float]]] = {}
        for a, b, r in pairs:
            if kind in POSITIVE and study_of[stack.ids[a]] == study_of[stack.ids[b]]:
                continue
            earlier.setdefault(b, []).append((a, r))
        for b, same in sorted(earlier.items()):
            good = [(a, r) for a, r in same if not _is_rejected(findings[stack.ids[a], kind])]
            a, r = (good or same)[0]
            # The only copy that is left is not to be lost, too.
            found = _twin_finding(stack.ids[a], r, is_copy=bool(good))
            findings[stack.ids[b], kind].append(found)
    return twins


def _is_rejected(found: Iterable[Finding]) -> bool:
    return any(finding.level == "reject" for finding in found)


def _twin_finding(other: str, r: float, *, is_copy: bool) -> Finding:
    what = "the same values" if r > 0 else "the same values with the opposite sign"
    if abs(r) >= SAME_R:
        return Finding(
            "reject" if is_copy else "warn",
            "duplicate" if r > 0 else "mirror",
            f"it has {what} as {other}, r = {r:.5f}",
            "the same data under two names count twice" if r > 0
            else "the reverse contrast of the same data; keep one of them",
        )  # fmt: skip
    return Finding(
        "warn", "near duplicate", f"it has nearly {what} as {other}, r = {r:.4f}",
        "do they share their participants?",
    )  # fmt: skip


def _row(
    key: tuple[str, str],
    found: Sequence[Finding],
    image: Image | None,
    twin: tuple[str, float] | None,
) -> dict[str, Any]:
    level = "reject" if _is_rejected(found) else "warn" if found else "accept"
    # A rejected image names what it is rejected for first.
    told = sorted(found, key=lambda finding: finding.level != "reject")
    row: dict[str, Any] = {
        "id": key[0],
        "kind": key[1],
        "file": image.facts.file if image else "",
        "accepted": level != "reject",
        "level": level,
        "reason": "; ".join(finding.words for finding in told),
        "most_correlated": twin[0] if twin else None,
        "correlation": twin[1] if twin else np.nan,
    }
    if image is None:
        return row
    facts = image.facts
    return row | {
        "shape": "x".join(str(n) for n in facts.shape),
        "voxel_size_mm": "x".join(f"{size:.4g}" for size in facts.zooms),
        "orientation": facts.orientation,
        "grid": facts.grid,
        "coverage": 100 * facts.n_valid / facts.n_voxels,
        "n_nan": facts.n_nan,
        "n_zero": facts.n_zero,
        "smallest": facts.low,
        "largest": facts.high,
        "thresholded_share": image.thresholded_share,
    }


def _problems(
    table: pd.DataFrame, findings: Mapping[tuple[str, str], list[Finding]], dataset: Dataset
) -> list[Problem]:
    names = dataset.metadata.set_index("id")[["study_id", "contrast_id"]]
    problems = []
    for name, kind, file in table[["id", "kind", "file"]].itertuples(index=False):
        study, contrast = names.loc[name]
        where = f"study {study}, contrast {contrast}, {kind} image"
        for finding in findings[name, kind]:
            level: Literal["error", "warning"] = (
                "error" if finding.level == "reject" else "warning"
            )
            problems.append(
                Problem(level, finding.words, file, where, finding.advice, kind=finding.check)
            )
    return problems
