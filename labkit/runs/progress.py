"""Progress of a run: steps, speed, and an estimate of the time left."""

from dataclasses import dataclass

import numpy as np

from labkit.runs.curves import Steps
from labkit.runs.summary import Summary

RECENT_S = 10.0  # window of the recent speed


@dataclass(frozen=True)
class Progress:
    """Progress of a run at one moment. Planned figures are None until known."""

    step: int
    steps: int | None  # planned
    epoch: float
    epochs: int | None  # planned
    seconds: float  # since the start
    seconds_left: float | None  # None where unknown
    tokens_per_s: float | None  # recent speed while it runs; mean of all steps once it has ended
    ended_early: bool = False  # by itself, as its scores got no better

    @property
    def share(self) -> float:
        """Share of the planned steps that are done, from 0 to 1; 1 for a run that ended early by itself."""
        if self.ended_early:
            return 1.0
        return min(self.step / self.steps, 1.0) if self.steps else 0.0


def seconds_left(summary: Summary) -> float | None:
    """Remaining steps times the mean time of a step, evaluations included. None unless running."""
    if summary.state != "running" or not summary.plan or not summary.step:
        return None
    return (summary.plan.steps - summary.step) * (summary.all_steps_s + summary.evaluation_s) / summary.step


def recent_tokens_per_s(steps: Steps) -> float | None:
    """Speed over the last RECENT_S seconds, at least two steps."""
    if len(steps) < 2:
        return None
    first = min(int(np.searchsorted(steps.seconds, steps.seconds[-1] - RECENT_S)), len(steps) - 2)
    duration_s = float(steps.seconds[-1] - steps.seconds[first])
    return float(steps.tokens[-1] - steps.tokens[first]) / duration_s if duration_s > 0 else None
