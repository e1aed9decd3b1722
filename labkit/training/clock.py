"""How old a run is, by a clock that nobody sets: its events and samples are searched by their seconds."""

import functools
import time
from collections.abc import Callable


@functools.lru_cache(maxsize=1)
def seconds_since(began: float) -> Callable[[], float]:
    """Tells the seconds since `began` (Unix seconds): they never go back, and all who ask for one beginning agree.

    The system's clock is read once, here; it may be stepped while a run goes on.
    """
    zero = time.monotonic() - (time.time() - began)
    return lambda: time.monotonic() - zero
