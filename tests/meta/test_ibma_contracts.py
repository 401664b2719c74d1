"""What holds for every image-based estimator, whatever its statistic."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from nimare_pipeline import registry
from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.images import ImageStack
from nimare_pipeline.meta import ibma
from nimare_pipeline.registry import NO_SIGN_FLIPS, get_estimator
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component
from tests.meta.image_cases import SIZES, VARIANTS, at, flipped, make, ragged, stack, studies

each = pytest.mark.parametrize("case", VARIANTS)
flips = pytest.mark.parametrize(
    "case",
    [
        case
        for case, (name, keywords) in VARIANTS.items()
        if name not in NO_SIGN_FLIPS and "formula" not in keywords
    ],
)
effects = pytest.mark.parametrize(
    "case",
    [case for case in VARIANTS if case.split()[0] not in ("Stouffers", "Fishers")],
)


def same_maps(one, other, **tolerance):
    """Two results have the same maps, NaN at the same voxels."""
    assert one.maps.keys() == other.maps.keys()
    for name in one.maps:
        np.testing.assert_allclose(
            one.maps[name], other.maps[name], equal_nan=True, err_msg=name, **tolerance
        )


def of(result, statistic):
    """Map of a statistic, that of the intercept of a meta-regression."""
    spec = next(
        spec
        for spec in result.specs.values()
        if spec.statistic == statistic and not spec.correction
    )
    return result.maps[spec.name]


def test_every_estimator_has_a_case():
    """No estimator of images is left out of these contracts."""
    assert {name for name, _ in VARIANTS.values()} == set(registry.IMAGE_ESTIMATORS)


@each
def test_order_of_studies_does_not_matter(case):
    """Reversed contrasts give the same maps but for rounding, also at ragged edges."""
    data = studies()
    images = ragged(stack(data))
    turned = studies(backwards=True)
    assert turned.ids.tolist() == data.ids.tolist()[::-1]
    back = ImageStack(
        tuple(turned.ids), {kind: array[::-1].copy() for kind, array in images.values.items()}
    )
    same_maps(
        make(case).fit(data, images=images),
        make(case).fit(turned, images=back),
        rtol=1e-5,
        atol=1e-7,
    )


@each
def test_input_and_parameters_are_unchanged(case):
    """Fitting changes neither dataset, images nor estimator; twice gives the same bits."""
    data = studies()
    images = ragged(stack(data))
    before = {kind: array.copy() for kind, array in images.values.items()}
    tables = data.metadata.copy(), data.images.copy()
    estimator = make(case)
    parameters = estimator.get_params()
    first, second = (estimator.fit(data, images=images) for _ in range(2))
    same_maps(first, second, rtol=0, atol=0)
    assert estimator.get_params() == parameters
    assert data.metadata.equals(tables[0])
    assert data.images.equals(tables[1])
    for kind, array in before.items():
        np.testing.assert_array_equal(array, images.values[kind])


@each
def test_parameters_make_the_same_estimator(case):
    """get_params, set_params, the text and the record of a result lead to the same estimator."""
    estimator = make(case)
    again = type(estimator)(**estimator.get_params())
    assert repr(again) == repr(estimator)
    assert type(estimator)().set_params(**estimator.get_params()).get_params() == (
        estimator.get_params()
    )
    assert eval(repr(estimator), vars(ibma), {type(estimator).__name__: type(estimator)})  # noqa: S307
    assert get_estimator(estimator.component()).component() == estimator.component()
    with pytest.raises(UsageError, match="has no parameter 'colour'; it has: "):
        estimator.set_params(colour=1)


WRONG = [
    ({"aggressive_mask": 1}, "aggressive_mask is 1; expected true or false"),
    ({"min_studies": 1}, "min_studies is 1; a meta-analysis of a voxel needs at least 2 studies"),
    ({"min_studies": 2.5}, "min_studies is 2.5; expected an integer of at least 1"),
    ({"n_cores": 0}, "n_cores is 0; expected an integer of at least 1"),
    ({"formula": 1}, "formula is 1; expected text such as '~ 1 . age'"),
    ({"weight_scheme": "x"}, "weight_scheme 'x' is unknown; there are: rescale, individual, coll"),
    ({"rho": 1.5}, "rho is 1.5; expected a number from 0 to 1"),
    ({"rho": "x"}, "rho is 'x'; expected a number from 0 to 1"),
    ({"small_sample_correction": "x"}, "small_sample_correction 'x' is unknown; there are: knapp"),
    ({"method": "x"}, "method 'x' is unknown; there are: ml, reml"),
    ({"tau2": -1}, "tau2 is -1; expected a number of at least 0"),
    ({"tau2": float("nan")}, "tau2 is nan; expected a number of at least 0"),
    ({"image": "p"}, "image 'p' is unknown; there are: beta, z, g, d"),
    ({"two_sided": 0}, "two_sided is 0; expected true or false"),
    ({"use_sample_size": "yes"}, "use_sample_size is 'yes'; expected true or false"),
]


@pytest.mark.parametrize("name", registry.IMAGE_ESTIMATORS)
@pytest.mark.parametrize(("keywords", "message"), WRONG, ids=lambda value: str(value)[:30])
def test_wrong_values_are_refused(name, keywords, message):
    """What no keyword may be is refused at once, and what was expected is said."""
    kind = getattr(ibma, name)
    if set(keywords) - set(kind().get_params()):
        with pytest.raises(UsageError, match=f"{name} has no keyword '{next(iter(keywords))}'"):
            get_estimator(Component(name, keywords))
        return
    with pytest.raises(UsageError, match=message):
        kind(**keywords)


@each
def test_one_study_is_refused_and_two_are_enough(case):
    """One study makes no meta-analysis; two do, wherever the model has no more coefficients."""
    data = studies()
    images = stack(data)
    one = list(data.ids)[:1]
    message = f"{VARIANTS[case][0]} needs .* images of at least 2 studies; there is one"
    with pytest.raises(DataError, match=message):
        make(case).fit(data.slice(one), images=images.only(one))
    two = list(data.ids)[:2]
    if "formula" in VARIANTS[case][1]:
        with pytest.raises(DataError):
            make(case).fit(data.slice(two), images=images.only(two))
        return
    result = make(case).fit(data.slice(two), images=images.only(two))
    assert np.isfinite(of(result, "z")).all()
    assert (result.maps["n"] == 2).all()


@each
def test_contrasts_without_an_image_are_left_out_and_named(case, caplog):
    """Contrasts that lack an image are logged by name, or all named in one error."""
    data = studies()
    images = stack(data)
    lack = [data.ids[3], data.ids[7]]
    kind = make(case).kinds()[-1]
    values = {name: array.copy() for name, array in images.values.items()}
    values[kind][[3, 7]] = np.nan
    gaps = replace(images, values=values)
    with caplog.at_level(logging.INFO, logger="nimare_pipeline"):
        result = make(case).fit(data, images=gaps)
    assert result.ids == tuple(name for name in data.ids if name not in lack)
    assert all(name in caplog.text for name in lack)
    with pytest.raises(DataError) as caught:
        make(case).fit(data, images=gaps, drop_invalid=False)
    assert [problem.where for problem in caught.value.problems] == lack
    kept = [name for name in data.ids if name not in lack]
    same_maps(result, make(case).fit(data.slice(kept), images=images.only(kept)), rtol=1e-9)


@each
def test_contrasts_without_sample_size_are_left_out_where_it_counts(case, caplog):
    """A sample size that is needed and missing is said; another is not missed."""
    data = studies(sizes=(None, *SIZES[1:]))
    images = stack(data)
    with caplog.at_level(logging.INFO, logger="nimare_pipeline"):
        result = make(case).fit(data, images=images)
    assert (data.ids[0] in result.ids) is not make(case).needs_sample_sizes()
    assert (data.ids[0] in caplog.text) is make(case).needs_sample_sizes()
    assert np.isfinite(of(result, "z")).all()
    if make(case).needs_sample_sizes():
        with pytest.raises(DataError, match="no sample size"):
            make(case).fit(data, images=images, drop_invalid=False)


@each
def test_each_voxel_is_the_fit_of_its_own_studies(case):
    """With ragged images every voxel has the values of the contrasts that cover it, alone."""
    data = studies()
    images = ragged(stack(data))
    result = make(case).fit(data, images=images)
    present = np.isfinite(images.values["beta"])
    for voxel in (0, 11, 20, 33, 47, 60, 75, 88, 99):
        kept, alone = at(images, voxel)
        if result.maps["n"][voxel] == 0:
            assert present[:, voxel].sum() < 2 + 2 * ("formula" in VARIANTS[case][1])
            continue
        expected = make(case).fit(data.slice(kept), images=alone)
        assert expected.maps.keys() == result.maps.keys()
        for name, values in expected.maps.items():
            np.testing.assert_allclose(
                result.maps[name][voxel], values[0], rtol=2e-6, atol=1e-9, err_msg=name
            )


@each
def test_voxels_of_too_few_studies_are_nan_in_every_map(case):
    """Where fewer than min_studies cover a voxel nothing is known but their number, 0."""
    data = studies()
    images = ragged(stack(data), share=0.5)
    present = np.isfinite(images.values["beta"])
    result = make(case, min_studies=6).fit(data, images=images)
    few = present.sum(axis=0) < 6
    assert 5 < few.sum() < 95
    for name, values in result.maps.items():
        assert (values[few] == 0).all() if name == "n" else np.isnan(values[few]).all(), name
    analysed = result.maps["n"] > 0
    np.testing.assert_array_equal(result.maps["n"][analysed], present.sum(axis=0)[analysed])
    if "formula" not in VARIANTS[case][1]:
        np.testing.assert_array_equal(analysed, ~few)
    assert result.facts["n_voxels_analysed"] == analysed.sum()


@each
def test_aggressive_mask_takes_what_all_cover(case):
    """The aggressive mask leaves out voxels that a contrast lacks, and changes no other."""
    data = studies()
    images = ragged(stack(data))
    liberal = make(case).fit(data, images=images)
    result = make(case, aggressive_mask=True).fit(data, images=images)
    complete = np.isfinite(images.values["beta"]).all(axis=0)
    for name, values in result.maps.items():
        np.testing.assert_allclose(values[complete], liberal.maps[name][complete], rtol=1e-9)
        if name != "n":
            assert np.isnan(values[~complete]).all()
    assert (result.facts["coverage"], liberal.facts["coverage"]) == ("aggressive", "liberal")


def test_no_voxel_is_covered():
    """Where no voxel has enough studies the error says how many were wanted."""
    data = studies()
    images = ragged(stack(data), share=0.9)
    values = {kind: array.copy() for kind, array in images.values.items()}
    for array in values.values():
        array[:, :10] = np.nan
    gaps = replace(images, values=values)
    with pytest.raises(DataError, match="no voxel of the mask is covered by at least 9 studies"):
        ibma.PermutedOLS(min_studies=9).fit(data, images=gaps)
    with pytest.raises(DataError, match="no voxel of the mask is covered by all 10 contrasts"):
        ibma.PermutedOLS(aggressive_mask=True).fit(data, images=gaps)


@each
def test_what_makes_contrasts_dependent(case):
    """The study, a column or labels say the same; False says that nothing does."""
    names = ["a", "a", "b", "c", "d", "e", "f", "g", "h", "i"]
    data = studies(names)
    images = ragged(stack(data))
    by_study = make(case).fit(data, images=images)
    assert by_study.maps["n"].max() == 9
    same_maps(by_study, make(case, groupby="study_id").fit(data, images=images), rtol=0)
    same_maps(by_study, make(case, groupby=names).fit(data, images=images), rtol=0)
    alone = make(case, groupby=False).fit(data, images=images)
    assert alone.maps["n"].max() == 10
    apart = make(case, groupby=list("0123456789")).fit(data, images=images)
    for name, values in alone.maps.items():
        np.testing.assert_allclose(values, apart.maps[name], rtol=1e-9, err_msg=name)
    with pytest.raises(UsageError, match="groupby 'x' is no column of the metadata; there are: "):
        make(case, groupby="x").fit(data, images=images)
    with pytest.raises(UsageError, match="groupby gives 2 labels for 10 contrasts"):
        make(case, groupby=["a", "b"]).fit(data, images=images)


@each
def test_images_of_a_study_that_cancel(case):
    """A study whose two images are each other's opposite gives no traceback and no infinity."""
    names = ["a", "a", "b", "c", "d", "e", "f", "g", "h", "i"]
    data = studies(names)
    images = stack(data)
    values = {kind: array.copy() for kind, array in images.values.items()}
    for kind in ("beta", "t", "z", "d", "g"):
        values[kind][1] = -values[kind][0]
    result = make(case).fit(data, images=replace(images, values=values))
    assert not np.isinf(of(result, "z")).any()
    assert (result.maps["n"] == 9).all()


@each
def test_constant_images(case):
    """Where all studies say exactly the same nothing is infinite, and p is never 0."""
    data = studies()
    values = {
        kind: np.full((10, 100), 0.04 if kind in ("varcope", "g_var") else 0.5, dtype=np.float32)
        for kind in stack(data).values
    }
    result = make(case).fit(data, images=ImageStack(tuple(data.ids), values))
    for name, found in result.maps.items():
        assert not np.isinf(found[~np.isnan(found)]).any() or name.startswith(("tau2", "h2")), name
    p = of(result, "p")
    assert not (p == 0).any()
    if np.isnan(p).any():
        assert np.isnan(of(result, "z")[np.isnan(p)]).all()


@pytest.mark.parametrize("value", [0.0, -1.0])
@pytest.mark.parametrize("case", [case for case in VARIANTS if "varcope" in make(case).kinds()])
def test_variance_of_zero_or_less(case, value):
    """A variance that cannot be is one error with the contrast, or is left out of its voxel."""
    data = studies()
    images = stack(data)
    values = {kind: array.copy() for kind, array in images.values.items()}
    values["varcope"][4, 50] = value
    result = make(case).fit(data, images=replace(images, values=values))
    values["varcope"][4, 50] = np.nan
    same_maps(result, make(case).fit(data, images=replace(images, values=values)), rtol=1e-12)
    assert result.maps["n"][50] == 9


@effects
@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_units_do_not_matter(case, factor):
    """Effects in other units have the same z, and estimates in those units."""
    data = studies()
    images = stack(data)
    values = dict(images.values)
    for kind in ("beta", "d", "g"):
        values[kind] = (values[kind].astype(float) * factor).astype(np.float32)
    for kind in ("varcope", "g_var"):
        values[kind] = (values[kind].astype(float) * factor**2).astype(np.float32)
    one = make(case).fit(data, images=images)
    two = make(case).fit(data, images=replace(images, values=values))
    name = next(name for name, spec in one.specs.items() if spec.statistic == "z")
    np.testing.assert_allclose(one.maps[name], two.maps[name], rtol=2e-4, atol=1e-5)


@each
def test_all_signs_flipped_flip_z(case):
    """The opposite of all images gives the opposite z; one-sided p become 1 - p."""
    data = studies()
    images = ragged(stack(data))
    one, two = (make(case).fit(data, images=each) for each in (images, flipped(images)))
    for name, spec in one.specs.items():
        if spec.statistic == "z" and not case.startswith("Fishers weighted positive"):
            np.testing.assert_array_equal(one.maps[name], -two.maps[name])
        if spec.statistic == "est":
            np.testing.assert_array_equal(one.maps[name], -two.maps[name])
        if spec.statistic in ("tau2", "q", "i2", "h2", "se", "n"):
            np.testing.assert_array_equal(one.maps[name], two.maps[name])


@each
def test_p_and_logp_agree_with_z(case):
    """In every set of maps p and log p are those of z, in the tail that is recorded."""
    data = studies()
    result = make(case).fit(data, images=ragged(stack(data)))
    specs = [spec for spec in result.specs.values() if spec.statistic == "z"]
    for spec in specs:
        z, p, logp = (
            result.maps[replace(spec, statistic=name).name] for name in ("z", "p", "logp")
        )
        known = ~np.isnan(z)
        wanted = norm.sf(z) if spec.tail == "positive" else 2 * norm.sf(np.abs(z))
        np.testing.assert_allclose(p[known], wanted[known], rtol=1e-10)
        np.testing.assert_allclose(logp[known], -np.log10(p[known]), rtol=1e-9, atol=1e-12)
        assert np.isnan(p[~known]).all()
        assert np.isnan(logp[~known]).all()


@pytest.mark.parametrize("case", ["Stouffers", "Fishers", "WeightedLeastSquares"])
def test_far_tail(case):
    """z of 40 and more has a finite log p, though p is too small for a number."""
    data = studies()
    images = stack(data)
    values = dict(images.values)
    values["z"] = np.full_like(values["z"], 25)
    values["beta"] = np.full_like(values["beta"], 25)
    values["varcope"] = np.ones_like(values["varcope"])
    result = make(case).fit(data, images=replace(images, values=values))
    z = of(result, "z")
    assert (z > 40).all()
    np.testing.assert_allclose(
        result.maps["logp"], -(norm.logsf(z) + np.log(2)) / np.log(10), rtol=1e-10
    )
    if case != "Fishers":
        np.testing.assert_allclose(z, 25 * np.sqrt(10), rtol=1e-6)


@each
def test_saved_results_are_read_again(case, tmp_path):
    """A result that was saved is the same when read, and every map can be written."""
    data = studies()
    result = make(case).fit(data, images=ragged(stack(data)))
    again = MetaResult.load(result.save(tmp_path / "result.npz"))
    same_maps(result, again, rtol=0)
    assert (again.specs, again.facts, again.ids) == (result.specs, result.facts, result.ids)
    paths = result.save_maps(tmp_path / "maps")
    assert len({path.name for path in paths}) == len(result.maps)


@each
def test_threads_change_no_bit_of_a_fit(case):
    """One and two threads give the same maps."""
    data = studies()
    images = ragged(stack(data))
    one, two = (make(case, n_cores=cores).fit(data, images=images) for cores in (1, 2))
    same_maps(one, two, rtol=0, atol=0)


@each
@pytest.mark.parametrize(
    "corrector", [FWECorrector("bonferroni"), FWECorrector("holm"), FDRCorrector()]
)
def test_corrections_of_p(case, corrector):
    """Corrected p are no smaller, of analysed voxels only, and NaN or 1 elsewhere, never 0."""
    data = studies()
    result = make(case, min_studies=6).fit(data, images=ragged(stack(data)))
    corrected = corrector.transform(result)
    group = result.facts.get("result_group")
    new = [name for name in corrected.maps if name not in result.maps and name.startswith("p_")]
    assert new
    unknown = result.maps["n"] == 0
    for name in new:
        spec = corrected.specs[name]
        assert spec.group in result.facts.get("terms", {group: None})
        before = result.maps[replace(spec, correction=None, method=None).name]
        after = corrected.maps[name]
        assert (after[~unknown] >= before[~unknown] * (1 - 1e-12)).all()
        assert np.isnan(after[unknown]).all()
        assert (after[~unknown] > 0).all()
        if corrector.get_params().get("method") == "bonferroni":
            np.testing.assert_allclose(
                after[~unknown], np.minimum(before[~unknown] * (~unknown).sum(), 1), rtol=1e-12
            )


@flips
@pytest.mark.parametrize("tfce", [False, True])
def test_threads_and_order_change_no_bit_of_flips(case, tfce):
    """Studies in another order, and two threads, are judged alike by all 1,024 flips."""
    data, turned = studies(), studies(backwards=True)
    images = ragged(stack(data))
    back = ImageStack(
        tuple(turned.ids), {kind: array[::-1].copy() for kind, array in images.values.items()}
    )
    choices = {"n_iters": 1024, "voxel_thresh": 0.05, "tfce": tfce}
    one = FWECorrector(n_cores=1, **choices).transform(make(case).fit(data, images=images))
    two = FWECorrector(n_cores=2, **choices).transform(make(case).fit(turned, images=back))
    assert one.facts["montecarlo"]["exhaustive"]
    unknown = one.maps["n"] == 0
    for name, spec in one.specs.items():
        if spec.correction == "FWE":
            np.testing.assert_array_equal(one.maps[name], two.maps[name], err_msg=name)
            assert np.isnan(one.maps[name][unknown]).all(), name
            if spec.statistic == "p":
                assert (one.maps[name][~unknown] >= (1 - 1e-9) / 1024).all()


@flips
def test_same_seed_same_draws(case):
    """Flips that are drawn are those of the seed, for any number of threads."""
    data = studies()
    result = make(case).fit(data, images=ragged(stack(data)))
    one, two, other = (
        FWECorrector(n_iters=50, voxel_thresh=0.05, seed=seed, n_cores=cores).transform(result)
        for seed, cores in ((1, 1), (1, 2), (2, 1))
    )
    same_maps(one, two, rtol=0, atol=0)
    name = "p_level-voxel_corr-FWE_method-montecarlo"
    assert not np.array_equal(one.maps[name], other.maps[name], equal_nan=True)
