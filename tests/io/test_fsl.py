"""Group results of FSL, in folders of the layout that FEAT writes; no real folder was at hand."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nimare_pipeline import io
from nimare_pipeline.errors import DataError, NoInputError
from nimare_pipeline.io.registry import examine
from tests.hostile import bounded, damaged, put, read_or_refused
from tests.image_folders import feat


def only(folder: Path) -> Any:
    (found,) = examine(folder)[0]
    return found


def test_a_group(tmp_path: Path) -> None:
    """A ``gfeat`` is a study, each cope and each contrast in it one contrast."""
    group = tmp_path / "ada2001.gfeat"
    feat(group / "cope1.feat", lower="faces > houses")
    feat(group / "cope2.feat", names=("group mean", "less"), lower="faces", n=14)
    (group / "design.fsf").write_text("set fmri(level) 2\n")
    (group / "report.html").write_text("")
    found, problems = examine(tmp_path)
    one, two, three = found[0].contrasts
    assert one.id == "ada2001-faces > houses: group mean"
    assert (two.contrast_id, three.contrast_id) == ("faces: group mean", "faces: less")
    assert (one.sample_sizes, two.sample_sizes) == ((15,), (14,))
    assert (one.metadata["dof"], two.metadata["dof"]) == (14, 13)
    assert one.metadata["image_space"] == "MNI152NLin6Asym"
    assert one.metadata["analysis_level"] == "group"
    stats = "ada2001.gfeat/cope1.feat/stats"
    assert one.images == {
        "beta": f"{stats}/cope1.nii.gz",
        "varcope": f"{stats}/varcope1.nii.gz",
        "t": f"{stats}/tstat1.nii.gz",
        "z": f"{stats}/zstat1.nii.gz",
    }
    assert three.images["z"] == "ada2001.gfeat/cope2.feat/stats/zstat2.nii.gz"
    assert (found[0].problems, problems) == ((), [])


def test_several_groups_are_several_studies(tmp_path: Path) -> None:
    """Also those that FEAT numbered, as the name was taken, and those named in general."""
    feat(tmp_path / "ada" / "group.gfeat" / "cope1.feat")
    feat(tmp_path / "bob" / "group+.gfeat" / "cope1.feat")
    found = only(tmp_path)
    assert [one.id for one in found.contrasts] == ["ada-group mean", "bob-group mean"]
    assert found.contrasts[0].metadata["contrast_name"] == "cope1: group mean"


def test_a_cope_alone(tmp_path: Path) -> None:
    """A ``cope1.feat`` that was copied out of its ``gfeat``, under another name or not."""
    feat(tmp_path / "ada" / "cope1.feat")
    (one,) = only(tmp_path).contrasts
    assert (one.id, one.sample_sizes) == ("ada-group mean", (15,))
    (two,) = only(tmp_path / "ada" / "cope1.feat").contrasts
    assert two.images["z"] == "stats/zstat1.nii.gz"


def test_one_person(tmp_path: Path) -> None:
    """Results of the first level are marked, so that no analysis combines them."""
    feat(tmp_path / "run1.feat", level=1, n=200)
    (one,) = only(tmp_path).contrasts
    assert one.sample_sizes == (1,)
    assert one.metadata["analysis_level"] == "single-subject"
    assert one.metadata["not_mni"] is True


def test_fixed_effects(tmp_path: Path) -> None:
    """Inputs of fixed effects may be sessions of one person."""
    feat(tmp_path / "a.gfeat" / "cope1.feat", mixed=3, n=4)
    (problem,) = only(tmp_path).problems
    assert "fixed effects over 4 inputs, which are taken as so many people" in str(problem)
    assert problem.suggestion == "sessions of one person are no group"


def test_without_design(tmp_path: Path) -> None:
    """Images alone are read, with a word that the sample size is not known."""
    folder = feat(tmp_path / "ada.feat")
    for name in ("design.fsf", "design.mat", "design.con"):
        (folder / name).unlink()
    found = only(tmp_path)
    (one,) = found.contrasts
    assert (one.sample_sizes, set(one.images)) == ((), {"beta", "varcope", "t", "z"})
    (problem,) = found.problems
    assert "the number of participants is not known: nothing says whether" in str(problem)


def test_links_without_content(tmp_path: Path) -> None:
    """Images that are not here are contrasts all the same: they are told of when they are read."""
    folder = feat(tmp_path / "a.gfeat" / "cope1.feat")
    for path in sorted((folder / "stats").glob("*.nii.gz")):
        path.unlink()
        path.symlink_to("../../.git/annex/objects/x.nii.gz")
    (one,) = only(tmp_path).contrasts
    assert set(one.images) == {"beta", "varcope", "t", "z"}
    (folder / "design.con").unlink()
    (folder / "design.con").write_text("/annex/objects/MD5E-s1--a\n")
    with pytest.raises(DataError, match="run: datalad get"):
        io.read(tmp_path)


def test_all_links_without_content(tmp_path: Path) -> None:
    """Then the folder has nothing to analyse, and says why."""
    folder = feat(tmp_path / "a.gfeat" / "cope1.feat")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        path.unlink()
        path.symlink_to("../../.git/annex/objects/x")
    with pytest.raises((NoInputError, DataError), match="datalad get"):
        io.read(tmp_path)


def test_damaged_designs(tmp_path: Path) -> None:
    """They are read, or refused in words."""
    folder = feat(tmp_path / "a.gfeat" / "cope1.feat")
    files = {
        name: (folder / name).read_bytes() for name in ("design.fsf", "design.con", "design.mat")
    }
    files["stats/dof"] = b"14\n"

    @bounded(120)
    @given(st.data())
    def check(data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(files)))
        changed = {**files, name: data.draw(damaged(files[name])), "stats/zstat1.nii.gz": b""}
        at = {f"a.gfeat/cope1.feat/{name}": body for name, body in changed.items()}
        root = put(tmp_path / "b", at)
        read_or_refused(lambda: io.read(root), folder=root)

    check()
