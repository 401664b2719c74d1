"""The file of a Dataset: one compressed, checksummed zip without pickled objects.

::

    manifest.json          format, version, space, mask; sha256 of every other member
    mask.npy               voxels of the mask
    <table>.json           columns in order, their types, and the values that are not float64
    <table>.npy            (n_rows, n_float_columns) float64, bit for bit
    <table>.codes.npy      of long tables: texts that repeat, by their number in the JSON file
    labels<i>.json         labels of a sparse set of annotations, and its shape
    labels<i>.<part>.npy   its matrix by columns: data, indices, indptr; and present
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import DataError, NoInputError, OutputError
from nimare_pipeline.label_matrix import LabelMatrix
from nimare_pipeline.tables import FRAMES, Tables
from nimare_pipeline.unpacking import DAMAGE, check_size, read_npy

FORMAT = "nimare_pipeline-dataset"
VERSION = 2
_LONG = 1000
"""Rows from which texts that repeat are kept once."""
_PARTS = ("data", "indices", "indptr")
_COMPRESSION = 1
"""Of zlib. A database is saved twice a run: the usual 6 takes thrice the time for 10 % less."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save(path: Path, tables: Tables, mask: BrainMask, space: str) -> Path:
    """Write a dataset to ``path``, aside first and then renamed; same data, same bytes.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    members = _members(tables, mask, space)
    aside = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in members.items():
                info = zipfile.ZipInfo(name, date_time=_EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, body, compresslevel=_COMPRESSION)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg) from error
    return path


def is_of(path: Path, tables: Tables, mask: BrainMask, space: str) -> bool:
    """Whether a saved file, undamaged, holds just this; a damaged one does not."""
    expected = _members(tables, mask, space)
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist() == list(expected) and all(
                archive.read(name) == body for name, body in expected.items()
            )
    except DAMAGE:
        return False


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
    except DAMAGE as error:
        advice = "save the dataset again, or read it from its source"
        msg = f"{path} is damaged: {error!s:.300}; {advice}"
        raise DataError(msg) from error


def is_container(path: Path) -> bool:
    """Whether a file begins like one of ours (it may still be damaged further on)."""
    with path.open("rb") as stream:
        head = stream.read(64)
    return head.startswith(b"PK\x03\x04") and b"manifest.json" in head


def _load(path: Path) -> tuple[Tables, BrainMask, str]:
    with zipfile.ZipFile(path) as archive:
        check_size(archive, path.stat().st_size)
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
    tables = {name: _unpacked(name, members) for name in FRAMES}
    matrices = tuple(
        _unpacked_matrix(name.removesuffix(".json"), members)
        for name in members
        if name.startswith("labels") and name.endswith(".json")
    )
    affine = np.array(manifest["mask"]["affine"], dtype=float)
    mask = BrainMask(_array(members["mask.npy"]), affine, manifest["mask"]["name"])
    return Tables(**tables, matrices=matrices), mask, manifest["space"]


def _members(tables: Tables, mask: BrainMask, space: str) -> dict[str, bytes]:
    """Content of a saved file, member by member, the manifest first."""
    members = {"mask.npy": _npy(mask.inside)}
    for name, table in tables.frames().items():
        header, arrays = _packed(table)
        members[f"{name}.json"] = _json(header)
        members |= {f"{name}.{part}": _npy(array) for part, array in arrays.items()}
    for number, matrix in enumerate(tables.matrices):
        members |= _packed_matrix(f"labels{number}", matrix)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "space": space,
        "mask": {"name": mask.name, "affine": mask.affine.tolist()},
        "sha256": {name: hashlib.sha256(body).hexdigest() for name, body in members.items()},
    }
    return {"manifest.json": _json(manifest), **members}


def _packed(table: pd.DataFrame) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    types = {name: str(table[name].dtype) for name in table.columns}
    floats = [name for name, kind in types.items() if kind == "float64"]
    values, codes = {}, {}
    for name, kind in types.items():
        if kind != "float64":
            values[name], codes[name] = _coded(table[name])
    header = {"types": list(types.items()), "n_rows": len(table), "values": values}
    arrays = {"npy": np.ascontiguousarray(table[floats].to_numpy(dtype=np.float64))}
    coded = {name: code for name, code in codes.items() if code is not None}
    if coded:
        header["coded"] = list(coded)
        arrays["codes.npy"] = np.array(list(coded.values()), dtype=np.int32)
    return header, arrays


def _coded(column: pd.Series) -> tuple[list[Any], NDArray[np.int32] | None]:
    """Texts once, and the number of each cell's (-1: none); or the cells as they are."""
    if column.dtype == object and len(column) >= _LONG:
        try:
            codes, found = pd.factorize(column)
        except TypeError:  # lists
            return column.tolist(), None
        if len(found) <= len(column) / 2 and all(isinstance(one, str) for one in found):
            return list(found), codes.astype(np.int32)
    return column.tolist(), None


def _unpacked(table: str, members: Mapping[str, bytes]) -> pd.DataFrame:
    header, floats = json.loads(members[f"{table}.json"]), _array(members[f"{table}.npy"])
    names = [name for name, kind in header["types"] if kind == "float64"]
    columns: dict[str, Any] = {name: floats[:, i] for i, name in enumerate(names)}
    columns |= header["values"]
    for name, codes in zip(
        header.get("coded", ()), _codes(f"{table}.codes.npy", members), strict=True
    ):
        columns[name] = np.array([*header["values"][name], None], dtype=object)[codes]
    data = {name: pd.Series(columns[name], dtype=kind) for name, kind in header["types"]}
    if {len(column) for column in data.values()} != {header["n_rows"]}:
        msg = f"columns of {table} have other lengths than {header['n_rows']}"
        raise ValueError(msg)
    return pd.DataFrame(data, index=pd.RangeIndex(header["n_rows"]))


def _codes(name: str, members: Mapping[str, bytes]) -> Any:
    return _array(members[name]) if name in members else ()


def _packed_matrix(name: str, matrix: LabelMatrix) -> dict[str, bytes]:
    header = {"labels": matrix.labels, "shape": matrix.values.shape}
    arrays = {part: getattr(matrix.values, part) for part in _PARTS} | {"present": matrix.present}
    return {
        f"{name}.json": _json(header),
        **{f"{name}.{part}.npy": _npy(array) for part, array in arrays.items()},
    }


def _unpacked_matrix(name: str, members: Mapping[str, bytes]) -> LabelMatrix:
    header = json.loads(members[f"{name}.json"])
    arrays = [_array(members[f"{name}.{part}.npy"]) for part in (*_PARTS, "present")]
    values = sparse.csc_array(tuple(arrays[:3]), shape=tuple(header["shape"]))
    return LabelMatrix(tuple(header["labels"]), values, arrays[3])


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
    return read_npy(io.BytesIO(body), len(body))


def _advice(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(1)
    if head in {b"{", b"/"}:
        return "it may be of another format: read it with nimare_pipeline.io.read(path)"
    return "it does not begin like a file written by Dataset.save"
