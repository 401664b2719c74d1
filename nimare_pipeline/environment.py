"""What a run ran on: versions of the packages its numbers come from, and the machine."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "numba",
    "nibabel",
    "nilearn",
    "nipype",
    "pybids",
    "statsmodels",
    "matplotlib",
    "jinja2",
)
"""Distributions whose versions are recorded."""

_CPUINFO = Path("/proc/cpuinfo")


def versions() -> dict[str, str]:
    """Versions of Python and of ``PACKAGES``; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def machine() -> dict[str, str]:
    """Operating system, architecture and processor: images are the same per processor family."""
    found = {
        "System": platform.system(),
        "Architecture": platform.machine(),
        "Processor": _processor(),
    }
    return {name: value for name, value in found.items() if value}


def _processor() -> str:
    """Model name of the processor, from Linux if it is that; empty if nobody says."""
    with suppress(OSError):
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor()
