"""Results say what image they are from."""

import pytest

from nimare_pipeline import __version__
from nimare_pipeline.cli.container import container


def test_outside_of_an_image_there_is_nothing_to_say() -> None:
    """Not even inside of somebody else's image."""
    assert container({}) is None
    assert container({"container": "podman", "APPTAINER_CONTAINER": "/x.sif"}) is None


@pytest.mark.parametrize(
    ("environ", "engine"),
    [
        ({}, "docker"),
        ({"container": "podman"}, "podman"),
        ({"APPTAINER_CONTAINER": "/x.sif"}, "apptainer"),
        ({"SINGULARITY_CONTAINER": "/x.sif", "container": "podman"}, "apptainer"),
    ],
)
def test_engine_is_named(environ: dict[str, str], engine: str) -> None:
    """By what the engines set themselves."""
    assert container({"NIMARE_PIPELINE_IMAGE": "a:1", **environ}) == {"Type": engine, "Tag": "a:1"}


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("a", f"a:{__version__}"),
        ("a:2", "a:2"),
        ("registry:5000/a", f"registry:5000/a:{__version__}"),
        ("registry:5000/a:2", "registry:5000/a:2"),
    ],
)
def test_tag_is_the_version_unless_it_says_so(image: str, tag: str) -> None:
    """An image that was built without a tag still says what is in it."""
    found = container({"NIMARE_PIPELINE_IMAGE": image})
    assert found is not None
    assert found["Tag"] == tag


def test_where_it_is_from() -> None:
    """The digest is known to who runs the image only, so it comes from there."""
    found = container(
        {"NIMARE_PIPELINE_IMAGE": "a:1", "NIMARE_PIPELINE_IMAGE_URI": "r/a@sha256:0"}
    )
    assert found == {"Type": "docker", "Tag": "a:1", "URI": "r/a@sha256:0"}
