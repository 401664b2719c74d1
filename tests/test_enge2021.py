"""A published ALE paper from its Sleuth file: Enge, Abdel Rahman & Skeide 2021.

Made with NiMARE 0.0.9, 1,000 iterations, clusters of p < .001 at p < .01 (doi
10.1016/j.neuroimage.2021.118436). Its maps join voxels that share an edge (18), so that sizes are
counted again with faces; NiMARE 0.22.1 gave the null of reference/nimare_enge.npz.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, ks_2samp, norm

from nimare_pipeline.io import convert_sleuth_to_dataset
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.numerics.clusters import cluster_sizes, label
from tests.cli.program import call_inside, undrawn

ANALYSES = """\
# The ALE analyses of the paper, as its NiMARE rounded and redrew foci.
[defaults]
alpha = 0.01
estimator = {type = "ALE", args = {kernel__voxelization = "truncate"}}
corrector = {type = "FWECorrector", args = {method = "montecarlo", null_outside = "inside"}}

[[analysis]]
name = "all"
sources = ["all.txt"]

[[analysis]]
name = "knowledge"
sources = ["knowledge.txt"]

[[analysis]]
name = "relatedness"
sources = ["relatedness.txt"]

[[analysis]]
name = "objects"
sources = ["objects.txt"]
"""
PEER = Path(__file__).parent / "reference" / "nimare_enge.npz"


@dataclass(frozen=True)
class Paper:
    """The published maps, turned to the orientation of ours, and Table 2."""

    ale: NDArray[np.float64]
    z: NDArray[np.float64]
    significant: NDArray[np.bool_]
    sizes: list[int]
    table: pd.DataFrame


@dataclass(frozen=True)
class Run:
    """What the command line left."""

    folder: Path

    def one(self, ending: str) -> Path:
        (path,) = self.folder.glob(f"tpl-*/cohort-all/*{ending}")
        return path

    def map(self, ending: str) -> NDArray[np.float64]:
        image = nib.load(self.one(f"{ending}_statmap.nii.gz"))
        assert image.affine[0, 0] > 0, "x runs to the right"
        return np.asarray(image.dataobj, dtype=float)

    @property
    def clusters(self) -> pd.DataFrame:
        table = pd.read_csv(self.one("_clusters.tsv"), sep="\t")
        return table[table["n_voxels"].notna()].reset_index(drop=True)

    @property
    def null(self) -> pd.DataFrame:
        path = self.one("montecarlo_nulldist.tsv.gz")
        columns = json.loads(path.with_suffix("").with_suffix(".json").read_text())["Columns"]
        with gzip.open(path) as stream:
            return pd.read_csv(stream, sep="\t", names=columns)


@pytest.fixture(scope="module")
def paper(shared_data: Path) -> Paper:
    folder = shared_data / "references" / "enge2021"

    def mirrored(name: str) -> NDArray[np.float64]:
        image = nib.load(folder / name)
        assert image.affine[0, 0] < 0, "x runs to the left"
        return np.asarray(image.dataobj, dtype=float)[::-1]

    significant = mirrored("all_z_thresh.nii.gz") > 0
    labels, n = label(significant)
    table = pd.read_csv(folder / "tab2_children.tsv", sep="\t").head(8)
    return Paper(
        ale=mirrored("all_stat.nii.gz"),
        z=mirrored("all_z.nii.gz"),
        significant=significant,
        sizes=sorted(cluster_sizes(labels, n).tolist(), reverse=True),
        table=table,
    )


@pytest.fixture(scope="module")
def run(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    studies, out = (tmp_path_factory.mktemp("enge") / name for name in ("studies", "out"))
    studies.mkdir()
    for name in ("all", "knowledge", "relatedness", "objects"):
        source = shared_data / "references" / "enge2021" / f"{name}.txt"
        (studies / source.name).write_bytes(source.read_bytes())
    (studies / "analyses.toml").write_text(ANALYSES)
    with undrawn():
        ended = call_inside(studies, out, "meta", "--analysis", "all")
    assert ended.code == 0, ended.err
    return Run(out)


def test_sizes_of_the_published_table(paper: Paper) -> None:
    """Its sizes are those of its map joined by edges; by faces 11 voxels part from the first."""
    published = [int(size.replace(",", "")) // 8 for size in paper.table["Size (mm3)"]]
    assert published == [1279, 717, 414, 359, 313, 232, 183, 11]
    assert paper.sizes == published


def test_ale_map(paper: Paper, run: Run) -> None:
    """ALE of all 50 experiments at every voxel within 1e-6 (2e-9 in fact)."""
    assert np.abs(run.map("stat-ale") - paper.ale).max() < 5e-9


@pytest.mark.parametrize("name", ["knowledge", "relatedness"])
def test_ale_maps_of_its_tasks(shared_data: Path, name: str) -> None:
    """The ALE maps of two of its subsets, too."""
    folder = shared_data / "references" / "semantic_children"
    dataset = convert_sleuth_to_dataset(folder / f"{name}.txt")
    ale = ALE(kernel__voxelization="truncate").fit(dataset).maps["stat"]
    published = np.asarray(nib.load(folder / f"{name}_stat.nii.gz").dataobj, dtype=float)[::-1]
    assert np.abs(ale - published[dataset.mask.inside]).max() < 5e-9


def test_z_map(paper: Paper, run: Run) -> None:
    """The exact z is that of its binned null within .06 wherever anything is found."""
    z = run.map("model-ALE_stat-z")
    found = z > 2
    assert np.abs(z - paper.z)[found].max() < 0.06


def test_seven_clusters(paper: Paper, run: Run) -> None:
    """The seven clusters of Table 2 at p < .01: peaks within a voxel, z and sizes."""
    clusters = run.clusters
    table = paper.table.head(7)
    assert len(clusters) == 7
    peaks = table[["Peak X", "Peak Y", "Peak Z"]].to_numpy(dtype=float)
    assert np.abs(clusters[["x", "y", "z"]].to_numpy() - peaks).max() <= 2
    assert np.abs(clusters["z_stat"] - table["Peak z"].astype(float)).max() < 0.06
    sizes = clusters["n_voxels"].to_numpy(dtype=float)
    assert np.abs(sizes / paper.sizes[:7] - 1).max() < 0.03
    assert (clusters["p_size_fwe"] < 0.01).all()


def test_eighth_cluster_is_a_corner_of_the_first(paper: Paper, run: Run) -> None:
    """The 88 mm3 in the last row of Table 2 touch its first cluster by an edge; alone, they go."""
    first, last = (tuple(np.array(mm) // 2 + [45, 63, 36]) for mm in ([-44, 18, 24], [-38, 36, 6]))
    by_edges, _ = label(paper.significant, "edges")
    assert by_edges[last] == by_edges[first] > 0
    by_faces, n = label(run.map("model-ALE_stat-z") > norm.isf(0.001))
    assert by_faces[last] != by_faces[first]
    assert cluster_sizes(by_faces, n)[by_faces[last] - 1] < 20


@pytest.mark.parametrize("column", ["max_stat", "max_size", "max_mass"])
def test_null_is_that_of_nimare(run: Run, column: str) -> None:
    """The largest ALE, size and mass of 10,000 draws are distributed as NiMARE's 1,000 are."""
    peer = np.load(PEER)[column.replace("stat", "ale")]
    assert ks_2samp(run.null[column], peer).pvalue > 0.05


@pytest.mark.parametrize(
    ("column", "level", "figure"),
    [
        ("max_stat", 0.95, 0.028985),
        ("max_stat", 0.99, 0.031966),
        ("max_size", 0.95, 98.05),
        ("max_size", 0.99, 120),
        ("max_mass", 0.95, 0.3607),
    ],
)
def test_thresholds(run: Run, column: str, level: float, figure: float) -> None:
    """NiMARE's thresholds are what 1,000 draws from our null may give (99 % interval).

    The quantile of 1,000 draws is an order statistic whose rank in the whole null is binomial.
    """
    low, high = (binom.ppf(q, 1000, level) / 1000 for q in (0.005, 0.995))
    assert np.quantile(run.null[column], low) <= figure <= np.quantile(run.null[column], high)
