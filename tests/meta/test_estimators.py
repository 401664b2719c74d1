"""What holds for every coordinate-based estimator, whatever its statistic."""

import numpy as np
import pytest

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.mkda import KDA, MKDADensity
from nimare_pipeline.meta.kernel import ALEKernel
from nimare_pipeline.registry import get_estimator
from nimare_pipeline.store import Store
from tests.meta.conftest import dataset_of
from tests.meta.test_mkda import scattered

ESTIMATORS = {
    "ALE": ALE,
    "MKDADensity": lambda **more: MKDADensity(kernel__r=7, **more),
    "MKDADensity weighted": lambda **more: MKDADensity(
        kernel__r=7, weighting="sample_size", **more
    ),
    "KDA": lambda **more: KDA(kernel__r=7, **more),
}
each = pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)


@each
def test_order_of_studies_does_not_matter(make) -> None:  # type: ignore[no-untyped-def]
    """Reversed contrasts give the same whole numbers and, but for rounding, the same maps."""
    data = scattered()
    one, other = make().fit(data), make().fit(data.slice(list(data.ids)[::-1]))
    np.testing.assert_array_equal(one.arrays["numbers"], other.arrays["numbers"])
    for name in one.maps:
        np.testing.assert_allclose(one.maps[name], other.maps[name], rtol=1e-6, atol=1e-12)


@each
def test_what_is_no_dataset_is_refused(make) -> None:  # type: ignore[no-untyped-def]
    """A path is no Dataset, and a Dataset no result: what was expected is said."""
    with pytest.raises(UsageError, match="fit takes a Dataset, not a str"):
        make().fit("pain.json")
    for corrector in (FWECorrector(n_iters=1), FWECorrector("holm"), FDRCorrector()):
        with pytest.raises(UsageError, match="transform takes a MetaResult, not a Dataset"):
            corrector.transform(scattered())


@each
def test_input_and_parameters_are_unchanged(make) -> None:  # type: ignore[no-untyped-def]
    """Fitting changes neither the dataset nor the estimator; twice gives the same bits."""
    data, estimator = scattered(), make()
    before, parameters = data.coordinates.copy(), estimator.get_params()
    first, second = estimator.fit(data), estimator.fit(data)
    assert data.coordinates.equals(before)
    assert estimator.get_params() == parameters
    for name in first.maps:
        np.testing.assert_array_equal(first.maps[name], second.maps[name])


@each
def test_one_study_and_one_without_foci(make) -> None:  # type: ignore[no-untyped-def]
    """A single contrast is analysed, an empty one adds nothing, no focus at all is an error."""
    one = make().fit(dataset_of({"a": ([20], [(0, 0, 0)])}))
    assert one.maps["stat"].max() > 0
    two = make().fit(dataset_of({"a": ([20], [(0, 0, 0)]), "b": ([20], [])}))
    np.testing.assert_array_equal(one.maps["stat"], two.maps["stat"])
    with pytest.raises(DataError, match="no contrast of the dataset has any focus"):
        make().fit(dataset_of({"a": ([20], [])}))


@each
def test_foci_far_outside_are_no_error(make) -> None:  # type: ignore[no-untyped-def]
    """Where no focus reaches the mask the statistic is 0 and p is 1, also when corrected."""
    result = make().fit(dataset_of({"a": ([20], [(300, 0, 0)])}))
    assert (result.maps["stat"] == 0).all()
    assert (result.maps["p"] == 1).all()
    corrected = FWECorrector(n_iters=2).transform(result)
    assert corrected.maps["p_level-voxel_corr-FWE_method-montecarlo"].min() == 1


@each
def test_estimator_can_be_made_again_from_its_record(make) -> None:  # type: ignore[no-untyped-def]
    """The component in a result, read back, plans the same Monte Carlo null."""
    estimator = make()
    assert get_estimator(estimator.component()).get_params().keys() == (
        estimator.get_params().keys()
    )
    assert get_estimator(estimator.component()).component() == estimator.component()


@pytest.mark.parametrize("number", [np.int64, np.int32, np.float32, np.float64])
def test_numbers_of_numpy_are_in_the_record(number) -> None:  # type: ignore[no-untyped-def]
    """A radius out of an array plans the null it is asked for, not that of the default radius."""
    data = scattered()
    plain, asked = MKDADensity(kernel__r=6), MKDADensity(kernel__r=number(6))
    assert asked.component() == plain.component()
    corrector = FWECorrector(n_iters=2, voxel_thresh=0.01)
    assert corrector.plan(asked.fit(data)).digest == corrector.plan(plain.fit(data)).digest


@each
@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n_iters": 0}, "n_iters is 0; expected an integer of at least 1"),
        ({"n_iters": 2.5}, "n_iters is 2.5; expected an integer of at least 1"),
        ({"n_iters": "x"}, "n_iters is 'x'; expected an integer of at least 1"),
        ({"n_cores": 0}, "n_cores is 0; expected an integer of at least 1"),
        ({"seed": -1}, r"seed is -1; expected an integer from 0 to 2\*\*64 - 1"),
        ({"seed": 2**64}, r"expected an integer from 0 to 2\*\*64 - 1"),
        ({"seed": 1.5}, r"seed is 1.5; expected an integer from 0 to 2\*\*64 - 1"),
    ],
)
def test_numbers_of_a_montecarlo_null_are_checked(make, keywords, message) -> None:  # type: ignore[no-untyped-def]
    """What is no number of iterations, threads or a seed is refused at once."""
    with pytest.raises(UsageError, match=message):
        make(null_method="montecarlo", **keywords)


@each
def test_threads_change_no_bit(make) -> None:  # type: ignore[no-untyped-def]
    """One and two threads give the same maps under every null, corrected too."""
    data = scattered()
    for method in ("approximate", "montecarlo"):
        one, two = (
            FWECorrector(n_iters=30, n_cores=cores).transform(
                make(null_method=method, n_iters=30, n_cores=cores).fit(data)
            )
            for cores in (1, 2)
        )
        for name in one.maps:
            np.testing.assert_array_equal(one.maps[name], two.maps[name])


@each
def test_montecarlo_null_is_near_the_exact_one(make) -> None:  # type: ignore[no-untyped-def]
    """The exact null takes the maps of the data, the Monte Carlo null maps at all places.

    With twenty contrasts spread over the mask their p go together (r > .999); that each is what
    it should be is shown elsewhere, by enumeration, a closed form and plain loops.
    """
    data = scattered(20, seed=11)
    exact = make().fit(data)
    simulated = make(null_method="montecarlo", n_iters=400, n_cores=2).fit(data)
    np.testing.assert_array_equal(exact.maps["stat"], simulated.maps["stat"])
    assert np.corrcoef(exact.maps["p"], simulated.maps["p"])[0, 1] > 0.999


def test_montecarlo_null_of_many_contrasts_reaches_as_far_as_the_data() -> None:
    """In 343 voxels 300 contrasts have an ALE above .37 everywhere; p is that of plain redraws."""
    rng = np.random.default_rng(1)
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -6
    mask = BrainMask(np.ones((7, 7, 7), dtype=bool), affine)

    def drawn() -> Dataset:
        """Foci at voxel centres."""
        xyz = 2.0 * rng.integers(-3, 4, (300, 3, 3))
        return dataset_of({f"s{i}": ([20], foci.tolist()) for i, foci in enumerate(xyz)})

    make = ALE(kernel__fwhm=6, null_method="montecarlo", n_iters=100, mask=mask)
    maps = make.fit(drawn()).maps
    kernel = ALEKernel(fwhm=6)
    null = np.concatenate(
        [1 - np.prod(1 - kernel.transform(drawn(), mask, "array"), axis=0) for _ in range(20)]
    )
    share = (null >= maps["stat"][:, None]).mean(axis=1)
    np.testing.assert_allclose(maps["p"], share, atol=0.05)


@each
def test_montecarlo_null_is_counted_honestly(make) -> None:  # type: ignore[no-untyped-def]
    """p is (b + 1) / (n + 1) over all voxels of all iterations; another seed is another null."""
    data = scattered()
    results = [make(null_method="montecarlo", n_iters=6, seed=s).fit(data) for s in (1, 1, 2)]
    p = [result.maps["p"] for result in results]
    np.testing.assert_array_equal(p[0], p[1])
    assert (p[0] != p[2]).any()
    n = 6 * data.mask.n_voxels
    counts = p[0] * (n + 1)
    np.testing.assert_allclose(counts, counts.round(), atol=1e-6)
    assert counts.min() >= 1
    assert (p[0][results[0].maps["stat"] == 0] == 1).all()
    assert results[0].facts["null_n_iters"] == 6


@each
def test_montecarlo_null_is_found_in_the_store(make, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A second fit finds every block and gives the same bits; the progress adds up both times."""
    data, store = scattered(), Store(tmp_path)
    estimator = make(null_method="montecarlo", n_iters=1100)
    told: list[int] = []
    first = estimator.fit(data, store=store, progress=told.append)
    assert sum(told) == 1100
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert len(files) == 3
    second = estimator.fit(data, store=store, progress=told.append)
    assert sum(told) == 2200
    assert {path: path.stat().st_mtime_ns for path in files} == files
    np.testing.assert_array_equal(first.maps["z"], second.maps["z"])


@each
def test_record_leaves_out_what_has_no_effect(make) -> None:  # type: ignore[no-untyped-def]
    """Iterations and seed of a null that is not drawn stand in no record."""
    assert "seed" not in make().component().args
    assert make(null_method="montecarlo", seed=7).component().args["seed"] == 7


@each
@pytest.mark.parametrize(
    "corrector", [FWECorrector("bonferroni"), FWECorrector("holm"), FDRCorrector("indep")]
)
def test_corrected_maps_agree_with_each_other(make, corrector) -> None:  # type: ignore[no-untyped-def]
    """p, z and logp of a correction say the same, one-tailed as the estimator's own."""
    from scipy import stats

    result = corrector.transform(make().fit(scattered()))
    end = f"corr-{corrector.error_rate}_method-{corrector.method}"
    p, z, logp = (result.maps[f"{name}_{end}"] for name in ("p", "z", "logp"))
    np.testing.assert_allclose(10**-logp, p, rtol=1e-12)
    np.testing.assert_allclose(stats.norm.sf(z), np.minimum(p, 0.5), rtol=1e-9)
    assert (p >= result.maps["p"]).all()
