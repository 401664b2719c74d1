"""Random datasets written as CSV, TSV and XLSX in random dialects are read back as they were."""

import codecs
import csv
import io as text_io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimare_pipeline.contrast import check
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import canlab, jale, sheet
from tests.io.sheets import HEAD, ROWS, facts, workbook

HEADERS = {
    "study": ("Study", "study_id", "Article", "PAPER", "Author (year)"),
    "contrast": ("Contrast", "contrast_id", "experiment", "Analysis"),
    "size": ("N", "n", "Subjects", "sample_size", "No. of participants"),
    "axes": (
        ("x", "y", "z"),
        ("X", "Y", "Z"),
        ("x_mm", "y_mm", "z_mm"),
        ("peak x", "peak y", "peak z"),
    ),
    "space": ("Space", "CoordSystem", "coordinate space", "Template"),
}
SPELLED = {"MNI": ("MNI", "MNI152", "mni"), "TAL": ("TAL", "Talairach", "T88")}
WORDS = st.text("abcXYZ äé&'!?*+=<>", min_size=1, max_size=8).map(str.strip)
NAMES = WORDS.filter(lambda text: bool(text) and text[0] in "abcXYZ")
COORDINATES = st.integers(-80, 80) | st.sampled_from([1.5, -22.25, 0.125])
LABELS = st.one_of(
    st.lists(st.integers(-99, 2000), min_size=6, max_size=6),
    st.lists(st.sampled_from([0.5, 1.25, -3.75]), min_size=6, max_size=6),
    st.lists(st.sampled_from(["heat", "cold", "touch & go"]), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
)


@dataclass(frozen=True)
class Made:
    """A dataset, and the table that says it."""

    expected: list[tuple[Any, ...]]
    labels: list[dict[str, Any]]
    rows: list[list[Any]]


@st.composite
def tables(draw: st.DrawFn) -> Made:
    """A few contrasts of a few studies; rows, headers and gaps as a person might type them."""
    keys = draw(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=5, unique_by=_folded))
    keys = sorted(keys, key=lambda key: key[0])  # rows of a study stand together
    studies = {study.casefold(): study for study, _ in keys}
    labels = {f"covariate {i}": draw(LABELS) for i in range(draw(st.integers(0, 2)))}
    once = draw(st.booleans())
    one_cell = draw(st.booleans())
    axes = draw(st.sampled_from(HEADERS["axes"]))
    head = [
        draw(st.sampled_from(HEADERS[name])) for name in ("study", "contrast", "size", "space")
    ]
    rows: list[list[Any]] = [["typed by me, in 2020"], []] if draw(st.booleans()) else []
    rows.append([*head, *(["coordinates"] if one_cell else axes), *labels])
    made = Made([], [], rows)
    last = ""
    for i, (study, contrast) in enumerate(keys):
        study = studies[study.casefold()]  # noqa: PLW2901 - one spelling of each
        foci = draw(st.lists(st.tuples(*[COORDINATES] * 3), min_size=1, max_size=3, unique=True))
        space = draw(st.sampled_from(sorted(SPELLED)))
        size = draw(st.integers(5, 60))
        own = {name: values[i] for name, values in labels.items()}
        for j, xyz in enumerate(foci):
            name = study if not once or study != last else ""
            core = [name, contrast, size, draw(st.sampled_from(SPELLED[space]))]
            core = core if not once or not j else ["", "", "", ""]
            where = [_in_one(draw, xyz)] if one_cell else list(xyz)
            rows.append([*core, *where, *own.values()])
            last = study
        if draw(st.booleans()):
            rows.append([])
        made.expected.append(
            (
                study,
                contrast,
                (size,),
                [tuple(map(float, xyz)) for xyz in foci],
                (space,) * len(foci),
            )
        )
        made.labels.append(own)
    return made


def _folded(key: tuple[str, str]) -> tuple[str, ...]:
    return tuple(" ".join(part.casefold().split()) for part in key)


def _in_one(draw: st.DrawFn, xyz: Sequence[float]) -> str:
    form = draw(st.sampled_from(["{}, {}, {}", "({}; {}; {})", "[{} {} {}]", "{} / {} / {}"]))
    return form.format(*xyz)


def _text(rows: Sequence[Sequence[Any]], mark: str, *, comma: bool, end: str, quote: int) -> str:
    stream = text_io.StringIO()
    writer = csv.writer(stream, delimiter=mark, lineterminator=end, quoting=quote)  # type: ignore[arg-type]
    for row in rows:
        writer.writerow([_cell(value, comma=comma) for value in row])
    return stream.getvalue()


def _cell(value: Any, *, comma: bool) -> str:
    text = str(value).upper() if isinstance(value, bool) else str(value)
    return text.replace(".", ",") if comma and isinstance(value, float) else text


@st.composite
def dialects(draw: st.DrawFn) -> Callable[[Path, Sequence[Sequence[Any]]], Path]:
    """Way to write a table into a file."""
    kind = draw(st.sampled_from(["csv", "tsv", "xlsx"]))
    if kind == "xlsx":
        as_text = draw(st.booleans())

        def write(folder: Path, rows: Sequence[Sequence[Any]]) -> Path:
            cells = [[None if v == "" else str(v) if as_text else v for v in row] for row in rows]
            return workbook(folder / "a.xlsx", {"Sheet1": cells})

        return write
    mark = "\t" if kind == "tsv" else draw(st.sampled_from([",", ";"]))
    comma = mark == ";" and draw(st.booleans())
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
    quote = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))

    def write_text(folder: Path, rows: Sequence[Sequence[Any]]) -> Path:
        path = folder / f"a.{kind}"
        body = _text(rows, mark, comma=comma, end=end, quote=quote)
        path.write_bytes(codecs.encode(body, encoding))
        return path

    return write_text


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=tables(), write=dialects())
def test_what_is_written_is_read(
    made: Made, write: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Studies, contrasts, sizes, spaces, foci and labels, to the last digit."""
    path = write(tmp_path_factory.mktemp("table"), made.rows)
    assert sheet.sniff(path)
    contrasts, problems = sheet.read(path)
    assert [p for p in (*problems, *check(contrasts)) if p.level == "error"] == []
    assert [facts(contrast) for contrast in contrasts] == [
        (" ".join(study.split()), " ".join(contrast.split()), *rest)
        for study, contrast, *rest in made.expected
    ]
    assert [dict(contrast.annotations) for contrast in contrasts] == made.labels


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_workbook_crashes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A workbook with bytes of a part changed, cut or doubled is read, or refused."""
    folder = tmp_path_factory.mktemp("odd")
    plain = workbook(folder / "plain.xlsx", {"a": [HEAD, *ROWS]}, merged=["A2:A3"])
    path = folder / "a.xlsx"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as made:
        wanted = data.draw(st.sampled_from(sorted(source.namelist())))
        for name in source.namelist():
            body = source.read(name)
            if name == wanted:
                start = data.draw(st.integers(0, len(body)))
                end = data.draw(st.integers(start, min(len(body), start + 60)))
                junk = st.sampled_from([b"", b"<", b"9" * 30, b'"', b"</c>", b"<c>", b"\0", b"-1"])
                again = data.draw(st.sampled_from([b"", body[start:end] * 3]))
                body = body[:start] + data.draw(junk) + again + body[end:]
            made.writestr(name, body)
    for module in (sheet, jale):
        module.sniff(path)
        try:
            contrasts, _ = module.read(path)
        except DataError:
            continue
        check(contrasts)


HOSTILE = st.binary(max_size=300) | st.text(max_size=300).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)
LINES = st.lists(
    st.lists(
        st.sampled_from(
            [
                *("Study", "x", "y", "z", "N", "space", "Contrast", "coordinates", "1", "-2,5"),
                *(
                    '"',
                    "//",
                    "#",
                    "M",
                    "+a",
                    "?",
                    "$b",
                    "MNI",
                    "=1+1",
                    "#N/A",
                    "nan",
                    "inf",
                    "1e999",
                ),
                *(
                    "(1,2,3)",
                    "(((",
                    "9" * 400,
                    "\ud83e\udde0",
                    "../../x",
                    "<b>",
                    "n.s.",
                    "Total",
                    "",
                ),
            ]
        )
        | st.text(max_size=5),
        max_size=8,
    ),
    max_size=12,
).map(lambda rows: "\n".join("\t".join(row) for row in rows).encode("utf-8", "surrogatepass"))


@settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=HOSTILE | LINES, head=st.sampled_from([b"", b"Study\tx\ty\tz\tN\tspace\n", b"PK\x03\x04"])
)
def test_no_input_crashes(
    body: bytes, head: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever stands in a file, it is read with problems, or refused with them."""
    path = tmp_path_factory.mktemp("odd") / "a.tsv"
    path.write_bytes(head + body)
    for module in (sheet, canlab, jale):
        module.sniff(path)
        try:
            contrasts, _ = module.read(path)
        except DataError:
            continue
        check(contrasts)
