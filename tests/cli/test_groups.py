"""--group on the command line: what it makes, and what it refuses."""

import pytest

from nimare_pipeline.cli.parser import parse
from nimare_pipeline.errors import UsageError
from nimare_pipeline.settings import Component

PAIR = ["--group", "pain=n_foci > 2", "--group", "touch=n_foci <= 2"]


def ask(*words: str):  # type: ignore[no-untyped-def]
    return parse(["in", "out", "meta", *words]).analysis


def test_two_groups_are_a_comparison() -> None:
    """By ALESubtraction, with as many permutations as iterations, unless it is said otherwise."""
    analysis = ask(*PAIR, "--n-iters", "77")
    assert analysis.type == "pair"
    assert analysis.options == {"groups": {"pain": "n_foci > 2", "touch": "n_foci <= 2"}}
    assert (analysis.estimator.type, analysis.estimator.args) == (
        "ALESubtraction",
        {"n_iters": 77},
    )
    chi2 = ask(*PAIR, "--estimator", "MKDAChi2")
    assert (chi2.estimator.type, chi2.estimator.args) == ("MKDAChi2", {})


def test_permutations_without_iterations_of_a_correction() -> None:
    """ALESubtraction has iterations of its own, also where the corrector has none."""
    analysis = ask(*PAIR, "--n-iters", "77", "--method", "holm")
    assert analysis.estimator.args == {"n_iters": 77}
    assert analysis.corrector == Component("FWECorrector", {"method": "holm"})


def test_inference_mask() -> None:
    """It stands beside the groups."""
    options = ask(*PAIR, "--inference-mask", "roi.nii").options
    assert options["inference_mask"] == "roi.nii"


def test_without_groups_it_is_one_sample() -> None:
    """Nothing changes for those who compare nothing."""
    assert (ask().type, ask().options, ask().estimator.type) == ("cbma", {}, "ALE")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--estimator", "ALESubtraction"], "ALESubtraction compares two groups of contrasts; "),
        ([*PAIR, "--estimator", "KDA"], "KDA analyses one group of contrasts; --group takes an "),
        ([*PAIR, "--group", "c=n_foci > 9"], "--group names one or two groups, each once, not: p"),
        ([*PAIR[:2], *PAIR[:2]], "--group names one or two groups, each once, not: pain, pain"),
        (["--group", "pain"], "--group: expected NAME=EXPR, such as 'pain=condition"),
        (["--group", "pain=n_foci >"], "--group: selection, column 9"),
        (["--inference-mask", "roi.nii"], "--inference-mask is for the comparison of two groups"),
        (
            [*PAIR, "--sphere", "0", "0", "0", "6"],
            "--sphere chooses one group of contrasts; --group comp",
        ),
    ],
)
def test_what_does_not_go_together(words, message) -> None:
    """One error each, that says what would."""
    with pytest.raises(UsageError) as caught:
        ask(*words)
    assert message in str(caught.value)
