"""Sleuth files made of departures drawn at random, whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from nimare_pipeline.contrast import check
from nimare_pipeline.io import sleuth
from nimare_pipeline.spaces import recognise

AUTHORS = ["Smith", "Müller", "García and Sánchez", "van den Bjørn", "O'Neil", "Lü et al.", "Doi"]
WORDS = ["faces", "houses", "memory", "n-back", "(masked)", "left > right", "2-back", "pain: heat"]
SPACES = {"MNI": ["MNI", "mni152", "ICBM152", "MNI;"], "TAL": ["Talairach", "TAL", "Tailarach"]}
REFERENCES = ["//Reference={}", "// reference = {}", "//REFERENCE: {}\t\t", "//Template={}"]
REFERENCES += ['"//Reference={}"', "//Ref={}", "Reference={}", "// Reference={},,,"]
SIZES = ["//Subjects={}", "// subject: {}", "//Subjectssss={}", "//N={}", "//Participants = {}\t"]
SIZES += ["//Sample size={}", "Subjects={}", "//Number of subjects: {}", "//Subjects={},,"]
FIELDS = ["//DOI=10.1016/j.x", "//PMID: 1234", "//Note: x", "//https://doi.org/10.1016/j.x"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "mac_roman"]
EVERYWHERE = {"cp1252": "-–", "mac_roman": "-–"}
NOISE = ["# by hand", "% see Table 2", "", "\t\t", "  "]


@dataclass(frozen=True)
class Experiment:
    """What a reader must find."""

    study: str
    contrast: str
    sizes: tuple[int, ...]
    space: str
    xyz: tuple[tuple[float, float, float], ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Case:
    """A file and its truth."""

    body: bytes
    experiments: tuple[Experiment, ...]


@st.composite
def experiments(draw: DrawFn, space: str, *, with_foci: bool) -> Experiment:
    axis = st.integers(-700, 700).map(lambda n: n / 10)
    foci = draw(st.lists(st.tuples(axis, axis, axis), min_size=with_foci, max_size=5))
    # A first column that stands twice, or counts the rows, is refused where a fourth follows.
    is_plain = any(x not in (y, number) for number, (x, y, _) in enumerate(foci, start=1))
    n_values = len(foci) if is_plain and draw(st.integers(0, 3)) == 0 else 0
    sizes = draw(st.lists(st.integers(5, 1200), min_size=not foci, max_size=2))
    return Experiment(
        f"{draw(st.sampled_from(AUTHORS))}, {draw(st.integers(1990, 2030))}",
        " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4))),
        tuple(sizes),
        space,
        tuple(foci),
        tuple(draw(st.lists(axis, min_size=n_values, max_size=n_values))),
    )


def written(value: float, how: str, mark: str, minus: str) -> str:
    """Write a number of one decimal, in one of the ways that mean the same."""
    size = f"{abs(value):.1f}"
    if how == "short":
        size = size.removesuffix(".0") if size != "0.0" else "0"
        size = size[1:] if size.startswith("0.") else size
    if how == "exponent" and mark == ".":
        size = f"{abs(value) * 10:.0f}e-1"
    sign = minus if value < 0 else "+" if how == "plus" else ""
    return sign + size.replace(".", mark)


@st.composite
def rows(draw: DrawFn, one: Experiment, minuses: str) -> list[str]:
    mark = draw(st.sampled_from([".", ".", ","]))
    gaps = ["\t", "  ", " \t ", "; ", " | "] + ([", ", ","] if mark == "." else ["\t", ", "])
    gap = draw(st.sampled_from(gaps))
    ends = ["", "\t\t", "   ", ";", ",,", " insula", " BA 13"] if not one.values else ["", "\t"]
    end = draw(st.sampled_from(ends))
    around = draw(st.sampled_from(["{}", "{}", '"{}"', " {}", "({})", "[{}]"]))
    lines = []
    for number, point in enumerate(one.xyz):
        minus = draw(st.sampled_from(minuses))
        how = draw(st.sampled_from(["plain", "short", "plus", "exponent"]))
        cells = [written(value, how, mark, minus) for value in point]
        line = around.format(gap.join(cells))
        if one.values:
            line += gap + written(one.values[number], "plain", mark, minus)
        lines.append(line + end)
        lines += draw(st.sampled_from([[], [], [], ["# right"], ["//12 13 14"]]))
    return lines


@st.composite
def headers(draw: DrawFn, one: Experiment) -> list[str]:
    title = f"{one.study}{draw(st.sampled_from([': ', '; ', ' : ', ':']))}{one.contrast}"
    slashes = draw(st.sampled_from(["//", "// ", "//\t", "///"]))
    parts = [title]
    if " " in one.contrast and draw(st.booleans()):
        before, after = title.rsplit(" ", 1)
        parts = [before, after]
    lines = [slashes + part + draw(st.sampled_from(["", "\t\t", ",,", " "])) for part in parts]
    fields = draw(
        st.sampled_from([[], [], ["//DOI=10.1016/j.x"], ["//PMID: 1234"], ["//Note: x"]])
    )
    if not one.sizes:
        return draw(st.permutations([*fields, lines]).map(flat)) if fields else lines
    said = draw(st.sampled_from(SIZES)).format(", ".join(map(str, one.sizes)))
    if len(lines) == 1 and said.startswith("//") and draw(st.integers(0, 4)) == 0:
        return [f"{lines[0]}\t{said}", *fields]
    return draw(st.permutations([lines, said, *fields]).map(flat))


def flat(parts: Sequence[str | list[str]]) -> list[str]:
    """One list of lines."""
    return [line for part in parts for line in (part if isinstance(part, list) else [part])]


@st.composite
def cases(draw: DrawFn) -> Case:
    """A file of up to eight experiments."""
    encoding = draw(st.sampled_from(ENCODINGS))
    minuses = EVERYWHERE.get(encoding, "-–−‐")
    lines: list[str] = draw(st.lists(st.sampled_from(NOISE), max_size=2))
    found: list[Experiment] = []
    late = draw(st.integers(0, 9)) == 0  # the only Reference stands last
    space = draw(st.sampled_from(sorted(SPACES)))
    lines += [] if late else [draw(references(space))]
    for _ in range(draw(st.integers(1, 8))):
        if not late and draw(st.integers(0, 5)) == 0:
            space = draw(st.sampled_from(sorted(SPACES)))
            lines.append(draw(references(space)))
        again = found and draw(st.integers(0, 5)) == 0
        made = draw(experiments(space, with_foci=draw(st.integers(0, 5)) > 0))
        if again:
            made = Experiment(found[-1].study, found[-1].contrast, *list(vars(made).values())[2:])
        lines += draw(headers(made))
        lines += draw(rows(made, minuses))
        gaps = [[""], ["", "  ", "\t"], ["# next", ""]]
        gaps += [[], ["//"], ["//-----"]] if made.xyz else []
        lines += draw(st.sampled_from(gaps))
        found.append(made)
    lines += [draw(references(space))] if late else []
    return Case(draw(bodies(lines, encoding)), tuple(found))


@st.composite
def references(draw: DrawFn, space: str) -> str:
    return draw(st.sampled_from(REFERENCES)).format(draw(st.sampled_from(SPACES[space])))


@st.composite
def bodies(draw: DrawFn, lines: Sequence[str], encoding: str) -> bytes:
    ends = ["\n", "\r\n", "\r"]
    if draw(st.booleans()):
        ends = [draw(st.sampled_from(ends))]
    text = ""
    for line in lines:
        end = draw(st.sampled_from(ends))
        # CR, nothing, LF would be one end of one line.
        text += line + ("\r\n" if not line and end == "\n" and text.endswith("\r") else end)
    return text.encode(encoding)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=cases())
def test_every_departure_is_read(tmp_path_factory, case: Case) -> None:  # type: ignore[no-untyped-def]
    """Experiments, names, sample sizes, spaces, foci and values are those that were written."""
    path: Path = tmp_path_factory.getbasetemp() / "generated.txt"
    path.write_bytes(case.body)
    assert sleuth.sniff(path)
    contrasts, problems = sleuth.read(path)
    problems += check(contrasts)
    assert [str(problem) for problem in problems if problem.level == "error"] == []
    found = [
        Experiment(
            contrast.metadata["study_name"],
            contrast.metadata["contrast_name"],
            tuple(int(size) for size in contrast.sample_sizes),
            one.space,
            tuple(map(tuple, contrast.xyz.tolist())),
            contrast.values.get("value_1", ()),
        )
        for contrast, one in zip(contrasts, case.experiments, strict=True)
    ]
    assert found == list(case.experiments)
    for contrast, one in zip(contrasts, case.experiments, strict=True):
        assert {recognise(name) for name in contrast.spaces} <= {one.space}
    assert len({contrast.id for contrast in contrasts}) == len(contrasts)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory, body: bytes) -> None:  # type: ignore[no-untyped-def]
    """Bytes behind a Reference line give contrasts and problems, never another exception."""
    path: Path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(b"//Reference=MNI\n//A, 2000: b\n1 2 3\n" + body)
    sleuth.sniff(path)
    contrasts, problems = sleuth.read(path)
    problems += check(contrasts)
    assert all(problem.message for problem in problems)
    assert np.isfinite(contrasts[0].xyz[0]).all() if contrasts else problems
