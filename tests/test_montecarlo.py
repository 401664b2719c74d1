"""Blocks and chunks: wherever iterations are computed, lost or found, the bytes are the same."""

import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline import defaults
from nimare_pipeline import store as store_module
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.montecarlo import chunk_blocks, gather_null, montecarlo_chunk
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan, run_block
from nimare_pipeline.numerics.plan import FociDesign, make_plan
from nimare_pipeline.store import Store

N_ITERS = 110
N_BLOCKS = 6
"""110 iterations in blocks of 20: the last block is a short one."""


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Blocks small enough for many of them in a test."""
    monkeypatch.setattr(defaults, "MONTECARLO_BLOCK", 20)


@pytest.fixture(scope="module")
def plan() -> MonteCarloPlan:
    """Twelve foci of three experiments in a box of 2 mm voxels."""
    mask = np.zeros((18, 20, 16), dtype=bool)
    mask[3:-3, 3:-3, 3:-3] = True
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"))
    kernel = np.rint(2.0**20 * np.exp(-(grid**2).sum(axis=0) / 4)).astype(np.int32)
    rng = np.random.default_rng(1)
    design = FociDesign(
        xyz=rng.uniform(8, 24, (12, 3)),
        experiment=np.repeat(np.arange(3), 4),
        kernels=[kernel],
        experiment_kernel=np.zeros(3, dtype=np.int64),
    )
    affine = np.diag([2.0, 2, 2, 1])
    return make_plan(
        design, mask, affine, threshold=2**20, mass_floor=2**20, null_outside="distance"
    )


@pytest.fixture(scope="module")
def null(plan) -> dict:
    """The null in one block on one thread: what everything else must equal."""
    return run_block(plan, seed=3, first=0, n_iters=N_ITERS, n_threads=1)


def assert_same(one: dict, other: dict) -> None:
    """Same names, types and bytes."""
    assert sorted(one) == sorted(other)
    for name, array in one.items():
        assert array.dtype == other[name].dtype == np.int64
        np.testing.assert_array_equal(array, other[name])


def test_the_null_varies(null):
    """The reference of the other tests is no constant."""
    for name in ("max_stat", "max_size", "max_mass"):
        assert len(np.unique(null[name])) > 5


@pytest.mark.parametrize(
    ("n_chunks", "expected"),
    [
        (1, [[(0, 20), (20, 20), (40, 20), (60, 20), (80, 20), (100, 10)]]),
        (4, [[(0, 20)], [(20, 20), (40, 20)], [(60, 20)], [(80, 20), (100, 10)]]),
        (7, [[], *([(first, min(20, 110 - first))] for first in range(0, 110, 20))]),
    ],
    ids=["one", "four", "more chunks than blocks"],
)
def test_chunks_share_all_blocks_in_order(n_chunks, expected):
    """Chunks are runs of whole blocks; together, in order, they are all blocks once."""
    chunks = [chunk_blocks(N_ITERS, chunk=i, n_chunks=n_chunks) for i in range(n_chunks)]
    assert [list(chunk) for chunk in chunks] == expected


@pytest.mark.parametrize("n_threads", [1, 2], ids=["1 thread", "2 threads"])
@pytest.mark.parametrize("n_chunks", [1, 7], ids=["1 chunk", "7 chunks"])
def test_chunks_and_threads_do_not_change_a_byte(plan, null, n_chunks, n_threads):
    """The null is the same in 1 and 7 chunks, by 1 and 2 threads."""
    parts = [
        montecarlo_chunk(
            plan, n_iters=N_ITERS, seed=3, chunk=i, n_chunks=n_chunks, n_threads=n_threads
        )
        for i in range(n_chunks)
    ]
    assert_same(gather_null(parts, n_iters=N_ITERS), null)


def test_the_seed_changes_the_null(plan, null):
    """Another seed is another null."""
    other = montecarlo_chunk(plan, n_iters=N_ITERS, seed=4)
    assert (other["max_stat"] != null["max_stat"]).any()


@pytest.fixture
def filled(plan, tmp_path) -> Store:
    """Store that holds every block."""
    store = Store(tmp_path / "store")
    montecarlo_chunk(plan, n_iters=N_ITERS, seed=3, store=store)
    assert (store.computed, store.found) == (N_BLOCKS, 0)
    return store


def files(store: Store) -> list[Path]:
    """Files of the store, in a stable order."""
    return sorted(store.folder.iterdir())


def rerun(plan, folder: Path, **changes) -> tuple[dict, Store]:
    """Run again on a store folder."""
    store = Store(folder)
    return montecarlo_chunk(plan, n_iters=N_ITERS, seed=3, store=store, **changes), store


def test_a_rerun_computes_nothing(plan, null, filled):
    """All blocks are found, by one chunk or by several."""
    result, store = rerun(plan, filled.folder)
    assert_same(result, null)
    assert (store.computed, store.found) == (0, N_BLOCKS)
    part, store = rerun(plan, filled.folder, chunk=1, n_chunks=2)
    assert_same(part, {name: array[60:] for name, array in null.items()})
    assert (store.computed, store.found) == (0, 3)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 4
    path.write_bytes(bytes(content))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [Path.unlink, truncate, alter, empty], ids=lambda f: f.__name__)
def test_only_the_damaged_block_is_computed_again(plan, null, filled, damage):
    """Deletion, truncation or alteration of one block costs that block."""
    whole = {path.name: path.read_bytes() for path in files(filled)}
    damage(files(filled)[2])
    result, store = rerun(plan, filled.folder)
    assert_same(result, null)
    assert (store.computed, store.found) == (1, N_BLOCKS - 1)
    assert {path.name: path.read_bytes() for path in files(filled)} == whole


def test_a_moved_store_serves(plan, null, filled):
    """Nothing is computed again after the work folder was moved."""
    moved = filled.folder.rename(filled.folder.with_name("moved"))
    result, store = rerun(plan, moved)
    assert_same(result, null)
    assert store.computed == 0


def test_changed_code_computes_everything_again(plan, null, filled, monkeypatch):
    """Blocks of other numerics are not used."""
    monkeypatch.setattr(store_module, "numerics_digest", lambda: "changed")
    result, store = rerun(plan, filled.folder)
    assert_same(result, null)
    assert (store.computed, store.found) == (N_BLOCKS, 0)


def test_more_iterations_compute_the_new_ones_only(plan, filled):
    """Whole blocks serve a longer null; the short last block is computed at its full length."""
    store = Store(filled.folder)
    longer = montecarlo_chunk(plan, n_iters=160, seed=3, store=store)
    assert_same(longer, run_block(plan, seed=3, first=0, n_iters=160))
    assert (store.computed, store.found) == (3, 5)


def test_another_plan_or_seed_finds_nothing(plan, filled):
    """Blocks belong to their plan and seed."""
    store = Store(filled.folder)
    montecarlo_chunk(plan, n_iters=20, seed=4, store=store)
    other = replace(plan, values=plan.values // 2)
    montecarlo_chunk(other, n_iters=20, seed=3, store=store)
    assert (store.computed, store.found) == (2, 0)


CHILD = """
import sys, time
from nimare_pipeline import defaults
from nimare_pipeline.montecarlo import montecarlo_chunk
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.store import Store

defaults.MONTECARLO_BLOCK = 20
plan, folder = sys.argv[1:]
montecarlo_chunk(
    MonteCarloPlan.load(plan), n_iters=110, seed=3, store=Store(folder),
    progress=lambda n: time.sleep(0.2),
)
"""


def test_after_kill_9_the_rest_is_computed(plan, null, tmp_path):
    """A process killed in the middle leaves whole blocks; a rerun computes only the others."""
    plan.save(tmp_path / "plan.npz")
    folder = tmp_path / "store"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "plan.npz"), str(folder)]
    )
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*.result"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    kept = len(list(folder.glob("*.result")))
    assert 2 <= kept < N_BLOCKS
    result, store = rerun(plan, folder)
    assert_same(result, null)
    assert (store.computed, store.found) == (N_BLOCKS - kept, kept)


def test_an_interrupt_keeps_whole_blocks_and_leaves_no_thread(plan, null, tmp_path):
    """Ctrl-C ends the loop at once with all threads; blocks that were complete are kept."""
    folder = tmp_path / "store"
    done = 0

    def interrupt(n: int) -> None:
        nonlocal done
        done += n
        if done >= 50:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        montecarlo_chunk(
            plan, n_iters=N_ITERS, seed=3, store=Store(folder), n_threads=2, progress=interrupt
        )
    assert threading.active_count() == threads
    kept = len(list(folder.iterdir()))
    assert kept == 2
    result, store = rerun(plan, folder)
    assert_same(result, null)
    assert (store.computed, store.found) == (N_BLOCKS - kept, kept)


@pytest.mark.parametrize("stored", [False, True], ids=["computed", "found"])
def test_progress_adds_up(plan, tmp_path, stored):
    """Iterations told add up to those of the chunk, whether blocks are computed or found."""
    if stored:
        montecarlo_chunk(plan, n_iters=N_ITERS, seed=3, store=Store(tmp_path))
    told = []
    montecarlo_chunk(plan, n_iters=N_ITERS, seed=3, store=Store(tmp_path), progress=told.append)
    assert sum(told) == N_ITERS
    assert min(told) > 0


def test_a_missing_chunk_is_an_error(plan):
    """A null that lacks a chunk is refused."""
    part = montecarlo_chunk(plan, n_iters=N_ITERS, seed=3, chunk=0, n_chunks=2)
    with pytest.raises(DataError, match="chunks hold 60 iterations, expected 110"):
        gather_null([part], n_iters=N_ITERS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_iters": 0}, "n_iters is 0: .* at least 1"),
        ({"n_iters": -5}, "n_iters is -5"),
        ({"n_iters": 10, "chunk": 2, "n_chunks": 2}, "chunk 2 of 2: .* from 0 to 1"),
        ({"n_iters": 10, "chunk": -1, "n_chunks": 2}, "chunk -1 of 2"),
    ],
    ids=["none", "negative", "beyond", "below"],
)
def test_impossible_chunks_are_refused(arguments, message):
    """Nothing to iterate and chunks that do not exist are usage errors."""
    with pytest.raises(UsageError, match=message):
        chunk_blocks(**arguments)
