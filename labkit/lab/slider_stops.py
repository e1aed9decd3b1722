"""Slider stops, exact to the last digit.

A logarithmic slider that computes 10 ** x turns 2e-5 into 1.995e-05. Here every stop is parsed from its decimal
notation.
"""

import math
from collections.abc import Sequence

from labkit.messages import N_, Message
from labkit.settings import Setting

DIGITS = (1, 2, 3, 5)
DECADES = 5  # range of a rate slider that starts at zero, down from its high end
MAX_STOPS = 20  # of a linear slider; at about 130 px wide, more are hard to hit


def make_slider_stops(setting: Setting, kind: type, default: float | None) -> tuple[float, ...]:
    """Stops of a setting's slider in ascending order, with marks and default; empty for a setting without one."""
    if setting.scale == "none" or setting.low is None or setting.high is None:
        return ()
    required = set(setting.marks) | ({default} if default is not None else set())
    if {setting.low, setting.high} <= set(setting.marks):
        return tuple(sorted(required))
    if setting.scale == "log":
        return tuple(sorted(required | set(make_rate_stops(setting.low, setting.high))))
    if kind is int:
        return tuple(sorted(required | set(_whole_stops(int(setting.low), int(setting.high)))))
    return tuple(sorted(required | set(_decimal_stops(setting.low, setting.high))))


def make_rate_stops(low: float, high: float) -> tuple[float, ...]:
    """Stops 1, 2, 3 and 5 × 10^k from `low` to `high`.

    Both ends are included. If `low` is 0, zero comes first, then the DECADES below `high`.

    >>> make_rate_stops(0, 1e-4)[-4:]
    (2e-05, 3e-05, 5e-05, 0.0001)
    """
    top = math.floor(math.log10(high))
    bottom = math.floor(math.log10(low)) if low > 0 else top - DECADES
    stops = [float(f"{digit}e{exponent}") for exponent in range(bottom, top + 1) for digit in DIGITS]
    zero = () if low > 0 else (0.0,)
    return zero + tuple(stop for stop in stops if low <= stop <= high)


def find_nearest_stop(stops: Sequence[float], value: float) -> int:
    """Index of the nearest stop, by ratio; 0 only matches 0."""

    def distance(stop: float) -> float:
        if stop > 0 and value > 0:
            return abs(math.log(stop / value))
        return 0.0 if stop == value else math.inf

    return min(range(len(stops)), key=lambda index: distance(stops[index]))


def parse_number(text: str, whole: bool = False) -> float:
    """Number as typed by the user: `5e-5`, `0.00005`, ` 2.5E-5 `.

    Raises ValueError with an example, of a whole number if `whole`.
    """
    try:
        return float(text)
    except ValueError:
        template = N_("{text!r} is not a number; write it like 2.5e-5 or 0.01")
        if whole:
            template = N_("{text!r} is not a number; write it like 16")
        raise ValueError(Message(template, text=text.strip())) from None


def _whole_stops(low: int, high: int) -> list[int]:
    """All integers of a short range; round ones of a long range.

    A long range has both ends, 1 to 10, then 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, …
    """
    if high - low < MAX_STOPS:
        return list(range(low, high + 1))
    powers = [10**k for k in range(len(str(high)))]
    stops = [*range(1, 11), *(n * power for power in powers for n in (12, 15, 20, 25, 30, 40, 50, 60, 80, 100))]
    return [low, *(stop for stop in stops if low < stop < high), high]


def _decimal_stops(low: float, high: float) -> list[float]:
    """Multiples of a round step, about MAX_STOPS at most, and both ends."""
    power = math.floor(math.log10(high - low)) - 2
    steps = [(digit, exponent) for exponent in range(power, power + 4) for digit in (1, 2, 5)]
    digit, exponent = next(step for step in steps if (high - low) / float(f"{step[0]}e{step[1]}") <= MAX_STOPS)
    count = math.floor(high / float(f"{digit}e{exponent}") + 1e-9)
    stops = [float(f"{n * digit}e{exponent}") for n in range(count + 1)]
    return [low, *(stop for stop in stops if low < stop < high), high]
