"""The picture of a workflow shows its nodes and edges, and is safe to put into a page."""

import re
from xml.etree import ElementTree as ET

import pytest
from nipype.pipeline import engine as pe

from nimare_pipeline.interfaces.cbma import ModeledActivation
from nimare_pipeline.interfaces.dataset import LoadCohort
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.graph import draw_graph

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def workflow(analysis, make_settings, tmp_path):
    """Workflow of the main job."""
    (tmp_path / "dataset.npz").touch()
    return init_analysis_wf(
        analysis=analysis,
        settings=make_settings(n_chunks=3),
        dataset_file=str(tmp_path / "dataset.npz"),
        stage_dir=str(tmp_path / "stage"),
        work_dir=str(tmp_path / "work"),
    )


@pytest.fixture
def svg(workflow) -> ET.Element:
    """The picture, parsed: it is well-formed XML."""
    return ET.fromstring(draw_graph(workflow))  # noqa: S314 - our own text


def boxes(svg) -> dict[str, tuple[float, float, float, float]]:
    """Name to the rectangle (left, top, right, bottom) of each box."""
    found = {}
    for group in svg.iter(f"{SVG}g"):
        rect = group.findall(f"{SVG}rect")[-1]
        x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        found[group.find(f"{SVG}text").text] = (x, y, x + width, y + height)
    return found


def edges(svg) -> list[ET.Element]:
    """Paths that are edges."""
    return [path for path in svg.findall(f"{SVG}path") if path.find(f"{SVG}title") is not None]


def test_every_node_is_a_box(svg):
    """Each node that does something has a box with its name and class; chunks are a stack."""
    assert set(boxes(svg)) == {
        "load_cohort",
        "ma_maps",
        "fit_estimator",
        "plan_montecarlo",
        "montecarlo_chunks",
        "correct_fwe",
        "clusters",
        "figures",
        "derivatives",
    }
    n_rects = {
        group.find(f"{SVG}text").text: len(group.findall(f"{SVG}rect"))
        for group in svg.iter(f"{SVG}g")
    }
    assert {name for name, n in n_rects.items() if n > 1} == {"montecarlo_chunks"}


def test_edges_go_down_from_box_to_box(svg):
    """Each edge leaves the bottom of a box and ends at the top of one below."""
    places = boxes(svg).values()
    assert len(edges(svg)) == 17
    for edge in edges(svg):
        numbers = [float(n) for n in re.findall(r"-?\d+", edge.get("d"))]
        (x, y), (to_x, to_y) = numbers[:2], numbers[-2:]
        assert any(abs(x - (a + c) / 2) <= 1 and abs(y - d) <= 1 for a, _, c, d in places)
        assert any(abs(to_x - (a + c) / 2) <= 1 and abs(to_y - b) <= 1 for a, b, c, _ in places)
        assert to_y > y


@pytest.fixture
def branched() -> ET.Element:
    """Picture of a workflow with three nodes side by side."""
    load = pe.Node(LoadCohort(), name="load")
    workflow = pe.Workflow("branched")
    for name in ("a", "b", "c"):
        node = pe.Node(ModeledActivation(), name=name)
        workflow.connect(load, "dataset_file", node, "dataset_file")
    return ET.fromstring(draw_graph(workflow))  # noqa: S314 - our own text


def test_branches_stand_side_by_side(branched):
    """Nodes of one layer are at one height."""
    places = boxes(branched)
    assert len({places[name][1] for name in "abc"}) == 1
    assert len({places[name][0] for name in "abc"}) == 3


@pytest.mark.parametrize("name", ["svg", "branched"])
def test_boxes_do_not_overlap_and_lie_in_the_picture(name, request):
    """No box covers another, none is cut off."""
    svg = request.getfixturevalue(name)
    _, _, width, height = map(float, svg.get("viewBox").split())
    places = list(boxes(svg).values())
    for i, (left, top, right, bottom) in enumerate(places):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        for a, b, c, d in places[:i]:
            assert right <= a or c <= left or bottom <= b or d <= top


def test_titles_say_what_is_handed_on(svg):
    """Hovering over an edge names the fields."""
    assert "ma_file -> ma_file" in {edge.find(f"{SVG}title").text for edge in edges(svg)}


def test_text_is_escaped(workflow):
    """Text is no markup in the picture."""
    assert "<title>ma_file -&gt; ma_file</title>" in draw_graph(workflow)


def test_drawing_changes_nothing(workflow):
    """The same workflow is drawn the same again."""
    assert draw_graph(workflow) == draw_graph(workflow)
