"""Sleuth / GingerALE text: ``//`` headers, then one ``x y z`` a line.

::

    //Reference=MNI
    //Smith et al., 2019: Working memory > baseline
    //Subjects=23
    -7.5   8.5   -9.5
     10    12    62

Real files depart from this in every way: see the tests. No experiment is ever lost: what cannot be
understood is a problem with its line.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from nimare_pipeline import spaces
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import NoInputError, Problem
from nimare_pipeline.io import _sleuth_headers as headers
from nimare_pipeline.io import _sleuth_numbers as numbers
from nimare_pipeline.io import _sleuth_sizes as sizes
from nimare_pipeline.io import _text

NAME = "Sleuth text"
SEPARATE = True
"""Several files in a folder are several analyses, not rival datasets."""

_SNIFF_BYTES = 65536


def sniff(path: Path) -> bool:
    """Whether a file has a Reference line, or ``//`` headers and rows of three numbers."""
    with path.open("rb") as stream:
        body = stream.read(_SNIFF_BYTES)
    if not _text.is_text(body):
        return False
    text, _ = _text.decode(body)
    found = [line.strip().strip('"') for line in _text.lines(text)]
    titles = [line for line in found if line.startswith("//")]
    if any(headers.reference(line.lstrip("/ ")) for line in titles):
        return True
    return bool(titles) and any(numbers.looks_like_focus(line) for line in found)


def read(path: Path, *_companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a file, in file order, and everything odd in it.

    Raises
    ------
    NoInputError
        If there is no such file.
    """
    try:
        text, problems = _text.decode(path.read_bytes())
    except FileNotFoundError as error:
        msg = f"no such file: {path}"
        raise NoInputError(msg) from error
    contrasts, found = parse(text, file=path.name)
    return contrasts, [*(_at(path.name, problem) for problem in problems), *found]


def parse(text: str, file: str = "") -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a text."""
    reader = _Reader(file)
    for number, line in enumerate(_text.lines(text), start=1):
        reader.line(number, line)
    reader.close()
    reader.first_space()
    named = headers.named([experiment.placed() for experiment in reader.experiments], reader.warn)
    contrasts = [
        reader.contrast(experiment, name)
        for experiment, name in zip(reader.experiments, named, strict=True)
    ]
    return contrasts, sorted(reader.problems, key=_line_number)


@dataclass
class _Experiment:
    """Header and foci, as they stand in the file."""

    header: headers.Header
    space: str
    space_line: int = 0
    rows: list[numbers.Row] = field(default_factory=list)

    def placed(self) -> headers.Header:
        """Header with a line also where there is none: that of the first focus."""
        line = self.header.line or (self.rows[0].line if self.rows else 1)
        return replace(self.header, line=line)


@dataclass
class _Reader:
    """Goes through the lines once; a header is pending until its foci begin."""

    file: str
    experiments: list[_Experiment] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    space: str = ""
    references: list[tuple[int, str]] = field(default_factory=list)
    pending: list[headers.Piece] = field(default_factory=list)
    in_foci: bool = False

    def warn(self, line: int, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem("warning", message, self.file, f"line {line}", suggestion))

    def error(self, line: int, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem("error", message, self.file, f"line {line}", suggestion))

    def line(self, number: int, raw: str) -> None:
        text = raw.strip().strip('"').strip()
        if not text:
            if self.pending:
                self.pending.append(headers.Piece(number, headers.BLANK, ""))
        elif text.startswith("//"):
            self.header(number, text)
        elif numbers.looks_like_focus(text):
            self.focus(number, text)
        elif re.match(r"/\s*[^\W\d]", text):
            self.warn(number, f"header with one slash: {text!r:.60}")
            self.header(number, text)
        else:
            self.text(number, text)

    def header(self, number: int, text: str) -> None:
        self.in_foci = False
        for piece in headers.pieces(number, text):
            if piece.kind == headers.REFERENCE:
                self.reference(number, piece.text)
            else:
                self.pending.append(piece)

    def reference(self, number: int, value: str) -> None:
        if self.references and spaces.recognise(value) != spaces.recognise(self.space):
            self.warn(number, f"the space changes from {self.space} to {value} for what follows")
        self.references.append((number, value))
        self.space = value

    def focus(self, number: int, text: str) -> None:
        row, problem = numbers.row(number, text)
        if not self.in_foci:
            self.close(with_foci=True)
            self.in_foci = True
        if problem:
            self.warn(number, problem)
        if row is None:
            self.error(number, f"expected three numbers x y z, got {text!r:.60}")
        else:
            self.experiments[-1].rows.append(row)

    def text(self, number: int, text: str) -> None:
        if numbers.is_column_names(text):
            self.warn(number, f"column names are left out: {text!r:.60}")
        elif numbers.is_broken_focus(text):
            self.focus(number, text)
        elif self.pending and self.pending[-1].kind != headers.BLANK:
            self.warn(number, f"taken as the rest of the header above: {text!r:.60}")
            self.pending.append(headers.Piece(number, headers.TITLE, text))
        else:
            self.error(
                number,
                f"neither a header nor a focus: {text!r:.60}",
                "headers begin with //, foci are three numbers",
            )

    def close(self, *, with_foci: bool = False) -> None:
        """End the pending header; what it holds but the last has no foci."""
        found = headers.split(self.pending)
        self.pending = []
        self.in_foci = False
        if with_foci and not found:
            found = [headers.Header()]
        for header in found:
            line = self.references[-1][0] if self.references else 0
            self.experiments.append(_Experiment(header, self.space, line))

    def first_space(self) -> None:
        """Let the only Reference of a file hold for experiments that stand before it."""
        before = [made for made in self.experiments if made.rows and not made.space]
        known = {spaces.recognise(value) for _, value in self.references}
        if before and len(known) == 1:
            line, value = self.references[0]
            self.warn(line, f"Reference={value} stands after foci; it is taken for the whole file")
            for experiment in before:
                experiment.space, experiment.space_line = value, line

    def contrast(self, experiment: _Experiment, name: headers.Name) -> Contrast:
        header, rows = experiment.placed(), experiment.rows
        line = header.line
        if not rows:
            self.warn(line, f"no foci under {name.title!r}")
        self.sample_sizes(header, name.title)
        self.extra_numbers(rows, name.title)
        return Contrast(
            study_id=name.study_id,
            contrast_id=name.contrast_id,
            xyz=numbers.xyz(rows),
            spaces=(experiment.space,) * len(rows),
            sample_sizes=header.sizes,
            metadata={"study_name": name.study, "contrast_name": name.contrast, **header.metadata},
            values=numbers.values(rows),
            file=self.file,
            line=line,
            focus_lines=tuple(row.line for row in rows),
            space_line=experiment.space_line,
        )

    def sample_sizes(self, header: headers.Header, title: str) -> None:
        """Say what is missing or odd about the sample size of an experiment."""
        advice = "write a whole number, as in //Subjects=20"
        for line, text in header.unread:
            message = f"sample size cannot be read: {text!r:.60} (of {title!r})"
            done = "it is left out" if header.sizes else "it is taken as unknown"
            self.warn(line, f"{message}; {done}", advice)
        if not header.sizes and not header.unread:
            self.warn(header.line, f"no sample size for {title!r}", "add a line //Subjects=N")
        for line, text in header.said:
            for size in dict.fromkeys(sizes.parse(text) or ()):
                odd = sizes.oddity(size)
                if odd:
                    message = f"sample size {size:g} of {title!r} is implausible: {odd}"
                    self.warn(line, message, "is it a slip? it is used as it is")
        if len(set(header.sizes)) > 1:
            groups = ", ".join(f"{size:g}" for size in header.sizes)
            self.warn(
                header.line, f"several sample sizes for {title!r}: {groups}; their mean is used"
            )

    def extra_numbers(self, rows: list[numbers.Row], title: str) -> None:
        extra = [row for row in rows if row.extra]
        if not extra:
            return
        if len(extra) == 1:
            place = f"the row of {title!r} has more than 3 numbers"
        else:
            rows_ = f"rows {extra[0].line} to {extra[-1].line}"
            place = f"{rows_} of {title!r} have more than 3 numbers"
        if len(extra) > 1 and all(row.xyz[0] == row.xyz[1] for row in extra):
            self.error(extra[0].line, f"{place}, the first one twice", "remove the copied column")
        else:
            self.warn(extra[0].line, f"{place}; the first three are taken as x y z")


def _line_number(problem: Problem) -> int:
    return int(problem.where.removeprefix("line "))


def _at(file: str, problem: Problem) -> Problem:
    return Problem(problem.level, problem.message, file, problem.where, problem.suggestion)
