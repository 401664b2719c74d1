"""What holds for every interface of the package."""

import pkgutil
from importlib import import_module

import pytest

import nimare_pipeline.interfaces
from nimare_pipeline.interfaces.base import PipelineInterface


def interfaces() -> list[type]:
    """Every interface class of the package."""
    modules = pkgutil.iter_modules(nimare_pipeline.interfaces.__path__)
    found = {
        value
        for module in modules
        for value in vars(import_module(f"nimare_pipeline.interfaces.{module.name}")).values()
        if isinstance(value, type) and issubclass(value, PipelineInterface)
    }
    return sorted(found - {PipelineInterface}, key=lambda kind: kind.__name__)


def traits() -> list:
    """Every trait of every interface, with a name to show."""
    return [
        pytest.param(spec().trait(name), id=f"{kind.__name__}.{side}.{name}")
        for kind in interfaces()
        for side, spec in (("in", kind.input_spec), ("out", kind.output_spec))
        for name in spec().copyable_trait_names()
    ]


def test_all_interfaces_are_found():
    """The nodes of the main jobs are among those the contracts run over."""
    names = {kind.__name__ for kind in interfaces()}
    assert names >= {
        "CheckImages",
        "ClusterTable",
        "CorrectFWE",
        "DrawFigures",
        "FitEstimator",
        "FitImages",
        "LoadCohort",
        "ModeledActivation",
        "MonteCarloChunk",
        "PlanMonteCarlo",
        "TransformImages",
        "WriteDerivatives",
        "WriteReport",
    }


@pytest.mark.parametrize("trait", traits())
def test_every_trait_says_what_it_is(trait):
    """Each trait has a description, under the key that nipype prints and not a typo of it."""
    assert isinstance(trait.desc, str)
    assert len(trait.desc) > 5
    assert "dec" not in trait.__dict__


@pytest.mark.parametrize("kind", interfaces(), ids=lambda kind: kind.__name__)
def test_every_interface_has_a_sentence(kind):
    """Each interface says in one sentence what it does."""
    assert kind.__doc__.strip().endswith(".")
    assert "\n" not in kind.__doc__.strip()


@pytest.mark.parametrize("kind", interfaces(), ids=lambda kind: kind.__name__)
def test_missing_inputs_are_refused(kind):
    """No interface runs without its mandatory inputs."""
    with pytest.raises(ValueError, match="requires a value for input"):
        kind().run()
