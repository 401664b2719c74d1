"""Bytes of a text file of unknown age and origin to characters and lines."""

import codecs
import re
from collections.abc import Iterator
from itertools import islice

from nimare_pipeline.errors import Problem

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD = {"cp1252": "Windows-1252 (Latin-1)", "mac_roman": "Mac Roman"}
_PLAUSIBLE = set("\xa0–—‘’“”…×±°µ·≥≤→•−§")
_RARE = set("ŠšŽžŸ")
"""Letters of Windows where a Mac has ä, ö, é, û and ü, which more names have."""
_LINE_END = re.compile("\r\n|\r|\n")
# Word writes a vertical tab for a break within a paragraph, web pages and PDFs the others.
_ANY_LINE_END = re.compile("\r\n|[\r\n\v\x85\u2028\u2029]")
_MOST_JUDGED = 20_000
"""Odd characters by which encodings are told apart: more would only take time."""
# Byte-order marks inside a file that was made of several, marks of direction from PDFs, the
# end-of-file mark of DOS and other control characters; U+0096 and U+0097 are dashes of Windows.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x95\x98-\x9f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)


def is_text(body: bytes) -> bool:
    """Whether bytes can be a text: no zeros but those of UTF-16 and UTF-32."""
    marked = any(body.startswith(mark) for mark, _ in _BOMS)
    return marked or not 0 < body.count(0) <= len(body) / 4


def decode(body: bytes) -> tuple[str, list[Problem]]:
    """Text of a file, and a warning where its encoding had to be guessed.

    A byte-order mark decides; then UTF-8; then, of Windows-1252 and Mac Roman, the one in which
    the odd characters make better sense as letters inside words.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body.decode(encoding, errors="replace"), []
    if body.count(0) > len(body) / 4:
        little = body[1::2].count(0) >= body[0::2].count(0)
        return body.decode("utf-16-le" if little else "utf-16-be", errors="replace"), []
    try:
        return body.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = len(_LINE_END.findall(body[: error.start].decode("latin-1"))) + 1
    texts = {name: body.decode(name, errors="replace") for name in _OLD}
    best = max(_OLD, key=lambda name: _plausibility(texts[name]))
    problem = Problem(
        "warning",
        f"not UTF-8; read as {_OLD[best]}",
        where=f"line {line}",
        suggestion="check the names with accents, or save the file as UTF-8",
    )
    return texts[best], [problem]


def lines(text: str) -> list[str]:
    """Lines of a text, whichever way they end (CR, LF, CRLF, mixed)."""
    return _LINE_END.split(text)


def line_by_line(text: str) -> Iterator[str]:
    """Give the lines of a text one after the other: of a large file they are not held twice.

    Here the line breaks of Word and of web pages end a line, too.
    """
    start = 0
    for end in _ANY_LINE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]


def visible(text: str) -> str:
    """Text without characters that nobody sees."""
    return _INVISIBLE.sub("", text)


def beginning(body: bytes) -> str:
    """Text of the first bytes of a file, which may end inside a character."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(body) - error.start < 4 and error.reason == "unexpected end of data":
            return body[: error.start].decode("utf-8")
    return decode(body)[0]


def _plausibility(text: str) -> int:
    score = 0
    for match in islice(re.finditer(r"[^\x00-\x7f]", text), _MOST_JUDGED):
        char = match.group()
        before = text[match.start() - 1 : match.start()]
        after = text[match.end() : match.end() + 1]
        if char.isalpha() and (before.isalpha() or after.isalpha()):
            inside = before.isalpha() and (before.islower() or after.islower())
            score += -1 if char.isupper() and inside else 1 if char in _RARE else 2
        else:
            score += 1 if char in _PLAUSIBLE else -1
    return score
