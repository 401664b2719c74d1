"""A MAT file of MATLAB within bounds, before scipy takes as much memory as the file claims."""

import math
import struct
import zlib
from io import BytesIO
from typing import Any

MOST_BYTES = 2**28
"""Of a file, packed or not; an SPM.mat of a group has less than a hundredth."""
DEEPEST = 64
"""Levels of structures in each other: those of SPM have fewer than 10."""
_ALWAYS = 10**6
"""Elements that an array may claim whatever its bytes."""
_MATRIX, _PACKED = 14, 15
_CELL, _STRUCT, _OBJECT, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 5, 16, 17
_HEADER = 128


def load(body: bytes, name: str) -> Any:
    """Variable of a MAT file (versions 5 to 7), structures as objects with attributes.

    Raises
    ------
    ValueError
        If it is another file, is damaged, claims more than it holds, or lacks the variable.
    """
    if body[:8] == b"\x89HDF\r\n\x1a\n" or b"MATLAB 7.3" in body[:128]:
        raise ValueError("saved as version 7.3, which is HDF5; save it again with -v7")
    if len(body) < _HEADER or body[126:128] not in (b"IM", b"MI"):
        raise ValueError("not a MAT file of version 5 to 7")
    order = "<" if body[126:128] == b"IM" else ">"
    _check_all(body, order)
    from scipy.io import loadmat

    try:
        found = loadmat(
            BytesIO(body), variable_names=[name], struct_as_record=False, squeeze_me=True
        )
    except Exception as error:  # scipy raises anything where a byte is wrong
        raise ValueError(f"damaged: {' '.join(str(error).split())[:200]}") from error
    if name not in found:
        raise ValueError(f"there is no variable {name} in it")
    return found[name]


def _check_all(body: bytes, order: str) -> None:
    """Refuse a file of which an array claims more elements than it has bytes."""
    at, left = _HEADER, MOST_BYTES
    while at + 8 <= len(body):
        kind, size, start, after = _tag(body, at, order)
        if kind == _PACKED:
            whole = _unpacked(body[start : start + size], left)
            left -= len(whole)
            if len(whole) >= 8:
                kind, size, start, _ = _tag(whole, 0, order)
                if kind == _MATRIX:
                    _check(whole, start, min(start + size, len(whole)), order, 0)
            at = _behind(body, at, order)
            continue
        if kind == _MATRIX:
            _check(body, start, min(start + size, len(body)), order, 0)
        at = after


def _behind(body: bytes, at: int, order: str) -> int:
    """Place behind a packed variable, which is not filled up to eight bytes."""
    _, size = struct.unpack_from(f"{order}II", body, at)
    return at + 8 + size


def _unpacked(piece: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        whole = unpacker.decompress(piece, most + 1)
    except zlib.error as error:
        raise ValueError(f"damaged: {error}") from error
    if len(whole) > most:
        raise ValueError(f"it unpacks to more than {MOST_BYTES >> 20} MB")
    return whole


def _tag(body: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """Kind and size of an element, where its data begin, and where the next one does."""
    if at + 8 > len(body):
        raise ValueError("it ends in the middle")
    kind, size = struct.unpack_from(f"{order}II", body, at)
    if kind >> 16:
        return kind & 0xFFFF, min(kind >> 16, 4), at + 4, at + 8
    return kind, size, at + 8, at + 8 + -(-size // 8) * 8


def _check(body: bytes, at: int, end: int, order: str, depth: int) -> None:
    """Check one matrix, and those in it."""
    if depth > DEEPEST:
        raise ValueError(f"structures nested more than {DEEPEST} levels")
    if end - at < 16:
        return
    _, _, start, at = _tag(body, at, order)
    if start + 4 > len(body):
        raise ValueError("it ends in the middle")
    kind = struct.unpack_from(f"{order}I", body, start)[0] & 0xFF
    if kind != _OPAQUE:
        _, size, start, at = _tag(body, at, order)
        n = min(size, max(end - start, 0)) // 4
        sizes = struct.unpack_from(f"{order}{n}i", body, start)
        claimed = math.prod(max(one, 0) for one in sizes)
        if kind != _SPARSE and claimed > max(end - at, _ALWAYS):
            raise ValueError(f"an array that claims {claimed:,} elements")
        inner = kind in (_CELL, _STRUCT, _OBJECT)
        if inner and claimed > max(end - at, 0) // 8 + 1:
            raise ValueError(f"an array that claims {claimed:,} elements")
    if kind not in (_CELL, _STRUCT, _OBJECT, _FUNCTION, _OPAQUE):
        return
    while at + 8 <= end:
        inner_kind, size, start, after = _tag(body, at, order)
        if inner_kind == _MATRIX:
            _check(body, start, min(start + size, end), order, depth + 1)
        at = after
