"""Garbage collection, put off while many objects are made at once."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """No collections inside; what has become garbage by then is found by the next one.

    Python looks through all that it keeps whenever some hundred objects more were made than freed. Beside a thousand
    runs and matplotlib that took half of the time of making a figure. Threads may overlap here: whoever ends first
    turns collecting on again, and it never stays off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
