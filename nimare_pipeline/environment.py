"""What a run ran on: versions of the packages its numbers come from, and the machine."""

import hashlib
import platform
from contextlib import suppress
from functools import cache
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


@cache
def code_digest() -> str:
    """Digest of the source text of the package, but for the command line, which computes nothing.

    Changed code must not pass for the code that made an earlier result.
    """
    root = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(("cli/", "workflows/")):
            digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


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
