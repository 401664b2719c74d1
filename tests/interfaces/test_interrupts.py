"""Ctrl-C and SIGTERM in the middle of the Monte Carlo loop."""

import signal
import threading
import time

import pytest
from nipype.pipeline import engine as pe

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.interfaces.correct import MonteCarloChunk
from nimare_pipeline.meta.cbma.ale import ALE


class Terminated(KeyboardInterrupt):
    """What the command line makes of SIGTERM."""


@pytest.fixture
def node(dataset, tmp_path):
    """Node with far more iterations than a test has time for."""
    result = ALE(kernel__fwhm=12.0).fit(dataset)
    plan_file = FWECorrector(voxel_thresh=0.01).plan(result).save(tmp_path / "plan.npz")
    chunk = MonteCarloChunk(plan_file=str(plan_file), n_iters=10**8, seed=1, chunk=0, n_chunks=1)
    chunk.inputs.trait_set(n_threads=2, store_dir=str(tmp_path / "store"))
    return pe.Node(chunk, name="chunk", base_dir=str(tmp_path))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Terminated])
def test_a_signal_ends_the_loop(node, tmp_path, kind):
    """The node ends as the signal's exception, all threads have ended, whole blocks are kept."""
    sent = []

    def strike(number, frame):
        raise kind

    def send() -> None:
        while not list((tmp_path / "store").glob("*.result")):
            time.sleep(0.01)
        time.sleep(0.1)
        sent.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    threads = threading.active_count()
    sender = threading.Thread(target=send, daemon=True)
    previous = signal.signal(signal.SIGALRM, strike)
    try:
        sender.start()
        with pytest.raises(kind):
            node.run()
        took = time.monotonic() - sent[0]
    finally:
        signal.signal(signal.SIGALRM, previous)
    sender.join()
    assert threading.active_count() == threads
    # The promise is a quarter second on an idle machine, the loop would take hours: a bound in
    # between that holds on a machine with twenty times as much to do.
    assert took < 5
    assert all(path.suffix == ".result" for path in (tmp_path / "store").iterdir())
