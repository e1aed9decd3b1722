"""A thread that looks and draws, no oftener than it may."""

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

FASTEST_S = 0.25  # at most 4 redraws a second
SLOWEST_S = 2.0  # however dear the last look was: a first picture costs several times a later one
IDLE_S = 1.0  # while nothing happens: runs may also be started from a terminal


class Refresher:
    """Calls `work` again and again until stopped. `work` returns whether something is going on.

    The next call comes no sooner than FASTEST_S after the last one, and, unless poked, later where that one was dear:
    drawing holds the interpreter's lock, which sliders and buttons need as well. `share` is the part of one core that
    it may take.
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
        """Look again as soon as allowed: somebody pressed or chose something."""
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
            spent = time.thread_time() - begin
            pause = min(max(FASTEST_S, spent / self.cpu_share), SLOWEST_S) if busy else IDLE_S
            self._ended.wait(FASTEST_S)
            self._wanted.wait(max(0.0, pause - FASTEST_S))
            self._wanted.clear()

    def _refresh_once(self) -> bool:
        try:
            return self._refresh()
        except Exception:  # one bad look must not end all further ones
            _log.exception("the lab could not be refreshed")
            return False
