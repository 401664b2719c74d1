"""Estimators, kernels and correctors by the names that command line and model files use."""

import difflib
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from nimare_pipeline.errors import UsageError
from nimare_pipeline.settings import Component

# Places, not classes: naming an estimator must not import all of them.
ESTIMATORS: Mapping[str, str] = {
    "ALE": "nimare_pipeline.meta.cbma.ale",
    "MKDADensity": "nimare_pipeline.meta.cbma.mkda",
    "KDA": "nimare_pipeline.meta.cbma.mkda",
}
PAIR_ESTIMATORS: Mapping[str, str] = {
    "ALESubtraction": "nimare_pipeline.meta.cbma.ale_subtraction",
    "BalancedALESubtraction": "nimare_pipeline.meta.cbma.balanced_subtraction",
    "MKDAChi2": "nimare_pipeline.meta.cbma.mkda_chi2",
}
"""Estimators of a difference between two groups; their ``fit`` takes two datasets."""
POOL_ESTIMATORS: Mapping[str, str] = {"SCALE": "nimare_pipeline.meta.cbma.scale"}
"""Estimators of one group whose null draws from a pool of foci; see ``null_foci``."""
IMAGE_ESTIMATORS: Mapping[str, str] = {
    "DerSimonianLaird": "nimare_pipeline.meta.ibma.regression",
    "Hedges": "nimare_pipeline.meta.ibma.regression",
    "PauleMandel": "nimare_pipeline.meta.ibma.regression",
    "VarianceBasedLikelihood": "nimare_pipeline.meta.ibma.regression",
    "SampleSizeBasedLikelihood": "nimare_pipeline.meta.ibma.sample_size",
    "WeightedLeastSquares": "nimare_pipeline.meta.ibma.regression",
    "FixedEffectsHedges": "nimare_pipeline.meta.ibma.regression",
    "WeightedMedian": "nimare_pipeline.meta.ibma.robust",
    "PermutedOLS": "nimare_pipeline.meta.ibma.permuted",
    "Stouffers": "nimare_pipeline.meta.ibma.combination",
    "Fishers": "nimare_pipeline.meta.ibma.combination",
}
"""Estimators of an effect from statistical images."""


VOXELS_ONLY = ("SCALE", "BalancedALESubtraction")
"""Estimators without clusters: their null says which voxels are significant, and no more."""
MONTECARLO_ONLY = ("BalancedALESubtraction",)
"""Those of them without an uncorrected p: the Monte Carlo correction judges them, no other."""
_CALLED: Mapping[str, Mapping[str, str]] = {
    "BalancedALESubtraction": {"fwe_null_method": "null_method", "null_method": ""}
}
"""Keywords that an estimator calls otherwise, or has not, though another of its has the name."""
NO_TFCE: Mapping[str, str] = {
    "SCALE": "has a null of its own at each voxel",
    "BalancedALESubtraction": "is corrected as it is fitted, by its largest difference",
}
"""Estimators that cannot be enhanced without threshold, and why not."""
NO_SIGN_FLIPS = (
    "VarianceBasedLikelihood", "PauleMandel", "SampleSizeBasedLikelihood", "WeightedMedian"
)  # fmt: skip
"""Estimators of images without a Monte Carlo correction."""
CORRECTORS: Mapping[str, str] = {
    "FWECorrector": "nimare_pipeline.correct",
    "FDRCorrector": "nimare_pipeline.correct",
}


def all_estimators() -> dict[str, str]:
    """Every estimator, by name."""
    return {**ESTIMATORS, **PAIR_ESTIMATORS, **POOL_ESTIMATORS, **IMAGE_ESTIMATORS}


def get_estimator(component: Component) -> Any:
    """Estimator with its parameters set.

    Raises
    ------
    UsageError
        For an unknown name or keyword, with what is accepted.
    """
    return _make("estimator", all_estimators(), component)


def refusal_of_tfce(name: str) -> str:
    """Say why an estimator of ``NO_TFCE`` cannot be enhanced, and which can."""
    known = ", ".join(one for one in all_estimators() if one not in NO_TFCE)
    return f"{name} {NO_TFCE[name]}; tfce is for {known}"


def draws(component: Component) -> bool:
    """Whether an estimator draws at random, so that a seed has an effect on it."""
    estimator = get_estimator(component)
    return "seed" in estimator.get_params() and "seed" not in estimator.without_effect()


def permutes(name: str) -> bool:
    """Whether an estimator of two groups permutes in its ``fit``, and so takes ``n_iters``."""
    return "n_iters" in accepted_keywords("estimator", name)


def own_keyword(estimator: str, usual: str) -> str:
    """Name that an estimator has for what most call otherwise; empty if it has no such thing."""
    return _CALLED.get(estimator, {}).get(usual, usual)


def get_corrector(component: Component) -> Any:
    """Corrector with its parameters set.

    Raises
    ------
    UsageError
        For an unknown name or keyword, with what is accepted.
    """
    return _make("corrector", CORRECTORS, component)


def accepted_keywords(kind: str, name: str) -> tuple[str, ...]:
    """Keywords that an estimator or corrector accepts, those of its kernel as ``kernel__<name>``.

    Parameters
    ----------
    kind : "estimator" or "corrector"
        Which register to look in.
    name : str
        Name in that register.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    registers = {"estimator": all_estimators(), "corrector": CORRECTORS}
    register = registers[kind]
    return tuple(_find(kind, register, name)().get_params())


def _make(kind: str, register: Mapping[str, str], component: Component) -> Any:
    made_by = _find(kind, register, component.type)
    accepted = accepted_keywords(kind, component.type)
    unknown = sorted(set(component.args) - set(accepted))
    if unknown:
        msg = (
            f"{component.type} has no keyword {', '.join(map(repr, unknown))}"
            f"{_nearest(unknown[0], accepted)}; it accepts: {', '.join(accepted)}"
        )
        raise UsageError(msg)
    made = made_by(**component.args)
    idle = sorted(set(component.args) & set(made.without_effect()))
    if idle:
        msg = (
            f"{component.type}: {', '.join(idle)} would have no effect with {_chosen(made, idle)}"
        )
        raise UsageError(msg)
    return made


def _chosen(made: Any, idle: Sequence[str]) -> str:
    """What decides which parameters count: the method, in words."""
    powers = ["tfce"] if any(name.startswith("tfce_") for name in idle) else []
    return ", ".join(
        f"{name} {getattr(made, name)!r}"
        for name in ("method", "null_method", "weighting", *powers)
        if hasattr(made, name)
    )


def _find(kind: str, register: Mapping[str, str], name: str) -> Any:
    if name not in register:
        known = ", ".join(register)
        msg = f"there is no {kind} {name!r}{_nearest(name, register)}; there is: {known}"
        raise UsageError(msg)
    return getattr(import_module(register[name]), name)


def _nearest(name: str, known: Any) -> str:
    by_lower = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(by_lower[word] for word in near)}?)" if near else ""
