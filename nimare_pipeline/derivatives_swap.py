"""Moving an analysis into the output folder whole: the old one or the new one, never a mixture.

The finished stage is first renamed to ``.swap/cohort-<name>`` with a manifest: from that rename on
the new analysis counts. Only then are old files moved away and new ones in, step by step; after an
interruption ``recover`` (or the next swap) does the steps that are left.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from nimare_pipeline.derivative_names import parse_path
from nimare_pipeline.writing import as_output_error

SWAP = ".swap"
_MANIFEST = "manifest.json"
_OLD = "old"


def swap_in(stage_dir: str | Path, output_dir: str | Path, cohort: str) -> None:
    """Replace an analysis, its figures and its snapshot by those in ``stage_dir``.

    Other analyses are untouched; the stage is used up.

    Parameters
    ----------
    stage_dir : path
        What ``write_analysis`` wrote; may be on another file system.
    output_dir : path
        Folder of the derivatives; made if need be.
    cohort : str
        Name of the analysis.

    Raises
    ------
    OutputError
        If the output folder cannot be written.
    """
    stage, output = Path(stage_dir), Path(output_dir)
    pending = output / SWAP / f"cohort-{cohort}"
    with as_output_error(f"cannot write in the output folder {output}"):
        partial = pending.with_name(f"{pending.name}.partial")
        if partial.exists():
            shutil.rmtree(partial)
        if _is_committed(pending):
            _finish(pending, output)
        files = sorted(p.relative_to(stage).as_posix() for p in stage.rglob("*") if p.is_file())
        partial.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(stage, partial)
        manifest = {"cohort": cohort, "files": files}
        (partial / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        partial.rename(pending)
        _finish(pending, output)


def recover(output_dir: str | Path) -> list[str]:
    """Finish the swaps that an interruption left half done, and remove what is left of others.

    Returns
    -------
    list of str
        Names of the analyses that were moved in.

    Raises
    ------
    OutputError
        If the output folder cannot be written.
    """
    output = Path(output_dir)
    with as_output_error(f"cannot write in the output folder {output}"):
        finished = []
        for folder in pending_swaps(output):
            if _is_committed(folder):
                finished.append(_finish(folder, output))
            else:
                shutil.rmtree(folder)
        _remove_if_empty(output / SWAP)
    return finished


def pending_swaps(output_dir: str | Path) -> list[Path]:
    """List the folders of swaps that are not finished."""
    folder = Path(output_dir) / SWAP
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_committed(pending: Path) -> bool:
    return not pending.name.endswith(".partial") and (pending / _MANIFEST).is_file()


def _finish(pending: Path, output: Path) -> str:
    """Do the steps that are left; each can be done again after an interruption anywhere."""
    manifest = json.loads((pending / _MANIFEST).read_text(encoding="utf-8"))
    cohort, files = manifest["cohort"], manifest["files"]
    own = sorted({folder for name in files if (folder := _cohort_folder(name))})
    _replace_folders(pending, output, own, cohort)
    for name in files:
        new, target = pending / name, output / name
        if new.is_file() and _cohort_folder(name) is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            new.replace(target)
    for stale in _files_of(cohort, output):
        if stale.relative_to(output).as_posix() not in files:
            stale.unlink()
    shutil.rmtree(pending)
    _remove_if_empty(output / SWAP)
    return str(cohort)


def _replace_folders(pending: Path, output: Path, own: list[str], cohort: str) -> None:
    """Move old folders of the analysis aside, also those of another template, and new ones in."""
    aside = pending / _OLD
    aside.mkdir(exist_ok=True)
    for old in output.glob("tpl-*/cohort-*"):
        name = old.relative_to(output).as_posix()
        moved = name in own and not (pending / name).is_dir()
        if old.name.casefold() == f"cohort-{cohort}".casefold() and not moved:
            old.rename(aside / f"{len(list(aside.iterdir()))}")
    for name in own:
        if (pending / name).is_dir():
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            (pending / name).rename(output / name)
    shutil.rmtree(aside)


def _cohort_folder(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    if len(parts) > 2 and parts[0].startswith("tpl-") and parts[1].startswith("cohort-"):
        return "/".join(parts[:2])
    return None


def _files_of(cohort: str, output: Path) -> Iterator[Path]:
    """Figures and snapshots of an analysis."""
    for folder in ("figures", "sourcedata"):
        for path in sorted((output / folder).glob("*")):
            entities = parse_path(path.relative_to(output))
            if entities.get("cohort", "").casefold() == cohort.casefold():
                yield path


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
