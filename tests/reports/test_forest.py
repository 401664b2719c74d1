"""Forest and funnel plots of peaks, from the tables of derivatives."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.derivative_tables import DIAGNOSTICS, POOLED, typed
from nimare_pipeline.reports import canvas
from nimare_pipeline.reports.forest import MOST_STUDIES, draw_peaks, forest, funnel, legend_of


def studies(n: int = 6, **more: Any) -> pd.DataFrame:
    """Contrasts at one peak; the last but one is influential, and without the first z is lost."""
    effect = np.linspace(-0.2, 1.5, n)
    se = np.linspace(0.5, 0.2, n)
    table = pd.DataFrame(
        {
            "cluster": 1, "peak": "1", "x": 2.0, "y": -4.0, "z": 6.0,
            "id": [f"study{i}-1" for i in range(n)],
            "effect": effect, "se": se, "lower": effect - 1.96 * se, "upper": effect + 1.96 * se,
            "weight": 100 / n, "influential": [i == n - 2 for i in range(n)],
            "z_without": 4.25, "stays": [i > 0 for i in range(n)],
        }
    )  # fmt: skip
    return typed(table.reindex(columns=list(DIAGNOSTICS)).assign(**more), DIAGNOSTICS)


def peaks(n: int = 1, **more: Any) -> pd.DataFrame:
    """The peak of those contrasts, and others without any."""
    table = pd.DataFrame(
        {
            "cluster": range(1, n + 1), "peak": [str(i + 1) for i in range(n)],
            "x": 2.0, "y": -4.0, "z": 6.0, "z_stat": 5.5, "est": 0.75, "lower": 0.5,
            "upper": 1.0, "prediction_lower": -0.1, "prediction_upper": 1.6, "egger_k": 6,
            "egger_slope": -1.2, "egger_p": 0.04, "egger_limit": 1.1,
        }
    )  # fmt: skip
    return typed(table.reindex(columns=list(POOLED)).assign(**more), POOLED)


def texts(figure: Any) -> list[str]:
    """Everything that is written in a figure."""
    from matplotlib.text import Text

    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def one(rows: pd.DataFrame, draw: Any = forest, **more: Any) -> Any:
    """Figure of the peak."""
    with canvas.style():
        return draw(rows, peaks(**more).to_dict("records")[0])


def test_a_forest_and_a_funnel_of_each_peak(tmp_path: Path) -> None:
    """The first three peaks are drawn, those without contrasts left out."""
    rows = pd.concat([studies(), studies(peak="2"), studies(peak="3"), studies(peak="4")])
    found = draw_peaks(rows, peaks(4), out_dir=tmp_path / "figures")
    keys = ["forest1", "funnel1", "forest2", "funnel2", "forest3", "funnel3"]
    assert list(found) == keys
    assert all(path.read_bytes().startswith(b"<?xml") for path in found.values())
    assert list(draw_peaks(studies(), peaks(2), out_dir=tmp_path)) == ["forest1", "funnel1"]


def test_tables_without_rows_draw_nothing(tmp_path: Path) -> None:
    """Empty tables, as a damaged file leaves them, give no figure and no error."""
    assert draw_peaks(studies()[:0], peaks()[:0], out_dir=tmp_path) == {}


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    """Figures hold no date and no random name."""
    first, second = (
        draw_peaks(studies(), peaks(), out_dir=tmp_path / name) for name in ("a", "b")
    )
    assert [p.read_bytes() for p in first.values()] == [p.read_bytes() for p in second.values()]


def test_a_forest_says_effects_weights_and_what_is_left() -> None:
    """Names, effects with intervals, weights and z without each study are written."""
    written = texts(one(studies()))
    for text in ("study0-1", "1.50 [1.11, 1.89]", "16.7 %", "4.25", "pooled", "0.75 [0.50, 1.00]"):
        assert text in written
    assert "Cluster 1, peak (2, −4, 6) mm, z = 5.50" in written


def test_what_is_lost_without_a_study_is_marked() -> None:
    """z that does not stay below the threshold stands in the colour of warnings."""
    from matplotlib.text import Text

    figure = one(studies())
    colors = [text.get_color() for text in figure.findobj(Text) if text.get_text() == "4.25"]
    assert colors == [canvas.ORANGE] + [canvas.INK] * 5


def test_the_pooled_effect_is_a_diamond_with_its_prediction_interval() -> None:
    """The diamond spans the interval, the line the prediction interval."""
    ax = one(studies()).axes[0]
    (diamond,) = ax.patches
    assert np.ptp(diamond.get_xy()[:, 0]) == pytest.approx(0.5)
    assert any(np.allclose(line.get_xdata(), [-0.1, 1.6]) for line in ax.lines)
    without = one(studies(), prediction_lower=np.nan, prediction_upper=np.nan).axes[0]
    assert not any(np.allclose(line.get_xdata(), [-0.1, 1.6]) for line in without.lines)


@pytest.mark.parametrize("more", [{"est": np.nan}, {"term": "age"}])
def test_what_is_no_mean_is_not_drawn_among_effects(more: dict[str, Any]) -> None:
    """Without a mean effect, or of a slope, there is no diamond and no funnel."""
    figure = one(studies(), **more)
    assert not figure.axes[0].patches
    assert "pooled" not in texts(figure)
    assert one(studies(), funnel, **more) is None


def test_a_term_is_named() -> None:
    """The title says which coefficient z is of."""
    assert "Cluster 1, peak (2, −4, 6) mm, z of age = 5.50" in texts(one(studies(), term="age"))


def test_images_without_errors_have_a_forest_and_no_funnel() -> None:
    """Studies without standard errors are points; a funnel needs errors."""
    nothing = dict.fromkeys(("se", "lower", "upper"), np.nan)
    rows, more = studies(**nothing), {"egger_k": None, "lower": np.nan, "upper": np.nan}
    written = texts(one(rows, **more))
    assert "1.50" in written
    assert "value" in written
    assert "effect [95 %]" not in written
    assert one(rows, funnel, **more) is None


def test_a_legend_explains_what_is_drawn() -> None:
    """No interval, diamond or prediction is explained that the figure lacks."""
    record = peaks().to_dict("records")[0]
    assert legend_of(studies(), record, "effect").startswith(
        "effect of each contrast with its 95 % interval; a larger square weighs more. Diamond: "
        "pooled effect with its confidence interval; line through it: prediction interval. Orange"
    )
    bare = studies(**dict.fromkeys(("se", "lower", "upper"), np.nan))
    known = record | {"lower": np.nan, "prediction_lower": np.nan}
    assert "contrast; a larger square weighs more. Diamond: pooled effect. Or" in legend_of(
        bare, known, "effect"
    )
    of_term = legend_of(bare, known | {"term": "age"}, "z")
    assert "Diamond" not in of_term
    assert "not adjusted for moderators" in of_term


def test_missing_values_are_drawn() -> None:
    """Of two studies nothing is known without either; it says n/a."""
    rows = studies(2, z_without=np.nan, stays=None, influential=None, weight=np.nan)
    assert texts(one(rows)).count("n/a") == 2


def test_of_many_studies_the_heaviest_are_shown() -> None:
    """A forest has a bounded height, and says that it leaves some out."""
    n = MOST_STUDIES + 15
    written = texts(one(studies(n, weight=np.arange(n, dtype=float))))
    assert "study15-1" in written
    assert "study14-1" not in written
    assert any(text.endswith(f"; {MOST_STUDIES} of {n} contrasts") for text in written)


def test_long_names_and_extreme_numbers_fit() -> None:
    """Names are cut short, and numbers written by their significant digits."""
    rows = studies(id="s" * 80, effect=1.5e7, lower=1e-5, upper=2e7)
    written = texts(one(rows))
    assert "s" * 33 + "…" in written
    assert "1.5e+07 [1e−05, 2e+07]" in written


def test_a_funnel_shows_egger_and_its_doubts() -> None:
    """The line of the regression has its p, and a word where studies are few."""
    plain = texts(one(studies(), funnel))
    assert "Egger's regression, p = 0.04" in plain
    few = texts(one(studies(), funnel, egger_note="fewer than 10 studies: too few"))
    assert "Egger's regression, p = 0.04 (few studies)" in few
    none = texts(one(studies(), funnel, egger_slope=np.nan))
    assert not any("Egger" in text for text in none)
