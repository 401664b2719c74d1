"""Specifications of Neurosynth-Compose as analyses."""

from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import model
from nimare_pipeline.io import nimads
from nimare_pipeline.settings import Analysis, Component
from tests.io.test_nimads import analysis, point, studyset, write

NOTES = {
    "note_keys": {"in": "boolean", "kind": {"type": "string", "order": 1}, "dose": "number"},
    "notes": [
        {"analysis": name, "note": {"in": value, "kind": kind, "dose": dose}}
        for name, value, kind, dose in [
            ("a1", True, "pain", 1),
            ("a2", False, 'to"uch', 2),
            ("a3", None, "pain", 3),
        ]
    ],
}
STUDYSET = studyset(*(analysis(name, point(1, 2, 3)) for name in ("a1", "a2", "a3")))
ALE = {"type": "ALE", "args": {"kernel__fwhm": 9}}
FDR = {"type": "FDRCorrector", "args": {"method": "indep", "alpha": 0.01}}
CHI2 = {"type": "MKDAChi2", "args": {"prior": 0.4, "**kwargs": {}, "kernel__r": 8}}


def bundle(folder: Path, **specification: Any) -> Path:
    """Write a bundle; the specification is that of an ALE of what is in, unless changed."""
    write(folder / "studyset.json", STUDYSET)
    write(folder / "annotation.json", NOTES)
    whole = {"type": "CBMA", "estimator": ALE, "corrector": FDR, "filter": "in", **specification}
    named = {"id": "abc", "name": "Heat pain", "specification": whole}
    return write(folder / "meta_analysis.json", named)


def only(path: Path) -> tuple[Analysis, list[str]]:
    """The one analysis of a file, checked as an analysis file is, and what is odd in it."""
    (table,), problems = nimads.analyses(path)
    assert not [problem for problem in problems if problem.level == "error"], problems
    (found,) = model.from_tables([table], path).analyses
    return found, [str(problem) for problem in problems]


def errors(path: Path) -> list[str]:
    """What is wrong with the specification of a file."""
    return [str(p) for p in nimads.analyses(path)[1] if p.level == "error"]


def test_specification_becomes_an_analysis(tmp_path: Path) -> None:
    """Estimator, corrector, level, filter and name are those of the specification."""
    found, odd = only(bundle(tmp_path))
    assert (found.name, found.type) == ("HeatPain", "cbma")
    assert found.estimator == Component("ALE", {"kernel__fwhm": 9})
    assert found.corrector == Component("FDRCorrector", {"method": "indep"})
    assert found.alpha == 0.01
    assert found.select == 'label("in") == true'
    assert found.description == "Heat pain. Neurosynth-Compose meta-analysis abc"
    assert found.folders == (str(tmp_path),)
    assert found.pool == "study"  # as Neurosynth-Compose does
    assert odd == []


@pytest.mark.parametrize(
    ("estimator", "kept"),
    [
        (
            {
                "type": "MKDADensity",
                "args": {
                    "null_method": "approximate", "n_iters": 5000, "n_cores": 4,
                    "**kwargs": {"kernel__r": 8}, "kernel__value": 1, "memory_level": 0,
                },
            },
            {"null_method": "approximate", "kernel__value": 1, "kernel__r": 8},
        ),
        (
            {"type": "KDA", "args": {"null_method": "montecarlo", "n_iters": "5000"}},
            {"null_method": "montecarlo", "n_iters": 5000},
        ),
        ({"type": "ALE", "args": {"kernel__sample_size": 20.0, "kernel__fwhm": None}},
         {"kernel__sample_size": 20.0}),
        ({"type": "ALE"}, {}),
        ("ALE", {}),
    ],
)  # fmt: skip
def test_keywords_of_nimare(tmp_path: Path, estimator: Any, kept: dict[str, Any]) -> None:
    """Those that say something are ours; what NiMARE ignores or the run decides is left."""
    found, _ = only(bundle(tmp_path, estimator=estimator))
    assert found.estimator.args == kept


@pytest.mark.parametrize(
    ("corrector", "kept", "result"),
    [
        ({"type": "FWECorrector", "args": {"method": "montecarlo", "voxel_thresh": 0.005,
          "n_iters": 500.0, "n_cores": 1, "vfwe_only": True}},
         {"method": "montecarlo", "voxel_thresh": 0.005, "n_iters": 500}, "voxel"),
        ({"type": "FWECorrector", "args": {"method": "bonferroni", "n_iters": 10}},
         {"method": "bonferroni"}, ""),
        ({"type": "FWECorrector"}, {"method": "bonferroni"}, ""),
        ({"type": "FDRCorrector", "args": {}}, {"method": "indep"}, ""),
    ],
)  # fmt: skip
def test_correctors_of_nimare(tmp_path: Path, corrector: Any, kept: Any, result: str) -> None:
    """The method is NiMARE's, also where it stands at NiMARE's default."""
    found, _ = only(bundle(tmp_path, corrector=corrector))
    assert (found.corrector.args, found.result) == (kept, result)


def test_clusters_of_alesubtraction_are_the_correctors(tmp_path: Path) -> None:
    """NiMARE tells the estimator of clusters, we tell the corrector; without one it is idle."""
    args = {"n_iters": 50, "voxel_thresh": 0.01, "vfwe_only": True, "low_memory": "auto"}
    changed = {
        "estimator": {"type": "ALESubtraction", "args": args},
        "filter": "kind", "conditions": ["pain", "b"], "weights": [1, -1],
    }  # fmt: skip
    found, _ = only(bundle(tmp_path, **changed))
    assert (found.estimator.args, found.corrector.args) == ({"n_iters": 50}, {"method": "indep"})
    corrector = {"type": "FWECorrector", "args": {"method": "montecarlo"}}
    found, _ = only(bundle(tmp_path, **changed, corrector=corrector))
    assert found.corrector.args == {"method": "montecarlo", "voxel_thresh": 0.01}
    assert found.result == "voxel"


def test_no_corrector_is_ours_and_said(tmp_path: Path) -> None:
    """A specification without correction is corrected as one without options is."""
    found, odd = only(bundle(tmp_path, corrector=None))
    assert found.corrector == Analysis("").corrector
    assert odd[0] == (
        "meta_analysis.json, specification: it names no corrector; the default one is used"
    )


@pytest.mark.parametrize(
    ("changed", "select"),
    [
        ({"conditions": ["true"], "weights": [1.0]}, 'label("in") == true'),
        ({"conditions": [True]}, 'label("in") == true'),
        ({"conditions": [False], "weights": [1]},
         '(label("in") == false or missing(label("in")))'),
        ({"filter": "kind", "conditions": ["pain"], "weights": [1.0]}, 'label("kind") == "pain"'),
        ({"filter": "kind", "conditions": [{"name": 'to"uch'}], "weights": [1.0]},
         'label("kind") == "to\\"uch"'),
        ({"filter": "kind", "conditions": ["pain", "b"], "weights": [1, 1]},
         'label("kind") in ["pain", "b"]'),
        ({"filter": "dose", "conditions": ["2", 3], "weights": [1, 0.5]},
         'label("dose") in [2, 3]'),
        ({"filter": None}, ""),
    ],
)  # fmt: skip
def test_filter_and_conditions(tmp_path: Path, changed: dict[str, Any], select: str) -> None:
    """The filter's column with the values of the conditions is the selection."""
    assert only(bundle(tmp_path, **changed))[0].select == select


@pytest.mark.parametrize(
    ("changed", "groups"),
    [
        ({"filter": "kind", "conditions": ["pain", "cold"], "weights": [1.0, -1.0]},
         {"pain": 'label("kind") == "pain"', "cold": 'label("kind") == "cold"'}),
        ({"filter": "kind", "conditions": ["cold", "pain"], "weights": [-1.0, 1.0]},
         {"pain": 'label("kind") == "pain"', "cold": 'label("kind") == "cold"'}),
        ({"conditions": [True, False], "weights": [1, -1]},
         {"in": 'label("in") == true',
          "notIn": '(label("in") == false or missing(label("in")))'}),
        ({"conditions": ["true", "false"], "weights": [1, -1]},
         {"in": 'label("in") == true',
          "notIn": '(label("in") == false or missing(label("in")))'}),
        ({"filter": "dose", "conditions": [1, 2], "weights": [1, -1]},
         {"group1": 'label("dose") == 1', "group2": 'label("dose") == 2'}),
    ],
)  # fmt: skip
def test_two_groups(tmp_path: Path, changed: dict[str, Any], groups: dict[str, str]) -> None:
    """The group with the weight above 0 comes first, by the name of its condition."""
    found, _ = only(bundle(tmp_path, estimator=CHI2, **changed))
    assert found.type == "pair"
    assert list(found.options["groups"].items()) == list(groups.items())
    assert found.estimator.args == {"prior": 0.4, "kernel__r": 8}


def test_name_that_is_none(tmp_path: Path) -> None:
    """What Compose puts in place of a name, and long titles, are no names."""
    path = bundle(tmp_path)
    text = path.read_text()
    for name in ("Untitled MKDADensity Meta Analysis: in", "A title " * 20, "%%%"):
        path.write_text(text.replace("Heat pain", name))
        assert only(path)[0].name == "ALEIn"
    path = bundle(
        tmp_path, estimator=CHI2, filter="kind", conditions=["pain", "cold"], weights=[1, -1]
    )
    path.write_text(path.read_text().replace("Heat pain", "Untitled"))
    assert only(path)[0].name == "painVersusCold"


def test_database(tmp_path: Path) -> None:
    """A database to compare with is a file beside the specification, under its name."""
    path = bundle(tmp_path, estimator=CHI2, database_studyset="neurostore")
    message = "the database_studyset 'neurostore' is not here, and a run downloads nothing"
    where = "https://github.com/neurostuff/neurostore_database"
    (error,) = errors(path)
    advice = f"put neurostore.json.gz into {tmp_path}; {where} has it"
    assert error == f"meta_analysis.json, specification: {message} ({advice})"
    write(tmp_path / "neurostore.json", STUDYSET)
    found, _ = only(path)
    assert found.options["database"] == "neurostore.json"
    assert found.options["groups"] == {
        "in": 'label("in") == true',
        "neurostore": 'source_file == "neurostore.json" and missing(label("in"))',
    }


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "a\\b"])
def test_database_is_no_path(tmp_path: Path, name: str) -> None:
    """The name of a database does not lead out of the folder."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "secret.json", STUDYSET)
    path = bundle(tmp_path / "in", estimator=CHI2, database_studyset=name)
    (error,) = errors(path)
    assert "is not here, and a run downloads nothing (a name)" in error


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"type": "XBMA"}, "unknown type 'XBMA' (accepted are: CBMA, IBMA)"),
        ({"estimator": {"args": {}}}, "estimator is {'args': {}} (expected {type, args})"),
        ({"estimator": {"type": "ALE", "args": [1]}}, "args of the estimator are [1]"),
        ({"filter": "out"}, "no annotation has the column 'out' (the columns are: in, kind,"),
        ({"filter": "kind"}, "the column 'kind' is no true or false, and no condition is named"),
        ({"conditions": [True], "weights": [1, -1]}, "conditions [True] have the weights [1, -1]"),
        ({"conditions": [True], "weights": ["x"]}, "a weight each: 1 for the group"),
        ({"conditions": [True], "weights": [-1]}, "no condition has a weight above 0: [-1]"),
        ({"filter": "kind", "conditions": ["a", "b"], "weights": [1, -1]},
         "ALE analyses one group, but the specification names a second group (b) (an estimator"),
        ({"database_studyset": "neurosynth"}, "names a database_studyset"),
        ({"estimator": CHI2}, "MKDAChi2 compares two groups, but the specification names one"),
        ({"estimator": CHI2, "filter": None}, "compares two groups, but there is no filter"),
        ({"estimator": CHI2, "database_studyset": "x", "conditions": [True, False],
          "weights": [1, -1]}, "it names a second group and a database_studyset"),
        ({"filter": None, "conditions": ["a"], "weights": [1]},
         "there are conditions, but no filter that names their column"),
    ],
)  # fmt: skip
def test_wrong_specification(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    """What cannot be done is refused with what would be accepted."""
    assert any(message in error for error in errors(bundle(tmp_path, **changed)))


def test_specification_without_its_annotation(tmp_path: Path) -> None:
    """A filter needs the annotation that has its column."""
    path = bundle(tmp_path)
    (tmp_path / "annotation.json").unlink()
    (error,) = errors(path)
    assert "no annotation has the column 'in' (put the annotation's JSON file beside it)" in error


def test_one_document(tmp_path: Path) -> None:
    """Studyset and annotation inside of the meta-analysis do as well, and so does a project."""
    document = {
        "name": "First",
        "specification": {"estimator": ALE, "corrector": FDR, "filter": "in"},
        "studyset": {"snapshot": {"snapshot": STUDYSET}},
        "annotation": {"snapshot": {"snapshot": NOTES}},
    }
    assert only(write(tmp_path / "m.json", document))[0].select == 'label("in") == true'
    second = {**document, "name": "Second"}
    tables, _ = nimads.analyses(write(tmp_path / "p.json", {"meta_analyses": [document, second]}))
    assert [table["name"] for table in tables] == ["First", "Second"]


def test_specification_alone(tmp_path: Path) -> None:
    """A file that holds nothing but the specification belongs to the studyset beside it."""
    bundle(tmp_path).unlink()
    path = write(
        tmp_path / "specification.json", {"estimator": ALE, "corrector": FDR, "filter": "in"}
    )
    assert only(path)[0].select == 'label("in") == true'
    assert nimads.group(sorted(tmp_path.glob("*.json")))[0][0].name == "studyset.json"


def test_annotation_that_the_specification_names_comes_first(tmp_path: Path) -> None:
    """Of two annotations with one column the one that is named counts."""
    path = bundle(tmp_path)
    other = {**NOTES, "id": "named", "notes": [{"analysis": "a1", "note": {"in": False}}]}
    write(tmp_path / "later.json", other)
    path.write_text(
        path.read_text().replace('"id": "abc"', '"neurostore_annotation": {"id": "named"}')
    )
    ((main, *companions),) = nimads.group(sorted(tmp_path.glob("*.json")))
    assert [one.name for one in companions] == [
        "later.json",
        "annotation.json",
        "meta_analysis.json",
    ]
    contrasts, problems = nimads.read(main, *companions)
    assert contrasts[0].annotations["in"] is False
    assert "1 analysis annotated twice with 'in': the first is kept" in str(problems[0])


def test_file_that_asks_for_nothing(tmp_path: Path) -> None:
    """A studyset asks for nothing, and neither does what is no JSON."""
    bundle(tmp_path)
    assert nimads.analyses(tmp_path / "studyset.json") == ([], [])
    (tmp_path / "a.txt").write_text('"estimator"')
    assert nimads.analyses(tmp_path / "a.txt") == ([], [])
