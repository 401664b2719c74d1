"""Six analyses in one run: one fails, five are complete, one edited later is computed alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.settings import Component
from tests.cli.program import Ended, call_inside, contents, status_of, undrawn
from tests.cli.studies import NAMES, SIX, write_six

MASK = '[run]\nmask = "box.nii.gz"\n'
"""A small mask keeps the six quick; it is found beside the analysis file."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = write_six(tmp_path_factory.mktemp("six") / "in")
    volume = np.zeros((91, 109, 91), dtype=np.uint8)
    volume[15:75, 45:85, 28:48] = 1
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(volume, affine), folder / "box.nii.gz")
    (folder / "analyses.toml").write_text(SIX.replace("[run]\n", MASK))
    return folder


@pytest.fixture(scope="module")
def first(folder) -> Iterator[tuple[Path, Ended]]:
    out = folder.parent / "out"
    with undrawn():
        return out, call_inside(folder, out, "meta")


def states(out: Path) -> dict[str, str]:
    return {one["name"]: one["state"] for one in status_of(out)["analyses"]}


def written(out: Path) -> dict[Path, int]:
    """When each map, table and record of an analysis was written; the report draws on its own."""
    return {
        path: path.stat().st_mtime_ns
        for kind in ("statmap.nii.gz", "contrasts.tsv", "analysis.json")
        for path in out.glob(f"tpl-*/cohort-*/*_{kind}")
    }


def table(out: Path, name: str, suffix: str) -> pd.DataFrame:
    (path,) = out.glob(f"tpl-*/cohort-{name}/*_{suffix}.tsv")
    return pd.read_csv(path, sep="\t", keep_default_na=False)


class TestFirstRun:
    def test_one_of_six_fails(self, first) -> None:
        """Exit 3; the last line, the status and the log say which one and why."""
        out, ended = first
        assert ended.code == 3, ended.err
        assert ended.line.startswith(
            "PARTIAL (exit 3): 1 of 6 analyses failed: wrong: selection, column 1: there is no "
            "column 'modalty'; did you mean modality?"
        )
        assert states(out) == dict.fromkeys(NAMES, "complete") | {"wrong": "failed"}
        assert 'modalty == "heat"\n    ^' in ended.err

    def test_five_are_complete(self, first) -> None:
        """Maps of five analyses, by their own estimators and corrections; none of the sixth."""
        out, _ = first
        assert {path.name for path in out.glob("tpl-*/cohort-*")} == {
            f"cohort-{name}" for name in NAMES if name != "wrong"
        }
        assert list(out.glob("tpl-*/cohort-density/*_model-MKDADensity_*"))
        assert list(out.glob("tpl-*/cohort-arm/*FDR*"))

    def test_mask_and_seed_are_those_of_the_file(self, first) -> None:
        """What ``[run]`` says is in every result."""
        out, _ = first
        for path in out.glob("tpl-*/cohort-*/*_analysis.json"):
            assert json.loads(path.read_text())["RandomSeed"] == 7
        (mask,) = out.glob("tpl-*/cohort-all/*_mask.nii.gz")
        assert int(np.asanyarray(nib.load(mask).dataobj).sum()) == 60 * 40 * 20

    def test_selections_are_those_of_the_file(self, first, folder) -> None:
        """What is included is what plain loops over the studies find."""
        out, _ = first
        studies = {
            name: study["contrasts"]["1"]
            for name, study in json.loads((folder / "pain.json").read_text()).items()
        }
        expected = {
            "all": set(studies),
            "heatOnly": {
                name
                for name, one in studies.items()
                if one["metadata"].get("modality") == "heat"
                and one["metadata"]["sample_sizes"][0] >= 10
            },
            "arm": {
                name
                for name, one in studies.items()
                if one["labels"]["site__arm"] > 0.5 or "modality" not in one["metadata"]
            },
        }
        for name, ids in expected.items():
            contrasts = table(out, name, "contrasts")
            chosen = contrasts[contrasts["reason"] != "not selected"]
            assert set(chosen["study_id"]) == ids
            assert len(contrasts) == 21
            assert set(table(out, name, "coordinates")["study_id"]) == ids

    def test_not_selected_is_no_warning(self, first) -> None:
        """Contrasts that are not selected are counted, not warned about one by one."""
        out, ended = first
        assert "left out: not selected" not in ended.err
        assert "left out: not selected" not in (out / "report.html").read_text()

    def test_settings_come_back(self, first, folder) -> None:
        """The run's record holds the analyses as they were, and the file beside it."""
        out, _ = first
        (logs,) = (path.parent for path in out.glob("logs/*/settings.toml"))
        settings, analyses = derivatives.read_settings(logs / "settings.toml")
        assert settings.model_file == str(folder / "analyses.toml")
        assert [analysis.name for analysis in analyses] == NAMES
        assert analyses[2].corrector == Component("FDRCorrector", {"method": "indep"})
        assert analyses[0].description == "Every experiment of the example"
        assert analyses[4].folders == (str(folder),)
        assert (logs / "analyses.toml").read_bytes() == (folder / "analyses.toml").read_bytes()

    def test_report_shows_all_six(self, first) -> None:
        """In the order of the file: what each is for, what it selects, why one is not there."""
        text = (first[0] / "report.html").read_text()
        places = [text.index(f"<h2>{name}</h2>") for name in NAMES if name != "wrong"]
        assert places == sorted(places)
        assert "<p>Every experiment of the example</p>" in text
        assert "modality == &#34;heat&#34; and sample_size &gt;= 10</code>" in text
        assert "</span>wrong</td><td>No result: selection, column 1: there is no column" in text


@pytest.mark.usefixtures("undrawn")
def test_edited_analysis_is_computed_alone(first, folder, here) -> None:
    """Of six the edited one and the one that failed run again; the others are left as they are."""
    out, _ = first
    before = written(out)
    old = contents(out)
    text = (folder / "analyses.toml").read_text()
    try:
        (folder / "analyses.toml").write_text(text.replace("> 0.5", "> 0.6"))
        ended = here(folder, out, "meta")
    finally:
        (folder / "analyses.toml").write_text(text)
    assert ended.code == 3
    for name in ("all", "heatOnly", "insula", "density"):
        assert f"analysis {name} is up to date\n" in ended.err
    assert "analysis arm is computed again: select is another\n" in ended.err
    assert states(out) == dict.fromkeys(NAMES, "complete") | {"wrong": "failed"}
    after = written(out)
    changed = {path.parent.name for path in after if before.get(path) != after[path]}
    assert changed == {"cohort-arm"}
    new = contents(out)
    assert {name: new[name] for name in old if "-arm" not in name} == {
        name: content for name, content in old.items() if "-arm" not in name
    }


def test_dry_run_knows_what_is_up_to_date(first, folder, here) -> None:
    """The plan says for which analyses nothing would be computed, unless all are to be."""
    line = "  estimate   nothing to compute, it is up to date\n"
    words = (folder, first[0], "meta", "--analysis", "all", "density", "--dry-run")
    assert here(*words).out.count(line) == 2
    assert here(*words, "--rerun").out.count(line) == 0
    assert here(*words, "--seed", "1").out.count(line) == 0


@pytest.mark.usefixtures("undrawn")
def test_rerun_computes_what_is_up_to_date(first, folder, here) -> None:
    """``--rerun`` makes the same bytes again; ``--analysis`` leaves the others out."""
    out, _ = first
    old = contents(out)
    (path,) = out.glob("tpl-*/cohort-insula/*_contrasts.tsv")
    made = path.stat().st_mtime_ns
    ended = here(folder, out, "meta", "--analysis", "insula", "--rerun")
    assert ended.line.startswith("SUCCESS (exit 0): 1 analysis complete")
    assert path.stat().st_mtime_ns > made
    assert "up to date" not in ended.err
    new = contents(out)
    assert [name for name in new if new[name] != old[name] and not name.endswith(".json")] == []
    assert "results of earlier runs stay: all, arm, density, heatOnly" in ended.err


def test_typos_of_the_file_end_the_run_before_it_begins(folder, tmp_path, here) -> None:
    """Every slip with its line, exit 64, and no output folder."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(SIX.replace("outside", "outsied").replace("[run]", "[ran]"))
    ended = here(folder, tmp_path / "out", "meta", "--model", wrong)
    assert ended.code == 64
    assert ended.line == (
        "FAILED (exit 64): wrong.toml cannot be used: wrong.toml, line 1: unknown section 'ran' "
        "(known: [run], [defaults], [[analysis]]) (and 1 more)"
    )
    assert "wrong.toml, line 27, analysis \"insula\": unknown key 'outsied'" in ended.err
    assert not (tmp_path / "out").exists()


def test_selection_of_nothing_is_18(folder, tmp_path, here) -> None:
    """A selection that selects nothing has its exit code, and counts its conditions."""
    words = ("--model", "none", "--select", 'sample_size > 30 and modality == "heat"')
    ended = here(folder, tmp_path / "out", "meta", *words)
    assert ended.code == 18
    assert (
        'pain: the selection sample_size > 30 and modality == "heat" selects none of 21 contrasts'
        ' (sample_size > 30: 1 contrast; modality == "heat": 9 contrasts)'
    ) in ended.line


def test_unbuilt_type_alone_is_64(folder, tmp_path, here) -> None:
    """A type that this version cannot run says so."""
    model = tmp_path / "m.toml"
    model.write_text("[[analysis]]\nname = 'a'\ntype = 'decode'\nsphere = [0, 0, 0, 6]\n")
    ended = here(folder, tmp_path / "out", "meta", "--model", model, "--dry-run")
    assert ended.code == 64
    assert "a: type decode is not built yet; this version runs: cbma" in ended.line


def test_dry_run_shows_what_is_selected(folder, tmp_path, here) -> None:
    """The plan quotes each selection and counts what it leaves out."""
    ended = here(folder, tmp_path / "out", "meta", "--dry-run", "--n-iters", "77")
    assert ended.code == 3
    assert '  select     modality == "heat" and sample_size >= 10\n' in ended.out
    assert "  contrasts  8 of 8 studies, 13 not selected\n" in ended.out
    assert "n_iters=77" in ended.out
    assert "the command line replaces what the file says: --n-iters" in ended.err
