"""Corrections in log space against R's p.adjust, statsmodels, and arithmetic by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from nimare_pipeline.numerics import multiple

R = json.loads((Path(__file__).parents[1] / "reference" / "r_p_adjust.json").read_text())
IN_R = {
    "bonferroni": multiple.bonferroni,
    "holm": multiple.holm,
    "BH": multiple.benjamini_hochberg,
    "BY": multiple.benjamini_yekutieli,
}
CASES = [name for name, case in R.items() if isinstance(case, dict) and "BH" in case]
CASES.remove("missing_n_is_length")  # n given by hand, which is no rule of ours


@pytest.mark.parametrize("method", IN_R)
@pytest.mark.parametrize("case", CASES)
def test_equals_p_adjust(case: str, method: str) -> None:
    """The same as R for ties, zeros, ones, p as small as floats go, and missing values."""
    p, expected = (np.array(R[case][name], dtype=float) for name in ("p", method))
    with np.errstate(divide="ignore"):
        found = np.exp(IN_R[method](np.log(p)))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=5e-324)


@pytest.mark.parametrize("method", IN_R)
def test_missing_tests_are_not_counted(method: str) -> None:
    """NaN stays NaN, and the others are corrected as if it were not there, as in R."""
    p = np.log([0.01, 0.02, 0.3])
    with_gap = np.insert(p, [0, 2], np.nan)
    found = IN_R[method](with_gap)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(with_gap))
    np.testing.assert_array_equal(found[~np.isnan(found)], IN_R[method](p))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (multiple.bonferroni, "bonferroni"),
        (multiple.holm, "holm"),
        (multiple.benjamini_hochberg, "fdr_bh"),
        (multiple.benjamini_yekutieli, "fdr_by"),
    ],
)
def test_equals_statsmodels(ours, theirs: str) -> None:  # type: ignore[no-untyped-def]
    """Five thousand p-values, a tenth of them from an alternative."""
    rng = np.random.default_rng(3)
    p = np.concatenate([rng.uniform(size=4500), rng.beta(0.1, 5, 500)])
    np.testing.assert_allclose(np.exp(ours(np.log(p))), multipletests(p, method=theirs)[1], 1e-12)


@pytest.mark.parametrize("method", IN_R)
def test_nothing_underflows(method: str) -> None:
    """Where p is far too small for a float, its logarithm is corrected all the same."""
    logp = np.array([-3000.0, -2000.0, -1.0, -0.5])
    found = IN_R[method](logp)
    assert np.isfinite(found).all()
    penalty = np.log((1 / np.arange(1, 5)).sum()) if method == "BY" else 0.0
    assert found[0] == pytest.approx(-3000 + np.log(4) + penalty, rel=1e-15)


@pytest.mark.parametrize("method", IN_R)
def test_no_tests_and_only_missing_ones(method: str) -> None:
    """Nothing to correct is no error."""
    assert len(IN_R[method](np.empty(0))) == 0
    assert np.isnan(IN_R[method](np.full(3, np.nan))).all()
