"""A place of their own for benchmarks, and a real notebook kernel in it with the lab open."""

import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
from jupyter_client.manager import KernelManager

from labkit.events import Event, open_event_log
from labkit.jobs import launch
from labkit.jobs.fork_client import Call

MOST_BUSY = 10.0  # percent of all cores
OPEN = """
from pathlib import Path
from labkit.config import RunConfig
from labkit.lab.tuning_lab import TuningLab
lab = TuningLab(Path({runs!r}), RunConfig(**{settings!r}))
lab
"""


@contextmanager
def own_place() -> Iterator[Path]:
    """An empty folder with a warm server of its own, so that no other work on this machine has a part in it."""
    place = Path(tempfile.mkdtemp(prefix="labkit-bench-"))
    os.environ["TMPDIR"], tempfile.tempdir = str(place), None
    os.environ.pop("XDG_RUNTIME_DIR", None)
    try:
        yield place
    finally:
        launch.shutdown_server()
        shutil.rmtree(place, ignore_errors=True)


def until_warm() -> None:
    """Waits for the warm server, starting it where there is none."""
    Call("os:getpid", timeout_s=120).value()


class Kernel:
    """A notebook kernel whose messages are read as Jupyter's server reads them."""

    def __init__(self) -> None:
        self.pictures = 0
        self._manager = KernelManager()
        self._manager.start_kernel(extra_arguments=["--log-level=ERROR"])
        self._client: Any = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self._read_on()
        self.process = psutil.Process(self.run("import os", "os.getpid()"))

    def __enter__(self) -> "Kernel":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._reader.join()
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=False)

    def _read_on(self) -> None:
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def restart(self) -> None:
        """Restarts the kernel as JupyterLab does, and waits until it answers."""
        self._ended.set()
        self._reader.join()  # one thread at a time may read
        self._manager.restart_kernel(now=False)
        self._client.wait_for_ready(timeout=60)
        self._read_on()

    def open_lab(self, runs: Path, settings: dict[str, Any]) -> None:
        """Runs the cell that shows the lab."""
        self.run(OPEN.format(runs=str(runs), settings=settings))

    def run(self, cell: str, answer: str = "None", timeout_s: float = 600.0) -> Any:
        """Runs a cell and returns the value of an expression after it, which must have a plain repr."""
        reply = self._client.execute(cell, reply=True, timeout=timeout_s, user_expressions={"answer": answer})
        content = reply["content"]
        if content["status"] != "ok":
            raise RuntimeError("\n".join(content["traceback"]))
        return eval(content["user_expressions"]["answer"]["data"]["text/plain"], {"inf": float("inf")})

    def _read(self) -> None:
        while not self._ended.is_set():
            try:
                message = self._client.get_iopub_msg(timeout=0.5)
            except Empty:
                continue
            self.pictures += message["msg_type"] == "comm_msg" and bool(message["buffers"])


def until_event(folder: Path, wanted: Any, timeout_s: float = 120.0) -> tuple[float, list[Event]]:
    """Unix seconds at which the log of a run was first seen to hold what `wanted(event)` says, and all of the log.

    Looks every 2 ms at the file's size, which costs next to nothing. Raises TimeoutError.
    """
    tail, events = open_event_log(folder), []
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if new := tail.read():
            now = time.time()
            events += new
            if any(wanted(event) for event in new):
                return now, events
        time.sleep(0.002)
    raise TimeoutError(f"{folder} came no further than {events[-1:]} in {timeout_s:g} s")


def quiet(what: str, patience_s: float) -> None:
    """Waits until other work leaves the machine alone; says so where it does not, as timings then mean little."""
    deadline = time.monotonic() + patience_s
    while (busy := psutil.cpu_percent(interval=1.0)) > MOST_BUSY:
        if time.monotonic() > deadline:
            print(f"  others took {busy:.0f} % of all cores before {what}", flush=True)
            return


def median(numbers: Sequence[float]) -> float:
    return statistics.median(numbers)
