"""Numbers of image-based meta-analysis that an installation is checked by: ``selftest_checks``.

The eight images of three voxels are those that the peer's estimators were run on.
"""

from typing import Any

SIZES = (12, 15, 20, 25, 18, 30, 22, 16)
"""People of each image."""
IMAGES = {
    "z": [
        (1.235858, -0.505845, 0.813494), (-0.097751, 1.152624, -0.452816),
        (2.791152, -2.666672, -1.918188), (0.666042, 0.490324, -3.356364),
        (0.956734, 0.005871, -1.545613), (1.366763, 0.331721, -0.622899),
        (1.762542, 0.533819, -1.11142), (1.581693, -1.885544, -0.547797),
    ],
    "beta": [
        (1.352633, 0.368412, -0.676206), (0.602412, 0.815258, -0.860502),
        (1.672042, -0.184123, -1.709143), (1.104039, -0.393699, -0.934038),
        (1.109435, 1.554545, -0.985863), (0.743147, 0.228161, -1.325567),
        (1.176669, -0.230712, -1.632141), (0.238271, 0.678277, -1.368143),
    ],
    "varcope": [
        (0.157939, 0.140118, 0.158779), (0.353599, 0.341647, 0.146281),
        (0.409382, 0.451349, 0.217631), (0.219275, 0.42608, 0.370856),
        (0.141431, 0.205507, 0.402963), (0.167257, 0.294859, 0.466568),
        (0.302613, 0.284839, 0.235638), (0.213912, 0.238984, 0.225893),
    ],
}  # fmt: skip
DERSIMONIAN_LAIRD = {
    "est": (0.986162, 0.42715, -1.15014),
    "se": (0.147637, 0.229431, 0.143771),
    "tau2": (0.0, 0.150773, 0.0),
    "z": (3.63067, 1.62138, -3.91298),
}
RESTRICTED_LIKELIHOOD = {
    "est": (0.986162, 0.425969, -1.15014),
    "tau2": (0.0, 0.158768, 0.0),
    "z": (3.63067, 1.6173, -3.91298),
}
STOUFFER = {"z": (3.62853, -0.899334, -3.09062), "p": (0.000285039, 0.368475, 0.00199737)}
ONE_SAMPLE = {"t": (6.24745, 1.54049, -8.90197), "z": (3.52393, 1.38081, -4.07607)}


def images_dersimonian_laird() -> float:
    """Largest difference of effect, error, tau2 and z, with the error of Knapp and Hartung."""
    from nimare_pipeline.meta.ibma.regression import DerSimonianLaird

    return _difference(DerSimonianLaird(), DERSIMONIAN_LAIRD)


def images_reml() -> float:
    """Largest difference of effect, tau2 and z of the restricted likelihood."""
    from nimare_pipeline.meta.ibma.regression import VarianceBasedLikelihood

    return _difference(VarianceBasedLikelihood(method="reml"), RESTRICTED_LIKELIHOOD)


def images_stouffer() -> float:
    """Largest difference of z and p."""
    from nimare_pipeline.meta.ibma.combination import Stouffers

    return _difference(Stouffers(), STOUFFER)


def images_one_sample() -> float:
    """Largest difference of t and z, of the images of effects."""
    from nimare_pipeline.meta.ibma.permuted import PermutedOLS

    return _difference(PermutedOLS(image="beta"), ONE_SAMPLE)


def images_flips() -> float:
    """Largest difference of corrected p from the t tests of all 256 flips of the signs."""
    import itertools

    import numpy as np

    from nimare_pipeline.correct import FWECorrector
    from nimare_pipeline.meta.ibma.permuted import PermutedOLS

    y = np.random.default_rng(0).normal(0.4, 1, (8, 64)).astype(np.float32)
    dataset, images = _studies({"beta": y}, (4, 4, 4))
    result = PermutedOLS(image="beta").fit(dataset, images=images)
    found = FWECorrector(n_iters=256, voxel_thresh=0.01).transform(result)
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=8)))
    flipped = signs[:, :, None] * y.astype(np.float64)
    t = flipped.mean(axis=1) / (flipped.std(axis=1, ddof=1) / np.sqrt(8))
    largest = np.abs(t).max(axis=1)
    # A flip that only differs in the order of its sums is as large.
    reached = largest[:, None] >= np.abs(t[0]) * (1 - 1e-9)
    p = found.maps["p_level-voxel_corr-FWE_method-montecarlo"]
    return float(np.abs(p - reached.mean(axis=0)).max())


def _difference(estimator: Any, expected: Any) -> float:
    import numpy as np

    kinds = estimator.kinds()
    dataset, images = _studies({kind: np.array(IMAGES[kind]) for kind in kinds}, (3, 1, 1))
    maps = estimator.fit(dataset, images=images).maps
    return max(float(np.abs(maps[name] - known).max()) for name, known in expected.items())


def _studies(values: Any, shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """Dataset of eight studies, and their images over a block of voxels."""
    import numpy as np

    from nimare_pipeline.brainmask import BrainMask
    from nimare_pipeline.contrast import Contrast
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.images import ImageStack

    studies = [Contrast(f"s{i}", "1", sample_sizes=(n,)) for i, n in enumerate(SIZES)]
    mask = BrainMask(np.ones(shape, dtype=bool), np.diag([2.0, 2.0, 2.0, 1.0]))
    dataset = Dataset.from_contrasts(studies, mask=mask)
    arrays = {kind: np.asarray(array, np.float32) for kind, array in values.items()}
    return dataset, ImageStack(tuple(dataset.ids), arrays)
