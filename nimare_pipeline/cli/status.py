"""What a run says at its end, once: the last line on stdout and ``status.json`` are one record."""

import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.printable import on_one_line


def new_run_uuid() -> str:
    """Name of a run as fMRIPrep makes them, time and chance, in which names sort by time."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}_{now.microsecond:08x}{str(uuid.uuid4())[8:]}"


@dataclass(frozen=True)
class AnalysisOutcome:
    """How one analysis ended.

    Parameters
    ----------
    name : str
        Of the analysis.
    exit_code : ExitCode or None
        0 if it is complete, None if it was not started.
    reason : str
        Why it failed; empty if it is complete.
    """

    name: str
    exit_code: ExitCode | None = ExitCode.OK
    reason: str = ""

    @property
    def state(self) -> str:
        """``complete``, ``failed``, ``interrupted`` (it resumes) or ``not started``."""
        if self.exit_code is None:
            return "not started"
        if self.exit_code in (ExitCode.INTERRUPTED, ExitCode.TEMPORARY):
            return "interrupted"
        return "complete" if self.exit_code is ExitCode.OK else "failed"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    exit_code : ExitCode
        Exit status of the process.
    reason : str
        One line in words.
    see : str
        Path to read next: the report, or the log.
    analyses : tuple of AnalysisOutcome
        Every one that was planned, in order, also those that an interruption left.
    """

    exit_code: ExitCode
    reason: str
    see: str = ""
    analyses: tuple[AnalysisOutcome, ...] = field(default=())

    @property
    def word(self) -> str:
        """``SUCCESS``, ``PARTIAL`` or ``FAILED``."""
        if self.exit_code is ExitCode.OK:
            return "SUCCESS"
        if self.exit_code in (ExitCode.PARTIAL, ExitCode.REPORT_FAILED):
            return "PARTIAL"
        return "FAILED"

    @property
    def line(self) -> str:
        """The last line of a run: ``FAILED (exit 65): reason; see PATH``."""
        see = f"; see {self.see}" if self.see else ""
        return on_one_line(f"{self.word} (exit {int(self.exit_code)}): {self.reason}{see}")


def summarise(
    analyses: Iterable[AnalysisOutcome], *, done: str = "complete", failed: str = "failed"
) -> tuple[ExitCode, str]:
    """Exit code and reason of a run from those of its analyses.

    All complete: 0. Some complete: 3. None: the code of the first that failed.

    Parameters
    ----------
    analyses : iterable of AnalysisOutcome
        All of them have ended.
    done, failed : str
        Words for what became of them.
    """
    analyses = tuple(analyses)
    bad = [one for one in analyses if one.exit_code is not ExitCode.OK]
    if not bad:
        count = len(analyses)
        return ExitCode.OK, f"{count} {'analysis' if count == 1 else 'analyses'} {done}"
    first = bad[0].exit_code or ExitCode.DEFECT
    if len(analyses) == 1:
        return first, f"{bad[0].name}: {bad[0].reason}"
    code = first if len(bad) == len(analyses) else ExitCode.PARTIAL
    reasons = "; ".join(f"{one.name}: {one.reason}" for one in bad)
    return code, f"{len(bad)} of {len(analyses)} analyses {failed}: {reasons}"


def write_status(path: Path, outcome: Outcome, **facts: object) -> None:
    """Write ``status.json``: the outcome and further facts of the run (times, version, problems).

    Written aside and renamed, so that whoever waits for the file never reads half of it.
    """
    record = {
        "status": outcome.word,
        "line": outcome.line,
        **asdict(outcome),
        "analyses": [{**asdict(one), "state": one.state} for one in outcome.analyses],
        **facts,
    }
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    aside.replace(path)
