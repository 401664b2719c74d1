"""Foci that the null of SCALE draws from: those of any dataset, and where they came from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nimare_pipeline import spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import counted
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError
from nimare_pipeline.store import read_arrays, write_arrays
from nimare_pipeline.tables import INCLUDE

_HEADER = "header"


@dataclass(frozen=True)
class NullFoci:
    """A pool of foci.

    Parameters
    ----------
    xyz : (n_foci, 3) array
        mm, in the space of the analysis.
    path : str
        Where they are from, as the analysis names it.
    name : str
        Name of that file or folder.
    files : dict of str to str
        Files that were read, and the SHA-256 of each.
    n_contrasts, n_studies : int
        With at least one of these foci.
    """

    xyz: NDArray[np.float64]
    path: str = ""
    name: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    n_contrasts: int = 0
    n_studies: int = 0

    @classmethod
    def of(
        cls,
        datasets: Sequence[Dataset],
        *,
        path: str = "",
        name: str = "",
        files: Mapping[str, str] | None = None,
        inside: BrainMask | None = None,
    ) -> "NullFoci":
        """Take all foci of some datasets, but those of contrasts that are not to be used.

        Parameters
        ----------
        datasets : sequence of Dataset
        path, name, files
            See the class.
        inside : BrainMask, optional
            Leave out foci that are not in it.
        """
        parts, contrasts, studies = [], 0, 0
        for dataset in datasets:
            foci = dataset.coordinates
            xyz = foci[["x", "y", "z"]].to_numpy(dtype=float)
            kept = ~foci["id"].isin(_barred(dataset)).to_numpy(dtype=bool)
            if inside is not None and len(xyz):
                kept &= spaces.contains(inside, xyz)
            parts.append(xyz[kept])
            contrasts += int(foci.loc[kept, "id"].nunique())
            studies += int(foci.loc[kept, "study_id"].nunique())
        xyz = np.concatenate(parts) if parts else np.empty((0, 3))
        return cls(xyz, path, name, dict(files or {}), contrasts, studies)

    def facts(self) -> dict[str, Any]:
        """Say where the pool is from, for ``MetaResult.facts``."""
        return {
            "path": self.path,
            "name": self.name,
            "files": dict(self.files),
            "n_contrasts": self.n_contrasts,
            "n_studies": self.n_studies,
            "n_foci": len(self.xyz),
            "foci_sha256": digest(self.xyz),
        }

    def check(self, n_foci: int) -> None:
        """Refuse a pool that is smaller than what is drawn from it.

        Raises
        ------
        DataError
        """
        if len(self.xyz) < n_foci:
            where = f" of {self.path}" if self.path else ""
            msg = (
                f"the pool{where} has {counted(len(self.xyz), 'focus', 'foci')}, fewer than the "
                f"{n_foci} of the dataset; give a larger one, for example all foci of a database"
            )
            raise DataError(msg)

    def save(self, path: str | Path) -> Path:
        """Write it to an npz file."""
        names = ("path", "name", "files", "n_contrasts", "n_studies")
        known = {name: getattr(self, name) for name in names}
        header = json.dumps(known).encode()
        return write_arrays(path, {_HEADER: np.frombuffer(header, np.uint8), "xyz": self.xyz})

    @classmethod
    def load(cls, path: str | Path) -> "NullFoci":
        """Read what ``save`` wrote."""
        arrays = read_arrays(path)
        return cls(arrays["xyz"], **json.loads(arrays[_HEADER].tobytes().decode()))


def _barred(dataset: Dataset) -> set[str]:
    """Contrasts that the data themselves say are not to be used."""
    metadata = dataset.metadata
    if INCLUDE not in metadata:
        return set()
    return {
        name for name, flag in zip(metadata["id"], metadata[INCLUDE], strict=True) if flag is False
    }


def digest(xyz: ArrayLike) -> str:
    """SHA-256 of foci: x, y, z of each in mm, as little-endian numbers of 64 bits."""
    return hashlib.sha256(np.ascontiguousarray(xyz, dtype="<f8").tobytes()).hexdigest()
