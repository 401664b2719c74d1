"""The container image a run is in, as BIDS wants it recorded."""

import os
from collections.abc import Mapping

from nimare_pipeline import __version__

IMAGE = "NIMARE_PIPELINE_IMAGE"
"""Set by the image: its name, with its tag unless that is the version of the program."""
IMAGE_URI = "NIMARE_PIPELINE_IMAGE_URI"
"""May be set by who runs it: where exactly the image is from, with its digest."""
_APPTAINER = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
"""Set by Apptainer and Singularity: path of the image file."""


def container(environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """``Type``, ``Tag`` and ``URI`` of the image this process runs in; None outside of it.

    Parameters
    ----------
    environ : mapping
        The environment to look at; the process's own by default.
    """
    image = environ.get(IMAGE)
    if not image:
        return None
    # A colon before the last slash belongs to a port.
    tag = image if ":" in image.rpartition("/")[2] else f"{image}:{__version__}"
    found = {"Type": _engine(environ), "Tag": tag, "URI": environ.get(IMAGE_URI, "")}
    return {name: value for name, value in found.items() if value}


def _engine(environ: Mapping[str, str]) -> str:
    """What runs the container, as far as it says so."""
    if any(environ.get(name) for name in _APPTAINER):
        return "apptainer"
    # podman, lxc and systemd-nspawn say who they are; Docker does not.
    return environ.get("container", "docker")
