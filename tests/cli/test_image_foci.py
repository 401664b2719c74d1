"""Foci that are peaks of images, from the command line and from an analysis file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.io import read
from nimare_pipeline.spaces import analysis_mask
from nimare_pipeline.transforms import ImagesToCoordinates
from tests.cli.program import Ended, call_inside, undrawn
from tests.images import write_studies

FEW = ("--n-iters", "20")
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
