"""ALESubtraction: against enumeration, against NiMARE, and what it promises."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.ale_subtraction import ALESubtraction, cluster_thresholds
from nimare_pipeline.meta.kernel import ALEKernel, MKDAKernel
from nimare_pipeline.numerics.clusters import label
from nimare_pipeline.numerics.subtraction import UNIT
from nimare_pipeline.registry import get_estimator
from nimare_pipeline.results import MetaResult
from nimare_pipeline.store import Store
from tests.meta.conftest import dataset_of
from tests.meta.test_mkda import scattered, small_mask

PEER = Path(__file__).parents[1] / "reference" / "nimare_subtraction.npz"
NAME = "desc-group1MinusGroup2"


def halves(n: int = 9, n_first: int = 4, seed: int = 1) -> tuple[Dataset, Dataset]:
    """Two groups of scattered contrasts."""
    data = scattered(n, seed)
    ids = list(data.ids)
    return data.slice(ids[:n_first]), data.slice(ids[n_first:])


def ale_by_hand(ma: np.ndarray) -> np.ndarray:
    """Union of modelled activation."""
    return 1 - np.prod(1 - ma, axis=0)


@pytest.mark.parametrize("n_first", [3, 4, 6])
def test_p_of_all_divisions_is_enumerated(n_first: int) -> None:
    """With few contrasts p is that of all divisions, worked out from products of 1 - MA."""
    groups = halves(9, n_first)
    result = ALESubtraction(n_iters=500).fit(*groups)
    assert result.facts["exhaustive"]
    ma = np.concatenate([ALEKernel().transform(one, return_type="array") for one in groups])
    everyone = range(len(ma))
    differences = np.array(
        [
            ale_by_hand(ma[list(one)]) - ale_by_hand(ma[[i for i in everyone if i not in one]])
            for one in combinations(everyone, n_first)
        ]
    )
    observed = ale_by_hand(ma[:n_first]) - ale_by_hand(ma[n_first:])
    np.testing.assert_allclose(result.maps[f"stat_{NAME}"], observed, rtol=0, atol=1e-15)
    upper, lower = (
        (sign * differences >= sign * observed - 1e-12).mean(axis=0) for sign in (1, -1)
    )
    # Differences nearer than the rounding of the logarithms may tie or not.
    apart = np.abs(differences - observed)
    clear = ~((apart > 1e-12) & (apart < 9 * 2.0**-26)).any(axis=0)
    assert clear.mean() > 0.4
    p = result.maps[f"p_{NAME}"]
    expected = np.minimum(2 * np.minimum(upper, lower), 1)
    np.testing.assert_allclose(p[clear], expected[clear], rtol=1e-12)
    sign = np.sign(lower - upper)
    np.testing.assert_array_equal(
        np.sign(result.maps[f"z_{NAME}"])[clear & (p < 1)], sign[clear & (p < 1)]
    )
    assert p.min() < 0.1


def test_maxima_of_all_divisions_are_enumerated() -> None:
    """Corrected p of statistic and size are the shares of divisions, twice that of the tail."""
    groups = halves(9, 4)
    result = ALESubtraction(n_iters=500).fit(*groups)
    corrected = FWECorrector(n_iters=500, voxel_thresh=0.05).transform(result)
    assert corrected.facts["montecarlo"]["n_iters"] == 126
    assert corrected.facts["montecarlo"]["exhaustive"]
    ma = np.concatenate([ALEKernel().transform(one, return_type="array") for one in groups])
    inside = result.mask.inside
    thresholds = [t * UNIT for t, _ in cluster_thresholds(result, 0.05)]
    null = []
    for one in combinations(range(9), 4):
        two = [i for i in range(9) if i not in one]
        d = ale_by_hand(ma[list(one)]) - ale_by_hand(ma[two])
        null.append([f(d, inside, t) for t, f in zip(thresholds, (up, down), strict=True)])
    d = result.maps[f"stat_{NAME}"]
    p = corrected.maps[f"p_{NAME}_level-voxel_corr-FWE_method-montecarlo"]
    for tail, sign in ((0, 1), (1, -1)):
        tops = np.array([row[tail][0] for row in null])
        strongest = (sign * d).argmax()
        expected = min(2 * (tops >= (sign * d).max() - 1e-7).mean(), 1)
        assert p[strongest] == pytest.approx(expected, abs=1e-12)
        sizes = np.array([row[tail][1] for row in null])
        name = f"montecarlo_{('positive', 'negative')[tail]}_max_size"
        np.testing.assert_array_equal(np.sort(corrected.arrays[name]), np.sort(sizes))


def up(d: np.ndarray, inside: np.ndarray, threshold: float) -> tuple[float, int]:
    """Largest value, and the size of the largest cluster at or above a threshold."""
    above = np.zeros(inside.shape, dtype=bool)
    above[inside] = d >= threshold
    labels, n = label(above)
    return float(d.max()), max((int((labels == one).sum()) for one in range(1, n + 1)), default=0)


def down(d: np.ndarray, inside: np.ndarray, threshold: float) -> tuple[float, int]:
    """The same of the negative tail."""
    return up(-d, inside, threshold)


@pytest.fixture(scope="module")
def against_the_peer(pain: Dataset) -> MetaResult:
    """The first 10 contrasts of the example minus the last 11, as NiMARE rounds."""
    ids = list(pain.ids)
    estimator = ALESubtraction(n_iters=4000, n_cores=2, kernel__voxelization="half-even")
    return estimator.fit(pain.slice(ids[:10]), pain.slice(ids[10:]))


def test_difference_is_the_peers(against_the_peer: MetaResult) -> None:
    """The difference of the example is that of NiMARE at every voxel, to 1e-8."""
    stat = against_the_peer.maps[f"stat_{NAME}"]
    with np.load(PEER) as peer:
        np.testing.assert_allclose([stat.min(), stat.max()], peer["ends"], rtol=0, atol=1e-8)
        np.testing.assert_allclose(stat[peer["index"]], peer["stat"], rtol=0, atol=1e-8)
    assert stat.min() == pytest.approx(-0.022320936, abs=2e-9)
    assert stat.max() == pytest.approx(0.016000206, abs=2e-9)


def test_p_is_the_peers_within_monte_carlo_error(
    pain: Dataset, against_the_peer: MetaResult
) -> None:
    """Where ten contrasts or more reach, p differ as two estimates of 4,000 permutations do.

    Elsewhere many divisions give the very same difference, and the peer, which compares floating
    sums, counts some of these ties and not others: one contrast alone, of the group of 10, has
    p = 2 * 10 / 21 here and anything down to 1 / 4,000 there.
    """
    with np.load(PEER) as peer:
        index, theirs = peer["index"], peer["p"].astype(float)
        n = int(peer["n_iters"])
    ours = against_the_peer.maps[f"p_{NAME}"][index]
    ma = ALEKernel(voxelization="half-even").transform(pain, return_type="sparse")
    reached = np.bincount(ma.indices[ma.data > 2.0**-27], minlength=ma.shape[1])[index]
    # p is twice a share; the sampling error of two of them.
    tail = np.clip((ours + theirs) / 4, 1 / n, 0.5)
    error = (ours - theirs) / (2 * np.sqrt(tail * (1 - tail) * 2 / n))
    many = reached >= 10
    assert many.sum() > 300
    assert np.abs(error[many]).max() < 5
    assert 0.8 < np.std(error[many]) < 1.2
    alone = (reached == 1) & (against_the_peer.maps[f"stat_{NAME}"][index] > 1e-6)
    assert np.abs(ours[alone] - 20 / 21).max() < 4 * 2 * np.sqrt(0.25 / n)
    assert theirs[alone].min() < 0.001


def test_critical_values_are_the_peers_within_monte_carlo_error(
    against_the_peer: MetaResult,
) -> None:
    """The 95 % quantiles of the peer's null of both signs lie in the interval of ours."""
    n = 2000
    corrected = FWECorrector(n_iters=n, n_cores=2).transform(against_the_peer)
    with np.load(PEER) as peer:
        theirs = dict(zip(peer["critical_names"].tolist(), peer["critical"], strict=True))
        forming = float(peer["cluster_forming"])
        n_peer = 500
    ours = corrected.facts["cluster_forming"]
    assert abs(ours["statistic"]) <= 1.1 * forming
    assert abs(ours["statistic_negative"]) >= 0.9 * forming
    both = np.maximum(
        *(corrected.arrays[f"montecarlo_{tail}_max_stat"] for tail in ("positive", "negative"))
    )
    slack = 3.3 * np.sqrt(0.95 * 0.05 * (1 / n + 1 / n_peer))
    low, high = np.quantile(both, [0.95 - slack, min(0.95 + slack, 1)])
    (voxel,) = (value for name, value in theirs.items() if "level-voxel" in name)
    assert low <= voxel <= high


def test_groups_the_other_way_round() -> None:
    """Swapped groups change the sign of D and z, and nothing else."""
    one, two = halves(9, 4)
    here, there = (ALESubtraction(n_iters=500).fit(*pair) for pair in ((one, two), (two, one)))
    np.testing.assert_array_equal(here.maps[f"stat_{NAME}"], -there.maps[f"stat_{NAME}"])
    np.testing.assert_array_equal(here.maps[f"z_{NAME}"], -there.maps[f"z_{NAME}"])
    np.testing.assert_array_equal(here.maps[f"p_{NAME}"], there.maps[f"p_{NAME}"])


def test_order_of_studies_does_not_matter() -> None:
    """Reversed contrasts give the same differences, and of all divisions the same p."""
    one, two = halves(9, 4)
    turned = [group.slice(list(group.ids)[::-1]) for group in (one, two)]
    here, there = (
        ALESubtraction(n_iters=500).fit(one, two),
        ALESubtraction(n_iters=500).fit(*turned),
    )
    for name in (f"stat_{NAME}", f"p_{NAME}", f"z_{NAME}"):
        np.testing.assert_allclose(here.maps[name], there.maps[name], rtol=1e-12, atol=1e-15)
    numbers = "numbers_group1MinusGroup2"
    np.testing.assert_array_equal(here.arrays[numbers], there.arrays[numbers])


def test_each_group_has_its_own_ale() -> None:
    """Maps of a group are those of ALE with the same kernel."""
    groups = halves()
    result = ALESubtraction(n_iters=10, kernel__fwhm=12).fit(*groups)
    for name, dataset in zip(("group1", "group2"), groups, strict=True):
        alone = ALE(kernel__fwhm=12).fit(dataset)
        for what in ("stat", "p", "z", "logp"):
            np.testing.assert_array_equal(result.maps[f"{what}_desc-{name}"], alone.maps[what])


def test_threads_change_no_bit_and_input_is_unchanged() -> None:
    """One and two threads give the same maps; datasets and parameters stay as they were."""
    groups = halves(20, 8)
    before = [group.coordinates.copy() for group in groups]
    found = []
    for cores in (1, 2):
        estimator = ALESubtraction(n_iters=60, n_cores=cores)
        parameters = estimator.get_params()
        result = estimator.fit(*groups)
        found.append(FWECorrector(n_iters=60, n_cores=cores, voxel_thresh=0.01).transform(result))
        assert estimator.get_params() == parameters
    for name in found[0].maps:
        np.testing.assert_array_equal(found[0].maps[name], found[1].maps[name])
    for group, coordinates in zip(groups, before, strict=True):
        assert group.coordinates.equals(coordinates)


def test_seed_and_iterations_have_an_effect() -> None:
    """Another seed draws other divisions; p is (b + 1) / (n + 1) of as many as were asked for."""
    groups = halves(20, 8)
    one, other, more = (
        ALESubtraction(n_iters=n, seed=seed).fit(*groups).maps[f"p_{NAME}"]
        for n, seed in ((99, 1), (99, 2), (199, 1))
    )
    assert (one != other).any()
    np.testing.assert_allclose(one * 100 / 2, np.rint(one * 100 / 2), atol=1e-9)
    assert one.min() >= 2 / 100 - 1e-12
    assert more.min() < one.min()


def test_permutations_are_found_in_the_store(tmp_path: Path) -> None:
    """A second fit reads the blocks of the first, and gives the same bits."""
    groups = halves(20, 8)
    store = Store(tmp_path)
    told: list[int] = []
    first = ALESubtraction(n_iters=600).fit(*groups, store=store, progress=told.append)
    assert (store.computed, store.found) == (2, 0)
    assert sum(told) == 600
    again = ALESubtraction(n_iters=600).fit(*groups, store=store)
    assert (store.computed, store.found) == (2, 2)
    for name in first.maps:
        np.testing.assert_array_equal(first.maps[name], again.maps[name])


def test_plan_of_a_saved_result_is_the_same(tmp_path: Path) -> None:
    """What a node reads from a file plans the same null, with every parameter in the record."""
    result = ALESubtraction(n_iters=60, kernel__voxelization="half-up").fit(*halves(20, 8))
    read = MetaResult.load(result.save(tmp_path / "result.npz"))
    corrector = FWECorrector(n_iters=60, voxel_thresh=0.01)
    assert corrector.plan(read).digest == corrector.plan(result).digest
    assert get_estimator(read.estimator).kernel_transformer.voxelization == "half-up"
    plan = corrector.plan(read)
    assert type(plan).load(plan.save(tmp_path / "plan.npz")).digest == plan.digest


def test_inference_maps_limit_what_is_tested() -> None:
    """Only positive differences count in map 1, only negative ones in map 2; else p is missing."""
    groups = halves(20, 8)
    free = ALESubtraction(n_iters=99).fit(*groups)
    d = free.maps[f"stat_{NAME}"]
    n = len(d)
    first, second = np.zeros(n), np.zeros(n)
    first[: n // 2], second[n // 3 : n - n // 5] = 1, 2.5
    result = ALESubtraction(n_iters=99).fit(
        *groups, inference_map1=first, inference_map2=free.mask.image(second)
    )
    only_1, only_2, both = first * (second == 0) > 0, second * (first == 0) > 0, first * second > 0
    neither = (first == 0) & (second == 0)
    p, z = result.maps[f"p_{NAME}"], result.maps[f"z_{NAME}"]
    assert np.isnan(p[neither]).all()
    assert np.isfinite(p[~neither]).all()
    np.testing.assert_array_equal(p[both], free.maps[f"p_{NAME}"][both])
    assert (z[only_1] >= 0).all()
    assert (z[only_2] <= 0).all()
    rising = only_1 & (free.maps[f"z_{NAME}"] > 0)
    np.testing.assert_array_equal(z[rising], free.maps[f"z_{NAME}"][rising])
    assert result.facts["n_voxels_tested"] == int((~neither).sum())
    corrected = FWECorrector(n_iters=50, voxel_thresh=0.05).transform(result)
    for name, values in corrected.maps.items():
        if "corr-FWE" in name:
            assert np.isnan(values[neither]).all(), name
            assert np.isfinite(values[~neither]).all(), name
    z_fwe = corrected.maps[f"z_{NAME}_level-voxel_corr-FWE_method-montecarlo"]
    assert (z_fwe[only_1] >= 0).all()
    # Fewer voxels are tested, so no maximum is larger.
    wide = FWECorrector(n_iters=50, voxel_thresh=0.05).transform(free)
    for tail in ("positive", "negative"):
        name = f"montecarlo_{tail}_max_stat"
        assert (corrected.arrays[name] <= wide.arrays[name]).all()
        assert (corrected.arrays[name] < wide.arrays[name]).any()


def test_clusters_of_the_two_signs_are_never_joined() -> None:
    """A positive and a negative cluster that touch are two clusters."""
    one = dataset_of(
        {f"a{i}": ([20], [(-3, 0, 0)]) for i in range(8)}, mask=small_mask().as_image()
    )
    two = dataset_of(
        {f"b{i}": ([20], [(0, 0, 0)]) for i in range(8)}, mask=small_mask().as_image()
    )
    result = ALESubtraction(n_iters=200).fit(one, two)
    corrected = FWECorrector(n_iters=200, voxel_thresh=0.5).transform(result)
    sign = corrected.arrays["suprathreshold"]
    volume = result.mask.volume(sign)
    assert (volume[:-1] * volume[1:] == -1).any()
    z = corrected.maps["z_desc-group1MinusGroup2Size_level-cluster_corr-FWE_method-montecarlo"]
    assert z[sign == 1].min() > 0 > z[sign == -1].max()


def test_other_corrections_take_the_difference_too() -> None:
    """FDR of the difference is two-sided and keeps its sign."""
    result = FDRCorrector().transform(ALESubtraction(n_iters=99).fit(*halves(20, 8)))
    z = result.maps[f"z_{NAME}_corr-FDR_method-indep"]
    assert np.isfinite(z).all()
    assert result.facts["correction"]["n_tests"] == len(z)


def test_too_few_permutations_form_no_cluster() -> None:
    """Where no difference can be unlikely enough no cluster forms, and every cluster p is 1."""
    result = ALESubtraction(n_iters=1).fit(*halves(20, 8))
    corrected = FWECorrector(n_iters=5, voxel_thresh=1e-4).transform(result)
    forming = corrected.facts["cluster_forming"]
    assert forming["statistic"] is forming["statistic_negative"] is None
    assert not corrected.arrays["suprathreshold"].any()
    p = corrected.maps["p_desc-group1MinusGroup2Size_level-cluster_corr-FWE_method-montecarlo"]
    assert (p == 1).all()


def test_bad_groups_are_refused() -> None:
    """Groups that overlap, are empty or lack foci: one clear error each."""
    one, two = halves()
    with pytest.raises(DataError, match="the groups overlap: s0"):
        ALESubtraction().fit(one, scattered(1))
    with pytest.raises(DataError, match="group 2 is empty"):
        ALESubtraction().fit(one, two.slice([]))
    bare = dataset_of({"x": ([20], [])}, mask=small_mask().as_image())
    with pytest.raises(DataError, match="group 1 has no focus in any of its 1 contrasts"):
        ALESubtraction().fit(bare, two)
    with pytest.raises(UsageError, match="fit takes a Dataset, not a str"):
        ALESubtraction().fit("a.json", two)


def test_bad_inference_maps_are_refused() -> None:
    """A map of another length or grid, or without a voxel, cannot be used."""
    groups = halves()
    n = int(small_mask().inside.sum())
    with pytest.raises(UsageError, match=rf"has \({n + 1},\) values; expected \({n},\)"):
        ALESubtraction().fit(*groups, inference_map1=np.ones(n + 1))
    with pytest.raises(UsageError, match="no voxel above 0"):
        ALESubtraction().fit(*groups, inference_map2=np.zeros(n))
    other = BrainMask(small_mask().inside, small_mask().affine + np.eye(4)).as_image()
    with pytest.raises(UsageError, match="another grid"):
        ALESubtraction().fit(*groups, inference_map1=other)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n_iters": 0}, "n_iters is 0; expected an integer of at least 1"),
        ({"seed": -1}, "seed is -1; expected an integer from 0"),
        ({"n_cores": 0}, "n_cores is 0; expected an integer of at least 1"),
        ({"null_method": "approximate"}, "ALESubtraction has no keyword 'null_method'"),
        ({"kernel_transformer": MKDAKernel()}, "takes the kernel ALEKernel"),
    ],
)
def test_bad_parameters_are_refused(keywords, message) -> None:  # type: ignore[no-untyped-def]
    """What the estimator does not take is said at once."""
    with pytest.raises(UsageError, match=message):
        ALESubtraction(**keywords)
