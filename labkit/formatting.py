"""Text forms of a run's figures: losses, durations, counts."""

import math

from labkit.messages import Message, plural


def format_loss(loss: float, digits: int = 4) -> str:
    """A loss per word, rounded; never `-0.0000`.

    >>> format_loss(0.12345), format_loss(-1e-7)
    ('0.1235', '0.0000')
    """
    return f"{round(loss, digits) + 0.0:.{digits}f}"


def format_duration(seconds: float) -> str:
    """A duration as a clock: `0:42`, `12:05`, `1:02:05`.

    Halves are rounded up, as `clock` in runs_table.js rounds them.

    >>> format_duration(41.5), format_duration(3725)
    ('0:42', '1:02:05')
    """
    minutes, rest = divmod(math.floor(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_entity_count(count: int) -> Message:
    """`1 entity`, `1,234 entities`: the number that a score rests on."""
    return plural(count, "1 entity", "{count:,} entities")
