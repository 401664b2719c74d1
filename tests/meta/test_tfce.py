"""Enhancement of one-sample results as a level of correction."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.errors import UsageError
from nimare_pipeline.inference import Inference
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.enhancement import log_p_beyond
from nimare_pipeline.meta.cbma.mkda import KDA, MKDADensity
from nimare_pipeline.montecarlo import load_plan, montecarlo_chunk
from nimare_pipeline.numerics.nulls import Null
from nimare_pipeline.numerics.pvalues import montecarlo_p
from nimare_pipeline.reports.boilerplate import methods
from nimare_pipeline.results import MetaResult

P = "p_level-tfce_corr-FWE_method-montecarlo"
N_ITERS = 40


@pytest.fixture(scope="module")
def mask(pain: Dataset) -> BrainMask:
    """Every fourth voxel of the brain: few enough to label it at every height."""
    affine = pain.mask.affine @ np.diag([4.0, 4.0, 4.0, 1.0])
    return BrainMask(pain.mask.inside[::4, ::4, ::4], affine, "8 mm")


@pytest.fixture(scope="module")
def result(pain: Dataset, mask: BrainMask) -> MetaResult:
    return ALE(mask=mask).fit(pain)


@pytest.fixture(scope="module")
def corrected(result: MetaResult) -> MetaResult:
    return FWECorrector(n_iters=N_ITERS, tfce=True).transform(result)


def by_thresholds(z: np.ndarray, mask: np.ndarray, extent_power: float, power: float):  # type: ignore[no-untyped-def,type-arg]
    """The integral by labelling at every z there is."""
    volume = np.zeros(mask.shape)
    volume[mask] = z
    total, before = np.zeros(mask.shape), 0.0
    for height in np.unique(z[z > 0]):
        labels, _ = ndimage.label(volume >= height)
        extent = np.bincount(labels.ravel()) * 512.0
        extent[0] = 0
        slab = (height ** (power + 1) - before ** (power + 1)) / (power + 1)
        total += extent[labels] ** extent_power * slab
        before = height
    return total[mask]


@pytest.mark.parametrize(("extent_power", "height_power"), [(0.5, 2.0), (1.0, 1.5)])
def test_map_is_the_integral_over_z(
    result: MetaResult, extent_power: float, height_power: float
) -> None:
    """The map is the integral over the uncorrected z, extent in mm3."""
    corrector = FWECorrector(
        n_iters=1, tfce=True, tfce_extent=extent_power, tfce_height=height_power
    )
    found = corrector.transform(result).maps["tfce"]
    expected = by_thresholds(result.maps["z"], result.mask.inside, extent_power, height_power)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * expected.max())


def test_p_counts_iterations(corrected: MetaResult) -> None:
    """p is (b + 1) / (n + 1) of the largest enhanced values, z and logp follow from it."""
    null = corrected.arrays["montecarlo_max_tfce"]
    assert null.shape == (N_ITERS,)
    np.testing.assert_allclose(
        corrected.maps[P], montecarlo_p(corrected.maps["tfce"], null), rtol=1e-12
    )
    logp = corrected.maps[P.replace("p_", "logp_", 1)]
    np.testing.assert_allclose(10.0**-logp, corrected.maps[P], rtol=1e-12)


def test_other_maxima_are_untouched(result: MetaResult, corrected: MetaResult) -> None:
    """Statistic, size and mass are those of a correction without enhancement, to the last bit."""
    plain = FWECorrector(n_iters=N_ITERS).transform(result)
    assert "tfce" not in plain.maps
    for name in ("max_stat", "max_size", "max_mass"):
        key = f"montecarlo_{name}"
        np.testing.assert_array_equal(plain.arrays[key], corrected.arrays[key])
    shared = plain.maps.keys()
    assert all(np.array_equal(plain.maps[name], corrected.maps[name]) for name in shared)


def test_null_is_what_a_redrawn_map_has(result: MetaResult) -> None:
    """An iteration's largest value is that of the map of its own foci, computed apart."""
    corrector = FWECorrector(n_iters=3, tfce=True)
    plan = corrector.plan(result)
    null = plan.run(seed=7, first=0, n_iters=3)
    assert (null["max_tfce"] > 0).all()
    again = [plan.run(seed=7, first=i, n_iters=1)["max_tfce"][0] for i in range(3)]
    np.testing.assert_array_equal(null["max_tfce"], again)


def test_threads_chunks_and_files_change_no_bit(result: MetaResult, tmp_path: Path) -> None:
    """The null is the same by two threads, in chunks, and from a saved plan."""
    plan = FWECorrector(n_iters=24, tfce=True).plan(result)
    loaded = load_plan(plan.save(tmp_path / "plan.npz"))
    one = montecarlo_chunk(plan, n_iters=24, seed=3)
    two = montecarlo_chunk(loaded, n_iters=24, seed=3, n_threads=2)
    parts = [plan.run(seed=3, first=first, n_iters=12)["max_tfce"] for first in (0, 12)]
    np.testing.assert_array_equal(one["max_tfce"], two["max_tfce"])
    np.testing.assert_array_equal(one["max_tfce"], np.concatenate(parts))


def test_record_and_text_say_how(corrected: MetaResult) -> None:
    """Powers, critical values and the methods text stand with the result."""
    facts = corrected.facts
    assert facts["tfce"] == {"extent_power": 0.5, "height_power": 2.0}
    critical = facts["montecarlo"]["thresholds"]["tfce"]["0.05"]
    significant = corrected.maps["tfce"] > critical
    np.testing.assert_array_equal(significant, corrected.maps[P] < 0.05)
    text = methods(facts, {"estimator": {"type": "ALE"}}, {}, inference=Inference("tfce"))
    assert "integral of e^0.5 h^2 over heights h" in text.markdown
    assert "smith2009" in text.citations


@pytest.mark.parametrize(
    ("estimator", "args", "tolerance"),
    [
        (MKDADensity, {}, 1e-6),
        (KDA, {}, 1e-6),
        (MKDADensity, {"weighting": "sample_size"}, 1e-6),
        (ALE, {"null_method": "histogram"}, 1e-3),
        (ALE, {"null_method": "montecarlo", "n_iters": 50}, 1e-3),
    ],
    ids=["MKDADensity", "KDA", "weighted", "histogram", "montecarlo"],
)
def test_every_estimator_of_one_group(
    estimator: type,
    args: dict,
    tolerance: float,
    pain: Dataset,
    mask: BrainMask,  # type: ignore[type-arg]
) -> None:
    """Discrete, weighted, binned and simulated nulls give the integral over their own z."""
    result = estimator(mask=mask, **args).fit(pain)
    found = FWECorrector(n_iters=2, tfce=True).transform(result).maps["tfce"]
    expected = by_thresholds(result.maps["z"], result.mask.inside, 0.5, 2.0)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=tolerance * expected.max())


def test_table_is_made_of_significant_voxels(corrected: MetaResult) -> None:
    """Clusters at level tfce are the voxels with corrected p below alpha, and quote that p."""
    table = cluster_table(corrected, level="tfce", alpha=0.05)
    assert (table.label_map > 0).sum() == (corrected.maps[P] < 0.05).sum() > 0
    assert (table.clusters["p_tfce_fwe"] < 0.05).all()
    assert table.clusters["p_size_fwe"].isna().all()


def test_tail_goes_on_beyond_the_observed_values() -> None:
    """Beyond an exact null log p falls as at its end; a simulated one ends where it ends."""
    logsf = -0.5 * np.arange(17.0) ** 2 / 8
    null = Null("approximate", 2.0, logsf, "integer")
    slope = (logsf[16] - logsf[14]) / 4
    beyond = log_p_beyond(null, np.array([0, 32, 36, 40]))
    np.testing.assert_allclose(
        beyond, [0, logsf[16], logsf[16] + 4 * slope, logsf[16] + 8 * slope]
    )
    simulated = Null("montecarlo", 2.0, logsf, "integer")
    np.testing.assert_array_equal(log_p_beyond(simulated, np.array([40])), logsf[16:])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"tfce": 1}, "tfce is 1; expected true or false"),
        ({"tfce": True, "tfce_extent": 0}, "tfce_extent is 0; expected a number above 0"),
        ({"tfce": True, "tfce_height": "x"}, "tfce_height is 'x'; expected a number above 0"),
    ],
)
def test_bad_values(args: dict, message: str) -> None:  # type: ignore[type-arg]
    """What is no power or no truth is refused by its name."""
    with pytest.raises(UsageError, match=message):
        FWECorrector(**args)
