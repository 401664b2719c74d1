"""The checks of ``--selftest``: all pass here, and each finds out what it is there to find."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nimare_pipeline import correct, selftest_checks, spaces
from nimare_pipeline.meta import kernel
from nimare_pipeline.meta.cbma import ale, mkda
from nimare_pipeline.meta.ibma import combination as ibma_combination
from nimare_pipeline.meta.ibma import flips, regression
from nimare_pipeline.numerics import (
    clusters,
    combination,
    gaussian,
    ma,
    montecarlo,
    multiple,
    nulls,
    pvalues,
    rng,
)
from nimare_pipeline.selftest import Check, agrees, run_check, run_checks, shown
from nimare_pipeline.selftest_checks import MORE, QUICK
from tests.conftest import ROOT

CHECKS = {check.compute.__name__: check for check in (*QUICK, *MORE)}
Wrap = Callable[[Any], Callable[..., Any]]


def scaled(factor: float) -> Wrap:
    """Multiply what a function returns."""
    return lambda real: lambda *args, **options: real(*args, **options) * factor


def shifted(by: float) -> Wrap:
    """Add to what a function returns."""
    return lambda real: lambda *args, **options: real(*args, **options) + by


def one_voxel_less(real: Any) -> Callable[..., Any]:
    def fewer(*args: Any) -> Any:
        mask = real(*args)
        inside = mask.inside.copy()
        inside.flat[np.flatnonzero(inside)[0]] = False
        return replace(mask, inside=inside)

    return fewer


def wider_spheres(real: Any) -> Callable[..., Any]:
    return lambda xyz, experiment, n, r, *rest: real(xyz, experiment, n, r + 1, *rest)


def another_seed(real: Any) -> Callable[..., Any]:
    return lambda plan, *, seed, **options: real(plan, seed=seed + 1, **options)


def unlikelier(real: Any) -> Callable[..., Any]:
    def null(*args: Any) -> Any:
        made = real(*args)
        return replace(made, logsf=made.logsf * 1.001)

    return null


def larger_clusters(real: Any) -> Callable[..., Any]:
    def chunk(*args: Any, **options: Any) -> Any:
        null = real(*args, **options)
        return {**null, "max_size": null["max_size"] * 2}

    return chunk


def with_more(name: str) -> Wrap:
    """Add a little to a field of the record that a function returns."""

    def wrap(real: Any) -> Callable[..., Any]:
        def more(*args: Any, **options: Any) -> Any:
            made = real(*args, **options)
            return replace(made, **{name: getattr(made, name) * 1.001})

        return more

    return wrap


def one_side(real: Any) -> Callable[..., Any]:
    return lambda *args, **options: real(*args, **{**options, "two_sided": False})


def instead(other: Any) -> Wrap:
    return lambda real: other


# What is broken to see a check fail: object, attribute or key, and by what it is replaced.
BROKEN: dict[str, tuple[Any, str, Wrap]] = {
    "mask_2mm": (spaces, "template_mask", one_voxel_less),
    "mask_1mm": (spaces, "template_mask", one_voxel_less),
    "example": (spaces, "contains", lambda real: lambda mask, xyz: np.ones(len(xyz), dtype=bool)),
    "kernel_widths": (gaussian, "fwhm_from_sample_size", scaled(1.0001)),
    "gingerale_widths": (gaussian, "fwhm_from_sample_size", scaled(1 + 1e-12)),
    "kernel_peaks": (gaussian, "sampled_kernel", scaled(1 + 1e-6)),
    "talairach": (spaces, "tal2mni", shifted(0.001)),
    "random_words": (rng, "philox", lambda real: lambda *words: real(*words)[::-1]),
    "normal_quantiles": (pvalues, "z_from_logsf", shifted(1e-8)),
    "binomial_tail": (nulls, "tilted_logsf", shifted(1e-4)),
    "p_adjust": (multiple, "holm", instead(multiple.bonferroni)),
    "tiny_ale": (kernel.ALEKernel, "maps", scaled(1 + 1e-6)),
    "tiny_ale_p": (ale, "histogram_null", unlikelier),
    "tiny_mkda": (kernel, "sphere_counts", wider_spheres),
    "tiny_mkda_p": (kernel, "sphere_counts", wider_spheres),
    "pain_ale": (kernel.ALEKernel, "maps", scaled(1 + 1e-6)),
    "pain_ale_mean": (kernel.ALEKernel, "maps", scaled(1 + 1e-5)),
    "pain_counts": (kernel, "sphere_counts", wider_spheres),
    "pain_corrected": (multiple.METHODS["FDR"], "indep", instead(multiple.bonferroni)),
    "weighted_mkda": (mkda, "sample_size_weights", scaled(1.01)),
    "null_maxima": (montecarlo, "run_block", another_seed),
    "null_maxima_of_two_threads": (montecarlo, "run_block", another_seed),
    "matlab_histograms": (ma._RULES, "half-up", instead(ma._RULES["half-even"])),
    "matlab_ale": (kernel.ALEKernel, "maps", scaled(1 + 1e-6)),
    "images_dersimonian_laird": (regression, "estimate_tau2", with_more("value")),
    "images_reml": (regression, "estimate_tau2", with_more("value")),
    "images_stouffer": (ibma_combination, "stouffer", with_more("z")),
    "images_one_sample": (combination, "one_sample_t", with_more("stat")),
    "images_flips": (flips, "flip_plan", one_side),
    "enge_ale": (ma._RULES, "truncate", instead(ma._RULES["ceil"])),
    "enge_sizes": (clusters, "cluster_sizes", lambda real: lambda *a: real(*a) * 1.1),
    "enge_thresholds": (correct, "montecarlo_chunk", larger_clusters),
}


@pytest.fixture
def nothing_kept() -> Iterator[None]:
    """Results that checks share are computed anew, and not left to others."""
    caches = [one for one in vars(selftest_checks).values() if hasattr(one, "cache_clear")]
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


@pytest.mark.parametrize("name", CHECKS)
def test_check_passes(name: str) -> None:
    """Every check passes in this installation, and says where its number is from."""
    finding = run_check(CHECKS[name])
    assert finding.problem == ""
    assert finding.passed, f"found {finding.found}, expected {finding.expected}"
    assert finding.oracle


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("name", CHECKS)
def test_check_can_fail(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A little change in what a check is about makes it fail."""
    owner, key, wrap = BROKEN[name]
    if isinstance(owner, dict):
        monkeypatch.setitem(owner, key, wrap(owner[key]))
    else:
        monkeypatch.setattr(owner, key, wrap(getattr(owner, key)))
    finding = run_check(CHECKS[name])
    assert finding.problem == ""
    assert not finding.passed


def test_names_fit_and_differ() -> None:
    """Each check has a name of its own that fits into the table."""
    names = [check.name for check in CHECKS.values()]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 39


def test_shipped_numbers_of_r_are_those_of_the_tests() -> None:
    """The file that ships is the one whose recipe lies with the tests."""
    name = "r_p_adjust.json"
    shipped = spaces.data_path("selftest") / name
    assert shipped.read_bytes() == (ROOT / "tests" / "reference" / name).read_bytes()


@pytest.mark.parametrize(
    ("found", "expected", "tolerance", "good"),
    [
        (1.0, 1.0, 0.0, True),
        (1.1, 1.0, 0.05, False),
        (float("nan"), 0.0, 1.0, False),
        ("a", "a", 0.0, True),
        ("a", "b", 1.0, False),
        (0.0, "0", 1.0, False),
    ],
)
def test_agreement(found: Any, expected: Any, tolerance: float, good: Any) -> None:
    """Numbers agree within the tolerance, texts when they are the same, NaN never."""
    assert agrees(found, expected, tolerance) is good


def test_what_is_broken_is_reported_and_the_rest_goes_on() -> None:
    """An error in a check is its finding, in one line; the next check is done."""

    def broken() -> float:
        msg = "no such file\nand more"
        raise FileNotFoundError(msg)

    first, second = run_checks([Check("a", "x", 1, broken), Check("b", "x", 1, lambda: 1)])
    assert not first.passed
    assert first.found is None
    assert first.problem == "FileNotFoundError: no such file"
    assert shown(first.found) == "-"
    assert second.passed


def test_record_is_json() -> None:
    """NaN, which JSON does not know, becomes a text."""
    record = run_check(Check("a", "x", 0, lambda: float("nan"))).record
    assert record["found"] == "nan"
    assert list(itertools.islice(record, 3)) == ["name", "oracle", "expected"]
