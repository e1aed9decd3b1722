"""Processes of runs: whether one still lives."""

import psutil

# A start time read twice may differ: the kernel counts it from a boot time in whole seconds, which moves by one when
# the clock is slewed. A pid is not given out again within this time, so being generous costs nothing.
_TOLERANCE_S = 2.0


def is_alive(pid: int, process_started: float) -> bool:
    """Whether that very process runs; False for one that has ended, a zombie, or a stranger with the same pid.

    Args:
        pid: as in RunStarted.
        process_started: Unix seconds, as psutil gave them when the process started.
    """
    try:
        if not psutil.pid_exists(pid):  # ten times cheaper than asking on; of a thousand old runs most end here
            return False
        process = psutil.Process(pid)
        if abs(process.create_time() - process_started) > _TOLERANCE_S:
            return False
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.AccessDenied:
        return True  # it is there, only not ours to look at
    except (psutil.Error, ValueError, OverflowError):
        return False


def started_at(pid: int) -> float | None:
    """When that process started, in Unix seconds as `is_alive` wants them; None where there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError, OverflowError):
        return None
