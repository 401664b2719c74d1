"""What a Monte Carlo loop reads, as a record of arrays that can be saved, checked and run."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


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


def kind_of(path: str | Path) -> str:
    """Name of the class of a saved plan."""
    with np.load(path, allow_pickle=False) as archive:
        return str(archive["kind"].tobytes().decode())
