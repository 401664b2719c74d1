"""Reading an analysis file: strict, and everything that is wrong is said at once, by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nimare_pipeline.defaults import CONJUNCTION
from nimare_pipeline.errors import DataError, ModelError, NoInputError, Problem
from nimare_pipeline.labels import label
from nimare_pipeline.model.checker import COMPONENTS, Checker, component
from nimare_pipeline.model.schema import TYPES
from nimare_pipeline.model.syntax import parsed
from nimare_pipeline.model.template import of_tables
from nimare_pipeline.needs import usual_corrector
from nimare_pipeline.settings import Analysis

_COMBINED = ("conjunction", "estimator")
"""What has no estimator: the word that stands in its place in file names and reports."""
_FIELDS = (
    "description", "select", "sources", "estimator", "corrector", "alpha", "missing_n", "outside",
    "pool", "result",
)  # fmt: skip
"""Keys that are fields of an Analysis; all others of a type go to its ``options``."""


@dataclass(frozen=True)
class Model:
    """What an analysis file says.

    Parameters
    ----------
    file : Path
    run : dict
        Keys of ``[run]`` that are given.
    analyses : tuple of Analysis
        In file order; names are of letters and digits, ``sources`` are patterns.
    names : dict of str to str
        Name of each analysis to the name as the file has it.
    text : bytes
        The file as TOML.
    problems : tuple of Problem
        What is odd in a file of another kind.
    """

    file: Path
    run: Mapping[str, Any]
    analyses: tuple[Analysis, ...]
    names: Mapping[str, str]
    text: bytes
    problems: tuple[Problem, ...] = ()


def read(path: str | Path) -> Model:
    """Read an analysis file, or a file of data that describes its own analyses.

    Raises
    ------
    NoInputError
        If there is no such file.
    ModelError
        With every problem found, each with its line.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"there is no analysis file {path}"
        raise NoInputError(msg)
    if path.suffix.lower() != ".toml":
        from nimare_pipeline.io.described import find

        try:
            for one in find(path):
                return from_tables(one.analyses, path, one.problems)
        except DataError as error:
            msg = f"{path.name} cannot be used"
            raise ModelError(msg, error.problems) from error
    return parse(path.read_bytes(), path)


def parse(content: bytes, path: Path) -> Model:
    """Read the content of an analysis file, see :func:`read`."""
    return _checked(Checker(path.name, *parsed(content, path)), path, content)


def from_tables(
    tables: Sequence[Mapping[str, Any]], path: Path, problems: Sequence[Problem] = ()
) -> Model:
    """Check analyses that a file of another kind describes, by the rules of an analysis file.

    Parameters
    ----------
    tables : sequence of dict
        One a ``[[analysis]]``, with its keys.
    path : Path
        File that describes them; relative paths count from its folder.
    problems : sequence of Problem
        What is odd in it.

    Raises
    ------
    ModelError
        With every problem found.
    """
    made = _checked(Checker(path.name, {"analysis": list(map(dict, tables))}, {}), path, b"")
    text = of_tables(tables, folder=str(path.parent), facts=[str(one) for one in problems])
    return replace(made, text=text.encode(), problems=tuple(problems))


def _checked(checked: Checker, path: Path, text: bytes) -> Model:
    run = checked.run()
    defaults = checked.defaults()
    entries = checked.entries(defaults)
    if checked.problems:
        ordered = sorted(checked.problems, key=lambda found: found[0])
        msg = f"{path.name} cannot be used"
        raise ModelError(msg, [problem for _, problem in ordered])
    return Model(
        path,
        run,
        tuple(_analysis(values, path) for values in entries),
        {label(values["name"]): values["name"] for values in entries},
        text,
    )


def _analysis(values: Mapping[str, Any], path: Path) -> Analysis:
    """Make the record of checked values."""
    fields = {name: values[name] for name in _FIELDS if name in values}
    fields |= {name: component(values[name]) for name in COMPONENTS if name in values}
    for name in COMPONENTS:
        if name not in values and values["type"] != "cbma":
            key = TYPES[values["type"]].key(name)
            default = key.default if key is not None else None
            stand_in = CONJUNCTION if (values["type"], name) == _COMBINED else ""
            fields[name] = component(default or {"type": stand_in})
    if "corrector" not in values and values["type"] == "ibma":
        fields["corrector"] = usual_corrector(fields["corrector"], fields["estimator"].type)
    options = {
        name: value for name, value in values.items() if name not in (*_FIELDS, "name", "type")
    }
    of = options.get("of")
    if of is not None:
        options["of"] = label(of) if isinstance(of, str) else [label(name) for name in of]
    return Analysis(
        name=label(values["name"]),
        type=values["type"],
        folders=(str(path.absolute().parent),),
        options=options,
        **fields,
    )
