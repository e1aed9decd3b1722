"""Overlaid comparison layout: loss, F1 and two rates on shared axes.

Each run has a colour and a line style; a list at the right names them.
"""

from collections.abc import Sequence

from matplotlib.text import Text

from labkit.messages import N_
from labkit.plots.axes import TEXT_PT, Box, PlotArea, set_data, set_marked_data, set_text
from labkit.plots.compared_curves import (
    ComparedCurves,
    describe_dev_entities,
    flag_best_runs,
    highest_f1,
    status_line,
)
from labkit.plots.f1_plot import fit_f1
from labkit.plots.fonts import plot_tr
from labkit.plots.learning_rate_plot import axis_rates, fit_rates
from labkit.plots.loss_plot import fit_loss
from labkit.plots.renderer import Picture
from labkit.plots.step_axis import add_message
from labkit.plots.text_width import fit_text
from labkit.plots.theme import Theme, colour_of, dashes_of, mark_of
from labkit.runs.compare import name_dev_splits
from labkit.runs.curves import Axis
from labkit.runs.run import Run

SIZE, DPI = (10.0, 5.6), 120
PLOTS = [Box(left, top, 2.95, 1.92) for top in (0.54, 3.32) for left in (0.62, 4.22)]
LIST = Box(7.42, 0.12, 2.48, 5.3)
TITLES = N_(("Loss per word (lower is better)", "F1 on dev (higher is better)", "Encoder rate", "Head rate"))
RATE_NOTES = N_(("of the pretrained part", "of what is trained from scratch"))
LINE, BASE = 0.165, 0.125  # inches from line to line, and from the top of a line to its baseline


class OverlayLayout:
    """Overlaid curves of any number of runs; of constant size.

    The list of names says how many it has no room for.
    """

    def __init__(self, theme: Theme, runs: Sequence[Run], names: Sequence[str], x: Axis):
        self.curves = ComparedCurves(runs, x)
        self.figure = Picture(figsize=SIZE, dpi=DPI, facecolor=theme.background)
        places = zip(PLOTS, TITLES, strict=True)
        self.plots = [PlotArea(self.figure, theme, box, plot_tr(title)) for box, title in places]
        styles = [(colour_of(run, theme.name), dashes_of(run)) for run in runs]
        loss, score, *rates = self.plots
        for area, note in zip(rates, RATE_NOTES, strict=True):
            set_text(area.note, plot_tr(note))
        self.loss = [loss.add_curve(colour, 1.7, dashes) for colour, dashes in styles]
        self.f1 = [score.add_curve(c, 1.7, dashes, marker="o", markersize=4, clip_on=False) for c, dashes in styles]
        self.rates = [[area.add_curve(colour, 1.7, dashes) for colour, dashes in styles] for area in rates]
        self.list = _RunList(self.figure, theme, runs, names)
        self.empty = add_message(loss)

    @property
    def areas(self) -> list[PlotArea]:
        return [*self.plots, self.list.area]

    def update(self) -> None:
        curves = self.curves.compute_all()
        self.curves.fit_x_axis(self.plots, curves)
        for run, data, loss, f1 in zip(self.curves.runs, curves, self.loss, self.f1, strict=True):
            set_data(loss, data.x, data.smoothed)
            set_marked_data(f1, data.eval_x, data.f1, mark_of(run))
        fit_loss(self.plots[:1], [], [data.smoothed for data in curves])
        fit_f1(self.plots[1:2], highest_f1(curves))
        set_text(self.plots[0].note, plot_tr("smoothed over about {span} steps", span=self.curves.smoothing_steps))
        set_text(self.plots[1].note, plot_tr(describe_dev_entities(self.curves.runs)))
        for area, group, lines in zip(self.plots[2:], ("encoder", "head"), self.rates, strict=True):
            for data, line in zip(curves, lines, strict=True):
                set_data(line, data.x, data.plottable_rates(group))
            fit_rates([area], [rate for run in self.curves.runs for rate in axis_rates(run, [group])])
        self.list.update()
        waiting = plot_tr("waiting for the first step") if curves else plot_tr("no runs chosen")
        set_text(self.empty, "" if any(len(data.x) for data in curves) else waiting, 0.5, 0.5)


class _RunList:
    """List of runs: line style, name and status of each."""

    def __init__(self, figure: Picture, theme: Theme, runs: Sequence[Run], names: Sequence[str]):
        self.runs = runs
        self.area = PlotArea(figure, theme, LIST)
        self.area.axes.set_axis_off()
        self.area.axes.set(xlim=(0, LIST.width), ylim=(LIST.height, 0))  # inches, downwards
        step = min(LIST.height / max(len(runs), 1), 4 * LINE)
        self.lines = max(1, min(int(step / LINE - 0.2), 3))  # of text per run
        self.step = max(step, 1.15 * LINE)
        self.room = int(LIST.height / self.step) - (self.step > step)
        named = list(zip(runs, names, strict=True))[: self.room]
        self.status_texts = [self._entry(theme, row, run, name) for row, (run, name) in enumerate(named)]
        if len(runs) > self.room:
            more = self.area.add_text(color=theme.muted, va="top")
            set_text(more, plot_tr("and {count} more", count=len(runs) - self.room), 0.42, self.room * self.step)

    def _entry(self, theme: Theme, row: int, run: Run, name: str) -> Text:
        """Add an entry's constant parts; return the text for its status."""
        top = row * self.step
        sample = self.area.add_curve(colour_of(run, theme.name), 2.2, dashes_of(run))
        sample.set(marker=mark_of(run), markersize=5, markevery=[1])
        sample.set_data([0, 0.17, 0.34], [top + LINE / 2] * 3)
        width = LIST.width - 0.42 - (0.5 if self.lines == 1 else 0)
        label = fit_text(name, width, max(self.lines - 1, 1), TEXT_PT)
        if self.lines == 1:
            set_text(self.area.add_text(va="baseline"), label, 0.42, top + BASE)
            return self.area.add_text(color=theme.muted, va="baseline", ha="right", x=LIST.width, y=top + BASE)
        set_text(self.area.add_text(va="top", linespacing=1.2), label, 0.42, top)
        return self.area.add_text(color=theme.muted, va="top", x=0.42, y=top + LINE * (1 + label.count("\n")) + 0.02)

    def update(self) -> None:
        several_splits = bool(name_dev_splits(self.runs))
        for run, status, best in zip(self.runs, self.status_texts, flag_best_runs(self.runs), strict=False):
            score = "–" if run.best_f1 is None else f"{run.best_f1:.3f}"
            text = ("★ " if best else "") + (status_line(run, several_splits) if self.lines > 1 else score)
            text = fit_text(text, LIST.width - 0.42, 1, TEXT_PT, bold=best) if several_splits else text
            set_text(status, text, fontweight="bold" if best else "normal")
