"""Colour scales: which value has which colour, and the range that several maps share."""

import numpy as np
import pytest

from nimare_pipeline.reports.paper_scale import N_COLORS, Limits, Scale, together


def test_ends_of_a_scale_have_the_first_and_the_last_colour() -> None:
    """From low to high the colours run once through the table; beyond it they stay."""
    scale = Scale(2.0, 6.0)
    values = np.linspace(2.0, 6.0, N_COLORS, endpoint=False)
    colors = scale.colors(values)
    assert len(np.unique(colors, axis=0)) == N_COLORS
    np.testing.assert_array_equal(scale.colors([1.0, 6.0, 99.0]), colors[[0, -1, -1]])


def test_strong_values_are_light_and_still_seen_on_white() -> None:
    """Brightness grows with the value on both sides, and ends well below that of paper."""
    scale = Scale(0, 1, two_sided=True)
    for sign in (1, -1):
        light = scale.colors(sign * np.linspace(0.01, 1, 20)) @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(light) > 0).all()
        assert light[-1] < 0.9


def test_negative_values_are_blue_and_positive_ones_red() -> None:
    """The two sides are told apart at every strength."""
    scale = Scale(0, 1, two_sided=True)
    sizes = np.linspace(0.01, 1, 20)
    hot, cold = scale.colors(sizes), scale.colors(-sizes)
    assert (hot[:, 0] > hot[:, 2]).all()
    assert (cold[:, 2] > cold[:, 0]).all()


def test_one_sided_scale_draws_positive_values_only() -> None:
    """0, NaN and, on a one-sided scale, negative values are not drawn."""
    values = np.array([0.0, np.nan, -1.0, 1.0])
    assert Scale(0, 1).shown(values).tolist() == [False, False, False, True]
    assert Scale(0, 1, two_sided=True).shown(values).tolist() == [False, False, True, True]


def test_limits_are_those_of_the_drawn_side() -> None:
    """The floor is the weakest significant value, the peak the strongest of the whole map."""
    z = np.array([-7.0, 0.5, 3.2, 4.4, 5.1])
    significant = np.array([0, 0, 3.2, 4.4, 0])
    assert Limits.of(z, significant, two_sided=False) == Limits(3.2, 5.1, two_sided=False)
    assert Limits.of(z, significant, two_sided=True) == Limits(3.2, 7.0, two_sided=True)
    assert Limits.of(z, 0 * z, two_sided=False).floor is None


@pytest.mark.parametrize(
    ("limits", "z_max", "expected"),
    [
        (Limits(3.097, 6.73, two_sided=False), None, Scale(3.09, 7.0)),
        (Limits(3.097, 6.73, two_sided=False), 5.0, Scale(3.09, 5.0, clipped=True)),
        (Limits(3.097, 6.73, two_sided=False), 2.0, Scale(0.0, 2.0, clipped=True)),
        (Limits(None, 0.0, two_sided=False), None, Scale(0.0, 3.0)),
        (Limits(2.5, 4.0, two_sided=True), None, Scale(2.5, 4.0, two_sided=True)),
    ],
    ids=["own", "given", "below the floor", "empty map", "two-sided"],
)
def test_scale_of_limits(limits, z_max, expected) -> None:
    """It begins at what is significant and ends at the next half, or at what was asked for."""
    assert limits.scale(z_max) == expected


def test_shared_scale_holds_every_map() -> None:
    """The widest of all; each map knows for itself whether it is cut off."""
    one, other = Limits(3.1, 4.2, two_sided=False), Limits(2.8, 8.9, two_sided=False)
    nothing = Limits(None, 2.0, two_sided=False)
    shared = together([one, other, nothing])
    assert shared == Limits(2.8, 8.9, two_sided=False)
    assert one.scale(within=shared) == other.scale(within=shared) == Scale(2.8, 9.0)
    assert not one.scale(6.0, within=shared).clipped
    assert other.scale(6.0, within=shared).clipped


def test_shared_scale_is_two_sided_if_one_map_is() -> None:
    """Negative values of one map need their colours; the others have the same bar."""
    shared = together([Limits(3, 4, two_sided=False), Limits(3, 4, two_sided=True)])
    assert Limits(3, 4, two_sided=False).scale(within=shared).two_sided
