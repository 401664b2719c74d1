"""Images from other images."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.images import ImageStack

_WAYS: Mapping[str, tuple[frozenset[str], ...]] = {
    "varcope": (frozenset({"se"}), frozenset({"beta", "t"})),
}


def can_make(kind: str, have: Sequence[str], *, has_sample_size: bool = True) -> bool:
    """Whether images of a kind are there, or can be made from others."""
    del has_sample_size
    return kind in have or any(way <= set(have) for way in _WAYS.get(kind, ()))


def transform_stack(
    stack: ImageStack, kinds: Sequence[str], sizes: NDArray[np.float64]
) -> ImageStack:
    """Stack with the images of some kinds that can be made from those there are."""
    del sizes
    if "varcope" not in kinds:
        return stack
    have = {kind: stack.values.get(kind) for kind in ("varcope", "se", "beta", "t")}
    made = np.full((len(stack.ids), stack.n_voxels), np.nan, dtype=np.float32)
    if have["varcope"] is not None:
        made = have["varcope"].copy()
    lacking = ~np.isfinite(made).any(axis=1)
    if have["se"] is not None:
        made[lacking] = have["se"][lacking] ** 2
    lacking = ~np.isfinite(made).any(axis=1)
    if have["beta"] is not None and have["t"] is not None:
        made[lacking] = (have["beta"][lacking] / have["t"][lacking]) ** 2
    return stack.with_values({"varcope": made}, {})
