"""Contrasts that are one another in another space, against the plain loop over all pairs."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from nimare_pipeline import spaces, suspicious_moves
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.suspects import Suspects, of_contrasts

Foci = NDArray[np.float64]


def apart(a: Foci, b: Foci) -> float:
    """Distance of two sets of foci, focus by focus."""
    to = [[float(np.linalg.norm(one - other)) for other in b] for one in a]
    return max(*(min(row) for row in to), *(min(column) for column in zip(*to, strict=True)))


def said(suspects: Suspects, i: int, j: int) -> str:
    """How the foci of two contrasts differ, if they are the same."""
    one, two = suspects.of(i), suspects.of(j)
    a, b = suspects.published[one], suspects.published[two]
    places = [
        (*xyz.mean(axis=0), *xyz.std(axis=0)) for xyz in (suspects.mni[one], suspects.mni[two])
    ]
    if len(a) != len(b) or len(a) < 5 or np.linalg.norm(np.subtract(*places)) > 6:
        return ""
    differ = suspects.is_talairach[one].any() != suspects.is_talairach[two].any()
    if differ and apart(suspects.mni[one], suspects.mni[two]) <= 5:
        return "in another space"
    if apart(a, b) <= 0.7:
        return "rounded"
    for method in ("other", "brett", "fsl", "spm"):
        if apart(spaces.tal2mni(a, method), b) <= 1.5:
            return "converted from Talairach to MNI"
        if apart(spaces.tal2mni(b, method), a) <= 1.5:
            return "converted from MNI to Talairach"
    return ""


def studies() -> list[Contrast]:
    """Foci of few places, with copies that are rounded, moved, shuffled, or slightly wrong."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(24):
        xyz = rng.uniform(-60, 60, (int(rng.integers(4, 7)), 3))
        changes = (
            xyz,
            np.round(xyz),
            spaces.tal2mni(xyz, ("other", "brett", "fsl", "spm")[number % 4]),
            rng.permutation(xyz) + rng.uniform(-0.3, 0.3, xyz.shape),
            xyz + rng.uniform(-2, 2, xyz.shape),
        )
        for kind, points in enumerate(changes):
            space = ("MNI", "TAL")[int(rng.integers(2))]
            found.append(Contrast(f"s{number}", f"{kind}", points, (space,) * len(points)))
    return [found[i] for i in rng.permutation(len(found))]


def test_pairs_are_those_of_the_plain_loop() -> None:
    """With the words of the first way that fits; boxes leave out none."""
    suspects = of_contrasts(studies())
    pairs = combinations(range(len(suspects.studies)), 2)
    expected = {
        (suspects.place_of(i), f"{suspects.name(j)}, {how}")
        for i, j in pairs
        if (how := said(suspects, i, j))
    }
    problems = list(suspicious_moves.found(suspects, (), (), ""))
    found = {
        (problem.where, problem.message.partition(" are those of ")[2]) for problem in problems
    }
    assert found == expected
    assert {how.rpartition(", ")[2] for _, how in expected} == {
        "in another space",
        "rounded",
        "converted from Talairach to MNI",
        "converted from MNI to Talairach",
    }


def test_what_is_said_already_is_not_said_again() -> None:
    """Pairs that something else is said of, and contrasts for which another stands."""
    xyz = np.random.default_rng(1).uniform(-50, 50, (6, 3))
    suspects = of_contrasts([Contrast(f"s{i}", "c", xyz + i / 10, ("MNI",) * 6) for i in range(3)])

    def pairs(*taken: tuple[int, int], copies: tuple[int, ...] = ()) -> list[tuple[str, str]]:
        problems = suspicious_moves.found(suspects, taken, copies, "")
        of = ((p.where[6:8], p.message.partition("those of ")[2][:2]) for p in problems)
        return sorted(of)

    assert pairs() == [("s0", "s1"), ("s0", "s2"), ("s1", "s2")]
    assert pairs((0, 1)) == [("s0", "s2"), ("s1", "s2")]
    assert pairs(copies=(2,)) == [("s0", "s1")]


def test_too_many_that_are_alike_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real data have so many: comparing them focus by focus would take minutes."""
    suspects = of_contrasts(studies())
    monkeypatch.setattr(suspicious_moves, "_MOST_ALIKE", 3)
    assert list(suspicious_moves.found(suspects, (), (), "")) == []
