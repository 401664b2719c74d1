"""Statistical images of a dataset in memory: one array a kind, over the voxels of the mask."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import counted, is_missing
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError, Problem
from nimare_pipeline.image_facts import ImageFacts, Onto
from nimare_pipeline.tables import ID_COLUMNS, RELATIVE
from nimare_pipeline.unpacking import DAMAGE, is_of_system, read_npz
from nimare_pipeline.volumes import read_volume

KINDS = ("z", "t", "p", "beta", "varcope", "se", "sd", "d", "g", "g_var")
"""Kinds of statistical images, as the columns of ``Dataset.images`` are called."""

_NO_KINDS = ("space", "mask")
"""Columns of ``Dataset.images`` that say something else of a contrast."""


@dataclass(frozen=True)
class ImageStack:
    """Images of some contrasts, by kind.

    Parameters
    ----------
    ids : tuple of str
        Contrasts, in the order of the dataset.
    values : mapping of str to (n_contrasts, n_voxels) float32 array
        By kind, over the voxels of the mask. NaN where a value is missing; a row of NaN only is
        a contrast without this image.
    made : mapping of str to tuple of str
        By kind the contrasts whose image was computed from others, not read.
    """

    ids: tuple[str, ...]
    values: Mapping[str, NDArray[np.float32]]
    made: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {kind: array.shape for kind, array in self.values.items()}
        if len(set(shapes.values())) > 1 or any(s[0] != len(self.ids) for s in shapes.values()):
            msg = f"images of {len(self.ids)} contrasts cannot have the shapes {shapes}"
            raise DataError(msg)

    @property
    def n_voxels(self) -> int:
        """Voxels of the mask; 0 without images."""
        return next((array.shape[1] for array in self.values.values()), 0)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds that at least one contrast may have."""
        return tuple(self.values)

    def has(self, kind: str) -> NDArray[np.bool_]:
        """Whether each contrast has an image of a kind, (n_contrasts,)."""
        if kind not in self.values:
            return np.zeros(len(self.ids), dtype=bool)
        return np.array([bool(np.isfinite(row).any()) for row in self.values[kind]], dtype=bool)

    def has_one(self, name: str, kind: str) -> bool:
        """Whether one contrast has an image of a kind."""
        return kind in self.values and bool(
            np.isfinite(self.values[kind][self.ids.index(name)]).any()
        )

    def complete(self, kinds: Sequence[str]) -> "ImageStack":
        """Contrasts that have every one of ``kinds``, with those kinds only."""
        holds = np.ones(len(self.ids), dtype=bool)
        for kind in kinds:
            holds &= self.has(kind)
        empty = np.zeros((len(self.ids), self.n_voxels), dtype=np.float32)
        chosen = {kind: self.values.get(kind, empty) for kind in kinds}
        made = {kind: self.made[kind] for kind in kinds if kind in self.made}
        return ImageStack(self.ids, chosen, made).rows(holds)

    def only(self, ids: Collection[str]) -> "ImageStack":
        """Some of the contrasts, in the order they have here."""
        wanted = set(ids)
        return self.rows(np.array([name in wanted for name in self.ids], dtype=bool))

    def without(self, images: Collection[tuple[str, str]]) -> "ImageStack":
        """Stack without some images, given as contrast and kind; contrasts with none left go."""
        dropped: dict[str, list[str]] = defaultdict(list)
        for name, kind in images:
            dropped[kind].append(name)
        values = dict(self.values)
        for kind, names in dropped.items():
            if kind in values:
                values[kind] = values[kind].copy()
                values[kind][np.isin(np.array(self.ids, dtype=object), names)] = np.nan
        left = ImageStack(self.ids, values, self.made)
        holds = np.zeros(len(self.ids), dtype=bool)
        for kind in values:
            holds |= left.has(kind)
        return left.rows(holds)

    def with_values(
        self, values: Mapping[str, NDArray[Any]], made: Mapping[str, Iterable[str]]
    ) -> "ImageStack":
        """Stack with kinds replaced or added, and who of them was computed."""
        arrays = {kind: np.asarray(array, np.float32) for kind, array in values.items()}
        names = {kind: tuple(ids) for kind, ids in made.items()}
        return replace(self, values={**self.values, **arrays}, made={**self.made, **names})

    def rows(self, holds: NDArray[np.bool_]) -> "ImageStack":
        """Contrasts for which a (n_contrasts,) mask holds."""
        if holds.all():
            return self
        ids = tuple(name for name, kept in zip(self.ids, holds, strict=True) if kept)
        left = set(ids)
        made = {kind: tuple(n for n in names if n in left) for kind, names in self.made.items()}
        return ImageStack(ids, {kind: array[holds] for kind, array in self.values.items()}, made)

    def save(self, path: str | Path) -> Path:
        """Write everything to one npz file without pickled objects, not compressed."""
        header = {
            "ids": list(self.ids),
            "kinds": list(self.values),
            "made": {kind: list(names) for kind, names in self.made.items()},
        }
        arrays = {f"image/{kind}": array for kind, array in self.values.items()}
        path = Path(path)
        with path.open("wb") as stream:
            np.savez(
                stream,
                allow_pickle=False,
                header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
                **arrays,
            )
        return path

    @classmethod
    def load(cls, path: str | Path) -> "ImageStack":
        """Read what :meth:`save` wrote.

        Raises
        ------
        NoInputError
            If there is no such file.
        DataError
            If it is damaged, or something else.
        """
        try:
            members = read_npz(path)
            header = json.loads(members["header"].tobytes().decode())
            values = {
                kind: members[f"image/{kind}"].astype(np.float32, copy=False)
                for kind in header["kinds"]
            }
            made = {kind: tuple(names) for kind, names in header["made"].items()}
            return cls(tuple(header["ids"]), values, made)
        except FileNotFoundError as error:
            msg = f"no such file: {path}"
            raise NoInputError(msg) from error
        except DAMAGE as error:
            if is_of_system(error):
                raise
            msg = f"{path} is not a file of images, or is damaged: {error!s:.300}"
            raise DataError(msg) from error


@dataclass(frozen=True)
class LoadedImages:
    """Images of a dataset, what each was like, and what is wrong.

    Parameters
    ----------
    stack : ImageStack
    facts : tuple of ImageFacts
        Of each image that could be read, by contrast, then kind.
    problems : tuple of Problem
        Errors are images that could not be read; warnings, for example, those resampled.
    failed : tuple of (str, str, Problem)
        Contrast, kind and problem of each image that could not be read.
    """

    stack: ImageStack
    facts: tuple[ImageFacts, ...]
    problems: tuple[Problem, ...]
    failed: tuple[tuple[str, str, Problem], ...]


def load_images(
    dataset: Dataset, kinds: Sequence[str] | None = None, *, n_threads: int = 1
) -> tuple[ImageStack, list[Problem]]:
    """Read the images of a dataset, each file once, onto the voxels of its mask.

    Parameters
    ----------
    dataset : Dataset
        Its ``images`` have absolute paths, or relative ones after ``update_path``.
    kinds : sequence of str, optional
        Kinds to read, see ``KINDS``; all that there are by default.
    n_threads : int
        Files that are read at the same time.

    Returns
    -------
    stack : ImageStack
        Of the contrasts that have at least one of ``kinds``, in order of the dataset. Values that
        are not finite, and those that are exactly 0, are missing: 0 is what is written where an
        image has no data.
    problems : list of Problem
        Errors for images that cannot be read (they are missing in the stack); a warning for each
        that lies on another grid than the mask and was resampled.

    Notes
    -----
    An image on another grid is resampled at the voxel centres of the mask by linear interpolation
    among the neighbours that have data, whose weights are scaled to a sum of 1; where these have
    less than half of the weight the value is missing. So a value never leaves the range of the
    image, and does not fade towards the 0 outside the brain. An image of labels takes the nearest
    voxel.
    """
    found = examine_images(dataset, kinds, n_threads=n_threads)
    return found.stack, list(found.problems)


def examine_images(
    dataset: Dataset, kinds: Sequence[str] | None = None, *, n_threads: int = 1
) -> LoadedImages:
    """Read the images of a dataset as :func:`load_images` does, with what each was like."""
    wanted = _paths(dataset, KINDS if kinds is None else kinds)
    ids = tuple(dict.fromkeys(name for name, _ in wanted))
    row_of = {name: row for row, name in enumerate(ids)}
    there = dict.fromkeys(kind for _, kind in wanted)
    order = [kind for kind in dict.fromkeys((*KINDS, *there)) if kind in there]
    values = {
        kind: np.full((len(ids), dataset.mask.n_voxels), np.nan, dtype=np.float32)
        for kind in order
    }
    users: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, path in wanted.items():
        users[path].append(key)
    onto = Onto(dataset.mask)

    def read(path: str) -> list[tuple[tuple[str, str], ImageFacts | Problem]]:
        keys = users[path]
        try:
            where = _where(dataset, keys)
            volume = read_volume(_absolute(path, where), where)
        except DataError as error:
            return [(key, error.problems[0]) for key in keys]
        row, facts = onto(volume, ImageFacts("", "", path))
        for name, kind in keys:
            values[kind][row_of[name]] = row
        return [(key, replace(facts, id=key[0], kind=key[1])) for key in keys]

    outcome = dict(pair for pairs in _in_threads(read, list(users), n_threads) for pair in pairs)
    facts = tuple(one for key in wanted if isinstance(one := outcome[key], ImageFacts))
    failed = tuple((*key, one) for key in wanted if isinstance(one := outcome[key], Problem))
    problems = [*dict.fromkeys(problem for *_, problem in failed)]
    problems += _unknown_kinds(dataset) if kinds is None else []
    problems += _warnings(facts, dataset)
    return LoadedImages(ImageStack(ids, values), facts, tuple(problems), failed)


def _in_threads(
    function: Callable[[str], Any], items: Sequence[str], n_threads: int
) -> Iterable[Any]:
    if n_threads <= 1 or len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, items))


def _paths(dataset: Dataset, kinds: Sequence[str]) -> dict[tuple[str, str], str]:
    """Path of each image by contrast and kind, relative ones as the file gives them."""
    images = dataset.images
    found: dict[tuple[str, str], str] = {}
    for row, name in enumerate(images["id"].tolist()):
        for kind in kinds:
            for column in (kind, kind + RELATIVE):
                path = images[column].iloc[row] if column in images else None
                if not is_missing(path) and str(path).strip():
                    found[name, kind] = str(path)
                    break
    return found


def _unknown_kinds(dataset: Dataset) -> list[Problem]:
    """What is given as images, but is none of the kinds that are read."""
    table = dataset.images
    given = {str(name).removesuffix(RELATIVE) for name in table.columns if name not in ID_COLUMNS}
    found = []
    for kind in sorted(given - {*KINDS, *_NO_KINDS}):
        columns = [name for name in (kind, kind + RELATIVE) if name in table]
        n = int(table[columns].notna().any(axis=1).sum())
        message = f"images called {kind!r}, of {counted(n, 'contrast')}, are not used"
        advice = f"kinds of images are {', '.join(KINDS)}"
        found.append(Problem("warning", message, suggestion=advice, kind="unknown images"))
    return found


def _where(dataset: Dataset, keys: Sequence[tuple[str, str]]) -> str:
    """Study, contrast and kind that a file is of; others that use it are counted."""
    name, kind = keys[0]
    row = dataset.images.loc[dataset.images["id"] == name].iloc[0]
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return f"study {row['study_id']}, contrast {row['contrast_id']}, {kind} image{more}"


def _absolute(path: str, where: str) -> Path:
    if "://" in path:
        message, advice = "an address, not a file", "download it, and give the path of the file"
    elif not Path(path).is_absolute():
        message = "a relative path, and no folder it counts from"
        advice = "name the folder with Dataset.update_path"
    else:
        return Path(path)
    problem = Problem("error", message, path, where, advice, kind="unreadable")
    raise DataError("an image cannot be read", [problem])


def _warnings(facts: Sequence[ImageFacts], dataset: Dataset) -> list[Problem]:
    """What is odd in each file, and once for all images of a grid that they were resampled."""
    found: list[Problem] = []
    grids: dict[tuple[str, str], list[ImageFacts]] = defaultdict(list)
    for one in facts:
        where = _where(dataset, [(one.id, one.kind)])
        found += [
            Problem("warning", note, one.file, where, kind="image file") for note in one.notes
        ]
        if one.grid != "same":
            shape, zooms = "x".join(map(str, one.shape)), "x".join(f"{mm:.3g}" for mm in one.zooms)
            words = f"{shape} voxels of {zooms} mm, {one.orientation}"
            grids[words, one.grid].append(one)
    for (words, grid), images in grids.items():
        how = "linear" if grid == "linear" else "nearest voxel, as its values are labels"
        lies, was = ("it lies", "was") if len(images) == 1 else ("they lie", "were")
        message = f"{lies} on another grid than the mask ({words}) and {was} resampled ({how})"
        where = _where(dataset, [(one.id, one.kind) for one in images])
        found.append(Problem("warning", message, images[0].file, where, kind="resampled"))
    return found
