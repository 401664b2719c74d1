"""Estimators of images against published figures."""

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.images import ImageStack
from nimare_pipeline.meta import ibma

SIZES = (12, 15, 20, 25, 18, 30, 22, 16)
IMAGES = {
    "z": [
        (1.235858, -0.505845, 0.813494),
        (-0.097751, 1.152624, -0.452816),
        (2.791152, -2.666672, -1.918188),
        (0.666042, 0.490324, -3.356364),
        (0.956734, 0.005871, -1.545613),
        (1.366763, 0.331721, -0.622899),
        (1.762542, 0.533819, -1.11142),
        (1.581693, -1.885544, -0.547797),
    ],
    "beta": [
        (1.352633, 0.368412, -0.676206),
        (0.602412, 0.815258, -0.860502),
        (1.672042, -0.184123, -1.709143),
        (1.104039, -0.393699, -0.934038),
        (1.109435, 1.554545, -0.985863),
        (0.743147, 0.228161, -1.325567),
        (1.176669, -0.230712, -1.632141),
        (0.238271, 0.678277, -1.368143),
    ],
    "varcope": [
        (0.157939, 0.140118, 0.158779),
        (0.353599, 0.341647, 0.146281),
        (0.409382, 0.451349, 0.217631),
        (0.219275, 0.42608, 0.370856),
        (0.141431, 0.205507, 0.402963),
        (0.167257, 0.294859, 0.466568),
        (0.302613, 0.284839, 0.235638),
        (0.213912, 0.238984, 0.225893),
    ],
    "t": [
        (3.403573, 0.984209, -1.697004),
        (1.013067, 1.394782, -2.24987),
        (2.613261, -0.274064, -3.663687),
        (2.357707, -0.603141, -1.533775),
        (2.950047, 3.429178, -1.553045),
        (1.817116, 0.420179, -1.940638),
        (2.139, -0.432285, -3.362289),
        (0.515173, 1.387468, -2.878592),
    ],
}
"""Eight images of three voxels (nimare_features 4.4): published with six decimals."""


def small(studies=None):
    """Dataset of the eight images, with the stack of their values."""
    mask = BrainMask(np.ones((3, 1, 1), dtype=bool), np.diag([2.0, 2, 2, 1]))
    names = studies or [f"s{i}" for i in range(8)]
    contrasts = [
        Contrast(study, str(i), sample_sizes=(n,))
        for i, (study, n) in enumerate(zip(names, SIZES, strict=True))
    ]
    dataset = Dataset.from_contrasts(
        contrasts, mask=nib.Nifti1Image(mask.inside.astype("u1"), mask.affine)
    )
    values = {kind: np.array(rows, dtype=np.float32) for kind, rows in IMAGES.items()}
    return dataset, ImageStack(tuple(dataset.ids), values)


NUMBERS = [
    (
        ibma.WeightedLeastSquares(),
        {
            "est": (0.986162, 0.459467, -1.15014),
            "se": (0.163975, 0.180837, 0.172206),
            "z": (6.0141, 2.54077, -6.67884),
        },
    ),
    (
        ibma.DerSimonianLaird(),
        {
            "est": (0.986162, 0.42715, -1.15014),
            "se": (0.147637, 0.229431, 0.143771),
            "tau2": (0, 0.150773, 0),
            "z": (3.63067, 1.62138, -3.91298),
        },
    ),
    (
        ibma.DerSimonianLaird(small_sample_correction="wald"),
        {"se": (0.163975, 0.230787, 0.172206), "z": (6.0141, 1.85084, -6.67884)},
    ),
    (
        ibma.Hedges(),
        {
            "est": (0.986162, 0.431108, -1.15014),
            "se": (0.147637, 0.229197, 0.143771),
            "tau2": (0, 0.12576, 0),
            "z": (3.63067, 1.63512, -3.91298),
        },
    ),
    (
        ibma.VarianceBasedLikelihood(),
        {
            "est": (0.986162, 0.434839, -1.15014),
            "tau2": (0, 0.104409, 0),
            "z": (3.63067, 1.64823, -3.91298),
        },
    ),
    (
        ibma.VarianceBasedLikelihood(method="reml"),
        {
            "est": (0.986162, 0.425969, -1.15014),
            "tau2": (0, 0.158768, 0),
            "z": (3.63067, 1.6173, -3.91298),
        },
    ),
    (
        ibma.FixedEffectsHedges(),
        {
            "est": (0.424323, 0.12471, -0.485107),
            "se": (0.0862832, 0.0829697, 0.0874427),
            "z": (4.91779, 1.50308, -5.54772),
        },
    ),
    (
        ibma.SampleSizeBasedLikelihood(),
        {
            "est": (1.00173, 0.354515, -1.227),
            "se": (0.151339, 0.230131, 0.12657),
            "sigma2": (3.16643, 0, 2.21477),
            "tau2": (0, 0.370723, 0),
            "z": (3.6162, 1.38081, -4.20382),
        },
    ),
    (
        ibma.SampleSizeBasedLikelihood(method="reml"),
        {"sigma2": (3.61877, 0, 2.53116), "tau2": (0, 0.423683, 0)},
    ),
    (
        ibma.Stouffers(),
        {"z": (3.62853, -0.899334, -3.09062), "p": (0.000285039, 0.368475, 0.00199737)},
    ),
    (ibma.Stouffers(use_sample_size=True), {"z": (3.64796, -0.792282, -3.31504)}),
    (ibma.Stouffers(two_sided=False), {"p": (0.00014252, 0.815763, 0.999001)}),
    (
        ibma.Fishers(),
        {"z": (3.26127, -1.41735, -3.19294), "p": (0.00110915, 0.156381, 0.00140833)},
    ),
    (ibma.Fishers(two_sided=False), {"p": (0.000554575, 0.66471, 0.990961)}),
    (
        ibma.PermutedOLS(),
        {"t": (6.24745, 1.54049, -8.90197), "z": (3.52393, 1.38081, -4.07607)},
    ),
]
GROUPED = ["s0", "s1", "s2", "s3", "s4", "s5", "s5", "s5"]
"""Images 5, 6 and 7 are of one study."""
GROUPED_NUMBERS = [
    (
        ibma.WeightedLeastSquares(),
        {
            "est": (1.10017, 0.521376, -1.05666),
            "se": (0.120012, 0.285803, 0.182793),
            "dof": (4.31984, 4.07804, 4.2308),
            "z": (3.45815, 1.47281, -2.89957),
        },
    ),
    (
        ibma.DerSimonianLaird(),
        {"tau2": (0, 0.242075, 0), "est": (None, 0.473278, None), "z": (None, 1.3835, None)},
    ),
    (
        ibma.Hedges(),
        {"tau2": (None, 0.201488, None), "est": (None, 0.478738, None)},
    ),
    (
        ibma.VarianceBasedLikelihood(),
        {"tau2": (None, 0.132774, None), "est": (None, 0.48993, None)},
    ),
    (
        ibma.FixedEffectsHedges(),
        {"est": (0.474496, 0.151622, -0.480533), "z": (3.06605, 1.07408, -3.01347)},
    ),
    (ibma.PermutedOLS(), {"t": (6.76588, 1.37513, -6.89422), "dof": (5, 5, 5)}),
]


@pytest.mark.parametrize(
    ("estimator", "expected"), GROUPED_NUMBERS, ids=lambda value: str(value)[:40]
)
def test_published_numbers_of_dependent_images(estimator, expected):
    """Three images of one study count as one study; numbers are those published."""
    dataset, images = small(GROUPED)
    result = estimator.fit(dataset, images=images)
    for name, values in expected.items():
        known = [i for i, value in enumerate(values) if value is not None]
        np.testing.assert_allclose(
            result.maps[name][known],
            [values[i] for i in known],
            rtol=2e-5,
            atol=5e-7,
            err_msg=name,
        )
    np.testing.assert_array_equal(result.maps["n"], [6, 6, 6])


def test_sample_size_weights():
    """PermutedOLS with weights has Satterthwaite's degrees of freedom."""
    dataset, images = small()
    result = ibma.PermutedOLS(use_sample_size=True).fit(dataset, images=images)
    for name, values in {
        "t": (6.84826, 1.21523, -9.93362),
        "z": (3.57583, 1.11025, -4.11787),
        "dof": (6.44796, 6.44796, 6.44796),
    }.items():
        np.testing.assert_allclose(result.maps[name], values, rtol=2e-5)


@pytest.mark.parametrize(("estimator", "expected"), NUMBERS, ids=lambda value: str(value)[:60])
def test_published_numbers(estimator, expected):
    """Numbers of eight images are those published, to five digits."""
    dataset, images = small()
    result = estimator.fit(dataset, images=images)
    for name, values in expected.items():
        np.testing.assert_allclose(result.maps[name], values, rtol=2e-5, atol=5e-7, err_msg=name)
    np.testing.assert_array_equal(result.maps["dof"], [7, 7, 7])
    np.testing.assert_array_equal(result.maps["n"], [8, 8, 8])
