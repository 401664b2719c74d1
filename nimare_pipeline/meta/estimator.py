"""What estimators, kernels and correctors have in common: parameters that can be read and set."""

import inspect
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from nimare_pipeline.errors import UsageError
from nimare_pipeline.settings import Component

KERNEL_PREFIX = "kernel__"


class Parametrised:
    """Object whose constructor keywords are its parameters, as in scikit-learn."""

    @classmethod
    def _parameter_names(cls) -> list[str]:
        variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        return [
            name
            for name, parameter in inspect.signature(cls).parameters.items()
            if parameter.kind not in variable
        ]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - sklearn's
        """Parameters by name; with ``deep`` those of the kernel too, as ``kernel__<name>``."""
        params = {name: getattr(self, name) for name in self._parameter_names()}
        kernel = params.get("kernel_transformer")
        if deep and isinstance(kernel, Parametrised):
            params |= {f"{KERNEL_PREFIX}{k}": v for k, v in kernel.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by the names that ``get_params`` gives.

        Raises
        ------
        UsageError
            For an unknown name.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                msg = (
                    f"{type(self).__name__} has no parameter {name!r}; it has: {', '.join(known)}"
                )
                raise UsageError(msg)
            kernel_name = name.removeprefix(KERNEL_PREFIX)
            target = self if kernel_name == name else known["kernel_transformer"]
            setattr(target, kernel_name, value)
        return self

    def without_effect(self) -> tuple[str, ...]:
        """Parameters that change nothing as the others stand."""
        return ()

    def component(self) -> Component:
        """Name and JSON-able parameters that the result depends on (not the number of cores)."""
        plain = (bool, int, float, str)
        unused = {"n_cores", *self.without_effect()}
        # A radius out of np.arange must not be left out: the null is planned from this record.
        params = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self.get_params().items()
        }
        args = {
            name: value
            for name, value in params.items()
            if isinstance(value, plain) and name not in unused
        }
        return Component(type(self).__name__, dict(sorted(args.items())))

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v!r}" for k, v in self.get_params(deep=False).items())
        return f"{type(self).__name__}({shown})"


def unknown_keywords(owner: str, given: dict[str, Any], accepted: list[str]) -> UsageError:
    """Error that names the keywords nobody takes, and those somebody does."""
    return UsageError(
        f"{owner} has no keyword {', '.join(map(repr, sorted(given)))}; "
        f"it accepts: {', '.join(accepted)}"
    )


def check(name: str, value: Any, accepted: str, test: Callable[[Any], bool]) -> None:
    """Refuse a value that fails a test, or that the test cannot be made with."""
    try:
        good = not isinstance(value, bool) and bool(test(value))
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        msg = f"{name} is {value!r}; expected {accepted}"
        raise UsageError(msg)


def expect_type(method: str, value: Any, wanted: type) -> None:
    """Refuse what is no object of the class that a method works on."""
    if not isinstance(value, wanted):
        msg = f"{method} takes a {wanted.__name__}, not a {type(value).__name__}"
        raise UsageError(msg)


def flag(name: str, value: Any) -> bool:
    """Value if it is true or false; anything else is refused."""
    if not isinstance(value, bool):
        msg = f"{name} is {value!r}; expected true or false"
        raise UsageError(msg)
    return value


def count(name: str, value: Any) -> int:
    """Value as an integer of at least 1; anything else is refused."""
    check(name, value, "an integer of at least 1", lambda v: int(v) == v and v >= 1)
    return int(value)


def seed_number(value: Any) -> int:
    """Value as a seed: an integer of 64 bits; anything else is refused."""
    check(
        "seed",
        value,
        "an integer from 0 to 2**64 - 1",
        lambda v: int(v) == v and 0 <= int(v) < 2**64,
    )
    return int(value)
