"""MKDAChi2: NiMARE's numbers where they are right, and what they should be where they are not."""

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.cbma.forming import montecarlo_plan
from nimare_pipeline.meta.cbma.mkda import MKDADensity
from nimare_pipeline.meta.cbma.mkda_chi2 import MKDAChi2
from nimare_pipeline.meta.judging import cluster_extents
from nimare_pipeline.numerics.foci_groups import FociGroupsPlan
from nimare_pipeline.results import MetaResult
from nimare_pipeline.spaces import data_path
from nimare_pipeline.store import Store

FWE = "corr-FWE_method-montecarlo"


@pytest.fixture(scope="module")
def pain() -> tuple[Dataset, Dataset]:
    """The first ten and the last eleven of the 21 pain studies."""
    dataset = Dataset(data_path("examples") / "pain" / "pain.json")
    ids = list(dataset.ids)
    return dataset.slice(ids[:10]), dataset.slice(ids[10:])


@pytest.fixture(scope="module")
def fitted(pain) -> MetaResult:  # type: ignore[no-untyped-def]
    return MKDAChi2().fit(*pain)


@pytest.fixture(scope="module")
def by_labels(fitted) -> MetaResult:  # type: ignore[no-untyped-def]
    return FWECorrector(n_iters=300, voxel_thresh=0.05).transform(fitted)


def test_plan_finds_in_the_store_what_fit_left(pain, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Spheres are made once; with and without a store the plan is the same."""
    store = Store(tmp_path)
    result = MKDAChi2().fit(*pain, store=store)
    assert (store.computed, store.found) == (1, 0)
    plan = FWECorrector(n_iters=10).plan(result, store)
    assert (store.computed, store.found) == (1, 1)
    assert plan.digest == FWECorrector(n_iters=10).plan(result).digest


class TestMaps:
    def test_numbers_of_nimare(self, fitted) -> None:
        """NiMARE 0.22.1 on the same groups (nimare_features 4.2)."""
        maps = fitted.maps
        assert maps["chi2_desc-uniformity"].max() == pytest.approx(181.92714, rel=1e-7)
        assert maps["chi2_desc-uniformity"].min() == pytest.approx(0.26329443, rel=1e-7)
        assert maps["chi2_desc-group2"].max() == pytest.approx(216.79601, rel=1e-7)
        assert np.nanmax(maps["chi2_desc-association"]) == pytest.approx(11.55, rel=1e-12)
        z = maps["z_desc-uniformity"]
        assert (z.min(), z.max()) == pytest.approx((-0.51312226, 13.488037), rel=1e-6)
        z = maps["z_desc-association"]
        assert (np.nanmin(z), np.nanmax(z)) == pytest.approx((-3.089572, 3.3985291), rel=1e-6)
        assert maps["prob_desc-A"].max() == pytest.approx(0.47619, abs=1e-5)

    def test_voxel_that_nobody_reports_is_no_test(self, fitted) -> None:
        """NiMARE says chi-square 2 and p .157 there; it is missing, as its prob_FgA is."""
        nobody = fitted.maps["prob_desc-A"] == 0
        assert nobody.sum() == 165_040
        for name in ("stat", "chi2", "p", "z", "logp"):
            assert (np.isnan(fitted.maps[f"{name}_desc-association"]) == nobody).all()
        assert (np.isnan(fitted.maps["prob_desc-FgA"]) == nobody).all()
        corrected = FDRCorrector().transform(fitted)
        p = corrected.maps["p_desc-association_corr-FDR_method-indep"]
        ranked = stats.false_discovery_control(fitted.maps["p_desc-association"][~nobody])
        assert p[~nobody] == pytest.approx(ranked)
        assert np.isnan(p[nobody]).all()

    def test_probabilities(self, fitted) -> None:
        """Bayes' rule, with the observed prior and with the one that is given."""
        maps = {name.partition("prob_desc-")[2]: values for name, values in fitted.maps.items()}
        some = maps["A"] > 0
        n1, n2 = 10, 11
        assert maps["A"] * (n1 + n2) == pytest.approx(maps["AgF"] * n1 + maps["AgU"] * n2)
        expected = (maps["AgF"] * n1)[some] / (maps["AgF"] * n1 + maps["AgU"] * n2)[some]
        assert maps["FgA"][some] == pytest.approx(expected)
        assert maps["AgF_prior"] == pytest.approx((maps["AgF"] + maps["AgU"]) / 2)
        own = maps["AgF"][some] / (maps["AgF"] + maps["AgU"])[some]
        assert maps["FgA_prior"][some] == pytest.approx(own)
        assert (maps["group1"] == maps["AgF"]).all()
        assert (maps["group2"] == maps["AgU"]).all()

    def test_prior(self, pain) -> None:
        """It weighs the two groups."""
        maps = MKDAChi2(prior=0.2).fit(*pain).maps
        mixed = 0.2 * maps["prob_desc-AgF"] + 0.8 * maps["prob_desc-AgU"]
        assert maps["prob_desc-AgF_prior"] == pytest.approx(mixed)

    def test_groups_exchanged(self, fitted, pain) -> None:
        """The signs turn, the groups' maps change places."""
        other = MKDAChi2().fit(*pain[::-1]).maps
        z = fitted.maps["z_desc-association"]
        assert np.allclose(other["z_desc-association"], -z, equal_nan=True)
        assert (other["chi2_desc-group1"] == fitted.maps["chi2_desc-group2"]).all()

    def test_uniformity_is_that_of_group_1(self, fitted) -> None:
        """One test under two names, as NiMARE has it."""
        for name in ("chi2", "p", "z", "logp"):
            one = fitted.maps[f"{name}_desc-uniformity"]
            assert (one == fitted.maps[f"{name}_desc-group1"]).all()

    def test_store_gives_the_same(self, fitted, pain, tmp_path) -> None:
        """The spheres are found again, and nothing changes."""
        store = Store(tmp_path)
        for _ in range(2):
            again = MKDAChi2().fit(*pain, store=store)
            z = again.maps["z_desc-association"]
            assert np.array_equal(z, fitted.maps["z_desc-association"], equal_nan=True)
        assert (store.computed, store.found) == (1, 1)

    def test_order_of_contrasts_does_not_matter(self, fitted, pain) -> None:
        """A group is a set."""
        turned = [one.slice(list(one.ids)[::-1]) for one in pain]
        z = MKDAChi2().fit(*turned).maps["z_desc-association"]
        assert np.array_equal(z, fitted.maps["z_desc-association"], equal_nan=True)


class TestLabelPermutation:
    def test_association_alone_is_judged(self, by_labels) -> None:
        """Labels say nothing of one group's convergence in space."""
        groups = {spec.group for spec in by_labels.specs.values() if spec.correction}
        assert groups == {"association"}

    def test_p_is_twice_that_of_its_tail(self, by_labels) -> None:
        """At voxel level, counted from the null maxima; both signs are there."""
        z = by_labels.maps["z_desc-association"]
        p = by_labels.maps[f"p_desc-association_level-voxel_{FWE}"]
        numbers = by_labels.arrays["numbers_association"]
        for tail, sign in (("positive", 1), ("negative", -1)):
            null = by_labels.arrays[f"montecarlo_{tail}_max_stat"]
            here = np.flatnonzero(sign * numbers > 0)[::50]
            values = sign * numbers[here] * 2.0**-16
            b = (null[:, None] >= values).sum(axis=0)
            assert p[here] == pytest.approx(np.minimum(2 * (b + 1) / 301, 1))
            assert (np.sign(z[here]) == sign).all()
            z_corrected = by_labels.maps[f"z_desc-association_level-voxel_{FWE}"][here]
            assert z_corrected == pytest.approx(sign * stats.norm.isf(p[here] / 2))

    def test_signs_are_never_one_cluster(self, by_labels) -> None:
        """Voxels of a cluster have one sign, and one size each."""
        above = by_labels.arrays["suprathreshold"]
        assert {-1, 0, 1} == set(np.unique(above))
        z = by_labels.maps["z_desc-association"]
        assert (np.sign(z[above != 0]) == above[above != 0]).all()
        size = by_labels.maps[f"p_desc-associationSize_level-cluster_{FWE}"]
        assert (size[(above == 0) & ~np.isnan(z)] == 1).all()

    def test_threads_change_nothing(self, fitted, by_labels) -> None:
        """Byte for byte."""
        two = FWECorrector(n_iters=300, voxel_thresh=0.05, n_cores=2).transform(fitted)
        for name, values in by_labels.maps.items():
            assert np.array_equal(values, two.maps[name], equal_nan=True), name

    def test_inference_maps(self, pain, fitted) -> None:
        """Only the sign that is looked for, where it is; of the other there is no evidence."""
        n = fitted.mask.n_voxels
        left = (np.arange(n) < n // 2).astype(float)
        result = MKDAChi2().fit(*pain, inference_map1=left, inference_map2=1 - left)
        z, whole = result.maps["z_desc-association"], fitted.maps["z_desc-association"]
        expected = np.where(np.where(whole > 0, left, 1 - left) > 0, whole, 0)
        expected[np.isnan(whole)] = np.nan
        assert np.array_equal(z, expected, equal_nan=True)
        assert (result.maps["p_desc-association"][(whole > 0) & (left == 0)] == 1).all()

    def test_voxels_of_neither_inference_map_are_missing(self, pain) -> None:
        """They were not looked at."""
        few = (np.arange(pain[0].mask.n_voxels) < 1000).astype(float)
        result = MKDAChi2().fit(*pain, inference_map1=few, inference_map2=few)
        assert np.isnan(result.maps["z_desc-association"][1000:]).all()


class TestRandomFoci:
    def test_groups_are_judged_in_space(self, pain) -> None:
        """Each group's count has the null that MKDADensity has of it, and the same p."""
        result = MKDAChi2(fwe_null_method="random-foci").fit(*pain)
        corrected = FWECorrector(n_iters=200, seed=7).transform(result)
        alone = FWECorrector(n_iters=200, seed=7).transform(MKDADensity().fit(pain[0]))
        for group in ("uniformity", "group1"):
            name = f"p_desc-{group}_level-voxel_{FWE}"
            assert (corrected.maps[name] == alone.maps[f"p_level-voxel_{FWE}"]).all()
        null = corrected.arrays["montecarlo_group1_max_stat"]
        assert (null == alone.arrays["montecarlo_max_stat"]).all()
        assert corrected.facts["result_group"] == "uniformity"
        second = corrected.arrays["montecarlo_group2_max_stat"]
        assert (second != null).any()

    def test_clusters_form_above_the_mean(self, pain) -> None:
        """At the smallest count whose chi-square of uniformity is below the level."""
        result = MKDAChi2(fwe_null_method="random-foci").fit(*pain)
        corrected = FWECorrector(n_iters=20, voxel_thresh=1e-6).transform(result)
        forming = corrected.facts["cluster_forming"]
        p, count = result.maps["p_desc-uniformity"], result.arrays["count_group1"]
        above = count >= forming["statistic"]
        mean = count.mean()
        assert (above == ((p < 1e-6) & (count > mean))).all()
        assert forming["achieved_p"] == pytest.approx(p[above].max())
        assert (corrected.arrays["suprathreshold"] == above).all()

    def test_mass_is_what_exceeds_the_largest_insignificant_count(self, pain) -> None:
        """Of data and null alike, as MKDADensity has it of the same counts and threshold."""
        result = MKDAChi2(fwe_null_method="random-foci").fit(*pain)
        corrected = FWECorrector(n_iters=60, voxel_thresh=1e-6, seed=7).transform(result)
        threshold = int(corrected.facts["cluster_forming"]["statistic"])
        plan = montecarlo_plan(
            MKDADensity().fit(pain[0]),
            threshold=threshold,
            mass_floor=threshold - 1,
            null_outside="distance",
        )
        null = plan.run(seed=7, first=0, n_iters=60)
        for measure in ("max_size", "max_mass"):
            assert (corrected.arrays[f"montecarlo_group1_{measure}"] == null[measure]).all()
        assert null["max_mass"].any()
        counts = result.arrays["count_group1"]
        _, mass = cluster_extents(counts, threshold, result.mask.inside, mass_floor=threshold - 1)
        p = corrected.maps[f"p_desc-group1Mass_level-cluster_{FWE}"]
        b = (null["max_mass"][:, None] >= mass[::500]).sum(axis=0)
        assert p[::500] == pytest.approx((b + 1) / 61)

    def test_groups_are_drawn_apart(self, pain) -> None:
        """Two groups with the same foci would have other draws."""
        plan = FWECorrector().plan(MKDADensity().fit(pain[0]))
        null = FociGroupsPlan.of([plan, plan]).run(seed=3, first=0, n_iters=30)
        assert (null["group1_max_size"] != null["group2_max_size"]).any()

    def test_association_is_left_alone(self, pain) -> None:
        """Redrawing foci in space is no null of a difference."""
        result = MKDAChi2(fwe_null_method="random-foci").fit(*pain)
        corrected = FWECorrector(n_iters=20).transform(result)
        groups = {spec.group for spec in corrected.specs.values() if spec.correction}
        assert groups == {"uniformity", "group1", "group2"}


class TestContracts:
    def test_one_contrast_in_each_group(self, pain) -> None:
        """Two divisions are all there are, so that no p is below 1."""
        result = MKDAChi2().fit(*(one.slice(one.ids[:1]) for one in pain))
        corrected = FWECorrector(n_iters=100, voxel_thresh=0.5).transform(result)
        assert corrected.facts["montecarlo"]["exhaustive"]
        assert corrected.facts["montecarlo"]["n_iters"] == 2
        for level in ("association_level-voxel", "associationSize_level-cluster"):
            p = corrected.maps[f"p_desc-{level}_{FWE}"]
            assert set(p[~np.isnan(p)]) == {1.0}

    def test_input_is_unchanged(self, pain) -> None:
        """Neither the datasets nor the result that is corrected."""
        before = [one.coordinates.copy() for one in pain]
        result = MKDAChi2().fit(*pain)
        kept = {name: values.copy() for name, values in (result.maps | result.arrays).items()}
        FWECorrector(n_iters=20).transform(result)
        for one, old in zip(pain, before, strict=True):
            assert one.coordinates.equals(old)
        now = result.maps | result.arrays
        assert now.keys() == kept.keys()
        for name, values in kept.items():
            assert np.array_equal(now[name], values, equal_nan=True), name

    def test_seed(self, fitted) -> None:
        """The same seed gives the same permutations, another one others."""
        nulls = [
            FWECorrector(n_iters=50, seed=seed)
            .transform(fitted)
            .arrays["montecarlo_positive_max_stat"]
            for seed in (3, 3, 4)
        ]
        assert (nulls[0] == nulls[1]).all()
        assert (nulls[0] != nulls[2]).any()


class TestBadInput:
    def test_groups_that_overlap(self, pain) -> None:
        """The contrasts in both are named."""
        with pytest.raises(DataError, match=r"the groups overlap: pain_01\.nidm-1"):
            MKDAChi2().fit(pain[0], pain[0])

    def test_empty_group(self, pain) -> None:
        """A group of no contrasts."""
        with pytest.raises(DataError, match="group 2 is empty: two groups of contrasts are comp"):
            MKDAChi2().fit(pain[0], pain[1].slice([]))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"fwe_null_method": "labels"}, "fwe_null_method is label-permutation or random-foci"),
            ({"prior": 1.5}, "prior is 1.5; expected a number between 0 and 1"),
            ({"kernel__fwhm": 9}, "MKDAChi2 has no keyword 'kernel__fwhm'"),
        ],
    )
    def test_options(self, options, message) -> None:
        """Values out of range, and keywords nobody has."""
        with pytest.raises(UsageError, match=message):
            MKDAChi2(**options)

    def test_inference_map_of_another_length(self, pain) -> None:
        """It must be over the mask."""
        with pytest.raises(UsageError, match=r"an inference map has \(5,\) values"):
            MKDAChi2().fit(*pain, inference_map1=np.ones(5))
