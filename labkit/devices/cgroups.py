"""CPU and memory limits of a process, from affinity and cgroups.

A container or a scheduler sets these limits. Without them a run in a container of two cores on a machine of 64 would
seem idle, and its memory endless. Both versions of cgroups are read, 1 and 2; Linux only.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


@dataclass(frozen=True)
class MemoryLimit:
    """Tightest memory limit of a process, with the group that sets it."""

    total_bytes: int
    group: Path

    def used_bytes(self) -> int | None:
        """Memory that the group has in use, or None if unreadable.

        File caches that the kernel can drop are not counted.
        """
        versions = {"memory.current": "inactive_file ", "memory.usage_in_bytes": "total_inactive_file "}  # 2 and 1
        for name, droppable in versions.items():
            if (used := _number(self.group / name)) is not None:
                lines = _text(self.group / "memory.stat").splitlines()
                return max(0, used - next((int(line.split()[1]) for line in lines if line.startswith(droppable)), 0))
        return None


def count_usable_cores(pid: int, groups: Path = _CGROUPS, proc: Path = _PROC) -> float:
    """Number of cores a process may keep busy: the smaller of its affinity and its CPU quota."""
    try:
        usable = float(len(os.sched_getaffinity(pid)))
    except (AttributeError, OSError):  # not on this system; ended a moment ago
        usable = float(os.cpu_count() or 1)
    quotas = (_cpu_quota(group) for group in _iter_groups("cpu", pid, groups, proc))
    return min([usable, *(quota for quota in quotas if quota)])


def find_memory_limit(pid: int, groups: Path = _CGROUPS, proc: Path = _PROC) -> MemoryLimit | None:
    """Tightest memory limit of a process, or None.

    It may exceed the machine's memory.
    """
    limits = []
    for group in _iter_groups("memory", pid, groups, proc):
        limit = _number(group / "memory.max") or _number(group / "memory.limit_in_bytes")
        if limit:
            limits.append(MemoryLimit(limit, group))
    return min(limits, key=lambda limit: limit.total_bytes, default=None)


def _iter_groups(controller: str, pid: int, groups: Path, proc: Path) -> Iterator[Path]:
    """Yields the folders of a process's control groups, innermost first.

    Inside a container the path may be the host's, while only the mount's root is ours. So every parent up to the root
    is yielded, and a folder that does not exist holds no limit.
    """
    for line in _text(proc / str(pid) / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = groups / controller if controllers else groups
        folder = root / path.strip("/")
        while folder != root:
            yield folder
            folder = folder.parent
        yield root


def _cpu_quota(group: Path) -> float | None:
    """CPU quota of a group in cores, or None."""
    quota, _, period = _text(group / "cpu.max").partition(" ")  # version 2: "150000 100000" or "max 100000"
    if not quota:
        quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")  # version 1; -1 is none
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
