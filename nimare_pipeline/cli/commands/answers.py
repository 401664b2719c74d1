"""What the commands share: their parser, and answers that are one JSON document."""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from nimare_pipeline.cli.exit_codes import code_of, reason_of
from nimare_pipeline.cli.options import Formatter, Parser
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.errors import PipelineError
from nimare_pipeline.printable import on_one_line

WIDTH = 80
_NOT_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys, or no encoding has, and JSON holds as it is."""


@dataclass(frozen=True)
class JsonOutcome(Outcome):
    """Outcome whose last line belongs to a JSON document, so that programs can read stdout."""

    facts: dict[str, Any] | None = None

    @property
    def line(self) -> str:
        """The whole document, with the line that would have ended a text."""
        ended = {"status": self.word, "exit_code": int(self.exit_code), "line": super().line}
        text = json.dumps({**ended, **(self.facts or {})}, indent=2, ensure_ascii=False)
        return _NOT_IN_JSON.sub(lambda one: f"\\u{ord(one[0]):04x}", text)


def failed(error: PipelineError, path: str) -> JsonOutcome:
    """Outcome, as JSON, of a command that could not answer."""
    problems = getattr(error, "problems", ())
    facts = {"path": path, "problems": [asdict(problem) for problem in problems]}
    return JsonOutcome(code_of(error), reason_of(error), facts=facts)


class CommandParser(Parser):
    """Parser of a command; wrong words are errors that name the command."""

    def __init__(self, command: str, usage: str, description: str) -> None:
        super().__init__(
            prog=f"nimare-pipeline {command}",
            usage=f"nimare-pipeline {command} {usage}",
            description=description,
            formatter_class=Formatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError``."""
        super().error(f"{message}; usage: {self.usage}")


def add_json(parser: CommandParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="answer with one JSON document")


def named(names: Iterable[object]) -> str:
    """Names of files or datasets, none of which breaks the line."""
    return ", ".join(on_one_line(str(name)) for name in names)


def wrapped(text: str, first: str, others: str) -> list[str]:
    """Lines of a text, indented; words are not broken, for one may be a path."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        break_long_words=False,
    )


def columns(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Lines of a table whose columns are as wide as they must be, the last one free."""
    rows = list(rows)
    n = max((len(row) for row in rows), default=0) - 1
    widths = [max(len(row[i]) for row in rows) for i in range(n)]
    return [
        indent
        + "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]
        )
        for row in rows
    ]
