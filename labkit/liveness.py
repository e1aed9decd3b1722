"""Processes of runs: whether one still lives."""

import functools
import os
import platform
import socket
from pathlib import Path

import psutil

# A start time read twice may differ: the kernel counts it from a boot time in whole seconds, which moves by one when
# the clock is slewed. A pid is not given out again within this time, so being generous costs nothing.
_START_TOLERANCE_S = 2.0


def process_identity() -> tuple[int, float, str, str, int]:
    """What `lives` will know this process by, asked in whatever process."""
    pid, boot = os.getpid(), _boot_id()
    return pid, psutil.Process(pid).create_time(), socket.gethostname(), boot, (_start_ticks(pid) or 0) if boot else 0


def is_running(pid: int, process_started: float, host: str, boot: str, started_ticks: int) -> bool | None:
    """Whether that very process runs; None for one that cannot be seen from here, as it is another machine's.

    Where both sides know their boot, that decides: clocks are set and hosts are renamed while a run trains. Containers
    share a boot and not their pids, so one that is not found is gone only under the same host name.

    Args: as in RunStarted.
    """
    is_named_alike = host in (socket.gethostname(), platform.node())
    if not (boot and _boot_id()):
        return is_process_alive(pid, process_started) if is_named_alike else None
    try:
        found = boot == _boot_id() and _start_ticks(pid) == started_ticks
    except PermissionError:  # somebody has that pid, only not ours to look at
        found = is_named_alike
    return found or (False if is_named_alike else None)


def is_process_alive(pid: int, process_started: float) -> bool:
    """Whether that very process runs; False for one that has ended, a zombie, or a stranger with the same pid.

    Args:
        pid: as in RunStarted.
        process_started: Unix seconds, as psutil gave them when the process started.
    """
    try:
        if not psutil.pid_exists(pid):  # ten times cheaper than asking on; of a thousand old runs most end here
            return False
        process = psutil.Process(pid)
        if abs(process.create_time() - process_started) > _START_TOLERANCE_S:
            return False
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.AccessDenied:
        return True  # it is there, only not ours to look at
    except (psutil.Error, ValueError, OverflowError):
        return False


def process_start_time(pid: int) -> float | None:
    """When that process started, in Unix seconds as `is_alive` wants them; None where there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError, OverflowError):
        return None


@functools.cache
def _boot_id() -> str:
    """Another one after each start of the machine, the same in its containers; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None where none runs, a zombie included."""
    try:
        if not psutil.pid_exists(pid):
            return None
        told = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError, OverflowError):
        return None
    state, *numbers = told[told.rindex(b")") + 1 :].split()  # the command's name before it may hold anything
    return None if state in b"ZXx" else int(numbers[18])
