"""Compile everything ahead: ``python -m nimare_pipeline.cli.warm FOLDER``, as the image is built.

What Numba compiles depends on the types a loop is called with, so the loops are called as runs
call them: small analyses of the example, and of a few images, with every estimator and every way
to its null.
"""

import logging
import os
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from nimare_pipeline.cli import compiled

_LOGGER = logging.getLogger("nimare_pipeline")
_EXAMPLE = Path(__file__).parents[1] / "data" / "examples" / "pain" / "pain.json"
_N_ITERS = 2
_VOXEL_THRESH = 0.5
"""So low that a null of so few iterations reaches it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Fill a folder with compiled code and say what it holds.

    Parameters
    ----------
    argv : sequence of str, optional
        The folder; what is in it is replaced.

    Returns
    -------
    int
        Exit code: 70 if there is a compiled function that the warm-up does not reach.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 1 or words[0].startswith("-"):
        print("usage: python -m nimare_pipeline.cli.warm FOLDER", file=sys.stderr)
        return 64
    folder = Path(words[0])
    target = compiled.target_here()
    with tempfile.TemporaryDirectory() as fresh:
        os.environ.update(target.variables, NUMBA_CACHE_DIR=fresh, MPLBACKEND="Agg")
        warm_up()
        missed = sorted(never_compiled())
        if missed:
            print(f"no analysis of the warm-up calls {', '.join(missed)}", file=sys.stderr)
            return 70
        compiled.write_target(Path(fresh), target)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(fresh, folder)
    _open_to_all(folder)
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    print(
        f"{folder}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB, compiled for {target.cpu_name}"
    )
    return 0


def warm_up() -> None:
    """Call every compiled loop with the types that runs call it with."""
    from nimare_pipeline.cli.warm_images import warm_up_images
    from nimare_pipeline.correct import FWECorrector
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.meta.cbma.balanced_subtraction import (
        NULL_METHODS,
        BalancedALESubtraction,
    )
    from nimare_pipeline.meta.cbma.scale import SCALE
    from nimare_pipeline.registry import (
        ESTIMATORS,
        NO_TFCE,
        PAIR_ESTIMATORS,
        accepted_keywords,
        get_estimator,
    )
    from nimare_pipeline.settings import Component

    dataset = Dataset(str(_EXAMPLE))
    ids = list(dataset.ids)
    groups = dataset.slice(ids[::2]), dataset.slice(ids[1::2])
    for name in ESTIMATORS:
        for args in _variants(name):
            result = get_estimator(Component(name, args)).fit(dataset)
            for tfce in (False, True):
                FWECorrector(
                    n_iters=_N_ITERS, voxel_thresh=_VOXEL_THRESH, n_cores=2, tfce=tfce
                ).transform(result)
    SCALE(dataset, n_iters=_N_ITERS).fit(dataset)
    for name in PAIR_ESTIMATORS:
        few: dict[str, Any] = {
            word: _N_ITERS
            for word in ("n_iters", "n_subsamples")
            if word in accepted_keywords("estimator", name)
        }
        result = get_estimator(Component(name, few)).fit(*groups)
        for tfce in (False,) if name in NO_TFCE else (False, True):
            FWECorrector(n_iters=_N_ITERS, voxel_thresh=_VOXEL_THRESH, tfce=tfce).transform(result)
    for null_method in NULL_METHODS:
        BalancedALESubtraction(
            null_method=null_method, n_iters=_N_ITERS, n_subsamples=_N_ITERS
        ).fit(*groups)
    warm_up_images(_N_ITERS)


def never_compiled() -> Iterator[str]:
    """Compiled functions of the package that this process has not called yet."""
    from numba.core.registry import CPUDispatcher

    from nimare_pipeline import numerics

    for found in pkgutil.iter_modules(numerics.__path__, f"{numerics.__name__}."):
        for value in vars(import_module(found.name)).values():
            if isinstance(value, CPUDispatcher) and not value.signatures:
                yield f"{value.py_func.__module__}.{value.py_func.__qualname__}"


def _variants(estimator: str) -> Iterator[dict[str, Any]]:
    """Arguments that lead to other loops, or to the same with other types."""
    from nimare_pipeline import defaults
    from nimare_pipeline.registry import accepted_keywords, get_estimator
    from nimare_pipeline.settings import Component

    accepted = accepted_keywords("estimator", estimator)
    for method in get_estimator(Component(estimator)).null_methods:
        few = {"n_iters": _N_ITERS} if method == "montecarlo" else {}
        yield {"null_method": method, **few}
    for rule in defaults.VOXELIZATIONS:
        yield {"kernel__voxelization": rule}
    if "weighting" in accepted:
        yield {"weighting": "sample_size"}


def _open_to_all(folder: Path) -> None:
    """Let any user read what is there, whoever made it."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    sys.exit(main())
