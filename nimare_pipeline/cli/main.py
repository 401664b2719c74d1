"""Entry point: the command line in, an exit code out."""

import contextlib
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from nimare_pipeline.cli import environment
from nimare_pipeline.cli.exit_codes import ExitCode, code_of, details_of, reason_of
from nimare_pipeline.cli.options import LEVELS
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.request import Request
from nimare_pipeline.cli.status import Outcome, new_run_uuid
from nimare_pipeline.cli.values import nearest
from nimare_pipeline.errors import UsageError
from nimare_pipeline.printable import printable

COMMANDS: Mapping[str, str] = {
    "--selftest": "nimare_pipeline.cli.commands.selftest",
    "convert": "nimare_pipeline.cli.commands.convert",
    "export": "nimare_pipeline.cli.commands.export",
    "fetch": "nimare_pipeline.cli.commands.fetch",
    "figures": "nimare_pipeline.cli.commands.figures",
    "init": "nimare_pipeline.cli.commands.init",
    "summary": "nimare_pipeline.cli.commands.summary",
    "validate": "nimare_pipeline.cli.commands.validate",
}
"""First word of a command line that is no run, to the module that does it: ``run(words)`` gets the
words after it and returns an Outcome. Modules by name: ``--help`` must not import them."""


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
        if _is_command(words):
            outcome = import_module(COMMANDS[words[0]]).run(words[1:])
        else:
            _refuse_misspelt(words)
            # Some options are understood by asking the estimator, which imports the libraries.
            with environment.tamed():
                outcome = _run(parse(words, run_uuid=new_run_uuid()))
    except SystemExit as left:  # --help, --version
        return int(left.code or 0)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - last resort: every end has a code
        outcome = failure(error)
    # A reader that has gone away (``| head``) is no failure of ours.
    with contextlib.suppress(BrokenPipeError):
        print(printable(outcome.line), flush=True)
    return int(outcome.exit_code)


def failure(error: BaseException) -> Outcome:
    """Outcome of a run that an error ended before there was a place to log it."""
    code = code_of(error)
    text = details_of(error)
    if isinstance(error, BrokenPipeError):
        pass  # whoever reads the answer has seen enough of it: ``| head``
    elif code is ExitCode.DEFECT:
        traceback.print_exception(error, file=sys.stderr)
    elif "\n" in text or not sys.stdout.isatty():
        print(f"nimare-pipeline: {text}", file=sys.stderr)
    return Outcome(code, reason_of(error))


def _run(request: Request) -> Outcome:
    """Prepare the process, then import and run: nothing heavy is imported before that."""
    from nimare_pipeline.cli import logs, signals

    settings = request.settings
    with (
        environment.prepared(spare=settings.output_dir),
        signals.graceful(),
        logs.console(settings.verbosity),
    ):
        from nimare_pipeline.cli.run import run

        return run(request)


def _refuse_misspelt(words: Sequence[str]) -> None:
    """Raise ``UsageError`` for words that are no run and begin with nearly a command."""
    is_run = len(words) > 2 and not any(word.startswith("-") for word in words[:3])
    if not words or is_run or Path(words[0]).exists():
        return
    near = nearest(words[0], COMMANDS)
    if near:
        msg = f"there is no file, folder or command {words[0]!r}; did you mean {near}?"
        raise UsageError(msg)


def _is_command(words: Sequence[str]) -> bool:
    """Whether the first word is a command; it is a folder where a level follows."""
    is_run = len(words) > 2 and words[2] in LEVELS
    return bool(words) and words[0] in COMMANDS and not is_run
