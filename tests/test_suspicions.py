"""What looks like a slip in foci, copies and sample sizes."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nimare_pipeline import io, spaces
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import Problem
from nimare_pipeline.suspects import distances, near
from nimare_pipeline.suspicions import KINDS, fewer, suspicions
from nimare_pipeline.tables import tables_of

MASK = spaces.template_mask()


def brain(n: int, seed: int = 0) -> NDArray[np.float64]:
    """Coordinates of voxels all over the brain, mm."""
    ijk = np.argwhere(MASK.inside)
    chosen = np.random.default_rng(seed).choice(len(ijk), n, replace=False)
    return ijk[chosen] @ MASK.affine[:3, :3].T + MASK.affine[:3, 3]


def made(xyz: Any, study: str = "s", contrast: str = "c", **parts: Any) -> Contrast:
    """Contrast with MNI foci, unless it is said otherwise."""
    xyz = np.asarray(xyz, dtype=float).reshape(-1, 3)
    given = {"spaces": ("MNI",) * len(xyz), "file": "f.txt"} | parts
    return Contrast(study, contrast, xyz, **given)


def kinds(*contrasts: Contrast) -> list[str]:
    """Kinds of all suspicions; of the same in tables, too."""
    found = suspicions(contrasts)
    names = [problem.kind for problem in found]
    in_tables = [problem.kind for problem in suspicions([], tables_of(contrasts))]
    assert in_tables == names
    assert set(names) <= {kind for words in KINDS.values() for kind in words}
    return names


def only(*contrasts: Contrast) -> Problem:
    """The one suspicion there is."""
    (problem,) = suspicions(contrasts)
    assert problem.level == "warning"
    return problem


def test_foci_of_a_brain_are_not_suspicious() -> None:
    """Thirty studies with foci all over the brain, in either space, raise no alarm."""
    studies = [
        made(brain(12, seed), f"study {seed}", spaces=(("MNI", "TAL")[seed % 2],) * 12)
        for seed in range(30)
    ]
    assert kinds(*studies) == []
    assert suspicions([]) == []


def test_the_example_is_not_suspicious() -> None:
    """The pain set that ships has no warning."""
    (source,) = io.read(spaces.data_path("examples/pain"))
    assert (source.problems, source.n_warnings) == ((), 0)


@pytest.mark.parametrize(("size", "grid"), [(2, "91 x 109 x 91"), (1, "182 x 218 x 182")])
def test_voxel_indices(size: int, grid: str) -> None:
    """Indices of a 2 mm or a 1 mm template are told from mm, with the grid."""
    ijk = (brain(9) - [90, -126, -72]) / [-size, size, size]
    problem = only(made(ijk))
    assert problem.kind == "voxel-indices"
    guess = f"none if they are indices of {grid} voxels of {size} mm"
    assert problem.message.endswith(f"of its 9 foci lie outside the brain, but {guess}")
    assert problem.suggestion == "convert voxel indices into mm, with the affine of their image"


def test_voxel_indices_that_lie_in_the_brain_as_mm_have_no_minus() -> None:
    """Ten foci without one negative coordinate are worth a look, nine are not."""
    points = np.abs(brain(60))
    points = points[near(points)][:10]
    problem = only(made(points))
    assert problem.kind == "no-minus"
    assert problem.message == "none of its 10 foci has a negative coordinate"
    assert kinds(made(points[:9])) == []
    assert kinds(made([*points[:9], -points[9]])) == []


def test_centimetres_and_metres() -> None:
    """A tenth and a thousandth of foci all over the brain, which has decimals."""
    points = brain(8) + 0.37
    problem = only(made(np.round(points / 10, 2)))
    assert problem.kind == "centimetres"
    assert problem.message.startswith("its 8 foci have decimals, and none is beyond ")
    assert problem.suggestion.startswith("multiply them by 10 if they are centimetres")
    assert kinds(made(np.round(points / 1000, 4)))[0] == "metres"


def test_foci_round_one_nucleus_are_no_centimetres() -> None:
    """Few decimals, whole numbers, and foci within 3 mm raise no alarm."""
    whole = np.round(brain(8) / 10)
    assert kinds(made(whole + [[0.5, 0, 0]] + np.arange(8)[:, None] * [0.0, 0, 0])) == []
    assert kinds(made(brain(8) / 40)) == []


def test_lost_decimal_points_of_a_whole_contrast() -> None:
    """All numbers ten times too large."""
    points = brain(30) + 0.5
    points = points[np.linalg.norm(points, axis=1) > 40][:9]
    assert kinds(made(points * 10)) == ["tenths"]


def test_lost_decimal_points_here_and_there() -> None:
    """Single numbers that are in the head once divided by ten."""
    points = brain(200)
    points = points[(np.abs(points) > 30).all(axis=1)][:6]
    points[np.arange(5), np.arange(5) % 3] *= 10
    problem = only(made(points))
    assert problem.kind == "decimals"
    assert "5 of its 6 foci lie outside the brain, 5 of them outside the head" in problem.message


@pytest.mark.parametrize(
    ("change", "axes"),
    [
        (lambda xyz: xyz * [1, -1, 1], "(x, -y, z)"),
        (lambda xyz: xyz * [1, 1, -1], "(x, y, -z)"),
        (lambda xyz: xyz[:, [0, 2, 1]], "(x, z, y)"),
        (lambda xyz: xyz[:, [1, 2, 0]], "(z, x, y)"),
    ],
)
def test_axes(change: Any, axes: str) -> None:
    """The order and direction that put the foci into the brain are said."""
    points = brain(4000)
    points = points[~near(change(points))][:300]  # fewer may fit into the brain in several ways
    problem = only(made(change(points)))
    assert (problem.kind, problem.message) == (
        "axes",
        f"300 of its 300 foci lie outside the brain, but none if they are read as {axes}",
    )
    assert problem.suggestion.endswith("x is to the right, y to the front, z up")


def test_axes_of_a_whole_dataset() -> None:
    """Too many foci outside, but no contrast that is wrong by itself: one warning for all."""
    studies = [made(brain(30, seed) * [1, 1, -1], f"s{seed}") for seed in range(20)]
    found = suspicions(studies)
    assert found[0].kind == "all-axes"
    assert " of all 600 foci lie outside the brain, but 0 % if they are read as (x, y, -z)" in (
        found[0].message
    )
    assert found[0].where == ""


def test_outside_the_brain_for_no_known_reason() -> None:
    """Then the paper must say."""
    problem = only(made([[80, 80, 80], [85, 81, 90], [85, 70, 81], [79, 88, 91], [10, 10, 10]]))
    assert problem.kind == "outside-brain"
    assert str(problem) == (
        "f.txt, study s, contrast c: 4 of its 5 foci lie outside the brain "
        "(compare them with the paper: columns, signs, units, space)"
    )


def test_few_foci_say_nothing_of_units() -> None:
    """Four foci outside the brain may be anything."""
    assert kinds(made([[80, 80, 80], [85, 81, 90], [85, 70, 81], [79, 88, 91]])) == []


def test_the_same_focus_twice() -> None:
    """It is named, with the number of foci, and no more than a note."""
    points = brain(4)
    (problem,) = suspicions([made([*points, points[2], points[2]], line=7)])
    x, y, z = points[2]
    assert (problem.level, problem.kind) == ("note", "focus-twice")
    assert problem.where == "line 7 (study s, contrast c)"
    assert problem.message == f"1 focus of its 6 stands more than once: ({x:g}, {y:g}, {z:g})"


@pytest.mark.parametrize(
    ("n", "again", "kind"),
    [
        (4, 4, "foci-twice"),
        (3, 3, "focus-twice"),
        (5, 4, "foci-twice"),
        (6, 4, "focus-twice"),
        (10, 8, "foci-twice"),
        (10, 7, "focus-twice"),
        (10, 0, ""),
    ],
)
def test_most_foci_twice(n: int, again: int, kind: str) -> None:
    """Four of them, and eight in ten of all places, are a table that was read twice."""
    points = brain(n)
    assert kinds(made([*points, *points[:again]])) == ([kind] if kind else [])


def test_a_table_read_twice_is_a_warning() -> None:
    """With how many different foci there are, in whatever order the others stand."""
    points = brain(6)
    assert only(made([*points, *points[::-1], points[0]], line=3)) == Problem(
        "warning",
        "its 13 foci are 6 different ones, all of them more than once",
        "f.txt",
        "line 3 (study s, contrast c)",
        "was a table read or pasted twice? Each focus counts once in ALE and MKDA, but a null "
        "draws as many foci as there are rows",
        "foci-twice",
    )
    assert only(made([*points, *points[:5]])).message == (
        "its 11 foci are 6 different ones, 5 of them more than once"
    )


def test_repeats_in_a_database_are_said_once() -> None:
    """A warning and a note with the numbers of contrasts; the most repeats come first."""
    studies = [made(brain(5, seed), f"s{seed}") for seed in range(1000)]
    for number, times in ((3, 2), (5, 3)):
        studies[number] = made(np.repeat(brain(5, number), times, axis=0), f"s{number}")
    for number, n in ((7, 1), (8, 2)):
        points = brain(5, number)
        studies[number] = made([*points, *points[:n]], f"s{number}")
    found = [problem for problem in suspicions(studies) if "-twice" in problem.kind]
    assert [(problem.level, problem.where, problem.message) for problem in found] == [
        ("warning", "", "of 2 of 1,000 contrasts most foci stand more than once: s5-c, s3-c"),
        (
            "note",
            "",
            "of 2 of 1,000 contrasts some foci stand more than once, 3 foci in all: s8-c, s7-c",
        ),
    ]
    one_less = [problem.where for problem in suspicions(studies[:999]) if "-twice" in problem.kind]
    assert one_less == [f"study s{i}, contrast c" for i in (3, 5, 7, 8)]


def test_the_same_foci_in_two_studies() -> None:
    """In whatever order; all contrasts of a kind are in one warning, on the first."""
    points = brain(4)
    copies = [made(points[::step], f"s{i}") for i, step in enumerate((1, -1, 1))]
    problem = only(*copies)
    assert (problem.kind, problem.where) == ("copy", "study s0, contrast c")
    assert problem.message == "has the same 4 foci as s1-c, s2-c"
    assert problem.suggestion == (
        "one study under two names, or foci taken over from another? They count twice"
    )
    assert kinds(*(made(points[:3], f"s{i}") for i in range(3))) == []


def test_the_same_foci_in_two_contrasts_of_a_study() -> None:
    """The advice is another one."""
    problem = only(made(brain(4)), made(brain(4), contrast="d"))
    assert (problem.kind, problem.message) == ("copy-within", "has the same 4 foci as s-d")


def test_the_same_foci_in_two_spaces() -> None:
    """One of them must be wrong."""
    problem = only(made(brain(5)), made(brain(5), "t", spaces=("TAL",) * 5))
    assert problem.kind == "copy-spaces"
    assert problem.message == "has the same 5 foci as t-c, once as Talairach, once as MNI"


def test_foci_shared_by_two_studies() -> None:
    """Most foci of the smaller one, which is named; half of them are not enough."""
    large, small = brain(20), brain(10, 1)
    small[:8] = large[:8]
    problem = only(made(large, "a"), made(small, "b"))
    assert (problem.kind, problem.where) == ("shared", "study b, contrast c")
    assert problem.message == "8 of its 10 foci are among the 20 of a-c"
    assert only(made(large, "a"), made(large[:6], "b")).message == (
        "all its 6 foci are among the 20 of a-c"
    )
    small[5:8] = brain(3, 2)
    assert kinds(made(large, "a"), made(small, "b")) == []
    assert kinds(made(large, "a"), made(large[:6], "a", "d")) == []


def test_places_that_everybody_reports_are_no_copies() -> None:
    """Five foci that a dozen studies have are a set of seeds, not one study's data."""
    seeds = brain(5)
    studies = [made([*seeds, *brain(1, 10 + i)], f"s{i}") for i in range(12)]
    assert kinds(*studies) == []


def test_mirror_images() -> None:
    """All foci, or most, with the other sign of x; what is its own mirror image is not one."""
    points = brain(6)
    other = points * [-1, 1, 1]
    problem = only(made(points, "a"), made(other, "b"))
    assert (problem.kind, problem.where) == ("mirror", "study a, contrast c")
    assert problem.message == "its foci are the mirror image of those of b-c"
    assert problem.suggestion == "left and right are swapped in one of them?"
    other[5] = brain(1, 9)
    assert only(made(points, "a"), made(other, "b")).message == (
        "most of its foci are the mirror image of those of b-c"
    )
    both = np.concatenate([points, points * [-1, 1, 1]])
    assert kinds(made(both, "a"), made(brain(12, 3), "b")) == []


@pytest.mark.parametrize("method", ["other", "brett", "spm", "fsl"])
def test_one_study_in_two_spaces(method: str) -> None:
    """Talairach foci and the same converted, by any way, whether the spaces are told or not."""
    points = brain(7)
    mni = np.round(spaces.tal2mni(points, method))
    moved = only(made(points, "a", spaces=("TAL",) * 7), made(mni, "b"))
    assert moved.kind == "copy-moved"
    # Brett's way and ours are too far apart at the bottom of the brain: by his they are the same.
    how = "converted from Talairach to MNI" if method == "brett" else "in another space"
    assert moved.message == f"its 7 foci are those of b-c, {how}"
    unsaid = only(made(points, "a"), made(mni, "b"))
    assert unsaid.message == "its 7 foci are those of b-c, converted from Talairach to MNI"


def test_rounded_copies() -> None:
    """The same foci with and without decimals."""
    points = brain(6) + 0.3
    problem = only(made(points, "a"), made(np.round(points), "b"))
    assert (problem.kind, problem.message) == (
        "copy-moved",
        "its 6 foci are those of b-c, rounded",
    )


@pytest.mark.parametrize(
    "names",
    [
        ("Smith, 2009", "smith 2009"),
        ("Müller 2010", "Muller_2010"),
        ("Xu et al., 2010", "Xu 2010"),
    ],
)
def test_a_study_under_two_spellings(names: tuple[str, str]) -> None:
    """Case, accents, punctuation and "et al." do not make another study."""
    problem = only(*(made(brain(3, i), name) for i, name in enumerate(names)))
    assert problem.kind == "spelling"
    assert f"under 2 spellings? {names[0]}, {names[1]}" in problem.message


def test_years_and_letters_make_another_study() -> None:
    """Smith 2009a and Smith 2009b are two."""
    names = ("Smith 2009", "Smith 2009a", "Smith 2009b", "Smith 2010")
    assert kinds(*(made(brain(3, i), name) for i, name in enumerate(names))) == []


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        (
            "doi",
            ("10.1/AB", "https://doi.org/10.1/ab"),
            "DOI 10.1/ab stands for 2 studies: s0, s1",
        ),
        ("pmid", (1234, "1234"), "PMID 1234 stands for 2 studies: s0, s1"),
    ],
)
def test_an_identifier_of_two_studies(column: str, values: Any, said: str) -> None:
    """However it is written."""
    studies = [
        made(brain(3, i), f"s{i}", metadata={column: value}) for i, value in enumerate(values)
    ]
    problem = only(*studies)
    assert (problem.kind, problem.message) == ("identifier", said)
    one = [made(brain(3, i), "s", str(i), metadata={column: values[0]}) for i in range(2)]
    assert kinds(*one) == []
    none = [made(brain(3, i), f"s{i}", metadata={column: v}) for i, v in enumerate((None, "", 0))]
    assert kinds(*none) == []


@pytest.mark.parametrize(
    ("size", "kind", "said"),
    [
        (2011, "sample-number", "sample size 2011 looks like a year"),
        (1, "sample-size", "sample size 1 is very small"),
        (25000, "sample-size", "sample size 25000 is very large"),
        (12.5, "sample-number", "sample size 12.5 is no whole number"),
    ],
)
def test_sample_sizes(size: float, kind: str, said: str) -> None:
    """Numbers that hardly are participants."""
    problem = only(made(brain(3), sample_sizes=(20, size)))
    assert (problem.kind, problem.message) == (kind, said)
    assert suspicions([made(brain(3), sample_sizes=(20, size))], said=[kind]) == []


def test_sample_sizes_that_are_all_alike() -> None:
    """Ten studies with one N, or with as many participants as foci."""
    same = [made(brain(3, i), f"s{i}", sample_sizes=(20,)) for i in range(10)]
    assert only(*same).message == "all 10 contrasts have sample size 20"
    assert kinds(*same[:9]) == []
    foci = [made(brain(4 + i, i), f"s{i}", sample_sizes=(4 + i,)) for i in range(10)]
    assert only(*foci).message == "the sample size of all 10 contrasts is their number of foci"
    assert kinds(*foci[:9], made(brain(5, 20), "t", sample_sizes=(6,))) == []


def test_contrasts_with_errors_are_left_to_them() -> None:
    """Unknown spaces, broken and absurd coordinates are not looked at."""
    points = np.full((5, 3), 1e7)
    broken = [
        made(points, "a"),
        made(points * np.nan, "b"),
        made(brain(5), "c", spaces=("?",) * 5),
    ]
    assert suspicions(broken) == []


def test_distances() -> None:
    """Of points in the brain, beside it, and beyond the grid, against the nearest voxel."""
    points = np.array([[0, 0, 0], [80, 0, 0], [0, 90, 60], [200, -30, 10], [-4, 3, 140.0]])
    centres = np.argwhere(MASK.inside) @ MASK.affine[:3, :3].T + MASK.affine[:3, 3]
    brute = [np.linalg.norm(centres - point, axis=1).min() for point in points]
    assert distances(points) == pytest.approx(brute, abs=1.8)
    assert near(points).tolist() == [True, False, False, False, False]


def test_fewer() -> None:
    """What stands often is cut, and counted; what has no kind stays."""
    many = [Problem("warning", f"m{i}", "f", f"line {i}", "a", "k") for i in range(8)]
    others = [Problem("warning", "m", "f", f"line {i}") for i in range(8)]
    found = fewer([*many, *others], 5)
    assert found[:5] == many[:5]
    assert str(found[5]) == (
        "f: and 3 more warnings like the last one (`nimare-pipeline validate --all` lists them)"
    )
    assert found[6:] == others


def test_thousands_of_copies_take_no_time_and_no_memory() -> None:
    """Equal contrasts are one group; those that resemble each other by the million are left."""
    points = brain(5)
    copies = [made(points, f"s{i}") for i in range(4000)]
    (problem,) = suspicions(copies)
    assert problem.message.endswith("s1-c, s2-c, s3-c, s4-c, s5-c and 3994 more")
    near_copies = [made(points + i / 100, f"s{i}") for i in range(4000)]
    assert {problem.kind for problem in suspicions(near_copies)} <= {
        "mirror",
        "shared",
        "no-minus",
    }
