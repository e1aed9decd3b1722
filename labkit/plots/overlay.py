"""Overlaid comparison layout: loss, F1 and two rates on shared axes.

Each run has a colour and a line style; a list at the right names them.
"""

from collections.abc import Sequence

from matplotlib.text import Text

from labkit.messages import N_
from labkit.plots.axes import TEXT_PT, TITLE_PT, Box, PlotArea, set_data, set_marked_data, set_text
from labkit.plots.compared_curves import (
    ComparedCurves,
    describe_dev_entities,
    flag_best_runs,
    highest_f1,
    status_line,
    stripe_equal,
)
from labkit.plots.f1_plot import fit_f1
from labkit.plots.fonts import plot_tr
from labkit.plots.learning_rate_plot import axis_rates, fit_rates
from labkit.plots.loss_plot import TagEntropies, fit_loss
from labkit.plots.pictures import PictureSize
from labkit.plots.renderer import Picture
from labkit.plots.step_axis import add_message
from labkit.plots.text_width import fit_text, pick_fitting
from labkit.plots.theme import Theme, colour_of, dashes_of, mark_of
from labkit.runs.compare import name_dev_splits
from labkit.runs.curves import Axis
from labkit.runs.run import Run

# Inches. The list stands at the right, on a narrow page below the plots.
HEIGHT, LIST_WIDTH, LIST_HEIGHT, WIDE = 5.6, 2.58, 2.2, 8.3
TOPS, PLOT_HEIGHT, LEFT, BETWEEN = (0.54, 3.32), 1.92, 0.62, 0.65
TITLES = N_((("Loss per word (lower is better)", "Loss per word"), ("F1 on dev (higher is better)", "F1 on dev")))
RATE_TITLES = N_(("Encoder rate", "Head rate"))
RATE_NOTES = N_(("of the pretrained part", "of what is trained from scratch"))
LINE, BASE = 0.165, 0.125  # inches from line to line, and from the top of a line to its baseline


class OverlayLayout:
    """Overlaid curves of any number of runs; its height depends on its width only.

    Equal curves are striped. The list of names says so, and how many names it has no room for.
    """

    def __init__(self, theme: Theme, size: PictureSize, runs: Sequence[Run], names: Sequence[str], x: Axis):
        self.curves = ComparedCurves(runs, x)
        width, is_wide = size.width_in, size.width_in >= WIDE
        room = width - LIST_WIDTH if is_wide else width
        listed = Box(room, 0.08, LIST_WIDTH - 0.1, 5.48) if is_wide else Box(0.3, HEIGHT, width - 0.4, LIST_HEIGHT)
        height = HEIGHT if is_wide else HEIGHT + LIST_HEIGHT + 0.1
        self.figure = Picture(figsize=(width, height), dpi=size.dpi, facecolor=theme.background)
        plot_width = (room - LEFT - BETWEEN - 0.25) / 2
        lefts = (LEFT, LEFT + plot_width + BETWEEN)
        boxes = [Box(left, top, plot_width, PLOT_HEIGHT) for top in TOPS for left in lefts]
        titles = [pick_fitting([plot_tr(each) for each in title], plot_width, TITLE_PT, bold=True) for title in TITLES]
        titles += map(plot_tr, RATE_TITLES)
        places = zip(boxes, titles, strict=True)
        self.plots = [PlotArea(self.figure, theme, box, title) for box, title in places]
        self.styles = styles = [(colour_of(run, theme.name), dashes_of(run)) for run in runs]
        loss, score, *rates = self.plots
        for area, note in zip(rates, RATE_NOTES, strict=True):
            set_text(area.note, fit_text(plot_tr(note), plot_width, 1, TEXT_PT))
        self.entropies = TagEntropies(loss)
        self.loss = [loss.add_curve(colour, 1.7, dashes) for colour, dashes in styles]
        self.f1 = [score.add_curve(c, 1.7, dashes, marker="o", markersize=4, clip_on=False) for c, dashes in styles]
        self.rates = [[area.add_curve(colour, 1.7, dashes) for colour, dashes in styles] for area in rates]
        self.list = _RunList(self.figure, theme, listed, runs, names)
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
        self.entropies.update(self.curves.runs)
        fit_f1(self.plots[1:2], highest_f1(curves))
        set_text(self.plots[0].note, plot_tr("smoothed over about {span} steps", span=self.curves.smoothing_steps))
        set_text(self.plots[1].note, plot_tr(describe_dev_entities(self.curves.runs)))
        drawn = [([(data.x, data.smoothed) for data in curves], self.loss)]
        drawn.append(([(data.eval_x, data.f1) for data in curves], self.f1))
        for area, group, lines in zip(self.plots[2:], ("encoder", "head"), self.rates, strict=True):
            rates = [(data.x, data.plottable_rates(group)) for data in curves]
            for (x, values), line in zip(rates, lines, strict=True):
                set_data(line, x, values)
            fit_rates([area], [rate for run in self.curves.runs for rate in axis_rates(run, [group])])
            drawn.append((rates, lines))
        dashes = [dashes for _, dashes in self.styles]
        striped = [stripe_equal(values, lines, dashes) for values, lines in drawn]
        self.list.update(any(striped))
        waiting = plot_tr("waiting for the first step") if curves else plot_tr("no runs chosen")
        set_text(self.empty, "" if any(len(data.x) for data in curves) else waiting, 0.5, 0.5)


class _RunList:
    """List of runs: line style, name and status of each."""

    def __init__(self, figure: Picture, theme: Theme, box: Box, runs: Sequence[Run], names: Sequence[str]):
        self.runs, self.width, height = runs, box.width, box.height - 1.15 * LINE
        self.area = PlotArea(figure, theme, box)
        self.area.axes.set_axis_off()
        self.area.axes.set(xlim=(0, box.width), ylim=(box.height, 0))  # inches, downwards
        self.stripes = self.area.add_text(color=theme.muted, va="bottom", x=0, y=box.height)
        step = min(height / max(len(runs), 1), 4 * LINE)
        self.lines = max(1, min(int(step / LINE - 0.2), 3))  # of text per run
        self.step = max(step, 1.15 * LINE)
        self.room = int(height / self.step) - (self.step > step)
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
        width = self.width - 0.42 - (0.5 if self.lines == 1 else 0)
        label = fit_text(name, width, max(self.lines - 1, 1), TEXT_PT)
        if self.lines == 1:
            set_text(self.area.add_text(va="baseline"), label, 0.42, top + BASE)
            return self.area.add_text(color=theme.muted, va="baseline", ha="right", x=self.width, y=top + BASE)
        set_text(self.area.add_text(va="top", linespacing=1.2), label, 0.42, top)
        return self.area.add_text(color=theme.muted, va="top", x=0.42, y=top + LINE * (1 + label.count("\n")) + 0.02)

    def update(self, has_stripes: bool) -> None:
        set_text(self.stripes, plot_tr("striped: equal curves") if has_stripes else "")
        several_splits = bool(name_dev_splits(self.runs))
        for run, status, best in zip(self.runs, self.status_texts, flag_best_runs(self.runs), strict=False):
            score = "–" if run.best_f1 is None else f"{run.best_f1:.3f}"
            text = ("★ " if best else "") + (status_line(run, several_splits) if self.lines > 1 else score)
            text = fit_text(text, self.width - 0.42, 1, TEXT_PT, bold=best) if several_splits else text
            set_text(status, text, fontweight="bold" if best else "normal")
