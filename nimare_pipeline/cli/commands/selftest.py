"""``nimare-pipeline --selftest [quick]``: whether this installation computes what it should."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nimare_pipeline import __version__
from nimare_pipeline.cli import environment, signals
from nimare_pipeline.cli.commands.answers import CommandParser
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.environment import machine, versions
from nimare_pipeline.errors import OutputError
from nimare_pipeline.selftest import Check, Finding, run_checks, shown
from nimare_pipeline.selftest_checks import MORE, QUICK

_DESCRIPTION = """\
Compares what this installation computes with numbers that others published, and
makes one whole analysis. Under two minutes; `quick` takes a few seconds, more
where the code has yet to be compiled. Exit status 0, or 1 if a check fails.
"""
_ROW = "{:<4} {:<39} {:>11} {:>11} {:>6} {:>4}"
_LONGEST = 11
"""Characters of a value that stand in its column; a longer one gets lines of its own."""


def run(words: Sequence[str]) -> Outcome:
    """Do the checks, and show each as it ends.

    Raises
    ------
    UsageError
        For a wrong word.
    OutputError
        If the JSON file cannot be written.
    """
    parser = CommandParser("--selftest", "[quick] [--json FILE]", _DESCRIPTION)
    parser.add_argument("part", nargs="?", choices=("quick",), help="leave out what takes longer")
    parser.add_argument("--json", metavar="FILE", help="write the findings to a file, too")
    options = parser.parse_args(words)
    if options.json:
        _write(options.json, {})
    with environment.prepared(), signals.graceful():
        findings = list(_shown(run_checks(_checks(options.part))))
    if options.json:
        _write(options.json, _facts(options.part, findings))
    failed = [finding.name for finding in findings if not finding.passed]
    seconds = sum(finding.seconds for finding in findings)
    if failed:
        reason = f"{len(failed)} of {len(findings)} checks failed: {'; '.join(failed)}"
        return Outcome(ExitCode.DEFECT, reason, options.json or "")
    return Outcome(
        ExitCode.OK, f"{len(findings)} checks passed in {seconds:.0f} s", options.json or ""
    )


def _checks(part: str | None) -> tuple[Check, ...]:
    if part == "quick":
        return QUICK
    whole = Check("one whole analysis of the example", "exit status", "0", whole_run)
    return (*QUICK, *MORE, whole)


def whole_run() -> str:
    """Analyse the example from the command line into a folder that is removed again."""
    with tempfile.TemporaryDirectory(prefix="nimare-pipeline-selftest-") as folder:
        example = Path(__file__).parents[2] / "data" / "examples" / "pain"
        words = (str(example), f"{folder}/out", "meta", "--n-iters", "200", "-q")
        ended = subprocess.run(  # noqa: S603 - our own program, our own words
            [sys.executable, "-m", "nimare_pipeline", *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        if ended.returncode == 0 and not Path(folder, "out", "report.html").is_file():
            return "0, without a report"
        if ended.returncode:
            return f"{ended.returncode}: {(ended.stdout or ended.stderr).strip()[-300:]}"
        return "0"


def _shown(findings: Iterator[Finding]) -> Iterator[Finding]:
    print(_ROW.format("", "check", "expected", "found", "within", "s"), flush=True)
    for finding in findings:
        print("\n".join(_lines(finding)), flush=True)
        yield finding


def _lines(finding: Finding) -> list[str]:
    """Row of the table; what does not fit, and what went wrong, on lines of its own."""
    expected, found = shown(finding.expected), shown(finding.found)
    long = max(len(expected), len(found)) > _LONGEST
    lines = [
        _ROW.format(
            "ok" if finding.passed else "FAIL",
            finding.name,
            "" if long else expected,
            "" if long else found,
            f"{finding.tolerance:g}" if finding.tolerance else "equal",
            f"{finding.seconds:.1f}" if finding.seconds < 10 else f"{finding.seconds:.0f}",
        )
    ]
    if long and finding.passed:
        lines.append(f"      {expected}")
    elif long:
        lines += [f"      expected {expected}", f"      found    {found}"]
    if not finding.passed:
        lines.append(f"      known from: {finding.oracle}")
    if finding.problem:
        lines.append(f"      {finding.problem}")
    return lines


def _facts(part: str | None, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "version": __version__,
        "part": part or "all",
        "passed": all(finding.passed for finding in findings),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(),
        "checks": [finding.record for finding in findings],
    }


def _write(path: str, facts: dict[str, Any]) -> None:
    try:
        Path(path).write_text(
            json.dumps(facts, indent=2, allow_nan=False) + "\n", encoding="utf-8"
        )
    except OSError as error:
        msg = f"--json {path}: {error.strerror or error}; expected a file that can be written"
        raise OutputError(msg) from error
