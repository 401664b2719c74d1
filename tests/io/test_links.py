"""Links and special files in the input folder: read where they are files, never followed round."""

import os
from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import NoInputError
from tests.hostile import state, within_time

BODY = "//Reference=MNI\n//A, 2000: b\n//Subjects=12\n1 2 3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Input folder, and data beside it."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "b.txt").write_text(BODY)
    return tmp_path / "in"


def test_files_behind_links_are_read(folder: Path) -> None:
    """As DataLad keeps them, inside or outside of the folder; the name is that of the link."""
    annex = folder / ".git" / "annex"
    annex.mkdir(parents=True)
    (annex / "MD5E-s9.txt").write_text(BODY)
    (folder / "a.txt").symlink_to(".git/annex/MD5E-s9.txt")
    (folder / "b.txt").symlink_to("../beside/b.txt")
    before = state(folder.parent)
    sources = io.read(folder)
    assert [one.files for one in sources] == [("a.txt",), ("b.txt",)]
    assert [one.problems for one in sources] == [(), ()]
    assert state(folder.parent) == before


def test_links_to_folders_are_told_of(folder: Path) -> None:
    """They may lead in circles, so that they are not followed, but never without a word."""
    (folder / "a.txt").write_text(BODY)
    (folder / "sub" / "up").symlink_to("..")
    (folder / "away").symlink_to("../beside")
    with within_time():
        (source,) = io.read(folder)
    (problem,) = source.problems
    assert str(problem) == (
        "2 files are in no known format and are left out: away, sub/up "
        "(links to folders are not followed: name the folder itself)"
    )
    (other,) = io.read(folder / "away")
    assert other.files == ("b.txt",)


def test_a_folder_of_links_only(folder: Path) -> None:
    """What could be meant is said."""
    (folder / "away").symlink_to("../beside")
    with pytest.raises(NoInputError, match="links to folders are not followed: name the folder"):
        io.read(folder)


def test_what_is_no_file_is_not_opened(folder: Path) -> None:
    """A link to itself, a pipe that nobody writes to, and a device without end do not hang."""
    (folder / "a.txt").write_text(BODY)
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "none.txt").symlink_to("nowhere")
    (folder / "zero.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.tsv")
    with within_time():
        (source,) = io.read(folder)
    (problem,) = source.problems
    assert "4 files are in no known format and are left out: loop.txt, none.txt, pipe.tsv" in str(
        problem
    )
    assert "run `datalad get`" in str(problem)
