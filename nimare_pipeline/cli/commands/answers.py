"""What the commands share: their parser, and answers that are one JSON document."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from nimare_pipeline.cli.exit_codes import code_of, reason_of
from nimare_pipeline.cli.options import Formatter, Parser
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.errors import PipelineError


@dataclass(frozen=True)
class JsonOutcome(Outcome):
    """Outcome whose last line belongs to a JSON document, so that programs can read stdout."""

    facts: dict[str, Any] | None = None

    @property
    def line(self) -> str:
        """The whole document, with the line that would have ended a text."""
        ended = {"status": self.word, "exit_code": int(self.exit_code), "line": super().line}
        return json.dumps({**ended, **(self.facts or {})}, indent=2, ensure_ascii=False)


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
