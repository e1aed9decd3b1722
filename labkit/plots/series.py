"""Smoothing and downsampling of curves; limits and ticks of their axes."""

import math
from collections.abc import Sequence

import numpy as np

from labkit.runs.curves import FloatArray

MOST_POINTS = 1000  # of a drawn curve; twice the pixels of a plot's width
LINEAR_LADDER = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0)
LOG_LADDER = (1.0, 2.0, 3.0, 5.0)


def smoothing_span(steps: int) -> int:
    """Smoothing span of the loss for a run of `steps` planned steps.

    It stays the same from a run's first step to its last.
    """
    return max(5, round(steps / 30))


def smooth(values: FloatArray, span: int) -> FloatArray:
    """Exponential moving geometric mean with bias correction, (n,) → (n,).

    Losses are drawn on a logarithmic axis. There, a geometric mean runs through the middle of the curve, while an
    arithmetic mean of a falling loss lies above it. Values that are not finite and positive are skipped; the result
    is NaN until the first one that is.

    Args:
        span: about how many of the latest values count; a value's weight decays by 2 / (span + 1) a step.
    """
    valid = np.isfinite(values) & (values > 0)
    total = _decayed_sum(np.log(np.where(valid, values, 1.0)), 1 - 2 / (span + 1))
    weight = _decayed_sum(valid.astype(np.float64), 1 - 2 / (span + 1))
    return np.asarray(np.exp(np.divide(total, weight, out=np.full(len(values), np.nan), where=weight > 0)))


def _decayed_sum(values: FloatArray, decay: float) -> FloatArray:
    """Running sum, multiplied by `decay` at each step, (n,) → (n,).

    Computed by doubling: O(n log n), but without a Python loop over values.
    """
    total, reach = values.copy(), 1
    while reach < len(values) and decay**reach > 1e-17:
        total[reach:] += decay**reach * total[:-reach]
        reach *= 2
    return total


def downsample(x: FloatArray, y: FloatArray, most: int = MOST_POINTS) -> tuple[FloatArray, FloatArray]:
    """Reduce a curve to at most `most` points that look the same.

    Each bucket keeps its lowest value, its highest and, if any, a gap.

    Args:
        x: (n,), ascending.
        y: (n,), NaN where a reading is missing.
    """
    if len(y) <= most:
        return x, y
    # A power of two, so that old points stay the same when new ones come.
    size = 1 << math.ceil(math.log2(len(y) / (most // 3)))
    padded = np.full(-(-len(y) // size) * size, np.nan)
    padded[: len(y)] = y
    buckets = padded.reshape(-1, size)
    missing = np.isnan(buckets)
    missing[-1, size - (len(padded) - len(y)) :] = False  # the padding is not a gap
    lowest = np.where(np.isnan(buckets), np.inf, buckets).argmin(axis=1)
    highest = np.where(np.isnan(buckets), -np.inf, buckets).argmax(axis=1)
    picked = np.stack([np.minimum(lowest, highest), np.maximum(lowest, highest), missing.argmax(axis=1)], axis=1)
    keep = np.stack([np.full(len(buckets), True), lowest != highest, missing.any(axis=1)], axis=1)
    index = (picked + np.arange(len(buckets))[:, None] * size)[keep]
    index.sort()
    return x[index], y[index]


def round_up(value: float, ladder: tuple[float, ...] = LINEAR_LADDER) -> float:
    """Smallest round number at or above a positive `value`.

    Limits of axes thus grow in jumps.
    """
    power = 10.0 ** math.floor(math.log10(value))
    return next(rung * power for rung in (*ladder, 10.0) if rung * power >= value * (1 - 1e-9))


def round_down(value: float, ladder: tuple[float, ...] = LOG_LADDER) -> float:
    """Largest round number at or below a positive `value`."""
    power = 10.0 ** math.floor(math.log10(value * (1 + 1e-9)))
    return next(rung * power for rung in reversed(ladder) if rung * power <= value * (1 + 1e-9))


def linear_ticks(high: float, most: int = 4, whole: bool = False) -> list[float]:
    """Round numbers from 0 to `high`, at most `most` above 0.

    Args:
        whole: integers only.
    """
    power = 10.0 ** (math.floor(math.log10(high / most)))
    steps = (rung * scale for scale in (power, 10 * power) for rung in (1.0, 2.0, 2.5, 5.0))
    step = next(step for step in steps if high / step <= most * (1 + 1e-9) and not (whole and step % 1))
    return [step * count for count in range(int(high / step * (1 + 1e-9)) + 1)]


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Powers of ten between positive limits; threefolds too, if they fit."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [rung * 10.0**exponent for exponent in exponents for rung in (1.0, 3.0)]
    for ticks in (fine, *([10.0**exponent for exponent in exponents[::skip]] for skip in (1, 2, 3, 4))):
        inside = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(inside) <= most:
            return inside
    return inside[:: -(-len(inside) // most)]


def positive_values(curves: Sequence[FloatArray]) -> FloatArray:
    """All finite positive values of `curves`."""
    numbers = np.concatenate([np.empty(0), *curves])
    return np.asarray(numbers[np.isfinite(numbers) & (numbers > 0)])
