"""A null that is extended is the null of a longer run, and never one of other draws."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.mkda import MKDADensity
from nimare_pipeline.montecarlo import montecarlo_chunk
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.results import MetaResult
from nimare_pipeline.saved_null import SavedNull, null_key
from tests.meta.conftest import dataset_of

FOCI = {
    "a": ([20], [(0, 0, 0), (10, 0, 0)]),
    "b": ([20], [(0, 0, 0)]),
    "c": ([10], [(4, 0, 0), (-40, -20, 50)]),
    "d": ([15], [(2, 2, 0), (200, 0, 0)]),
}


@pytest.fixture(scope="module", params=[ALE, MKDADensity])
def fitted(request) -> MetaResult:  # type: ignore[no-untyped-def]
    return request.param().fit(dataset_of(FOCI))


def test_extended_result_is_that_of_the_sum(fitted: MetaResult, tmp_path: Path) -> None:
    """Maps, thresholds and null of 30 + 50 iterations are those of 80, also out of a file."""
    begun = FWECorrector(n_iters=30).transform(fitted).save(tmp_path / "begun.npz")
    found = FWECorrector(n_iters=30).extend(MetaResult.load(begun), 50)
    wanted = FWECorrector(n_iters=80).transform(fitted)
    (step,) = found.facts["montecarlo"].pop("extensions")
    assert (step["from"], step["to"]) == (30, 80)
    assert found.facts == wanted.facts
    for name in ("maps", "arrays"):
        one, other = getattr(found, name), getattr(wanted, name)
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_extensions_add_up(fitted: MetaResult) -> None:
    """Each extension begins where the one before ended."""
    result = FWECorrector(n_iters=10).transform(fitted)
    for _ in range(2):
        result = FWECorrector(n_iters=10).extend(result, 5)
    steps = result.facts["montecarlo"]["extensions"]
    assert [(step["from"], step["to"]) for step in steps] == [(10, 15), (15, 20)]
    assert result.facts["corrector"]["args"]["n_iters"] == 20


def test_known_iterations_are_not_computed(
    fitted: MetaResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 700 known iterations of 1,100 the loop is asked for 700 to 999 and 1,000 to 1,099."""
    plan = FWECorrector().plan(fitted)
    known = {"max_stat": np.arange(700)}
    asked = []

    def run(self: MonteCarloPlan, *, first: int, n_iters: int, **_: object) -> dict:  # type: ignore[type-arg]
        asked.append((first, n_iters))
        return {"max_stat": np.arange(first, first + n_iters)}

    monkeypatch.setattr(MonteCarloPlan, "run", run)
    found = montecarlo_chunk(plan, n_iters=1100, seed=1, known=known)
    assert asked == [(700, 300), (1000, 100)]
    np.testing.assert_array_equal(found["max_stat"], np.arange(1100))


@pytest.mark.parametrize("other", [{"seed": 1}, {"voxel_thresh": 0.1}])
def test_a_null_of_other_draws_is_refused(fitted: MetaResult, other: dict) -> None:  # type: ignore[type-arg]
    """Another seed or cluster-forming threshold, and it is said what might differ."""
    result = FWECorrector(n_iters=10).transform(fitted)
    with pytest.raises(DataError, match="10 iterations cannot be extended: it was drawn from oth"):
        FWECorrector(n_iters=10, **other).extend(result, 5)


def test_a_result_without_null_is_refused(fitted: MetaResult) -> None:
    """Nothing is there to be extended before a correction."""
    with pytest.raises(UsageError, match="no Monte Carlo null in this result"):
        FWECorrector(n_iters=10).extend(fitted, 5)


def test_a_file_gives_back_what_was_saved(fitted: MetaResult, tmp_path: Path) -> None:
    """Maxima, key and history survive."""
    plan = FWECorrector().plan(fitted)
    saved = SavedNull({"max_stat": np.array([2**40, 1])}, null_key(plan, 3)).extended_to(9)
    found = SavedNull.load(saved.save(tmp_path / "null.npz"))
    np.testing.assert_array_equal(found.maxima["max_stat"], [2**40, 1])
    assert replace(found, maxima={}) == replace(saved, maxima={})
    assert found.serves(plan, 3)
