"""Processes of runs: whether one still lives, and how the threads of one shall wait for each other."""

import os

import psutil

# How long OpenMP's threads spin before they sleep. By default some ms: where another process wants a core, they spin
# for one that cannot run, and 4 s of training on 2 busy cores became more than 60. Not at all costs up to 43 % of the
# speed where all cores are free. Measured by hand in between, on such a machine, ms a step, free and with a neighbour
# that never rests: default 181, over 2000; 30000 173, 1565; 10000 224, 754; 3000 208, 501; none 247, 330.
_SPINS = "3000"

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


def patient_threads() -> dict[str, str]:
    """Variables for a process that is going to import torch, unless the user has set this matter already."""
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        return {}
    return {"GOMP_SPINCOUNT": _SPINS}
