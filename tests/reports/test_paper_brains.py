"""Mosaic and glass brain for a paper: the page, the voxels on it, the colour bar, the text."""

import io
import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from nimare_pipeline.reports import brains, canvas, paper_brains
from nimare_pipeline.reports.paper_brains import Layer, project, ticks
from nimare_pipeline.reports.paper_scale import Scale

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = -90, -126, -72
LEGEND = "pain: uncorrected z <script> & $x$"
RIGHT, LEFT = (30.0, 10.0, 20.0), (-40.0, -20.0, 20.0)


def volume(**values: float) -> brains.Volume:
    """Cubes of 5 voxels around ``right`` and ``left`` with the given values."""
    data = np.zeros((91, 109, 91), dtype=np.float32)
    for name, value in values.items():
        center = {"right": RIGHT, "left": LEFT}[name]
        i, j, k = np.round((np.array(center) - AFFINE[:3, 3]) / 2).astype(int)
        data[i - 2 : i + 3, j - 2 : j + 3, k - 2 : k + 3] = value
    return brains.Volume(data, AFFINE)


def texts(svg: bytes) -> list[str]:
    """Every text of an SVG."""
    tree = ET.fromstring(svg)  # noqa: S314 - our own file
    return ["".join(e.itertext()).strip() for e in tree.iter() if e.tag.endswith("}text")]


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[bytes, bytes]]:
    """SVG and PNG of a mosaic and of a glass brain, both sides of 0."""
    scale = Scale(3.09, 6.5, two_sided=True, clipped=True)
    layer = Layer(volume(right=5.0, left=-4.0), scale, LEGEND)
    with canvas.style():
        return {
            "mosaic": paper_brains.mosaic((-20, 20, 22), layer),
            "glass": paper_brains.glass(layer),
        }


@pytest.mark.parametrize("view", ["mosaic", "glass"])
def test_png_is_a_full_page_wide_at_300_dpi(drawn, view) -> None:
    """180 mm at 300 dpi are 2126 pixels; the file says its resolution."""
    picture = Image.open(io.BytesIO(drawn[view][1]))
    assert picture.width == 2126
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert picture.mode == "RGB"


@pytest.mark.parametrize("view", ["mosaic", "glass"])
def test_page_is_white(drawn, view) -> None:
    """The corners are white, and so is most of a glass brain."""
    pixels = np.asarray(Image.open(io.BytesIO(drawn[view][1])))
    assert (pixels[[0, -1], 1700] == 255).all()
    if view == "glass":
        assert (pixels == 255).all(axis=-1).mean() > 0.7


@pytest.mark.parametrize("view", ["mosaic", "glass"])
def test_svg_is_as_wide_as_the_png(drawn, view) -> None:
    """180 mm in points, and the embedded picture has the pixels of the page."""
    svg = drawn[view][0].decode()
    width = float(re.search(r'<svg [^>]*width="([\d.]+)pt"', svg)[1])
    assert width / 72 * 25.4 == pytest.approx(180, abs=0.05)
    image = re.search(r'<image [^>]*xlink:href="data:image/png;base64,', svg)
    assert image is not None
    assert len(drawn[view][0]) < 1_500_000


def test_text_is_text(drawn) -> None:
    """Slices, sides, colour bar and legend are texts that an editor can change, and escaped."""
    found = texts(drawn["mosaic"][0])
    assert [text for text in found if text.startswith("z = ")] == ["z = −20", "z = 20", "z = 22"]
    assert {"L", "R", "z value", "≥ 6.5", "≤ −6.5", "3.09", "−3.09"} <= set(found)
    assert LEGEND in found


def test_glass_brain_names_its_views(drawn) -> None:
    """Views from the sides say which; the others have L and R."""
    found = texts(drawn["glass"][0])
    assert (found.count("left"), found.count("right")) == (1, 1)
    assert (found.count("L"), found.count("R")) == (2, 2)


def test_svg_names_fonts_that_others_have(drawn) -> None:
    """No font is only ours: each text names one that every system has."""
    fonts = set(re.findall(r"font-family: ([^;\"]+)", drawn["mosaic"][0].decode()))
    assert fonts == {"'DejaVu Sans', Verdana, Arial, Helvetica, sans-serif"}


def test_long_legends_are_wrapped() -> None:
    """No line is longer than the page is wide."""
    layer = Layer(volume(right=5.0), Scale(3, 6), " ".join(["word"] * 90))
    with canvas.style():
        svg, _ = paper_brains.mosaic((20,), layer)
    lines = [text for text in texts(svg) if "word" in text]
    assert len(lines) > 2
    assert max(map(len, lines)) <= 130


def test_drawing_twice_gives_the_same_bytes(drawn) -> None:
    """No date and no random id is in a figure."""
    scale = Scale(3.09, 6.5, two_sided=True, clipped=True)
    layer = Layer(volume(right=5.0, left=-4.0), scale, LEGEND)
    with canvas.style():
        assert paper_brains.mosaic((-20, 20, 22), layer) == drawn["mosaic"]
        assert paper_brains.glass(layer) == drawn["glass"]


def where(picture: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Rows and columns of the pixels of a colour."""
    return np.argwhere((picture == np.round(color * 255)).all(axis=-1))


def test_mosaic_shows_each_voxel_at_its_place(drawn) -> None:
    """The left is left, the front is up, and a cube of 10 mm is 10 mm of brain wide."""
    pixels = np.asarray(Image.open(io.BytesIO(drawn["mosaic"][1])))
    scale = Scale(3.09, 6.5, two_sided=True)
    x0, x1, _, y1 = brains.extent(2)
    per_mm = 277 / (x1 - x0)
    second = pixels[:, 277 : 2 * 277]
    for center, value in ((RIGHT, 5.0), (LEFT, -4.0)):
        spots = where(second, scale.colors(np.array(value)))
        height, width = np.ptp(spots, axis=0) + 1
        assert width == pytest.approx(10 * per_mm, abs=2)
        assert height == pytest.approx(10 * per_mm, abs=2)
        row, column = spots.mean(axis=0)
        assert column == pytest.approx((center[0] - x0) * per_mm, abs=2)
        assert row - 43 == pytest.approx((y1 - center[1]) * per_mm, abs=3)
    first = pixels[:, :277]
    assert not len(where(first, scale.colors(np.array(5.0)))), "nothing lies at z = -20"


def test_template_is_under_the_voxels_and_fades_into_paper() -> None:
    """Inside the brain it is grey, beyond it white."""
    points = np.array([[0.0, -20.0, 20.0], [0.0, 0.0, 200.0]])
    inside, outside = paper_brains.template(points)
    assert inside[0] == inside[1] == inside[2] < 1
    assert (outside == 1).all()


def test_projection_keeps_the_value_furthest_from_zero() -> None:
    """Against a loop over every line of sight; the sign stays."""
    rng = np.random.default_rng(1)
    low, high = brains.brain_box()
    shape = tuple((high - low + 1).astype(int))
    field = np.zeros(shape, dtype=np.float32)
    spots = rng.integers(0, shape, (400, 3))
    field[tuple(spots.T)] = rng.normal(0, 3, 400)
    scale = Scale(0, 5, two_sided=True)
    found = project(field, "z", scale)
    for i, j in {(i, j) for i, j, _ in spots}:
        line = field[i, j]
        assert found[i, j] == line[np.argmax(np.abs(line))]


@pytest.mark.parametrize(("view", "seen"), [("l", -4.0), ("r", 5.0)])
def test_views_from_a_side_show_their_hemisphere(view, seen) -> None:
    """What lies in the other one is not seen."""
    sampled = paper_brains._sampled(volume(right=5.0, left=-4.0))
    picture = project(sampled, view, Scale(0, 6, two_sided=True))
    assert set(np.unique(picture)) == {0.0, seen}


def test_one_sided_projection_ignores_negative_values() -> None:
    """A strong negative value does not hide a weak positive one."""
    field = np.zeros(paper_brains._sampled(volume()).shape, dtype=np.float32)
    field[90, 90, [40, 60]] = 2.0, -8.0
    assert project(field, "z", Scale(0, 5))[90, 90] == 2.0


def test_sampling_finds_every_voxel_of_an_oblique_grid() -> None:
    """Looking only where there is something changes nothing."""
    turn = np.deg2rad(30)
    affine = AFFINE.copy()
    affine[:2, :2] = 2 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    affine[:3, 3] = -60, -100, -60
    data = np.zeros((60, 60, 60), dtype=np.float32)
    data[[20, 40, 41], [30, 10, 11], [5, 50, 50]] = 1, 2, 3
    tilted = brains.Volume(data, affine)
    low, high = brains.brain_box()
    axes = [np.arange(start, end + 0.5) for start, end in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    expected = np.nan_to_num(tilted.at(points))
    np.testing.assert_array_equal(paper_brains._sampled(tilted), expected)
    assert set(np.unique(expected)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (Scale(3.09, 7.0), ["3.09", "4", "5", "6", "7"]),
        (Scale(0.0, 5.0, clipped=True), ["0", "1", "2", "3", "4", "≥ 5"]),
        (Scale(0.0, 12.0), ["0", "3", "6", "9", "12"]),
        (
            Scale(0.0, 4.0, two_sided=True, clipped=True),
            ["≤ −4", "−3", "−2", "−1", "0", "1", "2", "3", "≥ 4"],
        ),
    ],
)
def test_ticks_of_a_colour_bar(scale, expected) -> None:
    """Both ends and whole numbers between; values cut off are said to be."""
    assert [text for _, text in sorted(ticks(scale))] == expected


@pytest.mark.parametrize(
    ("low", "high", "two_sided"),
    list(itertools.product([0, 2.3, 3.09], [3.5, 6.5, 40.0], [True, False])),
)
def test_ticks_do_not_touch(low, high, two_sided) -> None:
    """Neighbours are at least a tenth of a side apart."""
    at = sorted(value for value, _ in ticks(Scale(low, high, two_sided)))
    gaps = [b - a for a, b in itertools.pairwise(at) if not (a < 0 < b)]
    assert min(gaps) > 0.1 * (high - low)


def test_fading_layers_let_weak_values_through() -> None:
    """At the threshold and above it the colour is full, at 0 there is none."""
    layer = Layer(volume(), Scale(0, 6), fade_below=3.0)
    under = np.full((4, 3), 0.5)
    values = np.array([0.0, 1.0, 3.0, 5.0])
    mixed = layer.over(values, under)
    colors = layer.scale.colors(values)
    np.testing.assert_array_equal(mixed[0], under[0])
    np.testing.assert_allclose(mixed[2:], colors[2:])
    share = (mixed[1] - under[1]) / (colors[1] - under[1])
    np.testing.assert_allclose(share, round((1 / 3) ** 1.5 * 16) / 16)
