"""SCALE: p against foci drawn from a pool, and what a pool must be."""

import numpy as np
import pytest

from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.scale import SCALE
from nimare_pipeline.results import MetaResult

N = 40


@pytest.fixture(scope="module")
def scaled(tiny: Dataset, pain: Dataset) -> MetaResult:
    return SCALE(pain, n_iters=N).fit(tiny)


def test_statistic_is_that_of_ale(scaled: MetaResult, tiny: Dataset) -> None:
    """The base rate changes p, not ALE."""
    np.testing.assert_array_equal(scaled.maps["stat"], ALE().fit(tiny).maps["stat"])


def test_p_by_drawing_one_iteration_after_the_other(scaled: MetaResult) -> None:
    """b is counted in N runs of one iteration each, at three voxels."""
    from nimare_pipeline.numerics.montecarlo import exceedance_block

    plan = SCALE().montecarlo_plan(scaled, FWECorrector().choices)
    observed = scaled.arrays["numbers"]
    voxels = np.argsort(observed)[[-1, -200, -2000]]
    b = sum(
        exceedance_block(plan, observed, seed=42, first=i, n_iters=1)[voxels] for i in range(N)
    )
    np.testing.assert_array_equal(scaled.maps["p"][voxels], (b + 1) / (N + 1))


def test_a_uniform_pool_gives_ales_null(tiny: Dataset) -> None:
    """With the voxels of the mask as the pool, p over voxels is ALE's within Monte Carlo error."""
    inside = tiny.mask.inside
    xyz = np.argwhere(inside) @ tiny.mask.affine[:3, :3].T + tiny.mask.affine[:3, 3]
    n = 400
    found, exact = SCALE(xyz, n_iters=n, n_cores=2).fit(tiny).maps["p"], ALE().fit(tiny).maps["p"]
    # Deep inside, where a voxel's null is that of the mean voxel.
    far = np.linalg.norm(xyz - [0, 0, 10], axis=1) < 25
    for low, high in ((0.001, 0.01), (0.01, 0.05)):
        some = far & (exact > low) & (exact < high)
        assert some.sum() > 100
        error = 4 * np.sqrt(high / n)
        assert abs(found[some].mean() - exact[some].mean()) < error


def test_a_place_that_is_often_reported_is_no_finding(tiny: Dataset) -> None:
    """A pool that has the dataset's own focus only makes its p 1."""
    pool = np.tile([[0.0, 0.0, 0.0]], (20, 1))
    result = SCALE(pool, n_iters=N).fit(tiny)
    assert result.maps["p"][np.argmax(result.maps["stat"])] == 1


def test_threads_and_blocks_change_nothing(
    scaled: MetaResult, tiny: Dataset, pain: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads and blocks of 7 count the same."""
    monkeypatch.setattr("nimare_pipeline.defaults.MONTECARLO_BLOCK", 7)
    again = SCALE(pain, n_iters=N, n_cores=2).fit(tiny)
    np.testing.assert_array_equal(again.maps["p"], scaled.maps["p"])


def test_corrections_of_voxels(scaled: MetaResult, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """FWE by the largest ALE of an iteration, at voxels only, also out of a file; and FDR."""
    saved = MetaResult.load(scaled.save(tmp_path / "r.npz"))
    corrected = FWECorrector(n_iters=N).transform(saved)
    name = "level-voxel_corr-FWE_method-montecarlo"
    assert set(corrected.maps) - set(scaled.maps) == {f"{s}_{name}" for s in ("p", "z", "logp")}
    null = corrected.arrays["integer_max_stat"]
    b = (null >= scaled.arrays["numbers"].max()).sum()
    assert corrected.maps[f"p_{name}"].min() == pytest.approx((b + 1) / (N + 1), rel=1e-12)
    assert "z_corr-FDR_method-indep" in FDRCorrector().transform(scaled).maps


def test_the_pool_is_told(scaled: MetaResult, pain: Dataset) -> None:
    """How many foci it has, how many are near enough, and their digest."""
    import hashlib

    xyz = pain.coordinates[["x", "y", "z"]].to_numpy(dtype="<f8")
    known = scaled.facts["null_foci"]
    assert known["n_foci"] == len(xyz)
    assert 0 < known["n_foci_in_reach"] <= len(xyz)
    assert known["foci_sha256"] == hashlib.sha256(xyz.tobytes()).hexdigest()


def test_a_small_pool_is_refused(tiny: Dataset) -> None:
    """Fewer foci than the dataset, and fewer in reach of the mask."""
    for pool in (np.zeros((5, 3)), np.full((50, 3), 900.0)):
        with pytest.raises(DataError, match="foci in reach of the mask, fewer than the 9 of"):
            SCALE(pool, n_iters=5).fit(tiny)


@pytest.mark.parametrize("pool", [None, [[1, 2]], "abc", [[np.nan, 0, 0]]])
def test_what_is_no_pool_is_refused(tiny: Dataset, pool: object) -> None:
    """It is said what is."""
    with pytest.raises(UsageError, match="give xyz as a Dataset or an"):
        SCALE(pool, n_iters=5).fit(tiny)


def test_threshold_free_enhancement_is_refused(scaled: MetaResult) -> None:
    """The z it integrates would need one null for all voxels."""
    with pytest.raises(UsageError, match="null of its own at each voxel; tfce is for ALE"):
        FWECorrector(n_iters=5, tfce=True).transform(scaled)
