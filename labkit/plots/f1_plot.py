"""Plot of the F1 on dev."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from labkit.formatting import format_entity_count
from labkit.messages import Message
from labkit.plots.axes import Box, PlotArea, set_marked_data, set_text
from labkit.plots.fonts import plot_tr
from labkit.plots.step_axis import StepAxis, add_message
from labkit.plots.theme import Theme
from labkit.runs.run import Run

F1_TOPS = (0.2, 0.4, 0.6, 0.8, 1.0)


class F1Plot:
    """Entity F1 on dev; the best point has a ring and value."""

    def __init__(self, figure: Figure, theme: Theme, box: Box):
        self.area = PlotArea(figure, theme, box, plot_tr("F1 on dev (higher is better)"))
        self.f1 = self.area.add_curve(theme.score, 2.0, marker="o", markersize=4.5, clip_on=False)
        self.ring = self.area.add_curve(
            theme.score, 0, marker="o", markersize=10, markerfacecolor="none", clip_on=False
        )
        self.value = self.area.add_text(color=theme.score, fontweight="bold", ha="center")
        self.empty = add_message(self.area)
        fit_f1([self.area], 0.0)

    def update(self, run: Run, axis: StepAxis) -> None:
        axis.apply(self.area)
        evaluations = run.evaluations
        f1 = np.array([evaluation.score for evaluation in evaluations], np.float64)  # numpy reads None as NaN
        set_marked_data(self.f1, np.array([evaluation.step for evaluation in evaluations], np.float64), f1)
        message = ""
        if not np.isfinite(f1).any():
            ended = plot_tr("not evaluated") if run.is_final else plot_tr("waiting for the first evaluation")
            message = plot_tr("no entity in the dev split") if run.best else ended
        set_text(self.empty, message, 0.5, 0.5)
        if len(f1):
            fit_f1([self.area], np.nanmax(f1, initial=0.0))
        best = run.best
        count = format_entity_count(best.entities) if best and best.entities else Message("")
        self.area.set_title(f1_title(count), f1_title(Message("")))
        for artist in (self.ring, self.value):
            artist.set_visible(best is not None and best.score is not None)
        if best and best.score is not None:
            self._mark_best(best.step, best.score, axis)
        self.area.set_note(*_describe_scores(run))

    def _mark_best(self, step: float, f1: float, axis: StepAxis) -> None:
        self.ring.set_data([step], [f1])
        high = self.area.axes.get_ylim()[1]
        below = f1 > 0.88 * high
        side = "right" if step > 0.94 * axis.high else "left" if step < 0.06 * axis.high else "center"
        y = f1 + (-0.075 if below else 0.075) * high
        set_text(self.value, f"{f1:.3f}", step, y, ha=side, va="top" if below else "bottom")


def fit_f1(areas: Sequence[PlotArea], best: float) -> None:
    """Set y axes from 0 to a round number well above `best`."""
    high = next((top for top in F1_TOPS if top >= best * 1.15), 1.0)
    ticks = [high * share for share in (0, 0.25, 0.5, 0.75, 1)]
    for area in areas:
        area.set_y_axis(0, high, ticks, [f"{tick:.2f}" for tick in ticks])


def f1_title(what: Message) -> str:
    """Title of an F1 plot; `what` is its number of entities."""
    if what:
        return plot_tr("F1 on dev (higher is better): {what}", what=what)
    return plot_tr("F1 on dev (higher is better)")


def _describe_scores(run: Run) -> list[str]:
    """Scores in words: all of them, and without the latest one."""
    if not run.best:
        return [""]
    best, latest, test = [], [], []
    last = run.evaluations[-1] if run.evaluations else run.best
    if run.best.score is not None:
        best = [plot_tr("best {f1} at epoch {epoch}", f1=f"{run.best.score:.3f}", epoch=f"{run.best.epoch:.3g}")]
    if last.score is not None and last.step != run.best.step:
        latest = [plot_tr("latest {f1}", f1=f"{last.score:.3f}")]
    if run.test:
        no_entity = run.test.score is None
        test = [plot_tr("no entity on test") if no_entity else plot_tr("on test {f1}", f1=f"{run.test.score:.3f}")]
    return [", ".join(best + latest + test), ", ".join(best + test)]
