"""Foci that are peaks of images, from the command line and from an analysis file."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.cli.model import with_model
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.foci_policy import completed
from nimare_pipeline.io import read
from nimare_pipeline.spaces import analysis_mask
from nimare_pipeline.transforms import ImagesToCoordinates
from tests.cli.program import Ended, call_inside, undrawn
from tests.images import write_studies

Here = Callable[..., Ended]
FILE = """\
[run]
mask = "../box.nii.gz"

[defaults]
corrector = {type = "FDRCorrector"}

[[analysis]]
name = "images"
type = "ibma"
estimator = {type = "DerSimonianLaird"}

[[analysis]]
name = "peaks"
foci_from_images = {merge = "replace", z_threshold = 2.5, cluster_threshold = 5}

[[analysis]]
name = "spheres"
estimator = {type = "MKDADensity"}
foci_from_images = {merge = "replace", z_threshold = 2.5, cluster_threshold = 5}

[[analysis]]
name = "both"
type = "conjunction"
of = ["images", "peaks"]
level = "uncorrected"
"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Ended]:
    """Folder, results and end of one run of images, their peaks, and the conjunction."""
    studies = write_studies(tmp_path_factory.mktemp("compared"))
    (studies / "analyses.toml").write_text(FILE)
    out = studies.parent / "out"
    with undrawn():
        ended = call_inside(studies, out, "meta")
    return studies, out, ended


def table_of(out: Path, cohort: str, suffix: str) -> pd.DataFrame:
    path = next(out.glob(f"tpl-*/cohort-{cohort}/*_{suffix}.tsv"))
    return pd.read_csv(path, sep="\t", dtype={"id": str})


def test_foci_are_those_of_the_class(compared: tuple[Path, Path, Ended]) -> None:
    """The table of foci has what ImagesToCoordinates makes of the same images and mask."""
    studies, out, ended = compared
    assert ended.code == 0, ended.err
    (source,) = read(studies, known={str(studies / "analyses.toml")})
    mask, _ = analysis_mask(studies.parent / "box.nii.gz", "mni152_2mm")
    dataset = source.dataset.from_tables(source.dataset.tables, mask, source.dataset.space)
    dataset.update_path(studies)
    expected = ImagesToCoordinates("replace", 5, z_threshold=2.5).transform(dataset).coordinates
    found = table_of(out, "peaks", "coordinates")
    assert found["id"].tolist() == expected["id"].tolist()
    np.testing.assert_array_equal(found[["x", "y", "z"]], expected[["x", "y", "z"]])
    assert set(table_of(out, "peaks", "contrasts")["coordinate_source"]) == {"image"}


def test_images_are_read_once_for_all_analyses(compared: tuple[Path, Path, Ended]) -> None:
    """Two analyses of the same peaks share them."""
    said = compared[2].err
    assert said.count("reading images: foci are peaks of the z images (z > 2.5") == 1
    assert "foci of the images of 8 contrasts (replace)" in said


def test_report_says_where_foci_are_from(compared: tuple[Path, Path, Ended]) -> None:
    """The methods text has a sentence of it for the analysis of peaks, and for no other."""
    text = next(compared[1].glob("logs/CITATION.md")).read_text()
    sentence = (
        "The foci of 8 experiments are peaks of the z images (z > 2.5, clusters of at least 5 "
        "voxels, 8 mm apart)."
    )
    assert text.count(sentence) == 2  # peaks and spheres


def test_conjunction_knows_images_and_peaks(compared: tuple[Path, Path, Ended]) -> None:
    """A contrast of both has its images and its foci, as many as the analysis of peaks has."""
    both, peaks = (table_of(compared[1], name, "contrasts") for name in ("both", "peaks"))
    assert both["n_foci"].tolist() == peaks["n_foci"].tolist()
    assert set(both["coordinate_source"]) == {"image"}
    assert set(both["images"]) == {"beta, varcope"}


def test_nothing_is_computed_again(compared: tuple[Path, Path, Ended], here: Here) -> None:
    """What is there is up to date as long as images and options are what they were."""
    studies, out, _ = compared
    assert here(studies, out, "meta", "--dry-run").out.count("up to date") == 4
    weaker = FILE.replace("z_threshold = 2.5, cluster_threshold = 5}", "z_threshold = 2.6}", 1)
    other = studies.parent / "other.toml"
    other.write_text(weaker.replace("../box", "box"))
    said = here(studies, out, "meta", "--dry-run", "--model", other, "--analysis", "peaks").out
    assert "analysis peaks" in said
    assert "up to date" not in said


def test_another_image_is_another_result(tmp_path: Path, here: Here, undrawn: None) -> None:
    """An image that was replaced gives other foci, so that the analysis is computed again."""
    studies = write_studies(tmp_path, n_studies=4, kinds=("z",))
    run = (studies, tmp_path / "out", "meta", *quick(tmp_path))
    assert here(*run).code == 0
    assert "up to date" in here(*run, "--dry-run").out
    first, second = (studies / f"study-0{n}_stat-z_statmap.nii.gz" for n in (1, 2))
    flipped = nib.load(first)
    nib.save(nib.Nifti1Image(flipped.get_fdata() + 0.2, flipped.affine), second)
    assert "up to date" not in here(*run, "--dry-run").out


def quick(folder: Path, policy: str = "replace") -> tuple[object, ...]:
    """Options of an analysis of peaks that is corrected at once, in the small mask."""
    mask = folder / "box.nii.gz"
    return ("--foci-from-images", policy, "--method", "indep", "--mask", mask)


def test_dry_run_counts_foci(tmp_path: Path, here: Here) -> None:
    """Without foci in the data there is an analysis of foci all the same."""
    studies = write_studies(tmp_path, n_studies=4)
    ended = here(studies, tmp_path / "out", "meta", *quick(tmp_path), "--dry-run")
    assert ended.code == 0, ended.err
    assert "estimator  ALE" in ended.out
    assert "contrasts  4 of 4 studies" in ended.out


def test_refused_images_and_flat_images(tmp_path: Path, here: Here, undrawn: None) -> None:
    """A contrast without usable image or without peak is left out with its reason, others not."""
    studies = write_studies(tmp_path, n_studies=4, kinds=("z",))
    broken, flat = (studies / f"study-0{n}_stat-z_statmap.nii.gz" for n in (1, 2))
    broken.write_bytes(b"no image")
    weak = nib.load(flat)
    nib.save(nib.Nifti1Image(weak.get_fdata() * 0.1, weak.affine), flat)
    out = tmp_path / "out"
    ended = here(studies, out, "meta", *quick(tmp_path))
    assert ended.code == 0, ended.err
    (folder,) = out.glob("tpl-*/cohort-*")
    table = table_of(out, folder.name.removeprefix("cohort-"), "contrasts")
    assert table["reason"].tolist()[:2] == [
        "no foci, and no image that gives any",
        "no peak above the threshold in its image",
    ]
    assert table["included"].tolist() == [False, False, True, True]
    assert "study-01_stat-z_statmap.nii.gz, study 01, contrast 1, z image" in ended.err
    assert "its image gives no foci: " in ended.err
    said = table_of(out, folder.name.removeprefix("cohort-"), "problems")
    assert said["message"].str.contains("its image gives no foci").any()


def test_strict(tmp_path: Path, here: Here) -> None:
    """With --strict an image that is refused ends the run, before anything is computed."""
    studies = write_studies(tmp_path, n_studies=4, kinds=("z",))
    (studies / "study-01_stat-z_statmap.nii.gz").write_bytes(b"no image")
    ended = here(studies, tmp_path / "out", "meta", *quick(tmp_path), "--strict")
    assert ended.code == 65
    assert "its image gives no foci" in ended.err


def with_foci(studies: Path) -> None:
    """Give the first study a focus of its own."""
    foci = "study_id\tcontrast_id\tx\ty\tz\tspace\n01\t1\t0\t20\t50\tMNI\n"
    table = studies / "contrasts.tsv"
    table.write_text(table.read_text().replace("study-01\t", "01\t", 1))
    (studies / "coordinates.tsv").write_text(foci)


@pytest.mark.parametrize(
    ("policy", "source"), [("fill", "original"), ("replace", "image"), ("demolish", "image")]
)
def test_policies(tmp_path: Path, here: Here, policy: str, source: str) -> None:
    """Foci that are there stay with fill alone."""
    studies = write_studies(tmp_path, n_studies=4, kinds=("z",))
    with_foci(studies)
    target = tmp_path / "made.csv"
    ended = here("convert", studies, target, "--foci-from-images", policy)
    assert ended.code == 0, ended.err
    table = pd.read_csv(target, dtype={"study_id": str})
    first = table[table["study_id"].str.endswith("01")]
    assert set(first["coordinate_source"]) == {source}
    assert ((first[["x", "y", "z"]] == [0, 20, 50]).all(axis=1).any()) == (policy == "fill")


def test_no_images(tmp_path: Path, here: Here) -> None:
    """Where there is no image the analysis fails with that reason."""
    (tmp_path / "a.txt").write_text("//Reference=MNI\n//Ada 2001: pain\n//Subjects=12\n1 2 3\n")
    ended = here(tmp_path, tmp_path / "out", "meta", "--foci-from-images", "fill", "--dry-run")
    assert "no contrast has a z image, nor images that z can be made from" in ended.out
    assert ended.code != 0


def test_analysis_of_images(tmp_path: Path, here: Here) -> None:
    """An estimator of images has no use for it."""
    words = ("--estimator", "Stouffers", "--foci-from-images", "fill")
    ended = here(tmp_path, tmp_path / "out", "meta", *words)
    assert ended.code == 64
    assert "--foci-from-images: Stouffers analyses the images themselves" in ended.err


def test_policy_of_the_command_line(tmp_path: Path) -> None:
    """Over a file it replaces the policy, leaves which peaks they are, and concerns foci only."""
    (tmp_path / "analyses.toml").write_text(FILE)
    request = with_model(parse([str(tmp_path), "out", "meta", "--foci-from-images", "demolish"]))
    images, peaks, *_ = request.analyses
    assert images.options == {}
    assert peaks.options["foci_from_images"] == {
        **completed({"merge": "demolish", "z_threshold": 2.5, "cluster_threshold": 5})
    }
    assert "--foci-from-images does not concern analysis images" in request.notes


def test_foci_that_stay_are_as_they_were(tmp_path: Path, here: Here) -> None:
    """A Talairach focus keeps its space and digits beside foci that are peaks of images."""
    studies = write_studies(tmp_path, n_studies=3, kinds=("z",))
    foci = "study_id\tcontrast_id\tx\ty\tz\tspace\n01\t1\t0.125\t20\t50\tTAL\n"
    (studies / "coordinates.tsv").write_text(foci)
    table = studies / "contrasts.tsv"
    table.write_text(table.read_text().replace("study-01\t", "01\t", 1))
    target = tmp_path / "made.csv"
    ended = here("convert", studies, target, "--foci-from-images", "fill", "--json")
    assert ended.code == 0, ended.out
    found = pd.read_csv(target, dtype={"study_id": str})
    kept = found[found["coordinate_source"] == "original"]
    assert kept[["x", "y", "z", "space"]].to_numpy().tolist() == [[0.125, 20, 50, "TAL"]]
    (written,) = json.loads(ended.out)["written"]
    assert "peaks of the z images (z > 3.1, clusters of at least 10 voxels, 8 mm apart)" in str(
        written["notes"]
    )
