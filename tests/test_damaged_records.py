"""What this program wrote itself, and what a user types, damaged at random."""

import contextlib
import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nimare_pipeline import (
    dataset_io,
    derivative_tables,
    derivative_tsv,
    derivatives_reader,
    labels,
    model,
    spaces,
)
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import PipelineError, Problem
from nimare_pipeline.results import MetaResult
from nimare_pipeline.select import select
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.settings_file import read_settings, write_settings
from tests import test_derivatives as written
from tests.hostile import (
    ODD,
    Files,
    bounded,
    damaged,
    damaged_archives,
    put,
    read_or_refused,
    unzipped,
    zipped,
)

CONTRAST = {
    "coords": {"space": "MNI", "x": [1, 2], "y": [2, 3], "z": [3, 4]},
    "metadata": {"sample_sizes": [12], "task": "pain"},
    "labels": {"pain": 0.5},
}
TOML = b"""
[run]
seed = 3

[defaults]
alpha = 0.01

[[analysis]]
name = "pain"
select = 'label("pain") > 0.1 and sample_size >= 10'
estimator = {type = "ALE", args = {kernel__fwhm = 10}}
corrector = {type = "FWECorrector", args = {method = "montecarlo", n_iters = 100}}

[[analysis]]
name = "both"
type = "pair"
groups = {a = 'task == "pain"', b = 'not task == "pain"'}
"""
SELECTION = (
    b'label("pain") > 0.1 and not (task in ["pain", "x"] or within(1, -2, 3, 1e1)) or n_foci'
)


def dataset() -> Dataset:
    return Dataset({"s": {"contrasts": {"1": CONTRAST, "b": {"coords": CONTRAST["coords"]}}}})


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Content of a saved Dataset with a set of labels."""
    path = tmp_path_factory.mktemp("saved") / "a"
    return dataset().save(path).read_bytes()


@st.composite
def signed(draw: st.DrawFn, body: bytes) -> bytes:
    """Saved Dataset in which a member is damaged, with the digest of what it is now."""
    members = unzipped(body)
    manifest = json.loads(members.pop("manifest.json"))
    name = draw(st.sampled_from(sorted(members)))
    members[name] = draw(damaged(members[name]))
    manifest["sha256"][name] = hashlib.sha256(members[name]).hexdigest()
    return zipped({"manifest.json": json.dumps(manifest).encode(), **members})


@bounded(100)
@given(data=st.data())
def test_saved_datasets(tmp_path: Path, saved: bytes, data: st.DataObject) -> None:
    """Also one whose digests are right is read or refused, by its name."""
    kinds = (signed(saved), damaged(saved), damaged_archives(saved))
    path = put(tmp_path, {"a.bin": data.draw(st.one_of(kinds))}) / "a.bin"
    read_or_refused(lambda: Dataset.load(path), names=["a.bin"], folder=tmp_path)


@pytest.mark.parametrize("rows", [10**12, -1, 1.5, "2", None])
def test_rows_that_are_claimed(tmp_path: Path, saved: bytes, rows: Any) -> None:
    """A table has the rows that its columns have."""
    members = unzipped(saved)
    manifest = json.loads(members["manifest.json"])
    header = json.loads(members["texts.json"]) | {"n_rows": rows}
    members["texts.json"] = json.dumps(header).encode()
    manifest["sha256"]["texts.json"] = hashlib.sha256(members["texts.json"]).hexdigest()
    path = tmp_path / "a.bin"
    path.write_bytes(zipped({**members, "manifest.json": json.dumps(manifest).encode()}))
    assert dataset_io.is_container(path)
    with pytest.raises(PipelineError, match=r"a.bin is damaged: columns of texts have other leng"):
        Dataset.load(path)


@bounded(60)
@given(data=st.data())
def test_saved_results(tmp_path: Path, data: st.DataObject) -> None:
    """A result is read, or refused by its name."""
    whole = io.BytesIO()
    inside = np.ones((2, 2, 2), dtype=bool)
    header = {
        "estimator": {"type": "ALE", "args": {}}, "specs": {}, "tables": {}, "facts": {},
        "ids": ["a"], "description": "", "bibtex": "", "mask_name": "m",
    }  # fmt: skip
    about = np.frombuffer(json.dumps(header).encode(), np.uint8)
    arrays = {"map/z": np.ones(8), "mask": inside, "affine": np.eye(4)}
    np.savez(whole, header=about, **arrays)
    body = whole.getvalue()
    changed = data.draw(damaged(body) | damaged_archives(body))
    path = put(tmp_path, {"a.npz": changed}) / "a.npz"
    read_or_refused(lambda: MetaResult.load(path), names=["a.npz"], folder=tmp_path)


@bounded(100)
@given(body=damaged(TOML))
def test_analysis_files(tmp_path: Path, body: bytes) -> None:
    """An analysis file is read, or all that is wrong is said."""
    path = put(tmp_path, {"analyses.toml": body}) / "analyses.toml"
    read_or_refused(lambda: model.read(path), names=["analyses.toml"], folder=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 10**5,
        "a = " + "{b = " * 10**4,
        "[" + "a." * 10**5 + "a]",
        "a" + ".a" * 10**5 + " = 1",
        "a = " + "9" * 10**5,
        'a = """' + "\\" * 10**5,
        "[run]\nseed = " + "9" * 400,
        "[run]\nn_procs = nan",
        "#" * 10**6,
        "\n" * 10**5 + "[[",
    ],
    ids=lambda text: text[:6],
)
def test_analysis_files_that_are_too_much(tmp_path: Path, text: str) -> None:
    """Depth, length and size of TOML end in words, soon."""
    path = put(tmp_path, {"analyses.toml": text.encode()}) / "analyses.toml"
    assert read_or_refused(lambda: model.read(path), names=["analyses.toml"]) is None


@bounded(200)
@given(body=damaged(SELECTION))
def test_selections(body: bytes) -> None:
    """A selection that is typed wrong is refused in words, on any data."""
    text = body.decode("utf-8", "replace")
    read_or_refused(lambda: select(dataset(), text), names=["select", "NUL", "contrast", "mask"])


@bounded(150)
@given(data=st.data())
def test_values_of_options(data: st.DataObject) -> None:
    """A wrong value of an option ends with exit code 64, never with a traceback."""
    odd = st.sampled_from(ODD).map(lambda one: one.decode("utf-8", "replace"))
    number = odd | st.sampled_from(["1", "-2.5", "1e3"])
    given_ = data.draw(
        st.tuples(number, number, number, number).map(lambda xyzr: ["--sphere", *xyzr])
        | (odd | st.just('a=task == "x"')).map(lambda text: [f"--group={text}"])
        | odd.map(lambda text: [f"--roi={text}"])
        | odd.map(lambda text: [f"--select={text}"])
        | odd.map(lambda text: [f"--name={text}"])
        | odd.map(lambda text: [f"--n-iters={text}"])
        | odd.map(lambda text: [f"--seed={text}"])
    )
    said = io.StringIO()
    code: Any = 64
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            read_or_refused(lambda: parse(["in", "out", "meta", *given_]))
        except SystemExit as end:
            code = end.code
    assert code == 64, said.getvalue()


@bounded(200)
@given(text=st.text() | st.sampled_from(ODD).map(lambda one: one.decode("utf-8", "replace")))
def test_labels(text: str) -> None:
    """A label is of letters and digits of BIDS, or there is none."""
    made = read_or_refused(lambda: labels.label(text), names=["no name for an analysis"])
    assert made is None or (made.isascii() and made.isalnum())


@bounded(150)
@given(data=st.data())
def test_tables_of_results(data: st.DataObject) -> None:
    """A table that this program wrote is read back, or refused."""
    kinds = derivative_tables.PROBLEMS
    row = b"warning\ta.txt\tline 1\todd\tn/a\n"
    whole = b"\t".join(name.encode() for name in kinds) + b"\n" + row * 2
    body = data.draw(damaged(whole))
    read_or_refused(lambda: derivative_tsv.from_tsv(body, kinds), names=["not a table"])
    read_or_refused(lambda: derivative_tsv.from_tsv(body, {}), names=["not a table"])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Files of an output folder, by name."""
    base = tmp_path_factory.mktemp("results")
    settings = Settings(str(base / "in"), str(base / "out"), str(base / "work"), "20260102-aa")
    (base / "in").mkdir()
    (base / "in" / "pain.txt").write_text("//Reference=MNI\n")
    out = written.write(base / "out", settings)
    problem = Problem("warning", "odd", "pain.txt", "line 2")
    written.derivatives.write_problems(
        out, analysis=Analysis("pain"), settings=settings, problems=[problem]
    )
    written.write_logs(settings)
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items()}


_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], {}, "", "x", 0, 1e999, -1, [[]], [{}], {"a": 1}, {"MapSpec": []}, {"x": None}]
)


@st.composite
def damaged_results(draw: st.DrawFn, files: Files) -> dict[str, bytes]:
    """Output folder with one file that is no image damaged, or a value of its JSON another."""
    names = sorted(name for name in files if not name.endswith((".nii.gz", ".svg")))
    name = draw(st.sampled_from(names))
    body = files[name]
    if name.endswith(".json") and draw(st.booleans()):
        record = json.loads(body)
        record[draw(st.sampled_from(sorted(record)))] = draw(_VALUES)
        return {**files, name: json.dumps(record).encode()}
    if name.endswith(".gz") and draw(st.booleans()):
        return {**files, name: gzip.compress(draw(damaged(gzip.decompress(body))), 1)}
    return {**files, name: draw(damaged(body))}


@bounded(30)
@given(data=st.data())
def test_output_folders(tmp_path: Path, results: Files, data: st.DataObject) -> None:
    """Reading results back never fails: what is damaged is a problem and an empty place."""
    folder = put(tmp_path / "out", data.draw(damaged_results(results)))
    found = derivatives_reader.read(folder)
    for one in found.analyses:
        assert isinstance(one.facts, dict)
        assert isinstance(one.analysis, dict)
    assert isinstance(found.run.status, dict)


@bounded(100)
@given(data=st.data())
def test_settings_of_a_run(tmp_path: Path, data: st.DataObject) -> None:
    """A rerun reads its settings, or says what is wrong with them."""
    path = write_settings(
        tmp_path / "settings.toml", Settings("in", "out", "w", "u"), [Analysis("pain")]
    )
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    read_or_refused(lambda: read_settings(path), names=["settings.toml"], folder=tmp_path)


def mask_body() -> bytes:
    """NIfTI file of a small mask."""
    image = BrainMask(np.ones((3, 3, 3), dtype=bool), np.eye(4)).as_image()
    return bytes(image.to_bytes())


@bounded(150)
@given(body=damaged(mask_body()), name=st.sampled_from(["m.nii", "m.nii.gz"]))
def test_masks(tmp_path: Path, body: bytes, name: str) -> None:
    """An image is a mask, or refused by its name; its header may claim what it likes."""
    path = put(tmp_path, {name: gzip.compress(body, 1) if name[-1] == "z" else body}) / name
    read_or_refused(lambda: spaces.analysis_mask(path), names=[name], folder=tmp_path)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (
            42,
            np.array([32767] * 3, "<i2"),
            r"m.nii.gz: an image of \(32767, 32767, 32767\) voxels",
        ),
        (280, np.full(12, np.nan, "<f4"), "m.nii.gz: its affine tells no place in mm"),
        (280, np.zeros(12, "<f4"), "m.nii.gz: its affine tells no place in mm"),
        (70, np.array([999], "<i2"), "m.nii.gz cannot be read as an image: data code 999"),
    ],
)
def test_claims_of_a_mask(tmp_path: Path, at: int, value: Any, message: str) -> None:
    """Nothing is allocated for a claim, and a mask lies somewhere."""
    body = bytearray(mask_body())
    body[at : at + value.nbytes] = value.tobytes()
    path = put(tmp_path, {"m.nii.gz": gzip.compress(bytes(body))}) / "m.nii.gz"
    with pytest.raises(PipelineError, match=message):
        spaces.analysis_mask(path)


@pytest.mark.parametrize(
    "value", [[], [[]], [1], "x", 1, None, {"a": None}, {"/etc/x": ""}, {"../x": ""}]
)
@pytest.mark.parametrize("key", ["Facts", "Analysis", "Checksums", "Result"])
def test_values_of_a_record(tmp_path: Path, results: Files, key: str, value: Any) -> None:
    """A value of another kind than it was is as good as none."""
    name = next(name for name in results if name.endswith("_analysis.json"))
    record = json.loads(results[name]) | {key: value}
    kept = {n: body for n, body in results.items() if not n.endswith((".nii.gz", ".tsv.gz"))}
    folder = put(tmp_path / "out", {**kept, name: json.dumps(record).encode()})
    (one,) = derivatives_reader.read(folder).analyses
    assert isinstance(one.facts, dict)
    assert isinstance(one.analysis, dict)
