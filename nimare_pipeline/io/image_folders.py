"""Folders of statistical images as programs and archives write them: each a study, or several.

NIDM-Results packs, downloads from NeuroVault, group results of FSL and SPM, and BIDS derivatives
(FitLins, nilearn, HALFpipe). All that lie below one folder are the studies of one dataset, of
whichever program; ``docs/images.md`` says how studies and contrasts are told apart.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _bids_maps, _fsl, _neurovault, _nidm, _spm
from nimare_pipeline.io import _image_studies as studies

NAME = "images (NIDM-Results, NeuroVault, BIDS, FSL, SPM)"
YIELDS = True
"""Where another format describes the studies, these files are what it refers to."""
_PARTS = (_nidm, _neurovault, _bids_maps, _fsl, _spm)


def sniff(path: Path) -> bool:
    """Whether a file tells what images lie beside it."""
    return any(part.owns(path) for part in _PARTS)


def beside(path: Path) -> bool:
    """Whether a file lies in a folder of images without being one that is read."""
    return any(part.beside(path) for part in _PARTS)


def group(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """All of them, as studies of one dataset; of a folder of results one file stands for all."""
    kept: list[Path] = []
    for part in _PARTS:
        own = [path for path in sorted(paths) if part.owns(path)]
        kept += part.lead(own) if hasattr(part, "lead") else own
    return [tuple(sorted(dict.fromkeys(kept)))]


def own_name(_path: Path) -> str:
    """Name of the folder: files of different studies have the same names."""
    return ""


def read(path: Path, *companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of all studies, and what is odd in them.

    Images are absolute or relative paths as the given files are, never relative to these.
    """
    problems: list[Problem] = []
    found: list[Contrast] = []
    for part in _PARTS:
        own = [one for one in (path, *companions) if part.owns(one)]
        if own:
            found += part.read(own, problems.append)
    return _apart(found), problems


def _apart(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Contrasts of which each has an id of its own."""
    ids = studies.numbered([one.id for one in contrasts])
    return [
        replace(one, contrast_id=new[len(one.study_id) + 1 :]) if new != one.id else one
        for one, new in zip(contrasts, ids, strict=True)
    ]
