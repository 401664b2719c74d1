"""What image-based results owe to single studies: tables of peaks, and maps."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import brentq

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.derivative_tables import DIAGNOSTICS, POOLED
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.errors import UsageError
from nimare_pipeline.image_diagnostics import (
    FEW_STUDIES,
    N_STAYS,
    STRONGEST,
    WEAKEST_Z,
    ImageDiagnostics,
    LeaveOneOut,
)
from nimare_pipeline.io import read
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta import ibma
from nimare_pipeline.numerics.combination import Combined, fisher, stouffer
from nimare_pipeline.numerics.null_correlation import null_correlation
from nimare_pipeline.registry import IMAGE_ESTIMATORS, get_estimator
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component
from tests.images import box, write_studies

LEVEL = 0.1
COMBINATIONS = ("Stouffers", "Fishers")
GROUPS = ("a", "a", "b", "c", "d", "d", "d", "e")
CASES = [
    *((name, {}) for name in IMAGE_ESTIMATORS),
    ("DerSimonianLaird", {"weight_scheme": "collapse"}),
    ("VarianceBasedLikelihood", {"method": "reml", "weight_scheme": "individual"}),
    ("Stouffers", {"use_sample_size": True}),
    ("PermutedOLS", {"use_sample_size": True}),
    ("WeightedLeastSquares", {"tau2": 0.1, "small_sample_correction": "knapp-hartung"}),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = write_studies(
        tmp_path_factory.mktemp("studies"),
        kinds=("beta", "varcope", "t", "z"),
        sample_sizes=(12, 16, 20, 24, 13),
    )
    (source,) = read(folder)
    made = Dataset.from_tables(source.dataset.tables, box(), "mni152_2mm")
    made.update_path(folder)
    return made


@pytest.fixture(scope="module")
def plain(dataset: Dataset) -> MetaResult:
    return ibma.DerSimonianLaird().fit(dataset)


@pytest.fixture(scope="module")
def diagnosed(plain: MetaResult) -> ImageDiagnostics:
    return LeaveOneOut().transform(
        plain, cluster_table(plain, level="none", voxel_thresh=0.001).clusters
    )


def voxel_of(result: MetaResult, peak: pd.Series) -> int:
    """Place of a peak in the mask."""
    xyz = np.argwhere(result.mask.inside) @ result.mask.affine[:3, :3] + result.mask.affine[:3, 3]
    return int(np.argmin(np.linalg.norm(xyz - peak[["x", "y", "z"]].to_numpy(float), axis=1)))


@pytest.mark.parametrize(
    ("name", "args", "grouped"),
    [
        *((*case, False) for case in CASES),
        *((*case, True) for case in CASES if case[0] not in COMBINATIONS),
    ],
)
def test_leaving_out_is_fitting_the_others(
    dataset: Dataset, name: str, args: dict, *, grouped: bool
) -> None:
    """Tables and maps without a study are those of an analysis of the other studies."""
    estimator = get_estimator(Component(name, args))
    labels = GROUPS if grouped else tuple(dataset.ids)
    result = estimator.set_params(groupby=list(labels)).fit(dataset)
    found = LeaveOneOut(voxel_thresh=LEVEL).transform(result)
    (peak,) = (row for _, row in found.pooled.iterrows())
    voxel = voxel_of(result, peak)
    z = estimator.spec("z").name
    whole, weakest, counts = result.maps[z], [], []
    for label in dict.fromkeys(labels):
        kept = [n for n, one in zip(dataset.ids, labels, strict=True) if one != label]
        estimator.set_params(groupby=[one for one in labels if one != label])
        again = estimator.fit(dataset.slice(kept))
        rows = found.studies[~found.studies["id"].isin(kept)]
        assert len(rows) == len(labels) - len(kept)
        assert (rows["left_out"] == len(rows)).all()
        np.testing.assert_allclose(rows["z_without"], again.maps[z][voxel], rtol=1e-6)
        for column, statistic in (("est_without", "est"), ("tau2_without", "tau2")):
            if statistic in again.maps:
                expected = again.maps[statistic][voxel]
                np.testing.assert_allclose(rows[column], expected, rtol=1e-6, atol=1e-12)
        logsf = estimator.logsf(again.maps[z])
        counts.append((np.exp(logsf) < LEVEL) & (np.sign(again.maps[z]) == np.sign(whole)))
        weakest.append(np.sign(whole) * again.maps[z])
    below = np.exp(estimator.logsf(whole)) < LEVEL
    maps = {spec.statistic: values for spec, values in found.maps.items()}
    assert 0 < below.sum() < len(below)
    assert (np.isfinite(maps[WEAKEST_Z]) == below).all()
    expected = np.sign(whole) * np.min(weakest, axis=0)
    np.testing.assert_allclose(maps[WEAKEST_Z][below], expected[below], rtol=1e-6)
    np.testing.assert_array_equal(maps[N_STAYS][below], np.sum(counts, axis=0)[below])


@pytest.mark.parametrize("combine", [stouffer, fisher])
def test_the_correlation_of_images_stays(
    dataset: Dataset, combine: Callable[..., Combined]
) -> None:
    """Images of a study are as correlated without another study as they were with it."""
    name = {"stouffer": "Stouffers", "fisher": "Fishers"}[combine.__name__]
    estimator = get_estimator(Component(name, {"use_sample_size": True}))
    result = estimator.set_params(groupby=list(GROUPS)).fit(dataset)
    found = LeaveOneOut(maps=False).transform(result)
    z, groups = result.arrays["images_z"].astype(float), result.arrays["groups"]
    correlation = null_correlation(z, groups)
    voxel = voxel_of(result, found.pooled.iloc[0])
    for group in range(5):
        kept = groups != group
        expected = combine(
            z[kept][:, [voxel]],
            groups=groups[kept],
            sample_sizes=result.arrays["sample_sizes"][kept],
            correlation=correlation[np.ix_(kept, kept)],
        )
        rows = found.studies["z_without"][~kept]
        np.testing.assert_allclose(rows, expected.z[0], rtol=1e-9)


@pytest.mark.parametrize(("name", "args"), CASES)
@pytest.mark.parametrize("grouped", [False, True])
def test_weights_and_effects_make_the_estimate(
    dataset: Dataset, name: str, args: dict, *, grouped: bool
) -> None:
    """Weights are percent, and the mean of effects so weighted is the estimate of a mean."""
    estimator = get_estimator(Component(name, args))
    result = estimator.set_params(groupby=list(GROUPS) if grouped else False).fit(dataset)
    found = LeaveOneOut(maps=False).transform(result)
    rows, peak = found.studies, found.pooled.iloc[0]
    assert rows["weight"].sum() == pytest.approx(100)
    if "est" in result.maps and name != "WeightedMedian":
        mean = (rows["weight"] * rows["effect"]).sum() / 100
        assert mean == pytest.approx(peak["est"])
    if rows["hat"].notna().any():
        assert rows["hat"].to_numpy() @ (1 / hat_share(rows, args, name)) == pytest.approx(1)


@pytest.mark.parametrize("grouped", [False, True])
def test_weights_of_the_median_take_the_tau2_of_its_map(
    dataset: Dataset, *, grouped: bool
) -> None:
    """1 / sqrt(v + tau2), tau2 where the generalised Q equals K - 1 (Paule & Mandel)."""
    groups = list(GROUPS) if grouped else [str(i) for i in range(len(GROUPS))]
    result = ibma.WeightedMedian(groupby=groups).fit(dataset)
    found = LeaveOneOut(maps=False).transform(result)
    voxel = voxel_of(result, found.pooled.iloc[0])
    y, v = (
        result.arrays[f"images_{kind}"][:, voxel].astype(float) for kind in ("beta", "varcope")
    )
    names = list(dict.fromkeys(groups))
    rows = [[i for i, group in enumerate(groups) if group == name] for name in names]
    # Of a mean of n effects with a correlation of .8: sum of all covariances over n squared.
    mean = np.array([y[own].mean() for own in rows])
    variance = np.array(
        [(0.2 * v[own].sum() + 0.8 * np.sqrt(v[own]).sum() ** 2) / len(own) ** 2 for own in rows]
    )

    def excess(tau2: float) -> float:
        w = 1 / (variance + tau2)
        return float((w * (mean - (w * mean).sum() / w.sum()) ** 2).sum()) - (len(mean) - 1)

    tau2 = brentq(excess, 0, 1e3, xtol=1e-14) if excess(0) > 0 else 0.0
    assert tau2 > 0 or grouped
    assert result.maps["tau2"][voxel] == pytest.approx(tau2)
    weight = 1 / np.sqrt(variance + tau2)
    share = [100 * weight[names.index(g)] / weight.sum() / groups.count(g) for g in groups]
    np.testing.assert_allclose(found.studies["weight"], share, rtol=1e-8)


def hat_share(rows: pd.DataFrame, args: dict, name: str) -> np.ndarray:
    """Rows that share a hat value, because they were averaged first."""
    averaged = name == "PermutedOLS" or args.get("weight_scheme") == "collapse"
    return rows["left_out"].to_numpy(float) if averaged else np.ones(len(rows))


def test_columns_are_the_documented_ones(diagnosed: ImageDiagnostics) -> None:
    """Both tables have the columns that derivatives describe, in their order."""
    assert list(diagnosed.studies) == list(DIAGNOSTICS)
    assert list(diagnosed.pooled) == list(POOLED)


def test_what_the_studies_say_together_is_that_of_the_maps(
    plain: MetaResult, diagnosed: ImageDiagnostics
) -> None:
    """Pooled effect, intervals and heterogeneity of a peak are the maps' at its voxel."""
    for _, peak in diagnosed.pooled.iterrows():
        voxel = voxel_of(plain, peak)
        for column, name in (
            ("z_stat", "z"), ("est", "est"), ("lower", "estLower"), ("upper", "estUpper"),
            ("prediction_lower", "predictionLower"), ("tau2", "tau2"), ("i2", "i2"), ("n", "n"),
        ):  # fmt: skip
            assert peak[column] == pytest.approx(plain.maps[name][voxel])


def test_the_weakest_study_is_named(diagnosed: ImageDiagnostics) -> None:
    """The peak's weakest z is the smallest of the table, with the contrast that is left out."""
    for _, peak in diagnosed.pooled.iterrows():
        rows = diagnosed.studies[diagnosed.studies["peak"] == peak["peak"]]
        worst = rows.loc[(np.sign(peak["z_stat"]) * rows["z_without"]).idxmin()]
        assert peak["weakest_z"] == worst["z_without"]
        assert peak["weakest_without"] == worst["id"]
        assert peak["n_stays"] == rows["stays"].sum()


def test_intervals_are_of_the_standard_error(diagnosed: ImageDiagnostics) -> None:
    """The interval of a study is its effect and 1.96 standard errors to both sides."""
    rows = diagnosed.studies
    np.testing.assert_allclose(rows["upper"] - rows["effect"], 1.959964 * rows["se"], rtol=1e-6)
    np.testing.assert_allclose(rows["effect"] - rows["lower"], 1.959964 * rows["se"], rtol=1e-6)


def test_peaks_are_those_of_the_largest_clusters(plain: MetaResult) -> None:
    """No more peaks than asked for are tabulated, the largest clusters' main ones."""
    clusters = cluster_table(plain, level="none", voxel_thresh=0.3).clusters
    main = clusters[clusters["n_voxels"].notna()].sort_values(
        "n_voxels", ascending=False, kind="stable"
    )
    assert len(main) > 3
    found = LeaveOneOut(max_peaks=3, maps=False).transform(plain, clusters)
    assert sorted(found.pooled["peak"]) == sorted(main["peak"].head(3))


def test_without_clusters_the_strongest_voxel_stands(plain: MetaResult) -> None:
    """Where nothing is significant the voxel with the largest z is looked at."""
    empty = cluster_table(plain, level="none", voxel_thresh=1e-12).clusters
    found = LeaveOneOut(maps=False).transform(plain, empty)
    assert found.pooled["peak"].tolist() == [STRONGEST]
    assert found.pooled["cluster"].isna().all()
    assert abs(found.pooled["z_stat"][0]) == pytest.approx(np.abs(plain.maps["z"]).max())


def test_egger_warns_of_few_studies(diagnosed: ImageDiagnostics) -> None:
    """With fewer than ten studies the test is made, and not to be relied on."""
    assert (diagnosed.pooled["egger_k"] == 8).all()
    assert np.isfinite(diagnosed.pooled["egger_p"]).all()
    note = f"fewer than {FEW_STUDIES} studies: too few to tell asymmetry from chance"
    assert (diagnosed.pooled["egger_note"] == note).all()


def test_egger_needs_standard_errors(dataset: Dataset) -> None:
    """Combinations of z have no funnel, and say why."""
    found = LeaveOneOut(maps=False).transform(ibma.Stouffers().fit(dataset))
    assert found.pooled["egger_p"].isna().all()
    assert found.pooled["egger_note"][0] == "the estimator has no standard errors of studies"


def test_egger_needs_a_variance(dataset: Dataset) -> None:
    """Where sample sizes tell no variance of participants, there is no funnel either."""
    result = ibma.SampleSizeBasedLikelihood(groupby=list(GROUPS)).fit(dataset)
    voxel = int(np.flatnonzero(result.maps["sigma2"] < 1e-12)[0])
    maps = {name: np.array(values) for name, values in result.maps.items()}
    maps["z"][voxel] = 30
    found = LeaveOneOut(maps=False).transform(replace(result, maps=maps))
    assert found.pooled["egger_p"].isna().all()
    assert found.pooled["egger_note"][0] == "the variance of participants is estimated to be 0"


def test_a_moderator_has_its_own_influence(dataset: Dataset) -> None:
    """Of a meta-regression z without a study is that of the term, which the table names."""
    estimator = ibma.DerSimonianLaird(formula="~ 1 + age", term="age")
    result = estimator.fit(dataset)
    found = LeaveOneOut().transform(result)
    peak, z = found.pooled.iloc[0], MapSpec("z", "two-sided", group="age").name
    assert peak["term"] == "age"
    kept = [name for name in dataset.ids if name != found.studies["id"][2]]
    again = estimator.fit(dataset.slice(kept)).maps[z][voxel_of(result, peak)]
    assert found.studies["z_without"][2] == pytest.approx(again)
    assert found.studies["hat"].sum() == pytest.approx(2)
    assert {spec.group for spec in found.maps} == {"age"}


def test_influence_on_a_regression_over_studies(dataset: Dataset) -> None:
    """Hat values, deleted residuals and Cook's distances are those of statsmodels."""
    estimator = ibma.PermutedOLS(formula="~ sample_size", term="sample_size", image="beta")
    result = estimator.fit(dataset)
    found = LeaveOneOut(maps=False).transform(result)
    table = found.studies.set_index("id")
    x = sm.add_constant(table["sample_size"].to_numpy(dtype=float))
    told = sm.OLS(table["effect"].to_numpy(), x).fit().get_influence()
    np.testing.assert_allclose(table["hat"], told.hat_matrix_diag, rtol=1e-6)
    np.testing.assert_allclose(table["residual"], told.resid_studentized_external, rtol=1e-4)
    # Statsmodels divides by the number of coefficients.
    np.testing.assert_allclose(table["cook"], 2 * told.cooks_distance[0], rtol=1e-4)


def test_two_studies_leave_none_to_be_fitted(dataset: Dataset) -> None:
    """With two studies there is no fit without either, and the table says nothing about it."""
    for name in ("DerSimonianLaird", "PermutedOLS", "Fishers", "WeightedLeastSquares"):
        estimator = get_estimator(Component(name, {}))
        result = estimator.fit(dataset.slice(dataset.ids[:2]))
        found = LeaveOneOut(voxel_thresh=0.5).transform(result)
        assert len(found.studies) == 2
        assert found.studies["z_without"].isna().all()
        assert not found.studies["stays"].any()
        assert found.pooled["n_stays"].tolist() == [0]
        assert found.pooled["weakest_without"].tolist() == [""]


def test_voxels_have_the_contrasts_that_cover_them(dataset: Dataset) -> None:
    """A peak that two contrasts do not cover has rows of the others."""
    estimator = ibma.DerSimonianLaird()
    result = estimator.fit(dataset)
    voxel = int(np.nanargmax(np.abs(result.maps["z"])))
    arrays = {name: np.array(values) for name, values in result.arrays.items()}
    arrays["images_beta"][[0, 5], voxel] = np.nan
    found = LeaveOneOut(maps=False).transform(replace(result, arrays=arrays))
    expected = [name for i, name in enumerate(dataset.ids) if i not in (0, 5)]
    assert found.studies["id"].tolist() == expected
    assert found.pooled["n"].tolist() == [6]


def test_results_of_foci_are_refused(plain: MetaResult) -> None:
    """A result without images of studies cannot be diagnosed."""
    with pytest.raises(UsageError, match="needs a result of an image-based estimator"):
        LeaveOneOut().transform(replace(plain, arrays={}))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"voxel_thresh": 1.0}, "voxel_thresh is a level between 0 and 1, not 1.0"),
        ({"max_peaks": 0}, "max_peaks is 0"),
        ({"maps": 1}, "maps is 1; expected true or false"),
    ],
)
def test_wrong_keywords_are_refused(keywords: dict, message: str) -> None:
    """Values out of range are named."""
    with pytest.raises(UsageError, match=message):
        LeaveOneOut(**keywords)


def test_maps_that_would_take_too_long_are_not_made(
    plain: MetaResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a bound of fits there are tables and no maps, which is said with the numbers."""
    n_fits = 8 * (plain.maps["p"] < 0.5).mean()
    monkeypatch.setattr("nimare_pipeline.image_diagnostics.MOST_FITS", n_fits - 0.1)
    found = LeaveOneOut(voxel_thresh=0.5).transform(plain)
    assert not found.maps
    assert len(found.studies) == 8
    (problem,) = found.problems
    assert problem.message.startswith("no leave-one-out maps: 8 studies at ")
    assert f"as long as {n_fits:.0f} analyses" in problem.message
    monkeypatch.setattr("nimare_pipeline.image_diagnostics.MOST_FITS", n_fits + 0.1)
    assert LeaveOneOut(voxel_thresh=0.5).transform(plain).maps
