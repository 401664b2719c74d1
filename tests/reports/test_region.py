"""What figures, verdict and texts say of the region of a coactivation model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from nimare_pipeline.reports import boilerplate, brains, region
from nimare_pipeline.reports.html import write_report
from nimare_pipeline.reports.verdict import Evidence, verdict
from tests.reports.conftest import HOSTILE, Small, ellipsoid
from tests.reports.test_figures import draw

REGION = {
    "words": "a sphere of 8 mm around (36, 4, 0)",
    "sphere": [36.0, 4.0, 0.0, 8.0],
    "centre": [36.0, 4.0, 0.0],
    "n_voxels": 33,
    "volume_mm3": 2112.0,
    "n_searched": 1234,
    "n_contrasts": 1,
    "n_studies": 1,
    "n_foci": 2,
}


@pytest.fixture
def seeded(small: Small) -> Small:
    """The small analysis, as that of experiments with a focus in a sphere."""
    mask = small.result.mask
    xyz = np.argwhere(mask.inside) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    inside = np.linalg.norm(xyz - [36, 4, 0], axis=1) <= 8
    return replace(
        small, result=small.result.with_maps({}, {"region": REGION}, {"region": inside})
    )


def text(small: Small, analysis: dict[str, Any], **changes: Any) -> str:
    facts = {**small.result.facts, "region": {**REGION, **changes}}
    return boilerplate.methods(facts, analysis, {}, contrasts=small.contrasts).markdown


def test_methods_state_the_region(small: Small, analysis: dict[str, Any]) -> None:
    """Region, size, what was searched and found, and both cautions with their references."""
    assert (
        "Coactivation with a sphere of 8 mm around (36, 4, 0) (33 voxels, 2,112 mm³) was examined "
        "by meta-analytic coactivation modelling (MACM) [@robinson2010]: of 1,234 experiments "
        "searched, 1 reported 2 foci in the region. As experiments were chosen by these foci, "
        "convergence in the region itself is by construction, and convergence elsewhere is tested "
        "against chance, not against how often a place is reported whatever the region "
        "[@langner2014]."
    ) in text(small, analysis)


def test_scale_answers_base_rates(small: Small, analysis: dict[str, Any]) -> None:
    """Of SCALE the second caution does not hold, and is not made."""
    scale = {**analysis, "estimator": {"type": "SCALE", "args": {}}}
    found = text(small, scale)
    assert "convergence in the region itself is by construction." in found
    assert "langner2014" not in found.split("by construction")[1].split("\n")[0]


def test_verdict_warns_of_the_region(
    seeded: Small, nothing: Small, analysis: dict[str, Any]
) -> None:
    """A note where something is significant; none without a region."""

    def notices(pieces: Small, facts: dict[str, Any]) -> list[str]:
        evidence = Evidence(facts, analysis, pieces.contrasts, pieces.clusters.clusters)
        return [one.text for one in verdict(evidence).notices if "by construction" in one.title]

    (said,) = notices(seeded, seeded.result.facts)
    assert "chosen for a focus in a sphere of 8 mm around (36, 4, 0): a cluster there is" in said
    assert notices(nothing, seeded.result.facts) == []
    facts = {name: fact for name, fact in seeded.result.facts.items() if name != "region"}
    assert notices(seeded, facts) == []


def test_report_has_a_section(seeded: Small, write: Any) -> None:
    """The section stands where there is a region, with its numbers and without surprises."""
    result = seeded.result
    hostile = {**REGION, "words": HOSTILE}
    pieces = replace(seeded, result=replace(result, facts={**result.facts, "region": hostile}))
    page = write_report(write(pieces)).read_text()
    assert "<h3>Region</h3>" in page
    assert "1 experiment of the 1,234 searched" in page
    assert "could not be made" not in page
    assert "<script>alert" not in page


def test_report_without_region_has_none(small: Small, write: Any) -> None:
    """Another analysis has no such section."""
    assert "<h3>Region</h3>" not in write_report(write(small)).read_text()


def test_picture_shows_region_and_foci(seeded: Small, small: Small, tmp_path: Path) -> None:
    """There is blue where the region is; the picture exists only where there is a region."""
    drawn = draw(seeded, tmp_path / "with", ("region",))
    assert drawn.keys() == {"region"}
    assert draw(small, tmp_path / "without", ("region",)) == {}
    pixels = imread(drawn["region"])[..., :3]
    left = pixels[:, : int(0.74 * pixels.shape[1])]
    blue = (left[..., 2] > left[..., 0] + 0.15).sum()
    assert blue > 500


def test_foci_far_from_a_cut_are_not_on_it() -> None:
    """Each cut has the foci within 4 mm of it, in its own plane."""
    mask = ellipsoid()
    volume = brains.Volume(mask.inside.astype(np.uint8), mask.affine)
    xyz = np.array([[36.0, 4, 0], [40.0, 30, 3], [20.0, 4, 40]])
    figure = region.draw(volume, np.array([36.0, 4, 0]), xyz)
    cuts = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in cuts] == ["x = 36", "y = 4", "z = 0"]
    offsets = [ax.collections[-1].get_offsets().tolist() for ax in cuts]
    assert offsets == [[[4, 0], [30, 3]], [[36, 0], [20, 40]], [[36, 4], [40, 30]]]
