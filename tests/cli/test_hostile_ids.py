"""One run on ids, names and texts that would harm whoever does not escape them."""

import json
import re
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from nimare_pipeline import io
from nimare_pipeline.cli.main import main
from nimare_pipeline.io import writers
from tests.cli.program import FEW, command, environment, status_of
from tests.io.test_json_hostile import ODD_IDS

CONTRASTS = ("1", "<i>c/../d</i>")
EVIL = "<script>alert(1)</script>"
METADATA = {
    "tab\there": "a\tb\nc\r\nd\u2028e",
    EVIL: f"</td></script>{EVIL}",
    "nul": "a\0b\x1b[2J",
    "deep": [[[[[[[[[["x"]]]]]]]]]],
    "big": 10**290,
    "n/a": "n/a",
    "": "no name",
    "id": "another",
    "../../x": 1,
    "quote\"'": "\"'`$(touch PWNED)",
}
LABELS = {"<img src=x onerror=alert(2)>": 0.5, "a\tb": 1, "": 1, "a/b": 0.3, "text": "</td>"}
IMAGES = {
    "z": "../../../etc/passwd",
    "t": "/etc/hostname",
    "<b>": "x\0y",
    "beta": "http://x/y.nii",
}


def dataset() -> dict[str, object]:
    studies: dict[str, object] = {}
    for number, study in enumerate(ODD_IDS):
        coords = {
            "space": "MNI",
            "x": [number % 20 - 10, 2 * (number % 11)],
            "y": [3 * (number % 7), -10],
            "z": [number % 13, 40],
            "<b>v": ["<img src=x onerror=alert(3)>", "\t\n"],
        }
        extra = {"labels": LABELS, "images": IMAGES, "text": {"../t": EVIL, "abstract": "\0"}}
        bodies = [
            {"coords": coords, "metadata": {"sample_sizes": [10 + number]}} for _ in range(2)
        ]
        bodies[1] |= extra
        bodies[1]["metadata"] |= METADATA
        studies[study] = {"contrasts": dict(zip(CONTRASTS, bodies, strict=True))}
    return studies


def around(base: Path) -> dict[str, bytes]:
    """Every file beside the output folder."""
    files = (path for path in base.rglob("*") if path.is_file())
    names = {str(path.relative_to(base)): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if name[:4] != "out/"}


@dataclass(frozen=True)
class Run:
    """What a run left, and what stood around it before and after."""

    out: Path
    ended: subprocess.CompletedProcess[str]
    before: dict[str, bytes]
    after: dict[str, bytes]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run in a folder of its own, started in another that is empty."""
    base = tmp_path_factory.mktemp("hostile")
    for name in ("in", "here"):
        (base / name).mkdir()
    file = base / "in" / f"{EVIL.replace('/', '')} $(touch PWNED).json"
    file.write_text(json.dumps(dataset()), encoding="utf-8")
    before = around(base)
    ended = subprocess.run(
        command("../in", "../out", "meta", *FEW),
        capture_output=True, text=True, check=False, env=environment(), cwd=base / "here",
    )  # fmt: skip
    return Run(base / "out", ended, before, around(base))


def test_it_succeeds(run: Run) -> None:
    """Nothing of it stops a run."""
    assert run.ended.returncode == 0, run.ended.stderr
    assert "Traceback" not in run.ended.stderr
    assert status_of(run.out)["status"] == "SUCCESS"


def test_nothing_is_written_outside(run: Run) -> None:
    """Neither ids nor paths in them lead out of the output folder, nor does a shell run."""
    assert run.after == run.before
    names = [path.name for path in run.out.rglob("*")]
    assert not [name for name in names if not re.fullmatch(r"[A-Za-z0-9._-]+", name)]
    assert "passwd" not in names
    assert not [path for path in run.out.rglob("*") if path.is_symlink()]


def test_tables_stay_tables(run: Run) -> None:
    """Every line of every TSV has the columns of its first."""
    files = sorted(run.out.rglob("*.tsv"))
    assert len(files) >= 5
    for file in files:
        lines = file.read_bytes().decode("utf-8").split("\n")
        assert {line.count("\t") for line in lines if line} == {lines[0].count("\t")}, file
        assert not any(mark in "".join(lines) for mark in "\r\0\x1b\u2028"), file


def test_all_ids_are_in_the_table(run: Run) -> None:
    """The table of contrasts names each as it is, also those that look like gaps or numbers."""
    (file,) = run.out.rglob("*_contrasts.tsv")
    table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    expected = [f"{study}-{contrast}" for study in ODD_IDS for contrast in CONTRASTS]
    assert table.iloc[:, 0].tolist() == expected


class _Harm(HTMLParser):
    """Tags and attributes that no page of ours has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name.startswith("on")]
        if tag == "img" and dict(attrs).get("src") == "x":
            self.found.append(tag)

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script" and "alert(" in data:
            self.found.append("script")


def test_pages_escape(run: Run) -> None:
    """No text of the dataset becomes a tag, a script or an attribute of a page."""
    pages = sorted(run.out.rglob("*.html"))
    assert len(pages) >= 3
    for page in pages:
        harm = _Harm()
        harm.feed(page.read_text(encoding="utf-8"))
        assert harm.found == [], page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (run.out / "report.html").read_text()


def test_harm_is_seen() -> None:
    """What the test above looks for is found where it is."""
    harm = _Harm()
    harm.feed("<script>alert(1)</script><img src=x onerror=alert(2)>")
    assert harm.found == ["script", "img onerror", "img"]


@pytest.mark.parametrize("form", ["native", "nimads", "nimare", "sleuth", "csv"])
def test_conversions(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """No id and no path leads a conversion out of its folder; what it cannot keep it refuses."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    made = tmp_path / "out" / f"made{writers.FORMATS[form].suffix}"
    file = tmp_path / "in" / f"{EVIL.replace('/', '')} $(touch PWNED)\n.json"
    file.write_text(json.dumps(dataset()), encoding="utf-8")
    before = around(tmp_path)
    code = main(["convert", str(tmp_path / "in"), str(made), "--to", form])
    said = "".join(capsys.readouterr())
    assert code in (0, 65, 73), said
    assert around(tmp_path) == before
    assert not set(said) & set("\x1b\r\0\x9b\u202e")
    names = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "out").rglob("*")]
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9._/-]+", name)] == []
    if code == 0:
        (source,) = io.read(made)
        assert len(source.dataset.ids) >= len(ODD_IDS)


@pytest.mark.parametrize("form", ["nimads", "neurovault"])
def test_exports(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Results of such ids are shared in files whose names are plain, all in one place."""
    code = main(["export", str(run.out), str(tmp_path / "shared"), "--to", form])
    said = "".join(capsys.readouterr())
    assert code == 0, said
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]
    names = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "shared").rglob("*")]
    assert names
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9._/-]+", name)] == []
    assert "\x1b" not in said
