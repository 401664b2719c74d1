"""``nimare-pipeline summary``: what a folder of studies holds."""

import json
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline.cli.main import main
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.spaces import template_mask
from tests.cli.program import EXAMPLE
from tests.io.tables import CONTRASTS, SET, put


def words_after(out: str, name: str) -> str:
    """What a line of the summary says."""
    (line,) = [line for line in out.splitlines() if line.startswith(f"  {name} ")]
    return line.removeprefix(f"  {name}").strip()


def test_numbers(capsys) -> None:
    """Studies, contrasts, foci, participants, spaces of the example."""
    assert main(["summary", str(EXAMPLE)]) == 0
    out = capsys.readouterr().out
    assert words_after(out, "studies") == words_after(out, "contrasts") == "21"
    assert words_after(out, "of one study") == "none"
    assert words_after(out, "foci") == "267, 26 of them outside the mask"
    assert words_after(out, "participants") == "334; 9 to 32 in a contrast, median 14"
    assert words_after(out, "spaces") == "MNI 267"
    assert out.splitlines()[-1] == "SUCCESS (exit 0): 21 contrasts, 267 foci"


def test_columns_for_a_selection(tmp_path: Path, capsys) -> None:
    """Annotations and metadata with their kinds, counts, and ranges or values."""
    table = CONTRASTS.replace("\t16\t", "\tn/a\t").replace("condition", "include\tcondition")
    table = table.replace("MNI\t", "MNI\ttrue\t").replace("TAL\t", "TAL\tno\t")
    assert main(["summary", str(put(tmp_path / "set", {**SET, "contrasts.tsv": table}))]) == 0
    out = capsys.readouterr().out
    lines = [line.split(maxsplit=3) for line in out.splitlines()]
    assert ["condition", "text", "2", "all different: pain, touch"] in lines
    assert ["age", "number", "1", "30"] in lines
    assert ["pain", "number", "2", "0.5 to 1"] in lines
    assert ["year", "number", "2", "2019 to 2020"] in lines
    assert words_after(out, "no sample size") == "1 contrast: Lee_2020-pain"
    assert words_after(out, "include is false") == "1 contrast: Lee_2020-pain"
    assert words_after(out, "transforms") == "none 1, tal2mni-other 1"


def test_numbers_have_all_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PMIDs are not rounded; where all are the same, there is one number."""
    table = "study,n,pmid,x,y,z,space\nA,20,21985101,1,2,3,MNI\nB,20,31985102,4,5,6,MNI\n"
    (tmp_path / "a.csv").write_text(table)
    assert main(["summary", str(tmp_path / "a.csv")]) == 0
    out = capsys.readouterr().out
    assert ["pmid", "number", "2", "21985101 to 31985102"] in [
        line.split(maxsplit=3) for line in out.splitlines()
    ]
    assert words_after(out, "participants") == "40; 20 in a contrast, median 20"


def test_warnings_are_counted(tmp_path: Path, capsys) -> None:
    """A person is told where to read them."""
    foci = {"coordinates.tsv": "study_id\tx\ty\tz\na\t1\t2\t3\n"}
    assert main(["summary", str(put(tmp_path / "set", foci))]) == 0
    assert words_after(capsys.readouterr().out, "warnings") == (
        "1; `nimare-pipeline validate` lists them"
    )


def test_data_that_cannot_be_read(tmp_path: Path, capsys) -> None:
    """They end with 65 and all problems; in JSON, too."""
    folder = put(tmp_path / "set", {**SET, "contrasts.tsv": CONTRASTS.replace("24", "x")})
    assert main(["summary", str(folder)]) == 65
    ended = capsys.readouterr()
    assert "contrasts.tsv, line 2: sample_size is 'x'" in ended.err
    assert ended.out.startswith("FAILED (exit 65): ")
    assert main(["summary", str(folder), "--json"]) == 65
    answer = json.loads(capsys.readouterr().out)
    assert [problem["where"] for problem in answer["problems"]] == ["line 2"]


def test_many_columns_are_cut_in_text_and_whole_in_json(tmp_path: Path, capsys) -> None:
    """Forty are shown of a hundred; no line is longer than 80 characters."""
    labels = {"text": "long " * 50} | {f"label_{i:03}": i for i in range(100)}
    study = {"labels": labels, "coords": {"space": "MNI", "x": [1], "y": [2], "z": [3]}}
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"s": {"contrasts": {"c": study}}}))
    assert main(["summary", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "    and 61 more columns; --json lists them all" in lines
    assert max(map(len, lines)) <= 80
    assert main(["summary", str(path), "--json"]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert [field["name"] for field in source["annotations"]] == list(labels)


def test_several_sources(shared_data: Path, capsys) -> None:
    """Each file of a folder has its own summary; the last line counts all."""
    assert main(["summary", str(shared_data / "sleuth" / "SkeideLab__meta_semantics")]) == 0
    out = capsys.readouterr().out
    assert out.count(": Sleuth text\n") > 1
    assert " datasets, " in out.splitlines()[-1]


@pytest.mark.parametrize("suffix", ["json", "saved"])
def test_formats_give_one_summary(tmp_path: Path, suffix: str, capsys) -> None:
    """A saved Dataset says the same as the JSON it was read from."""
    path = tmp_path / f"pain.{suffix}"
    dataset = Dataset(EXAMPLE / "pain.json")
    if suffix == "saved":
        dataset.save(path)
    else:
        path.write_bytes((EXAMPLE / "pain.json").read_bytes())
    assert main(["summary", str(path), "--json"]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert (source["n_studies"], source["n_foci"], source["n_participants"]) == (21, 267, 334)
    assert source["name"] == "pain"


def test_studies_with_several_contrasts_are_counted(tmp_path: Path, capsys) -> None:
    """Who pools has to know; in JSON, too."""
    foci = "study_id\tcontrast_id\tx\ty\tz\na\tup\t1\t2\t3\na\tdown\t4\t5\t6\n"
    folder = put(tmp_path / "set", {"coordinates.tsv": foci})
    words = ["summary", str(folder), "--unknown-space", "mni"]
    assert main(words) == 0
    assert words_after(capsys.readouterr().out, "of one study") == (
        "1 study contributes several contrasts, 2 (a); see --pool"
    )
    assert main([*words, "--json"]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert source["several"] == {"n_studies": 1, "n_experiments": 2, "most": 2, "study": "a"}


def test_suspicions_are_counted_by_kind(tmp_path: Path, capsys) -> None:
    """In groups, with words for them; in JSON by name, all counted; notes are no warnings."""
    foci = "".join(f"{x} 2 3\n" for x in range(4, 14))
    parts = [f"//A, {2000 + i}: b\n//Subjects=13\n{i} 2 3\n{i} 2 3\n{i} 4 5\n" for i in range(8)]
    parts.append(f"//B, 2000: b\n//Subjects=13\n{foci}")
    (tmp_path / "a.txt").write_text("//Reference=MNI\n" + "\n".join(parts))
    assert main(["summary", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert words_after(out, "copies") == "some foci more than once in a contrast 8"
    assert words_after(out, "units and axes") == "no negative coordinate 1"
    assert words_after(out, "warnings") == "1; `nimare-pipeline validate` lists them"
    assert "sample sizes" not in out
    assert main(["summary", str(tmp_path), "--json"]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert source["suspicions"] == {"no-minus": 1, "focus-twice": 8}
    assert source["n_warnings"] == 1


def test_the_farthest_foci_outside_are_shown(tmp_path: Path, capsys) -> None:
    """Three in text, all in JSON, with their distance from the brain."""
    foci = "\n".join(f"{x} 0 0" for x in (70, 80, 90, 85, 1))
    (tmp_path / "a.txt").write_text(f"//Reference=MNI\n//A, 2000: b\n//Subjects=13\n{foci}\n")
    assert main(["summary", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert words_after(out, "foci") == "5, 4 of them outside the mask"
    mask = template_mask()
    centres = np.argwhere(mask.inside) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    apart = np.linalg.norm(centres - [90, 0, 0], axis=1).min()
    assert words_after(out, "farthest outside") == f"{apart:.1f} mm: (90, 0, 0) A_2000-b"
    assert "(80, 0, 0)" in out
    assert "(70, 0, 0)" not in out
    assert main(["summary", str(tmp_path), "--json"]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert [focus["xyz"][0] for focus in source["outside"]] == [90, 85, 80, 70]
