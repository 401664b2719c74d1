"""Figures of the report."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline.reports import brains, canvas, distributions, figure_inputs, figures, maxima
from nimare_pipeline.reports.figure_inputs import Inputs
from nimare_pipeline.reports.maxima import montecarlo_panels
from nimare_pipeline.settings import Component
from tests.reports.conftest import Small

KEYS = [
    "foci",
    "sample_sizes",
    "result_mosaic",
    "result_ortho",
    "result_glass",
    "z_mosaic",
    "null_uncorrected",
    "null_montecarlo",
]


def draw(pieces: Small, out_dir: Path, keys: tuple[str, ...]) -> dict[str, Path]:
    """Only some of the figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DRAWINGS", {key: figures.DRAWINGS[key] for key in keys})
        return figures.draw_all(
            pieces.result,
            contrasts=pieces.contrasts,
            coordinates=pieces.coordinates,
            labels=pieces.clusters.label_map,
            out_dir=out_dir,
        )


def test_draw_all_draws_everything_and_leaves_nothing_open(drawn: dict[str, Path]) -> None:
    """Every key has a small file, and pyplot holds no figure."""
    import matplotlib.pyplot as plt

    assert list(drawn) == KEYS
    assert all(0 < path.stat().st_size < 600_000 for path in drawn.values())
    assert plt.get_fignums() == []


def test_drawing_twice_gives_the_same_bytes(
    small: Small, drawn: dict[str, Path], tmp_path: Path
) -> None:
    """No date or random id is in a figure."""
    keys = ("foci", "result_ortho", "null_uncorrected", "null_montecarlo", "sample_sizes")
    again = draw(small, tmp_path, keys)
    assert [again[key].read_bytes() for key in keys] == [drawn[key].read_bytes() for key in keys]


def test_without_clusters_the_result_is_not_drawn(nothing: Small, tmp_path: Path) -> None:
    """Nothing significant: no thresholded picture, but the map and the nulls."""
    keys = ("result_mosaic", "result_ortho", "result_glass", "z_mosaic", "null_montecarlo")
    assert sorted(draw(nothing, tmp_path, keys)) == ["null_montecarlo", "z_mosaic"]


def test_without_data_a_figure_is_left_out(small: Small, tmp_path: Path) -> None:
    """No foci, no sample sizes and no nulls give no figures and no error."""
    bare = replace(
        small,
        result=replace(small.result, arrays={}),
        coordinates=small.coordinates.iloc[:0],
        contrasts=small.contrasts.iloc[:0],
    )
    keys = ("foci", "sample_sizes", "null_uncorrected", "null_montecarlo")
    assert draw(bare, tmp_path, keys) == {}


def test_text_in_svg_is_escaped(small: Small, tmp_path: Path) -> None:
    """A hostile name is text in the SVG."""
    name = "<script>alert(1)</script> & 'x'"
    hostile = replace(small, result=replace(small.result, estimator=Component(name)))
    path = draw(hostile, tmp_path, ("null_uncorrected",))["null_uncorrected"]
    tree = ET.fromstring(path.read_text())  # noqa: S314 - our own file
    assert not [element for element in tree.iter() if element.tag.endswith("script")]
    assert any(name in "".join(element.itertext()) for element in tree.iter())


def test_volume_finds_the_nearest_voxel() -> None:
    """A point belongs to the voxel whose centre is nearest, half up; beyond the grid is NaN."""
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -10
    volume = brains.Volume(np.arange(27.0).reshape(3, 3, 3), affine)
    points = np.array([[-10, -10, -10], [-8.9, -10, -9.1], [-9, -10, -10], [-12, 0, 0]])
    np.testing.assert_array_equal(volume.at(points), [0, 9, 9, np.nan])


def test_slices_cut_the_template_where_they_say() -> None:
    """A plane holds the points of its cut, and shows the template's own voxels there."""
    points = brains.plane(2, 10.0)
    assert set(points[..., 2].ravel()) == {10.0}
    template = brains.background()
    picture = brains.compose(points, None)
    grey = np.nan_to_num(template.at(points))
    levels = 40
    expected = 0.12 + 0.78 * np.round(grey * levels) / levels
    np.testing.assert_allclose(picture[..., 0], expected, atol=1e-6)
    assert picture[grey == 0][:, 3].max() == 0


def test_overlay_colours_only_what_is_above_zero() -> None:
    """Voxels at 0 show the template; a voxel at the top has the last colour."""
    points = brains.plane(2, 0.0)
    template = brains.background()
    data = np.zeros(template.data.shape)
    top = tuple(np.round(np.linalg.inv(template.affine) @ [20, -20, 0, 1])[:3].astype(int))
    data[top] = 5.0
    overlay = brains.Overlay(brains.Volume(data, template.affine), vmin=0, vmax=5)
    changed = np.argwhere(
        (brains.compose(points, overlay) != brains.compose(points, None)).any(-1)
    )
    assert len(changed) == 1
    row, column = changed[0]
    np.testing.assert_array_equal(points[row, column], [20, -20, 0])
    np.testing.assert_allclose(
        brains.compose(points, overlay)[row, column], brains.colormap()(1.0)
    )


def test_cuts_cover_the_clusters(small: Small) -> None:
    """Slices run from the lowest to the highest significant voxel, at least 4 mm apart."""
    inputs = Inputs(
        small.result, small.contrasts, small.coordinates, small.clusters.label_map, 0.05
    )
    heights = inputs.xyz[inputs.labels > 0, 2]
    cuts = inputs.cuts()
    assert len(cuts) == figure_inputs.N_CUTS
    assert cuts[0] <= heights.min() < heights.max() <= cuts[-1]
    assert np.diff(cuts).min() >= 4 - 1


def test_observed_clusters_match_a_count_by_hand(small: Small) -> None:
    """Sizes and masses of all suprathreshold clusters, significant or not."""
    inputs = Inputs(
        small.result, small.contrasts, small.coordinates, small.clusters.label_map, 0.05
    )
    stat = small.result.maps["stat"]
    above, right = stat >= 0.0206, inputs.xyz[:, 0] > 0
    sizes, masses = maxima._observed_clusters(inputs, stat)
    assert sorted(sizes) == sorted([(above & right).sum(), (above & ~right).sum()])
    expected = [(stat - 0.0206)[above & side].sum() for side in (right, ~right)]
    np.testing.assert_allclose(sorted(masses), sorted(expected))


def test_threshold_of_the_maxima_is_the_critical_value(small: Small) -> None:
    """Significant at .05 of 99 maxima is what 3 or fewer reach, (3 + 1) / 100: the 4th largest."""
    inputs = Inputs(
        small.result, small.contrasts, small.coordinates, small.clusters.label_map, 0.05
    )
    panel = montecarlo_panels(inputs)[0]
    assert panel.threshold == np.sort(panel.null)[-4]


def test_nulls_are_drawn_where_no_cluster_can_form(small: Small, tmp_path: Path) -> None:
    """No cluster-forming threshold: none is drawn, and no size or mass is called critical."""
    forming = {"p": 0.001, "statistic": None, "mass_above": None, "achieved_p": 0.0}
    result = replace(small.result, facts={**small.result.facts, "cluster_forming": forming})
    pieces = replace(small, result=result)
    keys = ("null_montecarlo", "null_uncorrected")
    assert sorted(draw(pieces, tmp_path, keys)) == sorted(keys)
    inputs = Inputs(result, small.contrasts, small.coordinates, small.clusters.label_map, 0.05)
    assert [np.isfinite(one.threshold) for one in montecarlo_panels(inputs)] == [
        True, False, False,
    ]  # fmt: skip


def test_counts_have_bins_of_whole_numbers() -> None:
    """Bins hold equal numbers of integers, so that a histogram of sizes is no comb."""
    panel = distributions.Maxima("size", np.arange(1, 101), True, np.inf, None)  # noqa: FBT003
    figure = distributions.montecarlo([panel], 0.05)
    widths = {round(patch.get_width(), 9) for patch in figure.axes[0].patches}
    assert widths == {3.0}


def test_a_chart_of_many_points_becomes_a_picture(tmp_path: Path) -> None:
    """Thousands of ticks would make a large SVG."""
    values = np.random.default_rng(0).integers(5, 90, 3000).astype(float)
    with canvas.style():
        figure = distributions.counts({"Participants": values})
        path = canvas.save_chart(figure, tmp_path, "sample_sizes")
    assert [path] == list(tmp_path.iterdir()) == [tmp_path / "sample_sizes.png"]
    assert path.read_bytes().startswith(b"\x89PNG")


def test_one_histogram_is_no_larger_than_three() -> None:
    """It takes the place of one; the page would blow it up to its own width."""
    values = np.arange(50.0)
    alone = distributions.of_voxels({"a": values})
    three = distributions.of_voxels(dict.fromkeys("abc", values))
    assert list(alone.get_size_inches()) == list(three.get_size_inches())
    assert [ax.axison for ax in alone.axes] == [True, False, False]
    assert [ax.axison for ax in three.axes] == [True] * 3
