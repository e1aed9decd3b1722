"""Liveness of processes, identified by pid, start time, host and boot id."""

import functools
import os
import platform
import socket
from pathlib import Path

import psutil

# Two readings of a start time may differ: the kernel counts it from a boot time in whole seconds, which moves by one
# when the clock is slewed. A pid is not reused within this time, so a generous tolerance costs nothing.
_START_TOLERANCE_S = 2.0


def process_identity() -> tuple[int, float, str, str, int]:
    """Identity of this process, as `is_running` takes it in any process."""
    pid, boot = os.getpid(), _boot_id()
    return pid, psutil.Process(pid).create_time(), socket.gethostname(), boot, (_start_ticks(pid) or 0) if boot else 0


def is_running(pid: int, process_started: float, host: str, boot: str, started_ticks: int) -> bool | None:
    """True if exactly that process runs, None if on another machine.

    If both sides know their boot id, that decides, because clocks may be set and hosts renamed while a run trains.
    Containers share a boot id but not their pids. So a process that is not found has ended only if the host name is
    the same.

    The arguments are as in RunStarted.
    """
    is_same_host = host in (socket.gethostname(), platform.node())
    if not (boot and _boot_id()):
        return is_process_alive(pid, process_started) if is_same_host else None
    try:
        is_alive = boot == _boot_id() and _start_ticks(pid) == started_ticks
    except PermissionError:  # a process has that pid, and this user may not look at it
        is_alive = is_same_host
    return is_alive or (False if is_same_host else None)


def is_process_alive(pid: int, process_started: float) -> bool:
    """True if exactly that process runs.

    False if it has ended, is a zombie, or its pid now belongs to another process.

    Args:
        pid: as in RunStarted.
        process_started: Unix seconds, as psutil gave them when the process started.
    """
    try:
        if not psutil.pid_exists(pid):  # ten times cheaper than the rest; decides most of a thousand old runs
            return False
        process = psutil.Process(pid)
        if abs(process.create_time() - process_started) > _START_TOLERANCE_S:
            return False
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.AccessDenied:
        return True  # it runs, and this user may not look at it
    except (psutil.Error, ValueError, OverflowError):
        return False


def process_start_time(pid: int) -> float | None:
    """Start of a process in Unix seconds, None if none runs."""
    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError, OverflowError):
        return None


@functools.cache
def _boot_id() -> str:
    """Boot id of this machine and its containers, else empty."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _start_ticks(pid: int) -> int | None:
    """Start of a process in clock ticks since boot. None if it has ended or is a zombie."""
    try:
        if not psutil.pid_exists(pid):
            return None
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError, OverflowError):
        return None
    state, *numbers = stat[stat.rindex(b")") + 1 :].split()  # the command's name before it may hold any character
    return None if state in b"ZXx" else int(numbers[18])
