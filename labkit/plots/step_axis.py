"""The axis that the plots of one run share, and what they say while there is nothing to draw."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.text import Text

from labkit.plots.axes import PlotArea
from labkit.plots.fonts import plot_tr, plot_tr_message
from labkit.plots.series import linear_ticks, round_up
from labkit.plots.text_width import display_width, split_chunks
from labkit.runs.run import Run


@dataclass(frozen=True)
class StepAxis:
    """All planned steps, from the first moment on; `marks` are what stands under the middles of epochs."""

    high: float
    ticks: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    boundaries: tuple[float, ...] = ()
    middles: tuple[float, ...] = ()
    epoch_labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, run: Run | None, last_step: float) -> "StepAxis":
        plan = run.plan if run else None
        if plan and plan.steps >= last_step:
            return cls._from_plan(plan.steps, max(plan.steps_per_epoch, 1))
        if not last_step:
            return cls(1.0)
        high = round_up(last_step)
        ticks = tuple(linear_ticks(high, whole=True))
        return cls(high, ticks, _step_labels(ticks))

    @classmethod
    def _from_plan(cls, steps: int, per_epoch: int) -> "StepAxis":
        epochs = math.ceil(steps / per_epoch)
        together = _epochs_together(epochs)
        ticks = (*(float(step) for step in range(0, steps, per_epoch * together)), float(steps))
        middles = tuple((left + right) / 2 for left, right in itertools.pairwise(ticks))
        firsts = range(1, epochs + 1, together)
        marks = [f"{first}–{min(first + together - 1, epochs)}" for first in firsts]
        if together > 1:
            marks = [plot_tr("epochs {span}", span=marks[0]), *marks[1:]]
        else:
            marks = [plot_tr("epoch {number}", number=first) for first in firsts]
        boundaries = ticks[1:-1]
        return cls(float(steps), ticks, _step_labels(ticks), boundaries, middles, tuple(marks))

    def apply(self, area: PlotArea) -> None:
        area.set_x_axis(self.high, self.ticks, self.labels)
        area.mark_epochs(self.boundaries, self.middles, self.epoch_labels)


def _epochs_together(epochs: int) -> int:
    """How many epochs lie between two ticks: few enough ticks for words between any two, the last two included."""
    several = range(math.ceil(epochs / (4 if epochs < 10 else 3)), epochs)
    return next((count for count in several if epochs % count == 0 or epochs % count >= 0.17 * epochs), max(epochs, 1))


def _step_labels(ticks: Sequence[float]) -> tuple[str, ...]:
    return (plot_tr("step 0"), *(f"{tick:,.0f}" for tick in ticks[1:]))


def add_message(area: PlotArea) -> Text:
    """Words for the middle of an area without curves."""
    return area.add_text(
        color=area.theme.muted,
        ha="center",
        va="center",
        transform=area.axes.transAxes,
        linespacing=1.6,
        bbox=area.text_bbox,
    )


def no_steps(run: Run | None) -> str:
    """What an empty plot says."""
    if run is None:
        return plot_tr("no run yet")
    if run.state == "queued":
        return plot_tr("waiting for its turn")
    if not run.is_final:
        return "\n".join(filter(None, (plot_tr("waiting for the first step"), plot_tr(run.phase))))
    reason = plot_tr_message(run.finished.reason) if run.finished else ""
    ended = plot_tr("{state} before the first step", state=plot_tr(run.state))
    return f"{ended}\n{wrap_text(reason, 52, 4)}".strip()


def wrap_text(text: str, width: int, lines: int) -> str:
    """A text in at most so many lines of so many Latin letters; a Chinese one is as wide as two, and may end a line."""
    broken = [""]
    for piece in split_chunks(text.strip()):
        if broken[-1] and display_width(broken[-1] + piece) > width:
            broken.append("")
        broken[-1] += piece if broken[-1] else piece.strip()
    return "\n".join(broken[:lines]) + (" …" if len(broken) > lines else "")
