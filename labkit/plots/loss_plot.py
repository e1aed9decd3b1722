"""Plot of the training and dev loss."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from labkit.plots.axes import Box, PlotArea, set_data, set_marked_data, set_text
from labkit.plots.fonts import plot_tr
from labkit.plots.series import LOG_LADDER, log_ticks, positive_values, round_down, round_up, smooth, smoothing_span
from labkit.plots.step_axis import StepAxis, add_message, no_steps
from labkit.plots.theme import DASHES, Theme
from labkit.runs.curves import FloatArray
from labkit.runs.run import Run

WIDE_IN = 4.0  # a plot this wide has room for a legend in full
LABEL_IN = 0.2  # height of a line's label


class LossPlot:
    """Loss per step (faint), smoothed (bold), and on dev (points)."""

    def __init__(self, figure: Figure, theme: Theme, box: Box):
        self.area = PlotArea(figure, theme, box, plot_tr("Loss per word (lower is better)"))
        self.entropies = TagEntropies(self.area)
        self.raw = self.area.add_curve(theme.train, 0.8, alpha=theme.faint)
        self.end_line = self.area.add_curve(theme.muted, 1.0, DASHES[2])
        self.smoothed = self.area.add_curve(theme.train, 2.0)
        self.dev = self.area.add_curve(theme.dev, 1.6, marker="o", markersize=4.5, clip_on=False)
        self.empty = add_message(self.area)
        at_step = self.area.axes.get_xaxis_transform()
        self.end_label = self.area.add_text(fontweight="bold", bbox=self.area.text_bbox, va="top", transform=at_step)

    def update(self, run: Run, step: FloatArray, loss: FloatArray, axis: StepAxis) -> None:
        axis.apply(self.area)
        span = smoothing_span(int(axis.high))
        smoothed = smooth(loss, span)
        evaluations = run.evaluations
        dev_step = np.array([evaluation.step for evaluation in evaluations], np.float64)
        dev_loss = np.array([evaluation.loss for evaluation in evaluations], np.float64)  # numpy reads None as NaN
        set_data(self.raw, step, loss)
        set_data(self.smoothed, step, smoothed)
        set_marked_data(self.dev, dev_step, dev_loss)
        fit_loss([self.area], [loss], [smoothed, dev_loss])
        self.entropies.update([run])
        label = plot_tr("smoothed")
        if axis.high > 1 and self.area.width > WIDE_IN:
            label = plot_tr("smoothed over about {span} steps", span=span)
        self.area.set_legend([self.raw, self.smoothed, self.dev], [plot_tr("each step"), label, plot_tr("dev")])
        set_text(self.empty, "" if len(step) else no_steps(run, self.area.width), 0.5, 0.5)
        self._mark_end(run, step, axis)

    def _mark_end(self, run: Run, step: FloatArray, axis: StepAxis) -> None:
        if run.state not in ("stopped", "failed", "interrupted") or not len(step):
            self.end_line.set_visible(False)
            return set_text(self.end_label, "")
        self.end_line.set_visible(True)
        last = float(step[-1])
        low, high = self.area.axes.get_ylim()
        self.end_line.set_data([last, last], [low, high])
        left = last > 0.6 * axis.high
        shift = 0.02 * axis.high * (-1 if left else 1)
        text = plot_tr("{state} at step {step}", state=plot_tr(run.state), step=f"{last:,.0f}")
        set_text(self.end_label, text, last + shift, 0.96, ha="right" if left else "left")


class TagEntropies:
    """Two thin lines in a loss plot: losses that no word was read for."""

    def __init__(self, area: PlotArea):
        self.area = area
        across, muted = area.axes.get_yaxis_transform(), area.theme.muted
        self.lines = [area.add_curve(muted, 0.8, zorder=4.5, transform=across) for _ in range(2)]
        # A run that learns nothing ends at these lines: its curve shows through.
        box = {**area.text_bbox, "alpha": 0.7, "pad": 1.0}
        self.labels = [area.add_text(color=muted, ha="right", zorder=6, bbox=box, transform=across) for _ in range(2)]

    def update(self, runs: Sequence[Run]) -> None:
        """Draw the lines where they hold for all runs, and as far as they lie inside the axis."""
        known = {(run.corpus.tag_entropy, run.corpus.conditional_tag_entropy) for run in runs if run.corpus}
        levels = known.pop() if len(known) == 1 else (None, None)
        low, high = self.area.axes.get_ylim()
        is_empty = self.area.axes.get_yscale() != "log"  # no loss yet
        inside = [level if level is not None and low < level < high and not is_empty else None for level in levels]
        texts = plot_tr("tag frequencies"), plot_tr("tag after tag")
        # At the right and above their lines: there a loss that has fallen below them leaves room.
        first, second = inside
        has_room = not first or not second or math.log(first / second, high / low) * self.area.height > LABEL_IN
        gap = 1.0 if is_empty else (high / low) ** 0.015
        aboves = True, has_room
        for line, label, level, text, above in zip(self.lines, self.labels, inside, texts, aboves, strict=True):
            set_data(line, *(np.empty((2, 0)) if level is None else np.array([[0.0, 1.0], [level, level]])))
            shown = text if level is not None and self.area.labels_y else ""
            set_text(label, shown, 0.99, (level or 1.0) * gap ** (1 if above else -1))
            label.set_verticalalignment("bottom" if above else "top")


def fit_loss(areas: Sequence[PlotArea], outlying: Sequence[FloatArray], whole: Sequence[FloatArray]) -> None:
    """Fit logarithmic y axes to curves.

    Args:
        outlying: curves whose outliers may lie outside.
        whole: curves that must lie inside.
    """
    raw, kept = positive_values(outlying), positive_values(whole)
    if not len(kept):
        return
    high = max(kept.max(), min(raw.max(initial=0.0), 1.5 * kept.max()))
    low = min(kept.min(), max(raw.min(initial=np.inf), 0.5 * kept.min()))
    high = round_up(1.05 * high, LOG_LADDER)
    low = min(round_down(0.95 * low), high / 10)
    ticks = log_ticks(low, high)
    for area in areas:
        area.set_y_axis(low, high, ticks, [f"{tick:g}" for tick in ticks], log=True)
