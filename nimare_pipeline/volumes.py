"""One file of a statistical image to its volume, or to what is wrong with it."""

import gzip
import itertools
import math
import re
import zlib
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import packed
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.unpacking import gunzip, read_up_to

MOST_VOXELS = 2**27
"""Of an image: a brain in voxels of half a millimetre has half of it."""

_MOST_BYTES = 8 * MOST_VOXELS + 2**20
"""Of an unpacked file: as many voxels of eight bytes, and a header with extensions."""
_GZIP = b"\x1f\x8b"
_POINTER_BYTES = 2**15
"""A pointer of git-annex has at most so many bytes."""
_ANNEX = "annex/objects"
_NIFTI = {b"n+1\0": 344, b"n+2\0": 4}
"""Magic words of one-file images, and where they stand."""
_INTENTS = {3: "t", 4: "F", 5: "z", 6: "chi2", 22: "p"}
"""Codes of NIfTI for statistics."""
_SPM = re.compile(r"SPM\{([TFZ])[_}]")
_HALF_STEP = 0.5001
"""Of what two neighbouring whole numbers stand for: what is nearest to 0 is no farther."""
_BACKGROUND = 0.1
"""Least share of the voxels of an image that is taken for its background."""
_FORMS_APART_MM = 1.0
"""From here on the two affines of a file are said to disagree; rounding leaves much less."""
_UNREADABLE = (
    *(OSError, EOFError, ValueError, OverflowError, TypeError, LookupError, zlib.error),
    *(MemoryError, AttributeError),
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    nib.spatialimages.ImageDataError,
)


@dataclass(frozen=True)
class Volume:
    """A statistical image as its file gives it.

    Parameters
    ----------
    values : (X, Y, Z) float array
    affine : (4, 4) float array
        Voxel indices to mm.
    placed : bool
        False if the header does not say where the voxels lie, so that the affine is a guess.
    notes : tuple of str
        What is odd about the file, though it can be read.
    statistic : str
        What the header says it is: ``t``, ``z``, ``p``, ``F`` or ``chi2``; empty if it does not.
    """

    values: NDArray[np.floating[Any]]
    affine: NDArray[np.float64]
    placed: bool = True
    notes: tuple[str, ...] = ()
    statistic: str = ""


def read_volume(path: Path, where: str = "") -> Volume:
    """Read an image file, by its content, whatever its suffix.

    Parameters
    ----------
    path : Path
        Of a file, or of what is meant in one, see :mod:`nimare_pipeline.packed`.
    where : str
        Study and contrast, for the message.

    Raises
    ------
    DataError
        With the one problem: no such file, a pointer of DataLad or Git LFS whose content is not
        there, damaged or truncated, no image, a surface, several volumes, no place in mm.
    """
    inside = packed.inside(path)
    if inside is not None and inside.factor is not None:
        volume = read_volume(inside.file, where)
        return replace(volume, values=volume.values.astype(np.float64) * inside.factor)
    try:
        missing = _not_there(path if inside is None else inside.file)
    except OSError as error:
        missing = (f"cannot be read: {error.strerror or error}", "")
    if missing is not None:
        raise _refusal(path, where, *missing)
    try:
        image, notes = _image(path) if inside is None else _member(inside)
    except _OddFileError as refused:
        raise _refusal(path, where, str(refused), refused.suggestion) from refused
    except _UNREADABLE as error:
        message = f"cannot be read as an image: {_first_line(error)}"
        raise _refusal(
            path, where, message, "damaged or incomplete: copy or download it again"
        ) from error
    try:
        return _volume(image, notes)
    except _OddFileError as refused:
        raise _refusal(path, where, str(refused), refused.suggestion) from refused
    except _UNREADABLE as error:
        message = f"its voxels cannot be read: {_first_line(error)}"
        raise _refusal(
            path, where, message, "damaged or incomplete: copy or download it again"
        ) from error


class _OddFileError(Exception):
    """What is wrong with a file that was opened."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion


def _refusal(path: Path, where: str, message: str, suggestion: str = "") -> DataError:
    problem = Problem("error", message, str(path), where, suggestion, kind="unreadable")
    return DataError("an image cannot be read", [problem])


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__


def _not_there(path: Path) -> tuple[str, str] | None:
    """Message and advice where the content of a file is not on this machine."""
    if path.is_symlink() and not path.exists():
        target = str(path.readlink())
        return (
            _pointer(path) if _ANNEX in target else (f"a link to {target}, which is not there", "")
        )
    if not path.exists():
        return "no such file", (
            "correct the path, name the folder it counts from with --image-root, or leave the "
            "cell empty"
        )
    if not path.is_file():
        return "not a file", "expected an image file, .nii or .nii.gz"
    return _not_content(path)


def _not_content(path: Path) -> tuple[str, str] | None:
    """The same where a file stands in the place of the image."""
    if path.stat().st_size > _POINTER_BYTES:
        return None
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        return "the file is empty", "expected an image file, .nii or .nii.gz"
    if head.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, whose content is not on this machine", "run: git lfs pull"
    is_pointer = _ANNEX.encode() in head and not head.startswith(_GZIP)
    return _pointer(path) if is_pointer else None


def _pointer(path: Path) -> tuple[str, str]:
    message = "a pointer of DataLad (git-annex), whose content is not on this machine"
    return message, f"run: datalad get {path}"


def _image(path: Path) -> tuple[Any, list[str]]:
    """Image of nibabel, its voxels not yet read, and what is odd about the file."""
    with path.open("rb") as stream:
        head = stream.read(352)
    is_packed = head.startswith(_GZIP)
    notes = []
    if is_packed and path.suffix.lower() == ".nii":
        notes.append("it is packed (gzip), though its name ends with .nii")
    if not is_packed and path.suffix.lower() == ".gz":
        notes.append("it is not packed (gzip), though its name ends with .gz")
    if is_packed:
        # Read to the end: nibabel stops behind the voxels, and never sees the check sum.
        with gzip.open(path) as packed:
            body = read_up_to(packed, _MOST_BYTES + 1)
        if len(body) > _MOST_BYTES:
            raise _OddFileError(f"it unpacks to more than {_MOST_BYTES / 2**20:,.0f} MB")
        found = _one_file(body)
        return (found, notes) if found is not None else (nib.load(path), notes)
    if any(head[at : at + 4] == magic for magic, at in _NIFTI.items()):
        kind = nib.Nifti1Image if head[344:348] == b"n+1\0" else nib.Nifti2Image
        with path.open("rb") as stream:
            return kind.from_bytes(read_up_to(stream, _MOST_BYTES)), notes
    if not _may_be_image(path):
        raise _OddFileError("not an image", "expected a NIfTI image, .nii or .nii.gz")
    return nib.load(path), notes


def _member(inside: packed.Inside) -> tuple[Any, list[str]]:
    """Image in a zip file, and what is odd about it."""
    body = packed.read_member(inside, _MOST_BYTES)
    body = gunzip(body, _MOST_BYTES) if body.startswith(_GZIP) else body
    found = _one_file(body)
    if found is None:
        raise _OddFileError("not an image", "expected a NIfTI image, .nii or .nii.gz")
    return found, []


def _may_be_image(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith((".img", ".hdr", ".img.gz", ".hdr.gz", ".mgh", ".mgz", ".mnc"))


def _one_file(body: bytes) -> Any:
    """Image of the bytes of a one-file NIfTI; None for other formats."""
    if body[344:348] == b"n+1\0":
        return nib.Nifti1Image.from_stream(BytesIO(body))
    if body[4:8] == b"n+2\0":
        return nib.Nifti2Image.from_stream(BytesIO(body))
    return None


def _volume(image: Any, notes: list[str]) -> Volume:
    if not isinstance(image, nib.spatialimages.SpatialImage):
        raise _OddFileError("not a volume but a surface image", "a volume in a standard space")
    shape = tuple(int(n) for n in image.shape)
    if len(shape) > 4 and math.prod(shape[:3]) == 1:
        raise _OddFileError(
            "not a volume but a surface image (CIFTI)", "a volume in a standard space"
        )
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) > 3:
        n_volumes = math.prod(shape[3:])
        message = f"it has {n_volumes:,} volumes, not one: {'x'.join(map(str, shape))}"
        raise _OddFileError(message, "give the one volume of this contrast as a file of its own")
    if len(shape) < 3 or 0 in shape:
        raise _OddFileError(
            f"it is no volume: its shape is {'x'.join(map(str, shape)) or 'empty'}"
        )
    if math.prod(shape) > MOST_VOXELS:
        raise _OddFileError(f"an image of {'x'.join(map(str, shape))} voxels is too large")
    affine = np.asarray(image.affine, dtype=float)
    if not np.isfinite(affine).all() or not np.linalg.det(affine[:3, :3]):
        raise _OddFileError("its affine tells no place in mm")
    values = np.asanyarray(image.dataobj)
    if values.dtype.kind not in "fiub":
        kind = "complex numbers" if values.dtype.kind == "c" else "colours or records"
        raise _OddFileError(f"its voxels are {kind}, not numbers")
    values = values.reshape(shape)
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    values = _with_zeros(image, values)
    header = image.header
    notes = [*notes, *_places(image, shape)]
    return Volume(values, affine, _is_placed(header), tuple(notes), _statistic(header))


def _with_zeros(image: Any, values: NDArray[Any]) -> NDArray[Any]:
    """Values whose background is 0 again, where scaling to whole numbers moved it.

    With an intercept 0 may be between two of the numbers that a file can hold. What is nearest to
    it then stands for "no data", if so many voxels have it that it can only be the background.
    """
    slope, inter = (getattr(image.dataobj, name, None) for name in ("slope", "inter"))
    if image.get_data_dtype().kind not in "iu" or not slope or not inter:
        return values
    nearest = np.abs(values) <= _HALF_STEP * abs(slope)
    if np.count_nonzero(nearest) < _BACKGROUND * values.size:
        return values
    return np.where(nearest, 0, values)


def _is_placed(header: Any) -> bool:
    try:
        return bool(header["sform_code"] > 0 or header["qform_code"] > 0)
    except (KeyError, ValueError, TypeError, IndexError):
        return not isinstance(header, nib.analyze.AnalyzeHeader)


def _places(image: Any, shape: tuple[int, ...]) -> list[str]:
    """Remark that the two affines of a NIfTI file put its voxels at different places."""
    try:
        places = [np.asarray(get(coded=True)[0]) for get in (image.get_sform, image.get_qform)]
    except (AttributeError, nib.spatialimages.HeaderDataError):
        return []
    if any(place.ndim != 2 for place in places):
        return []  # There is one of them only.
    corners = np.array([*itertools.product(*((0, n - 1) for n in shape[:3]))])
    by_sform, by_qform = (nib.affines.apply_affine(place, corners) for place in places)
    apart = float(np.linalg.norm(by_sform - by_qform, axis=1).max())
    if not apart > _FORMS_APART_MM:
        return []
    return [f"its sform and qform place voxels up to {apart:.3g} mm apart; the sform is used"]


def _statistic(header: Any) -> str:
    """What NIfTI's intent code, or the description that SPM writes, says an image is."""
    try:
        by_intent = _INTENTS.get(int(header["intent_code"]), "")
        text = header["descrip"].tobytes().decode("latin-1")
    except (KeyError, ValueError, TypeError, IndexError):
        return ""
    by_spm = _SPM.search(text)
    return by_intent or ({"T": "t", "Z": "z", "F": "F"}[by_spm[1]] if by_spm else "")
