"""Contrasts on their way out whose foci are peaks of their images."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nimare_pipeline.contrast import Contrast, counted
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import Problem
from nimare_pipeline.foci_policy import peaks_in_words
from nimare_pipeline.image_foci import foci_of_images
from nimare_pipeline.image_points import Z_STAT
from nimare_pipeline.tables import COORDINATE_SOURCE, FROM_IMAGE

_OF_OLD_FOCI = ("original_space", "space_transform")


def with_peaks(
    contrasts: Sequence[Contrast], folders: Sequence[Path], options: Mapping[str, Any]
) -> tuple[list[Contrast], str, list[Problem]]:
    """Contrasts with foci of images; foci that stay are as they were, to the last digit.

    Parameters
    ----------
    contrasts : sequence of Contrast
    folders : sequence of Path
        Where the paths of images of each contrast count from.
    options : dict
        Of :func:`nimare_pipeline.foci_policy.completed`.

    Returns
    -------
    contrasts : list of Contrast
        Each says in its metadata ``coordinate_source`` where its foci are from.
    note : str
        What was done, in words.
    problems : list of Problem

    Raises
    ------
    DataError
        If no contrast has a z image, or images that z can be made from.
    """
    dataset = Dataset.from_contrasts([_stand_in(one) for one in contrasts])
    made = foci_of_images(dataset, options, tuple(dict.fromkeys(map(str, folders))))
    sources = dict(
        zip(made.dataset.ids.tolist(), made.dataset.metadata[COORDINATE_SOURCE], strict=True)
    )
    peaks = dict(list(made.dataset.coordinates.groupby("id")))
    found = []
    for one in contrasts:
        metadata = dict(one.metadata)
        metadata.pop(COORDINATE_SOURCE, None)
        if isinstance(sources[one.id], str):
            metadata[COORDINATE_SOURCE] = sources[one.id]
        if sources[one.id] == FROM_IMAGE:
            own = peaks.get(one.id, made.dataset.coordinates.iloc[:0])
            found.append(_with_foci(one, metadata, own))
        elif one.id in peaks or not len(one.xyz):
            found.append(replace(one, metadata=metadata))
        else:
            found.append(_with_foci(one, metadata, made.dataset.coordinates.iloc[:0]))
    foci, of = counted(made.n_foci, "focus", "foci"), counted(made.n_contrasts, "contrast")
    note = f"{foci} of {of}: {peaks_in_words(options)}"
    return found, note, list(made.problems)


def _with_foci(contrast: Contrast, metadata: Mapping[str, Any], foci: Any) -> Contrast:
    xyz = foci[["x", "y", "z"]].to_numpy(dtype=np.float64).reshape(-1, 3)
    return replace(
        contrast,
        xyz=xyz,
        spaces=("MNI",) * len(xyz),
        values={Z_STAT: tuple(foci[Z_STAT].tolist())} if len(xyz) else {},
        metadata={name: said for name, said in metadata.items() if name not in _OF_OLD_FOCI},
        focus_lines=(),
        space_line=0,
        foci_file="",
    )


def _stand_in(contrast: Contrast) -> Contrast:
    """The contrast with one focus if it has any: where they lie does not matter here."""
    n = min(len(contrast.xyz), 1)
    return replace(
        contrast,
        xyz=np.zeros((n, 3)),
        spaces=("MNI",) * n,
        annotations={},
        texts={},
        values={},
        focus_lines=(),
        space_line=0,
    )
