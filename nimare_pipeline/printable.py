"""Text out of files as it may be shown: without the characters that a terminal obeys."""

import re

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and line end, marks of direction, and halves of characters."""


def printable(text: str) -> str:
    r"""Text with an escape in the place of each such character.

    Examples
    --------
    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _OBEYED.sub(lambda one: one[0].encode("unicode_escape").decode(), text)


def on_one_line(text: str) -> str:
    """The same of a name, which no line end breaks."""
    return printable(text.replace("\n", "\\n"))
