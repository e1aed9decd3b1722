"""Side-by-side comparison layout: one column per run, shared limits."""

import math
from collections.abc import Sequence

import numpy as np

from labkit.formatting import format_loss
from labkit.messages import N_
from labkit.plots.axes import TEXT_PT, TITLE_PT, Box, PlotArea, set_data, set_marked_data, set_text
from labkit.plots.compared_curves import (
    ComparedCurves,
    CurveData,
    describe_dev_entities,
    flag_best_runs,
    format_best_f1,
    highest_f1,
    status_line,
)
from labkit.plots.f1_plot import f1_title, fit_f1
from labkit.plots.fonts import plot_tr
from labkit.plots.learning_rate_plot import axis_rates, fit_rates, format_rounded_rate, peak_rates
from labkit.plots.loss_plot import TagEntropies, fit_loss
from labkit.plots.pictures import PictureSize
from labkit.plots.renderer import Picture
from labkit.plots.text_width import fit_text, pick_fitting
from labkit.plots.theme import DASHES, Theme, colour_of
from labkit.runs.curves import Axis
from labkit.runs.run import Run

BAND = 5.75  # height in inches, as all that follows
MOST_RUNS, MOST_COLUMNS, MIN_COLUMN = 8, 4, 1.9
LEFT, RIGHT, BETWEEN = 0.62, 0.3, 0.28  # margins
# Top (from the top of the band) and height of the three plots of a column.
ROWS = ((1.17, 1.2), (2.91, 1.0), (4.45, 0.92))
LOSS = N_(
    (
        "Loss per word (lower is better): each step faint, smoothed over about {span} steps bold, on dev dotted",
        "Loss per word: each step faint, smoothed bold, on dev dotted",
        "Loss per word",
    )
)
RATES = N_("Learning rates: encoder solid, head dashed, CRF dotted")


class SideBySideLayout:
    """Columns of at most eight runs, up to four in a row.

    More would not be readable; a note says how many runs are left out.
    """

    def __init__(self, theme: Theme, size: PictureSize, runs: Sequence[Run], names: Sequence[str], x: Axis):
        drawn, width = runs[:MOST_RUNS], size.width_in
        self.width = width
        self.curves = ComparedCurves(drawn, x)
        room = int((width - LEFT - RIGHT + BETWEEN) / (MIN_COLUMN + BETWEEN))
        bands = max(math.ceil(len(drawn) / min(max(room, 1), MOST_COLUMNS)), 1)
        across = max(math.ceil(len(drawn) / bands), 1)
        left_out = len(runs) - len(drawn)
        height = BAND * bands + (0.3 if left_out else 0)
        self.figure = Picture(figsize=(width, height), dpi=size.dpi, facecolor=theme.background)
        self.columns = [
            _RunColumn(self.figure, theme, run, name, across, place)
            for place, (run, name) in enumerate(zip(drawn, names, strict=False))
        ]
        self.page = PlotArea(self.figure, theme, Box(0, 0, width, height))
        self.page.axes.set_axis_off()
        if not drawn:
            set_text(self.page.add_text(color=theme.muted, ha="center"), plot_tr("no runs chosen"), 0.5, 0.5)
        if left_out:
            note = plot_tr("{count} more runs have no room side by side; overlaid shows all", count=left_out)
            set_text(self.page.add_text(color=theme.muted, ha="center"), note, 0.5, 0.1 / height)

    @property
    def areas(self) -> list[PlotArea]:
        return [*(area for column in self.columns for area in column.areas), self.page]

    def update(self) -> None:
        curves, columns = self.curves.compute_all(), self.columns
        areas = [area for column in columns for area in column.areas]
        self.curves.fit_x_axis(areas, curves, most_ticks=4 if len(columns) < 3 else 2)
        whole = [values for data in curves for values in (data.smoothed, data.dev_loss)]
        fit_loss([column.loss for column in columns], [data.loss for data in curves], whole)
        fit_f1([column.score for column in columns], highest_f1(curves))
        fit_rates([column.rates for column in columns], [rate for run in self.curves.runs for rate in axis_rates(run)])
        for column in columns:
            if column.loss.labels_y:  # the first of its band
                titles = [plot_tr(text, span=self.curves.smoothing_steps) for text in LOSS]
                column.loss.set_title(pick_fitting(titles, self.width - LEFT, TITLE_PT, bold=True))
                column.score.set_title(f1_title(describe_dev_entities(self.curves.runs)))
        for column, data, best in zip(columns, curves, flag_best_runs(self.curves.runs), strict=True):
            column.entropies.update(self.curves.runs)
            column.update(data, best)


class _RunColumn:
    """Column of one run: its name above loss, F1 and rates."""

    def __init__(self, figure: Picture, theme: Theme, run: Run, name: str, across: int, place: int):
        self.run = run
        band, column = divmod(place, across)
        width = (figure.get_figwidth() - LEFT - RIGHT - (across - 1) * BETWEEN) / across
        self.width = width
        left = LEFT + column * (width + BETWEEN)
        boxes = [Box(left, band * BAND + top, width, height) for top, height in ROWS]
        titles = ["", "", "" if column else plot_tr(RATES)]
        self.areas = [PlotArea(figure, theme, box, title) for box, title in zip(boxes, titles, strict=True)]
        for area in self.areas:
            area.labels_y, area.labels_x = column == 0, area is self.areas[-1]
        self.loss, self.score, self.rates = self.areas
        self._draw_name(theme, fit_text(name, width, 2, TEXT_PT, bold=True))
        self._make_lines(colour_of(run, theme.name), theme.faint)

    def _make_lines(self, colour: str, faint: float) -> None:
        self.entropies = TagEntropies(self.loss)
        self.raw = self.loss.add_curve(colour, 0.8, alpha=faint)
        self.smoothed = self.loss.add_curve(colour, 2.0)
        self.dev = self.loss.add_curve(colour, 1.4, DASHES[2], marker="o", markersize=4, clip_on=False)
        self.f1 = self.score.add_curve(colour, 2.0, marker="o", markersize=4, clip_on=False)
        groups = ("encoder", "head", "crf")
        dashes = zip(groups, DASHES, strict=False)
        self.lines = {name: self.rates.add_curve(colour, 1.8, style) for name, style in dashes}

    def _draw_name(self, theme: Theme, name: str) -> None:
        in_axes, (top, height) = self.loss.axes.transAxes, ROWS[0]
        colour = colour_of(self.run, theme.name)
        text = self.loss.add_text(TEXT_PT, va="top", fontweight="bold", color=colour, transform=in_axes)
        set_text(text, name, 0, 1 + (top - 0.08) / height, linespacing=1.2)
        self.status_text = self.loss.add_text(TEXT_PT, va="top", color=theme.muted, transform=in_axes)
        self.status_text.set_position((0, 1 + (top - 0.1 - 0.17 * (1 + name.count("\n"))) / height))

    def update(self, curves: CurveData, best: bool) -> None:
        set_data(self.raw, curves.x, curves.loss)
        set_data(self.smoothed, curves.x, curves.smoothed)
        set_marked_data(self.dev, curves.eval_x, curves.dev_loss)
        set_marked_data(self.f1, curves.eval_x, curves.f1)
        for group, line in self.lines.items():
            set_data(line, curves.x, curves.plottable_rates(group))
        set_text(self.status_text, status_line(self.run) + (" ★" if best else ""))
        latest = curves.dev_loss[np.isfinite(curves.dev_loss)][-1:]
        set_text(self.loss.note, f"{plot_tr('dev')} {format_loss(latest[0], 3)}" if len(latest) else "")
        set_text(self.score.note, format_best_f1(self.run))
        peaks = [f"{plot_tr(name)} {format_rounded_rate(peak, 3)}" for name, peak in peak_rates(self.run).items()]
        set_text(self.rates.note, fit_text(", ".join(peaks), self.width, 1, TEXT_PT))
