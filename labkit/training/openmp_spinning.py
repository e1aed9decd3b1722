"""OpenMP spin-waiting, shortened while other processes need the cores.

A thread that has finished its share of an operator waits for the others. A spinning thread continues at once. A
sleeping thread leaves its core to other processes, but takes a while to wake. libgomp, torch's OpenMP on Linux, reads
the spin time once, at its start (labkit.environment). But with more threads than cores it spins only briefly (gcc,
libgomp/config/linux/wait.h: `gomp_throttled_spin_count_var`), and it counts them at every wait. So a few idle threads
change the spin time of a run that is under way. Results stay the same to the last bit, as the number of working threads
does not change. What this brings is in docs/performance.md.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from labkit.devices import cgroups
from labkit.environment import OMP_SPIN_COUNT

INTERVAL_S = 0.5  # between two readings of the load
# Load of other processes, in cores, above which short spinning begins, and below which it ends. Measured on two cores,
# ms a step with long and with short spinning: load 0.2: 170 and 225, load 0.4: 247 and 285, load 0.7: 370 and 276.
BEGIN, END = 0.5, 0.35


@contextmanager
def tune_spinning() -> Iterator[None]:
    """Context in which torch's threads spin briefly beside other processes.

    Does nothing on systems other than Linux, for a single thread, or if the user has set how threads wait.
    """
    import torch

    threads = torch.get_num_threads()
    is_ours = os.environ.get("GOMP_SPINCOUNT") == OMP_SPIN_COUNT and not os.environ.get("OMP_WAIT_POLICY")
    if sys.platform != "linux" or not is_ours or threads < 2:
        yield
        return
    ended = threading.Event()
    tuner = threading.Thread(target=_tune_until, args=(ended, threads), name="labkit-spinning", daemon=True)
    tuner.start()
    try:
        yield
    finally:
        ended.set()
        tuner.join()


def _tune_until(ended: threading.Event, threads: int) -> None:
    usable_cores = cgroups.count_usable_cores(os.getpid())
    process = psutil.Process()
    load_of_others(process)  # psutil counts from one call to the next
    is_brief = False
    with ExitStack() as brief:
        while not ended.wait(INTERVAL_S):
            others = load_of_others(process)
            is_crowded = threads + (others if others > (END if is_brief else BEGIN) else 0) > usable_cores
            if is_crowded and not is_brief:
                brief.enter_context(brief_spinning(threads))
            elif is_brief and not is_crowded:
                brief.close()
            is_brief = is_crowded


@contextmanager
def brief_spinning(threads: int) -> Iterator[None]:
    """Context in which idle threads shorten the spinning of this process's `threads`."""
    import torch

    leave = threading.Event()

    def stay() -> None:
        torch.ones(1 << 18).sum()  # large enough to be parallel, which gives this thread a team
        leave.wait()

    count = len(os.sched_getaffinity(0)) // (threads - 1)  # the other threads of each team are those counted
    members = [threading.Thread(target=stay, name="labkit-idle", daemon=True) for _ in range(count)]
    for member in members:
        member.start()
    try:
        yield
    finally:
        leave.set()
        for member in members:
            member.join()


def load_of_others(process: psutil.Process) -> float:
    """Mean load of all processes but one since this thread's last call, in cores. Linux."""
    times, cores = psutil.cpu_times_percent(), psutil.cpu_count() or 1
    busy: float = cores * (100 - times.idle - times.iowait - times.steal)
    own: float = process.cpu_percent()
    return max(0.0, busy - own) / 100
