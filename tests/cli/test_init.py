"""``nimare-pipeline init``: a file that names what is there, and runs as it is."""

import json
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from nimare_pipeline import io, model
from nimare_pipeline.cli.commands import init
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.errors import DataError, NoInputError, OutputError, UsageError
from nimare_pipeline.model.schema import BUILT, TYPES
from tests.cli.program import EXAMPLE, call
from tests.cli.studies import write_six

SLEUTH = "//Reference=MNI\n//Ada 2001: heat\n{n}10 20 30\n-10 20 30\n"


def sleuth(folder: Path, *names: str, n: str = "//Subjects=12\n") -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(SLEUTH.format(n=n))
    return folder


def test_example_runs_as_it_is(tmp_path, here) -> None:
    """The file of the shipped example is found by a run, which can do what is in it."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "pain.json").write_bytes((EXAMPLE / "pain.json").read_bytes())
    ended = here("init", folder)
    assert (ended.code, ended.line) == (
        0, f"SUCCESS (exit 0): analyses.toml is written; see {folder}/analyses.toml",
    )  # fmt: skip
    planned = here(folder, tmp_path / "out", "meta", "--dry-run")
    assert planned.line.endswith("nothing was written; 1 analysis can be done")
    assert "analysis pain\n  sources    pain.json\n  contrasts  21 of 21 studies" in planned.out


def test_help_lists_it() -> None:
    """The command is in the program's help, and has one of its own."""
    assert "nimare-pipeline init DIR " in call("--help").out
    assert "usage: nimare-pipeline init DIR [--force]" in call("init", "--help").out


def test_file_names_what_is_there(tmp_path) -> None:
    """Files, numbers, columns, labels and a selection that fits the data."""
    folder = write_six(tmp_path / "in")
    (folder / "analyses.toml").unlink()
    init.run([str(folder)])
    text = (folder / "analyses.toml").read_text()
    assert (
        "#   pain.json (NiMARE Dataset JSON): 21 contrasts of 21 studies, 267 foci, sample sizes 9"
        " to 32;\n#       columns: modality; labels: site__arm\n"
    ) in text
    assert "# select = 'sample_size >= 14 and label(\"site__arm\") > 0'\n" in text
    line = next(line for line in text.splitlines() if line.startswith("# select ="))
    (source,) = io.read(folder)
    chosen = source.dataset.select(tomllib.loads(line.removeprefix("# "))["select"])
    assert 0 < len(chosen.ids) < 21


def test_every_key_is_shown(tmp_path) -> None:
    """Keys of the run and of every type stand in the file; without the # they are accepted."""
    folder = sleuth(tmp_path / "in", "heat.txt")
    init.run([str(folder)])
    text = (folder / "analyses.toml").read_text()
    for name, kind in TYPES.items():
        for key in kind.keys:
            assert f"\n# {key.name} = " in text or f"\n{key.name} = " in text, (name, key.name)
    parts = text.split("\n[[analysis]]\n")[1].split("\n\n")[0].splitlines()
    bare = [line.removeprefix("# ") for line in parts if re.match(r"(# )?\w+ = ", line)]
    # Of all keys this one alone needs another estimator; the file says which.
    assert "# Folder or file of studies whose foci the null of SCALE draws from (default:" in text
    bare = [line for line in bare if not line.startswith("null_foci")]
    path = tmp_path / "bare.toml"
    path.write_text("\n".join(["[[analysis]]", *bare]))
    (analysis,) = model.read(path).analyses
    assert (analysis.alpha, analysis.outside, analysis.result) == (0.01, "drop", "voxel")


def test_several_files_are_several_analyses(tmp_path) -> None:
    """As without a file: one analysis each, named after it; odd names are made fit."""
    folder = sleuth(tmp_path / "in", "heat [x].txt", "heat x.txt", "痛み.txt", "touch.txt")
    init.run([str(folder)])
    read = model.read(folder / "analyses.toml")
    assert [(one.name, one.sources) for one in read.analyses] == [
        ("heatX", ("heat [[]x].txt",)), ("heatX2", ("heat x.txt",)), ("touch", ("touch.txt",)),
        ("analysis", ("痛み.txt",)),
    ]  # fmt: skip
    from nimare_pipeline.cli.model import sources_of

    sources = io.read(folder)
    assert [[s.files[0] for s in sources_of(one, sources)] for one in read.analyses] == [
        ["heat [x].txt"], ["heat x.txt"], ["touch.txt"], ["痛み.txt"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("others", "line"),
    [
        ((), "missing_n = 10  # 1 contrast has no sample size; a kernel of 10 mm is a choice:"),
        (("Bell",), 'missing_n = "median"  # 1 contrast has no sample size; the median of the'),
    ],
)
def test_missing_sample_sizes_are_decided_and_said(tmp_path, here, others, line) -> None:
    """Without a policy nothing could be computed: one is set, and marked as a choice."""
    folder = sleuth(tmp_path / "in", "heat.txt", n="")
    with (folder / "heat.txt").open("a") as stream:
        stream.writelines(f"\n//{name} 2002: x\n//Subjects=9\n1 2 3\n" for name in others)
    init.run([str(folder)])
    assert line in (folder / "analyses.toml").read_text()
    assert here(folder, tmp_path / "out", "meta", "--dry-run").code == 0


def test_nothing_is_overwritten(tmp_path) -> None:
    """A file that is there stays, unless ``--force`` replaces it."""
    folder = sleuth(tmp_path / "in", "heat.txt")
    (folder / "analyses.toml").write_text("mine")
    with pytest.raises(OutputError, match=r"has analyses\.toml already; --force replaces it"):
        init.run([str(folder)])
    assert (folder / "analyses.toml").read_text() == "mine"
    assert init.run([str(folder), "--force"]).exit_code is ExitCode.OK
    assert "name = " in (folder / "analyses.toml").read_text()


class TestImages:
    NAMES = (
        "study-01_stat-z_statmap.nii.gz", "ada_t.nii", "ada_beta.nii", "what.nii.gz",
        "fsl.feat/stats/zstat1.nii.gz", "fsl.feat/stats/zstat2.nii.gz", ".hidden/x_z.nii",
        "derivatives/y_z.nii",
    )  # fmt: skip

    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for name in self.NAMES:
            path = tmp_path / "maps" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / "maps"

    def test_table_to_fill_in(self, folder) -> None:
        """One row a study and contrast, maps in the columns of their kinds, the rest n/a."""
        outcome = init.run([str(folder)])
        assert outcome.reason == "analyses.toml and contrasts.tsv are written"
        table = pd.read_csv(folder / "contrasts.tsv", sep="\t", keep_default_na=False, dtype=str)
        assert tuple(table.columns) == (*init.COLUMNS, "unknown_map")
        given = [
            {name: value for name, value in row.items() if value != "n/a"}
            for row in table.to_dict("records")
        ]
        assert given == [
            {"study_id": "ada", "contrast_id": "1", "effect_map": "ada_beta.nii",
             "t_map": "ada_t.nii"},
            {"study_id": "01", "contrast_id": "1", "z_map": "study-01_stat-z_statmap.nii.gz"},
            {"study_id": "what", "contrast_id": "1", "unknown_map": "what.nii.gz"},
            {"study_id": "fsl", "contrast_id": "1", "z_map": "fsl.feat/stats/zstat1.nii.gz"},
            {"study_id": "fsl", "contrast_id": "2", "z_map": "fsl.feat/stats/zstat2.nii.gz"},
        ]  # fmt: skip

    def test_table_is_read(self, folder) -> None:
        """The table is one that the readers know, and its images are no strangers."""
        init.run([str(folder)])
        (source,) = io.read(folder)
        assert len(source.dataset.ids) == 5
        assert source.problems == ()

    def test_file_says_what_is_to_be_filled_in(self, folder) -> None:
        """The analysis file is valid, can be run, and says what the table still lacks."""
        init.run([str(folder)])
        (analysis,) = model.read(folder / "analyses.toml").analyses
        assert (analysis.name, analysis.type) == ("maps", "ibma")
        text = (folder / "analyses.toml").read_text()
        assert "#   6 images; contrasts.tsv says which is what: please fill it in\n" in text
        assert "#   1 of them is in its column unknown_map: move it\n" in text
        assert "ibma" in BUILT
        assert "cannot run this type" not in text

    def test_table_that_is_there_stays(self, folder) -> None:
        """A table somebody has filled in is kept, also with ``--force``, and described."""
        mine = "study_id\tcontrast_id\tz_map\nada\t1\tada_t.nii\n"
        (folder / "contrasts.tsv").write_text(mine)
        assert init.run([str(folder), "--force"]).reason == "analyses.toml is written"
        assert (folder / "contrasts.tsv").read_text() == mine

    def test_images_that_look_alike_have_rows_of_their_own(self) -> None:
        """Two images of one kind and contrast: none is lost."""
        text, _ = init.contrasts_of(["a/ada_z.nii", "b/ada_z.nii"])
        rows = [line.split("\t") for line in text.splitlines()[1:]]
        assert [row[6] for row in rows] == ["a/ada_z.nii", "b/ada_z.nii"]
        assert len({(row[0], row[1]) for row in rows}) == 2


def test_wrong_words_and_places(tmp_path) -> None:
    """No folder, an empty one, broken data and unknown options have their errors."""
    with pytest.raises(NoInputError, match="there is no folder"):
        init.run([str(tmp_path / "no")])
    with pytest.raises(NoInputError, match="nothing to analyse in"):
        init.run([str(tmp_path)])
    with pytest.raises(UsageError, match=r"usage: nimare-pipeline init DIR \[--force\]"):
        init.run([])
    (tmp_path / "a.json").write_text(json.dumps({"a": {"contrasts": {}}})[:-1])
    with pytest.raises(DataError, match="cannot be read"):
        init.run([str(tmp_path)])
    assert not (tmp_path / "analyses.toml").exists()


def test_names_of_the_data_do_not_break_the_file(tmp_path) -> None:
    """Line breaks, quotes and control characters in names stay inside comments and strings."""
    labels = {'bad "quote"': 1, "line\nbreak]": 1, "bell\x07": 1, "fine'": 1, "plain": 1}
    contrast = {
        "coords": {"space": "MNI", "x": [1], "y": [2], "z": [3]},
        "metadata": {"sample_sizes": [9], "a\nname = 'x'": 1},
        "labels": labels,
    }
    path = tmp_path / "o'd\n[d].json"
    path.write_text(json.dumps({"s": {"contrasts": {"1": contrast}}}))
    init.run([str(tmp_path)])
    (analysis,) = model.read(tmp_path / "analyses.toml").analyses
    assert analysis.name == "oDD"
    assert 'label("plain") > 0' in (tmp_path / "analyses.toml").read_text()
