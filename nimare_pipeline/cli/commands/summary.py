"""``nimare-pipeline summary PATH``: what a folder of studies holds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from nimare_pipeline.cli.commands.answers import (
    WIDTH,
    CommandParser,
    JsonOutcome,
    add_json,
    columns,
    failed,
    named,
    wrapped,
)
from nimare_pipeline.cli.commands.spaces import add_unknown_space
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.errors import PipelineError
from nimare_pipeline.printable import printable

if TYPE_CHECKING:
    from nimare_pipeline.io import Source
    from nimare_pipeline.overview import Field, Overview

_DESCRIPTION = """\
Says what a folder or file of studies holds: numbers of studies, contrasts, foci
and participants, spaces, images, and every column that a selection may name.
"""
_MOST_OUTSIDE = 3
"""Foci outside the mask that are shown; JSON has more."""
_LARGEST = 1e15
"""Whole numbers below are shown with all of their digits."""
_MOST_FIELDS = 40
"""Columns shown of a table; JSON has them all."""


def run(words: Sequence[str]) -> Outcome:
    """Describe what the words after ``summary`` name.

    Raises
    ------
    UsageError
        For a wrong option.
    NoInputError
        If there is nothing to read.
    DataError
        With every problem, if it cannot be read.
    """
    parser = CommandParser("summary", "PATH [--json] [--unknown-space P]", _DESCRIPTION)
    parser.add_argument("path", metavar="PATH", help="folder or file of studies")
    add_json(parser)
    add_unknown_space(parser)
    options = parser.parse_args(words)
    from nimare_pipeline.contrast import counted
    from nimare_pipeline.io import read
    from nimare_pipeline.overview import overview

    try:
        sources = read(options.path, unknown_space=options.unknown_space or "")
    except PipelineError as error:
        if not options.json:
            raise
        return failed(error, options.path)
    found = [(source, overview(source.dataset)) for source in sources]
    datasets = f"{len(found)} datasets, " if len(found) > 1 else ""
    contrasts = counted(sum(one.n_contrasts for _, one in found), "contrast")
    reason = f"{datasets}{contrasts}, {counted(sum(o.n_foci for _, o in found), 'focus', 'foci')}"
    if options.json:
        facts = {
            "path": options.path,
            "sources": [
                {
                    "name": source.name,
                    "format": source.format,
                    "files": list(source.files),
                    **asdict(one),
                    "suspicions": {**source.kinds, **source.notes},
                    "n_warnings": source.n_warnings,
                }
                for source, one in found
            ],
        }
        return JsonOutcome(ExitCode.OK, reason, facts=facts)
    for source, one in found:
        print(printable("\n".join(_text(source, one))))
    return Outcome(ExitCode.OK, reason)


def _text(source: "Source", one: "Overview") -> list[str]:
    lines = [f"{named([source.name])}: {source.format}"]
    lines += wrapped(f"from {named(source.files)}", "  ", "    ")
    lines += ["", *_facts(source, one), ""]
    for title, fields in (("annotations", one.annotations), ("metadata", one.metadata)):
        if fields:
            lines += [f"  {title}: column, kind, contrasts that have it, values"]
            lines += _fields(fields, one.n_contrasts)
            lines.append("")
    return lines


def _facts(source: "Source", one: "Overview") -> list[str]:
    n_outside, n_warnings = one.n_foci_outside, source.n_warnings
    outside = f", {n_outside:,} of them outside the mask" if n_outside else ""
    rows = [
        ("studies", f"{one.n_studies:,}"),
        ("contrasts", f"{one.n_contrasts:,}"),
        ("of one study", _several(one)),
        ("foci", f"{one.n_foci:,}{outside}"),
        *zip(("farthest outside", "", ""), _farthest(one), strict=False),
        ("participants", _participants(one)),
        ("spaces", _listed(one.foci_by_space) or "none"),
        ("transforms", _listed(one.transforms) or "none"),
        ("images", _listed(one.images) or "none"),
        ("texts", _listed(one.texts) or "none"),
        ("no sample size", _ids(one.no_sample_size)),
        ("no foci", _ids(one.no_foci)),
        ("include is false", _ids(one.not_included)),
        *_suspicions({**source.kinds, **source.notes}),
        ("warnings", f"{n_warnings:,}; `nimare-pipeline validate` lists them"),
    ]
    if not n_warnings:
        rows.pop()
    lines = []
    for name, text in rows:
        lines += wrapped(f"{name:<17} {text}", "  ", " " * 20)
    return lines


def _several(one: "Overview") -> str:
    return "none" if one.several is None else f"{one.several.words}; see --pool"


def _farthest(one: "Overview") -> list[str]:
    return [
        f"{focus.distance_mm:g} mm: ({', '.join(f'{value:g}' for value in focus.xyz)}) {focus.id}"
        for focus in one.outside[:_MOST_OUTSIDE]
    ]


def _suspicions(kinds: Mapping[str, int]) -> list[tuple[str, str]]:
    """A line a group of suspicions, with the number of warnings of each kind."""
    from nimare_pipeline.suspicions import KINDS

    rows = []
    for group, words in KINDS.items():
        found = [f"{text} {kinds[kind]:,}" for kind, text in words.items() if kinds.get(kind)]
        rows += [(group, "; ".join(found))] if found else []
    return rows


def _participants(one: "Overview") -> str:
    if one.sample_sizes is None:
        return "unknown"
    smallest, median, largest = one.sample_sizes
    spread = f"{_range(smallest, largest)} in a contrast, median {_number(median)}"
    return f"{one.n_participants:,.12g}; {spread}"


def _range(smallest: float, largest: float) -> str:
    same = smallest == largest
    return _number(smallest) if same else f"{_number(smallest)} to {_number(largest)}"


def _number(value: float) -> str:
    """Whole numbers in full, for they may be PMIDs."""
    return f"{value:.0f}" if value == round(value, 0) and abs(value) < _LARGEST else f"{value:g}"


def _ids(ids: Sequence[str]) -> str:
    if not ids:
        return "0 contrasts"
    more = f" and {len(ids) - 3:,} more" if len(ids) > 3 else ""
    noun = "contrast" if len(ids) == 1 else "contrasts"
    return f"{len(ids):,} {noun}: {', '.join(ids[:3])}{more}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())


def _fields(fields: Sequence["Field"], n_contrasts: int) -> list[str]:
    rows = [
        (field.name, field.kind, f"{field.n:,}", _values(field)) for field in fields[:_MOST_FIELDS]
    ]
    lines = [_cut(line) for line in columns(rows, indent="    ")]
    if len(fields) > _MOST_FIELDS:
        lines.append(f"    and {len(fields) - _MOST_FIELDS:,} more columns; --json lists them all")
    return lines


def _values(field: "Field") -> str:
    if field.smallest is not None and field.largest is not None:
        return _range(field.smallest, field.largest)
    if len(field.values) == field.n and field.n > 1:
        return f"all different: {', '.join(field.values)}"
    return ", ".join(f"{value} ({n})" if n > 1 else value for value, n in field.values.items())


def _cut(line: str) -> str:
    line = " ".join(line.splitlines())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
