"""Progress: a bar on a terminal, few lines in a log, silence for short loops."""

import logging

import pytest

from nimare_pipeline import progress
from nimare_pipeline.progress import iterations


@pytest.fixture
def clock(monkeypatch):
    """Clock that stands still until it is moved."""
    times = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: times[0])
    return times


def test_a_bar_shows_count_and_time_left(capsys):
    """The bar says how many iterations are done and how long the rest takes."""
    with iterations(200, bar=True) as tell:
        tell(50)
        tell(100)
    assert "Monte Carlo:" in capsys.readouterr().err


def test_no_terminal_means_no_bar(capsys, caplog):
    """Without a terminal nothing is drawn."""
    caplog.set_level(logging.INFO, logger="nimare_pipeline")
    with iterations(200) as tell:
        tell(200)
    assert capsys.readouterr().err == ""
    assert not caplog.records


def test_time_left_does_not_count_what_came_before_the_first_iteration(caplog, clock):
    """A minute of compiling before the first iterations does not make the rest look like hours."""
    caplog.set_level(logging.INFO, logger="nimare_pipeline")
    with iterations(1000, bar=False) as tell:
        clock[0] += 60.0
        tell(4)
        clock[0] += 5.0
        tell(496)
    assert [record.getMessage() for record in caplog.records] == [
        "Monte Carlo: 500 of 1000 iterations, about 5 s left"
    ]


def test_log_lines_come_at_most_every_ten_seconds(caplog, clock):
    """One line after ten seconds, none before, with the time left from the rate so far."""
    caplog.set_level(logging.INFO, logger="nimare_pipeline")
    with iterations(1000, what="Chunk 2 of 7", bar=False) as tell:
        for _ in range(9):
            clock[0] += 4.0
            tell(100)
    assert [record.getMessage() for record in caplog.records] == [
        "Chunk 2 of 7: 300 of 1000 iterations, about 28 s left",
        "Chunk 2 of 7: 600 of 1000 iterations, about 16 s left",
        "Chunk 2 of 7: 900 of 1000 iterations, about 4 s left",
    ]
