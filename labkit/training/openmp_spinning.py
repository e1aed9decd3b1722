"""OpenMP spin-waiting, adapted to the load of other processes.

A thread that has finished its share of an operator waits for the others. A spinning thread continues at once. A
sleeping thread leaves its core to other processes, but takes a while to wake, above all in a virtual machine. libgomp,
torch's OpenMP on Linux, reads the spin time once, at its start (labkit.environment). But with more threads than cores
it spins only briefly (gcc, libgomp/config/linux/wait.h: `gomp_throttled_spin_count_var`), and it counts them at every
wait. So a few idle threads change the spin time of a run that is under way. Results stay the same to the last bit, as
the number of working threads does not change.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from labkit.devices import cgroups
from labkit.environment import OMP_SPIN_COUNT

INTERVAL_S = 0.5  # between two readings of the load
# Load of other processes, in cores, above which short spinning begins, and below which it ends. Measured on two cores,
# ms a step with long and with short spinning: load 0.2: 170 and 225, load 0.4: 247 and 285, load 0.7: 370 and 276.
BEGIN, END = 0.5, 0.35


class SpinController:
    """Shortens spinning while other processes need the cores.

    Args:
        threads: threads that share an operator.
        cores: cores that this process may use.
        others: returns the load of other processes since its last call, in cores.
        idle_threads: object whose `gather` shortens spinning, and whose `leave` ends that.
    """

    def __init__(self, threads: int, cores: float, others: Callable[[], float], idle_threads: Any):
        self._threads, self._cores = threads, cores
        self._others, self._idle_threads = others, idle_threads
        self.briefly = False

    def update(self) -> None:
        """Reads the load and changes the spin time if needed."""
        others = self._others()
        crowded = self._threads + (others if others > (END if self.briefly else BEGIN) else 0) > self._cores
        if crowded != self.briefly:
            (self._idle_threads.gather if crowded else self._idle_threads.leave)()
            self.briefly = crowded

    def close(self) -> None:
        if self.briefly:
            self._idle_threads.leave()
            self.briefly = False


class IdleThreads:
    """Sleeping threads that libgomp counts beside the working ones.

    Args:
        threads: threads that share an operator.
        cores: cores that libgomp knows of.
    """

    def __init__(self, threads: int, cores: int):
        self._count = cores // (threads - 1)  # each has a team, whose other threads are the ones counted
        self._leave = threading.Event()
        self._members: list[threading.Thread] = []

    def gather(self) -> None:
        self._leave.clear()
        self._members = [threading.Thread(target=self._stay, daemon=True) for _ in range(self._count)]
        for member in self._members:
            member.start()

    def leave(self) -> None:
        self._leave.set()
        for member in self._members:
            member.join()
        self._members = []

    def _stay(self) -> None:
        import torch

        torch.ones(1 << 18).sum()  # large enough to be parallel, which gives this thread a team
        self._leave.wait()


class OtherProcessesLoad:
    """Load of all other processes, by the system's count of CPU time.

    A call returns their mean load since the last one, in cores.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._process = psutil.Process()
        self._before = self._now()

    def __call__(self) -> float:
        before, self._before = self._before, self._now()
        seconds, busy, own = (after - ago for after, ago in zip(self._before, before, strict=True))
        return max(0.0, busy - own) / seconds if seconds > 0 else 0.0

    def _now(self) -> tuple[float, float, float]:
        """Seconds of the clock, of all cores' work, and of this process's."""
        system, own = psutil.cpu_times(), self._process.cpu_times()
        idle = {"idle", "iowait", "guest", "guest_nice", "steal"}  # guests' time is in user and nice, too
        busy = sum(seconds for name, seconds in system._asdict().items() if name not in idle)
        return self._clock(), busy, own.user + own.system


@contextmanager
def tune_spinning() -> Iterator[None]:
    """Context that adapts the spinning of torch's threads to other processes' load.

    Does nothing on systems other than Linux, for a single thread, or if the user has set how threads wait.
    """
    import torch

    threads = torch.get_num_threads()
    is_ours = os.environ.get("GOMP_SPINCOUNT") == OMP_SPIN_COUNT and not os.environ.get("OMP_WAIT_POLICY")
    if sys.platform != "linux" or not is_ours or threads < 2:
        yield
        return
    idle_threads = IdleThreads(threads, len(os.sched_getaffinity(0)))
    usable_cores = cgroups.count_usable_cores(os.getpid())
    controller = SpinController(threads, usable_cores, OtherProcessesLoad(), idle_threads)
    ended = threading.Event()

    def update_until_ended() -> None:
        while not ended.wait(INTERVAL_S):
            with suppress(psutil.Error, OSError):
                controller.update()

    updater = threading.Thread(target=update_until_ended, name="labkit-spinning", daemon=True)
    updater.start()
    try:
        yield
    finally:
        ended.set()
        updater.join()
        controller.close()
