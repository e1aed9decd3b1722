"""Monotonic clock of a run's age. Imports no torch, as the recorder reads it before torch is there."""

import functools
import time
from collections.abc import Callable


@functools.lru_cache(maxsize=1)
def seconds_since(began: float) -> Callable[[], float]:
    """Returns a function that gives the seconds since `began` (Unix seconds).

    They never go back, and all callers with one `began` get the same clock. The system's clock, which may be set while
    a run goes on, is read only once, here.
    """
    zero = time.monotonic() - (time.time() - began)
    return lambda: time.monotonic() - zero
