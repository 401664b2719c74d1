"""Density of the foci of a database on the glass brain."""

import numpy as np
import pytest

from nimare_pipeline.reports import brains, canvas, density

XYZ = np.array([[-40.0, 10, 20], [-40, 10, 20.9], [40, -50, 0], [0, 0, 60], [500, 0, 0]])


def spots(view: str) -> dict[tuple[float, float], int]:
    """Middle of each spot that holds foci, mm, and their number."""
    counts = density.counted(XYZ, view)
    middles = np.arange(-120, 121, 2)
    return {
        (float(middles[right]), float(middles[up])): int(counts[right, up])
        for right, up in np.argwhere(counts)
    }


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("z", {(-40, 10): 2, (40, -50): 1, (0, 0): 1}),
        ("y", {(-40, 20): 2, (40, 0): 1, (0, 60): 1}),
        ("l", {(10, 20): 2, (0, 60): 1}),
        ("r", {(-50, 0): 1, (0, 60): 1, (0, 0): 1}),
    ],
)
def test_foci_are_counted_behind_each_spot(view: str, expected: dict) -> None:
    """Sides show their own half, the middle is in both; what is far beyond the head is nowhere."""
    assert spots(view) == expected


def drawn(n: int):  # type: ignore[no-untyped-def]
    """Glass brain of n foci of two groups, of which every tenth is of the second."""
    xyz = np.random.default_rng(1).uniform(-60, 60, size=(n, 3))
    second = np.arange(n) % 10 == 0
    groups = [brains.Dots("few", second, "#ff0000"), brains.Dots("many", ~second, "#0000ff")]
    with canvas.style():
        return brains.glass_dots(xyz, groups)


def test_very_many_foci_are_a_density() -> None:
    """Two pictures a view and no dots, the smaller group on top; the figure says what it shows."""
    figure = drawn(density.MOST_DOTS + 1)
    views = [ax for ax in figure.axes if ax.images]
    assert len(views) == 4
    for ax in views:
        many, few = (image.get_array() for image in ax.images)
        assert many[0, 0, :3].tolist() == [0, 0, 1]
        assert few[0, 0, :3].tolist() == [1, 0, 0]
        assert (few[..., 3].max(), few[..., 3].min()) == pytest.approx((0.65, 0))
        assert not ax.collections
    texts = [text.get_text() for text in figure.texts]
    assert density.HINT in texts
    assert "1001 foci\nfew" in texts


def test_opacity_follows_the_root_of_the_number() -> None:
    """Of the densest spot it is all, of a spot with a quarter of its foci half of that."""
    xyz = np.array([[0.0, 0, 0]] * 4 + [[20.0, 30, 40]])
    with canvas.style():
        _, display = brains._glass()
        density.lay(display, xyz, "#ff0000", 0.8)
    (image,) = display.axes["z"].ax.images
    opacity = image.get_array()[..., 3]
    assert opacity[60, 60] == pytest.approx(0.8)
    assert opacity[75, 70] == pytest.approx(0.4)


def test_views_keep_their_limits() -> None:
    """A density is laid over the same brain, at the same place, as dots are."""
    limits = [
        [(ax.get_xlim(), ax.get_ylim(), ax.get_aspect()) for ax in figure.axes]
        for figure in (drawn(10), drawn(density.MOST_DOTS + 1))
    ]
    assert limits[0] == limits[1]
