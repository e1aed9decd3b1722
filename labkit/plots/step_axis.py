"""Shared step axis of one run's plots, and messages for empty plots."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.text import Text

from labkit.plots.axes import PlotArea
from labkit.plots.fonts import plot_tr
from labkit.plots.series import linear_ticks, round_up
from labkit.plots.text_width import display_width, split_chunks
from labkit.runs.run import Run

NARROW_IN = 3.6  # narrower plots have fewer labels


@dataclass(frozen=True)
class StepAxis:
    """X axis over all planned steps of a run, from the start.

    `boundaries` lie between epochs; `epoch_labels` stand under `middles`.
    """

    high: float
    ticks: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    boundaries: tuple[float, ...] = ()
    middles: tuple[float, ...] = ()
    epoch_labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, run: Run, last_step: float, width_in: float) -> "StepAxis":
        """Build the axis from the plan, unless `last_step` is beyond it.

        Args:
            width_in: of the plots; narrow ones have fewer labels.
        """
        plan = run.plan
        if plan and plan.steps >= last_step:
            return cls._from_plan(plan.steps, max(plan.steps_per_epoch, 1), width_in < NARROW_IN)
        if not last_step:
            return cls(1.0)
        high = round_up(last_step)
        ticks = tuple(linear_ticks(high, whole=True))
        return cls(high, ticks, _step_labels(ticks))

    @classmethod
    def _from_plan(cls, steps: int, per_epoch: int, is_narrow: bool) -> "StepAxis":
        epochs = math.ceil(steps / per_epoch)
        # Epochs between two ticks: enough for a label between any two, the last two included.
        counts = range(math.ceil(epochs / ((4 if epochs < 10 else 3) - is_narrow)), epochs)
        fitting = (count for count in counts if epochs % count == 0 or epochs % count >= 0.17 * epochs)
        stride = next(fitting, max(epochs, 1))
        ticks = (*(float(step) for step in range(0, steps, per_epoch * stride)), float(steps))
        middles = tuple((left + right) / 2 for left, right in itertools.pairwise(ticks))
        firsts = range(1, epochs + 1, stride)
        labels = [f"{first}–{min(first + stride - 1, epochs)}" for first in firsts]
        if stride > 1:
            labels[0] = plot_tr("epochs {span}", span=labels[0])
        else:
            labels = [plot_tr("epoch {number}", number=first) for first in firsts]
        steps_labels = _step_labels(ticks)
        if is_narrow:  # between the epochs' names there is no room for the steps at which they begin
            steps_labels = ("0", *("" for _ in ticks[1:-1]), steps_labels[-1])
        return cls(float(steps), ticks, steps_labels, ticks[1:-1], middles, tuple(labels))

    def apply(self, area: PlotArea) -> None:
        area.set_x_axis(self.high, self.ticks, self.labels)
        area.mark_epochs(self.boundaries, self.middles, self.epoch_labels)


def _step_labels(ticks: Sequence[float]) -> tuple[str, ...]:
    return (plot_tr("step 0"), *(f"{tick:,.0f}" for tick in ticks[1:]))


def add_message(area: PlotArea) -> Text:
    """Add a text for the middle of an area without curves."""
    return area.add_text(
        color=area.theme.muted,
        ha="center",
        va="center",
        transform=area.axes.transAxes,
        linespacing=1.6,
        bbox=area.text_bbox,
    )


def no_steps(run: Run, width_in: float) -> str:
    """Message for a plot `width_in` inches wide of a run without steps."""
    if run.state == "queued":
        return plot_tr("waiting to start")
    if not run.is_final:
        return "\n".join(filter(None, (plot_tr("waiting for the first step"), plot_tr(run.phase))))
    reason = plot_tr(run.finished.reason) if run.finished else ""
    ended = plot_tr("{state} before the first step", state=plot_tr(run.state))
    return f"{ended}\n{wrap_text(reason, int(12.5 * width_in), 4)}".strip()


def wrap_text(text: str, width: int, lines: int) -> str:
    """Wrap a text to at most `lines` lines of `width` Latin letters.

    A Chinese letter is as wide as two, and may end a line.
    """
    broken = [""]
    for chunk in split_chunks(text.strip()):
        if broken[-1] and display_width(broken[-1] + chunk) > width:
            broken.append("")
        broken[-1] += chunk if broken[-1] else chunk.strip()
    return "\n".join(broken[:lines]) + (" …" if len(broken) > lines else "")
