"""CPU utilisation and memory of a process and its children, by psutil."""

import contextlib
import platform
from pathlib import Path

import psutil

from labkit.devices import cgroups
from labkit.events import DeviceSampled
from labkit.messages import Message

CPU_METRICS = ("utilization", "memory_run_mib", "memory_others_mib", "memory_total_mib")

_MIB = 2**20
_CHILDREN_S = 10.0  # between two searches for child processes: each reads every process of the machine


class ProcessSampler:
    """Samples the CPU and memory of one process and its children.

    A call of `sample` costs well under a millisecond.
    """

    def __init__(self, pid: int):
        self._main = psutil.Process(pid)
        self._children: list[psutil.Process] = []
        self._search_at = float("-inf")
        self._primed = False
        self.cores = cgroups.count_usable_cores(pid)
        limit = cgroups.find_memory_limit(pid)
        self._limit = limit if limit and limit.total_bytes < psutil.virtual_memory().total else None

    def sample(self, seconds: float) -> DeviceSampled:
        total, used = self._read_machine_memory()
        try:
            percent, own = self._read_processes(seconds)
        except psutil.Error:
            why = Message("the run's process has ended or may not be looked at")
            missing = dict.fromkeys(CPU_METRICS[:3], why)
            return DeviceSampled(seconds, "cpu", None, None, None, total, missing=missing)
        utilization = min(100.0, percent / self.cores) if self._primed else None  # psutil compares with the last call
        self._primed = True
        others = None if used is None else max(0.0, used - own)
        unknown = Message("the container does not say what it holds")
        missing = {} if used is not None else {"memory_others_mib": unknown}
        return DeviceSampled(seconds, "cpu", utilization, own, others, total, missing=missing)

    def _read_processes(self, seconds: float) -> tuple[float, float]:
        """CPU time in percent of one core, and resident MiB, children included."""
        percent, resident = _read_process(self._main)
        for child in self._find_children(seconds):
            with contextlib.suppress(psutil.Error):  # ended a moment ago
                more, memory = _read_process(child)
                percent, resident = percent + more, resident + memory
        return percent, resident / _MIB

    def _find_children(self, seconds: float) -> list[psutil.Process]:
        if seconds >= self._search_at:
            known = {child: child for child in self._children}  # the old objects remember their last reading
            self._children = [known.get(child, child) for child in self._main.children(recursive=True)]
            self._search_at = seconds + _CHILDREN_S
        return self._children

    def _read_machine_memory(self) -> tuple[float, float | None]:
        """Total and used MiB of the limited container, or of the machine."""
        if self._limit:
            used = self._limit.used_bytes()
            return self._limit.total_bytes / _MIB, None if used is None else used / _MIB
        memory = psutil.virtual_memory()
        return memory.total / _MIB, (memory.total - memory.available) / _MIB


def _read_process(process: psutil.Process) -> tuple[float, int]:
    with process.oneshot():
        return process.cpu_percent(None), process.memory_info().rss


def cpu_name() -> str:
    """Model name of the CPU, or at least its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
