"""What foci outside the brain may be, against the plain loop over all guesses."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nimare_pipeline import suspicious_units
from nimare_pipeline.suspects import NEAR_MM, distances, near


def plain(points: NDArray[np.float64], least: float) -> tuple[str, float]:
    """Best guess, asked one after the other of all foci."""
    best, most = "", 0.0
    for guess in suspicious_units._all(points):
        moved = np.stack([point @ guess.matrix + guess.shift for point in points])
        share = float((distances(moved) <= NEAR_MM).mean())
        if share > most:
            best, most = guess.words, share
    return (best, most) if most >= least else ("", 0.0)


@pytest.mark.parametrize("kind", ["far", "voxels", "turned", "tenths", "mixed", "late"])
@pytest.mark.parametrize("least", [0.5, 0.97])
def test_the_best_guess_is_that_of_the_plain_loop(
    kind: str, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foci in pieces, and guesses given up on the way, change nothing."""
    monkeypatch.setattr(suspicious_units, "_AT_ONCE", 7)
    rng = np.random.default_rng(3)
    for n in (1, 6, 7, 40):
        brain = np.round(rng.uniform([-40, -70, -20], [40, 40, 50], (n, 3)))
        points = {
            "far": rng.uniform(-300, 300, (n, 3)),
            "voxels": np.abs(brain) + 20,
            "turned": brain[:, [2, 0, 1]] * [1, -1, 1],
            "tenths": brain * 10,
            "late": np.where(np.arange(n)[:, None] < 0.3 * n, 300, brain[:, [2, 0, 1]]),
            "mixed": brain + np.where(rng.uniform(size=(n, 1)) < 0.4, 60, 0),
        }[kind]
        guess, share = suspicious_units._best(suspicious_units._all(points), points, least)
        assert (guess.words if guess else "", share) == plain(points, least)


def test_near_is_the_distance_up_to_5_mm() -> None:
    """Beyond the grid of the mask, too, where only what is near is looked for."""
    points = np.random.default_rng(0).uniform(-140, 140, (4000, 3))
    surface = points[distances(points) > 0][:200]
    beyond = np.array([[0.0, 0.0, -200.0], [1e5, 0, 0]])
    every = np.concatenate([points, surface * 1.01, beyond])
    assert near(every).tolist() == (distances(every) <= 5).tolist()
