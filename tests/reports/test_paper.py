"""Figures and tables for a paper, from a folder of derivatives: which, named how, drawn when."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.derivative_names import bids_path, parse_path
from nimare_pipeline.errors import UsageError
from nimare_pipeline.reports import html, paper, paper_files, sheet
from tests.reports.conftest import Small, writer_into

STEM = "tpl-MNI152NLin6Asym_cohort-{}_res-4_model-ALE_stat-z_desc-{}_statmap"
RESULT = ("clusterSizeFWEThresholdedMosaic", "clusterSizeFWEThresholdedGlass")
WHOLE = ("uncorrectedMosaic", "uncorrectedGlass")


@pytest.fixture(autouse=True, scope="module")
def coarse() -> Iterator[None]:
    """Pages of few pixels are drawn quickly; what a page looks like is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheet, "DPI", 30)
        yield


def scaled(pieces: Small, factor: float) -> Small:
    """The same with other values of z."""
    maps = {**pieces.result.maps, "z": pieces.result.maps["z"] * factor}
    return replace(pieces, result=replace(pieces.result, maps=maps))


@pytest.fixture(scope="module")
def original(small: Small, coarse: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two analyses whose z differ, and one where nothing is significant; figures are drawn."""
    folder = tmp_path_factory.mktemp("paper")
    write = writer_into(folder)
    write(small, "pain")
    write(scaled(small, 2.0), "touch")
    none = replace(
        small.clusters,
        clusters=small.clusters.clusters.iloc[:0],
        label_map=np.zeros_like(small.clusters.label_map),
    )
    output = write(replace(small, clusters=none), "nothing")
    paper.write_paper_figures(output)
    return output


@pytest.fixture
def output(original: Path, tmp_path: Path) -> Path:
    """A folder of its own for each test, with figures."""
    return shutil.copytree(original, tmp_path / "results")


@pytest.fixture
def bare(output: Path) -> Path:
    """The same without figures."""
    shutil.rmtree(output / "figures")
    return output


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sources of the figures that were drawn and not left as they were."""
    names: list[str] = []
    draw = paper_files.PaperFigure.draw

    def noting(figure: paper_files.PaperFigure) -> tuple[bytes, bytes]:
        names.append(parse_path(figure.source)["cohort"])
        return draw(figure)

    monkeypatch.setattr(paper_files.PaperFigure, "draw", noting)
    return names


def sidecar(output: Path, name: str, desc: str) -> dict[str, Any]:
    """What stands beside a figure."""
    path = output / "figures" / f"{STEM.format(name, desc)}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def ranges(output: Path, desc: str, names: tuple[str, ...] = ("pain", "touch")) -> list[Any]:
    return [sidecar(output, name, desc)["ColorRange"] for name in names]


def test_every_map_has_every_figure(bare: Path) -> None:
    """Result and whole map, mosaic and glass brain, SVG and PNG; and two pages of tables."""
    files = paper.write_paper_figures(bare, analyses=["pain"])
    assert list(files) == ["pain"]
    names = {path.name for path in files["pain"]}
    figures = {
        f"{STEM.format('pain', desc)}{e}" for desc in RESULT + WHOLE for e in (".svg", ".png")
    }
    stem = "tpl-MNI152NLin6Asym_cohort-pain"
    pages = {f"{stem}_model-ALE_desc-clusterSizeFWE_clusters.html", f"{stem}_contrasts.html"}
    assert names == figures | pages
    assert all(path.is_file() for path in files["pain"])
    assert not list(bare.glob("figures/*cohort-touch*"))


def test_names_go_through_pybids_and_back(output: Path) -> None:
    """Each new file has a name that says what it is, and is read as such."""
    files = paper.write_paper_figures(output, analyses=["pain"])["pain"]
    for path in files:
        entities = parse_path(path.relative_to(output))
        assert bids_path(entities) == path.relative_to(output).as_posix()
    read = {record.name: record for record in derivatives.read(output).analyses}
    assert set(read["pain"].paper_figures) == {
        f"{source}_{view}{extension}"
        for source in ("result", "z")
        for view in ("mosaic", "glass")
        for extension in (".svg", ".png")
    }
    assert read["pain"].figures == {}
    assert read["pain"].result_map.suffix == ".gz"


def test_nothing_significant_has_figures_of_the_whole_map(output: Path) -> None:
    """No empty figure and no empty table; the legend says that nothing is significant."""
    files = paper.write_paper_figures(output, analyses=["nothing"])["nothing"]
    descs = {parse_path(path.relative_to(output)).get("desc") for path in files}
    assert descs == {*WHOLE, None}
    assert not [path for path in files if path.name.endswith("_clusters.html")]
    assert not list(output.glob("figures/*cohort-nothing*Thresholded*"))
    legend = sidecar(output, "nothing", WHOLE[0])["Description"]
    assert "Nothing is significant, cluster-size FWE p < .05" in legend


def test_ranges_are_those_of_each_analysis(output: Path) -> None:
    """From the lowest significant z to the next half above the highest; from 0 for whole maps."""
    lows = []
    for name in ("pain", "touch"):
        (path,) = output.glob(f"tpl-*/cohort-{name}/*Thresholded_statmap.nii.gz")
        z = nib.load(path).get_fdata()
        lows.append(np.floor(z[z > 0].min() * 100) / 100)
    assert ranges(output, RESULT[0]) == [[lows[0], 6.0], [lows[1], 12.0]]
    assert ranges(output, WHOLE[1]) == [[0.0, 6.0], [0.0, 12.0]]


def test_common_range_is_one_for_all(output: Path) -> None:
    """The same colours and the same slices, of all analyses in the folder."""
    paper.write_paper_figures(output, common_range=True)
    result, other = ranges(output, RESULT[0])
    assert result == other
    assert result[1] == 12.0
    names = ("pain", "touch", "nothing")
    assert ranges(output, WHOLE[0], names) == [[0.0, 12.0]] * 3
    slices = [sidecar(output, name, WHOLE[0])["Slices"] for name in names]
    assert slices[0] == slices[1] == slices[2]


def test_z_max_ends_the_scale_and_is_said(output: Path) -> None:
    """Values beyond it are said to have the last colour, where there are any."""
    paper.write_paper_figures(output, z_max=7)
    assert [high for _, high in ranges(output, WHOLE[0])] == [7, 7]
    assert "Beyond 7" not in sidecar(output, "pain", RESULT[0])["Description"]
    assert "Beyond 7, all values" in sidecar(output, "touch", RESULT[0])["Description"]


def test_legend_is_in_the_sidecar(output: Path) -> None:
    """What the figure says, to be pasted: analysis, threshold, space."""
    known = sidecar(output, "pain", RESULT[0])
    assert known["Description"] == (
        "pain: uncorrected z (one-tailed) where significant, cluster-size FWE p < .05 (clusters "
        "formed at p < .001, 99 Monte Carlo iterations). Axial slices at z in mm, MNI space "
        "(MNI152NLin6Asym); left is left."
    )
    source = known["Sources"][0].removeprefix("bids::")
    assert (output / source).is_file()
    assert "Outlined: significant" in sidecar(output, "pain", WHOLE[0])["Description"]


def test_negative_values_make_a_two_sided_scale(small: Small, tmp_path: Path) -> None:
    """Significant negative values are drawn, and the scale is the same on both sides."""
    output = writer_into(tmp_path)(scaled(small, -1.0), "less")
    paper.write_paper_figures(output)
    known = sidecar(output, "less", RESULT[0])
    assert known["TwoSided"]
    assert known["ColorRange"][1] == 6.0
    assert "−6" in (output / "figures" / f"{STEM.format('less', RESULT[0])}.svg").read_text()


def test_negative_values_of_one_tail_are_not_drawn(small: Small, tmp_path: Path) -> None:
    """What is not significant does not make a scale two-sided, however negative."""
    z = np.where(small.clusters.label_map > 0, small.result.maps["z"], -9.0)
    maps = {**small.result.maps, "z": z}
    output = writer_into(tmp_path)(replace(small, result=replace(small.result, maps=maps)))
    paper.write_paper_figures(output)
    known = sidecar(output, "pain", WHOLE[0])
    assert not known["TwoSided"]
    assert known["ColorRange"] == [0.0, 6.0]


def test_second_time_nothing_is_drawn(output: Path, drawn: list[str]) -> None:
    """A figure that would come out the same stays as it is, and is named all the same."""
    again = paper.write_paper_figures(output)
    assert drawn == []
    assert [len(again[name]) for name in ("nothing", "pain", "touch")] == [5, 10, 10]


def damage_svg(path: Path) -> None:
    path.with_suffix(".svg").write_bytes(b"<svg/>")


def remove_png(path: Path) -> None:
    path.with_suffix(".png").unlink()


def damage_json(path: Path) -> None:
    path.write_bytes(b"{")


@pytest.mark.parametrize("harm", [damage_svg, remove_png, damage_json])
def test_damaged_figure_is_drawn_again(
    output: Path, drawn: list[str], harm: Callable[[Path], None]
) -> None:
    """What is not as it was written is written again, to the same bytes."""
    files = paper.write_paper_figures(output, analyses=["pain"])["pain"]
    before = [path.read_bytes() for path in files]
    harm(output / "figures" / f"{STEM.format('pain', RESULT[1])}.json")
    paper.write_paper_figures(output, analyses=["pain"])
    assert drawn == ["pain"]
    assert [path.read_bytes() for path in files] == before


def test_analysis_run_again_redraws_the_common_range(
    small: Small, original: Path, tmp_path: Path, drawn: list[str]
) -> None:
    """After another analysis has changed, the figures of all have its range too."""
    shutil.copytree(original.parent, tmp_path / "again")
    output = tmp_path / "again" / "out"
    paper.write_paper_figures(output, common_range=True)
    drawn.clear()
    writer_into(tmp_path / "again")(scaled(small, 3.0), "touch")
    assert not list(output.glob("figures/*cohort-touch*statmap*")), "they were of the old one"
    paper.write_paper_figures(output, common_range=True)
    assert sorted(set(drawn)) == ["nothing", "pain", "touch"]
    assert ranges(output, WHOLE[0], ("pain", "touch", "nothing")) == [[0.0, 18.0]] * 3


def test_analysis_run_again_leaves_the_others(
    small: Small, original: Path, tmp_path: Path, drawn: list[str]
) -> None:
    """Each with its own range: only the one that changed is drawn."""
    shutil.copytree(original.parent, tmp_path / "again")
    output = tmp_path / "again" / "out"
    writer_into(tmp_path / "again")(scaled(small, 3.0), "touch")
    paper.write_paper_figures(output)
    assert set(drawn) == {"touch"}


def test_other_range_is_said(output: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Figures that were not asked for keep their colours, and a warning says which."""
    paper.write_paper_figures(output, analyses=["pain", "nothing"])
    assert caplog.messages == [], "each has its own, as before"
    paper.write_paper_figures(output, analyses=["TOUCH"], common_range=True)
    assert caplog.messages == [
        "the figures of nothing stay, with colours up to z = 6",
        "the figures of pain stay, with colours up to z = 6",
    ]


def test_unknown_analysis_is_named(output: Path) -> None:
    """The message says which analyses there are."""
    with pytest.raises(UsageError) as raised:
        paper.write_paper_figures(output, analyses=["pian"])
    assert str(raised.value) == (
        "there is no analysis 'pian' in the folder; there are: nothing, pain, touch"
    )


def test_damaged_map_costs_only_its_analysis(
    output: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are drawn; a warning says what is missing, and the tables are there."""
    (path,) = output.glob("tpl-*/cohort-pain/*_stat-z_statmap.nii.gz")
    path.write_bytes(path.read_bytes()[:100])
    files = paper.write_paper_figures(output)
    assert {path.suffix for path in files["pain"]} == {".html"}
    assert {path.suffix for path in files["touch"]} == {".svg", ".png", ".html"}
    assert any(m.startswith("no figures of pain for a paper: ") for m in caplog.messages)


def test_missing_map_costs_only_its_analysis(
    output: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder without a map of z is no reason to fail."""
    (path,) = output.glob("tpl-*/cohort-pain/*_stat-z_statmap.nii.gz")
    path.unlink()
    assert {p.suffix for p in paper.write_paper_figures(output)["pain"]} == {".html"}
    assert caplog.messages == ["no figures of pain for a paper: there is no uncorrected map of z"]


def test_empty_folder_has_no_figures(tmp_path: Path) -> None:
    """No analysis, no figure, no error."""
    assert paper.write_paper_figures(tmp_path, common_range=True) == {}


@pytest.mark.parametrize(
    ("low", "high"), [(-44, 66), (10, 10), (-60, 78), (3, 21), (70, 78), (-90, 90)]
)
def test_cuts_cover_what_is_significant(low: int, high: int) -> None:
    """Even heights, evenly spaced, at least 4 mm apart, from the lowest voxel to the highest."""
    cuts = np.array(paper.cuts(low, high))
    assert len(cuts) == paper.N_CUTS
    assert (cuts % 2 == 0).all()
    assert len(set(np.diff(cuts))) == 1
    assert np.diff(cuts)[0] >= 4
    assert cuts[0] <= low <= high <= cuts[-1]


def test_report_links_to_figures_and_embeds_none(output: Path) -> None:
    """The section Files leads to each of them, in words; the page holds none of their bytes."""
    files = paper.write_paper_figures(output)
    page = html.write_report(output).read_text(encoding="utf-8")
    for paths in files.values():
        for path in paths:
            assert f'href="{path.relative_to(output).as_posix()}"' in page
    assert "z inside the significant clusters, axial slices" in page
    assert "to paste" in page
    assert "<img" not in page
