"""Every option of an analysis changes what comes out: one that changes nothing fails here."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.cli.options import build_parser
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.plan import plan
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.request import PLACES
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow
from tests.images import write_studies
from tests.workflows.conftest import ellipsoid, make_small

FEW = ("--n-iters", "40")
MONTECARLO = (*FEW, "--voxel-thresh", "0.01")
HOLM = ("--method", "holm")
MKDA = ("--estimator", "MKDADensity")
PAIR = ("--group", "large=sample_size > 15", "--name", "data", *MONTECARLO)
CHI2 = ("--estimator", "MKDAChi2", *PAIR)
BALANCED = ("--estimator", "BalancedALESubtraction", *PAIR, "--n-subsamples", "30")
SCALE = ("--estimator", "SCALE", "--null-foci", "pool.json", *FEW)
MISSING = "without N"
"""Mark of a case whose data have a contrast without sample size."""
SEVERAL = "several contrasts"
"""Mark of a case whose data have studies with several contrasts."""
NO_SPACE = "without space"
"""Mark of a case whose data have a contrast without a known space."""
IMAGES = "images"
"""Mark of a case whose data are images, of which most lack one half; and a few foci."""
MEANS = (IMAGES, "--estimator", "DerSimonianLaird", "--method", "indep")

CASES: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("estimator", MONTECARLO, ("--estimator", "KDA")),
    ("null_method", MONTECARLO, ("--null-method", "histogram")),
    ("null_method", MONTECARLO, ("--null-method", "montecarlo")),
    ("weighting", (*MKDA, *HOLM), ("--weighting", "sample_size")),
    (
        "inference_field",
        (*MKDA, *HOLM, "--weighting", "sample_size"),
        ("--inference-field", "inference"),
    ),
    ("fwhm", MONTECARLO, ("--fwhm", "9")),
    ("sample_size", MONTECARLO, ("--sample-size", "40")),
    ("radius", (*MKDA, *HOLM), ("--radius", "13")),
    ("voxelization", MONTECARLO, ("--voxelization", "half-even")),
    ("voxelization", (*MKDA, *HOLM), ("--voxelization", "half-up")),
    ("outside", MONTECARLO, ("--outside", "drop")),
    ("missing_n", (MISSING, *HOLM, "--missing-n", "median"), ("--missing-n", "exclude")),
    ("missing_n", (MISSING, *HOLM, "--missing-n", "median"), ("--missing-n", "11")),
    ("corrector", HOLM, ("--method", "indep", "--corrector", "FDRCorrector")),
    ("method", HOLM, ("--method", "bonferroni")),
    ("method", ("--method", "indep"), ("--method", "negcorr")),
    ("n_iters", MONTECARLO, ("--n-iters", "41")),
    ("n_iters", ("--null-method", "montecarlo", *HOLM, *FEW), ("--n-iters", "41")),
    ("voxel_thresh", MONTECARLO, ("--voxel-thresh", "0.02")),
    ("alpha", MONTECARLO, ("--alpha", "0.999")),
    ("result", MONTECARLO, ("--result", "voxel")),
    ("null_outside", MONTECARLO, ("--null-outside", "inside")),
    ("null_outside", ("--null-method", "montecarlo", *HOLM, *FEW), ("--null-outside", "inside")),
    ("seed", MONTECARLO, ("--seed", "43")),
    ("mask", MONTECARLO, ("--mask", "half.nii.gz")),
    ("tal2mni", MONTECARLO, ("--tal2mni", "brett")),
    (
        "unknown_space",
        (NO_SPACE, *HOLM, "--unknown-space", "mni"),
        ("--unknown-space", "talairach"),
    ),
    ("select", MONTECARLO, ("--select", "sample_size > 13")),
    ("group", PAIR, ("--group", "small=sample_size < 14")),
    ("inference_mask", PAIR, ("--inference-mask", "half.nii.gz")),
    ("tfce", MONTECARLO, ("--tfce",)),
    ("tfce", PAIR, ("--tfce",)),
    ("tfce", CHI2, ("--tfce",)),
    ("tfce_extent", (*MONTECARLO, "--tfce"), ("--tfce-extent", "1")),
    ("tfce_height", (*MONTECARLO, "--tfce"), ("--tfce-height", "1")),
    ("tfce_extent", (*PAIR, "--tfce"), ("--tfce-extent", "1")),
    ("tfce_height", (*CHI2, "--tfce"), ("--tfce-height", "1")),
    ("pool", (SEVERAL, *MONTECARLO), ("--pool", "study")),
    ("pool", (SEVERAL, *MONTECARLO), ("--pool", "group=inference")),
    ("pool", (SEVERAL, *PAIR), ("--pool", "study")),
    ("pool", (SEVERAL, *CHI2), ("--pool", "study")),
    ("pool", (SEVERAL, *SCALE), ("--pool", "study")),
    ("pool", (SEVERAL, *BALANCED), ("--pool", "study")),
    ("roi", MONTECARLO, ("--name", "data", "--roi", "roi.nii.gz")),
    ("sphere", MONTECARLO, ("--name", "data", "--sphere", "20", "10", "5", "2.5")),
    ("name", MONTECARLO, ("--name", "another")),
    ("n_iters", PAIR, ("--n-iters", "41")),
    ("seed", PAIR, ("--seed", "43")),
    ("voxel_thresh", PAIR, ("--voxel-thresh", "0.02")),
    ("estimator", PAIR, ("--estimator", "MKDAChi2")),
    ("fwe_null", CHI2, ("--fwe-null", "random-foci")),
    ("prior", CHI2, ("--prior", "0.2")),
    ("radius", CHI2, ("--radius", "13")),
    ("null_foci", SCALE, ("--null-foci", "another.json")),
    ("n_iters", SCALE, ("--n-iters", "41")),
    ("seed", SCALE, ("--seed", "43")),
    ("fwhm", SCALE, ("--fwhm", "9")),
    ("method", SCALE, ("--method", "indep")),
    ("outside", SCALE, ("--outside", "drop")),
    ("estimator", PAIR, ("--estimator", "BalancedALESubtraction")),
    ("target_n", BALANCED, ("--target-n", "2")),
    (
        "n_subsamples",
        (*BALANCED, "--target-n", "2", "--voxel-thresh", "0.1"),
        ("--n-subsamples", "31"),
    ),
    ("fwe_null", BALANCED, ("--fwe-null", "random-foci")),
    ("n_iters", BALANCED, ("--n-iters", "41")),
    ("seed", BALANCED, ("--seed", "43")),
    ("voxel_thresh", BALANCED, ("--voxel-thresh", "0.1")),
    ("null_outside", (*BALANCED, "--fwe-null", "random-foci"), ("--null-outside", "inside")),
    ("estimator", MEANS, ("--estimator", "Hedges")),
    ("coverage", MEANS, ("--coverage", "aggressive")),
    ("min_studies", MEANS, ("--min-studies", "3")),
    ("dependence", MEANS, ("--dependence", "collapse")),
    ("formula", MEANS, ("--formula", "~ 1 + age")),
    ("term", (*MEANS, "--formula", "~ 1 + age"), ("--term", "age")),
    ("foci_from_images", (IMAGES, *HOLM, "--estimator", "ALE"), ("--foci-from-images", "fill")),
]
ELSEWHERE = {
    "bids_dir", "output_dir", "analysis_level", "merge", "model", "analysis", "rerun", "nprocs",
    "n_chunks", "use_plugin", "work_dir", "keep_work", "dry_run", "reports_only", "verbose",
    "quiet", "notrack", "common_range", "z_max", "add_iters", "strict", "on_bad_image",
    "image_root",
}  # fmt: skip
"""Options that choose, run or show, and change no result: tests/cli shows what each does."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    """Data whose results react to everything: Talairach foci, one focus outside, a coarse mask."""
    folder = tmp_path_factory.mktemp("options")
    for name in ("data", MISSING, NO_SPACE, SEVERAL):
        source = make_small(n_studies=8)
        for number, study in enumerate(source.values()):
            (contrast,) = study["contrasts"].values()
            contrast["metadata"]["inference"] = "fixed" if number % 3 == 0 else "random"
            contrast["coords"]["space"] = "TAL" if number % 2 else "MNI"
        if name == SEVERAL:
            for first, second in ((0, 1), (6, 7)):
                (contrast,) = source.pop(f"study{second}")["contrasts"].values()
                contrast["metadata"]["inference"] = "fixed"
                source[f"study{first}"]["contrasts"]["2"] = contrast
        if name == NO_SPACE:
            source["study3"]["contrasts"]["1"]["coords"]["space"] = ""
        if name == MISSING:
            del source["study3"]["contrasts"]["1"]["metadata"]["sample_sizes"]
        else:
            source["study2"]["contrasts"]["1"]["coords"]["z"][-1] = 44.0
        (folder / name).mkdir()
        # As it is: a Dataset would hold the foci in MNI space already.
        (folder / name / "small.json").write_text(json.dumps(source))
    write_images(folder)
    for name, n_studies in (("pool", 20), ("another", 25)):
        (folder / f"{name}.json").write_text(json.dumps(make_small(n_studies)))
    nib.save(ellipsoid(), folder / "mask.nii.gz")
    half = ellipsoid().get_fdata()
    half[:9] = 0
    nib.save(nib.Nifti1Image(half.astype("uint8"), ellipsoid().affine), folder / "half.nii.gz")
    few = np.zeros_like(half, dtype="uint8")
    few[13:15, 13:15, 8:10] = 1
    nib.save(nib.Nifti1Image(few, ellipsoid().affine), folder / "roi.nii.gz")
    return folder


def write_images(folder: Path) -> None:
    """Studies with images: the last two are one, six lack a half, and three have a focus."""
    inner = write_studies(folder / "made", kinds=("beta", "varcope", "z"), effect=2.0)
    for path in inner.glob("study-0[3-8]*.nii.gz"):
        image = nib.load(path)
        values = image.get_fdata(dtype=np.float32)
        values[:6] = 0
        nib.save(nib.Nifti1Image(values, image.affine), path)
    table = (inner / "contrasts.tsv").read_text().replace("study-08\t1", "study-07\t2")
    (inner / "contrasts.tsv").write_text(table)
    foci = "".join(f"study-0{n}\t1\t{n}\t14\t40\tMNI\n" for n in (1, 2, 3))
    (inner / "coordinates.tsv").write_text("study_id\tcontrast_id\tx\ty\tz\tspace\n" + foci)
    inner.rename(folder / IMAGES)


@pytest.fixture(scope="module")
def outcome(folder: Path) -> Callable[..., dict[str, str]]:
    """Run the graph of a command line, without figures, once for each; path to digest."""
    known: dict[tuple[str, ...], dict[str, str]] = {}

    def run(*words: str) -> dict[str, str]:
        if words not in known:
            known[words] = _run(folder, words, folder / f"run{len(known)}")
        return known[words]

    return run


def _run(folder: Path, words: tuple[str, ...], out: Path) -> dict[str, str]:
    marks = [word for word in words if word in (MISSING, NO_SPACE, SEVERAL, IMAGES)]
    data = folder / (marks[0] if marks else "data")
    named = [str(folder / word) if word.endswith((".gz", ".json")) else word for word in words]
    argv = [str(data), str(out), "meta", "--mask", str(folder / "mask.nii.gz"), "--alpha", "0.2"]
    request = parse([*argv, *(word for word in named if word not in marks)], run_uuid="run")
    (planned,) = plan(request)
    assert planned.error is None, planned.error
    stage = _graph(planned, request.settings, out)
    return {
        path.relative_to(stage).as_posix(): _content(path)
        for path in sorted(stage.rglob("*"))
        if path.name.endswith((".gz", ".tsv"))
    }


def _graph(planned: Planned, settings, out: Path) -> Path:  # type: ignore[no-untyped-def]
    work, stage, pool = out / "work", out / "stage", planned.null_foci
    work.mkdir(parents=True)
    workflow = init_analysis_wf(
        analysis=planned.analysis,
        settings=settings,
        dataset_file=str(planned.dataset.save(work / "dataset.npz")),
        stage_dir=str(stage),
        work_dir=str(work),
        null_foci=str(pool.save(work / "null_foci.npz")) if pool is not None else "",
    )
    inner = workflow.get_node(f"{planned.analysis.type}_wf")
    inner.remove_nodes([inner.get_node("figures")])
    run_workflow(workflow, settings=settings, crash_dir=out / "crash")
    return stage


def _content(path: Path) -> str:
    """Digest of what is in a file: of a hundred runs the maps themselves would be gigabytes."""
    stored = path.read_bytes()
    plain = gzip.decompress(stored) if path.suffix == ".gz" else stored
    return hashlib.sha256(plain).hexdigest()


@pytest.mark.parametrize(("option", "base", "words"), CASES, ids=str)
def test_option_changes_the_results(outcome, option: str, base, words) -> None:  # type: ignore[no-untyped-def]
    """Maps or tables differ from those without the option, all else equal."""
    assert outcome(*base) != outcome(*base, *words), option


def test_no_option_changes_nothing(outcome, folder: Path) -> None:  # type: ignore[no-untyped-def]
    """The same command gives the same bytes: what differs above is the option's doing."""
    assert _run(folder, MONTECARLO, folder / "again") == outcome(*MONTECARLO)


def test_every_option_is_tried() -> None:
    """An option that is added needs a case here, or a reason to change no result."""
    known = {action.dest for action in build_parser()._actions} - {"help", "version"}
    tried = {option for option, _, _ in CASES}
    assert known == tried | ELSEWHERE
    # With bad images there is no result without it, which another could differ from.
    assert PLACES.keys() <= tried | {"on_bad_image"}
