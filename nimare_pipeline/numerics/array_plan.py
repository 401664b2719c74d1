"""What a Monte Carlo loop reads, as a record of arrays that can be saved, checked and run."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.permute import n_divisions
from nimare_pipeline.numerics.threads import run_slices

Out = TypeVar("Out")
Loop = Callable[[np.uint64, np.int64, Any, Any, NDArray[np.int64]], None]
"""Compiled: seed, number of the first iteration, arrays of the plan, memory of one thread, and
where the iterations go, a column each."""


@dataclass(frozen=True)
class ArrayPlan:
    """Base of the plans: every field is an array, and the plan says how a block is run."""

    @property
    def digest(self) -> str:
        """SHA-256 of every array, its type and shape."""
        total = hashlib.sha256()
        for field in fields(self):
            array = getattr(self, field.name)
            total.update(json.dumps([field.name, array.dtype.str, array.shape]).encode())
            # No copy: the runs of a database are hundreds of megabytes.
            total.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return total.hexdigest()

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All arrays in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def iterations(self, asked: int) -> int:
        """How many iterations there are: fewer than asked where all draws can be enumerated."""
        return asked

    @property
    def exhaustive(self) -> bool:
        """Whether the iterations are all the draws there are, the observed one among them."""
        return False

    def run(
        self,
        *,
        seed: int,
        first: int,
        n_iters: int,
        n_threads: int = 1,
        should_stop: Callable[[], bool] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> dict[str, NDArray[np.int64]]:
        """Null maxima of iterations ``first`` to ``first + n_iters - 1``.

        Parameters
        ----------
        seed : int
            0 to 2**64 - 1.
        first, n_iters : int
            Which iterations; each depends on its own number alone.
        n_threads : int
            Threads over iterations.
        should_stop : callable, optional
            Asked many times a second; True ends the block with ``InterruptedError``.
        progress : callable, optional
            Told the number of iterations done since it was last told.

        Returns
        -------
        dict of (n_iters,) int64 arrays
        """
        raise NotImplementedError

    def pack(self) -> NDArray[np.uint8]:
        """Write the plan to bytes; ``unpack`` undoes it."""
        stream = BytesIO()
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez(stream, allow_pickle=False, **arrays)
        return np.frombuffer(stream.getvalue(), dtype=np.uint8)

    @classmethod
    def unpack(cls, packed: NDArray[np.uint8]) -> Self:
        """Read what ``pack`` wrote."""
        with np.load(BytesIO(packed.tobytes()), allow_pickle=False) as archive:
            return cls(**{field.name: archive[field.name] for field in fields(cls)})

    def save(self, path: str | Path) -> Path:
        """Write the arrays, what kind of plan it is, and its digest to one npz file."""
        path = Path(path)
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        text = {"digest": self.digest, "kind": type(self).__name__}
        with path.open("wb") as stream:
            np.savez(
                stream,
                allow_pickle=False,
                **{name: np.frombuffer(value.encode(), np.uint8) for name, value in text.items()},
                **arrays,
            )
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote and check its digest.

        Raises
        ------
        ValueError
            If the file was altered.
        """
        with np.load(path, allow_pickle=False) as archive:
            plan = cls(**{field.name: archive[field.name] for field in fields(cls)})
            recorded = archive["digest"].tobytes().decode()
        if plan.digest != recorded:
            msg = f"{path}: the Monte Carlo plan does not match its checksum; it was altered"
            raise ValueError(msg)
        return plan


class DivisionsPlan(ArrayPlan):
    """Base of the plans that permute labels: all divisions are gone through where they are few.

    ``scalars`` begins with the experiments and those of the smaller group, and says at
    ``exhaustive_at`` whether divisions are enumerated.
    """

    exhaustive_at: ClassVar[int] = 3
    if TYPE_CHECKING:  # a field of the plans, at its place in the order of theirs
        scalars: NDArray[np.int64]

    def iterations(self, asked: int) -> int:
        """How many iterations there are: fewer than asked where all divisions are gone through."""
        n, k = (int(number) for number in self.scalars[:2])
        return n_divisions(n, k, asked)[0] if self.exhaustive else asked

    @property
    def exhaustive(self) -> bool:
        """Whether the iterations are all divisions there are, the observed one among them."""
        return bool(self.scalars[self.exhaustive_at])


def collect(  # noqa: PLR0913 - what a run takes, beside the loop
    loop: Loop,
    arrays: tuple[NDArray[Any], ...],
    make_scratch: Callable[[], Any],
    names: Sequence[str],
    *,
    seed: int,
    first: int,
    n_iters: int,
    n_threads: int = 1,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None,
    runner: Callable[..., None] = run_slices,
) -> dict[str, NDArray[np.int64]]:
    """Run a compiled loop over iterations in threads, and name what each iteration leaves.

    Parameters
    ----------
    loop : Loop
    arrays : tuple of arrays
        What it reads.
    make_scratch : callable
        Makes the memory of one thread.
    names : sequence of str
        What the rows hold that the loop fills.
    seed, first, n_iters, n_threads, should_stop, progress
        As for ``ArrayPlan.run``.
    runner : callable
        Hands out the iterations.
    """
    out = np.zeros((len(names), n_iters), dtype=np.int64)

    def make_work() -> Callable[[int, int], None]:
        scratch = make_scratch()

        def work(begin: int, end: int) -> None:
            loop(np.uint64(seed), np.int64(first + begin), arrays, scratch, out[:, begin:end])

        return work

    make_work()(0, 0)  # compile once
    runner(make_work, n_iters, n_threads, should_stop, progress)
    return dict(zip(names, out, strict=True))


def tally(
    count: Callable[[Out, Any, int, int], None],
    make_out: Callable[[], Out],
    make_scratch: Callable[[], Any],
    n_iters: int,
    *,
    n_threads: int = 1,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None,
    runner: Callable[..., None] = run_slices,
) -> list[Out]:
    """Count over iterations in threads, each of which adds to counts of its own.

    Parameters
    ----------
    count : callable
        Adds the iterations from one number to before another to counts, with memory of its own.
    make_out, make_scratch : callable
        Make the counts, all 0, and the memory of one thread.
    n_iters, n_threads, should_stop, progress, runner
        As for ``collect``.

    Returns
    -------
    list
        Counts of every thread, to be added up.
    """
    parts: list[Out] = []
    count(make_out(), make_scratch(), 0, 0)  # compile once

    def make_work() -> Callable[[int, int], None]:
        out, scratch = make_out(), make_scratch()
        parts.append(out)
        return partial(count, out, scratch)

    runner(make_work, n_iters, n_threads, should_stop, progress)
    return parts


def kind_of(path: str | Path) -> str:
    """Name of the class of a saved plan."""
    with np.load(path, allow_pickle=False) as archive:
        return str(archive["kind"].tobytes().decode())
