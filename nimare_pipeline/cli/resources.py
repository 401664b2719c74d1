"""How many processors this run may use: what was granted, not what the machine has."""

import os
from collections.abc import Mapping
from pathlib import Path


def available_cpus(
    environ: Mapping[str, str] | None = None, cgroup: Path = Path("/sys/fs/cgroup")
) -> int:
    """Smallest of the CPU affinity, the cgroup quota and Slurm's grant; at least 1.

    Parameters
    ----------
    environ : mapping, optional
        Environment to read ``SLURM_CPUS_PER_TASK`` from; the process's own by default.
    cgroup : Path
        Where the cgroup file system is mounted.
    """
    environ = os.environ if environ is None else environ
    granted = [len(os.sched_getaffinity(0)), _cgroup_quota(cgroup)]
    slurm = environ.get("SLURM_CPUS_PER_TASK", "")
    granted += [int(slurm)] if slurm.isdigit() else []
    return max(1, min(cpus for cpus in granted if cpus is not None))


def _cgroup_quota(cgroup: Path) -> int | None:
    """CPUs the container's quota amounts to, rounded down; None without quota (v2, then v1)."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        quota, period = (
            _read(cgroup / "cpu/cpu.cfs_quota_us"),
            _read(cgroup / "cpu/cpu.cfs_period_us"),
        )
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return max(1, int(quota) // int(period))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
