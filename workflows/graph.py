"""Picture of a workflow as SVG, laid out here: nothing needs graphviz."""

from copy import deepcopy
from html import escape
from typing import Any

import networkx as nx

_BOX = (190, 44)
_GAP = (26, 46)
_MARGIN = 16
_STYLE = (
    "text{font:12px sans-serif;fill:#1b1f24;text-anchor:middle}"
    "text.kind{font-size:10px;fill:#57606a}"
    "rect{fill:#f6f8fa;stroke:#57606a}"
    "path{fill:none;stroke:#8c959f}"
    "path.tip{fill:#8c959f}"
)


def draw_graph(workflow: Any) -> str:
    """Draw the nodes of a workflow and what they hand on, inputs at the top.

    Nodes that only pass fields on are left out; a node that runs once for each item of a list is
    drawn as a stack. Titles (shown on hovering) name the nodes in full and the fields handed on.

    Parameters
    ----------
    workflow : nipype Workflow
        Is not changed and not run.

    Returns
    -------
    str
        An SVG document.
    """
    graph = _named_graph(workflow)
    layered, layers = _layers(graph)
    place = _places(layered, layers)
    width = max((x for x, _ in place.values()), default=0) + _BOX[0] / 2 + _MARGIN
    height = max((y for _, y in place.values()), default=0) + _BOX[1] / 2 + _MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img">'
        ),
        f"<title>Workflow {escape(workflow.name)}</title><style>{_STYLE}</style>",
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" class="tip"/></marker></defs>'
        ),
        *(_box(*place[name], **graph.nodes[name]) for name in graph),
        *(_edge(path, title, place) for path, title in _paths(graph, layered)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _named_graph(workflow: Any) -> nx.DiGraph:
    """Nodes by number, with what is written in and behind their boxes."""
    from nipype.pipeline.engine import MapNode
    from nipype.pipeline.engine.utils import generate_expanded_graph

    # Nipype has no public way to its flat graph; expanding drops the nodes that only pass on.
    nodes = generate_expanded_graph(deepcopy(workflow._create_flat_graph()))  # noqa: SLF001
    number = {node: i for i, node in enumerate(nodes)}
    graph = nx.DiGraph()
    for node, i in number.items():
        kind = type(node.interface).__name__
        stack = isinstance(node, MapNode)
        graph.add_node(i, label=node.name, kind=kind, title=node.fullname, stack=stack)
    for source, target, data in nodes.edges(data=True):
        fields = (f"{_field(out)} -> {into}" for out, into in data["connect"])
        graph.add_edge(number[source], number[target], title=", ".join(fields))
    return graph


def _field(out: Any) -> str:
    return out if isinstance(out, str) else out[0]


def _layers(graph: nx.DiGraph) -> tuple[nx.DiGraph, list[list[Any]]]:
    """Layers from top to bottom, with way points where an edge crosses a layer.

    Way points stand right of the boxes; within both, the order is by the mean place of the
    neighbours above, then below, twice (Sugiyama's method).
    """
    depth = {
        name: i for i, layer in enumerate(nx.topological_generations(graph)) for name in layer
    }
    layered = nx.DiGraph()
    layered.add_nodes_from(graph)
    for source, target in graph.edges:
        way = [("way", source, target, i) for i in range(depth[source] + 1, depth[target])]
        depth |= {point: point[3] for point in way}
        nx.add_path(layered, [source, *way, target])
    layers: list[list[Any]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in layered:
        layers[depth[name]].append(name)
    for _ in range(2):
        for neighbours, order in ((layered.pred, layers), (layered.succ, layers[::-1])):
            for i in range(1, len(order)):
                _sort_by_neighbours(order[i], order[i - 1], neighbours)
    return layered, layers


def _sort_by_neighbours(layer: list[Any], before: list[Any], neighbours: Any) -> None:
    place = {name: i for i, name in enumerate(before)}

    def mean(name: Any) -> tuple[bool, float]:
        near = [place[other] for other in neighbours[name] if other in place]
        return isinstance(name, tuple), sum(near) / len(near) if near else 0.0

    layer.sort(key=mean)


def _places(layered: nx.DiGraph, layers: list[list[Any]]) -> dict[Any, tuple[float, float]]:
    """Centre of each box and way point, px; layers begin at the left, so a chain is a column."""
    sizes = {name: 0 if isinstance(name, tuple) else _BOX[0] for name in layered}
    place = {}
    for i, layer in enumerate(layers):
        left = float(_MARGIN)
        y = _MARGIN + _BOX[1] / 2 + i * (_BOX[1] + _GAP[1])
        for name in layer:
            place[name] = (left + sizes[name] / 2, y)
            left += sizes[name] + _GAP[0]
    return place


def _paths(graph: nx.DiGraph, layered: nx.DiGraph) -> list[tuple[list[Any], str]]:
    """Points each edge goes through, from top to bottom, and its title."""
    ways: dict[tuple[int, int], list[Any]] = {edge: [] for edge in graph.edges}
    for point in layered:
        if isinstance(point, tuple):
            ways[point[1], point[2]].append(point)
    return [
        ([edge[0], *sorted(way, key=lambda point: point[3]), edge[1]], graph.edges[edge]["title"])
        for edge, way in ways.items()
    ]


def _edge(path: list[Any], title: str, place: dict[Any, tuple[float, float]]) -> str:
    half = _BOX[1] / 2
    points = [place[name] for name in path]
    x, y = points[0][0], points[0][1] + half
    curve = f"M{x:.0f} {y:.0f}"
    for name, (to_x, to_y) in zip(path[1:], points[1:], strict=True):
        top, bottom = to_y - half, to_y + half
        bend = (y + top) / 2
        curve += f"C{x:.0f} {bend:.0f} {to_x:.0f} {bend:.0f} {to_x:.0f} {top:.0f}"
        x, y = to_x, top
        if isinstance(name, tuple):
            curve += f"V{bottom:.0f}"
            y = bottom
    return f'<path d="{curve}" marker-end="url(#tip)"><title>{escape(title)}</title></path>'


def _box(x: float, y: float, *, label: str, kind: str, title: str, stack: bool) -> str:
    left, top = x - _BOX[0] / 2, y - _BOX[1] / 2
    sheets = [(left + shift, top - shift) for shift in ((8, 4, 0) if stack else (0,))]
    rects = "".join(
        f'<rect x="{at_x:.0f}" y="{at_y:.0f}" width="{_BOX[0]}" height="{_BOX[1]}" rx="5"/>'
        for at_x, at_y in sheets
    )
    return (
        f"<g><title>{escape(title)}</title>{rects}"
        f'<text x="{x:.0f}" y="{y - 2:.0f}">{escape(label)}</text>'
        f'<text class="kind" x="{x:.0f}" y="{y + 13:.0f}">{escape(kind)}</text></g>'
    )
