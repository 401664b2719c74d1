"""Methods, schemes and designs against PyMARE's results, see ``make_pymare_effects.py``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nimare_pipeline.numerics.dependence import (
    Scheme,
    aggregate,
    group_weights,
    grouped_tau2,
)
from nimare_pipeline.numerics.robust_variance import robust_fit
from nimare_pipeline.numerics.tau2 import Method, estimate_tau2
from nimare_pipeline.numerics.weighted_fit import fit, infer
from tests.numerics.effects import Array

REFERENCE = Path(__file__).parents[1] / "reference" / "pymare_effects.npz"
METHODS: tuple[Method, ...] = ("dl", "he", "ml", "reml")


@pytest.fixture(scope="module")
def theirs() -> Mapping[str, Any]:
    with np.load(REFERENCE) as file:
        return dict(file)


def design_of(theirs: Mapping[str, Any], columns: int) -> Array:
    return np.column_stack([np.ones(12), theirs["moderator"]])[:, :columns]


def rows(tau2: Array, *tested: Any) -> Array:
    """tau2, and estimate, standard error and degrees of freedom of each coefficient."""
    parts = [part for one in tested for part in (one.est, one.se, one.dof)]
    return np.array([tau2, *parts])


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_independent(theirs: Mapping[str, Any], method: Method, columns: int) -> None:
    """Knapp and Hartung's error, t on K - p."""
    y, v, design = theirs["y"], theirs["v"], design_of(theirs, columns)
    tau2 = estimate_tau2(method, y, v, design=design).value
    fitted = fit(y, v, tau2, design=design)
    ours = rows(tau2, *(infer(fitted, column) for column in range(columns)))
    expected = theirs[f"{method}_independent_{columns}"]
    np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("scheme", ["rescale", "individual"])
@pytest.mark.parametrize("method", METHODS)
def test_several_images(
    theirs: Mapping[str, Any], method: Method, scheme: Scheme, columns: int
) -> None:
    """Cluster-robust error and Satterthwaite's degrees of freedom."""
    y, v, groups = theirs["y"], theirs["v"], theirs["groups"]
    design = design_of(theirs, columns)
    tau2 = grouped_tau2(method, y, v, groups, scheme=scheme, design=design).value
    weights = group_weights(v, groups, tau2, scheme=scheme)
    fitted = robust_fit(y, weights, groups, design=design)
    ours = rows(tau2, *(fitted.infer(column) for column in range(columns)))
    expected = theirs[f"{method}_{scheme}_{columns}"]
    np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_collapsed(theirs: Mapping[str, Any], method: Method, columns: int) -> None:
    """They take the robust error for the means as well."""
    means = aggregate(
        theirs["y"], theirs["v"], theirs["groups"], design=design_of(theirs, columns)
    )
    tau2 = estimate_tau2(method, means.y, means.v, design=means.design).value
    fitted = robust_fit(means.y, 1 / (means.v + tau2), None, design=means.design)
    ours = rows(tau2, *(fitted.infer(column) for column in range(columns)))
    expected = theirs[f"{method}_collapse_{columns}"]
    np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=1e-6)
