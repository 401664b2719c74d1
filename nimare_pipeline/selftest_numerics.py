"""Formulae and tables that an installation is checked by: see ``selftest_checks``."""

FWHM_MM = {
    1: 19.0726, 5: 11.3733, 8: 10.3623, 10: 10.0026, 12: 9.7554, 15: 9.5018, 20: 9.2412,
    25: 9.0813, 30: 8.9731, 40: 8.8360, 50: 8.7527, 100: 8.5837, 200: 8.4979,
}  # fmt: skip
GINGERALE_FWHM_MM = {15: 9.501798304955097, 8: 10.362276299774612, 1: 19.072644189655946}
PEAKS = {
    5: 0.004508626811653586, 10: 0.006628706510111116, 15: 0.007732200062081438,
    20: 0.008404614219005513, 25: 0.00885639431486474, 30: 0.00918058969669594,
    50: 0.009892866602248845, 100: 0.010488416864240485,
}  # fmt: skip
TALAIRACH = {
    "spm": [(0.895, -26.556, 63.020), (11.904, 15.090, 2.683), (1.039, 1.458, -4.748)],
    "fsl": [(0.348, -28.833, 62.807), (11.656, 14.105, 4.306), (1.115, 0.869, -3.605)],
    "other": [(0.615, -27.707, 62.930), (11.783, 14.606, 3.494), (1.078, 1.168, -4.178)],
    "brett": [(-1.0101, -35.9369, 61.2263), (10.101, 11.9435, 9.3367), (0, 0, 0)],
}


def kernel_widths() -> float:
    """Largest difference from the published widths, mm."""
    from nimare_pipeline.numerics import gaussian

    return max(abs(float(gaussian.fwhm_from_sample_size(n)) - mm) for n, mm in FWHM_MM.items())


def gingerale_widths() -> float:
    """Largest relative difference from the widths that GingerALE prints."""
    from nimare_pipeline.numerics import gaussian

    widths = GINGERALE_FWHM_MM.items()
    return max(abs(float(gaussian.fwhm_from_sample_size(n)) / mm - 1) for n, mm in widths)


def kernel_peaks() -> float:
    """Largest difference from the peaks of NiMARE's kernels at 2 mm."""
    import numpy as np

    from nimare_pipeline.numerics import gaussian

    affine = np.diag([2.0, 2, 2, 1])
    return max(
        abs(gaussian.sampled_kernel(float(gaussian.fwhm_from_sample_size(n)), affine).max() - peak)
        for n, peak in PEAKS.items()
    )


def talairach() -> float:
    """Largest difference from published conversions, mm."""
    import numpy as np

    from nimare_pipeline import spaces

    points = np.array([(-1.0, -32, 58), (10, 12, 8), (0, 0, 0)])
    return max(
        float(np.abs(spaces.tal2mni(points, method) - expected).max())
        for method, expected in TALAIRACH.items()
    )


def random_words() -> float:
    """Words of the random stream that differ from those of numpy's Philox."""
    import numpy as np

    from nimare_pipeline.numerics import rng

    different = 0
    for seed in (0, 42, 2**64 - 1):
        for counter in range(1, 21):
            expected = np.random.Philox(key=seed, counter=counter - 1).random_raw(4)
            words = rng.philox(*map(np.uint64, (counter, 0, 0, 0)), np.uint64(seed), np.uint64(0))
            different += sum(int(a) != int(b) for a, b in zip(words, expected, strict=True))
    return different


def normal_quantiles() -> float:
    """Largest difference from z of p = .05, .001, 1e-10 and 1e-300."""
    import numpy as np

    from nimare_pipeline.numerics import pvalues

    p = np.array([0.05, 0.001, 1e-10, 1e-300])
    z = [1.6448536269514722, 3.090232306167813, 6.361340902404056, 37.04709629936119]
    return float(np.abs(pvalues.z_from_logsf(np.log(p)) - z).max())


def binomial_tail() -> float:
    """Largest difference of ln P from the exact upper tail of 60 draws of probability .01."""
    from fractions import Fraction
    from math import comb, log

    import numpy as np

    from nimare_pipeline.numerics import nulls

    n, p = 60, Fraction(1, 100)
    draw = (np.array([0, 1]), np.array([0.99, 0.01]))
    found = nulls.tilted_logsf([draw] * n, n)
    pmf = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    tails = [sum(pmf[k:], Fraction(0)) for k in range(n + 1)]
    exact = [log(tail.numerator) - log(tail.denominator) for tail in tails]
    return float(np.abs(found - exact).max())


def p_adjust() -> float:
    """Largest relative difference from R's p.adjust: four methods, ties, missing and tiny p."""
    import json

    import numpy as np

    from nimare_pipeline.numerics import multiple
    from nimare_pipeline.spaces import data_path

    cases = json.loads((data_path("selftest") / "r_p_adjust.json").read_text())
    ours = {"bonferroni": multiple.bonferroni, "holm": multiple.holm,
            "BH": multiple.benjamini_hochberg, "BY": multiple.benjamini_yekutieli}  # fmt: skip
    worst = 0.0
    for name in ("plain", "ties", "missing", "long"):
        for method, adjust in ours.items():
            expected = np.array(cases[name][method], dtype=float)
            adjusted = np.exp(adjust(np.log(np.array(cases[name]["p"], dtype=float))))
            if (np.isnan(adjusted) != np.isnan(expected)).any():
                return float("nan")
            worst = max(worst, float(np.nanmax(np.abs(adjusted / expected - 1))))
    return worst
