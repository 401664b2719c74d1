"""SCALE from the command line and from an analysis file: the pool that its null draws from."""

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.cli.model import with_model
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.plan import plan
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.io import sheet
from nimare_pipeline.meta.cbma.scale import SCALE
from tests.cli.program import undrawn
from tests.cli.studies import BOX_AFFINE, example_and_box

N = "30"


@pytest.fixture
def folder(tmp_path) -> Path:
    """The example, a small mask, and pools elsewhere: in two files, with few foci, unreadable."""
    folder = example_and_box(tmp_path)
    rng = np.random.default_rng(8)
    (tmp_path / "base").mkdir()
    for name, n in (("a", 200), ("b", 150)):
        lines = ["//Reference=MNI", f"//{name} 2001: one", "//Subjects=12"]
        lines += [
            "\t".join(map(str, xyz)) for xyz in rng.integers([-70, -20, -20], [0, 30, 30], (n, 3))
        ]
        (tmp_path / "base" / f"{name}.txt").write_text("\n".join(lines) + "\n")
    few = "//Reference=MNI\n//Ada 2001: few\n//Subjects=12\n1 2 3\n4 5 6\n"
    (tmp_path / "few.txt").write_text(few)
    (tmp_path / "bad.txt").write_text(few.replace("4 5 6", "4 5 x"))
    return folder


def words(folder: Path, *more: object) -> tuple[object, ...]:
    """Command line of a run of SCALE with the large pool."""
    pool = folder.parent / "base"
    return (folder, folder.parent / "out", "meta", "--estimator", "SCALE", "--null-foci", pool,
            "--n-iters", N, "--mask", folder.parent / "box.nii.gz", *more)  # fmt: skip


def test_plan_names_the_pool(folder, here) -> None:
    """A dry run says how many foci it has, and from where; clusters are not spoken of."""
    ended = here(*words(folder, "--dry-run"))
    assert ended.code == 0, ended.line
    base = folder.parent / "base"
    assert f"  null foci  350 of 2 contrasts, from {base}\n" in ended.out
    assert "  estimator  SCALE(n_iters=30)\n" in ended.out
    assert "  corrector  FWECorrector(method=montecarlo, n_iters=30)\n" in ended.out


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--null-foci", "few.txt"), 65, "the pool of few.txt has 2 foci, fewer than the 267 of"),
        (("--null-foci", "gone"), 66, "there is no dataset of null foci gone in "),
        (("--null-foci", "bad.txt"), 65, "bad.txt, line 5: "),
        (("--null-foci", "box.nii.gz"), 65, "`nimare-pipeline init "),
        (("--null-foci", ""), 64, "SCALE draws its null from a pool of foci: name a dataset by "),
        (("--estimator", "KDA"), 64, "--null-foci PATH names the pool of foci of SCALE; KDA has"),
        (
            ("--group", "a=n_foci > 1"),
            64,
            "SCALE analyses one group of contrasts; --group takes an estimator of two",
        ),
        (
            ("--group", "a=n_foci > 1", "--estimator", "ALESubtraction"),
            64,
            "--null-foci PATH names the pool of foci of SCALE; ALESubtraction has none",
        ),
        (("--null-method", "histogram"), 64, "SCALE has no --null-method; its options are "),
        (("--null-outside", "inside"), 64, "SCALE has no --null-outside; its options are --fwhm"),
        (("--voxel-thresh", "0.01"), 64, "SCALE has no --voxel-thresh; its options are "),
        (("--tfce",), 64, "SCALE has a null of its own at each voxel; tfce is for ALE"),
        (("--result", "cluster-size"), 64, "SCALE judges voxels only: its result is 'voxel', not"),
    ],
    ids=lambda value: "" if isinstance(value, str | int) else " ".join(value),
)
def test_bad_pools(folder, here, monkeypatch, more, code, message) -> None:
    """One clear error each, with its exit code, before anything is computed."""
    monkeypatch.chdir(folder.parent)
    ended = here(*words(folder, *more, "--dry-run"))
    assert message in ended.line + ended.err
    assert ended.code == code


def test_without_a_pool(folder, here) -> None:
    """It is said how one is named."""
    ended = here(folder, folder.parent / "out", "meta", "--estimator", "SCALE", "--dry-run")
    assert ended.code == 64
    assert "name a dataset by --null-foci PATH, for example a database" in ended.line


def test_pool_that_does_not_reach_the_mask(folder, here) -> None:
    """Foci enough, but elsewhere: the analysis fails with how many are in reach."""
    far = ["//Reference=MNI", "//Ada 2001: far", "//Subjects=12", *["60 -80 40"] * 300]
    (folder.parent / "far.txt").write_text("\n".join(far) + "\n")
    ended = here(*words(folder, "--null-foci", folder.parent / "far.txt"))
    assert ended.code == 65
    assert "the pool has 0 foci in reach of the mask, fewer than the 267 of the data" in ended.line


def test_run_says_where_the_pool_is_from(folder, here) -> None:
    """Maps of the library, sidecars, methods, report; up to date until the pool changes."""
    out, base = folder.parent / "out", folder.parent / "base"
    ended = here(*words(folder))
    assert ended.code == 0, ended.err
    (cohort,) = out.glob("tpl-*/cohort-pain")
    pool = np.concatenate([np.loadtxt(base / name, comments="//") for name in ("a.txt", "b.txt")])
    box = folder.parent / "box.nii.gz"
    dataset = Dataset(str(folder / "pain.json"))
    expected = SCALE(pool, n_iters=int(N), seed=42, mask=str(box)).fit(dataset)
    (path,) = cohort.glob("*model-SCALE_stat-p_statmap.nii.gz")
    inside = np.asarray(nib.load(box).dataobj) > 0
    np.testing.assert_array_equal(
        nib.load(path).get_fdata()[inside], expected.maps["p"].astype(np.float32)
    )
    sidecar = json.loads(Path(str(path).replace(".nii.gz", ".json")).read_text())
    assert sidecar["Estimator"] == {
        "Name": "SCALE",
        "Parameters": {"kernel__voxelization": "exact", "n_iters": 30, "seed": 42},
    }
    found = sidecar["NullFoci"]
    assert found.pop("n_foci_in_reach") <= 350
    assert found == {
        "path": str(base),
        "name": "base",
        "files": {
            name: hashlib.sha256((base / name).read_bytes()).hexdigest()
            for name in ("a.txt", "b.txt")
        },
        "n_contrasts": 2,
        "n_studies": 2,
        "n_foci": 350,
        "foci_sha256": hashlib.sha256(pool.astype("<f8").tobytes()).hexdigest(),
    }
    (kept,) = (out / "sourcedata").glob("*nullFoci*")
    assert kept.name == "cohort-pain_desc-nullFoci_coordinates.tsv.gz"
    assert f"bids::sourcedata/{kept.name}" in sidecar["Sources"]
    assert "desc-nullFoci\tFoci that the null of SCALE draws from\n" in (
        (out / "descriptions.tsv").read_text()
    )
    contrasts, problems = sheet.read(kept)
    assert problems == []
    np.testing.assert_array_equal(contrasts[0].xyz, pool)
    assert set(contrasts[0].spaces) == {"MNI"}
    text = (out / "report.html").read_text()
    assert "could not be made" not in text
    assert "FWE-corrected p &lt; 0.05 voxel by voxel" in text
    methods = (out / "logs" / "CITATION.md").read_text()
    assert "The pool comprised 350 foci of 2 experiments from 2 studies (base)" in methods
    assert "replaced by one drawn with replacement from the pool" in methods
    assert "`@langner2014` Langner R" in methods
    assert "analysis pain is up to date\n" in here(*words(folder)).err
    with undrawn():
        assert "analysis pain is complete" in here(*words(folder, "--rerun")).err
    lines = (base / "b.txt").read_text().splitlines()
    (base / "b.txt").write_text("\n".join([*lines[:-1], "-40 0 0"]) + "\n")
    ended = here(*words(folder, "--dry-run"))
    assert "analysis pain is computed again: the pool of foci is another\n" in ended.err


@pytest.mark.usefixtures("undrawn")
def test_iterations_are_added(folder, here) -> None:
    """``--add-iters`` extends the correction; the iterations of p itself stay as they are."""
    out = folder.parent / "out"
    assert here(*words(folder)).code == 0
    command = [word for word in words(folder) if word not in ("--n-iters", N)]
    ended = here(*command, "--add-iters", "12")
    assert ended.code == 0, ended.err
    (path,) = out.glob("tpl-*/cohort-pain/*_analysis.json")
    facts = json.loads(path.read_text())["Facts"]
    assert facts["montecarlo"]["n_iters"] == 42
    assert facts["null_n_iters"] == 30
    assert facts["null_foci"]["n_foci"] == 350


def analyses(folder: Path, text: str) -> list[object]:
    """Plan of an analysis file in the input folder."""
    (folder / "analyses.toml").write_text(text)
    return plan(with_model(parse([str(folder), str(folder.parent / "out"), "meta"])))


SCALED = "[[analysis]]\nname = 'a'\nestimator = {type = 'SCALE'}\n"


def test_pool_of_an_analysis_file(folder, caplog) -> None:
    """It is read once for all analyses; a default is for those that have a use for it."""
    caplog.set_level("INFO", "nimare_pipeline")
    one, two, other = analyses(
        folder,
        "[defaults]\nnull_foci = '../base'\n" + SCALED + SCALED.replace("'a'", "'b'")
        + "[[analysis]]\nname = 'ale'\n",
    )  # fmt: skip
    assert len(one.null_foci.xyz) == len(two.null_foci.xyz) == 350
    assert other.null_foci is None
    assert other.analysis.options == {}
    assert caplog.text.count("reading the database") == 1


def test_region_with_a_pool(folder) -> None:
    """Coactivation against the base rate, where the pool is the database that is searched."""
    (one,) = analyses(
        folder,
        SCALED + "type = 'macm'\nsphere = [-38, 4, 2, 12]\nnull_foci = '.'\n",
    )
    assert len(one.cohort.dataset.ids) == 3
    assert len(one.null_foci.xyz) == 267


def test_pool_inside_the_input(folder) -> None:
    """It is no part of the input, unless there is nothing else."""
    (folder / "more.txt").write_text((folder.parent / "base" / "a.txt").read_text())
    ask = [str(folder), str(folder.parent / "out"), "meta", "--estimator", "SCALE"]
    (one,) = plan(parse([*ask, "--null-foci", str(folder / "pain.json")]))
    assert (one.analysis.name, one.error) == ("more", None)
    (folder / "more.txt").unlink()
    (one,) = plan(parse([*ask, "--null-foci", str(folder / "pain.json")]))
    assert (one.analysis.name, len(one.null_foci.xyz)) == ("pain", 267)


def test_foci_that_are_not_used(folder) -> None:
    """Where foci outside the mask are dropped, those of the pool are, too."""
    ask = [str(word) for word in words(folder)]
    (kept,), (dropped,) = plan(parse(ask)), plan(parse([*ask, "--outside", "drop"]))
    box = nib.load(folder.parent / "box.nii.gz")
    ijk = np.floor((kept.null_foci.xyz - BOX_AFFINE[:3, 3]) / 2 + 0.5).astype(int)
    inside = np.asarray(box.dataobj)[tuple(ijk.T)] > 0
    assert 0 < inside.sum() < 350
    np.testing.assert_array_equal(dropped.null_foci.xyz, kept.null_foci.xyz[inside])


def test_what_was_odd_in_the_pool_is_kept(folder) -> None:
    """Warnings of reading it are among the problems of the analysis, and say whose they are."""
    (folder.parent / "base" / "notes.dat").write_bytes(b"\0\1")
    (one,) = plan(parse([str(word) for word in words(folder)]))
    (problem,) = [p for p in one.problems if "notes.dat" in p.message]
    assert problem.message.startswith("pool of null foci: 1 file is in no known format")
