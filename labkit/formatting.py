"""Figures of a run as text, the same wherever they are shown."""


def show_loss(loss: float, digits: int = 4) -> str:
    """A loss per word in so many digits: `0.1235`; never below zero, where rounding puts one that is as good as none.

    >>> show_loss(0.12345), show_loss(-1e-7)
    ('0.1235', '0.0000')
    """
    return f"{round(loss, digits) + 0.0:.{digits}f}"
