"""Background thread that refreshes the lab at a bounded rate."""

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

FASTEST_S = 0.25  # at most 4 redraws a second
SLOWEST_S = 2.0  # however long the last refresh took: a first plot takes several times as long as a later one
IDLE_S = 1.0  # while nothing happens: runs may also be started from a terminal


class Refresher:
    """Thread that calls `refresh` repeatedly until stopped.

    `refresh` returns True if a run is live or queued. The next call comes no sooner than FASTEST_S after the last one,
    and later if that one took long, unless requested: drawing holds the interpreter lock, which sliders and buttons
    need as well. `cpu_share` is the share of one core that the thread may take.
    """

    def __init__(self, refresh: Callable[[], bool]):
        self._refresh = refresh
        self.cpu_share = 1 / 8
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="labkit-refresher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def request_refresh(self) -> None:
        """Refresh as soon as allowed, after an action of the user."""
        self._wanted.set()

    def stop(self) -> None:
        self._ended.set()
        self._wanted.set()
        if threading.current_thread() is not self._thread and self._thread.is_alive():
            self._thread.join(timeout=5)

    def _loop(self) -> None:
        while not self._ended.is_set():
            begin = time.thread_time()
            busy = self._refresh_once()
            cpu_s = time.thread_time() - begin
            pause = min(max(FASTEST_S, cpu_s / self.cpu_share), SLOWEST_S) if busy else IDLE_S
            self._ended.wait(FASTEST_S)
            self._wanted.wait(max(0.0, pause - FASTEST_S))
            self._wanted.clear()

    def _refresh_once(self) -> bool:
        try:
            return self._refresh()
        except Exception:  # one failed refresh must not end all further ones
            _log.exception("the lab could not be refreshed")
            return False
