"""Entry point: the command line in, an exit code out."""

import contextlib
import sys
import traceback
from collections.abc import Sequence

from nimare_pipeline.cli.exit_codes import ExitCode, code_of, details_of, reason_of
from nimare_pipeline.cli.parser import Request, parse
from nimare_pipeline.cli.status import Outcome, new_run_uuid


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``nimare-pipeline``.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line; those of the process by default.

    Returns
    -------
    int
        Exit code; see ``nimare_pipeline.cli.exit_codes``.
    """
    try:
        words = sys.argv[1:] if argv is None else argv
        outcome = _run(parse(words, run_uuid=new_run_uuid()))
    except SystemExit as left:  # --help, --version
        return int(left.code or 0)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - last resort: every end has a code
        outcome = failure(error)
    # A reader that has gone away (``| head``) is no failure of ours.
    with contextlib.suppress(BrokenPipeError):
        print(outcome.line, flush=True)
    return int(outcome.exit_code)


def failure(error: BaseException) -> Outcome:
    """Outcome of a run that an error ended before there was a place to log it."""
    code = code_of(error)
    text = details_of(error)
    if code is ExitCode.DEFECT:
        traceback.print_exception(error, file=sys.stderr)
    elif "\n" in text or not sys.stdout.isatty():
        print(f"nimare-pipeline: {text}", file=sys.stderr)
    return Outcome(code, reason_of(error))


def _run(request: Request) -> Outcome:
    """Prepare the process, then import and run: nothing heavy is imported before that."""
    from nimare_pipeline.cli import environment, logs, signals

    with environment.prepared(), signals.graceful(), logs.console(request.settings.verbosity):
        from nimare_pipeline.cli.run import run

        return run(request)
