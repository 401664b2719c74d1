"""Figures and tables for a paper in a real browser: text stays on the page, a table stays one."""

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.real.test_report_chromium import chromium  # noqa: F401 - a fixture

TEXTS = """
const box = document.querySelector("svg").getBoundingClientRect();
probe.outside = [...document.querySelectorAll("text")].filter(t => {
  const b = t.getBoundingClientRect();
  return b.left < box.left || b.right > box.right || b.top < box.top || b.bottom > box.bottom;
}).map(t => t.textContent);
probe.texts = document.querySelectorAll("text").length;
const image = document.querySelector("image").getBoundingClientRect();
probe.image = [image.width / box.width, image.height / box.height];
"""
PASTE = """
const range = document.createRange();
range.selectNode(document.querySelector("table"));
getSelection().removeAllRanges();
getSelection().addRange(range);
const copied = document.createElement("div");
copied.append(getSelection().getRangeAt(0).cloneContents());
const frame = document.createElement("iframe");
document.body.append(frame);
const page = frame.contentDocument;
page.body.contentEditable = "true";
page.body.focus();
page.execCommand("insertHTML", false, copied.innerHTML);
const rows = [...page.querySelectorAll("tr")];
probe.rows = rows.map(row => [...row.cells].map(cell => cell.textContent));
const style = cell => frame.contentWindow.getComputedStyle(cell);
probe.aligned = rows[1].cells[2] && style(rows[1].cells[2]).textAlign;
probe.line = style(rows[0].cells[0]).borderTopStyle;
probe.scripts = document.querySelectorAll("script").length - 1;
"""


def look(chromium: str, body: str, script: str, folder: Path) -> dict[str, Any]:  # noqa: F811
    """Open a page, run a script on it, and return what it noted in ``probe``."""
    page = folder / "page.html"
    end = """
    const out = document.createElement("pre");
    out.id = "probe"; out.textContent = JSON.stringify(probe); document.body.append(out);"""
    text = f"{body}<script>const probe = {{}};{script}{end}</script>"
    page.write_text(f"<!doctype html><meta charset='utf-8'>{text}", encoding="utf-8")
    ended = subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", f"--user-data-dir={folder / 'profile'}"),
            *("--virtual-time-budget=5000", "--dump-dom", page.as_uri()),
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    match = re.search(r'<pre id="probe">(.*?)</pre>', ended.stdout, re.DOTALL)
    assert match is not None, ended.stderr[-2000:]
    return dict(json.loads(html.unescape(match[1])))


@pytest.mark.parametrize("font", ["'DejaVu Sans'", "sans-serif", "serif"])
@pytest.mark.parametrize("desc", ["ThresholdedMosaic", "ThresholdedGlass", "uncorrectedGlass"])
def test_text_stays_on_the_page(chromium, results, tmp_path, desc, font) -> None:  # noqa: F811
    """All of it, in the font it was drawn with, and in what stands in where that is missing."""
    (path,) = results.glob(f"figures/*_desc-*{desc}_statmap.svg")
    svg = path.read_text(encoding="utf-8").replace(
        "'DejaVu Sans', Verdana, Arial, Helvetica", font
    )
    seen = look(chromium, svg[svg.index("<svg") :], TEXTS, tmp_path)
    assert seen["texts"] > 8
    assert seen["outside"] == []
    assert seen["image"] == pytest.approx([1, 1], abs=0.01)


@pytest.mark.parametrize("suffix", ["clusters", "contrasts"])
def test_copied_table_is_a_table(chromium, results, tmp_path, suffix) -> None:  # noqa: F811
    """Selected, copied and put into another document it keeps its rows, lines and alignment."""
    (path,) = results.glob(f"tpl-*/cohort-pain/*_{suffix}.html")
    page = path.read_text(encoding="utf-8")
    (tsv,) = results.glob(f"tpl-*/cohort-pain/*_{suffix}.tsv")
    seen = look(chromium, page[page.index("<body") :], PASTE, tmp_path)
    assert len(seen["rows"]) == len(tsv.read_text(encoding="utf-8").splitlines())
    assert {len(row) for row in seen["rows"]} == {len(seen["rows"][0])}
    assert seen["aligned"] == "right"
    assert seen["line"] == "solid"
    assert seen["scripts"] == 0
