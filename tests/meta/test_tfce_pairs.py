"""Enhancement of comparisons of two groups as a level of correction."""

from typing import Any

import numpy as np
import pytest

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.errors import UsageError
from nimare_pipeline.meta.cbma.ale_subtraction import ALESubtraction
from nimare_pipeline.meta.cbma.balanced_subtraction import BalancedALESubtraction
from nimare_pipeline.meta.cbma.mkda_chi2 import MKDAChi2
from nimare_pipeline.numerics.pvalues import montecarlo_p
from nimare_pipeline.registry import get_estimator
from nimare_pipeline.results import MetaResult
from tests.by_labels import signed_by_labels, tfce_by_labels

N_ITERS = 40
FWE = "level-tfce_corr-FWE_method-montecarlo"
KINDS = {
    "chi2": (MKDAChi2, {}, "association"),
    "foci": (MKDAChi2, {"fwe_null_method": "random-foci"}, "uniformity"),
    "subtraction": (ALESubtraction, {"n_iters": 50}, "group1MinusGroup2"),
}
differences = pytest.mark.parametrize("kind", ["chi2", "subtraction"])


@pytest.fixture(scope="module")
def groups(pain: Dataset) -> tuple[Dataset, Dataset, BrainMask]:
    """Six and fifteen pain studies, on every fourth voxel of the brain."""
    affine = pain.mask.affine @ np.diag([4.0, 4.0, 4.0, 1.0])
    mask = BrainMask(pain.mask.inside[::4, ::4, ::4], affine, "8 mm")
    ids = list(pain.ids)
    return pain.slice(ids[:6]), pain.slice(ids[6:]), mask


@pytest.fixture(scope="module")
def fitted(groups) -> dict[str, MetaResult]:  # type: ignore[no-untyped-def]
    one, two, mask = groups
    return {
        kind: estimator(mask=mask, **args).fit(one, two)
        for kind, (estimator, args, _) in KINDS.items()
    }


@pytest.fixture(scope="module")
def corrected(fitted) -> dict[str, MetaResult]:  # type: ignore[no-untyped-def]
    return {
        kind: FWECorrector(n_iters=N_ITERS, tfce=True).transform(one)
        for kind, one in fitted.items()
    }


def heights(kind: str, result: MetaResult) -> np.ndarray:  # type: ignore[type-arg]
    """z that is integrated, of both signs."""
    if kind == "subtraction":
        choices = FWECorrector(n_iters=N_ITERS, tfce=True)
        layout, _ = get_estimator(result.estimator)._layout(result, choices.choices)
        return np.asarray(layout.over_mask(choices.plan(result).observed_levels()) / 1024)
    return np.nan_to_num(result.maps[f"z_desc-{KINDS[kind][2]}"])


@pytest.mark.parametrize("kind", ["chi2", "foci", "subtraction"])
@pytest.mark.parametrize("powers", [(0.5, 2.0), (1.0, 1.5)])
def test_map_is_the_integral_over_z(fitted, kind: str, powers: tuple[float, float]) -> None:  # type: ignore[no-untyped-def]
    """Each sign by itself, extent in mm3; of one group where it is above its mean."""
    result = fitted[kind]
    corrector = FWECorrector(n_iters=1, tfce=True, tfce_extent=powers[0], tfce_height=powers[1])
    done = corrector.transform(result)
    found = done.maps[f"tfce_desc-{KINDS[kind][2]}"]
    z = np.round(heights(kind, result), 4)
    by_labels = tfce_by_labels if kind == "foci" else signed_by_labels
    expected = by_labels(z, result.mask.inside, 512.0, *powers)
    assert expected.max() > 50
    defined = ~np.isnan(found)
    np.testing.assert_allclose(
        found[defined], expected[defined], rtol=1e-3, atol=1e-4 * expected.max()
    )
    assert done.facts["tfce"]["extent_power"] == powers[0]
    assert done.facts["tfce"]["height_power"] == powers[1]


@differences
def test_p_is_twice_that_of_its_sign(corrected, kind: str) -> None:  # type: ignore[no-untyped-def]
    """Each sign has its own null; p is two-sided, at most 1, and z has the sign of the height."""
    result, group = corrected[kind], KINDS[kind][2]
    values = result.maps[f"tfce_desc-{group}"]
    p, z = (result.maps[f"{what}_desc-{group}_{FWE}"] for what in ("p", "z"))
    for sign, tail in ((1, "positive"), (-1, "negative")):
        null = result.arrays[f"montecarlo_{tail}_max_tfce"]
        assert null.shape == (N_ITERS,)
        here = sign * values > 0
        assert here.any()
        wanted = np.minimum(2 * montecarlo_p(sign * values[here], null), 1)
        np.testing.assert_allclose(p[here], wanted, rtol=1e-12)
        assert (sign * z[here] >= 0).all()
    assert (p[values == 0] == 1).all()
    assert result.specs[f"p_desc-{group}_{FWE}"].tail == "two-sided"


@differences
def test_what_is_not_tested_is_missing(corrected, groups, kind: str) -> None:  # type: ignore[no-untyped-def]
    """Voxels without a chi-square, or outside both inference maps, are NaN in map and p."""
    group = KINDS[kind][2]
    if kind == "chi2":
        result = corrected[kind]
        missing = np.isnan(result.maps["z_desc-association"])
    else:
        one, two, mask = groups
        half = np.arange(mask.n_voxels) < mask.n_voxels // 2
        fit = ALESubtraction(n_iters=20, mask=mask).fit(
            one, two, inference_map1=half.astype(float), inference_map2=half.astype(float)
        )
        result, missing = FWECorrector(n_iters=5, tfce=True).transform(fit), ~half
    assert missing.any()
    for name in (f"tfce_desc-{group}", f"p_desc-{group}_{FWE}", f"z_desc-{group}_{FWE}"):
        np.testing.assert_array_equal(np.isnan(result.maps[name]), missing)


@pytest.mark.parametrize("kind", KINDS)
def test_other_maps_are_untouched(fitted, corrected, kind: str) -> None:  # type: ignore[no-untyped-def]
    """Statistic, size and mass are those of a correction without enhancement, to the last bit."""
    plain = FWECorrector(n_iters=N_ITERS).transform(fitted[kind])
    assert not any("tfce" in name for name in (*plain.maps, *plain.arrays, *plain.facts))
    for part in ("maps", "arrays"):
        one, other = getattr(plain, part), getattr(corrected[kind], part)
        assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


def test_one_group_is_judged_under_both_its_names(corrected) -> None:  # type: ignore[no-untyped-def]
    """With foci redrawn uniformity and group1 have the same maps, group2 those of its own."""
    maps = corrected["foci"].maps
    one, same, other = (maps[f"tfce_desc-{name}"] for name in ("uniformity", "group1", "group2"))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    null = corrected["foci"].arrays["montecarlo_group2_max_tfce"]
    np.testing.assert_allclose(maps[f"p_desc-group2_{FWE}"], montecarlo_p(other, null), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_table_quotes_the_enhanced_p(corrected, kind: str) -> None:  # type: ignore[no-untyped-def]
    """Clusters at level tfce are made of the voxels with that p, and have its interval."""
    result, group = corrected[kind], KINDS[kind][2]
    p = result.maps[f"p_desc-{group}_{FWE}"]
    alpha = float(np.nanmin(p)) * 1.2
    table = cluster_table(result, level="tfce", alpha=alpha)
    assert (table.label_map > 0).sum() == (p < alpha).sum() > 0
    assert (table.clusters["p_tfce_fwe"] < alpha).all()
    assert (table.clusters["p_tfce_fwe_low"] < table.clusters["p_tfce_fwe"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_thresholds_have_intervals(corrected, kind: str) -> None:  # type: ignore[no-untyped-def]
    """Critical values of each null stand in the record, with what the iterations leave open."""
    facts = corrected[kind].facts["montecarlo"]
    own = [name for name in facts["thresholds"] if name.startswith("tfce_")]
    assert len(own) == 2
    for name in own:
        low, high = facts["threshold_intervals"][name]["0.1"]
        value = facts["thresholds"][name]["0.1"]
        assert (low or 0) <= value <= (high or np.inf)


def test_exchanged_groups_turn_the_signs(groups, corrected) -> None:  # type: ignore[no-untyped-def]
    """What the first group has more of, the second has less of."""
    one, two, mask = groups
    for kind in ("chi2", "subtraction"):
        estimator, args, group = KINDS[kind]
        turned = FWECorrector(n_iters=2, tfce=True).transform(
            estimator(mask=mask, **args).fit(two, one)
        )
        name = f"tfce_desc-{group}"
        np.testing.assert_allclose(
            turned.maps[name], -corrected[kind].maps[name], rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("kind", KINDS)
def test_null_is_extended(fitted, corrected, kind: str) -> None:  # type: ignore[no-untyped-def]
    """25 + 15 iterations give the maps of 40."""
    begun = FWECorrector(n_iters=25, tfce=True).transform(fitted[kind])
    longer = FWECorrector(n_iters=25, tfce=True).extend(begun, 15)
    for name, values in corrected[kind].maps.items():
        assert np.array_equal(longer.maps[name], values, equal_nan=True), name


def test_what_cannot_be_enhanced_says_why(groups) -> None:  # type: ignore[no-untyped-def]
    """A balanced subtraction is corrected when it is fitted."""
    one, two, mask = groups
    estimator: Any = BalancedALESubtraction(n_iters=2, n_subsamples=2, mask=mask)
    with pytest.raises(
        UsageError,
        match=r"BalancedALESubtraction is corrected as it is fitted.*tfce is for ALE, .*MKDAChi2",
    ):
        FWECorrector(n_iters=2, tfce=True).transform(estimator.fit(one, two))
