"""How long OpenMP's threads wait for each other awake: long where the cores are theirs, briefly beside a neighbour.

A thread that is through with its part of an operator waits for the others. Awake ("spinning") it goes on at once;
asleep it leaves its core to whoever wants it, but waking it takes a while, in a virtual machine above all. libgomp,
torch's OpenMP on Linux, is told the time once, at its start (labkit.environment). But where it counts more threads than
cores it waits only briefly (gcc, libgomp/config/linux/wait.h: `gomp_throttled_spin_count_var`), and it counts at every
wait. So a few threads more that do nothing change the time while a run goes on. Its results do not change by a bit, as
its own threads stay as many as they are.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import psutil

from labkit.devices import cgroups
from labkit.environment import OMP_SPIN_COUNT

INTERVAL_S = 0.5  # between two looks at the neighbours
# Cores' worth of work of all others from which on waiting briefly is better, and below which it no longer is. Measured
# on two cores, ms a step awake for long and briefly: others at 0.2 170 and 225, at 0.4 247 and 285, at 0.7 370 and 276.
BEGIN, END = 0.5, 0.35


class SpinController:
    """Decides, look by look, whether threads are to wait briefly.

    Args:
        threads: that take part in an operator.
        cores: that this process may use.
        others: cores' worth of what others have computed since it was called last.
        crowd: has a `gather` that makes threads wait briefly, and a `leave` that ends it.
    """

    def __init__(self, threads: int, cores: float, others: Callable[[], float], crowd: Any):
        self._threads, self._cores = threads, cores
        self._others, self._crowd = others, crowd
        self.briefly = False

    def update(self) -> None:
        others = self._others()
        crowded = self._threads + (others if others > (END if self.briefly else BEGIN) else 0) > self._cores
        if crowded != self.briefly:
            (self._crowd.gather if crowded else self._crowd.leave)()
            self.briefly = crowded

    def close(self) -> None:
        if self.briefly:
            self._crowd.leave()
            self.briefly = False


class IdleThreads:
    """Threads that libgomp counts beside those of this process, and that sleep.

    Args:
        threads: that take part in an operator.
        cores: that libgomp knows of.
    """

    def __init__(self, threads: int, cores: int):
        self._count = cores // (threads - 1)  # each comes with a team, whose other threads are what is counted
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

        torch.ones(1 << 18).sum()  # large enough to be shared out, which makes this thread a team
        self._leave.wait()


class OtherProcessesLoad:
    """What all other processes compute, by the system's count of CPU time; called, it tells cores' worth since then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._process = psutil.Process()
        self._before = self._now()

    def __call__(self) -> float:
        before, self._before = self._before, self._now()
        seconds, busy, own = (after - ago for after, ago in zip(self._before, before, strict=True))
        return max(0.0, busy - own) / seconds if seconds > 0 else 0.0

    def _now(self) -> tuple[float, float, float]:
        """Seconds by the clock, of all cores' work, and of this process's."""
        system, own = psutil.cpu_times(), self._process.cpu_times()
        idle = {"idle", "iowait", "guest", "guest_nice", "steal"}  # guests' time is in user and nice, too
        busy = sum(seconds for name, seconds in system._asdict().items() if name not in idle)
        return self._clock(), busy, own.user + own.system


@contextmanager
def _run_watcher(threads: int) -> Iterator[None]:
    cores = len(os.sched_getaffinity(0))
    spinning = SpinController(
        threads, cgroups.count_usable_cores(os.getpid()), OtherProcessesLoad(), IdleThreads(threads, cores)
    )
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(INTERVAL_S):
            with suppress(psutil.Error, OSError):
                spinning.update()

    watcher = threading.Thread(target=watch, name="labkit-spinning", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        spinning.close()


def tune_spinning() -> Any:
    """A context in which torch's threads wait for each other as suits what else the machine does.

    Nothing is done on systems other than Linux, for a single thread, or where a user has set how threads wait.
    """
    import torch

    threads = torch.get_num_threads()
    own = os.environ.get("GOMP_SPINCOUNT") == OMP_SPIN_COUNT and not os.environ.get("OMP_WAIT_POLICY")
    return _run_watcher(threads) if sys.platform == "linux" and own and threads > 1 else nullcontext()
