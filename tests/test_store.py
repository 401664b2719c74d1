"""The store: found again by content, never trusted when damaged, never in the way when full."""

import errno
import itertools
import logging
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline import store as store_module
from nimare_pipeline.store import Store, key, read_arrays, write_arrays

ARRAYS = {
    "max_stat": np.arange(7, dtype=np.int64),
    "mass": np.array([[0.1, np.nan], [-0.0, np.inf]], dtype=np.float32),
    "scalar": np.array(3, dtype=np.uint8),
    "names": np.array(["a", "bc"]),
}


def assert_same(one: dict, other: dict) -> None:
    """Same names, dtypes, shapes and bytes."""
    assert list(one) == list(other)
    for array, expected in zip(one.values(), other.values(), strict=True):
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        assert array.tobytes() == expected.tobytes()


def not_called() -> dict:
    """Compute function for results that must be found."""
    pytest.fail("computed although it is stored")


@pytest.fixture
def filled(tmp_path: Path) -> Store:
    """Store with one result under the key of ``what="x"``."""
    store = Store(tmp_path / "store")
    store.memo(key(what="x"), lambda: ARRAYS)
    return store


def test_memo_finds_what_was_computed(filled: Store):
    """A stored result comes back with the same dtypes, shapes and bytes, and is not computed."""
    again = Store(filled.folder)
    assert_same(again.memo(key(what="x"), not_called), ARRAYS)
    assert (filled.computed, filled.found) == (1, 0)
    assert (again.computed, again.found) == (0, 1)


def test_memo_computes_other_keys(filled: Store):
    """Another key is another result."""
    other = filled.memo(key(what="y"), lambda: {"a": np.zeros(2)})
    assert_same(other, {"a": np.zeros(2)})
    assert filled.computed == 2


def test_a_moved_store_still_serves(filled: Store):
    """Keys hold no paths: the folder can be moved."""
    moved = filled.folder.rename(filled.folder.parent / "elsewhere")
    assert_same(Store(moved).memo(key(what="x"), not_called), ARRAYS)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def cut_in_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_byte_of_the_body(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def flip_a_byte_of_the_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(bytes(content))


def add_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def replace_by_another_result(path: Path) -> None:
    other = Store(path.parent)
    other.memo(key(what="other"), lambda: {"a": np.zeros(1)})
    other.path(key(what="other")).replace(path)


DAMAGES = [
    truncate,
    cut_in_header,
    empty,
    flip_a_byte_of_the_body,
    flip_a_byte_of_the_header,
    add_bytes,
    replace_by_another_result,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda function: function.__name__)
def test_damage_is_computed_again_and_replaced(filled: Store, damage, caplog):
    """A damaged file costs one computation and one log line, and is whole afterwards."""
    path = filled.path(key(what="x"))
    whole = path.read_bytes()
    damage(path)
    again = Store(filled.folder)
    with caplog.at_level(logging.WARNING, logger="nimare_pipeline"):
        assert_same(again.memo(key(what="x"), lambda: ARRAYS), ARRAYS)
    assert again.computed == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"the stored result {path} is damaged: computing it again"
    ]
    assert path.read_bytes() == whole


def test_a_deleted_result_is_computed_again_in_silence(filled: Store, caplog):
    """A missing file is no damage."""
    filled.path(key(what="x")).unlink()
    filled.memo(key(what="x"), lambda: ARRAYS)
    assert filled.computed == 2
    assert not caplog.records


def test_changed_numerics_compute_again(filled: Store, monkeypatch):
    """Results of other code are not found."""
    monkeypatch.setattr(store_module, "numerics_digest", lambda: "other code")
    filled.memo(key(what="x"), lambda: ARRAYS)
    assert (filled.computed, filled.found) == (2, 0)


def test_numerics_digest_reads_every_source_file(tmp_path, monkeypatch):
    """One changed letter, or one renamed file, in the numerics changes the digest."""
    folder = tmp_path / "numerics"
    folder.mkdir()
    (folder / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(store_module, "__file__", str(tmp_path / "store.py"))
    digest = store_module.numerics_digest.__wrapped__
    digests = [digest()]
    (folder / "a.py").write_text("x = 2\n")
    digests.append(digest())
    (folder / "a.py").rename(folder / "b.py")
    digests.append(digest())
    assert len(set(digests)) == 3


def test_an_unwritable_store_computes_and_warns(tmp_path, caplog):
    """The result is returned although the store cannot hold it."""
    (tmp_path / "file").write_text("no folder")
    store = Store(tmp_path / "file")
    assert_same(store.memo(key(what="x"), lambda: ARRAYS), ARRAYS)
    assert "cannot store a result" in caplog.text


def test_a_full_disk_computes_and_warns(filled: Store, monkeypatch, caplog):
    """A write that fails half-way leaves no file behind and the result is returned."""

    fair = os.write

    def full(descriptor: int, content: bytes) -> int:
        if len(content) < 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fair(descriptor, content[: len(content) // 2])

    monkeypatch.setattr(os, "write", full)
    assert_same(filled.memo(key(what="y"), lambda: ARRAYS), ARRAYS)
    assert "No space left on device" in caplog.text
    assert [path.name for path in filled.folder.iterdir()] == [filled.path(key(what="x")).name]


def test_an_interrupted_write_leaves_no_file(tmp_path, monkeypatch):
    """Ctrl-C between writing and renaming passes through and leaves nothing behind."""

    def interrupt(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path / "store").memo(key(what="x"), lambda: ARRAYS)
    assert list((tmp_path / "store").iterdir()) == []


def test_ctrl_c_at_any_moment_leaves_no_half_file(tmp_path):
    """Wherever Ctrl-C strikes while a result is stored, its file is whole or gone, and closed.

    Python delivers it between any two operations of the main thread: here before each of those
    that the store and pathlib do, in turn. A file left open is a warning, so an error here.
    """
    path, moment = tmp_path / "a.result", 0
    while strike_at(moment, lambda: store_module._write(path, "a", {"a": np.zeros(1)})):
        assert {file.name for file in tmp_path.iterdir()} <= {path.name}, moment
        path.unlink(missing_ok=True)
        moment += 1
    assert moment > 100
    assert path.is_file()


def strike_at(moment: int, action) -> bool:
    """Raise KeyboardInterrupt before the n-th operation; False if there are fewer."""
    operations = itertools.count()

    def trace(frame, event, _arg):
        if Path(frame.f_code.co_filename).name not in ("store.py", "pathlib.py"):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and next(operations) == moment:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_unreadable_result_is_computed_again(filled: Store, caplog):
    """What cannot be read is computed, with a line that says why."""
    path = filled.path(key(what="x"))
    path.unlink()
    path.mkdir()
    assert_same(filled.memo(key(what="x"), lambda: ARRAYS), ARRAYS)
    assert "cannot read the stored result" in caplog.text


def test_concurrent_writers_leave_one_whole_result(tmp_path):
    """Many writers of one key: each gets the result, the file is whole, nothing else is left."""
    name = key(what="x")
    barrier = threading.Barrier(8)
    results = []

    def write() -> None:
        barrier.wait()
        results.append(Store(tmp_path).memo(name, lambda: ARRAYS))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for result in results:
        assert_same(result, ARRAYS)
    assert [path.name for path in tmp_path.iterdir()] == [Store(tmp_path).path(name).name]
    assert_same(Store(tmp_path).memo(name, not_called), ARRAYS)


def test_object_arrays_are_refused(tmp_path):
    """Nothing that needs pickle is stored, or hashed."""
    objects = np.array([{}], dtype=object)
    with pytest.raises(TypeError, match="'a' holds Python objects"):
        Store(tmp_path).memo(key(what="x"), lambda: {"a": objects})
    with pytest.raises(TypeError, match="'a' of a key is an object array"):
        key(a=objects)


def test_an_error_of_compute_is_not_stored(tmp_path):
    """An error passes through and leaves nothing."""
    store = Store(tmp_path / "store")
    with pytest.raises(ZeroDivisionError):
        store.memo(key(what="x"), lambda: {"a": np.array(1 // 0)})
    assert not store.folder.exists()


@pytest.mark.parametrize(
    "other",
    [
        {"a": np.array([1, 2], dtype=np.int32)},
        {"a": np.array([[1, 2]])},
        {"a": np.array([1, 3])},
        {"b": np.array([1, 2])},
        {"a": [1, 2]},
        {"a": np.array([1, 2]), "b": None},
    ],
    ids=["dtype", "shape", "value", "name", "list", "more"],
)
def test_keys_differ_with_their_parts(other):
    """Dtype, shape, value, name and number of parts all count."""
    assert key(**other) != key(a=np.array([1, 2]))


def test_keys_do_not_depend_on_layout_or_order():
    """Equal content has one key: order of keywords and memory layout do not count."""
    array = np.arange(6.0).reshape(2, 3)
    turned = np.asfortranarray(array)
    assert key(a=array, b={"x": 1, "y": 2.5}) == key(b={"y": 2.5, "x": 1}, a=turned)
    assert key(n=np.int64(3)) == key(n=3)
    assert len(key(n=3)) == 64


def test_keys_are_the_same_in_every_process():
    """No hash seed, no address: another process makes the same key."""
    code = "from nimare_pipeline.store import key; print(key(a='x', b=[1, 2.5, None]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.decode().strip() == key(a="x", b=[1, 2.5, None])


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [(float("nan"), ValueError, "JSON compliant"), ({1, 2}, TypeError, "not set")],
    ids=["nan", "set"],
)
def test_keys_refuse_what_has_no_exact_text(value, error, message):
    """NaN equals nothing and sets have no order: they are no parts of a key."""
    with pytest.raises(error, match=message):
        key(a=value)


def test_result_files_are_free_of_pickle(filled: Store):
    """The file is a header line and an npz body of plain arrays."""
    content = filled.path(key(what="x")).read_bytes()
    header, _, body = content.partition(b"\n")
    assert header.split()[:2] == [b"nimare-pipeline-store-1", key(what="x").encode()]
    copy = filled.folder.parent / "body.npz"
    copy.write_bytes(body)
    with np.load(copy, allow_pickle=False) as archive:
        assert sorted(archive.files) == sorted(ARRAYS)


def test_arrays_round_trip(tmp_path):
    """Arrays written between nodes come back with the same bytes, whatever the suffix."""
    path = write_arrays(tmp_path / "arrays.part", ARRAYS)
    assert_same(read_arrays(path), ARRAYS)


def test_a_body_longer_than_a_piece_comes_back(tmp_path: Path, monkeypatch):
    """Files are proved piece by piece; damage in any piece is seen."""
    monkeypatch.setattr(store_module, "_PIECE_BYTES", 100)
    store = Store(tmp_path)
    arrays = {"runs": np.arange(1000, dtype=np.int32)}
    store.memo(key(what="long"), lambda: arrays)
    assert_same(store.memo(key(what="long"), not_called), arrays)
    flip_a_byte_of_the_body(store.path(key(what="long")))
    assert_same(store.memo(key(what="long"), lambda: arrays), arrays)
    assert (store.computed, store.found) == (2, 1)


def test_writing_and_reading_hold_no_second_copy(tmp_path: Path):
    """The runs of a database are hundreds of megabytes: they are in memory once."""
    store, array = Store(tmp_path), np.ones(1 << 24, dtype=np.uint8)
    tracemalloc.start()
    store.memo(key(what="large"), lambda: {"a": array})
    written = tracemalloc.get_traced_memory()[1]
    store.memo(key(what="large"), not_called)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # What zipfile is handed at a time is up to 16 MiB, which numpy copies.
    assert written < 1.2 * array.nbytes
    assert found < 1.2 * array.nbytes
