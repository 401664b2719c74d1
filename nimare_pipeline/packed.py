"""Paths of images that are no file of their own: a member of a zip file, or a scaled image.

``pack.nidm.zip!ZStatistic.nii.gz`` is a member of a zip file, by its whole name in it;
``ResMS.nii!x0.125`` is an image times a number. A file that is called so goes before both.
"""

import os
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from nimare_pipeline.unpacking import read_up_to

MARK = "!"
"""Between the file and what is meant in it."""
_TIMES = re.compile(r"x(\d[\d.]*(?:e[+-]?\d+)?)")


@dataclass(frozen=True)
class Inside:
    """What a path means in a file.

    Parameters
    ----------
    file : Path
    part : str
        Name of a member, or ``x`` and a number.
    """

    file: Path
    part: str

    @property
    def factor(self) -> float | None:
        """What the image is multiplied by; None for a member of a zip file."""
        found = _TIMES.fullmatch(self.part)
        try:
            return float(found[1]) if found else None
        except ValueError:
            return None


def member(file: Path, name: str) -> Path:
    """Path of a member of a zip file."""
    return Path(f"{file}{MARK}{name}")


def times(file: Path, factor: float) -> Path:
    """Path of an image times a number."""
    return Path(f"{file}{MARK}x{factor!r}")


def inside(path: str | Path) -> Inside | None:
    """File and what is meant in it; None for a path of a file, and where there is no such file."""
    text = str(path)
    if MARK not in text or os.path.lexists(text):
        return None
    at = text.find(MARK)
    while at >= 0:
        if os.path.lexists(text[:at]) and not Path(text[:at]).is_dir():
            return Inside(Path(text[:at]), text[at + 1 :])
        at = text.find(MARK, at + 1)
    return None


def exists(path: str | Path) -> bool:
    """Whether there is a file, or a link in its place, that a path can be read from."""
    return os.path.lexists(path) or inside(path) is not None


def read_member(found: Inside, most: int) -> bytes:
    """Bytes of a member of a zip file.

    Raises
    ------
    ValueError
        If there is no such member, it is larger than ``most``, or the file is damaged.
    """
    try:
        with zipfile.ZipFile(found.file) as archive:
            if found.part not in archive.namelist():
                raise ValueError(f"there is no {found.part} in it")
            with archive.open(found.part) as stream:
                body = read_up_to(stream, most + 1)
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
        *(OSError, UnicodeDecodeError, LookupError),
    ) as error:  # RuntimeError: a password is asked for
        raise ValueError(f"the zip file cannot be read: {error}") from error
    if len(body) > most:
        raise ValueError(f"{found.part} unpacks to more than {most / 2**20:,.0f} MB")
    return body
