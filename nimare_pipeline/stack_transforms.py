"""Images that contrasts lack, computed in memory from those they have."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import listed
from nimare_pipeline.errors import Problem, UsageError
from nimare_pipeline.images import KINDS, ImageStack
from nimare_pipeline.transform_rules import (
    UNSIGNED_RULE,
    People,
    Rule,
    lacking,
    resolve_transforms,
)


def transform_stack(
    stack: ImageStack,
    kinds: str | Iterable[str],
    people: Mapping[str, People],
    *,
    overwrite: bool = False,
    n_threads: int = 1,
) -> ImageStack:
    """Compute the images that contrasts lack, from those they have.

    Parameters
    ----------
    stack : ImageStack
    kinds : str or iterable of str
        Kinds to compute.
    people : mapping of str to People
        Of :func:`nimare_pipeline.transform_rules.people_of`.
    overwrite : bool
        Also compute those that are there, where they follow from others.
    n_threads : int
        Contrasts that are computed at the same time.

    Returns
    -------
    ImageStack
        With ``kinds`` added; ``made`` names the contrasts whose image was computed. Where a
        source is missing, or nothing is defined, the value is missing. Why a contrast still lacks
        an image :func:`transform_problems` says.

    Raises
    ------
    UsageError
        For an unknown kind.

    Notes
    -----
    The steps are those of :func:`resolve_transforms`, computed in float64 and rounded once. p
    below 1e-38, which a float32 image cannot hold, is 1e-38.
    """
    wanted = checked_kinds(kinds)
    plans = _plans(stack, wanted, people, overwrite=overwrite)
    empty = (len(stack.ids), stack.n_voxels)
    values = {
        kind: stack.values[kind].copy()
        if kind in stack.values
        else np.full(empty, np.nan, dtype=np.float32)
        for kind in wanted
    }

    def compute(row: int) -> None:
        name = stack.ids[row]
        for kind in wanted:
            if (name, kind) in plans:
                made = _computed(stack, row, plans[name, kind], people.get(name, People()))
                with np.errstate(over="ignore", under="ignore"):
                    values[kind][row] = made

    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        list(pool.map(compute, range(len(stack.ids))))
    for array in values.values():
        array[~np.isfinite(array) | (array == 0)] = np.nan
    made = {
        kind: (
            *(name for name in stack.made.get(kind, ()) if (name, kind) not in plans),
            *(name for name in stack.ids if (name, kind) in plans),
        )
        for kind in wanted
    }
    order = {name: number for number, name in enumerate(stack.ids)}
    return stack.with_values(
        values, {kind: sorted(names, key=order.__getitem__) for kind, names in made.items()}
    )


def transform_problems(
    stack: ImageStack, kinds: str | Iterable[str], people: Mapping[str, People]
) -> list[Problem]:
    """Say which images cannot be computed and what they would need, and which lose their sign."""
    problems = []
    wanted = checked_kinds(kinds)
    plans = _plans(stack, wanted, people, overwrite=False)
    there = _available(stack, people)
    for name in stack.ids:
        for kind in wanted:
            where = f"contrast {name}, {kind} image"
            if plans.get((name, kind)) == (UNSIGNED_RULE,):
                message = "computed from p alone, every z is positive, also where activity fell"
                advice = "give its t or effect image, too"
                problems.append(Problem("warning", message, "", where, advice, kind="unsigned"))
            elif kind not in there[name] and (name, kind) not in plans:
                need = lacking(kind, there[name])
                message = f"it is not there, and cannot be computed without {need}"
                problems.append(Problem("warning", message, "", where, kind="no image"))
    return problems


def checked_kinds(kinds: str | Iterable[str]) -> tuple[str, ...]:
    """Kinds asked for, each once.

    Raises
    ------
    UsageError
        If there are none, or unknown ones.
    """
    wanted = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = [kind for kind in wanted if kind not in KINDS]
    if unknown or not wanted:
        what = f"unknown kinds of images: {listed(unknown)}" if unknown else "no kind of image"
        msg = f"{what}; accepted are: {', '.join(KINDS)}"
        raise UsageError(msg)
    return tuple(dict.fromkeys(wanted))


def _available(stack: ImageStack, people: Mapping[str, People]) -> dict[str, frozenset[str]]:
    has = {kind: stack.has(kind) for kind in stack.kinds}
    return {
        name: frozenset(kind for kind in has if has[kind][row]) | people.get(name, People()).known
        for row, name in enumerate(stack.ids)
    }


def _plans(
    stack: ImageStack, wanted: Sequence[str], people: Mapping[str, People], *, overwrite: bool
) -> dict[tuple[str, str], tuple[Rule, ...]]:
    """Steps to each image that is to be computed, by contrast and kind."""
    plans = {}
    for name, available in _available(stack, people).items():
        for kind in wanted:
            if kind in available and not overwrite:
                continue
            steps = resolve_transforms(kind, available - {kind}, unsigned=kind not in available)
            if steps:
                plans[name, kind] = steps
    return plans


def _computed(
    stack: ImageStack, row: int, steps: Sequence[Rule], people: People
) -> NDArray[np.float64]:
    values: dict[str, NDArray[np.float64]] = {}
    for step in steps:
        for kind in step.sources:
            if kind not in values:
                values[kind] = stack.values[kind][row].astype(np.float64)
        values[step.target] = step(values, people)
    return values[steps[-1].target]
