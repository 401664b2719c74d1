"""What every node shares: an error reaches the caller as itself."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nipype.interfaces.base import SimpleInterface

from nimare_pipeline import errors
from nimare_pipeline.errors import DataError, PipelineError, Problem
from nimare_pipeline.memory import given_back

ERROR_FILE = "error.json"
"""Where a node that failed says why, for a parent in another process."""


class PipelineInterface(SimpleInterface):
    """Interface that raises.

    A Nipype node asks its interface to hide every exception, Ctrl-C and SIGTERM included, and
    raises the text of its traceback instead: whoever runs the workflow could no longer tell bad
    data from a defect, nor an interrupted run from a failed one.
    """

    def run(self, cwd: Any = None, ignore_exception: Any = None, **inputs: Any) -> Any:
        """Execute this interface; errors are raised whatever ``ignore_exception`` says."""
        del ignore_exception
        with given_back():
            try:
                return super().run(cwd=cwd, ignore_exception=False, **inputs)
            except PipelineError as error:
                write_error(Path(cwd or "."), error)
                raise


def write_error(folder: Path, error: PipelineError) -> Path:
    """Write an error of the package to ``error.json``, so that another process can raise it."""
    record = {
        "type": type(error).__name__,
        "message": str(error),
        "problems": [asdict(problem) for problem in getattr(error, "problems", ())],
    }
    path = folder / ERROR_FILE
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def read_error(path: Path) -> PipelineError:
    """Read what ``write_error`` wrote: the same class, message and problems."""
    record = json.loads(path.read_text(encoding="utf-8"))
    kind = getattr(errors, record["type"])
    # Past the constructors: the message already holds what they would add to it.
    error = kind.__new__(kind, record["message"])
    Exception.__init__(error, record["message"])
    if isinstance(error, DataError):
        error.problems = tuple(Problem(**problem) for problem in record["problems"])
    return error
