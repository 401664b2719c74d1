"""The report in a real browser: it loads nothing, complains of nothing, shows the result."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

PROBE = """<script>
const probe = {errors: [], blocked: []};
for (const level of ["error", "warn"]) {
  console[level] = (...words) => probe.errors.push(words.join(" "));
}
addEventListener("error", e => probe.errors.push(e.message || String(e.target.src)), true);
addEventListener("unhandledrejection", e => probe.errors.push(String(e.reason)));
document.addEventListener("securitypolicyviolation", e => probe.blocked.push(e.blockedURI));
addEventListener("load", () => setTimeout(() => {
  probe.loaded = performance.getEntriesByType("resource").map(e => e.name)
    .filter(name => !name.startsWith("data:"));
  probe.images = [...document.images].filter(i => i.naturalWidth > 0).length;
  probe.broken = [...document.images].filter(i => i.complete && i.naturalWidth === 0).length;
  probe.overrun = [...document.querySelectorAll("td, th")]
    .filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.textContent.trim());
  probe.wide = document.documentElement.scrollWidth - innerWidth;
  probe.deadLinks = [...document.querySelectorAll('a[href^="#"]')]
    .map(a => a.getAttribute("href").slice(1)).filter(id => id && !document.getElementById(id));
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify(probe);
  document.body.append(out);
}, 300));
</script>"""


@pytest.fixture(scope="session")
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("CHROMIUM NOT FOUND: the report was not opened in a browser")
    return path


def open_page(
    chromium: str, text: str, folder: Path, *, width: int = 1280
) -> tuple[dict[str, Any], str]:
    """Open a page with the probe at its top; what the probe saw, and the page's final DOM."""
    page = folder / "page.html"
    page.write_text(text.replace("<head>", f"<head>{PROBE}", 1), encoding="utf-8")
    ended = subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", f"--user-data-dir={folder / 'profile'}"),
            *(f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom"),
            page.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    match = re.search(r'<pre id="probe">(.*?)</pre>', ended.stdout, re.DOTALL)
    assert match is not None, ended.stderr[-2000:]
    return json.loads(html.unescape(match[1])), ended.stdout


@pytest.fixture(scope="session")
def report(results: Path) -> str:
    return (results / "report.html").read_text(encoding="utf-8")


def test_report_loads_nothing_and_complains_about_nothing(chromium, report, tmp_path) -> None:
    """No request, no error on the console, nothing blocked, no picture missing, no dead link."""
    seen, _ = open_page(chromium, report, tmp_path)
    assert seen["loaded"] == []
    assert seen["errors"] == []
    assert seen["blocked"] == []
    assert seen["broken"] == 0
    assert seen["images"] >= 3
    assert seen["deadLinks"] == []


@pytest.mark.parametrize("width", [1280, 500])
def test_report_fits_the_window(chromium, report, tmp_path, width) -> None:
    """On a desk and on a small screen nothing has to be scrolled sideways."""
    seen, _ = open_page(chromium, report, tmp_path, width=width)
    assert seen["wide"] <= 0


def test_long_titles_stay_in_their_cells(chromium, report, tmp_path) -> None:
    """A paper's title as the name of a study, however long, does not run into the next cell."""
    title = "Differentiating between dementia with Lewy bodies and corticobasal syndrome " * 3
    assert ">pain_01.nidm<" in report
    planted = report.replace(">pain_01.nidm<", f' class="long">{title}<')
    seen, _ = open_page(chromium, planted, tmp_path)
    assert seen["overrun"] == []
    seen, _ = open_page(chromium, report.replace(">pain_01.nidm<", f">{title}<"), tmp_path)
    assert seen["overrun"]


def test_report_shows_the_clusters(chromium, results, report, tmp_path) -> None:
    """The page as rendered holds the peaks of the table of clusters."""
    _, dom = open_page(chromium, report, tmp_path)
    (table,) = results.glob("tpl-*/cohort-pain/*_clusters.tsv")
    clusters = pd.read_csv(table, sep="\t")
    assert len(clusters) > 3
    for peak_z in clusters["z_stat"].head(3):
        assert f"{peak_z:.2f}" in dom


@pytest.mark.parametrize(
    "planted",
    [
        '<img src="https://example.invalid/pixel.png">',
        '<script src="https://example.invalid/code.js"></script>',
        "<script>throw new Error('planted')</script>",
    ],
)
def test_the_probe_sees_what_it_looks_for(chromium, report, tmp_path, planted) -> None:
    """A page that does load or throw something is found out, so that silence means something."""
    seen, _ = open_page(chromium, report.replace("</body>", f"{planted}</body>"), tmp_path)
    assert seen["loaded"] or seen["errors"] or seen["blocked"]
