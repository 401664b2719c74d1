"""Interfaces of image-based analyses as nodes: files in, one call of the library, files out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nipype.pipeline import engine as pe

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError
from nimare_pipeline.generate import create_image_dataset
from nimare_pipeline.image_cohort import make_image_cohort
from nimare_pipeline.images import ImageStack, load_images
from nimare_pipeline.interfaces.ibma import CheckImages, FitImages, TransformImages
from nimare_pipeline.interfaces.records import (
    read_frame,
    read_problems,
    to_record,
    write_frame,
    write_problems,
)
from nimare_pipeline.meta.ibma import Stouffers
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Analysis, Component
from nimare_pipeline.stack_transforms import transform_stack
from nimare_pipeline.transform_rules import people_of
from tests.images import box

ANALYSIS = Analysis(
    "images", "ibma", Component("Stouffers"), Component("FDRCorrector", {"method": "indep"})
)
"""Takes z; the studies have t."""


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("studies")
    return create_image_dataset(folder, n_studies=5, kinds=("t",), mask=box())[0]


@pytest.fixture
def cohort(studies: Dataset, tmp_path: Path) -> dict[str, str]:
    """Files of the selected studies."""
    made = make_image_cohort(studies, ANALYSIS)
    return {
        "dataset_file": str(made.dataset.save(tmp_path / "dataset.npz")),
        "contrasts_file": str(write_frame(tmp_path / "contrasts.npz", made.contrasts)),
        "problems_file": str(write_problems(tmp_path / "problems.json", list(made.problems))),
    }


def run(interface: Any, folder: Path) -> Any:
    """Outputs of an interface that is a node in a folder of its own."""
    name = type(interface).__name__
    outputs = pe.Node(interface, name=name, base_dir=str(folder)).run().outputs
    for value in outputs.get().values():
        assert Path(value).parent == folder / name
    return outputs


def test_images_are_checked(cohort, studies, tmp_path) -> None:
    """The stack has the values of the files; every image is a row of the checks."""
    outputs = run(CheckImages(analysis=to_record(ANALYSIS), **cohort), tmp_path)
    stack, (expected, _) = ImageStack.load(outputs.images_file), load_images(studies)
    assert stack.ids == expected.ids
    np.testing.assert_array_equal(stack.values["t"], expected.values["t"])
    assert read_frame(outputs.checks_file)["accepted"].tolist() == [True] * 5
    assert Dataset.load(outputs.dataset_file).ids.tolist() == studies.ids.tolist()
    assert read_problems(outputs.problems_file) == read_problems(cohort["problems_file"])


def test_refused_image_ends_the_node(cohort, studies, tmp_path) -> None:
    """An image that cannot be read is an error with its name."""
    path = Path(studies.images["t"].iloc[2])
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    try:
        with pytest.raises(DataError, match="--on-bad-image exclude"):
            run(CheckImages(analysis=to_record(ANALYSIS), **cohort), tmp_path)
    finally:
        path.write_bytes(whole)


def test_missing_images_are_made(studies, tmp_path) -> None:
    """z is added to what was read; who of it was made is kept."""
    images, _ = load_images(studies)
    outputs = run(
        TransformImages(
            analysis=to_record(ANALYSIS),
            dataset_file=str(studies.save(tmp_path / "dataset.npz")),
            images_file=str(images.save(tmp_path / "images.npz")),
        ),
        tmp_path,
    )
    made = ImageStack.load(outputs.images_file)
    expected = transform_stack(images, ("z",), people_of(studies))
    np.testing.assert_array_equal(made.values["z"], expected.values["z"])
    assert made.made["z"] == tuple(studies.ids)


def test_estimator_is_fitted(studies, tmp_path) -> None:
    """The node's result is the estimator's, whatever the number of threads."""
    images = transform_stack(load_images(studies)[0], ("z",), people_of(studies))
    outputs = run(
        FitImages(
            estimator={"type": "Stouffers", "args": {}},
            dataset_file=str(studies.save(tmp_path / "dataset.npz")),
            images_file=str(images.save(tmp_path / "images.npz")),
            n_threads=2,
        ),
        tmp_path,
    )
    found = MetaResult.load(outputs.result_file)
    expected = Stouffers().fit(studies, images=images)
    assert found.maps.keys() == expected.maps.keys()
    for name, values in expected.maps.items():
        np.testing.assert_array_equal(found.maps[name], values)
