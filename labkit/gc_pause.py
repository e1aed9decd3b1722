"""Context manager that pauses garbage collection while many objects are created."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause garbage collection inside; the next collection finds what was left.

    Python scans all objects whenever some hundred more were created than freed. With a thousand runs and matplotlib in
    memory, that took half of the time of drawing a figure. Threads may overlap: the first one that leaves turns
    collection on again, and it never stays off.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
