"""Every error class has its exit code, and a reason of one line."""

import errno

import pytest

from nimare_pipeline import errors
from nimare_pipeline.cli.exit_codes import (
    TABLE,
    BusyError,
    ExitCode,
    Terminated,
    UnknownLevelError,
    code_of,
    details_of,
    reason_of,
)

CODES = [
    (errors.UsageError("x"), 64),
    (errors.ModelError("x"), 64),
    (UnknownLevelError("x"), 17),
    (errors.NoInputError("x"), 66),
    (errors.DataError("x"), 65),
    (errors.EmptySelectionError("x"), 18),
    (errors.OutputError("x"), 73),
    (errors.DownloadError("x"), 69),
    (errors.TemporaryDownloadError("x"), 75),
    (errors.InterruptedRun("x"), 75),
    (BusyError("x"), 75),
    (Terminated(), 75),
    (MemoryError(), 75),
    (KeyboardInterrupt(), 130),
    (OSError(errno.EIO, "x"), 74),
    (PermissionError("x"), 74),
    (RuntimeError("x"), 1),
]


@pytest.mark.parametrize(("error", "code"), CODES)
def test_error_has_its_code(error, code) -> None:
    """The code is that of the BIDS execution specification, or of our own free range."""
    assert code_of(error) == code


def test_every_error_of_the_package_has_a_code() -> None:
    """No error that is raised on purpose ends as a defect."""
    ours = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.PipelineError)
    ]
    without = {kind for kind in ours if not issubclass(kind, tuple(k for k, _ in TABLE))}
    assert without == {errors.PipelineError}


def test_narrower_class_stands_first() -> None:
    """No row of the table is hidden by an earlier one."""
    kinds = [kind for kind, _ in TABLE]
    for position, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:position])


def test_codes_avoid_what_shells_reserve() -> None:
    """2 and 126-165 belong to shells, but for Ctrl-C's own 130."""
    assert not [c for c in ExitCode if c == 2 or (126 <= c <= 165 and c != 130)]


REASONS = [
    (KeyboardInterrupt(), "stopped by Ctrl-C; run the same command again, it resumes"),
    (Terminated(), "stopped by SIGTERM; run the same command again, it resumes"),
    (MemoryError(), "out of memory; run again with fewer --nprocs, it resumes"),
    (OSError(errno.ENOSPC, "x", "/disk/f"), "no space left on the disk of /disk/f"),
    (RuntimeError("odd\nmore"), "RuntimeError: odd"),
    (ValueError(), "ValueError: ValueError"),
    (errors.DataError("bad"), "bad"),
    (errors.ModelError("bad", [errors.Problem("error", "x", "f", "line 1")]), "bad: f, line 1: x"),
    (errors.DataError("bad", [errors.Problem("error", "x", "f", "line 1")]), "bad: f, line 1: x"),
    (
        errors.DataError(
            "bad", [errors.Problem("warning", "w"), *[errors.Problem("error", "x")] * 3]
        ),
        "bad: x (and 2 more)",
    ),
]


@pytest.mark.parametrize(("error", "reason"), REASONS)
def test_reason_is_one_line_of_words(error, reason) -> None:
    """The reason says what happened and, where it helps, what to do."""
    assert reason_of(error) == reason


def test_details_are_every_problem() -> None:
    """The console lists every problem; what is not our own error is said in words."""
    problems = [errors.Problem("error", message) for message in ("x", "y")]
    assert details_of(errors.DataError("bad", problems)) == "bad\n  - x\n  - y"
    assert details_of(KeyboardInterrupt()).startswith("stopped by Ctrl-C")
    assert details_of(OSError(errno.ENOSPC, "x", "/f")) == "no space left on the disk of /f"
