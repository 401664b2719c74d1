"""--add-iters: the sum of two runs is one run, and what cannot be extended is said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nimare_pipeline.cli.parser import parse
from nimare_pipeline.errors import UsageError
from tests.cli.program import Ended, call_inside, contents, undrawn
from tests.cli.studies import example_and_box


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, with a small mask beside it."""
    return example_and_box(tmp_path_factory.mktemp("extension"))


@pytest.fixture(scope="module")
def call(folder: Path) -> Callable[..., Ended]:
    """Run on the example within the small mask; no figures, nobody looks at them here."""

    def call_meta(out: Path, *words: str) -> Ended:
        with undrawn():
            box = folder.parent / "box.nii.gz"
            return call_inside(folder, out, "meta", "--mask", box, "--nprocs", "2", *words)

    return call_meta


@pytest.fixture(scope="module")
def begun(folder: Path, call: Callable[..., Ended]) -> Path:
    """The example with 30 iterations."""
    out = folder.parent / "begun"
    ended = call(out, "--n-iters", "30")
    assert ended.code == 0, ended.err
    return out


@pytest.fixture
def copied(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "out"))


def test_extended_run_is_the_longer_run(call, copied: Path, tmp_path: Path) -> None:
    """Every map and table of 30 + 40 iterations has the bytes of 70; the record tells of both."""
    ended = call(copied, "--add-iters", "40", "--n-chunks", "2")
    assert ended.code == 0, ended.err
    assert call(tmp_path / "one", "--n-iters", "70").code == 0
    found, wanted = contents(copied), contents(tmp_path / "one")
    assert found.keys() == wanted.keys()
    data = [name for name in found if not name.endswith(".json")]
    assert [name for name in data if found[name] != wanted[name]] == []
    (name,) = (name for name in found if name.endswith("_analysis.json"))
    one, other = json.loads(found[name]), json.loads(wanted[name])
    (step,) = one["Facts"]["montecarlo"].pop("extensions")
    assert (step["from"], step["to"]) == (30, 70)
    assert (one["Facts"], one["Analysis"]) == (other["Facts"], other["Analysis"])
    report = (copied / "report.html").read_text()
    assert "The iterations were added in steps: 30 at first, 40 more on" in report
    assert "decided on without regard to their significance" in report


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seed", "3"), "cannot be extended: the seed is another; give the options"),
        (("--fwhm", "9"), "cannot be extended: estimator is another"),
        (("--name", "other"), "holds no analysis other to extend; run it first, without"),
    ],
)
def test_other_options_are_refused(call, begun: Path, words, message: str) -> None:
    """Other options than it was run with, or nothing there: exit 64 and the reason."""
    ended = call(begun, "--add-iters", "5", "--dry-run", *words)
    assert ended.code == 64
    assert message in ended.line


def test_an_altered_null_is_refused(call, copied: Path) -> None:
    """The maxima are checked by the checksum of their file."""
    (path,) = copied.glob("tpl-*/cohort-*/*montecarlo_nulldist.tsv.gz")
    path.write_bytes(path.read_bytes()[:-9])
    ended = call(copied, "--add-iters", "5", "--dry-run")
    assert ended.code == 64
    assert f"cannot be extended: {path.name} is damaged" in ended.line


def test_dry_run_says_what_is_added(call, begun: Path) -> None:
    """The plan names what is there and what there will be."""
    ended = call(begun, "--add-iters", "5", "--dry-run")
    assert "extend     the null of 30 iterations to 35" in ended.out


def test_without_monte_carlo_nothing_changes(call, begun: Path) -> None:
    """An analysis that draws nothing is run as it is, and that is said."""
    ended = call(begun, "--method", "indep", "--add-iters", "5", "--dry-run")
    assert ended.code == 0
    assert "analysis pain has no Monte Carlo correction: --add-iters changes nothing" in ended.err


@pytest.mark.parametrize("other", [("--n-iters", "5"), ("--rerun",)])
def test_two_lengths_are_refused(other: tuple[str, ...]) -> None:
    """Iterations in all, or computing anew, contradict iterations to add."""
    with pytest.raises(UsageError, match=f"--add-iters extends .* cannot stand with {other[0]}"):
        parse(["in", "out", "meta", "--add-iters", "5", *other])
