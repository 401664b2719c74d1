"""Result of a meta-analysis: maps, tables, the null it was judged by, and the words for it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import DataError, NoInputError, UsageError
from nimare_pipeline.maps import ALIASES, MapSpec
from nimare_pipeline.settings import Component
from nimare_pipeline.unpacking import DAMAGE, is_of_system, read_npz


@dataclass(frozen=True)
class MetaResult:
    """Maps and tables of one meta-analysis.

    Parameters
    ----------
    estimator : Component
        Class name and parameters of the estimator.
    mask : BrainMask
        Grid and voxels of every map.
    maps : dict of str to (n_voxels,) array
        Name as NiMARE spells it to values over the mask; missing is NaN.
    specs : dict of str to MapSpec
        Meaning of each map, same keys.
    tables : dict of str to DataFrame
        For example ``clusters``.
    arrays : dict of str to array
        What later steps need and users rarely do: the integer statistic, the foci, the nulls.
        ``null_stat``, ``null_logsf``: grid and natural log of P(X >= x) of the uncorrected null.
        ``montecarlo_max_stat``, ``montecarlo_max_size``, ``montecarlo_max_mass``: null maxima.
    facts : dict
        Numbers that sidecars, methods text and report quote; JSON types only.
    """

    estimator: Component
    mask: BrainMask
    maps: dict[str, NDArray[Any]]
    specs: dict[str, MapSpec]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    description_: str = ""
    bibtex_: str = ""

    def __repr__(self) -> str:
        # Maps and nulls would fill a notebook with numbers.
        return (
            f"MetaResult({self.estimator.type}, {len(self.ids)} contrasts, "
            f"{np.count_nonzero(self.mask.inside):,} voxels; maps: {', '.join(self.maps)})"
        )

    @property
    def masker(self) -> Any:
        """Nilearn NiftiMasker of the mask, fitted."""
        return self.mask.masker()

    def resolve(self, name: str) -> str:
        """Full name of a map, from its name or alias.

        Raises
        ------
        UsageError
            If there is no such map.
        """
        full = ALIASES.get(name, name)
        if full not in self.maps:
            msg = f"no map {name!r} in this result; there are: {', '.join(self.maps)}"
            raise UsageError(msg)
        return full

    def get_map(
        self, name: str, return_type: Literal["image", "array"] = "image"
    ) -> nib.Nifti1Image | NDArray[Any]:
        """One map, as an image or as the vector over the mask.

        Outside the mask the image says "no evidence": stat, z and logp 0, p 1. NaN marks voxels of
        the mask that have no value.

        Raises
        ------
        UsageError
            For an unknown map or return type.
        """
        full = self.resolve(name)
        if return_type == "array":
            return self.maps[full]
        if return_type == "image":
            return self.mask.image(self.maps[full], outside_value(self.specs[full]))
        msg = f"return_type is 'image' or 'array', not {return_type!r}"
        raise UsageError(msg)

    def with_maps(
        self,
        maps: Mapping[MapSpec, NDArray[Any]],
        facts: Mapping[str, Any] | None = None,
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> "MetaResult":
        """Copy of the result with maps, facts and arrays added; the result itself is unchanged."""
        return replace(
            self,
            maps={**self.maps, **{spec.name: values for spec, values in maps.items()}},
            specs={**self.specs, **{spec.name: spec for spec in maps}},
            facts={**self.facts, **(facts or {})},
            arrays={**self.arrays, **(arrays or {})},
        )

    def save_maps(
        self, output_dir: str | Path = ".", prefix: str = "", names: Iterable[str] | None = None
    ) -> list[Path]:
        """Write maps as ``<prefix_><name>.nii.gz``; returns the paths."""
        folder = _folder(output_dir)
        paths = []
        for name in self.maps if names is None else names:
            full = self.resolve(name)
            path = folder / f"{prefix}{'_' if prefix else ''}{full}.nii.gz"
            nib.save(self.mask.image(self.maps[full], outside_value(self.specs[full])), path)
            paths.append(path)
        return paths

    def save_tables(
        self, output_dir: str | Path = ".", prefix: str = "", names: Iterable[str] | None = None
    ) -> list[Path]:
        """Write tables as ``<prefix_><name>.tsv``; returns the paths."""
        folder = _folder(output_dir)
        paths = []
        for name in self.tables if names is None else names:
            path = folder / f"{prefix}{'_' if prefix else ''}{name}.tsv"
            self.tables[name].to_csv(path, sep="\t", index=False, na_rep="n/a")
            paths.append(path)
        return paths

    def save(self, path: str | Path) -> Path:
        """Write everything to one npz file without pickled objects."""
        header = {
            "estimator": asdict(self.estimator),
            "specs": {name: asdict(spec) for name, spec in self.specs.items()},
            "tables": {
                name: json.loads(table.to_json(orient="split", double_precision=15))
                for name, table in self.tables.items()
            },
            "facts": self.facts,
            "ids": self.ids,
            "description": self.description_,
            "bibtex": self.bibtex_,
            "mask_name": self.mask.name,
        }
        arrays = {f"map/{name}": values for name, values in self.maps.items()}
        arrays |= {f"array/{name}": values for name, values in self.arrays.items()}
        path = Path(path)
        with path.open("wb") as stream:
            np.savez(
                stream,
                allow_pickle=False,
                header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
                mask=self.mask.inside,
                affine=self.mask.affine,
                **arrays,
            )
        return path

    @classmethod
    def load(cls, path: str | Path) -> "MetaResult":
        """Read what ``save`` wrote.

        Raises
        ------
        NoInputError
            If there is no such file.
        DataError
            If it is damaged, or something else.
        """
        try:
            return cls._of(read_npz(path))
        except FileNotFoundError as error:
            msg = f"no such file: {path}"
            raise NoInputError(msg) from error
        except DAMAGE as error:
            if is_of_system(error):
                raise
            msg = f"{path} is not a saved result, or is damaged: {error!s:.300}"
            raise DataError(msg) from error

    @classmethod
    def _of(cls, members: Mapping[str, NDArray[Any]]) -> "MetaResult":
        header = json.loads(members["header"].tobytes().decode())
        mask = BrainMask(members["mask"], members["affine"], header["mask_name"])
        return cls(
            estimator=Component(**header["estimator"]),
            mask=mask,
            maps=_strip(members, "map/"),
            specs={name: MapSpec(**spec) for name, spec in header["specs"].items()},
            tables={name: pd.DataFrame(**table) for name, table in header["tables"].items()},
            arrays=_strip(members, "array/"),
            facts=header["facts"],
            ids=tuple(header["ids"]),
            description_=header["description"],
            bibtex_=header["bibtex"],
        )


def outside_value(spec: MapSpec) -> float:
    """Value of a map outside the mask: no evidence, consistently (p 1; stat, z and logp 0)."""
    return 1.0 if spec.statistic == "p" else 0.0


def _strip(members: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): values
        for name, values in members.items()
        if name.startswith(prefix)
    }


def _folder(path: str | Path) -> Path:
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
