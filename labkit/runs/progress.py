"""How far a run has come, and how long it still takes."""

from dataclasses import dataclass

import numpy as np

from labkit.runs.curves import Steps
from labkit.runs.summary import Summary

RECENT_S = 10.0  # what "lately" means


@dataclass(frozen=True)
class Progress:
    """Where a run is. Planned figures are None before they are known."""

    step: int
    steps: int | None  # planned
    epoch: float
    epochs: int | None  # planned
    seconds: float  # since the start
    seconds_left: float | None  # None where unknown
    tokens_per_s: float | None  # lately while it runs; over all steps when it is over

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(self.step / self.steps, 1.0) if self.steps else 0.0


def seconds_left(summary: Summary) -> float | None:
    """Steps still to go, times what a step took so far with its share of the evaluations; None when not running."""
    if summary.state != "running" or not summary.plan or not summary.step:
        return None
    return (summary.plan.steps - summary.step) * (summary.all_steps_s + summary.evaluation_s) / summary.step


def recent_tokens_per_s(steps: Steps) -> float | None:
    """Over the last RECENT_S seconds of steps, or the last two steps where they are further apart."""
    if len(steps) < 2:
        return None
    first = min(int(np.searchsorted(steps.seconds, steps.seconds[-1] - RECENT_S)), len(steps) - 2)
    took = float(steps.seconds[-1] - steps.seconds[first])
    return float(steps.tokens[-1] - steps.tokens[first]) / took if took > 0 else None
