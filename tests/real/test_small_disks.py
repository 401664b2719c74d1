"""Disks that are too small, for real: mounted in a namespace that only the program is in."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.program import EXAMPLE, Ended, command, contents, environment, status_of

WORDS = ("--n-iters", "500", "--name", "pain")


def on_small_disk(
    folder: Path, size: str, *words: object, then: str = "true", **more: str
) -> Ended:
    """Call the program while a disk of some size is mounted on a folder; ``then`` sees it full."""
    script = (
        f"mount -t tmpfs -o size={size} tmpfs '{folder}' && "
        f'{{ "$@"; code=$?; {then}; exit $code; }}'
    )
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command(*words)],
        capture_output=True, text=True, check=False, env=environment(**more),
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize("size", ["2m", "4m", "9m"])
def test_full_disk_is_exit_74_and_leaves_no_half_result(tmp_path: Path, size: str) -> None:
    """Wherever in the run the disk fills up: code, words, and no folder that looks finished."""
    out, kept = tmp_path / "out", tmp_path / "kept"
    out.mkdir()
    copy = f"cp -r '{out}' '{kept}'"
    ended = on_small_disk(out, size, EXAMPLE, out, "meta", *WORDS, then=copy)
    assert ended.code == 74, ended.err
    assert "no space left on the disk" in ended.line
    assert not list(kept.glob("tpl-*/cohort-*"))
    assert status_of(kept)["exit_code"] == 74


def test_run_goes_on_when_there_is_space(tmp_path: Path, results: Path) -> None:
    """What a full disk left is taken up: the same bytes as of a run that had space."""
    out, kept = tmp_path / "out", tmp_path / "kept"
    out.mkdir()
    copy = f"cp -r '{out}' '{kept}'"
    on_small_disk(out, "9m", EXAMPLE, out, "meta", *WORDS, then=copy)
    again = subprocess.run(
        command(EXAMPLE, kept, "meta", *WORDS),
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    maps = {name for name in contents(kept) if name.endswith(".nii.gz")}
    assert maps
    assert {n: contents(kept)[n] for n in maps} == {n: contents(results)[n] for n in maps}


def test_64_mb_are_enough_for_temporary_files(tmp_path: Path) -> None:
    """As Apptainer gives it: a /tmp of 64 MB."""
    small = tmp_path / "tmp"
    small.mkdir()
    out = tmp_path / "out"
    ended = on_small_disk(
        small, "64m", EXAMPLE, out, "meta", *WORDS, then=f"ls -A '{small}' >&2", TMPDIR=str(small)
    )
    assert ended.code == 0, ended.err
    assert ended.err.rstrip().endswith("writing the report"), "something was left in it"
