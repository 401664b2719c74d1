"""Pickled NiMARE Datasets (``.pkl.gz``, ``.pkl``), read without running them.

A pickle can run any code when Python loads it. Here its instructions are carried out on inert
records (:mod:`nimare_pipeline.io._pickle_ops`): nothing is imported and nothing is called. What it
may name at all is listed in :mod:`nimare_pipeline.io._pickle_names`; a file that names anything
else is refused, with that name. Tables of pandas 0.25 to 3 are put together from their parts.
"""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nimare_pipeline import defaults, spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import check, counted
from nimare_pipeline.errors import DataError, NoInputError, Problem
from nimare_pipeline.io._nimare_tables import contrasts_of
from nimare_pipeline.io._pickle_ops import load, names
from nimare_pipeline.io._pickle_pandas import Frame, frame
from nimare_pipeline.io._pickle_records import Name, Record, RefusedError, shown
from nimare_pipeline.io._pickle_values import Values, fields
from nimare_pipeline.tables import FRAMES, Tables, tables_of

NAME = "pickled NiMARE Dataset"
MOST_BYTES = 2**31
"""Of a pickle, decompressed."""
MOST_RATIO, ALWAYS_BYTES = 250, 2**26
"""A pickle may be this many times larger than its file, or this large anyway: a few megabytes of
file cannot fill the memory."""
_LIMITS: dict[type[Exception], str] = {
    RecursionError: "it is nested too deeply",
    MemoryError: "it needs more memory than there is",
}
_MOST_WARNINGS = 20
_HEAD = 2**16
_CHUNK = 2**20
_GZIP = b"\x1f\x8b"
_PLAIN = {b"}": "a dictionary", b"]": "a list", b")": "a tuple"}
"""What a pickle is whose first instruction, after that of its protocol, makes one of these."""
ADVICE = "save it as NIMADS or NiMARE Dataset JSON with the tool that made it"


@dataclass(frozen=True)
class Pickled:
    """What a pickled Dataset holds."""

    frames: dict[str, Frame]
    ids: tuple[str, ...] | None
    space: str
    mask: BrainMask | None


def sniff(path: Path) -> bool:
    """Whether a file is the pickle of a NiMARE Dataset: by the first thing it names."""
    return any(_is_dataset(name) for name in first_names(path))


def first_names(path: Path) -> list[str]:
    """What a pickle names first; empty if the file is no pickle."""
    head = _head(path)
    return names(head) if _begins(head) else []


def is_pickle(path: Path) -> bool:
    """Whether a file, compressed or not, begins like a pickle."""
    return _begins(_head(path))


def own_name(path: Path) -> str:
    """Name of a file without its suffixes."""
    return (
        re.sub(r"\.(pkl|pickle|p)$", "", re.sub(r"\.(gz|gzip|pklz)$", "", path.name)) or path.stem
    )


def why_not(path: Path) -> str:
    """Why a file that is called a pickle is none of a Dataset, and what to do, in one line."""
    found = first_names(path)
    if not found:
        return f"{path.name} is called a pickle, but is none that can be read"
    head = _head(path)
    first = head[11:12] if head[2:3] == b"\x95" else head[2:3]  # protocol 4 counts a frame first
    kind = _PLAIN.get(first) or shown(found[0])
    what = f"{path.name} is a pickle of {kind}, and only Datasets of NiMARE are read"
    return f"{what}: {ADVICE}"


def read_tables(
    path: Path,
    *_companions: Path,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
) -> tuple[Tables, list[Problem]]:
    """Tables of a pickled Dataset, and what is odd in them; its mask is not taken over.

    Parameters
    ----------
    path : Path
    tal2mni : str
        How Talairach coordinates are converted.
    unknown_space : str
        What to do with foci of an unknown space, see
        :func:`nimare_pipeline.unknown_spaces.settle`; they are taken as the space of the Dataset
        if nothing is asked for, with a warning.

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        If it is damaged, too large, no Dataset, or names what no Dataset needs; with every
        problem of its tables otherwise.
    """
    pickled = _read(path)
    tables, problems = _tables(pickled, path, tal2mni, unknown_space)
    template = spaces.template_mask(_target(pickled.space))
    if pickled.mask is None or not _same(pickled.mask, template):
        problems.append(_mask_problem(pickled.mask, path))
    return tables, problems


def read_dataset(
    path: Path, tal2mni: str = defaults.TAL2MNI
) -> tuple[Tables, BrainMask, str, list[Problem]]:
    """Tables, mask and space of a pickled Dataset, and what is odd in it.

    Raises
    ------
    NoInputError, DataError
        As :func:`read_tables`.
    """
    pickled = _read(path)
    tables, problems = _tables(pickled, path, tal2mni)
    target = _target(pickled.space)
    template = spaces.template_mask(target)
    if pickled.mask is None:
        problems.append(_mask_problem(None, path))
    mask = template if pickled.mask is None or _same(pickled.mask, template) else pickled.mask
    if target != pickled.space:
        message = f"its space is {pickled.space!r}; it is taken as {target}"
        problems.append(Problem("warning", message, path.name))
    return tables, mask, target, problems


def _tables(
    pickled: Pickled, path: Path, tal2mni: str, unknown_space: str = defaults.UNKNOWN_SPACE
) -> tuple[Tables, list[Problem]]:
    contrasts, matrix, problems = contrasts_of(
        pickled.frames,
        pickled.ids,
        file=path.name,
        target=pickled.space,
        unknown_space=unknown_space,
    )
    problems += _few(check(contrasts, tal2mni), path)
    if any(problem.level == "error" for problem in problems):
        msg = f"{path} cannot be read"
        raise DataError(msg, problems)
    tables = tables_of(contrasts, tal2mni)
    return (
        Tables(**tables.frames(), matrices=() if matrix is None else (matrix,)),
        problems,
    )


def _few(problems: list[Problem], path: Path) -> list[Problem]:
    """Problems; the foci of a database that lie outside the head in one line."""
    warnings = [problem for problem in problems if problem.level == "warning"]
    if len(warnings) <= _MOST_WARNINGS:
        return problems
    studies = list(dict.fromkeys(problem.where for problem in warnings))
    message = (
        f"{counted(len(warnings), 'focus', 'foci')} of {counted(len(studies), 'contrast')} "
        f"outside the head: {'; '.join(studies[:5])}"
    )
    one = Problem("warning", message, path.name, "", "lost decimal points or minus signs?")
    return [*(problem for problem in problems if problem.level == "error"), one]


def _read(path: Path) -> Pickled:
    try:
        return _pickled(_body(path))
    except (RefusedError, RecursionError, MemoryError) as error:
        why = str(error) if isinstance(error, RefusedError) else _LIMITS[type(error)]
        msg = f"{path} cannot be read"
        raise DataError(msg, [Problem("error", why, path.name, "", ADVICE)]) from error


def _pickled(body: bytes | bytearray) -> Pickled:
    if not _begins(body):
        raise RefusedError("it is no pickle")
    match load(body):
        case Record(of=Name() as kind, state=state) if _is_dataset(str(kind)):
            parts = {name.removeprefix("_Dataset__"): one for name, one in fields(state).items()}
        case Record(of=Name() as kind):
            raise RefusedError(f"it is a {kind}, not a Dataset")
        case _:
            raise RefusedError("it is no Dataset")
    values = Values(len(body))
    lacking = [name for name in FRAMES if name not in parts]
    if lacking:
        raise RefusedError(f"it is a Dataset without {', '.join(lacking)}")
    frames = {name: frame(parts[name], values) for name in FRAMES}
    ids = None
    if "ids" in parts:
        given = parts["ids"]  # a list, after slicing with old versions
        plain = given if isinstance(given, list) else values.array(given).ravel().tolist()
        ids = tuple(str(values.plain(one)) for one in plain)
    space = parts.get("space")
    return Pickled(
        frames, ids, space if isinstance(space, str) else "", _mask(parts.get("masker"), values)
    )


def _begins(head: bytes | bytearray) -> bool:
    if len(head) > 2 and head[0] == 0x80:
        return 2 <= head[1] <= 5
    return re.match(rb"c[\w.]+\n[\w.]+\n[pq(]", head) is not None  # protocols 0 and 1


def _is_dataset(name: str) -> bool:
    return name.startswith("nimare.") and name.endswith(".Dataset")


def _target(space: str) -> str:
    return space if space in spaces.TARGETS else defaults.TARGET_SPACE


def _mask(masker: Any, values: Values) -> BrainMask | None:
    """Mask of a masker, if the voxels themselves are in the pickle."""
    if not isinstance(masker, Record):
        return None
    try:
        parts = fields(masker.state)
        image = parts.get("mask_img_", parts.get("mask_img"))
        if not isinstance(image, Record):
            return None
        known = fields(image.state)
        voxels, affine = (values.array(known.get(name)) for name in ("_dataobj", "_affine"))
        inside = voxels.reshape(voxels.shape[:3]) != 0
        affine = affine.astype(float)
    except (RefusedError, ValueError, TypeError):
        return None
    is_usable = affine.shape == (4, 4) and np.isfinite(affine).all() and np.linalg.det(affine)
    if inside.ndim != 3 or not inside.any() or not is_usable:
        return None
    return BrainMask(np.ascontiguousarray(inside), affine, "mask of the pickled Dataset")


def _same(one: BrainMask, other: BrainMask) -> bool:
    return np.array_equal(one.inside, other.inside) and np.allclose(one.affine, other.affine)


def _mask_problem(mask: BrainMask | None, path: Path) -> Problem:
    what = "could not be read" if mask is None else "is not the usual one"
    return Problem(
        "warning",
        f"its mask {what}; the analysis takes the brain mask of its own target space",
        path.name,
        "",
        "the option --mask names another",
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head.startswith(_GZIP):
        return head
    try:
        return zlib.decompressobj(31).decompress(head, _HEAD)
    except zlib.error:
        return b""


def _body(path: Path) -> bytes | bytearray:
    """Whole pickle, decompressed."""
    if not path.is_file():
        msg = f"no such file: {path}"
        raise NoInputError(msg)
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(2)
        if head != _GZIP and size > MOST_BYTES:
            _too_large(MOST_BYTES)
        compressed = head + stream.read(MOST_BYTES)
    if head != _GZIP:
        return compressed
    return _decompressed(compressed, min(MOST_BYTES, max(ALWAYS_BYTES, MOST_RATIO * size)))


def _decompressed(compressed: bytes, most: int) -> bytearray:
    found, rest = bytearray(), compressed
    while rest.startswith(_GZIP):
        stream = zlib.decompressobj(31)
        try:
            while not stream.eof:
                part = stream.decompress(rest, _CHUNK)
                rest = stream.unconsumed_tail
                found += part
                if len(found) > most:
                    _too_large(most)
                if not part and not rest and not stream.eof:
                    raise RefusedError("it is cut short, or damaged")
        except zlib.error as error:
            raise RefusedError("it is cut short, or damaged") from error
        rest = stream.unused_data
    return found


def _too_large(most: int) -> None:
    raise RefusedError(
        f"it is larger than {most:,} bytes, decompressed: more than its file allows"
    )
