"""The output folder: made and proved, held by one run at a time, tidied."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nimare_pipeline.cli import output
from nimare_pipeline.cli.exit_codes import BusyError
from nimare_pipeline.errors import OutputError
from nimare_pipeline.settings import Settings


def settings(folder: Path, *, work: Path | None = None, keep: bool = False) -> Settings:
    return Settings(
        bids_dir=str(folder / "in"),
        output_dir=str(folder / "out"),
        work_dir=str(work or folder / "out" / ".work"),
        run_uuid="run1",
        keep_work=keep,
    )


def test_folders_are_made(tmp_path) -> None:
    """Logs, stage and work are there during the run; the stage is gone after it."""
    with output.opened(settings(tmp_path)) as folders:
        assert folders.logs == tmp_path / "out" / "logs" / "run1"
        for folder in (folders.logs, folders.stage, folders.work):
            assert folder.is_dir()
    assert not folders.stage.exists()


def test_old_stage_is_cleared(tmp_path) -> None:
    """What a killed run left half-written is not swapped in by the next."""
    with output.opened(settings(tmp_path)) as folders:
        left = folders.stage / "pain" / "map.nii.gz"
        left.parent.mkdir()
        left.touch()
        stage = folders.stage
    stage.joinpath("pain").mkdir(parents=True)
    with output.opened(settings(tmp_path)) as folders:
        assert list(folders.stage.iterdir()) == []


def test_file_in_the_place_of_the_folder(tmp_path) -> None:
    """An OUT_DIR that is a file is an output error that names it."""
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match=r"cannot write to the folder .*/out: File exists"):
        with output.opened(settings(tmp_path)):
            pass


def test_unwritable_folder(tmp_path) -> None:
    """A folder that refuses files is an output error, also for root (here: in /proc)."""
    with pytest.raises(OutputError, match=r"cannot write to the folder /proc/out.*user id \d+"):
        with output.opened(settings(Path("/proc"))):
            pass


@contextmanager
def nobody() -> Iterator[None]:
    """Ask as a user without rights what may be written; root may write everywhere."""
    was_root = os.getuid() == 0
    if was_root:
        os.setreuid(65534, -1)
    try:
        yield
    finally:
        if was_root:
            os.setreuid(0, -1)


def test_unwritable_folder_is_foreseen() -> None:
    """A folder that this user may not write is told from one that he may, and nothing is made."""
    with tempfile.TemporaryDirectory() as name:
        folder, inside = Path(name), Path(name, "a", "b")
        folder.chmod(0o777)
        with nobody():
            output.foresee(inside)
        folder.chmod(0o555)
        with (
            nobody(),
            pytest.raises(OutputError, match=f"folder {inside}: Permission denied; give"),
        ):
            output.foresee(inside)
        folder.chmod(0o700)
        assert not list(folder.iterdir())


def test_full_disk_is_not_a_permission(tmp_path, monkeypatch) -> None:
    """No space left is said as such, not as a folder that cannot be made."""

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "f")

    monkeypatch.setattr(Path, "touch", full)
    with (
        pytest.raises(OSError, match="No space left") as caught,
        output.opened(settings(tmp_path)),
    ):
        pass
    assert not isinstance(caught.value, OutputError)


def test_second_run_stops(tmp_path) -> None:
    """While one run holds the folder another one stops and says why."""
    with output.opened(settings(tmp_path)):
        with pytest.raises(BusyError, match=r"another run is writing into .*/out; wait"):
            with output.opened(settings(tmp_path)):
                pass


def test_lock_ends_with_the_run(tmp_path) -> None:
    """After a run, also one that failed, the folder is free."""
    with pytest.raises(RuntimeError, match="x"), output.opened(settings(tmp_path)):
        raise RuntimeError("x")
    with output.opened(settings(tmp_path)):
        pass


def test_disk_without_locks_is_warned_about(tmp_path, monkeypatch, caplog) -> None:
    """A network disk that has no locks does not keep anybody from working."""

    def no_locks(*_args: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with output.opened(settings(tmp_path)):
        pass
    assert "cannot be locked" in caplog.text


@pytest.mark.parametrize("keep", [True, False])
def test_work_is_removed_unless_kept(tmp_path, keep) -> None:
    """The hidden work folder goes after success, and stays with ``--keep-work``."""
    asked = settings(tmp_path, keep=keep)
    with output.opened(asked) as folders:
        (folders.work / "store").mkdir()
        output.remove_work(asked)
    assert (tmp_path / "out" / ".work" / "store").exists() is keep


def test_work_elsewhere_leaves_nothing_hidden(tmp_path) -> None:
    """With a work folder of its own, kept, the output folder holds no ``.work``."""
    asked = settings(tmp_path, work=tmp_path / "w", keep=True)
    with output.opened(asked) as folders:
        (folders.work / "store").mkdir()
    output.remove_work(asked)
    assert (tmp_path / "w" / "store").is_dir()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["logs"]


def test_lock_that_cannot_be_opened(tmp_path) -> None:
    """A lock that is a folder, or belongs to somebody else, is named with what to do."""
    (tmp_path / "out" / ".work" / "lock").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot open the lock .*lock: .*; remove it if no run"):
        with output.opened(settings(tmp_path)):
            pass
