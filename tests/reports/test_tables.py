"""Tables of the report."""

import pandas as pd
import pytest

from nimare_pipeline import derivative_tables
from nimare_pipeline.reports import tables
from tests.reports.conftest import HOSTILE, Small

CLUSTERS = pd.DataFrame(
    {
        "cluster": [1, 1, 2],
        "peak": ["1", "1a", "2"],
        "n_voxels": pd.array([1234, None, 80], dtype="Int64"),
        "p_size_fwe": [0.0001, None, 0.0481],
        "x": [-38.0, 2.5, 0.0],
        "y": [0.0] * 3,
        "z": [1.0] * 3,
        "stat": [0.034121, 0.02, 0.03],
        "com_x": [1.0, None, -2.25],
        "com_y": [1.0, None, 2.0],
        "com_z": [1.0, None, 3.0],
        "experiments": ["a-1; b-1", None, "c-1"],
    }
)


def column(table: tables.Table, label: str) -> list[str]:
    """Texts under a head."""
    index = [head.label for head in table.heads].index(label)
    return [cells[index].text for _, cells in table.rows]


def test_clusters_are_written_as_papers_do() -> None:
    """Voxels, p, coordinates and statistic have their usual digits; sub-peaks leave gaps."""
    table = tables.clusters_table(CLUSTERS)
    assert column(table, "Cluster") == ["1", "1a", "2"]
    assert column(table, "Voxels") == ["1,234", "", "80"]
    assert column(table, "p(size)") == ["0.0001", "", "0.048"]
    assert column(table, "x") == ["−38", "2.5", "0"]
    assert column(table, "ALE") == ["0.0341", "0.0200", "0.0300"]
    assert [css for css, _ in table.rows] == ["", "sub", ""]


def test_studies_stand_with_the_experiments_inside() -> None:
    """The table of peaks is narrow enough for a page; studies are in the second one."""
    clusters = CLUSTERS.assign(n_studies=[2, None, 1])
    assert "Studies" not in [head.label for head in tables.clusters_table(clusters).heads]
    assert column(tables.centres_table(clusters), "Studies") == ["2", "1"]


def test_cells_sort_by_value_and_not_by_text() -> None:
    """Numbers are sorted by their full value; missing cells have none."""
    table = tables.clusters_table(CLUSTERS)
    index = [head.label for head in table.heads].index("Voxels")
    assert [cells[index].sort for _, cells in table.rows] == ["1234.0", "", "80.0"]


def test_centres_join_coordinates_and_leave_empty_columns_out() -> None:
    """A centre is one cell, and no column stands empty."""
    table = tables.centres_table(CLUSTERS)
    assert column(table, "Centre of mass") == ["1.0, 1.0, 1.0", "−2.2, 2.0, 3.0"]
    assert [head.label for head in table.heads] == [
        "Cluster",
        "Centre of mass",
        "Experiments inside",
    ]


def test_every_head_says_what_it_means() -> None:
    """Heads carry the descriptions of the derivatives' sidecars."""
    table = tables.clusters_table(CLUSTERS)
    help_of = {head.label: head.help for head in table.heads}
    assert help_of["p(size)"] == derivative_tables.CLUSTERS["p_size_fwe"].description
    assert all(help_of.values())


def test_contrasts_mark_what_was_left_out(small: Small) -> None:
    """Excluded experiments are there with their reason."""
    table = tables.contrasts_table(small.contrasts)
    assert [css for css, _ in table.rows] == [""] * 19 + ["out"]
    assert column(table, "Reason")[-1] == "no foci"
    assert column(table, "Analysed")[-2:] == ["yes", "no"]
    assert "File" not in [head.label for head in table.heads]


def test_imputed_sample_sizes_have_an_asterisk_and_sort_as_numbers(small: Small) -> None:
    """A sample size that no file gives is told apart, and sorts with the others."""
    contrasts = small.contrasts.assign(sample_size_filled=[True] + [False] * 19)
    table = tables.contrasts_table(contrasts)
    assert column(table, "N")[:2] == ["10*", "11"]
    assert table.rows[0][1][2].sort == "10.0"


def test_contrasts_keep_hostile_text_as_it_is(small: Small) -> None:
    """Escaping is the template's task: a table holds the text itself."""
    contrasts = small.contrasts.assign(study_id=HOSTILE)
    assert column(tables.contrasts_table(contrasts), "Study")[0] == HOSTILE


def test_outside_table_holds_the_foci_outside(small: Small) -> None:
    """Only foci outside the mask are listed."""
    table = tables.outside_table(small.coordinates)
    assert (column(table, "x"), column(table, "z")) == (["0", "80"], ["90", "0"])


def test_long_tables_are_cut_and_say_so(small: Small) -> None:
    """A table of thousands of rows shows the first and counts all."""
    contrasts = pd.concat([small.contrasts] * 60)
    table = tables.contrasts_table(contrasts)
    assert (len(table.rows), table.n_rows) == (tables.MAX_ROWS, 1200)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False], [True, False]),
        (["true", "False"], [True, False]),
        (["1", "n/a"], [True, False]),
        ([1.0, None], [True, False]),
        (pd.array([True, None], dtype="boolean"), [True, False]),
    ],
    ids=repr,
)
def test_truth_reads_every_spelling(values: list[object], expected: list[bool]) -> None:
    """Truth values from files and from memory mean the same; missing is False."""
    assert tables.truth(pd.Series(values)).tolist() == expected


def test_contrasts_are_shown_by_their_names() -> None:
    """Where a file names studies and contrasts, readers see the names; ids where it does not."""
    contrasts = pd.DataFrame(
        {
            "id": ["8sTPd-1", "b-2"],
            "study_id": ["8sTPd", "b"],
            "contrast_id": ["1", "2"],
            "study_name": ["Smith 2004", ""],
            "contrast_name": ["pain > rest", None],
            "included": [True, True],
        }
    )
    shown = tables.named(contrasts)
    assert shown["study_id"].tolist() == ["Smith 2004", "b"]
    assert shown["contrast_id"].tolist() == ["pain > rest", "2"]
    table = tables.contrasts_table(contrasts)
    assert [cell.text for cell in table.rows[0][1]][:2] == ["Smith 2004", "pain > rest"]
    bare = contrasts.drop(columns=["study_name", "contrast_name"])
    pd.testing.assert_frame_equal(tables.named(bare), bare)
