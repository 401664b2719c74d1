"""An analysis file as TOML: what cannot be parsed is said with its line."""

import re
import tomllib
from pathlib import Path
from typing import Any

from nimare_pipeline.errors import ModelError, Problem
from nimare_pipeline.model.lines import Way, key_lines

_MOST_BYTES, _MOST_DOTS = 2**20, 2000


def parsed(content: bytes, path: Path) -> tuple[dict[str, Any], dict[Way, int]]:
    """Tables of an analysis file, and the line of each of their keys.

    Raises
    ------
    ModelError
        If it is no TOML file.
    """
    try:
        _refuse_too_much(content)
        # A byte order mark and Windows line ends are how some editors save a file.
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        return tomllib.loads(text), key_lines(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = Problem("error", "this is not UTF-8 text", path.name, f"line {line}")
    except tomllib.TOMLDecodeError as error:
        message, line_no = _toml_error(error, text)
        problem = Problem("error", message, path.name, f"line {line_no}")
    except RecursionError:
        problem = Problem("error", "tables inside tables without end", path.name)
    except ValueError as error:  # a number of thousands of digits, too, is none to TOMLDecodeError
        problem = Problem("error", str(error), path.name)
    msg = f"{path.name} is no TOML file"
    raise ModelError(msg, [problem])


def _refuse_too_much(content: bytes) -> None:
    """Refuse what the parser would take minutes for: its time grows with the square of a key."""
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{len(content):,} bytes; up to {_MOST_BYTES:,} are read")
    for number, line in enumerate(content.splitlines(), 1):
        if line.count(b".") > _MOST_DOTS:
            raise ValueError(f"line {number} has more than {_MOST_DOTS:,} full stops")


def _toml_error(error: Exception, text: str) -> tuple[str, int]:
    """Message of the parser, and the line in it."""
    said = str(error)
    place = re.search(r" \(at line (\d+), column (\d+)\)$", said)
    if place is None:  # at end of document
        return said.replace(" (at end of document)", " at the end"), text.count("\n") + 1
    return f"{said[: place.start()]} (column {place[2]})", int(place[1])
