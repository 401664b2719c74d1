"""The same data twice: contrasts, mirror images, and studies under two names."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline import suspicious_moves
from nimare_pipeline.contrast import is_missing, listed
from nimare_pipeline.errors import Problem
from nimare_pipeline.suspects import Suspects, keys_of

LEAST = 4
"""Fewer foci may be the same, or mirrored, by chance."""
LEAST_SHARED = 5
"""So many foci of two studies, at least, ..."""
SHARE = 0.8
"""... and this share of the smaller contrast: then one of them has the other's data."""
_RARE = 6
"""Foci that more contrasts have than this are places that many report: no sign of a copy."""
_NAMED = 5
_TWICE = "one study under two names, or foci taken over from another? They count twice"
_ONE_ID = "give one study one id, so that it counts once; or correct what is wrong"

_IDENTIFIERS = {
    "DOI": ("doi",),
    "PMID": ("pmid", "pubmed_id", "pubmed"),
    "PMCID": ("pmcid",),
}
_ET_AL = re.compile(r"\bet\.?\s*al\b\.?")
_Pairs = list[tuple[int, int]]


def found(suspects: Suspects) -> list[Problem]:
    """Warnings about contrasts and studies that stand twice.

    Parameters
    ----------
    suspects : Suspects

    Returns
    -------
    list of Problem
        Contrasts with the same foci; contrasts of two studies that share most of them; the same
        in two spaces; mirror images; two names of one study.
    """
    keys = keys_of(suspects.published)
    same = _sets(keys, suspects)
    groups = _equal(same)
    # Of contrasts with the same foci the first stands for all in what follows.
    first = {number: group[0] for group in groups for number in group}
    copies = {number for number, other in first.items() if number != other}
    mirrored = keys_of(suspects.published * [-1, 1, 1])
    mirrors = _mirrors(suspects, same, _sets(mirrored, suspects))
    taken = set(mirrors)
    overlaps = _overlaps(suspects, keys, keys)
    shared = [(i, j) for i, j in overlaps if (i, j) not in taken and not _alike(first, i, j)]
    taken |= set(shared)
    partly = [p for p in _overlaps(suspects, keys, mirrored) if p not in taken]
    taken |= set(partly)
    return [
        *(_copy(suspects, group) for group in groups),
        *(_shared(suspects, keys, pair) for pair in shared),
        *(_mirror(suspects, pair, "") for pair in mirrors),
        *(_mirror(suspects, pair, "most of ") for pair in partly),
        *suspicious_moves.found(suspects, taken, copies, _TWICE),
        *_names(suspects),
        *_identifiers(suspects),
    ]


def _distinct(
    keys: NDArray[np.int64], suspects: Suspects
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Contrast and key of each focus, every focus of a contrast once, in order."""
    order = np.lexsort((keys, suspects.owner))
    owner, keys = suspects.owner[order], keys[order]
    first = np.ones(len(keys), bool)
    first[1:] = (owner[1:] != owner[:-1]) | (keys[1:] != keys[:-1])
    return owner[first], keys[first]


def _sets(keys: NDArray[np.int64], suspects: Suspects) -> dict[int, bytes]:
    """Foci of each contrast that has enough of them, in a form that can be compared."""
    owner, keys = _distinct(keys, suspects)
    numbers, starts, counts = np.unique(owner, return_index=True, return_counts=True)
    return {
        number: keys[start : start + n].tobytes()
        for number, start, n in zip(
            numbers.tolist(), starts.tolist(), counts.tolist(), strict=True
        )
        if n >= LEAST
    }


def _equal(sets: dict[int, bytes]) -> list[list[int]]:
    groups = defaultdict(list)
    for number, keys in sets.items():
        groups[keys].append(number)
    return [group for group in groups.values() if len(group) > 1]


def _alike(first: dict[int, int], i: int, j: int) -> bool:
    return i in first and first[i] == first.get(j)


def _mirrors(suspects: Suspects, sets: dict[int, bytes], mirrored: dict[int, bytes]) -> _Pairs:
    """Contrasts whose foci, x with the other sign, are those of another."""
    of = {keys: number for number, keys in reversed(sets.items())}
    pairs = ((of.get(keys), number) for number, keys in mirrored.items())
    return [
        (other, number)
        for other, number in pairs
        if other is not None and other < number and sets[number] != mirrored[number]
    ]


def _overlaps(suspects: Suspects, keys: NDArray[np.int64], others: NDArray[np.int64]) -> _Pairs:
    """Pairs of contrasts of two studies that share most foci of the smaller one."""
    n = len(suspects.studies)
    (rows, left), (columns, right) = _distinct(keys, suspects), _distinct(others, suspects)
    values, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    parts = codes[: len(left)], codes[len(left) :]
    rare = np.bincount(parts[0], minlength=len(values)) <= _RARE
    rare &= np.bincount(parts[1], minlength=len(values)) <= _RARE
    a, b = (
        sparse.csr_array(
            (np.ones(int(rare[code].sum()), np.int32), (who[rare[code]], code[rare[code]])),
            shape=(n, len(values)),
        )
        for code, who in ((parts[0], rows), (parts[1], columns))
    )
    shared = sparse.triu(a @ b.T, 1).tocoo()
    sizes = np.bincount(rows, minlength=n)
    smaller = np.minimum(sizes[shared.row], sizes[shared.col])
    # Common places are left out of the count of rare ones: half of the wanted share will do here.
    likely = (shared.data >= LEAST) & (shared.data >= SHARE / 2 * smaller)
    sets = _Slices(rows, left), _Slices(columns, right)
    pairs = zip(shared.row[likely].tolist(), shared.col[likely].tolist(), strict=True)
    return [
        (i, j)
        for i, j in pairs
        if suspects.studies[i] != suspects.studies[j]
        and len(np.intersect1d(sets[0](i), sets[1](j)))
        >= max(LEAST_SHARED, SHARE * min(sizes[i], sizes[j]))
    ]


class _Slices:
    """Keys of a contrast by its number."""

    def __init__(self, owner: NDArray[np.int64], keys: NDArray[np.int64]) -> None:
        self._owner, self._keys = owner, keys

    def __call__(self, number: int) -> NDArray[np.int64]:
        start, end = np.searchsorted(self._owner, [number, number + 1])
        return self._keys[start:end]


def _copy(suspects: Suspects, group: Sequence[int]) -> Problem:
    """Warning about contrasts with the same foci."""
    first, *others = group
    n = int(suspects.counts[first])
    names = listed([suspects.name(i) for i in others], _NAMED)
    said = f"has the same {n:,} foci as {names}"
    labels = {bool(suspects.is_talairach[suspects.of(i)].all()) for i in group}
    if len(labels) > 1:
        said += ", once as Talairach, once as MNI"
        return suspects.warn(first, "copy-spaces", said, "one of the spaces must be wrong")
    if len({suspects.studies[i] for i in group}) > 1:
        return suspects.warn(first, "copy", said, _TWICE)
    return suspects.warn(first, "copy-within", said, "were the foci of one pasted into the other?")


def _shared(suspects: Suspects, keys: NDArray[np.int64], pair: tuple[int, int]) -> Problem:
    """Warning about contrasts of two studies, the smaller of which shares most of its foci."""
    i, j = sorted(pair, key=lambda one: len(np.unique(keys[suspects.of(one)])))
    a, b = (np.unique(keys[suspects.of(one)]) for one in (i, j))
    n = len(np.intersect1d(a, b))
    share = f"all its {n:,} foci" if n == len(a) else f"{n:,} of its {len(a):,} foci"
    said = f"{share} are among the {len(b):,} of {suspects.name(j)}"
    return suspects.warn(i, "shared", said, _TWICE)


def _mirror(suspects: Suspects, pair: tuple[int, int], how_many: str) -> Problem:
    i, j = pair
    said = f"{how_many}its foci are the mirror image of those of {suspects.name(j)}"
    return suspects.warn(i, "mirror", said, "left and right are swapped in one of them?")


def _names(suspects: Suspects) -> Iterator[Problem]:
    """Warnings about study ids that differ in spelling only."""
    yield from _same(suspects, suspects.studies, _plain, _spelled, "spelling")


def _identifiers(suspects: Suspects) -> Iterator[Problem]:
    """Warnings about studies that have one DOI or PMID."""
    kinds = {column: what for what, columns in _IDENTIFIERS.items() for column in columns}
    for name, cells in suspects.metadata.items():
        if what := kinds.get(name.lower()):
            yield from _same(
                suspects, cells, _identifier, partial(_stands_for, what), "identifier"
            )


def _stands_for(what: str, value: str, names: list[str]) -> str:
    return f"{what} {value} stands for {len(names)} studies: {listed(names, _NAMED)}"


def _spelled(value: str, names: list[str]) -> str:
    return f"is {value!r} one study under {len(names)} spellings? {listed(names, _NAMED)}"


def _same(
    suspects: Suspects,
    cells: Iterable[object],
    plain: Callable[[object], str],
    say: Callable[[str, list[str]], str],
    kind: str,
) -> Iterator[Problem]:
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for i, cell in enumerate(cells):
        if value := plain(cell):
            groups[value].setdefault(suspects.studies[i], i)
    for value, studies in groups.items():
        if len(studies) > 1:
            first = next(iter(studies.values()))
            yield suspects.warn(first, kind, say(value, list(studies)), _ONE_ID)


def _plain(cell: object) -> str:
    """Letters and digits of a study id."""
    text = unicodedata.normalize("NFKD", str(cell)).casefold()
    text = _ET_AL.sub("", text)
    return "".join(letter for letter in text if letter.isalnum())


def _identifier(cell: object) -> str:
    if is_missing(cell) or isinstance(cell, bool):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell).strip().lower()
    text = re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*|pmid:?\s*)", "", text)
    return text if re.search(r"[1-9]", text) else ""
