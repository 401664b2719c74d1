"""Image-based meta-analyses from the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.io import read
from nimare_pipeline.meta import ibma
from nimare_pipeline.spaces import analysis_mask
from tests.cli.program import Ended, call_inside, contents, undrawn
from tests.images import write_studies

INDEP = ("--method", "indep")
Here = Callable[..., Ended]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_studies(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="module")
def flipped(studies: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """One run of PermutedOLS, for all tests that only look at what it left."""
    out = tmp_path_factory.mktemp("flipped") / "out"
    mask = studies.parent / "box.nii.gz"
    with undrawn():
        ended = call_inside(
            studies, out, "meta", "--estimator", "PermutedOLS", "--n-iters", 1000, "--mask", mask
        )
    return out, ended


def maps_of(out: Path) -> dict[str, nib.Nifti1Image]:
    """Images of an analysis by what their names say after the model."""
    return {
        path.name.split("_model-")[1].removesuffix("_statmap.nii.gz"): nib.load(path)
        for path in out.glob("tpl-*/cohort-*/*_statmap.nii.gz")
    }


def record_of(out: Path) -> dict:
    return json.loads(next(out.glob("tpl-*/cohort-*/*_analysis.json")).read_text())


def copy_over(folder: Path, kind: str) -> None:
    """Put the image of the first study in the place of the second's."""
    first, second = (folder / f"study-0{n}_stat-{kind}_statmap.nii.gz" for n in (1, 2))
    shutil.copy(first, second)


def table_of(out: Path, suffix: str) -> pd.DataFrame:
    return pd.read_csv(next(out.glob(f"tpl-*/cohort-*/*_{suffix}.tsv")), sep="\t")


def test_maps_are_those_of_the_library(studies: Path, flipped: tuple[Path, Ended]) -> None:
    """What the run wrote is what the estimator gives for the same images."""
    out, ended = flipped
    assert ended.code == 0, ended.err
    (source,) = read(studies)
    mask, _ = analysis_mask(str(studies.parent / "box.nii.gz"), "mni152_2mm")
    dataset = Dataset.from_tables(source.dataset.tables, mask, "mni152_2mm")
    dataset.update_path(studies)
    result = ibma.PermutedOLS().fit(dataset)
    written = maps_of(out)
    for name, statistic in (
        ("PermutedOLS_stat-z_tail-twoSided", "z"),
        ("PermutedOLS_stat-effect", "est"),
        ("PermutedOLS_stat-n", "n"),
    ):
        values = written[name].get_fdata()[mask.inside]
        np.testing.assert_allclose(values, result.maps[statistic], rtol=1e-6)


def test_all_flips_are_gone_through(flipped: tuple[Path, Ended]) -> None:
    """Eight studies have 256 flips, fewer than asked for; p is a whole number of them."""
    out, _ = flipped
    montecarlo = record_of(out)["Facts"]["montecarlo"]
    assert (montecarlo["n_iters"], montecarlo["exhaustive"]) == (256, True)
    name = "PermutedOLS_stat-p_tail-twoSided_desc-voxelFWE"
    p = maps_of(out)[name].get_fdata()
    inside = p[p < 1]
    np.testing.assert_allclose(inside * 256, np.rint(inside * 256), atol=1e-4)
    # A flip of all signs has the same largest |z|, so that no p is below 2 of 256.
    assert inside.min() == pytest.approx(2 / 256)


def test_result_is_found_where_the_effect_is(flipped: tuple[Path, Ended]) -> None:
    """The one cluster has its peak near the centre of the simulated effect."""
    clusters = table_of(flipped[0], "clusters")
    main = clusters.dropna(subset=["n_voxels"])
    assert len(main) == 1
    peak = main.iloc[0]
    assert np.linalg.norm(peak[["x", "y", "z"]].astype(float) - [-2, 14, 40]) < 6


def test_tables_of_contrasts_and_images(flipped: tuple[Path, Ended]) -> None:
    """Contrasts say which images they have; every image that was read is a row of the checks."""
    contrasts, images = table_of(flipped[0], "contrasts"), table_of(flipped[0], "images")
    assert contrasts["included"].all()
    assert set(contrasts["images"]) == {"beta, varcope"}
    assert len(images) == 16
    assert images["accepted"].all()


def test_default_without_foci_is_random_effects(studies: Path, here: Here, tmp_path: Path) -> None:
    """Where studies have effects, variances and no foci, DerSimonian and Laird is what is done."""
    ended = here(studies, tmp_path / "out", "meta", "--dry-run", *INDEP)
    assert ended.code == 0
    assert "estimator  DerSimonianLaird()" in ended.out
    assert "images     beta: 8, varcope: 8" in ended.out


def test_only_z(here: Here, tmp_path: Path) -> None:
    """Where studies have z alone, they are tested against 0."""
    inner = write_studies(tmp_path, kinds=("z",))
    ended = here(inner, tmp_path / "out", "meta", "--dry-run")
    assert "estimator  PermutedOLS(image=z)" in ended.out


@pytest.mark.usefixtures("undrawn")
def test_missing_images_are_made(here: Here, tmp_path: Path) -> None:
    """t and sample sizes give z, which is written, and analysed."""
    inner = write_studies(tmp_path, kinds=("t",))
    out = tmp_path / "out"
    words = ("--estimator", "PermutedOLS", "--n-iters", 20, "--mask", tmp_path / "box.nii.gz")
    model = tmp_path / "a.toml"
    model.write_text(
        '[[analysis]]\nname = "a"\ntype = "ibma"\n'
        'estimator = {type = "Stouffers"}\ncorrector = {type = "FDRCorrector"}\n'
    )
    ended = here(inner, out, "meta", "--model", model, *words[-2:])
    assert ended.code == 0, ended.err
    made = [name for name in maps_of(out) if "study-" in name]
    assert len(made) == 8
    assert made[0].endswith("stat-z")


@pytest.mark.usefixtures("undrawn")
def test_moderators(studies: Path, here: Here, tmp_path: Path) -> None:
    """A meta-regression has maps of every term, and its result is that of the one asked for."""
    out = tmp_path / "out"
    ended = here(
        studies, out, "meta", "--estimator", "Hedges", *INDEP, "--formula", "~ 1 + age",
        "--term", "age", "--mask", studies.parent / "box.nii.gz",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    names = set(maps_of(out))
    assert {"Hedges_contrast-age_stat-effect", "Hedges_contrast-intercept_stat-se"} <= names
    assert "Hedges_stat-r2" in names
    assert record_of(out)["Facts"]["result_group"] == "age"


class TestBadImages:
    """Images that cannot be used are listed at once, or left out and said."""

    @pytest.fixture
    def bad(self, tmp_path: Path) -> Path:
        inner = write_studies(tmp_path)
        (inner / "study-03_stat-beta_statmap.nii.gz").unlink()
        whole = (inner / "study-05_stat-varcope_statmap.nii.gz").read_bytes()
        (inner / "study-05_stat-varcope_statmap.nii.gz").write_bytes(whole[:300])
        shutil.copy(
            inner / "study-01_stat-beta_statmap.nii.gz",
            inner / "study-02_stat-beta_statmap.nii.gz",
        )
        return inner

    def test_error(self, bad: Path, here: Here, tmp_path: Path) -> None:
        """By default the run ends with every one of them."""
        mask = ("--mask", tmp_path / "box.nii.gz")
        ended = here(bad, tmp_path / "out", "meta", *INDEP, *mask)
        assert ended.code == 65
        said = " ".join(ended.err.split())
        assert "study-03_stat-beta_statmap.nii.gz" in said
        assert "no such file" in said
        assert "study-05_stat-varcope_statmap.nii.gz" in said
        assert "--on-bad-image exclude" in said
        assert not list((tmp_path / "out").glob("tpl-*/cohort-*/*_statmap.nii.gz"))

    @pytest.mark.usefixtures("undrawn")
    def test_exclude(self, bad: Path, here: Here, tmp_path: Path) -> None:
        """They are left out, and the table of contrasts says so."""
        mask, out = ("--mask", tmp_path / "box.nii.gz"), tmp_path / "out"
        ended = here(bad, out, "meta", *INDEP, *mask, "--on-bad-image", "exclude")
        assert ended.code == 0, ended.err
        assert (
            "3 images of 16 refused, and with them 3 contrasts: 02-1, 03-1, 05-1 (the "
            in ended.err
        )
        contrasts = table_of(out, "contrasts").set_index("study_id")
        left = contrasts.index[~contrasts["included"]].tolist()
        assert {3, 5} <= set(left)
        assert contrasts.loc[3, "reason"] == "images refused, see the table of images"
        images = table_of(out, "images")
        assert (~images["accepted"]).sum() >= 2
        again = here(bad, out, "meta", *INDEP, *mask, "--on-bad-image", "exclude")
        assert "analysis in is up to date" in again.err


@pytest.mark.usefixtures("undrawn")
def test_contrasts_without_an_image_left_are_not_included(here: Here, tmp_path: Path) -> None:
    """A contrast whose only image is refused is among those left out, with the reason."""
    inner = write_studies(tmp_path, kinds=("z",))
    (inner / "study-02_stat-z_statmap.nii.gz").write_bytes(b"no image")
    out, mask = tmp_path / "out", ("--mask", tmp_path / "box.nii.gz")
    ended = here(inner, out, "meta", *INDEP, *mask, "--on-bad-image", "exclude")
    assert ended.code == 0, ended.err
    assert "1 image of 8 refused, and with them 1 contrast: 02-1 (the table" in ended.err
    contrasts = table_of(out, "contrasts").set_index("study_id")
    assert contrasts.index[~contrasts["included"]].tolist() == [2]
    assert contrasts.loc[2, "reason"] == "images refused, see the table of images"


def test_one_study_is_not_enough(here: Here, tmp_path: Path) -> None:
    """One study has nothing to be compared with."""
    inner = write_studies(tmp_path, n_studies=1)
    ended = here(inner, tmp_path / "out", "meta", *INDEP, "--mask", tmp_path / "box.nii.gz")
    assert ended.code == 65
    assert "analysis in: 1 contrast with images; " in ended.err
    assert "of at least 2 studies; there is one" in ended.err


def test_missing_sample_sizes(here: Here, tmp_path: Path) -> None:
    """Where an image needs the sample size to be made, its absence is an error by name."""
    inner = write_studies(tmp_path, kinds=("t",))
    table = pd.read_csv(inner / "contrasts.tsv", sep="\t")
    table.loc[2, "sample_size"] = np.nan
    table.to_csv(inner / "contrasts.tsv", sep="\t", index=False, na_rep="n/a")
    words = ("meta", "--estimator", "Stouffers", *INDEP, "--dry-run")
    ended = here(inner, tmp_path / "out", *words)
    assert ended.code == 65
    assert "03-1: no sample size" in ended.out
    ended = here(inner, tmp_path / "out", *words, "--missing-n", "exclude")
    assert ended.code == 0
    assert "contrasts  7 of 7 studies, 1 excluded" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--estimator", "ALE", "--formula", "~ age"), "--formula: ALE analyses foci"),
        (("--estimator", "Stouffers", "--formula", "~ age", *INDEP), "has no keyword 'formula'"),
        (("--estimator", "VarianceBasedLikelihood", "--method", "montecarlo"), "flips of signs"),
        (("--estimator", "PauleMandel", "--tfce"), "not corrected by flips of signs"),
        (("--formula", "~ age", "--tfce"), "moderators are tested so by PermutedOLS"),
        (("--min-studies", "1"), "at least 2"),
        (("--estimator", "Hedges", "--fwhm", "10"), "Hedges has no --fwhm"),
    ],
)
def test_wrong_options(studies: Path, here: Here, tmp_path: Path, words, said) -> None:
    """What means nothing for images, or nothing without, is refused before anything is read."""
    ended = here(studies, tmp_path / "out", "meta", *words)
    assert ended.code == 64
    assert said in ended.err


@pytest.mark.usefixtures("undrawn")
def test_up_to_date_until_an_image_changes(here: Here, tmp_path: Path) -> None:
    """The same images are not analysed again; an image with other content is."""
    inner, out = write_studies(tmp_path), tmp_path / "out"
    words = (inner, out, "meta", *INDEP, "--mask", tmp_path / "box.nii.gz")
    assert here(*words).code == 0
    before = contents(out)
    again = here(*words)
    assert "analysis in is up to date" in again.err
    assert contents(out) == before
    shutil.copy(
        inner / "study-01_stat-varcope_statmap.nii.gz",
        inner / "study-02_stat-varcope_statmap.nii.gz",
    )
    changed = here(*words, "--on-bad-image", "exclude")
    assert "analysis in is computed again" in changed.err


@pytest.mark.usefixtures("undrawn")
def test_chunks_and_threads_change_no_byte(studies: Path, here: Here, tmp_path: Path) -> None:
    """However the flips are spread, every file is the same."""
    words = ("--estimator", "PermutedOLS", "--n-iters", 100)
    mask = ("--mask", studies.parent / "box.nii.gz")
    assert here(studies, tmp_path / "a", "meta", *words, *mask, "--nprocs", 1).code == 0
    ended = here(studies, tmp_path / "b", "meta", *words, *mask, "--n-chunks", 3, "--nprocs", 2)
    assert ended.code == 0
    one, two = contents(tmp_path / "a"), contents(tmp_path / "b")
    same = {name for name in one if name.endswith((".nii.gz", ".tsv"))}
    assert same
    assert {name: one[name] for name in same} == {name: two[name] for name in same}


def test_images_elsewhere(here: Here, tmp_path: Path) -> None:
    """``--image-root`` names the folder that relative paths count from."""
    inner = write_studies(tmp_path)
    (tmp_path / "maps").mkdir()
    for path in inner.glob("*.nii.gz"):
        path.rename(tmp_path / "maps" / path.name)
    words = (inner, tmp_path / "out", "meta", *INDEP, "--mask", tmp_path / "box.nii.gz")
    assert here(*words).code == 65
    with undrawn():
        ended = here(*words, "--image-root", tmp_path / "maps")
    assert ended.code == 0, ended.err
    missing = here(*words, "--image-root", tmp_path / "nowhere")
    assert missing.code == 66
    assert f"there is no folder of images {tmp_path / 'nowhere'}" in missing.err


def test_formula_is_checked_before_images_are_read(studies: Path, here: Here, tmp_path: Path):
    """A dry run says that a moderator is missing, or depends on others."""
    words = (studies, tmp_path / "out", "meta", "--estimator", "Hedges", *INDEP, "--dry-run")
    assert "there is no column 'dose'" in here(*words, "--formula", "~ dose").out
    assert "depends on" in here(*words, "--formula", "~ age + scale(age)").out
    planned = here(*words, "--formula", "~ sample_size", "--min-studies", "4").out
    unasked = here(studies, tmp_path / "out", "meta", "--formula", "~ age", "--dry-run").out
    assert "  corrector  FDRCorrector(method=indep)\n" in unasked
    assert "  estimator  Hedges(min_studies=4, formula=~ sample_size)\n" in planned
