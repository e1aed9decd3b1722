"""How much of the machine a process may use: its cores and its memory, as affinity and control groups limit them.

A container or a scheduler sets these limits in control groups (versions 1 and 2, both read here, Linux only). Without
them a run in a container of two cores on a machine of 64 would seem idle, and its memory endless.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


@dataclass(frozen=True)
class MemoryLimit:
    """The tightest memory limit above a process, and the group that has it."""

    total_bytes: int
    group: Path

    def used_bytes(self) -> int | None:
        """What the whole group holds, without file caches that the kernel can drop; None where it cannot be read."""
        used = _number(self.group / "memory.current")  # version 2
        dropped = "inactive_file"
        if used is None:
            used = _number(self.group / "memory.usage_in_bytes")  # version 1
            dropped = "total_inactive_file"
        if used is None:
            return None
        return max(0, used - _entry(self.group / "memory.stat", dropped))


def count_usable_cores(pid: int, groups: Path = _CGROUPS, proc: Path = _PROC) -> float:
    """How many cores the process may keep busy: its affinity, or its quota of time where that is less."""
    try:
        usable = float(len(os.sched_getaffinity(pid)))
    except (AttributeError, OSError):  # not on this system; ended a moment ago
        usable = float(os.cpu_count() or 1)
    quotas = (_quota(group) for group in _groups("cpu", pid, groups, proc))
    return min([usable, *(quota for quota in quotas if quota)])


def find_memory_limit(pid: int, groups: Path = _CGROUPS, proc: Path = _PROC) -> MemoryLimit | None:
    """The tightest memory limit set for the process; None where there is none. It may exceed the machine's memory."""
    limits = []
    for group in _groups("memory", pid, groups, proc):
        limit = _number(group / "memory.max") or _number(group / "memory.limit_in_bytes")
        if limit:
            limits.append(MemoryLimit(limit, group))
    return min(limits, key=lambda limit: limit.total_bytes, default=None)


def _groups(controller: str, pid: int, groups: Path, proc: Path) -> Iterator[Path]:
    """The folders of the control groups that a process is in, innermost first.

    Inside a container the path may be the host's, where only the mount's root is ours: so every parent up to the
    root is looked at, and folders that are not there simply hold no limit.
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


def _quota(group: Path) -> float | None:
    """Cores' worth of time that a group gets in each period; None where it is not limited."""
    quota, _, period = _text(group / "cpu.max").partition(" ")  # version 2: "150000 100000" or "max 100000"
    if not quota:
        quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")  # version 1; -1 is none
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def _entry(path: Path, name: str) -> int:
    for line in _text(path).splitlines():
        if line.startswith(name + " "):
            return int(line.split()[1])
    return 0


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
