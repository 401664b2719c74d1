"""Errors leave a node as themselves."""

import pytest
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec
from nipype.pipeline import engine as pe

from nimare_pipeline import errors
from nimare_pipeline.errors import DataError, PipelineError, Problem
from nimare_pipeline.interfaces.base import PipelineInterface, read_error, write_error


class Raising(PipelineInterface):
    """Raise what a test put here."""

    input_spec = BaseInterfaceInputSpec
    output_spec = TraitedSpec
    error: BaseException

    def _run_interface(self, runtime):
        raise self.error


def run_node(error: BaseException, tmp_path) -> None:
    """Run a node whose interface raises."""
    Raising.error = error
    pe.Node(Raising(), name="raising", base_dir=str(tmp_path)).run()


PROBLEM = Problem("error", "no sample size", file="a.txt", where="line 3", suggestion="add it")


@pytest.mark.parametrize(
    "error",
    [DataError("bad", [PROBLEM]), KeyboardInterrupt(), SystemExit(75), ZeroDivisionError("x")],
    ids=lambda error: type(error).__name__,
)
def test_a_node_raises_what_its_interface_raised(error, tmp_path):
    """Nipype would raise the text of the traceback, also for Ctrl-C and SIGTERM."""
    with pytest.raises(type(error)) as caught:
        run_node(error, tmp_path)
    assert caught.value is error


def test_an_error_is_noted_for_other_processes(tmp_path):
    """An error of the package lies in the folder of its node and can be raised from there."""
    with pytest.raises(DataError):
        run_node(DataError("bad", [PROBLEM]), tmp_path)
    noted = read_error(tmp_path / "raising" / "error.json")
    assert type(noted) is DataError
    assert str(noted) == "bad\n  - a.txt, line 3: no sample size (add it)"
    assert noted.problems == (PROBLEM,)


ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, PipelineError)
]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_round_trips(kind, tmp_path):
    """Class and message of every error of the package survive the way through a file."""
    error = read_error(write_error(tmp_path, kind("what was wrong")))
    assert type(error) is kind
    assert str(error) == str(kind("what was wrong")) == "what was wrong"
