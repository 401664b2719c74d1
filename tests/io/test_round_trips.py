"""From any format to any other and back: everything that the other can hold comes back."""

import math
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimare_pipeline.contrast import Contrast, check, is_missing
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import nimads, nimare_json, sleuth, writers
from nimare_pipeline.io._losses import Loss, compare, same
from nimare_pipeline.spaces import recognise

NESTED = ("nimads", "nimare")
WHOLE = ("native", *NESTED)
"""Formats that hold everything but the few things named in ``held``."""
SIZES = st.lists(st.integers(1, 10**9) | st.sampled_from([12.5, 0.1]), max_size=3)
NAMES = st.sampled_from(["a", "pain", "year", "title", "doi", "study_name", "Ünï", "a b", "x_y"])
SIMPLE = (
    st.integers(-(2**70), 2**70)
    | st.floats(allow_infinity=True)
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["n/a", "", " x", "007", "1", "true", "NaN", '"', "a\nb", "<b>", "$(x)`"])
)
VALUES = st.none() | SIMPLE | st.lists(SIMPLE, max_size=2)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)
IDS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=6
) | st.sampled_from(
    ["1", "2", "a", "A", "study-1", "pain_01.nidm", "x > y", "x < y", "../..", "a/b", "a\\b", "😀",
     "untitled", "doi=1", "MNI", "n=12", "Smith 2019: a", "Subjects=3", "_", "//", "'\"", "<b>"]
)  # fmt: skip
PLAIN_IDS = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}_[0-9]{1,3}", fullmatch=True)
IMAGES = st.dictionaries(
    st.sampled_from(["z", "t", "beta", "varcope", "odd name", "f"]),
    st.sampled_from(["a.nii.gz", "/abs/b.nii", "https://x.org/c.nii.gz", "../d"]),
    max_size=3,
)
TEXTS = st.text(max_size=9).filter(lambda text: text != "None")
"""NiMARE writes ``None`` for a text that there is not: ``test_a_text_that_says_none``."""
AXIS = st.floats(-90, 90, allow_subnormal=True) | st.sampled_from([-0.0, 0.1 + 0.2, 1e-300])


@st.composite
def contrasts(draw: st.DrawFn, ids: st.SearchStrategy[str] = IDS) -> Contrast:
    """What a reader could bring, in one of the two spaces."""
    n = draw(st.integers(0, 3))
    kinds = draw(st.sets(st.sampled_from(["z_stat", "t", "region", "Ünï"]), max_size=2))
    return Contrast(
        draw(ids),
        draw(ids),
        np.array([[draw(AXIS) for _ in "xyz"] for _ in range(n)]).reshape(-1, 3),
        (draw(st.sampled_from(["MNI", "TAL"])),) * n,
        tuple(draw(SIZES)),
        metadata=draw(FIELDS),
        images=draw(IMAGES),
        annotations=draw(FIELDS),
        texts=draw(st.dictionaries(st.sampled_from(["abstract", "body"]), TEXTS)),
        values={kind: tuple(draw(VALUES) for _ in range(n)) for kind in sorted(kinds)},
    )


def unique(found: list[Contrast]) -> list[Contrast]:
    """Contrasts without those that no dataset may have: ids that are not unique or broken."""
    kept = list({one.id: one for one in found}.values())
    wrong = {problem.where for problem in check(kept) if problem.level == "error"}
    return [] if wrong else kept


def again(given_: list[Contrast], to: str, folder: Path) -> tuple[list[Contrast], list[Loss]]:
    """Contrasts after writing and reading, and what was said to be lost."""
    path = folder / f"{to}{len(list(folder.iterdir()))}{writers.FORMATS[to].suffix}"
    losses, _ = writers.write_read_back(given_, path, to)
    found, _ = writers.read(path, to)
    return found, losses


def fields(contrast: Contrast) -> dict[str, Any]:
    """Everything of a contrast that counts, by name."""
    found: dict[str, Any] = {
        "study": contrast.study_id,
        "contrast": contrast.contrast_id,
        "xyz": contrast.xyz.tobytes(),
        "spaces": tuple(map(recognise, contrast.spaces)),
        "sizes": contrast.sample_sizes,
    }
    for part in ("metadata", "images", "annotations", "texts"):
        for name, value in getattr(contrast, part).items():
            if not is_missing(value):
                found[f"{part} {name}"] = repr(value)
    for name, values in contrast.values.items():
        if not all(map(is_missing, values)):
            found[f"values {name}"] = repr(tuple(None if is_missing(v) else v for v in values))
    return found


def assert_kept(first: list[Contrast], second: list[Contrast]) -> None:
    """Every field of each contrast is there, with its type; a reader may add names of its own."""
    others = {(one.study_id, one.contrast_id): fields(one) for one in second}
    assert len(others) == len(first) == len(second)
    for one in first:
        before = fields(one)
        after = others[one.study_id, one.contrast_id]
        assert before == {name: after.get(name) for name in before}


def test_a_text_that_says_none(tmp_path: Path) -> None:
    """In NiMARE's format it stands for a missing one; that it is lost there is said."""
    xyz = np.zeros((1, 3))
    contrast = Contrast("a", "1", xyz, ("MNI",), texts={"abstract": "None", "body": "all"})
    found, losses = again([contrast], "nimare", tmp_path)
    assert [(loss.part, loss.how, loss.fields) for loss in losses] == [
        ("texts", "left out", ("abstract",))
    ]
    assert found[0].texts.get("abstract") is None
    assert again([contrast], "nimads", tmp_path)[1] == []


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(contrasts(), min_size=1, max_size=4), data=st.data())
def test_whole_formats(found: list[Contrast], data: st.DataObject, tmp_path_factory: Any) -> None:
    """Tables, NIMADS and NiMARE JSON, in any order: nothing is lost, and nothing said to be."""
    first = unique(found)
    first = first if any(len(one.xyz) for one in first) else [replace(o, values={}) for o in first]
    folder = tmp_path_factory.mktemp("trip")
    way = data.draw(st.permutations(WHOLE))
    now = first
    for to in (*way, way[0]):
        if now:
            now, losses = again(now, to, folder)
            assert losses == []
    assert_kept(first, now)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(contrasts(ids=PLAIN_IDS), min_size=1, max_size=4), data=st.data())
def test_sleuth_and_back(
    found: list[Contrast], data: st.DataObject, tmp_path_factory: Any
) -> None:
    """Ids, foci to the last bit, space and one sample size; from every format and to it."""
    space = data.draw(st.sampled_from(["MNI", "TAL"]))
    held = [
        replace(
            one,
            spaces=(space,) * len(one.xyz),
            sample_sizes=tuple(map(math.floor, one.sample_sizes[:1])),
            **{name: {} for name in ("metadata", "images", "annotations", "texts", "values")},
        )
        for one in unique(found)
        if len(one.xyz) and all(size >= 1 for size in one.sample_sizes[:1])
    ]
    if not held:
        return
    folder = tmp_path_factory.mktemp("trip")
    now = held
    for to in (data.draw(st.sampled_from(WHOLE)), "sleuth", data.draw(st.sampled_from(WHOLE))):
        now, losses = again(now, to, folder)
        assert losses == []
    assert_kept(held, now)


PLAIN = {
    "annotations": {
        "pain": st.floats(0.1, 0.9),
        "task": st.sampled_from(["heat", "cold pain", "é"]),
    },
    "metadata": {"year": st.integers(1990, 2030), "title": st.sampled_from(["On pain", "A, B"])},
}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(contrasts(ids=PLAIN_IDS), min_size=1, max_size=4), data=st.data())
def test_table_and_back(found: list[Contrast], data: st.DataObject, tmp_path_factory: Any) -> None:
    """Ids, foci to the last bit, spaces, sizes of groups, plain labels and metadata, values; also
    of contrasts without foci."""
    held = [
        replace(
            one,
            spaces=tuple(data.draw(st.sampled_from(["MNI", "TAL"])) for _ in one.xyz),
            **{
                part: {name: data.draw(value) for name, value in fields.items()}
                for part, fields in PLAIN.items()
            },
            **{name: {} for name in ("images", "texts")},
            values={"t": tuple(range(1, len(one.xyz) + 1))} if len(one.xyz) > 1 else {},
        )
        for one in unique(found)
    ]
    if len({one.id.casefold() for one in held} | {one.study_id.casefold() for one in held}) < len(
        {one.id for one in held} | {one.study_id for one in held}
    ) or not any(len(one.xyz) for one in held):
        return
    folder = tmp_path_factory.mktemp("trip")
    now = held
    for to in ("csv", "native", "csv"):
        now, losses = again(now, to, folder)
        assert losses == []
    assert_kept(held, now)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(contrasts(), min_size=1, max_size=5))
def test_any_dataset_in_a_table(found: list[Contrast], tmp_path_factory: Any) -> None:
    """Whatever it holds: every contrast and every focus to the last bit, and what is not so is
    said."""
    given_ = unique(found)
    if not given_ or not any(len(one.xyz) for one in given_):
        return
    now, losses = again(given_, "csv", tmp_path_factory.mktemp("trip"))
    said = {loss.part for loss in losses}
    pairs = list(zip(given_, now, strict=True))
    assert all(a.xyz.tobytes() == b.xyz.tobytes() for a, b in pairs)
    assert all(list(map(recognise, a.spaces)) == list(b.spaces) for a, b in pairs)
    assert all(a.sample_sizes == b.sample_sizes for a, b in pairs)
    assert len({one.id for one in now}) == len(now)
    assert ("ids" in said) == any(a.id != b.id or a.study_id != b.study_id for a, b in pairs)
    assert ("texts" in said) == any(a.texts for a, _ in pairs)


def test_contrasts_of_a_study_without_letters_stay_together(tmp_path: Path) -> None:
    """A reader takes each header that names no study for a study of its own."""
    two = [Contrast("😀", name, np.zeros((1, 3)), ("MNI",)) for name in ("a", "b")]
    now, _ = again(two, "sleuth", tmp_path)
    assert len({one.study_id for one in now}) == 1
    assert len({one.id for one in now}) == 2


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(contrasts(), min_size=1, max_size=5))
def test_any_dataset_in_a_sleuth_file(found: list[Contrast], tmp_path_factory: Any) -> None:
    """Whatever it holds: each contrast with foci is one experiment, its foci are all there, two
    studies stay two, and what is different is said."""
    given_ = unique(found)
    with_foci = [one for one in given_ if len(one.xyz)]
    if not with_foci:
        return
    now, losses = again(given_, "sleuth", tmp_path_factory.mktemp("trip"))
    said = {loss.part for loss in losses}
    assert [len(one.xyz) for one in now] == [len(one.xyz) for one in with_foci]
    assert len({one.id for one in now}) == len(now)
    studies = {(one.study_id, other.study_id) for one, other in zip(with_foci, now, strict=True)}
    assert len(studies) == len({a for a, _ in studies}) == len({b for _, b in studies})
    pairs = list(zip(with_foci, now, strict=True))
    assert ("ids" in said) == any(a.id != b.id or a.study_id != b.study_id for a, b in pairs)
    assert ("foci" in said) == any(a.xyz.tobytes() != b.xyz.tobytes() for a, b in pairs)
    assert ("sample sizes" in said) == any(a.sample_sizes != b.sample_sizes for a, b in pairs)
    assert ("labels" in said) == any(
        not is_missing(value) for a, _ in pairs for value in a.annotations.values()
    )
    assert ("contrasts" in said) == (len(with_foci) < len(given_))


FOCI = np.array([[1, -2.5, 3], [0.1 + 0.2, -0.0, 1e-300]])


def one(**parts: Any) -> Contrast:
    """Contrast of two foci."""
    parts = {"spaces": ("MNI", "MNI"), "sample_sizes": (20,), **parts}
    return Contrast("s_1", "c", FOCI, **parts)


@pytest.mark.parametrize(("a", "b"), list(permutations([*WHOLE, "sleuth", "csv"], 2)))
def test_pairs(a: str, b: str, tmp_path: Path) -> None:
    """A to B to A, for all pairs: the ends are equal."""
    first = [one(), replace(one(sample_sizes=()), contrast_id="d"), replace(one(), study_id="t_2")]
    now = first
    for to in (a, b, a):
        now, losses = again(now, to, tmp_path)
        assert losses == []
    assert_kept(first, now)
    assert [other.id for other in now] == ["s_1-c", "s_1-d", "t_2-c"]


@pytest.mark.parametrize(
    ("to", "parts", "said"),
    [
        ("sleuth", {"sample_sizes": (20, 12)},
         "sample sizes: changed in 1 contrast: s_1-c: 20 and 12 is 12"),
        ("sleuth", {"images": {"z": "z.nii"}}, "images (z): left out in 1 contrast"),
        ("sleuth", {"texts": {"abstract": "A"}}, "texts (abstract): left out in 1 contrast"),
        ("sleuth", {"annotations": {"a": 1, "b": 2}}, "labels (a, b): left out in 1 contrast"),
        ("sleuth", {"metadata": {"tail": "two"}}, "metadata (tail): left out in 1 contrast"),
        ("sleuth", {"values": {"t": (3.5, None)}}, "values of foci (t): left out in 1 contrast"),
        ("sleuth", {"spaces": ("MNI", "TAL")},
         "spaces: changed in 1 contrast: s_1-c: MNI and TAL is MNI"),
        ("nimare", {"spaces": ("MNI", "TAL")},
         "spaces: changed in 1 contrast: s_1-c: MNI and TAL is MNI"),
        ("nimads", {"annotations": {"sample_size": 12}},
         "labels (sample_size): left out in 1 contrast"),
        ("nimads", {"metadata": {"nested": {"a": 1}}},
         "metadata (nested): left out in 1 contrast"),
    ],
)  # fmt: skip
def test_what_cannot_be_held_is_said(
    to: str, parts: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """Each kind of thing, by the format that has no place for it."""
    _, losses = again([one(**parts)], to, tmp_path)
    assert said in [str(loss) for loss in losses]
    assert again([one(**parts)], "native", tmp_path)[1] == []


def test_nothing_for_sleuth(tmp_path: Path) -> None:
    """A dataset of images alone cannot be Sleuth text."""
    bare = Contrast("s", "c", images={"z": "z.nii"})
    with pytest.raises(DataError, match="nothing that Sleuth text could hold: no contrast has"):
        writers.write_read_back([bare], tmp_path / "a.txt", "sleuth")


def test_sleuth_as_gingerale_reads_it(tmp_path: Path) -> None:
    """Reference first, then header, Subjects, rows with tabs, and a blank line."""
    named = {"study_name": "Lee et al., 2020", "contrast_name": "A > B"}
    found = [
        replace(one(metadata=named), study_id="Lee_et_al._2020", contrast_id="A_gt_B"),
        replace(one(sample_sizes=()), study_id="x"),
    ]
    path = tmp_path / "a.txt"
    writers.write_read_back(found, path, "sleuth")
    assert path.read_bytes().decode() == (
        "//Reference=MNI\n"
        "//Lee et al., 2020: A > B\n//Subjects=20\n1\t-2.5\t3\n0.30000000000000004\t-0.0\t1e-300\n"
        "\n"
        "//x: c\n1\t-2.5\t3\n0.30000000000000004\t-0.0\t1e-300\n\n"
    )


def test_names_go_before_ids_that_nobody_knows(tmp_path: Path) -> None:
    """The header of a study of Neurosynth-Compose is its name, not 49Bs2pQQbLB6."""
    named = {"study_name": "On pain", "contrast_name": "Pain > rest"}
    given_ = replace(one(metadata=named), study_id="49Bs2pQQbLB6", contrast_id="zeGy5kT3FQSa")
    _, losses = again([given_], "sleuth", tmp_path)
    assert (tmp_path / "sleuth0.txt").read_text().splitlines()[1] == "//On pain: Pain > rest"
    assert [str(loss) for loss in losses] == [
        "ids: changed in 1 contrast: '49Bs2pQQbLB6-zeGy5kT3FQSa' is 'On_pain-Pain_gt_rest'"
    ]
    nameless, losses = again([replace(given_, metadata={})], "sleuth", tmp_path)
    assert (nameless[0].id, losses) == (given_.id, [])


def test_ids_shared_by_studies_keep_their_labels(tmp_path: Path) -> None:
    """Analyses called alike in several studies: each has its own labels."""
    found = [replace(one(annotations={"a": n}), study_id=f"s{n}") for n in range(3)]
    now, losses = again(found, "nimads", tmp_path)
    assert [other.annotations["a"] for other in now] == [0, 1, 2]
    assert losses == []


def test_readers_are_those_of_the_formats() -> None:
    """What reads a file back is what reads it for everybody."""
    modules = {to: form.reader for to, form in writers.FORMATS.items()}
    assert modules["nimads"] == nimads.__name__
    assert modules["nimare"] == nimare_json.__name__
    assert modules["sleuth"] == sleuth.__name__


def test_values_are_compared_with_their_types() -> None:
    """2 is 2.0, and neither 1 is True nor "1" is 1; the sign of zero and NaN in lists count."""
    assert same(2, 2.0)
    assert same([1, None], (1.0, math.nan))
    assert not same(1, bool(1))
    assert not same("1", 1)
    assert not same(0.0, -0.0)
    assert not same(2**60, float(2**60 + 2**20))


def test_additions_are_no_losses() -> None:
    """A name that a reader makes of an id is not told."""
    assert compare([one()], [one(metadata={"study_name": "s_1"})]) == []
    (loss,) = compare([one(metadata={"a": 1})], [one(metadata={"a": "1"})])
    assert str(loss) == "metadata (a): changed in 1 contrast: 1 is '1'"
