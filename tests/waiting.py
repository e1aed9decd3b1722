"""Waiting for what happens elsewhere: in a thread, a process, or on a page."""

import time
from typing import Any


def until(condition: Any, timeout_s: float = 60.0, what: str = "") -> Any:
    """What `condition()` returns as soon as it is true. Raises AssertionError after the time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout_s:g} s: {what or condition}")
