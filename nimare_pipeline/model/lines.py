"""Lines of a TOML file: where each key stands, which the standard library's parser does not tell.

The text has been parsed before, so that it is TOML; this only looks for keys and tables in it.
"""

import re
from collections.abc import Iterator

Way = tuple[str | int, ...]
"""Way to a value: ``("analysis", 0, "estimator")``; tables of a list are counted from 0."""

_TOKEN = re.compile(
    r'''(?P<text>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
      | (?P<comment>\#[^\n]*)
      | (?P<open>[\[{])
      | (?P<close>[\]}])
      | (?P<newline>\n)
      | (?P<other>[^"'\#\[\]{}\n]+)''',
    re.VERBOSE | re.DOTALL,
)
_KEY = re.compile(r"""\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.?)""")


def key_lines(text: str) -> dict[Way, int]:
    """Line, from 1, of every key and every table of a TOML text, by the way to it.

    Keys inside of inline tables have none of their own; see :func:`line_of`.
    """
    found: dict[Way, int] = {}
    lists: dict[Way, int] = {}
    table: Way = ()
    for line, statement in _statements(text):
        if statement.startswith("[["):
            path = _within(_keys(statement[2:]), lists)
            lists[path] = lists.get(path, -1) + 1
            found.setdefault(path, line)
            table = (*path, lists[path])
            found[table] = line
        elif statement.startswith("["):
            table = _within(_keys(statement[1:]), lists)
            found.setdefault(table, line)
        else:
            found.setdefault((*table, *_keys(statement)), line)
    return found


def line_of(path: Way, lines: dict[Way, int]) -> int:
    """Line of a value, or of the nearest thing around it that has one; 0 if nothing has."""
    below = [line for known, line in lines.items() if known[: len(path)] == path]
    if below:
        return min(below)
    while path:
        path = path[:-1]
        if path in lines:
            return lines[path]
    return 0


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Statements with the line each begins in, without comments; one may span several lines."""
    line, start, depth = 1, 1, 0
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        kind, word = match.lastgroup, match.group()
        if kind == "newline" and depth == 0:
            if "".join(words).strip():
                yield start, "".join(words).strip()
            words = []
        elif kind != "comment":
            if not "".join(words).strip():
                start = line
            words.append(word)
            depth += (kind == "open") - (kind == "close")
        line += word.count("\n")
    if "".join(words).strip():
        yield start, "".join(words).strip()


def _keys(text: str) -> Way:
    """Parts of a dotted key at the beginning of a text."""
    parts: list[str] = []
    at = 0
    while match := _KEY.match(text, at):
        parts.append(next(part for part in match.groups()[:3] if part is not None))
        at = match.end()
        if not match[4]:
            break
    return tuple(parts)


def _within(keys: Way, lists: dict[Way, int]) -> Way:
    """Way of a table header: a name of a list of tables means its latest table."""
    path: Way = ()
    for number, key in enumerate(keys):
        path = (*path, key)
        if path in lists and number < len(keys) - 1:
            path = (*path, lists[path])
    return path
