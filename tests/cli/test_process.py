"""The process a run lives in: processors, environment, signals, logging."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from nimare_pipeline.cli import logs
from nimare_pipeline.cli.compiled import LEAST, write_target
from nimare_pipeline.cli.environment import prepared
from nimare_pipeline.cli.exit_codes import Terminated
from nimare_pipeline.cli.resources import available_cpus
from nimare_pipeline.cli.signals import graceful


@pytest.fixture
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(16)))


def cgroup(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder


@pytest.mark.usefixtures("many_cpus")
class TestAvailableCpus:
    def test_affinity_counts(self, tmp_path) -> None:
        """Without quota it is the processors this process may run on."""
        assert available_cpus({}, tmp_path) == 16

    @pytest.mark.parametrize(("quota", "cpus"), [("400000", 4), ("150000", 1), ("50000", 1)])
    def test_cgroup_v2_quota_counts(self, tmp_path, quota, cpus) -> None:
        """A container's quota is rounded down to whole processors, at least one."""
        folder = cgroup(tmp_path, cpu_dot_max=f"{quota} 100000\n")
        assert available_cpus({}, folder) == cpus

    def test_no_quota_is_no_limit(self, tmp_path) -> None:
        """``max`` means there is no quota."""
        assert available_cpus({}, cgroup(tmp_path, cpu_dot_max="max 100000\n")) == 16

    def test_cgroup_v1_quota_counts(self, tmp_path) -> None:
        """The older layout of files is read too."""
        folder = cgroup(
            tmp_path,
            cpu__cpu_dot_cfs_quota_us="300000\n",
            cpu__cpu_dot_cfs_period_us="100000\n",
        )
        assert available_cpus({}, folder) == 3

    def test_slurm_grant_counts(self, tmp_path) -> None:
        """Slurm's grant a task is a limit; nonsense in its place is none."""
        assert available_cpus({"SLURM_CPUS_PER_TASK": "2"}, tmp_path) == 2
        assert available_cpus({"SLURM_CPUS_PER_TASK": "x"}, tmp_path) == 16


class TestPreparedEnvironment:
    def test_nobody_is_called_and_blas_has_one_thread(self) -> None:
        """Telemetry is off, matrix products use one thread, pictures need no screen."""
        environ = {"HOME": str(Path.home()), "OMP_NUM_THREADS": "8"}
        with prepared(environ):
            assert environ["NO_ET"] == environ["NIPYPE_NO_ET"] == "1"
            assert environ["OMP_NUM_THREADS"] == environ["OPENBLAS_NUM_THREADS"] == "1"
            assert environ["MPLBACKEND"] == "Agg"

    def test_everything_is_as_before_afterwards(self) -> None:
        """The environment is restored and the temporary folder is gone."""
        environ = {"HOME": "/nonexistent", "MPLBACKEND": "pdf"}
        with prepared(environ):
            folder = Path(environ["NIPYPE_CONFIG_DIR"])
            assert folder.is_dir()
        assert environ == {"HOME": "/nonexistent", "MPLBACKEND": "pdf"}
        assert not folder.exists()

    @pytest.mark.parametrize("home", ["", "/nonexistent", "/proc"])
    def test_unusable_home_is_replaced(self, home) -> None:
        """Without a home that can be written, libraries get a temporary one."""
        environ = {"HOME": home} if home else {}
        with prepared(environ):
            folder = environ["NIPYPE_CONFIG_DIR"]
            assert (
                environ["HOME"] == environ["MPLCONFIGDIR"] == environ["XDG_CACHE_HOME"] == folder
            )

    def test_usable_home_is_kept(self, tmp_path) -> None:
        """A home that can be written stays, and Nipype's folder is still not in it."""
        environ = {"HOME": str(tmp_path), "USER": "ada"}
        with prepared(environ):
            assert environ["HOME"] == str(tmp_path)
            assert tmp_path not in Path(environ["NIPYPE_CONFIG_DIR"]).parents
            assert "LOGNAME" not in environ
        assert list(tmp_path.iterdir()) == []

    def test_arrow_reserves_nothing(self) -> None:
        """Its pool would take a gigabyte from a run under a limit; who wants it can name it."""
        for given, expected in (({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "x"}, "x")):
            environ = {"HOME": "", **given}
            with prepared(environ):
                assert environ["ARROW_DEFAULT_MEMORY_POOL"] == expected

    def test_options_are_read_in_a_tame_environment(self) -> None:
        """To understand --group imports NumPy, which reads once how many threads it may have."""
        code = (
            "import os, sys\n"
            "from nimare_pipeline.cli import main\n"
            "seen, parse = [], main.parse\n"
            "def spy(*words, **options):\n"
            "    seen.append((os.environ['OMP_NUM_THREADS'], 'numpy' in sys.modules))\n"
            "    return parse(*words, **options)\n"
            "main.parse = spy\n"
            "main.main(['/nowhere', '/nowhere/out', 'meta', '--group', 'a=n_foci > 2'])\n"
            "print(seen, 'OMP_NUM_THREADS' in os.environ)\n"
        )
        environ = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ
        )
        assert ended.stdout.splitlines()[-1] == "[('1', False)] False"

    def test_user_without_name_gets_one(self) -> None:
        """Containers run with user ids that have no name; Nipype asks for one."""
        environ = {"HOME": ""}
        with prepared(environ):
            assert environ["LOGNAME"] == f"uid{os.getuid()}"

    def test_spare_place_for_temporary_files(self, monkeypatch, tmp_path) -> None:
        """Where the system has no place it is beside the results, in what exists of the path."""
        monkeypatch.setattr(tempfile, "_get_default_tempdir", no_place)
        monkeypatch.setattr(tempfile, "tempdir", None)
        environ = {"HOME": "/nonexistent"}
        with prepared(environ, spare=str(tmp_path / "not" / "there")):
            folder = Path(environ["HOME"])
            assert folder.parent == tmp_path
            assert folder.name.startswith(".")
            assert environ["TMPDIR"] == environ["NIPYPE_CONFIG_DIR"] == str(folder)
        assert environ == {"HOME": "/nonexistent"}
        assert list(tmp_path.iterdir()) == []

    def test_no_place_at_all_is_no_error(self, monkeypatch) -> None:
        """What writes nothing needs none."""
        monkeypatch.setattr(tempfile, "_get_default_tempdir", no_place)
        monkeypatch.setattr(tempfile, "tempdir", None)
        environ: dict[str, str] = {}
        with prepared(environ, spare="/proc/nowhere"):
            assert not Path(environ["HOME"]).exists()
        assert environ == {}

    def test_compiled_code_is_looked_for(self, tmp_path) -> None:
        """What was compiled ahead is made ready before Numba is imported."""
        write_target(tmp_path, LEAST)
        environ = {"HOME": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path)}
        with prepared(environ):
            assert environ["NUMBA_CPU_NAME"] == LEAST.cpu_name
        assert "NUMBA_CPU_NAME" not in environ


def no_place() -> str:
    """Stand in for a search that finds no folder for temporary files."""
    raise FileNotFoundError(2, "No usable temporary directory found")


class TestSignals:
    @pytest.mark.parametrize(
        ("number", "error"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)]
    )
    def test_signal_becomes_an_error_nothing_swallows(self, number, error) -> None:
        """The error passes ``except Exception``, as Nipype has it around nodes."""
        with graceful(), pytest.raises(error) as caught:
            signal.raise_signal(number)
        assert not isinstance(caught.value, Exception)

    def test_second_signal_acts_as_without_us(self) -> None:
        """Whoever insists is not made to wait."""
        with graceful():
            with pytest.raises(Terminated):
                signal.raise_signal(signal.SIGTERM)
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    def test_handlers_are_restored(self) -> None:
        """Afterwards the handlers are those from before."""
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        with graceful():
            assert signal.getsignal(signal.SIGTERM) != before[0]
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


class TestLogs:
    OURS = logging.getLogger("nimare_pipeline.somewhere")
    THEIRS = logging.getLogger("nipype.workflow")

    @pytest.mark.parametrize(
        ("verbosity", "shown"),
        [
            (-1, ["WARNING: w"]),
            (0, ["i", "WARNING: w"]),
            (1, ["DEBUG: d", "i", "WARNING: w"]),
            (2, ["DEBUG: d", "i", "WARNING: w", "WARNING: theirs"]),
        ],
    )
    def test_console_shows_what_was_asked_for(self, capsys, verbosity, shown) -> None:
        """Progress in plain words, more with -v, other packages with -vv, on stderr only."""
        with logs.console(verbosity):
            self.OURS.debug("d")
            self.OURS.info("i")
            self.OURS.warning("w")
            self.THEIRS.warning("theirs")
        out, err = capsys.readouterr()
        assert (out, err.splitlines()) == ("", shown)

    def test_file_holds_everything(self, tmp_path) -> None:
        """The file has details, other packages and Python's warnings, whatever is shown."""
        with logs.console(-1), logs.file(tmp_path / "run.log"):
            self.OURS.debug("detail")
            self.THEIRS.warning("theirs")
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn("python's", stacklevel=1)
        text = (tmp_path / "run.log").read_text()
        for words in ("detail", "theirs", "python's"):
            assert words in text

    def test_logging_is_as_before_afterwards(self, tmp_path) -> None:
        """No handler and no level is left behind."""
        root, ours = logging.getLogger(), logging.getLogger("nimare_pipeline")
        before = list(root.handlers), ours.level
        with logs.console(2), logs.file(tmp_path / "run.log"):
            assert len(root.handlers) == len(before[0]) + 2
        assert (list(root.handlers), ours.level) == before

    def test_nipype_writes_nothing_by_itself(self) -> None:
        """Nipype's own handler on stdout is taken away: the last line there is ours."""
        nipype = logging.getLogger("nipype")
        before = list(nipype.handlers)
        nipype.addHandler(logging.NullHandler())
        try:
            logs.redirect_nipype()
            assert nipype.handlers == []
        finally:
            nipype.handlers[:] = before
