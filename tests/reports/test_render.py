"""How numbers are written for readers."""

import math

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.reports import render


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (21, "21"),
        (10000, "10,000"),
        (334.0, "334"),
        (-12.5, "−12.5"),
        (0.0138812, "0.01388"),
        (9876.54, "9877"),
        (123456.7, "123,457"),
        (1.23e-7, "1.2 × 10⁻⁷"),
        (np.int64(4000), "4,000"),
        (np.float32(0.5), "0.5"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (True, "True"),
        ("text", "text"),
        (None, "n/a"),
        (math.nan, "n/a"),
        (pd.NA, "n/a"),
    ],
    ids=str,
)
def test_number_is_written_for_readers(value: object, text: str) -> None:
    """Thousands are separated, figures limited, minus signs true, and what is missing says so."""
    assert render.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.500"),
        (0.04812, "0.048"),
        (0.001, "0.001"),
        (0.00042, "0.0004"),
        (0.0499, "0.0499"),
        (0.04998, "0.04998"),
        (0.05, "0.050"),
        (0.0503, "0.050"),
        (0.00097, "0.00097"),
        (1 / 10_001, "0.0001"),
        (2e-6, "2.0 × 10⁻⁶"),
    ],
    ids=str,
)
def test_p_value_keeps_what_matters(value: float, text: str) -> None:
    """A p value has three decimals, more where it is small or just below a level."""
    assert render.p_value(value) == text


def test_percent_of_nothing_is_not_known() -> None:
    """A share of nothing is no number."""
    assert (render.percent(26, 267), render.percent(0, 0)) == ("9.7 %", "n/a")


@pytest.mark.parametrize("value", [None, math.nan, pd.NA, pd.NaT, "", "n/a"], ids=repr)
def test_is_missing_knows_every_empty_cell(value: object) -> None:
    """All ways in which a cell of a table is empty count as missing."""
    assert render.is_missing(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", [], np.array([np.nan])], ids=repr)
def test_is_missing_lets_values_pass(value: object) -> None:
    """Zero, false and lists are values."""
    assert not render.is_missing(value)
