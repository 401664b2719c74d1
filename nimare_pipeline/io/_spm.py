"""Results of SPM: a folder with ``SPM.mat``, ``con_0001``, ``spmT_0001`` and ``ResMS``.

The variance of a contrast is not among the files: it is the residual mean square times c'Bc, with
the contrast c and the covariance B of the parameters that ``SPM.mat`` holds (Friston et al. 1994).
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import packed
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _image_studies as studies
from nimare_pipeline.io import _mat
from nimare_pipeline.io._image_studies import Note

NAME = "SPM.mat"
_ENDS = (".nii", ".nii.gz", ".img")
_WIDEST = 5000
"""Columns of a design up to which its covariance is computed."""


@dataclass(frozen=True)
class People:
    """Who was analysed.

    Parameters
    ----------
    sizes : tuple of float
    level, design : str
        As metadata have them; empty if unknown.
    """

    sizes: tuple[float, ...]
    level: str = "group"
    design: str = ""


def owns(path: Path) -> bool:
    """Whether a file is the design of an analysis by SPM."""
    return path.name == NAME


def beside(path: Path) -> bool:
    """Whether a file lies in the folder of an analysis by SPM."""
    return os.path.lexists(path.with_name(NAME))


def read(paths: Sequence[Path], note: Note) -> list[Contrast]:
    """Contrasts of each folder; a folder is a study."""
    names = studies.names_of([path.parent for path in paths])
    studies.note_crossed(list(names), note)
    found: list[Contrast] = []
    for path in paths:
        missing = studies.pointer(path)
        if missing is not None:
            note(missing)
            continue
        try:
            if path.stat().st_size > _mat.MOST_BYTES:
                raise ValueError(f"{path.stat().st_size:,} bytes are too many for a design")
            spm = _mat.load(path.read_bytes(), "SPM")
        except (ValueError, OSError) as error:
            note(Problem("error", f"cannot be read: {error}", str(path), "", "an SPM.mat of SPM"))
            continue
        found += _contrasts(spm, path, names[path.parent], note)
    return found


def _contrasts(spm: Any, path: Path, study: str, note: Note) -> list[Contrast]:
    contrasts = [one for one in _items(_get(spm, "xCon")) if hasattr(one, "_fieldnames")]
    if not contrasts:
        message = "no contrast is defined in it"
        note(Problem("error", message, str(path), "", "the SPM.mat of an analysis with contrasts"))
        return []
    people = _people(spm)
    dof = _number(_get(spm, "xX", "erdf"))
    titles = [_words(_get(one, "name")) or f"contrast {n}" for n, one in enumerate(contrasts, 1)]
    found = []
    ids = studies.numbered(titles)
    for number, (one, title, label) in enumerate(zip(contrasts, titles, ids, strict=True), 1):
        where = f"contrast {title}"
        if _words(_get(one, "STAT")) not in ("T", ""):
            message = "its statistic is F, and no T: it is left out"
            note(Problem("warning", message, str(path), where, "t contrasts are read"))
            continue
        images = _images(spm, one, number, path.parent)
        if "beta" not in images and "t" not in images:
            message = f"con_{number:04d} and spmT_{number:04d} are not in the folder"
            note(Problem("warning", message, str(path), where, "estimate the contrast again"))
        metadata: dict[str, Any] = {"contrast_name": title, "source_format": "SPM"}
        metadata |= {"analysis_level": people.level} if people.level else {}
        metadata |= {"design": people.design} if people.design else {}
        metadata |= {"dof": dof} if dof is not None and 0 < dof < 1e9 else {}
        found.append(
            Contrast(
                study,
                label,
                sample_sizes=people.sizes,
                metadata=metadata,
                images=images,
                file=str(path),
            )
        )
    return found


def _images(spm: Any, contrast: Any, number: int, folder: Path) -> dict[str, Any]:
    """Images of a contrast; the variance as a multiple of the residual mean square."""
    found: dict[str, Any] = {}
    for kind, field, stem in (("beta", "Vcon", "con"), ("t", "Vspm", "spmT")):
        given = re.split(r"[/\\]", _words(_get(contrast, field, "fname")))[-1]
        path = _there(folder, given, f"{stem}_{number:04d}")
        if path is not None:
            found[kind] = path
    residual = _there(folder, "", "ResMS")
    factor = _factor(spm, _get(contrast, "c")) if residual is not None else None
    if residual is not None and factor is not None and "beta" in found:
        found["varcope"] = packed.times(residual, factor)
    return found


def _there(folder: Path, given: str, stem: str) -> Path | None:
    named = [folder / given] if given and "\0" not in given and given not in ("..", ".") else []
    tried = [*named, *(folder / f"{stem}{end}" for end in _ENDS)]
    return next((one for one in tried if os.path.lexists(one)), None)


def _factor(spm: Any, weights: Any) -> float | None:
    """c'Bc; B as SPM holds it, or of the design without correlations."""
    c = _array(weights)
    if c is None or not c.size or c.size > _WIDEST:
        return None
    c = c.reshape(-1)
    covariance = _array(_get(spm, "xX", "Bcov"))
    if covariance is None or covariance.size != c.size**2:
        design = _array(_get(spm, "xX", "X"))
        if design is None or design.size % c.size or design.size > 10**8:
            return None
        x = design.reshape(-1, c.size)
        covariance = _array(np.linalg.pinv(x.T @ x)) if np.isfinite(x).all() else None
    if covariance is None:
        return None
    factor = float(c @ covariance.reshape(c.size, c.size) @ c)
    return factor if np.isfinite(factor) and factor > 0 else None


def _people(spm: Any) -> People:
    """Who was analysed, by the factors of the design."""
    if _items(_get(spm, "Sess")):
        return People((1,), "single-subject")
    n = _number(_get(spm, "nscan"))
    scans = int(n) if n is not None and 0 < n < 1e7 else 0
    if not scans:
        return People((), "")
    design = _words(_get(spm, "xsDes", "Design")).lower()
    levels = _array(_get(spm, "xX", "I"))
    names = [_words(one).lower() for one in _items(_get(spm, "xX", "sF"))]
    if levels is not None and levels.size == scans * max(len(names), 1) and names:
        columns = levels.reshape(scans, -1)
        for name, column in zip(names, columns.T, strict=False):
            if name.startswith(("subj", "pair")):
                return People((len(np.unique(column)),), design=_design(design))
        if design.startswith("two") and columns.shape[1] > 1:
            sizes = np.unique(columns[:, 1], return_counts=True)[1]
            if len(sizes) == 2:
                return People(tuple(int(one) for one in sizes), design="two-sample")
    if design.startswith("paired") and not scans % 2:
        return People((scans // 2,), design="paired")
    return People((scans,), design=_design(design))


def _design(words: str) -> str:
    known = {"one": "one-sample", "paired": "paired", "multiple regression": "correlation"}
    return next((design for start, design in known.items() if words.startswith(start)), "")


def _get(value: Any, *fields: str) -> Any:
    """Field of a structure in structures; None where there is none."""
    for name in fields:
        if "_fieldnames" not in getattr(value, "__dict__", {}):
            return None
        value = getattr(value, name, None)
    return value


def _items(value: Any) -> list[Any]:
    """Elements of an array, or the one that squeezing left."""
    if value is None:
        return []
    if isinstance(value, np.ndarray):
        return list(value.reshape(-1)) if value.size < 10**6 else []
    return [value]


def _array(value: Any) -> NDArray[np.float64] | None:
    if hasattr(value, "toarray"):
        value = value.toarray() if np.prod(value.shape) < 10**8 else None
    if not isinstance(value, np.ndarray | int | float):
        return None
    found = np.asarray(value)
    return found.astype(np.float64) if found.dtype.kind in "fiub" else None


def _number(value: Any) -> float | None:
    found = _array(value)
    return float(found.reshape(-1)[0]) if found is not None and found.size else None


def _words(value: Any) -> str:
    return studies.plain(value) if isinstance(value, str) else ""
