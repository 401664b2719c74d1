"""Results of FSL: ``*.gfeat/cope*.feat`` of a group, and ``*.feat`` of one person.

::

    group.gfeat/design.fsf
    group.gfeat/cope1.feat/design.con  design.mat  design.lev
    group.gfeat/cope1.feat/stats/cope1.nii.gz  varcope1.nii.gz  tstat1.nii.gz  zstat1.nii.gz  dof
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _image_studies as studies
from nimare_pipeline.io import _text
from nimare_pipeline.io._image_studies import Note

KINDS = {"cope": "beta", "varcope": "varcope", "tstat": "t", "zstat": "z"}
"""Kinds of images by the beginnings of their names."""
_FEAT = re.compile(r".*\.g?feat\+*", re.IGNORECASE)
_GROUP_FEAT = re.compile(r".*\.gfeat\+*", re.IGNORECASE)
_IMAGE = re.compile(r"(cope|varcope|tstat|zstat)([1-9]\d{0,4})\.(?:nii|nii\.gz|img|img\.gz)")
_DESIGN = ("design.con", "design.fsf", "design.mat")
_SETTING = re.compile(r"^[ \t]*set[ \t]+fmri\((\w+)\)[ \t]+(.*?)[ \t]*$", re.MULTILINE)
_CONTRAST = re.compile(r"^/ContrastName(\d+)[ \t]+(.*?)[ \t]*$", re.MULTILINE)
_COUNT = re.compile(r"^/(NumPoints|NumWaves)[ \t]+(\d{1,9})", re.MULTILINE)
_NUMBER = re.compile(r"[ \t\r\n]*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)[ \t\r\n]*")
_MOST_BYTES = 2**23
"""Of a text file: designs of thousands of inputs have less."""
_FIXED = "3"
"""Value of ``mixed_yn`` for fixed effects."""


@dataclass(frozen=True)
class Feat:
    """A folder of results, and what its design says.

    Parameters
    ----------
    folder, study : Path
        Folder with ``stats``, and the one that is called after the study.
    settings : dict of str to str
        Of ``design.fsf``.
    names : dict of int to str
        Of the contrasts.
    counts : dict of str to int
        ``NumPoints`` and ``NumWaves`` of the design matrix.
    lower : str
        Contrast of the level below; empty if there is none.
    """

    folder: Path
    study: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    lower: str = ""

    @property
    def level(self) -> int:
        """1 for one person, 2 for more; 0 if nothing tells."""
        said = self.settings.get("level", "")
        if said in ("1", "2", "3"):
            return min(int(said), 2)
        if _GROUP_FEAT.fullmatch(self.study.name):
            return 2
        is_mixed = any(os.path.lexists(self.folder / "stats" / n) for n in _MADE_BY_FLAME)
        return 2 if is_mixed else 0


_MADE_BY_FLAME = ("tdof_t1.nii.gz", "mean_random_effects_var1.nii.gz", "weights1.nii.gz")


def owns(path: Path) -> bool:
    """Whether a file is part of a folder of results."""
    if path.name in _DESIGN:
        return (path.parent / "stats").is_dir()
    if path.parent.name != "stats":
        return False
    feat = path.parent.parent
    if not any(os.path.lexists(feat / name) for name in (*_DESIGN, "stats/dof")):
        return False  # images in a folder of such a name, and nothing of FEAT
    return path.name == "dof" or _IMAGE.fullmatch(path.name) is not None


def beside(path: Path) -> bool:
    """Whether a file lies in a folder of FEAT."""
    return any(_FEAT.fullmatch(parent.name) for parent in path.parents)


def lead(paths: Sequence[Path]) -> list[Path]:
    """One file of each folder of FEAT, which stands for all in it."""
    first = sorted(paths, key=lambda path: path.name not in _DESIGN, reverse=True)
    return list({_folder_of(path): path for path in first}.values())


def _folder_of(path: Path) -> Path:
    return path.parent if path.name in _DESIGN else path.parent.parent


def read(paths: Sequence[Path], note: Note) -> list[Contrast]:
    """Contrasts of each folder; a ``*.gfeat`` is a study, and so is a ``*.feat`` outside one."""
    folders = dict.fromkeys(_folder_of(path) for path in paths)
    feats = [_feat(folder, note) for folder in folders]
    names = studies.names_of(list(dict.fromkeys(feat.study for feat in feats)))
    studies.note_crossed(list(names), note)
    found = []
    for feat in feats:
        siblings = sum(other.study == feat.study for other in feats)
        found += _contrasts(feat, names[feat.study], note, several=siblings > 1)
    return found


def _feat(folder: Path, note: Note) -> Feat:
    study = folder.parent if _GROUP_FEAT.fullmatch(folder.parent.name) else folder
    own, above = (_read(one / "design.fsf", note) for one in (folder, study))
    settings = {name: value.strip('"') for name, value in _SETTING.findall(own or above)}
    names = {
        int(number[:6]): studies.plain(name)
        for number, name in _CONTRAST.findall(_read(folder / "design.con", note))
    }
    counts = {key: int(n) for key, n in _COUNT.findall(_read(folder / "design.mat", note))}
    lower = studies.plain(_read(folder / "design.lev", note).partition("\n")[0])
    if not lower and study != folder:
        lower = folder.name.partition(".")[0]
    return Feat(folder, study, settings, names, counts, lower)


def _contrasts(feat: Feat, study: str, note: Note, *, several: bool) -> list[Contrast]:
    by_number: dict[int, dict[str, Any]] = {}
    stats = feat.folder / "stats"
    for path in sorted(stats.iterdir()) if stats.is_dir() else ():
        found = _IMAGE.fullmatch(path.name)
        if found is not None:
            by_number.setdefault(int(found[2]), {}).setdefault(KINDS[found[1]], path)
    file = next((feat.folder / n for n in _DESIGN if (feat.folder / n).is_file()), stats)
    if not by_number:
        message = "no image cope1, varcope1, tstat1 or zstat1 in its folder stats"
        note(Problem("warning", message, str(file), "", "is the analysis complete?"))
    people = _people(feat, file, note) if by_number else {}
    contrasts = []
    for number, images in sorted(by_number.items()):
        title = feat.names.get(number) or f"contrast {number}"
        name = f"{feat.lower}: {title}" if feat.lower else title
        contrasts.append(
            Contrast(
                study,
                name if several or number not in feat.names else title,
                sample_sizes=people.get("sizes", ()),
                metadata={"contrast_name": name, **people["metadata"]},
                images=images,
                file=str(file),
            )
        )
    return contrasts


def _people(feat: Feat, file: Path, note: Note) -> dict[str, Any]:
    """Sample size, and metadata, of the contrasts of a folder."""
    metadata: dict[str, Any] = {"source_format": "FSL"}
    points, waves = feat.counts.get("NumPoints", 0), feat.counts.get("NumWaves", 0)
    dof = _NUMBER.fullmatch(_read(feat.folder / "stats" / "dof", note))
    if dof is not None and 0 < float(dof[1]) < 1e9:
        metadata["dof"] = float(dof[1])
    if feat.level == 1:
        # Results of the first level lie in the space of the person, whatever reg/ holds.
        return {
            "sizes": (1,),
            "metadata": {**metadata, "analysis_level": "single-subject", "not_mni": True},
        }
    standard = feat.settings.get("regstandard", "")
    if "mni152" in standard.lower():
        metadata["image_space"] = "MNI152NLin6Asym"
    if not feat.level or not points:
        what = "no design.mat" if feat.level else "nothing says whether it is of a group"
        message = f"the number of participants is not known: {what}"
        note(Problem("warning", message, str(file), "", "keep design.fsf and design.mat there"))
        return {"sizes": (), "metadata": metadata}
    metadata["analysis_level"] = "group"
    if waves and points > waves:
        metadata.setdefault("dof", float(points - waves))
    if feat.settings.get("mixed_yn") == _FIXED:
        message = f"fixed effects over {points} inputs, which are taken as so many people"
        advice = "sessions of one person are no group"
        note(Problem("warning", message, str(file), "", advice))
    return {"sizes": (points,), "metadata": metadata}


def _read(path: Path, note: Note) -> str:
    """Text of a file; empty if there is none, with a problem if its content is not here."""
    if not os.path.lexists(path):
        return ""
    missing = studies.pointer(path)
    if missing is not None:
        note(missing)
        return ""
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return ""
    return "\n".join(_text.lines(_text.decode(path.read_bytes())[0]))
