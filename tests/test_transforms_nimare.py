"""Images made from images, against NiMARE 0.22.1 on the images of pain studies."""

from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline import transforms
from nimare_pipeline.images import ImageStack
from nimare_pipeline.transform_rules import People
from nimare_pipeline.transforms import transform_stack

REFERENCE = Path(__file__).parent / "reference" / "nimare_transforms.npz"
# NiMARE's images, and what is kept of them, are float32.
CLOSE = 2e-5


@pytest.fixture(scope="module")
def pinned() -> dict[str, np.ndarray]:
    with np.load(REFERENCE) as found:
        return dict(found)


def made(pinned: dict[str, np.ndarray], target: str, **given: str) -> np.ndarray:
    """Images of the studies from others, kind to name; 0 is where there is no data."""
    ids = tuple(str(number) for number in range(len(pinned["n"])))
    values = {
        kind: np.where(pinned[name] == 0, np.nan, pinned[name]) for kind, name in given.items()
    }
    people = {name: People(n, n - 1) for name, n in zip(ids, pinned["n"].tolist(), strict=True)}
    return transform_stack(ImageStack(ids, values), target, people).values[target]


@pytest.mark.parametrize("target", ["z", "p", "varcope", "beta", "d", "g", "g_var"])
def test_images_of_pain(pinned: dict[str, np.ndarray], target: str) -> None:
    """From t, standard errors and N: the same numbers wherever there are data."""
    found = made(pinned, target, t="t", se="se")
    there = pinned["se"] != 0
    np.testing.assert_array_equal(np.isfinite(found), there)
    np.testing.assert_allclose(found[there], pinned[target][there], rtol=CLOSE)


def test_varcope_from_t_and_effect(pinned: dict[str, np.ndarray]) -> None:
    """(beta / t)^2: the same, but where there are no data: missing, where NiMARE divides by 0."""
    found = made(pinned, "varcope", t="t", beta="effect")
    there = (pinned["t"] != 0) & (pinned["effect"] != 0)
    np.testing.assert_allclose(found[there], pinned["varcope_of_t_and_beta"][there], rtol=CLOSE)
    assert np.isnan(found[~there]).all()


@pytest.mark.parametrize("dof", [4, 19, 149])
def test_t_and_z(pinned: dict[str, np.ndarray], dof: int) -> None:
    """t to z and z to t, into the far tail."""
    t, z = pinned["number_t"], pinned["number_z"]
    np.testing.assert_allclose(transforms.t_to_z(t, dof), pinned[f"t_to_z_{dof}"], rtol=1e-12)
    found, theirs = transforms.z_to_t(z, dof), pinned[f"z_to_t_{dof}"]
    if dof == 149:
        # z of -40: mpmath has -2641.35891, as we; NiMARE's asymptotic formula -2641.38693.
        assert (found[0], theirs[0]) == pytest.approx((-2641.35891391, -2641.38693216), rel=1e-11)
        found, theirs = found[1:], theirs[1:]
    np.testing.assert_allclose(found, theirs, rtol=1e-11)


@pytest.mark.parametrize("tail", ["one", "two"])
def test_p_and_z(pinned: dict[str, np.ndarray], tail: str) -> None:
    """p to z, and z to log p."""
    found = transforms.p_to_z(pinned["number_p"], tail)
    np.testing.assert_allclose(found, pinned[f"p_to_z_{tail}"], rtol=1e-12, atol=1e-15)
    found = transforms.z_to_nlogp(pinned["number_z"], tail)
    np.testing.assert_allclose(found, pinned[f"z_to_nlogp_{tail}"], rtol=1e-12, atol=1e-15)


def test_chi2(pinned: dict[str, np.ndarray]) -> None:
    """Chi-squared to log p."""
    found = transforms.chi2_to_nlogp(pinned["number_chi2"])
    np.testing.assert_allclose(found, pinned["chi2_to_nlogp"], rtol=1e-12)
