"""The loops of image-based analyses, called as runs call them: part of ``warm``."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from nimare_pipeline.settings import Component

_N_STUDIES = 7
_SIDE = 8
_KINDS = ("beta", "varcope", "t", "z")


def warm_up_images(n_iters: int) -> None:
    """Fit every estimator of images to a small block of noise, and flip signs.

    Parameters
    ----------
    n_iters : int
        Flips of each.
    """
    import numpy as np

    from nimare_pipeline.brainmask import BrainMask
    from nimare_pipeline.correct import FWECorrector
    from nimare_pipeline.errors import UsageError
    from nimare_pipeline.generate import create_image_dataset
    from nimare_pipeline.images import load_images
    from nimare_pipeline.registry import NO_SIGN_FLIPS, get_estimator

    mask = BrainMask(np.ones((_SIDE,) * 3, dtype=bool), np.diag([2.0, 2.0, 2.0, 1.0]))
    with tempfile.TemporaryDirectory() as folder:
        dataset, _ = create_image_dataset(
            Path(folder), n_studies=_N_STUDIES, kinds=_KINDS, mask=mask
        )
        images, _ = load_images(dataset, _KINDS)
    for component in _components():
        result = get_estimator(component).fit(dataset, images=images)
        for tfce in () if component.type in NO_SIGN_FLIPS else (False, True):
            corrector = FWECorrector(n_iters=n_iters, voxel_thresh=0.05, n_cores=2, tfce=tfce)
            # Not every combination of parameters leaves a statistic that is affine in the signs.
            with suppress(UsageError):
                corrector.transform(result)


def _components() -> Iterator[Component]:
    """Every estimator, with what leads it to other loops or to the same with other types."""
    from nimare_pipeline.registry import IMAGE_ESTIMATORS, accepted_keywords

    for name in IMAGE_ESTIMATORS:
        accepted = accepted_keywords("estimator", name)
        several: dict[str, tuple[Any, ...]] = {
            "method": ("ml", "reml"),
            "small_sample_correction": ("knapp-hartung", "knapp-hartung-conservative", "wald"),
            "use_sample_size": (False, True),
            "two_sided": (False,),
            "formula": ("~ 1 + sample_size",),
        }
        yield Component(name, {})
        for keyword, values in several.items():
            if keyword in accepted:
                yield from (Component(name, {keyword: value}) for value in values)
