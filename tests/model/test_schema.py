"""The schema is one: documentation, defaults of the records and what can be run agree with it."""

import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from nimare_pipeline.model import document
from nimare_pipeline.model.schema import BUILT, RUN, TYPES
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.base import BUILDERS

ROOT = Path(__file__).resolve().parents[2]
KEYS = [("run", key) for key in RUN] + [
    (name, key) for name, kind in TYPES.items() for key in kind.keys
]
IDS = [f"{name}-{key.name}" for name, key in KEYS]


@pytest.mark.parametrize(("of", "key"), KEYS, ids=IDS)
def test_example_is_accepted(of, key) -> None:
    """The example of every key is TOML, is accepted, and is not its default."""
    value = tomllib.loads(f"x = {key.example}")["x"]
    assert key.kind.check(value) == ""
    assert value != key.default or of in ("run", "cbma", "pair")


@pytest.mark.parametrize(("of", "key"), KEYS, ids=IDS)
def test_default_is_accepted(of, key) -> None:
    """Every key is required, has a default that it accepts itself, or says what holds without."""
    assert key.meaning
    assert "\n" not in key.meaning
    assert key.required + (key.default is not None) + bool(key.otherwise) == 1
    if key.default is not None:
        assert key.kind.check(key.default) == ""


def test_defaults_are_those_of_the_records() -> None:
    """What the schema says of an analysis without a key is what the record does."""
    record = asdict(Analysis("a"))
    for key in TYPES["cbma"].keys:
        if key.name == "estimator":
            assert record["estimator"]["type"] == key.default["type"]
        elif key.default is not None:
            assert record[key.name] == key.default
        elif not key.required:
            assert not {**record, **record["options"]}.get(key.name)
    settings = asdict(Settings("", "", "", ""))
    for key in RUN:
        assert key.default is None or settings[key.name] == key.default


def test_built_types_are_those_that_have_a_workflow() -> None:
    """A type that can be run is said to be."""
    assert set(BUILT) == set(BUILDERS)


def test_documentation_is_that_of_the_schema() -> None:
    """docs/analyses.md holds the schema's tables: python -m nimare_pipeline.model.document."""
    text = (ROOT / "docs" / "analyses.md").read_text(encoding="utf-8")
    assert document.fill(text) == text
    for name, key in KEYS:
        assert f"| `{key.name}` |" in text, name
