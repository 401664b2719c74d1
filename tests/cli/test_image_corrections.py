"""What corrects an analysis of images is settled before anything is fitted."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.program import Ended
from tests.images import write_studies

Here = Callable[..., Ended]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_studies(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="module")
def dependent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first study gives two contrasts."""
    folder = write_studies(tmp_path_factory.mktemp("dependent"))
    table = pd.read_csv(folder / "contrasts.tsv", sep="\t")
    table.loc[1, ["study_id", "contrast_id"]] = table.loc[0, "study_id"], 2
    table.to_csv(folder / "contrasts.tsv", sep="\t", index=False)
    return folder


def test_studies_with_several_images_run_with_no_options(
    dependent: Path, tmp_path: Path, here: Here
) -> None:
    """Random effects with robust errors are not flipped: FDR instead, which is said."""
    mask = dependent.parent / "box.nii.gz"
    ended = here(dependent, tmp_path / "out", "meta", "--mask", mask)
    assert ended.code == 0, ended.err
    assert "FDRCorrector instead of flips of signs: several images of a study" in ended.err
    assert list((tmp_path / "out").glob("tpl-*/cohort-*/*FDRIndep_statmap.nii.gz"))


@pytest.mark.parametrize(
    ("words", "corrector"),
    [
        ((), "FDRCorrector(method=indep)"),
        (("--select", "age > 21"), "FWECorrector(method=montecarlo"),
        (("--dependence", "collapse"), "FWECorrector(method=montecarlo"),
        (("--estimator", "WeightedLeastSquares"), "FWECorrector(method=montecarlo"),
        (("--estimator", "Hedges"), "FDRCorrector(method=indep)"),
        (("--estimator", "PermutedOLS"), "FWECorrector(method=montecarlo"),
        (("--method", "holm"), "FWECorrector(method=holm"),
    ],
)
def test_a_dry_run_names_the_correction_of_dependent_images(
    words: tuple[str, ...], corrector: str, dependent: Path, tmp_path: Path, here: Here
) -> None:
    """Only of the contrasts that are chosen, and only where no other was asked for."""
    ended = here(dependent, tmp_path / "out", "meta", "--dry-run", *words)
    assert ended.code == 0, ended.err
    assert corrector in ended.out


@pytest.mark.parametrize(
    ("estimator", "corrector"),
    [
        ("DerSimonianLaird", "FDRCorrector(method=indep)"),
        ("WeightedLeastSquares", "FDRCorrector(method=indep)"),
        ("PermutedOLS", "FWECorrector(method=montecarlo"),
    ],
)
def test_moderators_have_a_correction(
    estimator: str, corrector: str, studies: Path, tmp_path: Path, here: Here
) -> None:
    """Freedman and Lane's flips are those of PermutedOLS; the others are corrected by FDR."""
    words = ("--estimator", estimator, "--formula", "~ 1 + age", "--term", "age")
    ended = here(studies, tmp_path / "out", "meta", "--dry-run", *words)
    assert ended.code == 0, ended.err
    assert corrector in ended.out


@pytest.mark.parametrize("name", ["studies", "dependent"])
def test_flips_that_were_asked_for_are_refused_before_the_fit(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, here: Here
) -> None:
    """64, in a dry run too: nothing else takes the place of what was asked for."""
    folder = request.getfixturevalue(name)
    words = ("--formula", "~ 1 + age") if name == "studies" else ()
    more = ("--estimator", "DerSimonianLaird", "--method", "montecarlo", *words)
    ended = here(folder, tmp_path / "out", "meta", "--dry-run", *more)
    assert ended.code == 64
    assert "DerSimonianLaird is not corrected by flips of signs" in ended.err + ended.line


@pytest.mark.parametrize("words", [("--tfce",), ("--result", "cluster-mass")])
@pytest.mark.parametrize("estimator", ["DerSimonianLaird", "PauleMandel"])
def test_what_only_flips_give_is_not_dropped_in_silence(
    estimator: str, words: tuple[str, ...], dependent: Path, tmp_path: Path, here: Here
) -> None:
    """Who asks for enhancement or clusters gets them, or is told why not."""
    more = ("--estimator", estimator, *words)
    ended = here(dependent, tmp_path / "out", "meta", "--dry-run", *more)
    assert ended.code == 64
    said = ended.err + ended.line
    assert "is not corrected by flips of signs" in said or "judges voxels only" in said


def test_a_file_that_asks_for_flips_is_refused_before_the_fit(
    dependent: Path, tmp_path: Path, here: Here
) -> None:
    """The file is to say what it wants: FDR, or collapsed images."""
    model = tmp_path / "analyses.toml"
    head = '[[analysis]]\nname = "a"\ntype = "ibma"\nestimator = {type = "DerSimonianLaird"}\n'
    model.write_text(head)
    words = ("meta", "--model", model, "--dry-run")
    ended = here(dependent, tmp_path / "out", *words)
    assert ended.code == 64
    assert "several images of a study are flipped with weight_scheme 'collapse'" in ended.out
    for more in ('dependence = "collapse"\n', 'corrector = {type = "FDRCorrector"}\n'):
        model.write_text(head + more)
        assert here(dependent, tmp_path / "out", *words).code == 0


def test_a_dry_run_counts_nobody_twice(
    studies: Path, dependent: Path, tmp_path: Path, here: Here
) -> None:
    """Two contrasts of a study are on the same people: the larger one counts, as in the report."""
    n = pd.read_csv(dependent / "contrasts.tsv", sep="\t")["sample_size"]
    alone = here(studies, tmp_path / "out", "meta", "--dry-run").out
    assert f"  N          {n.sum()} participants, {n.min()} to {n.max()} a contrast\n" in alone
    shared = here(dependent, tmp_path / "out", "meta", "--dry-run").out
    assert f"  N          {n.sum() - min(n[:2])} participants, {n.min()} to {n.max()} " in shared
