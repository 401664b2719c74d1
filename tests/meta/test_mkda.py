"""MKDA and KDA: the peer's figures, brute force, weights, and nulls that must agree."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.cbma.forming import cluster_forming
from nimare_pipeline.meta.cbma.mkda import KDA, MKDADensity
from nimare_pipeline.meta.kernel import ALEKernel, KDAKernel, MKDAKernel
from nimare_pipeline.results import MetaResult
from tests.meta.conftest import dataset_of

REFERENCE = Path(__file__).parents[1] / "reference"
PEER = json.loads((REFERENCE / "nimare_mkda.json").read_text())
MAKE = {
    "MKDADensity": lambda **more: MKDADensity(kernel__voxelization="half-even", **more),
    "MKDADensity_weighted": lambda **more: MKDADensity(
        kernel__voxelization="half-even", weighting="sample_size", **more
    ),
    "KDA": lambda **more: KDA(kernel__voxelization="half-even", **more),
}
A, B = (45, 63, 36), (25, 53, 61)


@pytest.fixture(scope="module")
def fitted(tiny: Dataset, pain: Dataset) -> dict[tuple[str, str], MetaResult]:
    """Every estimator on both datasets, as the peer has it."""
    data = {"tiny": tiny, "pain": pain}
    return {(d, e): make().fit(data[d]) for d in data for e, make in MAKE.items()}


def at(result: MetaResult, name: str, ijk: tuple[int, int, int]) -> float:
    return float(result.mask.volume(result.maps[name])[ijk])


@pytest.mark.parametrize("data", ["tiny", "pain"])
@pytest.mark.parametrize("estimator", MAKE)
def test_statistic_equals_the_peers_at_every_voxel(fitted, data: str, estimator: str) -> None:
    """Counts are the same numbers; weighted counts to the float32 of the reference."""
    stat = fitted[data, estimator].maps["stat"]
    with np.load(REFERENCE / "nimare_mkda.npz") as peer:
        expected = peer[f"{data}_{estimator}"]
        index = peer.get(f"{data}_{estimator}_index")
    if index is None:
        np.testing.assert_array_equal(stat, expected)
    else:
        np.testing.assert_allclose(stat[index], expected, rtol=1e-6)
    assert stat.sum() == pytest.approx(PEER[data][estimator]["stat"]["sum"], rel=1e-6)


@pytest.mark.parametrize("data", ["tiny", "pain"])
@pytest.mark.parametrize("estimator", MAKE)
def test_p_and_z_equal_the_peers(fitted, data: str, estimator: str) -> None:
    """The smallest p and the largest z, and p and z at two voxels of the tiny case."""
    result, peer = fitted[data, estimator], PEER[data][estimator]
    # The peer rounds weights to a grid of 100,000 steps; ours, 40 times as fine, is as good as
    # exact (see the enumeration below).
    p_close, z_close = (4e-7, 2e-6) if estimator != "MKDADensity_weighted" else (3e-3, 5e-4)
    assert result.maps["p"].min() == pytest.approx(peer["p"]["min"], rel=p_close)
    assert result.maps["z"].max() == pytest.approx(peer["z"]["max"], abs=z_close)
    if data == "tiny":
        for name, voxel in (("at_A", A), ("at_B", B)):
            assert at(result, "p", voxel) == pytest.approx(peer["p"][name], rel=p_close)
            assert at(result, "z", voxel) == pytest.approx(peer["z"][name], abs=z_close)


@pytest.mark.parametrize("data", ["tiny", "pain"])
@pytest.mark.parametrize("estimator", MAKE)
def test_numbers_of_significant_voxels_are_the_peers(fitted, data: str, estimator: str) -> None:
    """Uncorrected, Benjamini-Hochberg, Benjamini-Yekutieli and Bonferroni."""
    result, peer = fitted[data, estimator], PEER[data][estimator]
    assert (result.maps["p"] < 0.001).sum() == peer["p_below_0.001"]
    for corrector, name in (
        (FDRCorrector("indep"), "FDR_indep"),
        (FDRCorrector("negcorr"), "FDR_negcorr"),
        (FWECorrector("bonferroni"), "FWE_bonferroni"),
    ):
        rate, method = name.split("_")
        p = corrector.transform(result).maps[f"p_corr-{rate}_method-{method}"]
        assert (p <= 0.05).sum() == peer[f"{name}_at_most_0.05"], name


@pytest.mark.parametrize("data", ["tiny", "pain"])
@pytest.mark.parametrize("estimator", ["MKDADensity", "KDA"])
@pytest.mark.parametrize("level", [0.001, 0.01])
def test_cluster_forming_threshold_is_the_peers(fitted, data, estimator, level) -> None:  # type: ignore[no-untyped-def]
    """Voxels above the peer's threshold form clusters: one count more is our smallest."""
    result = fitted[data, estimator]
    threshold, facts = cluster_forming(result, level)
    assert facts["mass_above"] == PEER[data][estimator]["statistic_exceeded_at"][str(level)]
    assert facts["statistic"] == facts["mass_above"] + 1
    np.testing.assert_array_equal(result.arrays["numbers"] >= threshold, result.maps["p"] < level)


def test_achieved_level_of_a_discrete_threshold_is_recorded(fitted) -> None:  # type: ignore[no-untyped-def]
    """Asked for .001, five of 21 contrasts have p = 8e-5, four .0012."""
    _, facts = cluster_forming(fitted["pain", "MKDADensity"], 0.001)
    result = fitted["pain", "MKDADensity"]
    five, four = (result.maps["p"][result.maps["stat"] == n].max() for n in (5, 4))
    assert facts["achieved_p"] == pytest.approx(five, rel=1e-12)
    assert five == pytest.approx(7.9778e-5, rel=1e-4)
    assert five < 0.001 <= four


@pytest.mark.parametrize("estimator", MAKE)
def test_montecarlo_thresholds_are_the_peers_within_their_error(pain, estimator: str) -> None:  # type: ignore[no-untyped-def]
    """Quantiles of 2,000 iterations lie within the 99.9 % interval of the peer's 1,000."""
    n, peer = 2000, PEER["pain"][estimator]["monte_carlo"]
    corrector = FWECorrector(n_iters=n, null_outside="inside", n_cores=2)
    arrays = corrector.transform(MAKE[estimator]().fit(pain)).arrays
    for measure, key in (("voxel", "max_stat"), ("size", "max_size"), ("mass", "max_mass")):
        null = np.sort(arrays[f"montecarlo_{key}"])
        for share in (0.5, 0.9, 0.95):
            slack = 3.3 * np.sqrt(share * (1 - share) * (1 / n + 1 / peer["n_iters"]))
            low, high = null[(np.clip([share - slack, share + slack], 0, 1) * (n - 1)).astype(int)]
            expected = peer[measure][f"{100 * share:g}%"]
            # A percentile of the peer may lie between two counts.
            assert np.floor(low) <= expected <= np.ceil(high), (measure, share)


def small_mask() -> BrainMask:
    """A ball of 3 mm voxels: quick nulls."""
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = -24
    ijk = np.indices((17, 17, 17)).reshape(3, -1).T
    return BrainMask((((ijk - 8) ** 2).sum(axis=1) <= 60).reshape(17, 17, 17), affine)


def scattered(n_contrasts: int = 8, seed: int = 1) -> Dataset:
    """Random foci at voxel centres of the small mask, 1 to 4 a contrast, N from 8 to 50."""
    rng = np.random.default_rng(seed)
    voxels = np.argwhere(small_mask().inside)
    foci = {
        f"s{i}": (
            [float(rng.integers(8, 50))],
            3.0 * voxels[rng.integers(0, len(voxels), rng.integers(1, 5))] - 24,
        )
        for i in range(n_contrasts)
    }
    return dataset_of(foci, mask=small_mask().as_image())


def test_weighted_null_of_the_example_equals_enumeration(pain: Dataset, fitted) -> None:  # type: ignore[no-untyped-def]
    """All 2**21 patterns of contrasts, in floating point: p of every voxel to 1e-12."""
    result = fitted["pain", "MKDADensity_weighted"]
    ma = MKDAKernel(voxelization="half-even").transform(pain, return_type="sparse")
    sums, probability = np.zeros(1), np.ones(1)
    for weight, q in zip(result.arrays["weights"], np.diff(ma.indptr) / ma.shape[1], strict=True):
        sums = np.concatenate([sums, sums + weight])
        probability = np.concatenate([probability * (1 - q), probability * q])
    order = np.argsort(sums)
    tail = np.cumsum(probability[order][::-1])[::-1]
    reached = np.searchsorted(sums[order], result.maps["stat"] - 1e-9)
    np.testing.assert_allclose(result.maps["p"], np.minimum(tail[reached], 1), rtol=1e-10)


def test_weighted_null_equals_enumeration() -> None:
    """P(X >= x) over all 2**8 patterns of covered and not covered, at every attained value."""
    result = MKDADensity(weighting="sample_size", kernel__r=7).fit(scattered())
    ma = MKDAKernel(r=7).transform(scattered(), return_type="array")
    coverage, weights = (ma > 0).mean(axis=1), result.arrays["weights"]
    patterns = np.array(list(itertools.product([0, 1], repeat=8)))
    sums = patterns @ weights
    probability = np.where(patterns == 1, coverage, 1 - coverage).prod(axis=1)
    for value in np.unique(result.maps["stat"].round(9)):
        exact = probability[sums >= value - 1e-3].sum()
        found = result.maps["p"][np.abs(result.maps["stat"] - value) < 1e-8]
        np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_kda_null_equals_enumeration() -> None:
    """P(X >= x) from all combinations of what four contrasts can add."""
    data = scattered(4, seed=5)
    result = KDA(kernel__r=7).fit(data)
    ma = KDAKernel(r=7).transform(data, return_type="array")
    pmfs = [np.bincount(row.astype(int)) / len(row) for row in ma]
    for value in np.unique(result.maps["stat"]):
        exact = sum(
            np.prod([pmf[k] for pmf, k in zip(pmfs, combination, strict=True)])
            for combination in itertools.product(*(range(len(pmf)) for pmf in pmfs))
            if sum(combination) >= value
        )
        found = result.maps["p"][result.maps["stat"] == value]
        np.testing.assert_allclose(found, exact, rtol=1e-12)


@pytest.mark.parametrize("make", [MKDADensity, KDA])
def test_montecarlo_null_has_its_closed_form(make) -> None:  # type: ignore[no-untyped-def]
    """Twelve contrasts of one focus: P(X >= x) is a binomial tail, averaged over voxels.

    A voxel v is covered with probability |sphere at v in the mask| / |mask|. The mean of eight
    nulls of 300 iterations lies within four of its standard errors.
    """
    mask = small_mask()
    centres = 3.0 * np.argwhere(mask.inside)
    distance2 = ((centres[:, None] - centres[None]) ** 2).sum(axis=2)
    covered = (distance2 <= 7**2 + 1e-9).mean(axis=1)
    data = dataset_of(
        {f"s{i}": ([20], [centres[i * 37] - 24]) for i in range(12)}, mask=mask.as_image()
    )
    nulls = np.array(
        [
            np.exp(
                make(null_method="montecarlo", kernel__r=7, n_iters=300, seed=seed)
                .fit(data)
                .arrays["null_logsf"][:4]
            )
            for seed in range(8)
        ]
    )
    for x in (1, 2, 3):
        expected = stats.binom.sf(x - 1, 12, covered).mean()
        error = nulls[:, x].std(ddof=1) / np.sqrt(8)
        assert abs(nulls[:, x].mean() - expected) < 4 * error, x
        assert error < 0.03 * expected


def test_weights_follow_the_formula() -> None:
    """w = d sqrt(N), scaled to a mean of 1, with d = .75 for the fixed-effects analysis."""
    source = {
        f"s{i}": {
            "contrasts": {
                "1": {
                    "coords": {"space": "MNI", "x": [0], "y": [0], "z": [0]},
                    "metadata": {"sample_sizes": [n], "inference": kind},
                }
            }
        }
        for i, (n, kind) in enumerate([(16, "random"), (25, "Fixed-Effects"), (9, "random")])
    }
    estimator = MKDADensity(weighting="sample_size", inference_field="inference")
    result = estimator.fit(Dataset(source))
    raw = np.array([4, 0.75 * 5, 3])
    np.testing.assert_allclose(result.arrays["weights"], raw / raw.mean(), rtol=1e-15)
    assert result.facts["effective_n_contrasts"] == pytest.approx(raw.sum() ** 2 / (raw**2).sum())
    assert result.maps["stat"].max() == pytest.approx(3)
    without = MKDADensity(weighting="sample_size").fit(Dataset(source)).arrays["weights"]
    np.testing.assert_allclose(without, np.array([4, 5, 3]) / 4, rtol=1e-15)


def test_equal_sample_sizes_count_as_no_weights() -> None:
    """Weights that are all the same change no bit."""
    data = dataset_of({"a": ([12], [(0, 0, 0)]), "b": ([12], [(4, 0, 0)])})
    plain, weighted = MKDADensity().fit(data), MKDADensity(weighting="sample_size").fit(data)
    for name in plain.maps:
        np.testing.assert_array_equal(plain.maps[name], weighted.maps[name])


def test_value_scales_the_statistic_alone(tiny: Dataset) -> None:
    """A sphere of value 3 gives three times the statistic and the same p."""
    for make in (MKDADensity, KDA):
        one, three = make().fit(tiny), make(kernel__value=3).fit(tiny)
        np.testing.assert_allclose(three.maps["stat"], 3 * one.maps["stat"])
        np.testing.assert_array_equal(three.maps["p"], one.maps["p"])
        assert (
            cluster_forming(three, 0.001)[1]["statistic"]
            == 3 * (cluster_forming(one, 0.001)[1]["statistic"])
        )


def test_a_contrast_counts_once_in_mkda_and_each_focus_in_kda() -> None:
    """Three foci of one contrast at one place."""
    data = dataset_of({"a": ([12], [(0, 0, 0), (2, 0, 0), (0, 2, 0)])})
    assert MKDADensity().fit(data).maps["stat"].max() == 1
    assert KDA().fit(data).maps["stat"].max() == 3


def test_mass_of_a_discrete_statistic_counts_every_voxel_of_a_cluster(fitted) -> None:  # type: ignore[no-untyped-def]
    """Excess over the largest value that is not significant: 1 where the threshold is just met."""
    result = FWECorrector(n_iters=40).transform(fitted["pain", "MKDADensity"])
    above = result.arrays["suprathreshold"]
    mass = result.maps["p_desc-mass_level-cluster_corr-FWE_method-montecarlo"]
    assert (mass[above] < 1).any()
    from nimare_pipeline.diagnostics import cluster_table

    table = cluster_table(result, level="none").clusters.dropna(subset=["n_voxels"])
    assert (table["mass"] >= table["n_voxels"]).all()
    assert table["mass"].sum() == (result.maps["stat"] - 4)[above].sum()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MKDADensity(weighting="uniform"), "weighting 'uniform' is unknown"),
        (lambda: MKDADensity(kernel__fwhm=8), "MKDADensity has no keyword 'kernel__fwhm'"),
        (lambda: MKDADensity(inference_field="x"), "inference_field discounts weights"),
        (lambda: MKDADensity(fixed_effects_discount=0), "fixed_effects_discount is 0; expected"),
        (lambda: MKDADensity(ALEKernel()), "MKDADensity takes the kernel MKDAKernel, not ALEK"),
        (lambda: KDA(kernel_transformer=MKDAKernel), "KDA takes the kernel KDAKernel, not MKDAK"),
        (lambda: KDA(kernel__r=-1), "r is -1; expected a positive number"),
        (lambda: KDA(kernel__r="wide"), "r is 'wide'; expected a positive number"),
        (lambda: KDA(null_method="histogram"), "there are: approximate, montecarlo"),
        (lambda: KDA(null_outside="drop"), "null_outside 'drop' is unknown"),
    ],
)
def test_wrong_parameters_are_refused(make, message: str) -> None:  # type: ignore[no-untyped-def]
    """Each says what it accepts."""
    with pytest.raises(UsageError, match=message):
        make()


def test_weights_need_every_sample_size() -> None:
    """A contrast without N is named; an unknown field too."""
    data = dataset_of({"a": ([20], [(0, 0, 0)]), "b": (None, [(8, 0, 0)])})
    with pytest.raises(DataError, match="contrast b-1: no sample size"):
        MKDADensity(weighting="sample_size").fit(data)
    estimator = MKDADensity(weighting="sample_size", inference_field="model")
    with pytest.raises(UsageError, match="no metadata field 'model'"):
        estimator.fit(dataset_of({"a": ([20], [(0, 0, 0)])}))


@pytest.mark.parametrize("r", [4, 6, 8, 10, 15])
@pytest.mark.parametrize("kernel", [KDAKernel, MKDAKernel])
def test_sphere_has_the_published_number_of_voxels(kernel, r: int) -> None:  # type: ignore[no-untyped-def]
    """33, 123, 257, 515 and 1,791 voxels of 2 mm."""
    affine = np.diag([2.0, 2, 2, 1])
    box = BrainMask(np.ones((40, 40, 40), dtype=bool), affine)
    data = dataset_of({"a": ([20], [(40, 40, 40)])})
    found = kernel(r=r).transform(data, masker=box, return_type="array")
    assert (found > 0).sum() == {4: 33, 6: 123, 8: 257, 10: 515, 15: 1791}[r]
