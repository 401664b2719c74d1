"""Whatever a server answers, it becomes files inside the folder or one error of ours."""

import contextlib
import gzip
import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimare_pipeline import extract
from nimare_pipeline.errors import PipelineError
from tests.extract.conftest import QUICK
from tests.extract.server import Page, Server
from tests.extract.test_neurostore import tar

ODD = st.sampled_from([
    "", "..", "../../x", "/etc/passwd", "http://[", "/a.nii.gz?x=\n", "\0", "\ud800", "é" * 300,
    "file:///etc/passwd", "T map", "<b>", "$(id)", "-1", "nan", "/b.nii.gz", "2026-09",
])  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | ODD
KEYS = st.sampled_from(["id", "file", "results", "version"])
ANY = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def records(required: dict[str, st.SearchStrategy], *keys: str) -> st.SearchStrategy:
    """Lists of objects that may have these keys, with anything in them."""
    one = st.fixed_dictionaries(required, optional=dict.fromkeys(keys, ANY))
    return st.lists(one, max_size=3)


IMAGES = records(
    {"id": st.integers(0, 5), "file": st.just("/b.nii.gz") | ANY},
    *("name", "map_type", "number_of_subjects", "not_mni", "is_thresholded", "analysis_level"),
)
PAGE = ANY | st.fixed_dictionaries(
    {"results": IMAGES | records({}, "id", "file")}, optional={"next": ANY, "count": ANY}
)
RELEASES = ANY | st.fixed_dictionaries({
    "results": records(
        {"version": st.just("2026-09") | ANY},
        *("built_at", "release_type", "download_path", "archive_checksum"),
    )
})  # fmt: skip
BOUNDED = settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


def only_below(folder: Path) -> None:
    """Nothing lies outside the folder of the downloads, and nothing is hidden half done."""
    assert {path.name for path in folder.parent.iterdir()} <= {folder.name}
    assert not list(folder.rglob("*.part"))


@BOUNDED
@given(page=PAGE)
def test_any_page_of_a_collection(page: object, server: Server, tmp_path: Path) -> None:
    """A page of images with anything in it."""
    server.default = Page(gzip.compress(b"image"))
    server.pages = {
        "/api/collections/7/?format=json": Page(b"{}"),
        "/api/collections/7/images/?format=json&limit=100": Page(json.dumps(page).encode()),
    }
    with contextlib.suppress(PipelineError):
        extract.fetch_neurovault_collection(7, tmp_path / "in", base_url=server.url, retries=QUICK)
    only_below(tmp_path / "in")


@BOUNDED
@given(index=RELEASES, version=st.sampled_from(["latest", "nightly", "2026-09"]))
def test_any_index_of_releases(
    index: object, version: str, server: Server, tmp_path: Path
) -> None:
    """An index of releases with anything in it."""
    server.pages = {"/api/neurostore-studyset-releases/": Page(json.dumps(index).encode())}
    server.default = Page(tar({"studyset.json": b"{}"}))
    with contextlib.suppress(PipelineError):
        extract.fetch_neurostore(version, tmp_path / "in", base_url=server.url, retries=QUICK)
    only_below(tmp_path / "in")
