"""The numbers an installation is checked by, and how each is computed.

To add a number, write a function of no arguments that imports what it needs and returns what it
finds, here or in a module beside this one, and an entry in ``QUICK`` or ``MORE``.
"""

from functools import cache
from typing import Any

from nimare_pipeline.selftest import Check
from nimare_pipeline.selftest_images import (
    images_dersimonian_laird,
    images_flips,
    images_one_sample,
    images_reml,
    images_stouffer,
)
from nimare_pipeline.selftest_numerics import (
    binomial_tail,
    gingerale_widths,
    kernel_peaks,
    kernel_widths,
    normal_quantiles,
    p_adjust,
    random_words,
    talairach,
)

EICKHOFF = "Eickhoff et al. 2009"
NIMARE = "NiMARE 0.22.1"
MATLAB = "Eickhoff's MATLAB code"
ENGE = "Enge et al. 2021"
LANCASTER = "Lancaster 2007, Brett 2001"
TINY = {
    "s0": (20, [(0, 0, 0), (10, 0, 0)]),
    "s1": (20, [(0, 0, 0)]),
    "s2": (10, [(4, 0, 0), (-40, -20, 50)]),
    "s3": (30, [(2, 2, 0)]),
    "s4": (15, [(-40, -22, 50), (0, 0, 2), (200, 0, 0)]),
}
ENGE_SIZES = (1279, 717, 414, 359, 313, 232, 183)
"""Voxels of the clusters of its Table 2, counted again by faces in its maps."""


def mask_2mm() -> float:
    """Voxels of the mask that is the default."""
    from nimare_pipeline.spaces import template_mask

    return template_mask("mni152_2mm").n_voxels


def mask_1mm() -> float:
    """Voxels of the fine mask."""
    from nimare_pipeline.spaces import template_mask

    return template_mask("mni152_1mm").n_voxels


def example() -> str:
    """What is read from the example."""
    from nimare_pipeline.spaces import contains

    dataset = _pain()
    xyz = dataset.coordinates[["x", "y", "z"]].to_numpy(dtype=float)
    outside = int((~contains(dataset.mask, xyz)).sum())
    return f"{len(dataset.ids)} contrasts, {len(xyz)} foci, {outside} outside"


def tiny_ale() -> float:
    """ALE at the origin."""
    return _tiny("ALE").maps["stat"].max()


def tiny_ale_p() -> float:
    """-log10 p there, of the histogram null."""
    return _tiny("ALE").maps["logp"].max()


def tiny_mkda() -> str:
    """Sum and maximum of the MKDA and KDA statistics."""
    found = [_tiny(name).maps["stat"] for name in ("MKDADensity", "KDA")]
    return " ".join(f"{stat.sum():g} {stat.max():g}" for stat in found)


def tiny_mkda_p() -> float:
    """-log10 p of the strongest voxels, MKDA and KDA added."""
    return sum(_tiny(name).maps["logp"].max() for name in ("MKDADensity", "KDA"))


def pain_ale() -> float:
    """Largest ALE of the example."""
    return _pain_result("ALE").maps["stat"].max()


def pain_ale_mean() -> float:
    """Mean ALE of the example."""
    return _pain_result("ALE").maps["stat"].mean()


def pain_counts() -> str:
    """Voxels of the example with p < .001: MKDA, MKDA weighted, KDA."""
    results = [
        _pain_result("MKDADensity"),
        _pain_result("MKDADensity", weighting="sample_size"),
        _pain_result("KDA"),
    ]
    return " ".join(str(int((result.maps["p"] < 0.001).sum())) for result in results)


def pain_corrected() -> str:
    """Voxels of its MKDA map with corrected p of at most .05: FDR two ways, Bonferroni."""
    from nimare_pipeline import correct

    ways = {
        "p_corr-FDR_method-indep": correct.FDRCorrector(method="indep"),
        "p_corr-FDR_method-negcorr": correct.FDRCorrector(method="negcorr"),
        "p_corr-FWE_method-bonferroni": correct.FWECorrector(method="bonferroni"),
    }
    result = _pain_result("MKDADensity")
    return " ".join(
        str(int((way.transform(result).maps[name] <= 0.05).sum())) for name, way in ways.items()
    )


def weighted_mkda() -> float:
    """Largest z of the example's MKDA, weighted by sample size."""
    return _pain_result("MKDADensity", weighting="sample_size").maps["z"].max()


def null_maxima() -> str:
    """Sums of the largest statistic, size and mass of 50 draws of the example, in integers."""
    return _null_sums(n_threads=1)


def null_maxima_of_two_threads() -> str:
    """The same by two threads."""
    return _null_sums(n_threads=2)


def matlab_histograms() -> float:
    """Experiments of 30 whose modelled activation has the MATLAB code's histogram to the voxel."""
    import numpy as np
    from scipy.io import loadmat

    from nimare_pipeline.spaces import data_path

    expected = loadmat(data_path("selftest") / "matlab_ale" / "nat_maHists.mat")["maHists"]
    exact = 0
    for values, own in zip(_matlab_activation(), expected, strict=True):
        counts = np.bincount(
            np.floor(values[values > 0] * 1e4).astype(int) + 1, minlength=len(own)
        )
        counts[0] = (values == 0).sum()
        exact += bool((counts == own).all())
    return exact


def matlab_ale() -> float:
    """Largest ALE of those experiments."""
    import numpy as np

    return float(1 - np.prod(1 - _matlab_activation(), axis=0).min())


def enge_ale() -> float:
    """Largest difference from the published map at 3,695 voxels."""
    import numpy as np

    from nimare_pipeline.spaces import data_path

    with np.load(data_path("selftest") / "enge2021" / "ale_sample.npz") as sample:
        index, published = sample["index"], sample["ale"]
    return float(np.abs(_enge().maps["stat"][index] - published).max())


def enge_sizes() -> float:
    """Largest relative difference of seven cluster sizes at p < .001 from the published maps."""
    from nimare_pipeline.numerics import clusters

    result = _enge()
    labels, n = clusters.label(result.mask.volume(result.maps["p"] < 0.001))
    sizes = sorted(clusters.cluster_sizes(labels, n).tolist(), reverse=True)
    return max(abs(a / b - 1) for a, b in zip(sizes, ENGE_SIZES, strict=False))


def enge_thresholds() -> str:
    """Whether ALE and cluster sizes of 2,000 draws pass NiMARE's thresholds about 5 times in 100.

    Its thresholds come from 1,000 draws: their own levels are 5 +- .7 %.
    """
    import numpy as np

    from nimare_pipeline import correct

    corrector = correct.FWECorrector(n_iters=2000, n_cores=2, null_outside="inside")
    arrays = corrector.transform(_enge()).arrays
    shares = [
        float(np.mean(arrays["montecarlo_max_stat"] > 0.028985)),
        float(np.mean(arrays["montecarlo_max_size"] > 98.05)),
    ]
    inside = all(0.03 < share < 0.07 for share in shares)
    return WITHIN if inside else " and ".join(f"{share:.1%}" for share in shares)


def _null_sums(n_threads: int) -> str:
    from nimare_pipeline import correct

    plan = correct.FWECorrector().plan(_pain_result("ALE", voxelization="exact"))
    null = plan.run(seed=42, first=0, n_iters=50, n_threads=n_threads)
    return " ".join(str(int(null[name].sum())) for name in ("max_stat", "max_size", "max_mass"))


@cache
def _pain() -> Any:
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.spaces import data_path

    return Dataset(data_path("examples") / "pain" / "pain.json")


@cache
def _tiny(estimator: str) -> Any:
    from nimare_pipeline.dataset import Dataset

    studies = {}
    for name, (n, foci) in TINY.items():
        x, y, z = (list(map(float, axis)) for axis in zip(*foci, strict=True))
        coords = {"space": "MNI", "x": x, "y": y, "z": z}
        contrast = {"coords": coords, "metadata": {"sample_sizes": [n]}}
        studies[name] = {"contrasts": {"1": contrast}}
    return _estimator(estimator, voxelization="half-even").fit(Dataset(studies))


@cache
def _pain_result(estimator: str, *, voxelization: str = "half-even", **options: Any) -> Any:
    return _estimator(estimator, voxelization=voxelization, **options).fit(_pain())


def _estimator(name: str, *, voxelization: str, **options: Any) -> Any:
    """Estimator that rounds as the peer does, with its histogram null where there is one."""
    from nimare_pipeline.meta.cbma import ale, mkda

    if name == "ALE":
        null = "approximate" if voxelization == "exact" else "histogram"
        return ale.ALE(null_method=null, kernel__voxelization=voxelization)
    return getattr(mkda, name)(kernel__voxelization=voxelization, **options)


@cache
def _matlab_activation() -> Any:
    from nimare_pipeline.brainmask import BrainMask
    from nimare_pipeline.io import convert_sleuth_to_dataset
    from nimare_pipeline.meta.kernel import ALEKernel
    from nimare_pipeline.spaces import data_path

    folder = data_path("selftest") / "matlab_ale"
    mask = BrainMask.from_image(folder / "Grey10.nii.gz", "Grey10")
    dataset = convert_sleuth_to_dataset(folder / "nat.txt")
    kernel = ALEKernel(voxelization="half-up")
    return kernel.transform(dataset, masker=mask, return_type="array")


@cache
def _enge() -> Any:
    from nimare_pipeline.io import convert_sleuth_to_dataset
    from nimare_pipeline.meta.cbma.ale import ALE
    from nimare_pipeline.spaces import data_path

    dataset = convert_sleuth_to_dataset(data_path("selftest") / "enge2021" / "all.txt")
    return ALE(kernel__voxelization="truncate").fit(dataset)


NULL_SUMS = "57616788 2476 399238116"
"""Pinned: largest statistic, size and mass of 50 draws of the example, added up."""
WITHIN = "both in 3 to 7 %"

QUICK: tuple[Check, ...] = (
    Check("voxels of the 2 mm mask", "MNI152NLin6Asym", 228_483, mask_2mm),
    Check("foci of the example", "NeuroVault 1425", "21 contrasts, 267 foci, 26 outside", example),
    Check("13 kernel widths, difference in mm", EICKHOFF, 0, kernel_widths, 6e-5),
    Check("3 kernel widths, relative difference", "GingerALE", 0, gingerale_widths, 1e-13),
    Check("8 kernel peaks, difference", NIMARE, 0, kernel_peaks, 2e-9),
    Check("Talairach to MNI, difference in mm", LANCASTER, 0, talairach, 6e-4),
    Check("240 random words, how many differ", "Philox of numpy", 0, random_words),
    Check("z down to p = 1e-300, difference", "normal distribution", 0, normal_quantiles, 1e-9),
    Check("exact null, difference of ln p", "binomial distribution", 0, binomial_tail, 1e-5),
    Check("adjusted p, relative difference", "p.adjust of R", 0, p_adjust, 1e-12),
    Check("tiny case: ALE", NIMARE, 0.0343948938, tiny_ale, 5e-9),
    Check("tiny case: -log10 p of ALE", NIMARE, 20.4150459, tiny_ale_p, 1e-4),
    Check("tiny case: sum, maximum of MKDA, KDA", NIMARE, "3844 5 3998 6", tiny_mkda),
    Check("tiny case: -log10 p of MKDA and KDA", NIMARE, 25.7002328, tiny_mkda_p, 1e-6),
    Check("example: largest ALE", NIMARE, 0.0341202021, pain_ale, 5e-9),
    Check("example: mean ALE", NIMARE, 0.00095093953, pain_ale_mean, 1e-9),
    Check("example: maxima of 50 draws, added up", "pinned, seed 42", NULL_SUMS, null_maxima),
    Check("histograms of 30 that agree exactly", MATLAB, 30, matlab_histograms),
    Check("largest ALE of 30 experiments", MATLAB, 0.03909599, matlab_ale, 5e-9),
    Check("8 images: DerSimonian-Laird, difference", NIMARE, 0, images_dersimonian_laird, 1e-5),
    Check("8 images: REML, difference", NIMARE, 0, images_reml, 1e-5),
    Check("8 images: Stouffer, difference", NIMARE, 0, images_stouffer, 1e-5),
    Check("8 images: one-sample t, difference", NIMARE, 0, images_one_sample, 1e-5),
    Check("corrected p of 256 flips, difference", "t of every flip", 0, images_flips, 1e-12),
)
"""In order: what the later ones need is checked first."""

MORE: tuple[Check, ...] = (
    Check("voxels of the 1 mm mask", "MNI152NLin6Asym", 1_827_243, mask_1mm),
    Check("the maxima by two threads", "pinned, seed 42", NULL_SUMS, null_maxima_of_two_threads),
    Check("voxels p < .001: MKDA, weighted, KDA", NIMARE, "2853 4879 2492", pain_counts),
    Check("MKDA voxels after FDR (2), Bonferroni", NIMARE, "5166 1544 777", pain_corrected),
    Check("largest z of weighted MKDA", NIMARE, 7.0608573, weighted_mkda, 1e-5),
    Check("ALE of 50 experiments, difference", ENGE, 0, enge_ale, 1e-8),
    Check("7 cluster sizes, relative difference", ENGE, 0, enge_sizes, 0.03),
    Check("draws beyond the peer's 5 % thresholds", NIMARE, WITHIN, enge_thresholds),
)
"""What takes longer."""
