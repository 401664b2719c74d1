"""Columns of the derivatives' tables: each is described, with its unit."""

import pandas as pd
import pytest

from nimare_pipeline import derivative_tables as tables
from nimare_pipeline.derivative_tables import Column

COLUMNS = {"id": Column("An id"), "x": Column("A place", "number", "mm")}


def test_column_sidecar_describes_every_column():
    """Each column has a description, and its unit; unknown ones come from the input."""
    sidecar = tables.column_sidecar(pd.DataFrame(columns=["id", "x", "age"]), COLUMNS)
    assert sidecar["x"] == {"Description": "A place", "Format": "number", "Units": "mm"}
    assert sidecar["id"] == {"Description": "An id", "Format": "string"}
    assert sidecar["age"] == {"Description": "Carried over from the input"}


@pytest.mark.parametrize(
    "name",
    ["CONTRASTS", "COORDINATES", "CLUSTERS", "NULL_UNCORRECTED", "NULL_MONTECARLO", "DSEG"],
)
def test_columns_in_mm_are_marked(name):
    """x, y and z of anything are numbers in mm."""
    for column, meaning in getattr(tables, name).items():
        if column.endswith(("_x", "_y", "_z")) or column in {"x", "y", "z"}:
            assert (meaning.kind, meaning.units) == ("number", "mm")
