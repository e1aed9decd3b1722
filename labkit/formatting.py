"""Figures of a run as text, the same wherever they are shown."""

from collections.abc import Callable

from labkit.i18n.translation import tr


def format_loss(loss: float, digits: int = 4) -> str:
    """A loss per word in so many digits: `0.1235`; never below zero, where rounding puts one that is as good as none.

    >>> show_loss(0.12345), show_loss(-1e-7)
    ('0.1235', '0.0000')
    """
    return f"{round(loss, digits) + 0.0:.{digits}f}"


def format_entity_count(count: int, translate: Callable[..., str] = tr) -> str:
    """`1 entity`, `1,234 entities`: what a score rests on."""
    return translate("1 entity") if count == 1 else translate("{count} entities", count=f"{count:,}")
