"""Each interface as a node: files in, one call of the library, files out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nipype.pipeline import engine as pe
from scipy import sparse

from nimare_pipeline import progress
from nimare_pipeline.cohort import make_cohort
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.interfaces.cbma import FitEstimator, ModeledActivation
from nimare_pipeline.interfaces.clusters import ClusterTable
from nimare_pipeline.interfaces.correct import CorrectFWE, MonteCarloChunk, PlanMonteCarlo
from nimare_pipeline.interfaces.dataset import LoadCohort
from nimare_pipeline.interfaces.derivatives import WriteDerivatives
from nimare_pipeline.interfaces.figures import DrawFigures
from nimare_pipeline.interfaces.records import (
    read_frame,
    read_problems,
    to_record,
    write_frame,
    write_problems,
)
from nimare_pipeline.meta import modelled
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.kernel import ALEKernel
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan, run_block
from nimare_pipeline.results import MetaResult
from nimare_pipeline.saved_null import SavedNull, null_key
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.store import read_arrays, write_arrays

ESTIMATOR = {"type": "ALE", "args": {"kernel__fwhm": 12.0}}
ARGS = {"n_iters": 30, "voxel_thresh": 0.01, "seed": 9}
CORRECTOR = {"type": "FWECorrector", "args": ARGS}


@pytest.fixture
def run(tmp_path):
    """Run an interface as a node; returns its outputs, all of them files in the node's folder."""

    def run_node(interface):
        outputs = pe.Node(interface, name="node", base_dir=str(tmp_path)).run().outputs
        for name, value in outputs.get().items():
            if name.endswith("_file"):
                assert Path(value).parent == tmp_path / "node", name
        return outputs

    return run_node


@pytest.fixture(scope="module")
def result(dataset) -> MetaResult:
    """Uncorrected result of the dataset."""
    return ALE(kernel__fwhm=12.0).fit(dataset)


@pytest.fixture(scope="module")
def corrected(result) -> MetaResult:
    """Corrected result of the dataset."""
    return FWECorrector(**ARGS).transform(result)


@pytest.fixture
def save(tmp_path):
    """Save something with a ``save`` method; returns the path."""

    def saved(thing, name: str) -> str:
        return str(thing.save(tmp_path / name))

    return saved


def same_file(one, other, tmp_path) -> bool:
    """Whether two results are saved as the same bytes."""
    paths = [thing.save(tmp_path / f"{i}.npz") for i, thing in enumerate((one, other))]
    return paths[0].read_bytes() == paths[1].read_bytes()


def test_load_cohort_applies_the_policies(run, dataset, dataset_file):
    """Dataset, tables and problems are those that make_cohort returns for the analysis."""
    analysis = Analysis("a", outside="drop")
    outputs = run(LoadCohort(dataset_file=dataset_file, analysis=to_record(analysis)))
    cohort = make_cohort(dataset, analysis)
    loaded = Dataset.load(outputs.dataset_file)
    pd.testing.assert_frame_equal(loaded.coordinates, cohort.dataset.coordinates)
    pd.testing.assert_frame_equal(read_frame(outputs.contrasts_file), cohort.contrasts)
    pd.testing.assert_frame_equal(read_frame(outputs.coordinates_file), cohort.coordinates)
    assert read_problems(outputs.problems_file) == cohort.problems
    included = read_frame(outputs.contrasts_file)["included"].tolist()
    assert included == [True] * 5 + [False]


def test_load_cohort_refuses_an_unknown_policy(run, dataset_file):
    """The error of the library comes through the node."""
    record = to_record(Analysis("a", outside="maybe"))
    with pytest.raises(UsageError, match="maybe"):
        run(LoadCohort(dataset_file=dataset_file, analysis=record))


def test_load_cohort_refuses_a_damaged_dataset(run, tmp_path, dataset_file):
    """A dataset that was cut off is an error of the data."""
    cut = tmp_path / "cut.npz"
    cut.write_bytes(Path(dataset_file).read_bytes()[:-50])
    with pytest.raises(DataError, match=r"cut\.npz"):
        run(LoadCohort(dataset_file=str(cut), analysis=to_record(Analysis("a"))))


def test_modeled_activation_uses_the_kernel_of_the_estimator(run, dataset, dataset_file):
    """What is added up are the maps of the estimator's own kernel."""
    outputs = run(ModeledActivation(dataset_file=dataset_file, estimator=ESTIMATOR))
    found = modelled.load(outputs.ma_file)
    maps = ALEKernel(fwhm=12.0).transform(dataset, return_type="array")
    expected = -np.expm1(np.log1p(-maps).sum(axis=0))
    np.testing.assert_allclose(found.stat, expected, rtol=1e-12, atol=2.0**-57)


def test_modeled_activation_gives_maps_where_the_estimator_needs_them(run, dataset, dataset_file):
    """The histogram null looks at every value: the maps themselves are handed on."""
    estimator = {"type": "ALE", "args": {"kernel__fwhm": 12.0, "null_method": "histogram"}}
    outputs = run(ModeledActivation(dataset_file=dataset_file, estimator=estimator))
    expected = ALEKernel(fwhm=12.0).transform(dataset, return_type="array")
    np.testing.assert_array_equal(modelled.load(outputs.ma_file).toarray(), expected)


def test_fit_estimator_fits_what_it_is_given(run, tmp_path, dataset, dataset_file, result):
    """The result is the estimator's, from the maps of the node before."""
    maps = ALEKernel(fwhm=12.0).transform(dataset, return_type="sparse")
    sparse.save_npz(tmp_path / "ma.npz", maps)
    node = FitEstimator(dataset_file=dataset_file, estimator=ESTIMATOR)
    node.inputs.ma_file = str(tmp_path / "ma.npz")
    assert same_file(MetaResult.load(run(node).result_file), result, tmp_path)


def test_fit_estimator_does_not_compute_the_maps_again(run, tmp_path, dataset, dataset_file):
    """Other maps make another result: they are used."""
    maps = ALEKernel(fwhm=20.0).transform(dataset, return_type="sparse")
    sparse.save_npz(tmp_path / "ma.npz", maps)
    node = FitEstimator(dataset_file=dataset_file, estimator=ESTIMATOR)
    node.inputs.ma_file = str(tmp_path / "ma.npz")
    found = MetaResult.load(run(node).result_file)
    expected = -np.expm1(np.log1p(-maps.toarray()).sum(axis=0))
    # Each contrast's term is a whole number of 2**-58.
    np.testing.assert_allclose(found.maps["stat"], expected, rtol=1e-12, atol=2.0**-57)


def test_plan_montecarlo_plans_what_the_corrector_plans(run, save, result):
    """The plan is the corrector's; iterations and seed are handed on."""
    outputs = run(PlanMonteCarlo(result_file=save(result, "r.npz"), corrector=CORRECTOR))
    assert (outputs.n_iters, outputs.seed) == (30, 9)
    plan = MonteCarloPlan.load(outputs.plan_file)
    assert plan.digest == FWECorrector(**ARGS).plan(result).digest


def chunk(save, result, **inputs) -> MonteCarloChunk:
    """Chunk node of 30 iterations."""
    plan_file = save(FWECorrector(**ARGS).plan(result), "plan.npz")
    values = {"n_iters": 30, "seed": 9, "chunk": 0, "n_chunks": 1} | inputs
    return MonteCarloChunk(plan_file=plan_file, **values)


def test_montecarlo_chunk_computes_its_iterations(run, save, result, monkeypatch):
    """The second of three chunks holds the iterations 10 to 19."""
    monkeypatch.setattr("nimare_pipeline.defaults.MONTECARLO_BLOCK", 10)
    outputs = run(chunk(save, result, chunk=1, n_chunks=3, n_threads=2))
    expected = run_block(FWECorrector(**ARGS).plan(result), seed=9, first=10, n_iters=10)
    found = read_arrays(outputs.null_file)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(
    ("inputs", "bar"),
    [({}, None), ({"quiet": True}, False), ({"n_chunks": 2}, False)],
    ids=["alone", "quiet", "one of two"],
)
def test_montecarlo_chunk_draws_a_bar_only_alone_and_aloud(run, save, result, inputs, bar, told):
    """A quiet run has no bar on any terminal; bars of several chunks would overlap."""
    run(chunk(save, result, **inputs))
    assert told == [bar]


@pytest.fixture
def told(monkeypatch) -> list[bool | None]:
    """What the progress of each node was asked for: a bar, none, or one on terminals."""
    asked = []
    fair = progress.iterations

    def noted(n_iters, what, *, bar):
        asked.append(bar)
        return fair(n_iters, what, bar=False)

    monkeypatch.setattr(progress, "iterations", noted)
    return asked


def test_montecarlo_chunk_keeps_its_blocks(run, save, result, tmp_path, monkeypatch):
    """With a store every block is kept, without none."""
    monkeypatch.setattr("nimare_pipeline.defaults.MONTECARLO_BLOCK", 10)
    run(chunk(save, result, store_dir=str(tmp_path / "store")))
    assert len(list((tmp_path / "store").iterdir())) == 3


def begun(result) -> SavedNull:
    """A null of which no iteration is known."""
    return SavedNull({}, null_key(FWECorrector(**ARGS).plan(result), 9))


def test_correct_fwe_corrects_as_the_library_does(run, save, result, corrected, tmp_path):
    """The result of the chunks is that of the corrector alone."""
    null = run_block(FWECorrector(**ARGS).plan(result), seed=9, first=0, n_iters=30)
    parts = [
        str(write_arrays(tmp_path / f"{i}.npz", {k: v[span] for k, v in null.items()}))
        for i, span in enumerate((slice(20), slice(20, None)))
    ]
    outputs = run(
        CorrectFWE(
            result_file=save(result, "r.npz"), corrector=CORRECTOR, n_iters=30, null_files=parts,
            saved_file=save(begun(result), "saved.npz"),
        )
    )  # fmt: skip
    assert same_file(MetaResult.load(outputs.result_file), corrected, tmp_path)


def test_correct_fwe_refuses_an_incomplete_null(run, save, result, tmp_path):
    """A chunk that is missing is noticed."""
    null = run_block(FWECorrector(**ARGS).plan(result), seed=9, first=0, n_iters=20)
    part = str(write_arrays(tmp_path / "0.npz", null))
    node = CorrectFWE(
        result_file=save(result, "r.npz"), corrector=CORRECTOR, n_iters=30, null_files=[part],
        saved_file=save(begun(result), "saved.npz"),
    )  # fmt: skip
    with pytest.raises(DataError, match="chunks hold 20 iterations, expected 30"):
        run(node)


@pytest.fixture
def tables(dataset, tmp_path) -> dict[str, str]:
    """Files of the tables of the cohort."""
    cohort = make_cohort(dataset, Analysis("a"))
    return {
        "contrasts_file": str(write_frame(tmp_path / "contrasts.json", cohort.contrasts)),
        "coordinates_file": str(write_frame(tmp_path / "coordinates.json", cohort.coordinates)),
    }


@pytest.mark.parametrize(("alpha", "level"), [(0.5, "size"), (0.9, "voxel")])
def test_cluster_table_tabulates(run, save, corrected, tables, alpha, level):
    """Table and labels are those of the library, for any alpha and level."""
    foci = read_frame(tables["coordinates_file"])
    node = ClusterTable(result_file=save(corrected, "r.npz"), alpha=alpha, level=level)
    node.inputs.coordinates_file = tables["coordinates_file"]
    outputs = run(node)
    expected = cluster_table(corrected, alpha=alpha, level=level, foci=foci)
    assert len(expected.clusters) > 0
    pd.testing.assert_frame_equal(read_frame(outputs.clusters_file), expected.clusters)
    np.testing.assert_array_equal(read_arrays(outputs.label_file)["labels"], expected.label_map)


@pytest.fixture
def clusters(corrected, tables, tmp_path) -> dict[str, str]:
    """Files of the clusters."""
    found = cluster_table(corrected, alpha=0.5, foci=read_frame(tables["coordinates_file"]))
    labels = write_arrays(tmp_path / "labels.npz", {"labels": found.label_map})
    return {
        "clusters_file": str(write_frame(tmp_path / "clusters.json", found.clusters)),
        "label_file": str(labels),
    }


def test_draw_figures_hands_everything_to_the_drawing(
    run, save, corrected, tables, clusters, tmp_path, monkeypatch
):
    """Result, tables, labels and alpha reach the drawing; its folder is handed on."""
    given = {}

    def draw_all(result, *, out_dir, **inputs):
        given.update(inputs, result=result)
        out_dir.mkdir()

    monkeypatch.setattr("nimare_pipeline.reports.figures.draw_all", draw_all)
    node = DrawFigures(
        result_file=save(corrected, "r.npz"), label_file=clusters["label_file"], alpha=0.5
    )
    node.inputs.trait_set(**tables)
    assert run(node).figures_dir == str(tmp_path / "node" / "figures")
    assert same_file(given["result"], corrected, tmp_path)
    for name in ("contrasts", "coordinates"):
        pd.testing.assert_frame_equal(given[name], read_frame(tables[f"{name}_file"]))
    labels = read_arrays(clusters["label_file"])["labels"]
    np.testing.assert_array_equal(given["labels"], labels)
    assert given["alpha"] == 0.5


def test_write_derivatives_writes_everything(
    run, save, corrected, tables, clusters, dataset_file, tmp_path
):
    """Maps, tables, problems of reading and selecting, figures and the dataset are written."""
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "foci.svg").write_text("<svg/>")
    problems = write_problems(
        tmp_path / "p.json", make_cohort(Dataset.load(dataset_file), Analysis("a")).problems
    )
    settings = Settings("/in", "/out", "/scratch", "uuid", mask_file="/mask.nii.gz")
    node = WriteDerivatives(
        analysis=to_record(Analysis("a", alpha=0.5)),
        settings=to_record(settings),
        stage_dir=str(tmp_path / "stage"),
        dataset_file=dataset_file,
        result_file=save(corrected, "r.npz"),
        problems_file=str(problems),
        problems=[{"level": "warning", "message": "read oddly", "file": "x.txt"}],
        figures_dir=str(tmp_path / "figures"),
    )
    node.inputs.trait_set(**tables, **clusters)
    assert run(node).stage_dir == str(tmp_path / "stage")
    written = [path for path in (tmp_path / "stage").rglob("*") if path.is_file()]
    names = " ".join(path.name for path in written)
    for part in ("stat-z_statmap.nii.gz", "_clusters.tsv", "_contrasts.tsv", "foci_figure.svg"):
        assert part in names
    problems_tsv = next(path for path in written if path.name.endswith("_problems.tsv"))
    assert "read oddly" in problems_tsv.read_text()
    assert any("sourcedata" in path.parts for path in written)
