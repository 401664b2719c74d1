"""Code compiled ahead, as the image ships it: found whoever runs it, on whatever processor.

Numba files compiled code under the name and the features of the processor, reads it from a folder
only if it may write there, and gives up where it may write nowhere. So what is shipped is compiled
for one processor that (nearly) all are able to stand in for, and a run works on a copy of its own.
"""

import json
import os
import platform
import shutil
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

TARGET_FILE = "target.json"
"""Lies in a folder of code compiled ahead, and says what processor it is for."""


@dataclass(frozen=True)
class Target:
    """A processor to compile for.

    Parameters
    ----------
    cpu_name, cpu_features : str
        As LLVM calls them. No features means those that come with the name.
    requires : tuple of str
        What a processor must have to run the code, as LLVM calls it.
    """

    cpu_name: str
    cpu_features: str = ""
    requires: tuple[str, ...] = ()

    @property
    def variables(self) -> dict[str, str]:
        """Environment in which Numba compiles for this target, and finds what was compiled."""
        return {"NUMBA_CPU_NAME": self.cpu_name, "NUMBA_CPU_FEATURES": self.cpu_features}


TARGETS = {
    "x86_64": Target(
        "x86-64-v3", requires=("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
    )
}
"""By architecture. Level 3 of x86-64: Intel since 2013, AMD since 2015."""
LEAST = Target("generic")
"""Elsewhere what every processor of the architecture has; on 64-bit ARM that includes vectors."""


def target_here() -> Target:
    """What to compile for on this architecture, so that the code runs on others of its kind."""
    return TARGETS.get(platform.machine(), LEAST)


def write_target(folder: Path, target: Target) -> None:
    """Mark a folder of compiled code as compiled ahead for a target."""
    text = json.dumps(asdict(target), indent=2) + "\n"
    (folder / TARGET_FILE).write_text(text, encoding="utf-8")


def read_target(folder: Path) -> Target | None:
    """Target of a folder of code compiled ahead; None if it is none, or not to be read."""
    try:
        record = json.loads((folder / TARGET_FILE).read_text(encoding="utf-8"))
        return Target(record["cpu_name"], record["cpu_features"], tuple(record["requires"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def prepare(environ: MutableMapping[str, str], folder: str) -> None:
    """Let this run find the code that was compiled ahead, if there is any.

    Does nothing unless ``NUMBA_CACHE_DIR`` is a folder that ``nimare_pipeline.cli.warm`` filled.
    A processor that cannot run that code, or one that the user names, gets its own.

    Parameters
    ----------
    environ : mutable mapping
        The environment to prepare, before Numba is imported.
    folder : str
        Private folder of this run, for the copy.
    """
    shipped = Path(environ.get("NUMBA_CACHE_DIR", ""))
    target = read_target(shipped)
    if target is None:
        return
    own = Path(folder) / "compiled"
    if "NUMBA_CPU_NAME" in environ or not _runs(target):
        environ["NUMBA_CACHE_DIR"] = str(own)
        return
    environ.update(target.variables)
    if not _writable(shipped):
        environ["NUMBA_CACHE_DIR"] = str(own)
        _copy(shipped, own)


def _runs(target: Target) -> bool:
    """Whether this processor has what a target requires."""
    if not target.requires:
        return True
    # Comes with Numba, which asks it the same; /proc/cpuinfo is not everywhere.
    from llvmlite import binding

    try:
        found = binding.get_host_cpu_features()
    except RuntimeError:
        return False
    return all(found.get(feature, False) for feature in target.requires)


def _copy(shipped: Path, own: Path) -> None:
    """Copy with times, because Numba may compare them; all or, for want of room, none.

    Without the code a run compiles it again, which takes some seconds and changes no result.
    """
    try:
        shutil.copytree(shipped, own)
    except OSError:
        with suppress(OSError):
            shutil.rmtree(own)


def _writable(folder: Path) -> bool:
    """Whether Numba could add to a folder and to those in it; a read-only disk says no as well."""
    return all(os.access(path, os.W_OK) for path in (folder, *folder.iterdir()) if path.is_dir())
