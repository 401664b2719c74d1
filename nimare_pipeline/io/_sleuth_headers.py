"""Headers of Sleuth files: what a line says, where an experiment ends, how it is called."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nimare_pipeline.contrast import listed, sample_sizes

Kind = Literal["blank", "reference", "subjects", "doi", "pmid", "title"]
BLANK: Kind = "blank"
REFERENCE: Kind = "reference"
SUBJECTS: Kind = "subjects"
TITLE: Kind = "title"

_REFERENCE = re.compile(
    r"(?:refer[a-z]*|templ[a-z]*)\s*(?:[=:]\s*(.*)|\s(mni\S*|tal\S*)\s*)|(mni\d*|tal(?:airach)?)",
    re.IGNORECASE,
)
_SUBJECTS = re.compile(
    r"(?:^|[\s(,;])(?:(?:subj\w*|participants?|n)\s*[=:]\s*(\d[\d.\s,;/+&]*(?:and\s*\d+)?|$)"
    r"|^(\d+)\s+(?:subjects|participants)$)",
    re.IGNORECASE,
)
_DOI = re.compile(r"doi\s*(?:[=:]\s*(.*)|$)", re.IGNORECASE)
_PMID = re.compile(r"(?:pub\s*med\s*(?:id)?|pmid)\s*(?:[=:]\s*(.*)|$)", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19|20)\d\d[a-z]?\b")
_DEFAULT_CONTRAST = "analysis_1"
_ID_LENGTH = 120


@dataclass(frozen=True)
class Piece:
    """What one ``//`` says."""

    line: int
    kind: Kind
    text: str


@dataclass(frozen=True)
class Header:
    """Header of one experiment."""

    line: int = 0
    title: str = ""
    sizes: tuple[float, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Name:
    """What an experiment is called: as written, and as ids."""

    title: str
    study: str
    contrast: str
    study_id: str
    contrast_id: str


def reference(text: str) -> str | None:
    """Space that a header names, ``""`` if it names none; None if it is no Reference line."""
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        return None
    return next((group for group in match.groups() if group), "").strip().strip('"')


def pieces(line: int, text: str) -> Iterator[Piece]:
    """What a header line says: usually one thing, sometimes a title and a sample size."""
    found = re.split(r"\s+//", text.lstrip("/"))
    cleaned = [part.strip(' \t"/') for part in found]
    for part in dict.fromkeys(cleaned):
        yield from _pieces(line, part)


def split(found: Sequence[Piece]) -> list[Header]:
    """Headers of the experiments in a run of header lines; only the last one is given foci.

    A new experiment begins after a blank line that follows a sample size, and, where several
    sample sizes stand in a run, with the title that follows one.
    """
    runs: list[list[Piece]] = [[]]
    sizes_left = sum(piece.kind == SUBJECTS for piece in found)
    sized = titled = after_blank = False
    for piece in found:
        another = after_blank or (piece.kind == TITLE and titled and sizes_left > 0)
        if sized and another and piece.kind != BLANK:
            runs.append([])
            sized = titled = False
        runs[-1].append(piece)
        after_blank = piece.kind == BLANK
        titled = titled or piece.kind == TITLE
        if piece.kind == SUBJECTS:
            sized = True
            sizes_left -= 1
    return [_header(run) for run in runs if any(piece.kind != BLANK for piece in run)]


def named(headers: Sequence[Header], warn: Callable[[int, str], None]) -> list[Name]:
    """Names of experiments, unique; headers that stand several times are warned of."""
    names: list[Name] = []
    lines: dict[str, list[int]] = {}
    taken: Counter[tuple[str, str]] = Counter()
    untitled = 0
    for header in headers:
        lines.setdefault(header.title, []).append(header.line)
        study, contrast = _parts(header.title)
        study_id = _identifier(study)
        if not study_id:
            untitled += 1
            study_id = f"untitled_{untitled}"
        contrast_id = _unique(study_id, _identifier(contrast) or _DEFAULT_CONTRAST, taken)
        title = header.title or study_id
        names.append(
            Name(title, study or study_id, contrast or contrast_id, study_id, contrast_id)
        )
    _warn_of_repeats(lines, warn)
    return names


def _pieces(line: int, text: str) -> Iterator[Piece]:
    space = reference(text)
    if space is not None:
        yield Piece(line, REFERENCE, space)
        return
    for kind, pattern in (("doi", _DOI), ("pmid", _PMID)):
        match = pattern.fullmatch(text)
        if match:
            yield Piece(line, kind, (match.group(1) or "").strip())  # type: ignore[arg-type]
            return
    match = _SUBJECTS.search(text)
    rest = text
    if match:
        rest = (text[: match.start()] + text[match.end() :]).strip(" \t,;()")
    if rest:
        yield Piece(line, TITLE, rest)
    if match:
        yield Piece(line, SUBJECTS, match.group(1) or match.group(2) or "")


def _header(run: Sequence[Piece]) -> Header:
    said = [piece for piece in run if piece.kind != BLANK]
    title = " ".join(piece.text for piece in said if piece.kind == TITLE)
    numbers = [
        size
        for piece in said
        if piece.kind == SUBJECTS
        for size in re.findall(r"\d+(?:\.\d+)?", piece.text)
    ]
    sizes, _ = sample_sizes(list(dict.fromkeys(numbers)))
    metadata = {piece.kind: piece.text for piece in said if piece.kind in {"doi", "pmid"}}
    return Header(
        said[0].line, title, sizes, {name: text for name, text in metadata.items() if text}
    )


def _parts(title: str) -> tuple[str, str]:
    year = _YEAR.search(title)
    mark = re.compile("[;:]").search(title, year.end() if year else 0)
    mark = mark or re.search("[;:]", title)
    if mark is None:
        return title.strip(), ""
    return title[: mark.start()].strip(), title[mark.end() :].strip()


def _identifier(text: str) -> str:
    """Letters, digits, dots and underscores; > and < stay apart, for A > B is not A < B."""
    text = unicodedata.normalize("NFC", text).replace(">", " gt ").replace("<", " lt ")
    return re.sub(r"[^\w.+]+", "_", text).strip("_.")[:_ID_LENGTH]


def _unique(study_id: str, contrast_id: str, taken: Counter[tuple[str, str]]) -> str:
    base = contrast_id.removesuffix("_1") if contrast_id == _DEFAULT_CONTRAST else contrast_id
    name, n = contrast_id, taken[study_id, contrast_id]
    while taken[study_id, name]:
        n += 1
        name = f"{base}_{n}"
    taken[study_id, name] += 1
    taken[study_id, contrast_id] = max(n, 1)
    return name


def _warn_of_repeats(lines: dict[str, list[int]], warn: Callable[[int, str], None]) -> None:
    for title, places in lines.items():
        where = listed(places, 10)
        if not title:
            warn(places[0], f"{len(places)} experiments without a title (lines {where})")
        elif len(places) > 1:
            warn(
                places[0],
                f"header {title!r:.80} stands {len(places)} times (lines {where}); "
                "each is kept as an experiment of its own",
            )
