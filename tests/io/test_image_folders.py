"""Folders of images of several programs below one folder."""

import json
from pathlib import Path

import pytest
from hypothesis import given

from nimare_pipeline import io
from nimare_pipeline.cli.main import main
from nimare_pipeline.image_cohort import located
from nimare_pipeline.images import load_images
from nimare_pipeline.io.registry import examine
from tests.hostile import bounded, damaged, put, read_or_refused, state
from tests.image_folders import feat, image_of_neurovault, nidm, pack, spm, zipped
from tests.image_sets import noise, write

IDS = ["ada-pain", "cleo-heat", "collection7-11", "fay-hot", "dora-group mean", "eve-pain"]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Six studies, each of another program."""
    root = tmp_path / "mix"
    pack(root / "ada.nidm", nidm(peaks=[]))
    pack(tmp_path / "aside", nidm({"heat": ("t", "beta")}, sizes=[31], peaks=[]))
    zipped(tmp_path / "aside", root / "cleo.nidm.zip")
    feat(root / "dora.gfeat" / "cope1.feat", lower="hot")
    spm(root / "eve" / "2nd_level")
    image_of_neurovault(root / "collection_7", 11)
    at = root / "fay" / "node-dataset"
    at.mkdir(parents=True)
    write(at / "contrast-hot_stat-effect_statmap.nii.gz", noise(5))
    write(at / "contrast-hot_stat-variance_statmap.nii.gz", abs(noise(6)))
    return root


def make_spm(folder: Path) -> None:
    spm(folder)


def make_fsl(folder: Path) -> None:
    feat(folder.with_suffix(".gfeat") / "cope1.feat")


@pytest.mark.parametrize("make", [make_spm, make_fsl])
def test_tasks_of_the_same_people_may_seem_to_be_studies(tmp_path: Path, make) -> None:
    """Two folders that recur in others are probably tasks: of one study, not of several."""
    for folder in ("ada/pain", "ada/touch", "bell/group/pain", "bell/group/touch", "cox/rest"):
        make(tmp_path / folder)
    (source,) = io.read(tmp_path)
    assert len(set(source.dataset.metadata["study_id"])) == 5
    (problem,) = source.problems
    assert problem.message == ("pain, touch of ada are read as 2 studies, and so in 1 more folder")
    assert "give them one study_id" in problem.suggestion


@pytest.mark.parametrize("make", [make_spm, make_fsl])
def test_folders_of_one_study_each_are_studies(tmp_path: Path, make) -> None:
    """One folder of a name in each, or all in one folder, is how studies lie."""
    for folder in ("x/ada", "x/bell", "cox/pain", "dora/pain"):
        make(tmp_path / folder)
    (source,) = io.read(tmp_path)
    assert source.problems == ()


def test_they_are_one_dataset(mixed: Path) -> None:
    """Every image is found from the folder that was named, and nothing is written there."""
    before = state(mixed)
    (source,) = io.read(mixed)
    assert source.name == "mix"
    assert sorted(source.dataset.ids) == sorted(IDS)
    assert source.problems == ()
    stack, problems = load_images(located(source.dataset, [str(mixed)]))
    assert len(stack.ids) == len(IDS)
    assert not [one for one in problems if one.level == "error"]
    assert state(mixed) == before


def test_they_become_tables_and_are_read_again(mixed: Path, tmp_path: Path) -> None:
    """``convert`` writes paths that lead to the same images, in zip files, too."""
    assert main(["convert", str(mixed), str(tmp_path / "tables")]) == 0
    (found,) = examine(tmp_path / "tables")[0]
    assert not [one for one in found.problems if "not there" in one.message]
    again = io.read(tmp_path / "tables")[0].dataset
    stack, problems = load_images(located(again, [str(tmp_path / "tables")]))
    assert len(stack.ids) == len(IDS)
    assert not [one for one in problems if one.level == "error"]


def test_files_of_problems_are_named_from_the_folder(mixed: Path) -> None:
    """Of documents of one name in many folders the right one."""
    pack(mixed / "bob.nidm", nidm({"x": ("F",)}))
    (found,) = examine(mixed)[0]
    assert [one.file for one in found.problems] == ["bob.nidm/nidm.ttl"]


@pytest.mark.parametrize("kind", ["turtle", "json"])
def test_damaged_documents(tmp_path: Path, kind: str) -> None:
    """They are read, or refused in words."""
    body = nidm(peaks=[]).encode()
    if kind == "json":
        from rdflib import Graph

        context = {"nidm": "http://purl.org/nidash/nidm#"}
        text = Graph().parse(data=body).serialize(format="json-ld", context=context)
        body = json.dumps(json.loads(text)).encode()
    name = "nidm.ttl" if kind == "turtle" else "nidm.json"

    @bounded(60)
    @given(damaged(body))
    def check(changed: bytes) -> None:
        folder = put(tmp_path / "a", {name: changed, "TStatistic_T001.nii.gz": b""})
        read_or_refused(lambda: io.read(folder), folder=folder)

    check()


def test_damaged_zip_files(tmp_path: Path) -> None:
    """The directory of a pack, its members, its bytes."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "nidm.ttl").write_text(nidm(peaks=[]))
    (tmp_path / "p" / "TStatistic_T001.nii.gz").write_bytes(b"x")
    body = zipped(tmp_path / "p", tmp_path / "a.zip").read_bytes()

    @bounded(60)
    @given(damaged(body))
    def check(changed: bytes) -> None:
        folder = put(tmp_path / "b", {"a.nidm.zip": changed})
        read_or_refused(lambda: io.read(folder), folder=folder)

    check()
