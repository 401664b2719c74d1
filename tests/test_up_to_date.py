"""When an earlier result is what a run would compute again, and when it is not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nimare_pipeline import derivatives, environment
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.cohort import make_cohort
from nimare_pipeline.correct import FDRCorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.settings import Analysis, Component, Settings
from nimare_pipeline.up_to_date import NOT_THERE, why_not

PLACE = "tpl-MNI152NLin6Asym/cohort-small/tpl-MNI152NLin6Asym_cohort-small"


def small_mask(first: int = 20) -> BrainMask:
    inside = np.zeros((91, 109, 91), dtype=bool)
    inside[first:50, 40:70, 30:50] = True
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    return BrainMask(inside, affine)


def dataset(shift: float = 0, mask: BrainMask | None = None, n: int = 10) -> Dataset:
    def study(x: float) -> dict:
        coords = {"space": "MNI", "x": [x, 20], "y": [0, -10], "z": [10, 4]}
        metadata = {"sample_sizes": [n], "year": 2000 + int(x)}
        return {"contrasts": {"1": {"coords": coords, "metadata": metadata}}}

    studies = {"a": study(shift), "b": study(10), "c": study(30)}
    return Dataset(studies, mask=mask or small_mask())


ANALYSIS = Analysis(
    "small", select="year >= 2010", sources=("a.json",), folders=("/here",),
    corrector=Component("FDRCorrector"),
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Derivatives of one small analysis."""
    folder = tmp_path_factory.mktemp("made")
    settings = Settings("/in", str(folder / "out"), "", "run")
    cohort = make_cohort(dataset(), ANALYSIS)
    result = FDRCorrector().transform(ALE().fit(cohort.dataset))
    figures = folder / "figures"
    figures.mkdir()
    (figures / "foci.svg").write_text("<svg/>")
    derivatives.write_analysis(
        folder / "stage",
        analysis=ANALYSIS,
        settings=settings,
        cohort_contrasts=cohort.contrasts,
        cohort_coordinates=cohort.coordinates,
        result=result,
        clusters=cluster_table(result, alpha=0.05, foci=cohort.coordinates, level="voxel"),
        figures_dir=figures,
    )
    derivatives.write_snapshot(folder / "stage", "small", dataset())
    derivatives.swap_in(folder / "stage", folder / "out", "small")
    return folder / "out"


@pytest.fixture
def out(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out"))


def ask(out: Path, analysis: Analysis = ANALYSIS, data: Dataset | None = None, **settings) -> str:
    data = data or dataset()
    return why_not(
        out,
        analysis=analysis,
        settings=replace(Settings("/in", str(out), "", "another run"), **settings),
        dataset=data,
        cohort=make_cohort(data, analysis),
    )


def test_the_same_is_up_to_date(out) -> None:
    """The same request finds its result, whichever run, machine or folder asks."""
    assert ask(out) == ""
    assert (
        ask(out, n_procs=7, n_chunks=3, plugin="MultiProc", verbosity=2, bids_dir="/moved") == ""
    )
    assert ask(out, replace(ANALYSIS, folders=("/elsewhere",))) == ""


def test_what_is_not_there(out, tmp_path) -> None:
    """Another name, also by case only, and an empty folder have no result."""
    assert ask(out, replace(ANALYSIS, name="Small")) == NOT_THERE
    assert ask(tmp_path / "empty") == NOT_THERE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alpha": 0.01}, "alpha is another"),
        ({"select": "year > 2009"}, "select is another"),
        ({"description": "new"}, "description is another"),
        ({"result": "voxel"}, "result is another"),
        ({"outside": "drop"}, "outside is another"),
        ({"pool": "study"}, "pool is another"),
        ({"estimator": Component("ALE")}, "estimator is another"),
        ({"corrector": Component("FDRCorrector", {"method": "negcorr"})}, "corrector is another"),
        ({"options": {"x": 1}}, "options is another"),
        ({"sources": ("b.json",)}, "sources is another"),
    ],
)
def test_another_request(out, changes, reason) -> None:
    """Any key of the analysis that changes makes it be computed again, and is named."""
    assert ask(out, replace(ANALYSIS, **changes)) == reason


def test_another_seed_and_space(out) -> None:
    """Seed and space are part of the request."""
    assert ask(out, seed=43) == "the seed is another"
    assert ask(out, target="mni152_1mm") == "the space is another"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"shift": 1}, "the data are others"),  # of a contrast that is not selected
        ({"shift": 12}, "other contrasts are used"),
        ({"n": 11}, "other contrasts are used"),
        ({"mask": small_mask(21)}, "the mask is another"),
    ],
)
def test_other_data(out, data, reason) -> None:
    """Foci, sample sizes, selected contrasts and mask are compared by content."""
    assert ask(out, data=dataset(**data)) == reason


def test_other_foci(out) -> None:
    """A focus that moved within the mask changes no count of the contrasts."""
    moved = dataset()
    coordinates = moved.coordinates.copy()
    coordinates.loc[coordinates["id"] == "b-1", "y"] += 2
    assert ask(out, data=moved.with_tables(coordinates=coordinates)) == "other foci are used"


def test_other_code(out, monkeypatch) -> None:
    """A result of another version, or of changed source text, is not trusted."""
    monkeypatch.setattr(environment, "code_digest", lambda: "other")
    assert ask(out) == "the code of nimare-pipeline is another"


def test_code_digest_follows_the_source(tmp_path, monkeypatch) -> None:
    """Changed text of any module that computes changes the digest; the command line does not."""
    for name in ("a.py", "numerics/b.py", "cli/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "environment.py"))
    digest = environment.code_digest.__wrapped__
    before = digest()
    (tmp_path / "cli" / "c.py").write_text("2")
    assert digest() == before
    (tmp_path / "numerics" / "b.py").write_text("2")
    assert digest() != before


@pytest.mark.parametrize(
    "name",
    [
        f"{PLACE}_res-2_model-ALE_stat-z_statmap.nii.gz",
        f"{PLACE}_contrasts.tsv",
        f"{PLACE}_contrasts.json",
        "sourcedata/cohort-small_dataset.json",
        "figures/tpl-MNI152NLin6Asym_cohort-small_model-ALE_desc-foci_figure.svg",
    ],
)
@pytest.mark.parametrize("harm", ["removed", "altered", "cut"])
def test_file_that_is_not_as_it_was(out, name, harm) -> None:
    """A map, table, sidecar, figure or snapshot that is gone or altered is made again."""
    path = out / name
    if harm == "removed":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-9] if harm == "cut" else content[:-9] + b"123456789")
    assert ask(out)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Checksums": 3}', "\udcff"])
def test_damaged_record(out, text) -> None:
    """A record that cannot be read proves nothing."""
    (path,) = out.glob("tpl-*/*/*_analysis.json")
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert ask(out) == f"{path.name} is damaged"


def test_record_of_an_older_version(out) -> None:
    """A record without what is compared is of another version."""
    (path,) = out.glob("tpl-*/*/*_analysis.json")
    record = json.loads(path.read_text())
    del record["CodeDigest"]
    path.write_text(json.dumps(record))
    assert ask(out) == "the code of nimare-pipeline is another"


def test_nothing_is_written(out) -> None:
    """Looking changes nothing."""

    def state() -> list[SimpleNamespace]:
        return [(path, path.stat().st_mtime_ns) for path in sorted(out.rglob("*"))]

    before = state()
    ask(out)
    assert state() == before
