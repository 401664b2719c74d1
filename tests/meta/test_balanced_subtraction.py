"""BalancedALESubtraction: closed form, nulls, maps of subsets, what it refuses."""

from itertools import combinations

import numpy as np
import pytest

from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.errors import UsageError
from nimare_pipeline.meta.cbma.ale_subtraction import ALESubtraction
from nimare_pipeline.meta.cbma.balanced_subtraction import BalancedALESubtraction
from nimare_pipeline.meta.kernel import ALEKernel
from nimare_pipeline.results import MetaResult
from nimare_pipeline.store import Store
from tests.meta.conftest import dataset_of
from tests.meta.test_ale_subtraction import halves
from tests.meta.test_mkda import small_mask

STAT = "stat_desc-balancedGroup1MinusGroup2"
P = "p_desc-balancedGroup1MinusGroup2_level-voxel_corr-FWE_method-montecarlo"
QUICK = {"n_iters": 60, "n_subsamples": 40, "voxel_thresh": 0.05}
each_null = pytest.mark.parametrize("null_method", ["label-permutation", "random-foci"])


def quick(**more) -> BalancedALESubtraction:  # type: ignore[no-untyped-def]
    """Estimator with few iterations."""
    return BalancedALESubtraction(**(QUICK | more))


def test_difference_is_the_average_over_subsets() -> None:
    """The balanced difference is that of mean ALE over all subsets of three, to .3 % of an ALE."""
    groups = halves(9, 4)
    result = quick(target_n=3).fit(*groups)
    ma = [ALEKernel().transform(one, return_type="array") for one in groups]
    means = [
        np.mean(
            [
                1 - np.prod(1 - one[list(some)], axis=0)
                for some in combinations(range(len(one)), 3)
            ],
            axis=0,
        )
        for one in ma
    ]
    off = np.abs(result.maps[STAT] - (means[0] - means[1]))
    assert (off <= 0.003 * np.maximum(*means) + 1e-12).all()
    assert np.abs(result.maps[STAT]).max() > 0.005


def test_whole_groups_of_one_size_are_plain_subtraction() -> None:
    """With as many contrasts in both, and all of them taken, nothing has to be balanced."""
    groups = halves(8, 4)
    plain, balanced = ALESubtraction(n_iters=10).fit(*groups), quick().fit(*groups)
    np.testing.assert_array_equal(balanced.maps[STAT], plain.maps["stat_desc-group1MinusGroup2"])
    np.testing.assert_array_equal(
        balanced.arrays["numbers_balancedGroup1MinusGroup2"],
        plain.arrays["numbers_group1MinusGroup2"],
    )


def test_p_of_all_divisions_is_enumerated() -> None:
    """p of the strongest voxel is twice the share of divisions whose largest is as large."""
    groups = halves(9, 4)
    result = quick(n_iters=500).fit(*groups)
    assert result.facts["montecarlo"]["exhaustive"]
    ma = np.concatenate([ALEKernel().transform(one, return_type="array") for one in groups])
    tops = []
    for one in combinations(range(9), 4):
        two = [i for i in range(9) if i not in one]
        d = np.prod(1 - 0.8 * ma[two], axis=0) - np.prod(1 - ma[list(one)], axis=0)
        tops.append([d.max(), -d.min()])
    d, p = result.maps[STAT], result.maps[P]
    for tail, sign in ((0, 1), (1, -1)):
        strongest = (sign * d).argmax()
        share = (np.array(tops)[:, tail] >= sign * d[strongest] - 1e-7).mean()
        assert p[strongest] == pytest.approx(min(2 * share, 1), abs=1e-12)


@each_null
def test_maps_agree_and_have_their_ranges(null_method: str) -> None:
    """Shares lie in 0 to 1, the conjunction is the smaller, z has the sign of the difference."""
    result = quick(null_method=null_method).fit(*halves(20, 8))
    one, two = (result.maps[f"prob_desc-{name}"] for name in ("group1", "group2"))
    for share in (one, two):
        assert 0 <= share.min() <= share.max() <= 1
        np.testing.assert_allclose(share * 40, np.rint(share * 40), atol=1e-9)
    np.testing.assert_array_equal(result.maps["stat_desc-conjunction"], np.minimum(one, two))
    z = result.maps[P.replace("p_", "z_", 1)]
    assert (np.sign(z)[z != 0] == np.sign(result.maps[STAT])[z != 0]).all()
    assert 2 / 61 - 1e-12 <= result.maps[P].min() <= 1


def test_where_every_contrast_reports_every_subset_has_a_cluster() -> None:
    """Contrasts that agree on a place find it in every subset, and elsewhere in none."""
    image = small_mask().as_image()
    one = dataset_of({f"a{i}": ([20], [(0, 0, 0)]) for i in range(8)}, mask=image)
    two = dataset_of({f"b{i}": ([20], [(0, 18, 0)]) for i in range(6)}, mask=image)
    result = quick(voxel_thresh=0.01, target_n=5).fit(one, two)
    share = result.mask.volume(result.maps["prob_desc-group1"])
    assert share[8, 8, 8] == 1
    assert share[8, 14, 8] == 0
    assert result.mask.volume(result.maps["prob_desc-group2"])[8, 14, 8] == 1
    assert result.maps["stat_desc-conjunction"].max() == 0


@each_null
def test_threads_store_and_disk_change_no_bit(null_method: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """One and two threads, computed or found: the same maps; a saved result reads back."""
    groups, store = halves(20, 8), Store(tmp_path / "store")
    one = quick(null_method=null_method).fit(*groups, store=store)
    computed = store.computed
    two = quick(null_method=null_method, n_cores=2).fit(*groups, store=store)
    free = quick(null_method=null_method, n_cores=2).fit(*groups)
    assert computed == 1
    assert (store.computed, store.found) == (1, 1)
    read = MetaResult.load(free.save(tmp_path / "result.npz"))
    for name, values in one.maps.items():
        for other in (two, free, read):
            np.testing.assert_array_equal(values, other.maps[name])


@pytest.mark.parametrize(
    ("keyword", "value", "changed"),
    [
        ("target_n", 4, STAT),
        ("null_method", "random-foci", P),
        ("seed", 5, P),
        ("n_iters", 30, P),
        ("n_subsamples", 39, "prob_desc-group1"),
        ("voxel_thresh", 0.2, "prob_desc-group1"),
        ("alpha", 0.5, "prob_desc-group1"),
        ("kernel__fwhm", 14.0, STAT),
    ],
)
def test_every_parameter_has_an_effect(keyword: str, value, changed: str) -> None:  # type: ignore[no-untyped-def]
    """Another value changes the map it is for."""
    groups = halves(20, 8, seed=3)
    base = {"voxel_thresh": 0.05, "alpha": 0.2, "target_n": 6}
    one, other = (quick(**(base | more)).fit(*groups) for more in ({}, {keyword: value}))
    assert (one.maps[changed] != other.maps[changed]).any()


def test_outside_foci_are_redrawn_where_they_are_asked_to_be() -> None:
    """A focus outside the mask is drawn outside, or anywhere in it: another null."""
    image = small_mask().as_image()
    one = dataset_of({f"a{i}": ([20], [(27, 0, 0), (0, 0, 0)]) for i in range(6)}, mask=image)
    two = dataset_of({f"b{i}": ([20], [(0, 27, 0)]) for i in range(6)}, mask=image)
    nulls = [
        quick(null_method="random-foci", null_outside=policy).fit(one, two).arrays
        for policy in ("distance", "inside")
    ]
    name = "montecarlo_positive_max_stat"
    assert nulls[0][name].mean() < nulls[1][name].mean()


@each_null
def test_a_corrector_judges_what_is_observed(null_method: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Observed, written, read and corrected is what ``fit`` gives, by the same iterations."""
    groups = halves(20, 8)
    whole = quick(null_method=null_method).fit(*groups)
    seen = quick(null_method=null_method).observe(*groups)
    assert not [spec for spec in seen.specs.values() if spec.statistic in {"p", "z", "logp"}]
    read = MetaResult.load(seen.save(tmp_path / "seen.npz"))
    judged = FWECorrector(n_iters=60).transform(read)
    assert set(judged.maps) == set(whole.maps)
    for name, values in whole.maps.items():
        np.testing.assert_array_equal(judged.maps[name], values)
    known = {name: judged.facts["montecarlo"][name] for name in whole.facts["montecarlo"]}
    assert known == whole.facts["montecarlo"]


def test_a_corrector_goes_through_all_divisions_and_adds_iterations() -> None:
    """Few contrasts: all divisions, whatever is asked for. Many: the null is made longer."""
    few = FWECorrector(n_iters=500).transform(quick().observe(*halves(9, 4)))
    np.testing.assert_array_equal(few.maps[P], quick(n_iters=500).fit(*halves(9, 4)).maps[P])
    assert (few.facts["montecarlo"]["n_iters"], few.facts["montecarlo"]["exhaustive"]) == (
        126,
        True,
    )
    seen = quick().observe(*halves(20, 8))
    short = FWECorrector(n_iters=40).transform(seen)
    longer = FWECorrector(n_iters=40).extend(short, 20)
    np.testing.assert_array_equal(longer.maps[P], FWECorrector(n_iters=60).transform(seen).maps[P])


def test_there_is_no_inference_map() -> None:
    """A map of where to look is refused, not passed over."""
    with pytest.raises(UsageError, match="takes no inference mask; give a smaller mask instead"):
        quick().observe(*halves(), inference_map1=np.ones(3))


def test_corrected_maps_are_not_corrected_again() -> None:
    """p is corrected already: another corrector finds nothing to correct."""
    with pytest.raises(UsageError, match="no uncorrected map logp"):
        FDRCorrector().transform(quick().fit(*halves()))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"target_n": 0}, "target_n is 0; expected an integer of at least 1"),
        ({"n_subsamples": 0}, "n_subsamples is 0; expected an integer of at least 1"),
        ({"alpha": 1.0}, "alpha is 1.0; expected a number between 0 and 1"),
        ({"voxel_thresh": 0}, "voxel_thresh is 0; expected a number between 0 and 1"),
        ({"null_method": "x"}, "null_method 'x' is unknown; there are: label-permutation, rand"),
        ({"null_outside": "x"}, "null_outside 'x' is unknown; there are: distance, inside"),
        ({"difference_iterations": 5}, "has no keyword 'difference_iterations'"),
    ],
)
def test_bad_parameters_are_refused(keywords, message) -> None:  # type: ignore[no-untyped-def]
    """What cannot be used is said at once."""
    with pytest.raises(UsageError, match=message):
        BalancedALESubtraction(**keywords)


def test_a_target_beyond_the_smaller_group_is_refused() -> None:
    """More contrasts than the smaller group has cannot be taken."""
    with pytest.raises(UsageError, match=r"target_n is 5, .* the groups have 4 and 5 contrasts"):
        quick(target_n=5).fit(*halves(9, 4))
