"""The file of a Dataset: one compressed, checksummed zip without pickled objects.

::

    manifest.json          format, version, space, mask; sha256 of every other member
    mask.npy               voxels of the mask
    <table>.json           columns in order, their types, and the values that are not float64
    <table>.npy            (n_rows, n_float_columns) float64, bit for bit
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import DataError, NoInputError, OutputError
from nimare_pipeline.tables import Tables

FORMAT = "nimare_pipeline-dataset"
VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What zipfile, json and numpy raise when a byte of the file is wrong: nearly anything.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    RuntimeError,
    OverflowError,
)
_PICKLE_ADVICE = (
    "it may be a NiMARE pickle (.pkl.gz); pickles can run code and are not read here: convert it "
    "where it was made, to NiMARE Dataset JSON or NIMADS, and read that"
)


def save(path: Path, tables: Tables, mask: BrainMask, space: str) -> Path:
    """Write a dataset to ``path``, aside first and then renamed; same data, same bytes.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    members = {"mask.npy": _npy(mask.inside)}
    for field in fields(Tables):
        header, floats = _packed(getattr(tables, field.name))
        members |= {f"{field.name}.json": _json(header), f"{field.name}.npy": _npy(floats)}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "space": space,
        "mask": {"name": mask.name, "affine": mask.affine.tolist()},
        "sha256": {name: hashlib.sha256(body).hexdigest() for name, body in members.items()},
    }
    aside = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in {"manifest.json": _json(manifest), **members}.items():
                info = zipfile.ZipInfo(name, date_time=_EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, body)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg) from error
    return path


def load(path: Path) -> tuple[Tables, BrainMask, str]:
    """Read a dataset that :func:`save` wrote, after checking every digest.

    Returns
    -------
    Tables
    BrainMask
    space : str

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        If the file is damaged, truncated, of a later version, or not ours.
    """
    if not path.is_file():
        msg = f"no such file: {path}"
        raise NoInputError(msg)
    if not is_container(path):
        msg = f"{path} is not a saved dataset; {_advice(path)}"
        raise DataError(msg)
    try:
        return _load(path)
    except DataError:
        raise
    except _DAMAGE as error:
        msg = f"{path} is damaged: {error}; save the dataset again, or read it from its source"
        raise DataError(msg) from error


def is_container(path: Path) -> bool:
    """Whether a file begins like one of ours (it may still be damaged further on)."""
    with path.open("rb") as stream:
        head = stream.read(64)
    return head.startswith(b"PK\x03\x04") and b"manifest.json" in head


def _load(path: Path) -> tuple[Tables, BrainMask, str]:
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        if manifest["format"] != FORMAT or manifest["version"] > VERSION:
            msg = (
                f"{path} is {manifest['format']} version {manifest['version']}; "
                f"this program reads {FORMAT} up to version {VERSION}"
            )
            raise DataError(msg)
        members = {name: archive.read(name) for name in manifest["sha256"]}
    for name, digest in manifest["sha256"].items():
        if hashlib.sha256(members[name]).hexdigest() != digest:
            msg = f"checksum of {name} differs"
            raise ValueError(msg)
    tables = {
        field.name: _unpacked(
            json.loads(members[f"{field.name}.json"]), _array(members[f"{field.name}.npy"])
        )
        for field in fields(Tables)
    }
    affine = np.array(manifest["mask"]["affine"], dtype=float)
    mask = BrainMask(_array(members["mask.npy"]), affine, manifest["mask"]["name"])
    return Tables(**tables), mask, manifest["space"]


def _packed(table: pd.DataFrame) -> tuple[dict[str, Any], NDArray[np.float64]]:
    types = {name: str(table[name].dtype) for name in table.columns}
    floats = [name for name, kind in types.items() if kind == "float64"]
    header = {
        "types": list(types.items()),
        "n_rows": len(table),
        "values": {
            name: table[name].tolist() for name, kind in types.items() if kind != "float64"
        },
    }
    return header, np.ascontiguousarray(table[floats].to_numpy(dtype=np.float64))


def _unpacked(header: dict[str, Any], floats: NDArray[np.float64]) -> pd.DataFrame:
    names = [name for name, kind in header["types"] if kind == "float64"]
    numbers = {name: floats[:, i] for i, name in enumerate(names)}
    data = {
        name: pd.Series(numbers[name] if name in numbers else header["values"][name], dtype=kind)
        for name, kind in header["types"]
    }
    return pd.DataFrame(data, index=pd.RangeIndex(header["n_rows"]))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    msg = f"a dataset cannot save a {type(value).__name__}"
    raise TypeError(msg)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_plain).encode("utf-8", "surrogatepass")


def _npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _array(body: bytes) -> NDArray[Any]:
    return np.load(io.BytesIO(body), allow_pickle=False)


def _advice(path: Path) -> str:
    head = _head(path)
    if head[:2] in {b"\x1f\x8b", b"\x80\x04", b"\x80\x05", b"\x80\x03", b"\x80\x02"}:
        return _PICKLE_ADVICE
    if head[:1] in {b"{", b"/"}:
        return "read JSON with Dataset(path), other formats with nimare_pipeline.io.read(path)"
    return "it does not begin like a file written by Dataset.save"


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(64)
