"""What a statistical image is, guessed from its name: study, contrast and kind of map."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

KINDS = ("z", "t", "p", "effect", "se", "variance", "mask")
"""Kinds of maps, as the columns ``<kind>_map`` of a table of contrasts have them."""

_WORDS = {
    "z": ("z", "zstat", "zmap", "zscore"),
    "t": ("t", "tstat", "tmap", "spmt"),
    "p": ("p", "pval", "pvalue", "pmap"),
    "effect": ("beta", "con", "cope", "effect"),
    "se": ("se", "stderr"),
    "variance": ("varcope", "variance", "var"),
    "mask": ("mask", "brainmask"),
}
_KIND_OF = {word: kind for kind, words in _WORDS.items() for word in words}
_ANY = "|".join(sorted(_KIND_OF, key=len, reverse=True))
_ENTITY = re.compile(rf"(?:^|_)(?:stat|desc)-({_ANY})(?=_|$)", re.IGNORECASE)
_ENDING = re.compile(rf"(?:^|[_.-])({_ANY})[_-]?(\d*)$", re.IGNORECASE)
_SUFFIX = re.compile(r"[_-](?:statmap|map|image|img)$", re.IGNORECASE)
_LABEL = {
    name: re.compile(rf"(?:^|[_/]){name}-([A-Za-z0-9]+)", re.IGNORECASE)
    for name in ("study", "contrast", "space")
}
_FOLDERS = re.compile(r"^(?:stats|g?feat|results?|images?|maps?|cope\d+\.feat)$", re.IGNORECASE)
_ADDED = re.compile(r"\.g?feat$", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """What a name says.

    Parameters
    ----------
    study, contrast : str
        Names; ``1`` for a contrast without one.
    kind : str
        One of ``KINDS``; empty if the name does not tell.
    space : str
        Label of a template; empty if the name does not tell.
    """

    study: str
    contrast: str
    kind: str
    space: str = ""


def guess(path: str) -> Guess:
    """Guess from the path of an image below its folder, with slashes.

    ``study-01_contrast-heat_stat-z_statmap.nii.gz`` and ``ada2001_zmap.nii`` name their study;
    ``ada2001.feat/stats/zstat1.nii.gz`` and ``ada2001/spmT_0001.nii`` lie in its folder.
    """
    *folders, name = PurePosixPath(path).parts
    stem = _SUFFIX.sub("", re.sub(r"\.nii(\.gz)?$", "", name, flags=re.IGNORECASE))
    found = _ENTITY.search(stem)
    ending = None if found else _ENDING.search(stem)
    kind = ""
    number = ""
    rest = stem
    if found is not None:
        kind, rest = _KIND_OF[found[1].lower()], stem[: found.start()]
    elif ending is not None:
        kind, number = _KIND_OF[ending[1].lower()], ending[2].lstrip("0")
        rest = stem[: ending.start()]
    labels = {
        name: match[1] if (match := pattern.search(path)) else ""
        for name, pattern in _LABEL.items()
    }
    study = labels["study"] or rest.strip("_.-") or _folder(folders) or stem
    if not kind:
        study = labels["study"] or stem
    return Guess(study, labels["contrast"] or number or "1", kind, labels["space"])


def _folder(folders: list[str]) -> str:
    """Nearest folder that is called by what it holds, not by its place in a layout."""
    named = [_ADDED.sub("", folder) for folder in folders if not _FOLDERS.match(folder)]
    return named[-1] if named else ""
