"""What lies in a folder: every file is shown to every format, and read by the one it fits."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.contrast import Contrast, check, counted, listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError, Problem
from nimare_pipeline.io._bids import check_description
from nimare_pipeline.io.folder import find, formats, knows, left_out, yields
from nimare_pipeline.io.sources import Found, Source
from nimare_pipeline.spaces import template_mask
from nimare_pipeline.suspicions import fewer, suspicions
from nimare_pipeline.tables import ID_COLUMNS, Tables
from nimare_pipeline.unknown_spaces import as_decided, settle

_ABOUT_IMAGES = (".json", "_metadata.json")
"""What follows the name of an image in that of a file about it: BIDS', NeuroVault's."""
_IMAGE = re.compile(r"\.nii(?:\.gz)?$")

_Batch = tuple[ModuleType, tuple[Path, ...]]


def read(
    path: str | Path,
    *,
    tal2mni: str = defaults.TAL2MNI,
    target: str = defaults.TARGET_SPACE,
    unknown_space: str = defaults.UNKNOWN_SPACE,
    known: Iterable[str] = (),
    apart: Iterable[str | Path] = (),
) -> list[Source]:
    """Datasets of a folder or a file, in order of their names.

    Several Sleuth files are several sources. Hidden folders and our own outputs are not looked
    into; ``derivatives`` and ``sourcedata`` only when nothing is found elsewhere.

    Parameters
    ----------
    path : path
        Folder or file.
    tal2mni : str
        How Talairach coordinates are converted, see :func:`nimare_pipeline.spaces.tal2mni`.
    target : str
        Space and voxel size of the datasets.
    unknown_space : str
        What becomes of foci in no known space: ``error``, ``exclude`` (their contrasts), ``mni``
        or ``talairach`` (they are taken as such). Empty leaves it to the format: an error, but
        for Neurosynth, whose foci are taken as MNI.
    known : iterable of str
        Paths of files that somebody else needs, such as masks: no warning that they are left out.

    apart : iterable of path
        Files and folders that are read by themselves, such as databases: not looked into.

    Raises
    ------
    NoInputError
        If there is no such path, or nothing in it that a format knows.
    DataError
        With every problem found; or if several datasets in the folder are rivals.
    """
    root = _existing(path)
    found, ignored = find(root, {Path(path).resolve() for path in apart})
    base = root if root.is_dir() else root.parent
    batches = [batch for module, files in found for batch in _batches(module, files)]
    _refuse_rivals(batches, base)
    read_ = _found(batches, base, tal2mni, unknown_space)
    _refuse_errors([problem for one in read_ for problem in one.problems], root)
    needed = {os.path.normpath(name) for name in known}
    left = [file for file in _unused(ignored, read_, base) if os.path.normpath(file) not in needed]
    # What is wrong with the folder as a BIDS dataset does not keep its studies from an analysis.
    described = [replace(problem, level="warning") for problem in check_description(root)]
    noted = [*left_out(left, base), *described]
    return [_source(one, noted, _dataset(one, target, tal2mni)) for one in read_]


def examine(
    path: str | Path,
    *,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
) -> tuple[list[Found], list[Problem]]:
    """Everything in a folder or a file, whatever is wrong with it.

    Parameters
    ----------
    path, tal2mni, unknown_space
        As in :func:`read`.

    Returns
    -------
    found : list of Found
        Datasets, in order of their files, with their errors, warnings and notes.
    problems : list of Problem
        What concerns the folder as a whole: rivals, files in no known format.

    Raises
    ------
    NoInputError
        If there is no such path, or nothing in it that a format knows.
    DataError
        If it is a file that no format knows.
    """
    root = _existing(path)
    by_format, ignored = find(root)
    base = root if root.is_dir() else root.parent
    batches: list[_Batch] = []
    problems: list[Problem] = []
    for module, files in by_format:
        try:
            batches += _batches(module, files)
        except DataError as error:
            problems += error.problems or (Problem("error", str(error)),)
    try:
        _refuse_rivals(batches, base)
    except DataError as error:
        names = listed(sorted(problem.file for problem in error.problems))
        problems.append(Problem("error", f"{str(error).partition(chr(10))[0]}: {names}"))
    found = _found(batches, base, tal2mni, unknown_space)
    problems += check_description(root)
    problems += left_out(_unused(ignored, found, base), base)
    return found, problems


def _source(found: Found, noted: Sequence[Problem], dataset: Dataset) -> Source:
    warnings = [problem for problem in found.problems if problem.level != "note"]
    notes = [problem for problem in found.problems if problem.level == "note"]
    return Source(
        found.name,
        found.files,
        found.format,
        dataset,
        (*fewer(warnings), *noted),
        Counter(problem.kind for problem in (*warnings, *noted) if problem.kind),
        Counter(problem.kind for problem in notes),
    )


def _dataset(found: Found, target: str, tal2mni: str) -> Dataset:
    if found.tables is not None:
        return Dataset.from_tables(found.tables, template_mask(target), target)
    return Dataset.from_contrasts(found.contrasts, target=target, tal2mni=tal2mni)


def _existing(path: str | Path) -> Path:
    root = Path(path)
    if not root.exists():
        msg = f"no such file or folder: {root}"
        raise NoInputError(msg)
    return root


def _batches(module: ModuleType, files: list[Path]) -> list[_Batch]:
    """Files of a format, by the dataset they are of."""
    groups = module.group(files) if hasattr(module, "group") else [(file,) for file in files]
    return [(module, paths) for paths in groups]


def _found(batches: Sequence[_Batch], base: Path, tal2mni: str, unknown_space: str) -> list[Found]:
    found = []
    for module, paths in sorted(batches, key=lambda batch: batch[1][0].as_posix()):
        tables: Tables | None = None
        contrasts: list[Contrast] = []
        name = _name(module, paths, base)  # before reading, which forgets what was parsed
        if hasattr(module, "read_tables"):
            tables, problems = _tables(module, paths, base, tal2mni, unknown_space)
        else:
            contrasts, problems = _contrasts(module, paths, base, tal2mni, unknown_space)
        files = tuple(file.relative_to(base).as_posix() for file in paths)
        said = getattr(module, "SAYS", ())
        problems += suspicions(contrasts, tables, tal2mni=tal2mni, file=files[0], said=said)
        folder = _image_folder(module, paths[0], base)
        records = (tuple(contrasts), tuple(problems), tables, folder)
        found.append(Found(name, files, module.NAME, *records))
    return found


def _image_folder(module: ModuleType, main: Path, base: Path) -> str:
    """Folder that paths of images count from, relative to ``base``."""
    if yields(module):
        return ""
    folder = module.images_from(main) if hasattr(module, "images_from") else main.parent
    return folder.relative_to(base).as_posix() if folder.is_relative_to(base) else ""


def _tables(
    module: ModuleType, paths: Sequence[Path], base: Path, tal2mni: str, unknown_space: str
) -> tuple[Tables | None, list[Problem]]:
    """Tables of one source and everything that is wrong with it, files named from ``base``."""
    try:
        policy = {"unknown_space": unknown_space} if _has_policy(module, unknown_space) else {}
        tables, problems = module.read_tables(*paths, tal2mni=tal2mni, **policy)
    except DataError as error:
        problems, tables = list(error.problems) or [Problem("error", str(error))], None
    names = {path.name: path.relative_to(base).as_posix() for path in reversed(paths)}
    if tables is not None and "source_file" in tables.metadata:
        files = tables.metadata["source_file"].map(lambda name: names.get(name, name))
        tables = replace(tables, metadata=tables.metadata.assign(source_file=files))
    if tables is not None and not len(tables.coordinates) and not _image_paths(tables):
        problems = [*problems, _empty(len(tables.metadata), paths[0].name, paths[0].parent)]
    return tables, [replace(p, file=names.get(p.file, _relative(p.file, base))) for p in problems]


def _has_policy(module: ModuleType, unknown_space: str) -> bool:
    return bool(unknown_space) and "unknown_space" in signature(module.read_tables).parameters


def _unused(ignored: Sequence[Path], found: Iterable[Found], base: Path) -> list[Path]:
    """Files in no known format that are no contrast's image either, nor say what one is."""
    images = {
        os.path.normpath(base / one.folder / str(image)) for one in found for image in _images(one)
    }
    about = {f"{_IMAGE.sub('', image)}{end}" for image in images for end in _ABOUT_IMAGES}
    used = images | about | {_other_half(image) for image in images}
    folders = {Path(image).parent for image in images}
    left = [path for path in ignored if os.path.normpath(path) not in used]
    return [path for path in left if not _is_of_used(path, folders)]


def _other_half(image: str) -> str:
    """The second file of an image in two, .hdr and .img; the same where it is in one."""
    end = image[-4:]
    return image.removesuffix(end) + {".hdr": ".img", ".img": ".hdr"}.get(end.lower(), end)


def _is_of_used(path: Path, folders: Collection[Path]) -> bool:
    """Whether a file belongs to a folder of images of which others name the images."""
    above = Path(os.path.normpath(path.parent))
    if not any(folder.is_relative_to(above) for folder in folders):
        return False
    return any(yields(one) and (knows(one, path) or one.beside(path)) for one in formats())


def _images(found: Found) -> list[Any]:
    if found.tables is not None:
        return _image_paths(found.tables)
    return [image for contrast in found.contrasts for image in contrast.images.values()]


def _image_paths(tables: Tables) -> list[Any]:
    columns = [name for name in tables.images.columns if name not in (*ID_COLUMNS, "space")]
    cells = (cell for name in columns for cell in tables.images[name].tolist())
    return [cell for cell in cells if cell is not None]


def _contrasts(
    module: ModuleType, paths: Sequence[Path], base: Path, tal2mni: str, unknown_space: str
) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of one source and everything that is wrong with it, files named from ``base``."""
    names = {path.name: path.relative_to(base).as_posix() for path in reversed(paths)}
    names |= {str(path): path.relative_to(base).as_posix() for path in paths}
    try:
        contrasts, problems = module.read(*paths)
    except DataError as error:
        found = error.problems or (Problem("error", str(error)),)
        return [], [replace(problem, file=_relative(problem.file, base)) for problem in found]
    contrasts = [
        replace(
            c,
            file=names.get(c.file) or _below(c.file, base) or names[paths[0].name],
            foci_file=names.get(c.foci_file, c.foci_file),
            images={kind: _from(base, image) for kind, image in c.images.items()},
        )
        for c in contrasts
    ]
    problems = [replace(p, file=names.get(p.file, _relative(p.file, base))) for p in problems]
    contrasts, settled = settle(contrasts, unknown_space)
    checked = [*settled, *check(contrasts, tal2mni)]
    problems = as_decided(problems, unknown_space, checked)
    is_broken = any(problem.level == "error" for problem in problems)
    if not is_broken and not any(len(c.xyz) or c.images for c in contrasts):
        file = names[paths[0].name]
        problems.append(_empty(len(contrasts), file, paths[0].parent))
    return contrasts, problems


def _from(base: Path, image: Any) -> Any:
    """Image whose path is no text, but where it lies, as text from ``base``."""
    return image.relative_to(base).as_posix() if isinstance(image, Path) else image


def _empty(n_contrasts: int, file: str, folder: Path) -> Problem:
    """Error for a dataset that has nothing to analyse; says how images beside it would be."""
    if n_contrasts:
        them = "it" if n_contrasts == 1 else "them"
        message = f"{counted(n_contrasts, 'contrast')}, but no foci and no images in {them}"
        return Problem("error", message, file)
    n_images = sum(bool(_IMAGE.search(path.name)) for path in folder.iterdir())
    beside = f"{counted(n_images, 'image')} lie{'s' if n_images == 1 else ''} beside it"
    advice = f"{beside}: give their paths in columns of a contrasts.tsv, see docs/images.md"
    message = "it holds no contrasts: no foci and no images"
    return Problem("error", message, file, suggestion=advice if n_images else "")


def _below(file: str, base: Path) -> str:
    """Path of a file from ``base``; empty if it is no path of a file below it."""
    found = _relative(file, base)
    return found if found != file else ""


def _relative(file: str, base: Path) -> str:
    path = Path(file)
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else file


def _refuse_rivals(batches: Sequence[_Batch], base: Path) -> None:
    if len(batches) < 2 or all(getattr(module, "SEPARATE", False) for module, _ in batches):
        return
    problems = [
        Problem("error", f"a dataset ({module.NAME})", paths[0].relative_to(base).as_posix())
        for module, paths in batches
    ]
    msg = (
        f"{base} holds several datasets that cannot be one run; "
        "name one of them instead of the folder, or move the others away"
    )
    raise DataError(msg, problems)


def _refuse_errors(problems: Sequence[Problem], root: Path) -> None:
    if any(problem.level == "error" for problem in problems):
        msg = f"{root} cannot be read"
        said = [problem for problem in problems if problem.level != "note"]
        raise DataError(msg, fewer(sorted(said, key=lambda problem: problem.level)))


def _name(module: ModuleType, paths: Sequence[Path], base: Path) -> str:
    path = paths[0]
    *folders, _ = path.relative_to(base).parts
    given = module.own_name(path) if hasattr(module, "own_name") else None
    if given is None:
        return "_".join([*folders, path.stem])
    whole = Path(os.path.commonpath([one.parent for one in paths])).relative_to(base).parts
    return given or "_".join(whole) or base.resolve().name or path.stem
