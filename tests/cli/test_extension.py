"""--add-iters: the sum of two runs is one run, and what cannot be extended is said."""

import json
import shutil
from pathlib import Path

import pytest

from nimare_pipeline.cli.parser import parse
from nimare_pipeline.errors import UsageError
from tests.cli.program import EXAMPLE, call, contents


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with 30 iterations."""
    out = tmp_path_factory.mktemp("begun") / "out"
    ended = call(EXAMPLE, out, "meta", "--n-iters", "30", "--nprocs", "2")
    assert ended.code == 0, ended.err
    return out


@pytest.fixture
def copied(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "out"))


def test_extended_run_is_the_longer_run(copied: Path, tmp_path: Path) -> None:
    """Every map and table of 30 + 40 iterations has the bytes of 70; the record tells of both."""
    words = ("meta", "--nprocs", "2")
    ended = call(EXAMPLE, copied, *words, "--add-iters", "40", "--n-chunks", "2")
    assert ended.code == 0, ended.err
    assert call(EXAMPLE, tmp_path / "one", *words, "--n-iters", "70").code == 0
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
def test_other_options_are_refused(begun: Path, words: tuple[str, ...], message: str) -> None:
    """Other options than it was run with, or nothing there: exit 64 and the reason."""
    ended = call(EXAMPLE, begun, "meta", "--add-iters", "5", "--dry-run", *words)
    assert ended.code == 64
    assert message in ended.line


def test_an_altered_null_is_refused(copied: Path) -> None:
    """The maxima are checked by the checksum of their file."""
    (path,) = copied.glob("tpl-*/cohort-*/*montecarlo_nulldist.tsv.gz")
    path.write_bytes(path.read_bytes()[:-9])
    ended = call(EXAMPLE, copied, "meta", "--add-iters", "5", "--dry-run")
    assert ended.code == 64
    assert f"cannot be extended: {path.name} is damaged" in ended.line


def test_dry_run_says_what_is_added(begun: Path) -> None:
    """The plan names what is there and what there will be."""
    ended = call(EXAMPLE, begun, "meta", "--add-iters", "5", "--dry-run")
    assert "extend     the null of 30 iterations to 35" in ended.out


def test_without_monte_carlo_nothing_changes(begun: Path) -> None:
    """An analysis that draws nothing is run as it is, and that is said."""
    words = ("--method", "indep", "--add-iters", "5", "--dry-run")
    ended = call(EXAMPLE, begun, "meta", *words)
    assert ended.code == 0
    assert "analysis pain has no Monte Carlo correction: --add-iters changes nothing" in ended.err


@pytest.mark.parametrize("other", [("--n-iters", "5"), ("--rerun",)])
def test_two_lengths_are_refused(other: tuple[str, ...]) -> None:
    """Iterations in all, or computing anew, contradict iterations to add."""
    with pytest.raises(UsageError, match=f"--add-iters extends .* cannot stand with {other[0]}"):
        parse(["in", "out", "meta", "--add-iters", "5", *other])
