"""Headers of Sleuth files: what a line says, where an experiment ends, how it is called."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nimare_pipeline.contrast import listed, quoted
from nimare_pipeline.defaults import UNKNOWN_STUDY
from nimare_pipeline.io import _sleuth_sizes as sizes

Kind = Literal["blank", "reference", "subjects", "title", "field"]
BLANK: Kind = "blank"
REFERENCE: Kind = "reference"
SUBJECTS: Kind = "subjects"
TITLE: Kind = "title"
FIELD: Kind = "field"

_REFERENCE = re.compile(
    r"(?:refer[a-z]*|templ[a-z]*|ref\.?|(?:coordinate\s+|stereotactic\s+|reference\s+)?space"
    r"|coordinate\s+system|reference\s+(?:system|frame|template|brain))"
    r"\s*(?:[=:]\s*(.*)|\s(mni\S*|tal\S*|icbm\S*)\s*)"
    r"|(mni\d*|tal(?:airach)?|icbm\d*)(?:\s+(?:space|coordinates))?",
    re.IGNORECASE,
)
# Refrence=MNI: whatever the word is, a space and nothing else can only be meant as such.
_MISSPELT = re.compile(r"r[a-z]{3,15}\s*[=:]\s*(mni(?:\s?152)?|tal(?:airach)?)", re.IGNORECASE)
_FIELDS = {
    "doi": re.compile(
        r"doi\s*(?:[=:]\s*(.*)|$|\s(10\.\S+))"
        r"|(?:https?://)?(?:dx\.)?doi\.org/(\S+)|(10\.\d{4,9}/\S+)",
        re.IGNORECASE,
    ),
    "pmid": re.compile(
        r"(?:pub\s*med(?:\s*id)?|pmid)(?:\s*[=:]\s*(.*)|\s*(\d+)|$)", re.IGNORECASE
    ),
    "comment": re.compile(r"(?:comments?|notes?|remarks?)\s*[=:]\s*(.*)", re.IGNORECASE),
    "authors": re.compile(r"authors\s*=\s*(.*)", re.IGNORECASE),
    "year": re.compile(r"year\s*[=:]\s*(.*)", re.IGNORECASE),
    "journal": re.compile(r"(?:journal|publication)\s*[=:]\s*(.*)", re.IGNORECASE),
    "affiliations": re.compile(r"affiliations?\s*[=:]\s*(.*)", re.IGNORECASE),
}
"""Lines that say what a study is, not how it is called; NiMARE writes the last four."""
_SEPARATOR = re.compile(r"[^\w?]+|_+")
_PLACEHOLDER = re.compile(
    r"(?:first\s+)?authors?(?:\s+names?)?(?:\s+here|,?\s+(?:year|yyyy)(?:\s+here)?)"
    r"|(?:study|title|name|paper|experiment|citation)\s+here"
    r"|untitled|placeholder|x{3,}|\?+",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d\d[a-z]?\b")
_DEFAULT_CONTRAST = "analysis_1"
_ID_LENGTH = 120


@dataclass(frozen=True)
class Piece:
    """What one ``//`` says; a title may hold sample sizes, and then has a text without them.

    ``name`` is that of a field, for example ``doi``. ``goes_on`` is a title that stands below a
    header without slashes of its own: it begins no other header.
    """

    line: int
    kind: Kind
    text: str
    inside: sizes.Inside | None = None
    name: str = ""
    goes_on: bool = False


@dataclass(frozen=True)
class Header:
    """Header of one experiment.

    ``said`` has the line and text of what it says of the sample size, ``unread`` those of it that
    are no sample size.
    """

    line: int = 0
    title: str = ""
    sizes: tuple[float, ...] = ()
    said: tuple[tuple[int, str], ...] = ()
    unread: tuple[tuple[int, str], ...] = ()
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
    match = _REFERENCE.fullmatch(text.strip()) or _MISSPELT.fullmatch(text.strip())
    if match is None:
        return None
    return next((group for group in match.groups() if group), "").strip(' \t",;')


def pieces(line: int, text: str) -> Iterator[Piece]:
    """What a header line says: usually one thing, sometimes a title and a sample size."""
    # White space first: a million spaces before no slash are a million places to look from.
    text = re.sub(r"\s+", " ", text.lstrip("/"))
    cleaned = [part.strip(' "/').rstrip(",;") for part in text.split(" //")]
    for part in dict.fromkeys(cleaned):
        yield from _pieces(line, part)


def split(found: Sequence[Piece]) -> list[Header]:
    """Headers of the experiments in a run of header lines; only the last one is given foci.

    A new experiment begins after a blank line that follows a sample size, and, where several
    sample sizes stand in a run, with the title that follows one. Where lines of their own give
    sample sizes, those inside titles do not count.
    """
    runs: list[list[Piece]] = [[]]
    own_lines = _has(found, SUBJECTS)
    counts = [piece.kind == SUBJECTS if own_lines else bool(piece.inside) for piece in found]
    sizes_left = sum(counts)
    sized = whole = hinted = titled = after_blank = False
    for piece, gives_size in zip(found, counts, strict=True):
        is_title = piece.kind == TITLE
        begun = is_title and not piece.goes_on and whole and sizes_left > 0
        parted = after_blank and piece.kind != BLANK and (sized or (hinted and is_title))
        if begun or parted:
            runs.append([])
            sized = whole = hinted = titled = False
        runs[-1].append(piece)
        after_blank = piece.kind == BLANK
        titled |= is_title
        sized |= gives_size
        whole |= gives_size and titled  # a size above the title may be followed by more of it
        hinted |= bool(piece.inside)
        sizes_left -= gives_size
    said = [run for run in runs if any(piece.kind != BLANK for piece in run)]
    return [_header(run) for run in _with_titles(said)]


def _with_titles(runs: Sequence[list[Piece]]) -> list[list[Piece]]:
    """Runs in which a sample size above a title, with a blank line between them, belongs to it."""
    made: list[list[Piece]] = []
    for run in runs:
        above = made[-1] if made else []
        if above and not _has(above, TITLE) and not (_has(run, SUBJECTS) or _is_hinted(run)):
            made[-1] = [*above, *run]
        else:
            made.append(run)
    return made


def _has(run: Sequence[Piece], kind: Kind) -> bool:
    return any(piece.kind == kind for piece in run)


def _is_hinted(run: Sequence[Piece]) -> bool:
    return any(piece.inside for piece in run)


def named(headers: Sequence[Header], warn: Callable[[int, str, str], None]) -> list[Name]:
    """Names of experiments, unique; headers that stand several times are warned of.

    An experiment whose header names no study (it is empty or a placeholder) is a study of its own:
    taken together they would count as one.
    """
    names: list[Name] = []
    lines: dict[str, list[int]] = {}
    unknown: list[Header] = []
    taken: Counter[tuple[str, str]] = Counter()
    for header in headers:
        study, contrast = _parts(header.title)
        study_id = _identifier(study)
        if not study_id or _PLACEHOLDER.fullmatch(study):
            unknown.append(header)
            study = study_id = f"{UNKNOWN_STUDY}_{len(unknown)}"
        else:
            lines.setdefault(header.title, []).append(header.line)
        contrast_id = _unique(study_id, _identifier(contrast) or _DEFAULT_CONTRAST, taken)
        title = header.title or study_id
        names.append(Name(title, study, contrast or contrast_id, study_id, contrast_id))
    _warn_of_unknown(unknown, warn)
    _warn_of_repeats(lines, warn)
    return names


def _pieces(line: int, text: str) -> Iterator[Piece]:
    space = reference(text)
    if space is not None:
        yield Piece(line, REFERENCE, space)
        return
    if _SEPARATOR.fullmatch(text):
        return
    for name, pattern in _FIELDS.items():
        match = pattern.fullmatch(text)
        if match:
            said = next((group for group in match.groups() if group), "").strip()
            yield Piece(line, FIELD, said, name=name)
            return
    value = sizes.on_its_own(text)
    if value is not None:
        yield Piece(line, SUBJECTS, value)
    elif text:
        inside = sizes.inside(text)
        yield Piece(line, TITLE, text, inside if inside.values else None)


def _header(run: Sequence[Piece]) -> Header:
    pieces = [piece for piece in run if piece.kind != BLANK]
    said = [(piece.line, piece.text) for piece in pieces if piece.kind == SUBJECTS and piece.text]
    titles = [piece for piece in pieces if piece.kind == TITLE]
    texts = [piece.text for piece in titles]
    if not _has(pieces, SUBJECTS):
        texts = [piece.inside.rest if piece.inside else piece.text for piece in titles]
        hints = [(piece.line, piece.inside.values) for piece in titles if piece.inside]
        said = [(line, value) for line, values in hints for value in values if value]
    # The same said twice is one group; two groups of one size stand in one value: 20, 20.
    values = list(dict.fromkeys(sizes.parse(value) for _, value in said))
    metadata: dict[str, str] = {}
    for piece in pieces:
        if piece.kind == FIELD and piece.text:
            said_before = metadata.get(piece.name, piece.text)
            again = said_before == piece.text
            metadata[piece.name] = said_before if again else f"{said_before}; {piece.text}"
    return Header(
        pieces[0].line,
        " ".join(text for text in texts if text),
        tuple(size for groups in values for size in groups or ()),
        tuple(said),
        tuple(place for place in said if sizes.parse(place[1]) is None),
        metadata,
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


def _warn_of_unknown(unknown: Sequence[Header], warn: Callable[[int, str, str], None]) -> None:
    if not unknown:
        return
    titles = dict.fromkeys(header.title for header in unknown)
    shown = ", ".join(repr(title) if title else "empty" for title in titles)
    if len(unknown) == 1:
        message = f"the header names no study ({shown:.80}); the experiment is a study of its own"
    else:
        where = listed([header.line for header in unknown], 10)
        message = (
            f"the headers of {len(unknown)} experiments name no study ({shown:.80}; "
            f"lines {where}); each is a study of its own"
        )
    warn(unknown[0].line, message, "write author and year after the //")


def _warn_of_repeats(lines: dict[str, list[int]], warn: Callable[[int, str, str], None]) -> None:
    for title, places in lines.items():
        if len(places) > 1:
            warn(
                places[0],
                f"header {quoted(title, 80)} stands {len(places)} times "
                f"(lines {listed(places, 10)}); each is kept as an experiment of its own",
                "",
            )
