"""Reading an analysis file: the records it makes, and everything that can be wrong in it."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nimare_pipeline import model
from nimare_pipeline.errors import ModelError, NoInputError
from nimare_pipeline.foci_policy import completed
from nimare_pipeline.model import reader
from nimare_pipeline.model.schema import TYPES
from nimare_pipeline.settings import Analysis, Component
from nimare_pipeline.settings_file import toml_value


def write(folder: Path, text: str) -> Path:
    path = folder / "analyses.toml"
    path.write_text(text)
    return path


def read(folder: Path, text: str) -> model.Model:
    return model.read(write(folder, text))


def one(folder: Path, text: str) -> Analysis:
    (analysis,) = read(folder, f'[[analysis]]\nname = "a"\n{text}\n').analyses
    return analysis


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ModelError) as caught:
        read(folder, text)
    return [str(problem) for problem in caught.value.problems]


def test_a_name_is_enough(tmp_path) -> None:
    """An analysis of which only the name is given is that of a run without options."""
    assert one(tmp_path, "") == Analysis("a", folders=(str(tmp_path),))


FIELDS = [
    ('description = "for"', "description", "for"),
    ("select = 'n_foci > 2'", "select", "n_foci > 2"),
    ('sources = ["a*", "b.txt"]', "sources", ("a*", "b.txt")),
    ('estimator = {type = "KDA"}', "estimator", Component("KDA")),
    ('corrector = {type = "FDRCorrector", args = {method = "negcorr"}}', "corrector",
     Component("FDRCorrector", {"method": "negcorr"})),
    ("alpha = 0.01", "alpha", 0.01),
    ('missing_n = "median"', "missing_n", "median"),
    ("missing_n = 9.5", "missing_n", "9.5"),
    ("missing_n = 10", "missing_n", "10"),
    ('outside = "drop"', "outside", "drop"),
    ('pool = "study"', "pool", "study"),
    ('pool = "group=sample"', "pool", "group=sample"),
    ('result = "voxel"', "result", "voxel"),
    ('foci_from_images = "replace"', "options", {"foci_from_images": completed("replace")}),
    ('foci_from_images = {merge = "fill", z_threshold = 4}', "options",
     {"foci_from_images": {**completed("fill"), "z_threshold": 4.0}}),
    (
        'estimator = {type = "SCALE"}\nnull_foci = "base"', "options", {"null_foci": "base"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "field", "value"), FIELDS)
def test_key_reaches_the_record(tmp_path, text, field, value) -> None:
    """Each key changes its own field, and nothing else."""
    expected = {"name": "a", "folders": (str(tmp_path),), field: value}
    if "SCALE" in text:
        expected["estimator"] = Component("SCALE")
    assert one(tmp_path, text) == Analysis(**expected)


def test_every_common_key_is_tried() -> None:
    """No key of the type that runs is forgotten above."""
    options = {key for _, field, value in FIELDS if field == "options" for key in value}
    tried = {field for _, field, _ in FIELDS} - {"options"} | options | {"name", "type"}
    assert {key.name for key in TYPES["cbma"].keys} == tried


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("type = \"pair\"\ngroups = {x = 'a > 1'}", {"groups": {"x": "a > 1"}}),
        ('type = "macm"\nsphere = [1, 2, 3, 4.5]', {"sphere": [1.0, 2.0, 3.0, 4.5]}),
        ('type = "ibma"\nmin_studies = 3', {"min_studies": 3}),
        ('type = "decode"\nroi = "r.nii"\ntop = 3', {"roi": "r.nii", "top": 3}),
    ],
)
def test_keys_of_a_type_are_options(tmp_path, text, options) -> None:
    """What only one type has is in the record's options."""
    assert one(tmp_path, text).options == options


def test_names_are_converted_wherever_they_stand(tmp_path) -> None:
    """A name in signs becomes letters and digits, also where another analysis means it."""
    found = read(
        tmp_path,
        '[[analysis]]\nname = "my pain"\n[[analysis]]\nname = "b"\n'
        '[[analysis]]\nname = "c"\ntype = "conjunction"\nof = ["b", "my pain"]\n',
    )
    assert [analysis.name for analysis in found.analyses] == ["myPain", "b", "c"]
    assert found.names["myPain"] == "my pain"
    assert found.analyses[2].options == {"of": ["b", "myPain"]}


def test_defaults_are_replaced_whole(tmp_path) -> None:
    """An analysis takes over the defaults, and its own value replaces the whole default."""
    first, second = read(
        tmp_path,
        '[defaults]\nalpha = 0.01\nestimator = {type = "ALE", args = {kernel__fwhm = 9}}\n'
        '[[analysis]]\nname = "a"\n'
        '[[analysis]]\nname = "b"\nestimator = {type = "ALE", args = {null_method = "histogram"}}',
    ).analyses
    assert (first.alpha, second.alpha) == (0.01, 0.01)
    assert first.estimator.args == {"kernel__fwhm": 9}
    assert second.estimator.args == {"null_method": "histogram"}


def test_run_keys(tmp_path) -> None:
    """What the run shares is apart from the analyses."""
    text = '[run]\nseed = 7\nmask = "m.nii"\ntal2mni = "spm"\n[[analysis]]\nname = "a"\n'
    assert read(tmp_path, text).run == {"seed": 7, "mask": "m.nii", "tal2mni": "spm"}


def test_all_ways_to_write_a_component(tmp_path) -> None:
    """Inline tables, dotted keys and tables of their own mean the same."""
    ways = [
        'estimator = {type = "ALE", args = {kernel__fwhm = 9}}',
        'estimator.type = "ALE"\nestimator.args.kernel__fwhm = 9',
        '[analysis.estimator]\ntype = "ALE"\n[analysis.estimator.args]\nkernel__fwhm = 9',
    ]
    assert {repr(one(tmp_path, way).estimator) for way in ways} == {
        repr(Component("ALE", {"kernel__fwhm": 9}))
    }


@pytest.mark.parametrize("encoded", [b"\xef\xbb\xbf", b""])
def test_windows_files_are_read(tmp_path, encoded) -> None:
    """A byte order mark and Windows line ends are no reason to refuse, lines stay right."""
    path = tmp_path / "analyses.toml"
    path.write_bytes(encoded + b'[[analysis]]\r\nname = "a"\r\nalpha = 2\r\n')
    with pytest.raises(ModelError, match=r"analyses\.toml, line 3, analysis \"a\": alpha: "):
        model.read(path)


A = '[[analysis]]\nname = "a"\n'
WRONG = {
    "unknown key": (
        f"{A}selct = 'a'\n",
        "line 3, analysis \"a\": unknown key 'selct' (did you mean select? known: alpha, correcto",
    ),
    "unknown section": (f"[runs]\n{A}", "line 1: unknown section 'runs' (known: [run], [defaults"),
    "unknown run key": (f"[run]\nsead = 1\n{A}", "line 2, [run]: unknown key 'sead' (did you mea"),
    "unknown default": (
        f"[defaults]\nalfa = 1\n{A}",
        "line 2, [defaults]: unknown key 'alfa' (did you mean alpha? known: ",
    ),
    "default of no analysis": (
        f'[defaults]\nformula = "x"\n{A}',
        "line 2, [defaults]: no analysis of this file has the key 'formula' (it be",
    ),
    "name as default": (f'[defaults]\nname = "x"\n{A}', "line 2, [defaults]: unknown key 'name'"),
    "wrong default": (
        f"[defaults]\nalpha = 2\n{A}", "line 2, [defaults]: alpha: expected a number between 0 an",
    ),
    "seed": (f"[run]\nseed = -1\n{A}", "line 2, [run]: seed: expected a whole number from 0 to"),
    "tal2mni": (f'[run]\ntal2mni = "x"\n{A}', 'tal2mni: expected one of "other", "spm", "fsl",'),
    "no analysis": ("[run]\nseed = 1\n", 'it has no analysis (begin one by [[analysis]] and name'),
    "no list": ("[analysis]\nname = 'a'\n", "line 1: analysis is no list (write [[analysis]] abo"),
    "no table": (f"run = 3\n{A}", "line 1: run is no table (write [run] above its keys)"),
    "no name": ("[[analysis]]\n", 'line 1, analysis 1: name is missing (such as name = "pain")'),
    "name of signs": ('[[analysis]]\nname = "--"\n', 'line 2, analysis "--": name: expected a te'),
    "clash": (
        f'{A}[[analysis]]\nname = "-A-"\n',
        "line 4, analysis \"-A-\": the name is taken by 'a' in line 2 (names differ by letters an",
    ),
    "type": (f'{A}type = "cmba"\n', "line 3, analysis \"a\": unknown type 'cmba' (did you mean c"),
    "type of another kind": (f"{A}type = [1]\n", 'line 3, analysis "a": unknown type [1] (known:'),
    "selection": (
        f"{A}select = 'n = 3'\n",
        "line 3, analysis \"a\": select: column 3: '=': one = is not a comparison; write ==\n",
    ),
    "no selection": (f"{A}select = 3\n", 'select: expected a selection such as "sample_size >= 1'),
    "sources": (f'{A}sources = "a"\n', "sources: expected a list of texts such as"),
    "alpha": (f"{A}alpha = 1\n", "alpha: expected a number between 0 and 1, both excluded, not 1"),
    "missing_n": (f'{A}missing_n = "mean"\n', 'missing_n: expected "error", "median", "exclude",'),
    "missing_n below 0": (f"{A}missing_n = -3\n", "missing_n: expected"),
    "pool": (f'{A}pool = "all"\n', 'pool: expected "none", "study", "group" or "group=COLUMN"'),
    "pool without a column": (f'{A}pool = "group="\n', "pool: expected"),
    "outside": (f'{A}outside = "maybe"\n', 'outside: expected one of "keep", "drop", not \'maybe'),
    "result": (f'{A}result = "size"\n', 'result: expected one of "cluster-size", "cluster-mass",'),
    "result not given": (
        f'{A}corrector = {{type = "FDRCorrector"}}\nresult = "cluster-size"\n',
        "line 4, analysis \"a\": result 'cluster-size' needs FWECorrector with method 'montecarlo",
    ),
    "component": (f'{A}estimator = "ALE"\n', 'estimator: expected a table such as {type = "ALE",'),
    "component without type": (f"{A}estimator = {{args = {{}}}}\n", "estimator: type is missing"),
    "component args": (
        f'{A}estimator = {{type = "ALE", args = 3}}\n', "args: expected a table of keywords, not",
    ),
    "component key": (
        f'{A}estimator = {{type = "ALE", arg = {{}}}}\n',
        "line 3, analysis \"a\", estimator: unknown key 'arg' (did you mean args? known: args, ty",
    ),
    "estimator": (
        f'{A}estimator = {{type = "AEL"}}\n',
        "line 3, analysis \"a\": estimator: there is no estimator 'AEL' (did you mean ALE",
    ),
    "estimator without its pool": (
        f'{A}estimator = {{type = "SCALE"}}\n',
        'line 3, analysis "a": SCALE draws its null from a pool of foci: name a dataset by the ke',
    ),
    "pool of another estimator": (
        f'{A}null_foci = "base"\n',
        'line 3, analysis "a": the key null_foci names the pool of foci of SCALE; ALE has none',
    ),
    "pool of another estimator, which is named": (
        f'{A}estimator = {{type = "KDA"}}\nnull_foci = "base"\n',
        'line 4, analysis "a": the key null_foci names the pool of foci of SCALE; KDA has none',
    ),
    "pool of two groups": (
        f"{A}type = \"pair\"\ngroups = {{x = 'a > 1'}}\nnull_foci = 'base'\n",
        "line 5, analysis \"a\": unknown key 'null_foci'",
    ),
    "pool that is no path": (
        f'{A}estimator = {{type = "SCALE"}}\nnull_foci = 3\n',
        'line 4, analysis "a": null_foci: expected a text in quotes, not 3',
    ),
    "default pool that nothing draws from": (
        f'[defaults]\nnull_foci = "base"\n{A}',
        "line 2, [defaults]: no analysis of this file draws its null from 'null_foci'",
    ),
    "clusters of an estimator of voxels": (
        f'{A}estimator = {{type = "SCALE"}}\nnull_foci = "base"\nresult = "cluster-size"\n',
        "line 5, analysis \"a\": SCALE judges voxels only: its result is 'voxel', not 'cluster-s",
    ),
    "pair estimator with a pool": (
        f"{A}type = \"pair\"\ngroups = {{x = 'a > 1'}}\nestimator = {{type = \"SCALE\"}}\n",
        'line 5, analysis "a": estimator: SCALE is not for the type pair',
    ),
    "keyword": (
        f'{A}\n[analysis.estimator]\ntype = "ALE"\n[analysis.estimator.args]\nkernel__fwmh = 3\n',
        "line 4, analysis \"a\": estimator: ALE has no keyword 'kernel__fwmh' (did you mean kerne",
    ),
    "keyword value": (
        f'{A}corrector = {{type = "FWECorrector", args = {{n_iters = 0}}}}\n',
        "line 3, analysis \"a\": corrector: n_iters is 0; expected an integer of at least 1",
    ),
    "powers without enhancement": (
        f'{A}corrector = {{type = "FWECorrector", args = {{tfce_extent = 1.0}}}}\n',
        "tfce_extent would have no effect with method 'montecarlo', tfce False",
    ),
    "default keyword": (
        f'[defaults]\ncorrector = {{type = "FWECorrector", args = {{n_iter = 3}}}}\n{A}',
        "line 2, [defaults]: corrector: FWECorrector has no keyword 'n_iter' (did you mean n_iter",
    ),
    "groups missing": (f'{A}type = "pair"\n', 'line 1, analysis "a": groups is missing (such as '),
    "groups": (
        f"{A}type = \"pair\"\ngroups = {{x = 'a >'}}\n",
        "line 4, analysis \"a\": groups: group 'x': selection, column 4: expected a column",
    ),
    "three groups": (f"{A}type = 'pair'\ngroups = {{x='a', y='a', z='a'}}\n", "expected one or t"),
    "of one": (f'{A}type = "conjunction"\nof = ["a"]\n', "of: expected a list of two or more nam"),
    "of nobody": (
        f'{A}[[analysis]]\nname = "c"\ntype = "conjunction"\nof = ["a", "b"]\n',
        "line 6, analysis \"c\": of: no analysis 'b' (there are: a, c)",
    ),
    "of itself": (f'{A}type = "decode"\nof = "a"\n', "line 4, analysis \"a\": of: it names itsel"),
    "no region": (f'{A}type = "macm"\n', 'analysis "a": expected one of roi, sphere, found none'),
    "two regions": (
        f'{A}type = "macm"\nroi = "r"\nsphere = [1, 2, 3, 4]\n', "found roi and sphere",
    ),
    "sphere": (f'{A}type = "macm"\nsphere = [1, 2, 3]\n', "sphere: expected [x, y, z, radius], f"),
    "syntax": ("[[analysis]\n", "line 1: "),
    "syntax at the end": ('[[analysis]]\nname = "a\n', "line 2: "),
    "twice": (f"{A}alpha = 0.1\nalpha = 0.2\n", "line 4: Cannot overwrite a value"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_file(tmp_path, text, message) -> None:
    """Each thing that can be wrong is one problem, with file and line."""
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("analyses.toml")
    assert message in problem


def test_what_cannot_be_enhanced(tmp_path) -> None:
    """An estimator without one null for all voxels is refused where the file asks for TFCE."""
    text = f'{A}estimator = {{type = "SCALE"}}\n'
    text += 'corrector = {type = "FWECorrector", args = {tfce = true}}\n'
    wanted = "SCALE has a null of its own at each voxel; tfce is for ALE, MKDADensity, KDA"
    assert any(wanted in str(problem) for problem in problems(tmp_path, text))


def test_all_problems_come_at_once_in_order(tmp_path) -> None:
    """A file with several slips is refused once, with all of them by their lines."""
    found = problems(
        tmp_path,
        '[[analysis]]\nname = "a"\nselct = "x"\nalpha = 3\n[[analysis]]\nname = "A"\n'
        'type = "pair"\n[run]\nseed = "x"\n',
    )
    assert [problem.split(",")[1] for problem in found] == [
        " line 3", " line 4", " line 5", " line 6", " line 9",
    ]  # fmt: skip


def test_no_text_is_refused(tmp_path) -> None:
    """A file that is no UTF-8 is named with the line."""
    path = tmp_path / "analyses.toml"
    path.write_bytes(b"[run]\nmask = '\xff'\n")
    with pytest.raises(ModelError, match=r"analyses\.toml, line 2: this is not UTF-8 text"):
        model.read(path)


def test_deep_nesting_is_refused(tmp_path) -> None:
    """A file of brackets alone does not overflow anything."""
    with pytest.raises(ModelError):
        read(tmp_path, f"a = {'[' * 100_000}")


def test_missing_file_is_no_input(tmp_path) -> None:
    """A file that is not there is named."""
    with pytest.raises(NoInputError, match=r"there is no analysis file .*no\.toml"):
        model.read(tmp_path / "no.toml")


SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(),
    st.sampled_from(["", "a", "b", "A", "--", "cbma", "pair", "median", "n > 0", "n = 3"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["type", "args", "x", "method", "n_iters"]), inner),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["ALE", "KDA", "FWECorrector", "FDRCorrector"])},
            optional={"args": st.dictionaries(st.sampled_from(["n_iters", "kernel__r"]), inner)},
        ),
    ),
    max_leaves=6,
)
NAMES = [*{key.name for kind in TYPES.values() for key in kind.keys}, "odd", "seed", "mask"]
TABLE = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={
    "run": st.one_of(TABLE, VALUES), "defaults": st.one_of(TABLE, VALUES),
    "analysis": st.one_of(st.lists(TABLE, max_size=3), VALUES), "other": VALUES,
}))  # fmt: skip
def test_any_toml_is_a_model_or_a_model_error(content) -> None:
    """Whatever stands in a file, the answer is a model or a list of problems with lines."""
    text = "".join(f"{name} = {toml_value(value)}\n" for name, value in content.items())
    with suppress(ModelError):
        reader.parse(text.encode(), Path("analyses.toml"))


class TestConjunctions:
    """Which analyses a conjunction may name."""

    def file(self, **of: list[str]) -> str:
        plain = [name for name in ("a", "b") if name not in of]
        return "".join(f'[[analysis]]\nname = "{name}"\n' for name in plain) + "".join(
            f'[[analysis]]\nname = "{name}"\ntype = "conjunction"\nof = {toml_value(parts)}\n'
            for name, parts in of.items()
        )

    def test_it_has_no_estimator(self, tmp_path) -> None:
        """The record has a word in place of an estimator, and no corrector."""
        found = read(tmp_path, self.file(c=["a", "b"])).analyses[2]
        assert (found.type, found.options) == ("conjunction", {"of": ["a", "b"]})
        assert found.estimator == Component("Conjunction")
        assert found.corrector == Component("")

    def test_of_conjunctions(self, tmp_path) -> None:
        """Conjunctions of conjunctions are fine, in any order."""
        found = read(tmp_path, self.file(d=["c", "a"], c=["a", "b"]))
        assert [one.name for one in found.analyses] == ["a", "b", "d", "c"]

    def test_circles(self, tmp_path) -> None:
        """Analyses that combine each other are named, each in its line."""
        assert problems(tmp_path, self.file(c=["a", "d"], d=["e", "a"], e=["c", "b"])) == [
            'analyses.toml, line 8, analysis "c": of: it combines itself, through others',
            'analyses.toml, line 12, analysis "d": of: it combines itself, through others',
            'analyses.toml, line 16, analysis "e": of: it combines itself, through others',
        ]

    def test_itself_twice_and_none(self, tmp_path) -> None:
        """Itself, a name that stands twice, and one that is no analysis."""
        found = problems(tmp_path, self.file(c=["c", "a"], d=["a", "b", "a"], e=["a", "x"]))
        assert [problem.partition(", ")[2].partition(" (")[0] for problem in found] == [
            'line 8, analysis "c": of: it names itself',
            "line 12, analysis \"d\": of: 'a' stands twice",
            "line 16, analysis \"e\": of: no analysis 'x'",
        ]

    def test_decode_has_no_map(self, tmp_path) -> None:
        """An analysis that leaves no map cannot be combined."""
        text = self.file(c=["a", "w"]) + '[[analysis]]\nname = "w"\ntype = "decode"\nof = "a"\n'
        (problem,) = problems(tmp_path, text)
        assert problem.endswith("analysis \"c\": of: 'w' is of type decode, which has no map")
