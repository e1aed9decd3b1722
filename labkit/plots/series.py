"""Numbers on their way to a curve: smoothed, thinned out, and the limits and ticks of the axes they are drawn on."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MOST_POINTS = 1000  # of a drawn curve; twice what a panel has pixels
LINEAR_LADDER = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0)
LOG_LADDER = (1.0, 2.0, 3.0, 5.0)


def smoothing_span(steps: int) -> int:
    """Over how many steps a loss curve of so many is smoothed: the same from a run's first step to its last."""
    return max(5, round(steps / 30))


def smooth(values: Array, span: int) -> Array:
    """Exponential moving geometric mean without the usual bias towards the start, (n,) → (n,).

    Geometric, as losses are drawn on a logarithmic axis: there it runs through the middle of what it smooths, where an
    arithmetic mean of a falling loss hangs above it. What is not a finite number above 0 is passed over; NaN until
    the first that is.

    Args:
        span: about how many of the latest values count; a value fades by 2 / (span + 1) a step.
    """
    seen = np.isfinite(values) & (values > 0)
    total = _decayed_sum(np.log(np.where(seen, values, 1.0)), 1 - 2 / (span + 1))
    weight = _decayed_sum(seen.astype(np.float64), 1 - 2 / (span + 1))
    return np.asarray(np.exp(np.divide(total, weight, out=np.full(len(values), np.nan), where=weight > 0)))


def _decayed_sum(values: Array, decay: float) -> Array:
    """Of each value and all before it, each faded by `decay` a step; by doubling: (n log n), but without a loop."""
    total, reach = values.copy(), 1
    while reach < len(values) and decay**reach > 1e-17:
        total[reach:] += decay**reach * total[:-reach]
        reach *= 2
    return total


def downsample(x: Array, y: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """At most so many points that look the same: of each bucket the lowest, the highest and, if any, a gap.

    Args:
        x: (n,), ascending.
        y: (n,), NaN where a reading is missing.
    """
    if len(y) <= most:
        return x, y
    size = 1 << math.ceil(math.log2(len(y) / (most // 3)))  # a power of two: old points stay put as new ones come
    whole = np.full(-(-len(y) // size) * size, np.nan)
    whole[: len(y)] = y
    buckets = whole.reshape(-1, size)
    missing = np.isnan(buckets)
    missing[-1, size - (len(whole) - len(y)) :] = False  # the padding is no gap
    lowest = np.where(np.isnan(buckets), np.inf, buckets).argmin(axis=1)
    highest = np.where(np.isnan(buckets), -np.inf, buckets).argmax(axis=1)
    picked = np.stack([np.minimum(lowest, highest), np.maximum(lowest, highest), missing.argmax(axis=1)], axis=1)
    keep = np.stack([np.full(len(buckets), True), lowest != highest, missing.any(axis=1)], axis=1)
    index = (picked + np.arange(len(buckets))[:, None] * size)[keep]
    index.sort()
    return x[index], y[index]


def round_up(value: float, ladder: tuple[float, ...] = LINEAR_LADDER) -> float:
    """The next round number at or above a positive one, so that limits grow in jumps."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(rung * power for rung in (*ladder, 10.0) if rung * power >= value * (1 - 1e-9))


def round_down(value: float, ladder: tuple[float, ...] = LOG_LADDER) -> float:
    """The next round number at or below a positive one."""
    power = 10.0 ** math.floor(math.log10(value * (1 + 1e-9)))
    return next(rung * power for rung in reversed(ladder) if rung * power <= value * (1 + 1e-9))


def linear_ticks(high: float, most: int = 4, whole: bool = False) -> list[float]:
    """Round numbers from 0 to `high`, at most so many above 0; whole ones if asked."""
    power = 10.0 ** (math.floor(math.log10(high / most)))
    steps = (rung * scale for scale in (power, 10 * power) for rung in (1.0, 2.0, 2.5, 5.0))
    step = next(step for step in steps if high / step <= most * (1 + 1e-9) and not (whole and step % 1))
    return [step * count for count in range(int(high / step * (1 + 1e-9)) + 1)]


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Powers of ten between two positive limits, with threefolds between them while there is room for it."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [rung * 10.0**exponent for exponent in exponents for rung in (1.0, 3.0)]
    for ticks in (fine, *([10.0**exponent for exponent in exponents[::skip]] for skip in (1, 2, 3, 4))):
        inside = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(inside) <= most:
            return inside
    return inside[:: -(-len(inside) // most)]


def positive_values(curves: Sequence[Array]) -> Array:
    """All positive numbers of some curves."""
    numbers = np.concatenate([np.empty(0), *curves])
    return np.asarray(numbers[np.isfinite(numbers) & (numbers > 0)])
