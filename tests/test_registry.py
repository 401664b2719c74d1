"""Names of estimators and correctors become objects; wrong ones are told what is right."""

import sys
from types import ModuleType

import pytest

from nimare_pipeline import registry
from nimare_pipeline.errors import UsageError
from nimare_pipeline.meta.estimator import Parametrised
from nimare_pipeline.settings import Component


class Kernel(Parametrised):
    def __init__(self, *, fwhm=None, sample_size=None):
        self.fwhm, self.sample_size = fwhm, sample_size


class Estimator(Parametrised):
    def __init__(self, kernel_transformer=None, *, null_method="approximate", **kernel):
        self.kernel_transformer = Kernel(
            **{name.removeprefix("kernel__"): value for name, value in kernel.items()}
        )
        self.null_method = null_method


@pytest.fixture(autouse=True)
def _one_estimator(monkeypatch):
    """A register of one made-up estimator with a kernel."""
    module = ModuleType("made_up")
    module.Estimator = Estimator
    monkeypatch.setitem(sys.modules, "made_up", module)
    monkeypatch.setattr(registry, "ESTIMATORS", {"Estimator": "made_up"})


def test_an_estimator_gets_its_parameters():
    """Type and args become an object of that class with those parameters."""
    made = registry.get_estimator(
        Component("Estimator", {"null_method": "histogram", "kernel__fwhm": 10})
    )
    assert isinstance(made, Estimator)
    assert (made.null_method, made.kernel_transformer.fwhm) == ("histogram", 10)


def test_accepted_keywords_name_those_of_the_kernel():
    """Keywords of the kernel are named with their prefix."""
    assert registry.accepted_keywords("estimator", "Estimator") == (
        "kernel_transformer",
        "null_method",
        "kernel__fwhm",
        "kernel__sample_size",
    )


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (
            Component("estimatr"),
            (
                r"there is no estimator 'estimatr' \(did you mean Estimator or .*\); "
                "there is: Estimator"
            ),
        ),
        (Component("XYZ"), r"there is no estimator 'XYZ'; there is: Estimator"),
        (
            Component("Estimator", {"nul_method": 1}),
            (
                r"Estimator has no keyword 'nul_method' \(did you mean null_method\?\); "
                r"it accepts: kernel_transformer, null_method, kernel__fwhm, kernel__sample_size"
            ),
        ),
        (
            Component("Estimator", {"kernel__fhwm": 1}),
            r"Estimator has no keyword 'kernel__fhwm' \(did you mean kernel__fwhm",
        ),
    ],
    ids=["misspelt name", "unknown name", "misspelt keyword", "misspelt kernel keyword"],
)
def test_what_is_unknown_is_refused_with_what_is_accepted(component, message):
    """The error names what was wrong, what is near and what is accepted."""
    with pytest.raises(UsageError, match=message):
        registry.get_estimator(component)


def test_an_unknown_corrector_is_refused():
    """Correctors have a register of their own."""
    with pytest.raises(UsageError, match=r"there is no corrector 'Estimator'.*: FWECorrector"):
        registry.get_corrector(Component("Estimator"))


@pytest.mark.parametrize("kind", ["estimator", "corrector"])
def test_every_registered_name_can_be_made_with_its_defaults(kind, monkeypatch):
    """Each name leads to a class of that name, whose own parameters it accepts."""
    monkeypatch.undo()
    register = {"estimator": registry.ESTIMATORS, "corrector": registry.CORRECTORS}[kind]
    make = {"estimator": registry.get_estimator, "corrector": registry.get_corrector}[kind]
    for name in register:
        made = make(Component(name))
        assert type(made).__name__ == name
        again = make(made.component())
        assert again.get_params().keys() == set(registry.accepted_keywords(kind, name))
