"""A Docker engine for the tests, and how to run an image in it as strictly as any cluster."""

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXAMPLE = ROOT / "nimare_pipeline" / "data" / "examples" / "pain"
BASE = "debian:trixie-slim"
IMAGE = "nimare-pipeline:test"
USER = 23_456
"""A user id that has no name in the image and owns nothing there."""
DOCKER = "/usr/bin/docker"
"""Debian's, which has BuildKit; another docker in the path may lack it."""
TMP = ("--tmpfs", "/tmp:size=64m")  # noqa: S108 - inside the container
"""A place for temporary files as small as Apptainer's."""


@dataclass(frozen=True)
class Ended:
    """What a container left behind."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The last line on stdout."""
        return self.out.splitlines()[-1] if self.out else ""

    @property
    def loaded(self) -> int:
        """How many compiled functions were read from the cache, if Numba was asked to say."""
        return self.out.count("[cache] data loaded from")

    @property
    def compiled(self) -> int:
        """How many were compiled and written to the cache instead."""
        return self.out.count("[cache] data saved to")


@dataclass(frozen=True)
class Docker:
    """A running engine.

    Parameters
    ----------
    host : str
        Address of its socket.
    """

    host: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which ``docker`` is this one."""
        path = f"{Path(DOCKER).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "DOCKER_HOST": self.host}

    def call(self, *words: object, timeout: float = 900) -> str:
        """Output of a docker command that must succeed."""
        return self._call(*words, timeout=timeout, check=True).stdout

    def has(self, image: str) -> bool:
        return self._call("image", "inspect", image).returncode == 0

    def config_of(self, image: str) -> dict[str, object]:
        (description,) = json.loads(self.call("image", "inspect", image))
        return description["Config"]

    def run(
        self,
        *words: object,
        image: str = IMAGE,
        out: Path | None = None,
        data: Path = EXAMPLE,
        options: Sequence[str] = TMP,
        environ: dict[str, str] | None = None,
    ) -> Ended:
        """Run the image read-only, as a user nobody knows, without network and capabilities."""
        mounted = [*self.strict(out, data, environ), *options]
        ended = self._call("run", "--rm", *mounted, image, *words)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    @staticmethod
    def strict(
        out: Path | None, data: Path = EXAMPLE, environ: dict[str, str] | None = None
    ) -> list[str]:
        """Options of such a run."""
        words = ["--read-only", "--network", "none", "--user", f"{USER}:{USER}"]
        words += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        words += ["--volume", f"{data}:/data:ro"]
        if out is not None:
            open_to_all(out)
            words += ["--volume", f"{out}:/out"]
        for name, value in (environ or {}).items():
            words += ["--env", f"{name}={value}"]
        return words

    def _call(
        self, *words: object, timeout: float = 900, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [DOCKER, *map(str, words)],
            capture_output=True, text=True, check=False, timeout=timeout,
            env=self.environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not check or ended.returncode == 0, ended.stderr[-3000:]
        return ended


@dataclass
class Background:
    """A container that runs while the test goes on."""

    docker: Docker
    words: Sequence[object]
    options: Sequence[str]
    image: str = IMAGE
    name: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:8]}")

    def start(self) -> None:
        words = ("run", "--detach", "--name", self.name, *self.options, self.image, *self.words)
        self.docker.call(*words)

    def kill(self, signal: str = "KILL") -> int:
        """Send a signal, wait, and give the exit code."""
        self.docker.call("kill", "--signal", signal, self.name)
        return int(self.docker.call("wait", self.name))

    def remove(self) -> None:
        self.docker.call("rm", "--force", self.name)


def open_to_all(folder: Path) -> None:
    """Make a folder that any user may write to."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)


def wait_for(pattern: str, folder: Path, seconds: float = 180) -> list[Path]:
    """Wait until files match; those that do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := sorted(folder.glob(pattern)):
            return found
        time.sleep(0.02)
    msg = f"no {pattern} in {folder} within {seconds:.0f} s"
    raise AssertionError(msg)


def results(folder: Path) -> dict[str, bytes]:
    """Maps and tables of a run. Sidecars name the run, so they differ from run to run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.glob("tpl-*/**/*"))
        if path.name.endswith((".nii.gz", ".tsv", ".tsv.gz"))
    }


@contextmanager
def dockerd(folder: Path) -> Iterator[Docker]:
    """Start an engine of our own, without a bridge and without touching the host's firewall.

    It is ended by the process id it wrote, and leaves nothing behind.
    """
    pid_file, socket = folder / "docker.pid", folder / "docker.sock"
    docker = Docker(f"unix://{socket}")
    with (folder / "dockerd.log").open("w") as log:
        daemon = subprocess.Popen(
            [
                *("/usr/sbin/dockerd", "--host", docker.host, "--pidfile", str(pid_file)),
                *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
                *("--iptables=false", "--ip6tables=false", "--bridge=none"),
            ],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        wait_for("docker.sock", folder, 60)
        docker.call("info")
        yield docker
    finally:
        daemon.terminate()
        daemon.wait(60)
        subprocess.run(
            ["umount", str(folder / "exec" / "netns" / "default")],
            check=False, capture_output=True,
        )  # fmt: skip
        subprocess.run(["rm", "-rf", str(folder)], check=True)
