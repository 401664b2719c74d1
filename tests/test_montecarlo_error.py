"""Intervals stand beside every Monte Carlo threshold and p, and nowhere else."""

import numpy as np
import pytest
from scipy.stats import beta

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.montecarlo_error import p_interval, threshold_intervals
from nimare_pipeline.numerics.intervals import quantile_interval
from tests.test_saved_null import FOCI, dataset_of


def test_interval_of_p_is_clopper_pearson_of_its_count() -> None:
    """p = 4 / 101 is b = 3 of 100; two-sided, twice the ends of the tail."""
    ends = beta.ppf(0.025, 3, 98), beta.ppf(0.975, 4, 97)
    assert p_interval(4 / 101, 100) == pytest.approx(ends)
    assert p_interval(8 / 101, 100, tails=2) == pytest.approx(tuple(2 * end for end in ends))


def test_thresholds_have_the_interval_of_their_null() -> None:
    """By measure and level; a tail has half of the level; no threshold, no interval."""
    null = np.random.default_rng(0).random(500)
    arrays = {"montecarlo_max_size": null, "montecarlo_negative_max_stat": null}
    thresholds = {
        "size_voxels": {"0.05": 0.9, "0.001": None},
        "voxel_negative": {"0.05": 0.9},
        "mass": {"0.05": 0.9},
    }
    found = threshold_intervals(thresholds, arrays)
    assert found == {
        "size_voxels": {"0.05": list(quantile_interval(null, 0.05))},
        "voxel_negative": {"0.05": list(quantile_interval(null, 0.025))},
    }


def test_rows_of_clusters_have_intervals() -> None:
    """Every Monte Carlo p of the table lies in its interval; without the null there is none."""
    fitted = ALE().fit(dataset_of(FOCI))
    table = cluster_table(FWECorrector(n_iters=50).transform(fitted), level="none").clusters
    judged = table.dropna(subset=["p_size_fwe"])
    assert len(judged)
    for column in ("p_voxel_fwe", "p_size_fwe", "p_mass_fwe"):
        assert (judged[f"{column}_low"] <= judged[column]).all()
        assert (judged[column] <= judged[f"{column}_high"]).all()
    other = cluster_table(FWECorrector("bonferroni").transform(fitted), alpha=0.9, level="voxel")
    assert other.clusters["p_voxel_fwe"].notna().any()
    assert other.clusters["p_voxel_fwe_low"].isna().all()
