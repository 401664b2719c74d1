"""Sleuth text line by line: headers and foci to contrasts."""

import re
from dataclasses import dataclass, field, replace
from itertools import takewhile

from nimare_pipeline import spaces
from nimare_pipeline.contrast import Contrast, listed, quoted
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _sleuth_headers as headers
from nimare_pipeline.io import _sleuth_numbers as numbers
from nimare_pipeline.io import _sleuth_sizes as sizes
from nimare_pipeline.io._sleuth_notes import MOST, Notes
from nimare_pipeline.io._text import visible

MOST_EXPERIMENTS, MOST_FOCI, MOST_LINES = 100_000, 1_000_000, 2_000_000
"""More of them are no file of foci; Neurosynth has 14,371 studies and 507,891 foci."""
LONGEST_LINE = 10_000
"""Characters of the longest line that is looked at."""

_MOST_PIECES = 4
"""What headers without foci say, on the average, before they are too many."""
_ONE_SLASH = re.compile(r"(?:/|\\{1,2})\s*[^\W\d]")
_COMMENT = re.compile(r"[#%!]|[*;]\s*[^\W\d]|/\*|\*/")
_NO_TITLES = (headers.SUBJECTS, headers.FIELD)
_LONG = f"no line of foci has more than {LONGEST_LINE:,} characters"


def cleaned(raw: str) -> str:
    """Line without what spreadsheets and editors put around and into it."""
    text = visible(raw.strip()).strip(' \t\xa0"')
    return text.rstrip(',; \t\xa0"')


@dataclass
class _Experiment:
    """Header and foci, as they stand in the file."""

    header: headers.Header
    space_line: int = 0
    rows: list[numbers.Row] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)
    rests: list[tuple[int, str]] = field(default_factory=list)

    def placed(self) -> headers.Header:
        """Header with a line also where there is none: that of the first focus."""
        line = self.header.line or (self.rows[0].line if self.rows else 1)
        return replace(self.header, line=line)


class Reader:
    """Goes through the lines once; a header is pending until its foci begin.

    Parameters
    ----------
    file : str
        Name of the file, for messages.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._notes = Notes(file)
        self._experiments: list[_Experiment] = []
        self._space = ""
        self._references: list[tuple[int, str]] = []
        self._pending: list[headers.Piece] = []
        self._comments: list[int] = []
        self._in_foci = False
        self._touches = False  # no blank line stands between the last focus and what is pending
        self._n_foci = 0
        self.is_full = False

    def line(self, number: int, raw: str) -> None:
        """Take in one line."""
        if len(raw) > LONGEST_LINE and len(raw.strip()) > LONGEST_LINE:
            self._notes.error(number, f"a line of {len(raw):,} characters", _LONG)
            return
        text = cleaned(raw)
        if not text:
            self._touches = self._touches and bool(self._pending)
            if self._pending:
                self._pending.append(headers.Piece(number, headers.BLANK, ""))
        elif text.startswith("//"):
            self._header(number, text)
        elif numbers.looks_like_focus(text):
            self._focus(number, text)
        else:
            self._other(number, text)
        n_experiments = max(len(self._experiments), len(self._pending) // _MOST_PIECES)
        if n_experiments > MOST_EXPERIMENTS:
            self._stop(number, f"more than {MOST_EXPERIMENTS:,} experiments in one file")
        elif self._n_foci > MOST_FOCI:
            self._stop(number, f"more than {MOST_FOCI:,} foci in one file")
        elif number >= MOST_LINES:
            self._stop(number, f"more than {MOST_LINES:,} lines in one file")
        elif self._notes.n_errors > MOST:
            self._stop(number, f"{MOST:,} errors")

    def finish(self) -> tuple[list[Contrast], list[Problem]]:
        """Contrasts and problems, when all lines are in; none of a file that is too much."""
        if self.is_full:
            return [], self._notes.listed()
        self._close()
        self._first_space()
        if self._comments:
            lines = listed(self._comments, 10)
            what = "a comment is" if len(self._comments) == 1 else "comments are"
            where = "" if len(self._comments) == 1 else f" (lines {lines})"
            self._notes.warn(self._comments[0], f"{what} left out{where}")
        named = headers.named([one.placed() for one in self._experiments], self._notes.warn)
        contrasts = [
            self._contrast(experiment, name)
            for experiment, name in zip(self._experiments, named, strict=True)
        ]
        return contrasts, self._notes.listed()

    def _stop(self, number: int, message: str) -> None:
        self._notes.last(number, f"{message}; what follows is not read")
        self.is_full = True
        self._experiments, self._pending = [], []

    def _header(self, number: int, text: str) -> None:
        said = text.lstrip("/ ")
        if not said:
            self._in_foci = False
            return
        if numbers.is_column_names(said):
            self._notes.warn(number, f"column names are left out: {quoted(text)}")
            return
        if numbers.is_only_numbers(said):
            self._notes.warn(number, f"a focus behind // is left out: {quoted(text)}")
            return
        others = []
        for piece in headers.pieces(number, text):
            if piece.kind == headers.REFERENCE:
                self._reference(number, piece.text)
            else:
                others.append(piece)
        self._pending += others
        # A Reference line alone cuts no experiment: the foci below it are in another space.
        self._in_foci = self._in_foci and not others and headers.reference(said) is not None

    def _reference(self, number: int, value: str) -> None:
        if self._references and spaces.recognise(value) != spaces.recognise(self._space):
            self._notes.warn(
                number, f"the space changes from {self._space} to {value} for what follows"
            )
        if not self._references or self._references[-1][1] != value:
            self._references.append((number, value))
        self._space = value

    def _focus(self, number: int, text: str) -> None:
        row, odd = numbers.row(number, text)
        if not self._in_foci:
            self._close(with_foci=True)
            self._in_foci = True
        if odd:
            self._notes.warn(number, odd)
        if row is None:
            self._notes.error(number, f"expected three numbers x y z, got {quoted(text)}")
            return
        self._n_foci += 1
        self._touches = True
        self._experiments[-1].rows.append(row)
        self._experiments[-1].spaces.append(self._space)
        rest = numbers.rest(text)
        if rest:
            self._experiments[-1].rests.append((number, rest))

    def _other(self, number: int, text: str) -> None:
        """Take in a line that is neither a header nor a focus, as they should be."""
        bare = text.lstrip("/\\#%!*; ")
        if (
            spaces.recognise(headers.reference(bare))
            or sizes.on_its_own(bare)
            or _ONE_SLASH.match(text)
        ):
            self._notes.warn(number, f"a header without its two slashes: {quoted(text)}")
            self._header(number, f"//{bare}")
        elif _COMMENT.match(text):
            self._comments.append(number)
        elif numbers.is_column_names(text):
            self._notes.warn(number, f"column names are left out: {quoted(text)}")
        elif numbers.is_broken_focus(text):
            self._focus(number, text)
        elif self._pending and self._pending[-1].kind != headers.BLANK:
            self._notes.warn(number, f"taken as the rest of the header above: {quoted(text)}")
            rest = headers.Piece(number, headers.TITLE, " ".join(text.split()), goes_on=True)
            self._pending.append(rest)
        else:
            self._notes.error(
                number,
                f"neither a header nor a focus: {quoted(text)}",
                "headers begin with //, foci are three numbers",
            )

    def _close(self, *, with_foci: bool = False) -> None:
        """End the pending header; what it holds but the last has no foci."""
        self._take_below(with_foci=with_foci)
        found = headers.split(self._pending)
        self._pending = []
        self._in_foci = False
        if with_foci and not found:
            found = [headers.Header()]
        for header in found:
            line = self._references[-1][0] if self._references else 0
            self._experiments.append(_Experiment(header, line))

    def _take_below(self, *, with_foci: bool) -> None:
        """Give a sample size right below foci to them, where it can be no one else's."""
        last = self._experiments[-1] if self._experiments else None
        if not self._touches or last is None or last.header.said:
            return
        said = list(takewhile(lambda piece: piece.kind in _NO_TITLES, self._pending))
        others = self._pending[len(said) :]
        is_parted = others[0].kind == headers.BLANK if others else not with_foci
        named = any(piece.kind != headers.BLANK for piece in others)
        if not said or not is_parted or (with_foci and not named):
            return
        (below,) = headers.split(said)
        if not below.said:
            return
        above = last.placed()
        last.header = replace(
            below,
            line=above.line,
            title=above.title,
            metadata={**below.metadata, **above.metadata},
        )
        self._pending = others
        title = above.title
        self._notes.warn(
            below.line, f"a sample size below the foci is taken as theirs, of {quoted(title, 80)}"
        )

    def _first_space(self) -> None:
        """Let the only Reference of a file hold for experiments that stand before it."""
        before = [made for made in self._experiments if "" in made.spaces]
        known = {spaces.recognise(value) for _, value in self._references}
        if before and len(known) == 1:
            line, value = self._references[0]
            self._notes.warn(
                line, f"Reference={value} stands after foci; it is taken for the whole file"
            )
            for experiment in before:
                experiment.spaces = [space or value for space in experiment.spaces]
                experiment.space_line = line

    def _contrast(self, experiment: _Experiment, name: headers.Name) -> Contrast:
        header, rows = experiment.placed(), experiment.rows
        line = header.line
        if not rows:
            self._notes.warn(line, f"no foci under {quoted(name.title, 80)}")
        self._sample_sizes(header, name.title)
        self._extra_numbers(rows, name.title)
        self._rests(experiment.rests, name.title)
        return Contrast(
            study_id=name.study_id,
            contrast_id=name.contrast_id,
            xyz=numbers.xyz(rows),
            spaces=tuple(experiment.spaces),
            sample_sizes=header.sizes,
            metadata={"study_name": name.study, "contrast_name": name.contrast, **header.metadata},
            values=numbers.values(rows),
            file=self._file,
            line=line,
            focus_lines=tuple(row.line for row in rows),
            space_line=experiment.space_line,
        )

    def _sample_sizes(self, header: headers.Header, title: str) -> None:
        """Say what is missing or odd about the sample size of an experiment."""
        advice = "write a whole number, as in //Subjects=20"
        for line, text in header.unread:
            message = f"sample size cannot be read: {quoted(text)} (of {quoted(title, 80)})"
            done = "it is left out" if header.sizes else "it is taken as unknown"
            self._notes.warn(line, f"{message}; {done}", advice)
        if not header.sizes and not header.unread:
            self._notes.warn(
                header.line, f"no sample size for {quoted(title, 80)}", "add a line //Subjects=N"
            )
        for line, text in header.said:
            for size in dict.fromkeys(sizes.parse(text) or ()):
                odd = sizes.oddity(size)
                if odd:
                    message = f"sample size {size:g} of {quoted(title, 80)} is implausible: {odd}"
                    self._notes.warn(line, message, "is it a slip? it is used as it is")
        if len(set(header.sizes)) > 1:
            groups = listed([f"{size:g}" for size in header.sizes])
            self._notes.warn(
                header.line,
                f"several sample sizes for {quoted(title, 80)}: {groups}; their mean is used",
            )

    def _extra_numbers(self, rows: list[numbers.Row], title: str) -> None:
        extra = [row for row in rows if row.extra]
        if not extra:
            return
        if len(extra) == 1:
            place = f"the row of {quoted(title, 80)} has more than 3 numbers"
        else:
            rows_ = f"rows {extra[0].line} to {extra[-1].line}"
            place = f"{rows_} of {quoted(title, 80)} have more than 3 numbers"
        shift = numbers.shift(extra, len(rows))
        if shift:
            self._notes.error(extra[0].line, f"{place}, {shift}", "remove that column")
        else:
            self._notes.warn(extra[0].line, f"{place}; the first three are taken as x y z")

    def _rests(self, rests: list[tuple[int, str]], title: str) -> None:
        if not rests:
            return
        line, text = rests[0]
        message = f"what follows the numbers is left out: {quoted(text)}"
        if len(rests) > 1:
            where = listed([number for number, _ in rests], 10)
            message += f" and others, of {quoted(title, 80)} (lines {where})"
        self._notes.warn(line, message)
