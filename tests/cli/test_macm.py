"""Coactivation with a region from the command line and from an analysis file."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.cli.database import Shelf
from nimare_pipeline.cli.model import with_model
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.plan import plan
from nimare_pipeline.cli.regions import named
from nimare_pipeline.errors import UsageError
from nimare_pipeline.io import read
from nimare_pipeline.settings import Analysis
from tests.cli.program import EXAMPLE, undrawn

INSULA = ("--sphere", "-38", "4", "2", "12")
AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])


@pytest.fixture
def folder(tmp_path) -> Path:
    """The example, and masks: of the insula, empty, beside the brain."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "pain.json").write_bytes((EXAMPLE / "pain.json").read_bytes())
    for name, box in (
        ("insula", np.s_[60:68, 60:70, 32:42]),
        ("empty", np.s_[0:0, 0:0, 0:0]),
        ("beside", np.s_[0:2, 0:2, 0:2]),
        ("csf", np.s_[44:46, 70:71, 40:41]),
    ):
        volume = np.zeros((91, 109, 91), dtype=np.uint8)
        volume[box] = 1
        nib.save(nib.Nifti1Image(volume, AFFINE), folder / f"{name}.nii.gz")
    return folder


def test_plan_of_a_sphere(folder, tmp_path, here) -> None:
    """A dry run says region and numbers; an analysis is named by its source and its region."""
    ended = here(folder, tmp_path / "out", "meta", *INSULA, "--dry-run")
    assert ended.code == 0
    assert "analysis painSphereXm38Y4Z2R12\n" in ended.out
    assert "  region     12 mm around -38, 4, 2\n" in ended.out
    assert "  contrasts  3 of 3 studies, 18 without a focus in the region\n" in ended.out


def test_plan_of_a_mask(folder, tmp_path, here, monkeypatch) -> None:
    """A mask is found in the current folder, else in the input folder."""
    words = (folder, tmp_path / "out", "meta", "--roi", "insula.nii.gz", "--dry-run")
    ended = here(*words)
    assert ended.code == 0, ended.line
    assert "analysis painInsula\n" in ended.out
    assert "  region     insula.nii.gz\n" in ended.out
    (tmp_path / "insula.nii.gz").write_bytes((folder / "csf.nii.gz").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert here(*words).code == 18


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("--sphere", "0", "0", "0", "0"),
            64,
            "--sphere: the radius is 0, and must be above 0 mm",
        ),
        (("--sphere", "0", "0", "0"), 64, "--sphere: expected 4 arguments"),
        (("--sphere", "0", "0", "x", "1"), 64, "--sphere: 'x' is not a number in mm"),
        (("--sphere", "0", "0", "nan", "1"), 64, "--sphere: 'nan' is not a number in mm"),
        ((*INSULA, "--roi", "insula.nii.gz"), 64, "--roi: not allowed with argument --sphere"),
        (
            (*INSULA, "--group", "a=n_foci > 1"),
            64,
            "--sphere chooses one group of contrasts; --group compares two",
        ),
        (
            ("--sphere", "100", "0", "0", "5"),
            64,
            "a sphere of 5 mm around (100, 0, 0) lies outside the mask (MNI152NLin6Asym, 2 mm)",
        ),
        (
            ("--sphere", "0", "16", "8", "1"),
            18,
            "none of the 21 contrasts that are searched has a focus in a sphere of 1 mm around",
        ),
        (("--roi", "csf.nii.gz"), 18, "has a focus in the region csf.nii.gz; the nearest focus"),
        (("--roi", "empty.nii.gz"), 65, "mask empty.nii.gz is empty: no voxel differs from 0"),
        (("--roi", "beside.nii.gz"), 65, "the region beside.nii.gz lies outside the mask"),
        (("--roi", "none.nii.gz"), 66, "there is no region file none.nii.gz in "),
        (("--roi", "pain.json"), 65, "pain.json cannot be read as an image"),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_bad_regions(folder, tmp_path, here, words, code, message) -> None:
    """One clear error each, with its exit code, before anything is computed."""
    ended = here(folder, tmp_path / "out", "meta", *words, "--dry-run")
    assert message in ended.line
    assert ended.code == code


def test_file_names_its_regions(folder, tmp_path, here) -> None:
    """``--roi`` and ``--sphere`` have no meaning with an analysis file."""
    (folder / "analyses.toml").write_text('[[analysis]]\nname = "a"\n')
    ended = here(folder, tmp_path / "out", "meta", *INSULA, "--dry-run")
    assert ended.code == 64
    assert "--sphere has no meaning with the analysis file" in ended.line


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"roi": "dir/my roi.nii.gz"}, "painMyRoi"),
        ({"sphere": [-1.5, 0, 20, 6]}, "painSphereXm1p5Y0Z20R6"),
        ({"sphere": [1.5, 0, 20, 6]}, "painSphereX1p5Y0Z20R6"),
        ({}, "my pain"),
    ],
)
def test_names(options, name) -> None:
    """Each region has a name of its own, left is not right; without one it is the source's."""
    source = "pain" if options else "my pain"
    assert named(Analysis("", options=options), source) == name


def test_several_sources_have_names_of_their_own(folder) -> None:
    """One analysis a source, or one of all of them; ``--name`` wins."""
    (folder / "b.txt").write_text("//Reference=MNI\n//Ada 2001: b\n//Subjects=12\n-38 4 2\n")
    (folder / "pain.json").rename(folder / "c.json")
    (folder / "c.json").unlink()
    (folder / "a.txt").write_text("//Reference=MNI\n//Bell 2001: a\n//Subjects=12\n-38 4 2\n")
    names = [one.analysis.name for one in plan(parse([str(folder), "out", "meta", *INSULA]))]
    assert names == ["aSphereXm38Y4Z2R12", "bSphereXm38Y4Z2R12"]
    (one,) = plan(parse([str(folder), "out", "meta", *INSULA, "--merge"]))
    assert one.analysis.name == "allSphereXm38Y4Z2R12"
    assert len(one.cohort.dataset.ids) == 2


class TestDatabase:
    """Key ``database`` of an analysis file."""

    @pytest.fixture
    def paths(self, folder, tmp_path) -> tuple[Path, Path]:
        """Input folder with one study, and the example as a database elsewhere."""
        own = tmp_path / "own"
        own.mkdir()
        study = "//Reference=MNI\n//Ada 2001: own\n//Subjects=12\n-38 4 2\n"
        (own / "own.txt").write_text(study)
        model = tmp_path / "m.toml"
        model.write_text(
            "[[analysis]]\nname = 'own'\n"
            "[[analysis]]\nname = 'seed'\ntype = 'macm'\nsphere = [-38, 4, 2, 12]\n"
            "database = 'in/pain.json'\n"
            "[[analysis]]\nname = 'again'\ntype = 'macm'\nsphere = [-38, 4, 2, 12]\n"
            "database = 'in'\nsources = ['pain*']\n"
            "[[analysis]]\nname = 'none'\ntype = 'macm'\nsphere = [-38, 4, 2, 12]\n"
        )
        return own, model

    def test_is_searched(self, paths) -> None:
        """A file or folder is read like the input; without the key, the input is searched."""
        own, model = paths
        found = plan(with_model(parse([str(own), "out", "meta", "--model", str(model)])))
        sizes = {one.analysis.name: len(one.dataset.ids) for one in found}
        assert sizes == {"own": 1, "seed": 21, "again": 21, "none": 1}
        assert [len(one.cohort.dataset.ids) for one in found] == [1, 3, 3, 1]
        assert found[1].analysis.sources == ("pain.json",)

    def test_is_read_once(self, paths, caplog) -> None:
        """However many analyses search it."""
        own, model = paths
        caplog.set_level("INFO", "nimare_pipeline")
        model.write_text(model.read_text().replace("'in/pain.json'", "'in'"))
        plan(with_model(parse([str(own), "out", "meta", "--model", str(model)])))
        assert caplog.text.count("reading the database") == 1

    def test_inside_the_input(self, folder, caplog) -> None:
        """A database inside the input folder is no part of the input, and no rival of it."""
        caplog.set_level("INFO", "nimare_pipeline")
        (folder / "base").mkdir()
        (folder / "pain.json").rename(folder / "base" / "pain.json")
        study = "//Reference=MNI\n//Ada 2001: own\n//Subjects=12\n-38 4 2\n"
        (folder / "own.txt").write_text(study)
        seed = "[[analysis]]\nname = 'seed'\ntype = 'macm'\nsphere = [-38, 4, 2, 12]\n"
        seed += "database = 'base'\n"
        (folder / "analyses.toml").write_text(f"[[analysis]]\nname = 'own'\n{seed}")
        found = plan(with_model(parse([str(folder), "out", "meta"])))
        assert [len(one.dataset.ids) for one in found] == [1, 21]
        assert "no known format" in caplog.text
        assert "pain.json" not in caplog.text
        caplog.clear()
        (folder / "analyses.toml").write_text(seed)
        (one,) = plan(with_model(parse([str(folder), "out", "meta"])))
        assert len(one.dataset.ids) == 21
        assert f"reading {folder}" not in caplog.text

    def test_is_the_input(self, folder) -> None:
        """A database that is the input folder itself is read as such."""
        (folder / "analyses.toml").write_text(
            "[[analysis]]\nname = 'own'\n[[analysis]]\nname = 'seed'\ntype = 'macm'\n"
            "sphere = [-38, 4, 2, 12]\ndatabase = '.'\n"
        )
        found = plan(with_model(parse([str(folder), "out", "meta"])))
        assert found[0].dataset is found[1].dataset

    def test_pair_adds_it_to_the_input(self, paths) -> None:
        """Two groups are compared across both."""
        own, model = paths
        analysis = Analysis(
            "p", type="pair", folders=(str(model.parent),), options={"database": "in/pain.json"}
        )
        sources = read(own)
        settings = parse([str(own), "out", "meta"]).settings
        found = Shelf(settings, sources, lambda source: None).of(analysis)
        assert [source.name for source in found] == ["own", "pain"]

    def test_that_is_not_there(self, paths, tmp_path, here) -> None:
        """That analysis alone fails, with where it was looked for."""
        own, model = paths
        model.write_text(model.read_text().replace("in/pain.json", "in/pian.json"))
        ended = here(own, tmp_path / "out", "meta", "--model", model, "--dry-run")
        assert ended.code == 3
        assert "1 of 4 analyses cannot be done: seed: there is no database pian.json in " in (
            ended.line
        )


def test_run_leaves_the_region_everywhere(folder, tmp_path, here) -> None:
    """One run: record, report with figure and caution, methods text with its references."""
    out = tmp_path / "out"
    words = (*INSULA, "--name", "insula", "--method", "holm", "--mask", folder / "box.nii.gz")
    volume = np.zeros((91, 109, 91), dtype=np.uint8)
    volume[50:75, 55:75, 28:48] = 1
    nib.save(nib.Nifti1Image(volume, AFFINE), folder / "box.nii.gz")
    ended = here(folder, out, "meta", *words)
    assert ended.code == 0, ended.err
    (path,) = out.glob("tpl-*/cohort-insula/*_analysis.json")
    region = json.loads(path.read_text())["Facts"]["region"]
    assert (region["n_searched"], region["n_contrasts"], region["n_foci"]) == (21, 3, 3)
    text = (out / "report.html").read_text()
    assert "could not be made" not in text
    assert "<h3>Region</h3>" in text
    assert 'alt="The region and the foci in it"' in text
    assert "The region itself converges by construction" in text
    citation = (out / "logs" / "CITATION.md").read_text()
    assert "modelling (MACM) [@robinson2010]: of 21 experiments searched, 3 reported 3" in citation
    assert "`@langner2014` Langner R" in citation
    with undrawn():
        ended = here(folder, out, "meta", *words)
    assert "analysis insula is up to date\n" in ended.err


@pytest.mark.usefixtures("undrawn")
def test_region_that_changes_is_computed_again(folder, tmp_path, here) -> None:
    """Another file under the same name, also if the same contrasts have a focus in it."""
    out = tmp_path / "out"
    volume = np.zeros((91, 109, 91), dtype=np.uint8)
    volume[50:75, 55:75, 28:48] = 1
    nib.save(nib.Nifti1Image(volume, AFFINE), folder / "box.nii.gz")
    words = ("--roi", folder / "insula.nii.gz", "--name", "a", "--method", "holm")
    words = (*words, "--mask", folder / "box.nii.gz")
    assert here(folder, out, "meta", *words).code == 0
    roi = nib.load(folder / "insula.nii.gz")
    larger = np.asanyarray(roi.dataobj).copy()
    larger[0, 0, 0] = 1
    nib.save(nib.Nifti1Image(larger, AFFINE), folder / "insula.nii.gz")
    ended = here(folder, out, "meta", *words, "--dry-run")
    assert "analysis a is computed again: the region is another\n" in ended.err


def test_negative_radius_of_the_parser() -> None:
    """The parser itself refuses a sphere without extent."""
    with pytest.raises(UsageError, match="the radius is -3, and must be above 0 mm"):
        parse(["in", "out", "meta", "--sphere", "0", "0", "0", "-3"])
