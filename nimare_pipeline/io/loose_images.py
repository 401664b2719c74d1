"""Nothing but images, whose names must say what they are: read only where no other format is."""

from collections.abc import Sequence
from pathlib import Path

from nimare_pipeline.contrast import Contrast, counted, listed
from nimare_pipeline.errors import Problem
from nimare_pipeline.image_names import Guess, guess
from nimare_pipeline.io import _native_columns as columns
from nimare_pipeline.io._image_studies import refusal

NAME = "images named after study and kind"
YIELDS = True
"""As those of :mod:`nimare_pipeline.io.image_folders`."""
_ENDS = (".nii", ".nii.gz")


def sniff(_path: Path) -> bool:
    """Never: an image may belong to anything that lies beside it."""
    return False


def last_resort(paths: Sequence[Path]) -> list[Path]:
    """Files to read where no format knows any: all images, links without content, too."""
    images = [path for path in paths if path.name.lower().endswith(_ENDS)]
    return images if any(path.is_file() for path in images) else []


def group(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """All of them: they are one dataset."""
    return [tuple(paths)]


def beside(_path: Path) -> bool:
    """Nothing: what is no image is a stranger here."""
    return False


def own_name(_path: Path) -> str:
    """Name of the folder."""
    return ""


def read(path: Path, *companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts, if every name tells its study and kind.

    Raises
    ------
    DataError
        If one does not, or two tell the same.
    """
    paths = [path, *companions]
    root = _above(paths)
    found = {one: guess(one.relative_to(root).as_posix()) for one in paths}
    _refuse_unclear(found, root)
    images: dict[tuple[str, str], dict[str, Path]] = {}
    for one, told in found.items():
        if told.kind != "mask":
            images.setdefault((told.study, told.contrast), {})[_kind(told)] = one
    contrasts = [
        Contrast(*key, images=dict(own), file=str(next(iter(own.values()))))
        for key, own in images.items()
    ]
    said = ", ".join(sorted({kind for own in images.values() for kind in own}))
    message = (
        f"no table says what the images are: names of {counted(len(found), 'file')} are read as "
        f"{counted(len({study for study, _ in images}), 'study', 'studies')} with {said}"
    )
    advice = f"`nimare-pipeline init {root}` writes the table to correct, with the sample sizes"
    return contrasts, [Problem("warning", message, str(path), "", advice)]


def _kind(told: Guess) -> str:
    return columns.IMAGES[f"{told.kind}_map"]


def _above(paths: Sequence[Path]) -> Path:
    """Folder that holds all, below which names are looked at."""
    root = paths[0].parent
    while not all(path.is_relative_to(root) for path in paths):
        root = root.parent
    return root


def _refuse_unclear(found: dict[Path, Guess], root: Path) -> None:
    """Refuse names that leave out the study or the kind, or that two images share."""
    seen: dict[tuple[str, ...], Path] = {}
    unclear = []
    for path, told in found.items():
        key = (told.study.casefold(), told.contrast.casefold(), told.kind)
        if not told.kind or not told.study or key in seen:
            unclear.append(path.relative_to(root).as_posix())
        seen[key] = path
    if unclear:
        what = counted(len(unclear), "image", "images")
        message = f"names do not tell the study and the kind of {what}: {listed(unclear, 5)}"
        advice = f"`nimare-pipeline init {root}` writes the table (contrasts.tsv) that says it"
        raise refusal(next(iter(found)), message, advice)
