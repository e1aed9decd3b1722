"""Plot of the learning rates of all parameter groups."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from labkit.plots.axes import Box, PlotArea, set_data, set_text
from labkit.plots.fonts import plot_tr
from labkit.plots.series import LOG_LADDER, log_ticks, positive_values, round_down, round_up
from labkit.plots.step_axis import StepAxis
from labkit.plots.theme import DASHES, Theme
from labkit.runs.run import Run
from labkit.settings import format_rate

NAME_IN = 1.1  # width of a curve's name, such as `encoder 5e-5`


class LearningRatePlot:
    """Learning rates by parameter group on a log axis, named at peaks."""

    def __init__(self, figure: Figure, theme: Theme, box: Box):
        self.area = PlotArea(figure, theme, box, plot_tr("Learning rates"))
        self.curves: dict[str, tuple[Line2D, Text]] = {}

    def update(self, run: Run, axis: StepAxis) -> None:
        axis.apply(self.area)
        rates = run.steps.rates
        peaks = peak_rates(run)
        for name in peaks:
            line, _ = self._curve(name)
            values = rates.get(name, np.empty(0))
            step = run.steps.step[: len(values)]
            set_data(line, step, np.where(values > 0, values, np.nan))  # a rate of 0 has no place on a logarithmic axis
        fit_rates([self.area], axis_rates(run), above=2.2)
        self._name_curves(run, peaks)
        self.area.set_note(_describe_rates(run, peaks))

    def _curve(self, name: str) -> tuple[Line2D, Text]:
        if name not in self.curves:
            colour = self.area.theme.group(name)
            dashes = DASHES[min(len(self.curves), 2)]  # so that two equal rates can both be seen
            line = self.area.add_curve(colour, 2.0, dashes)
            self.curves[name] = line, self.area.add_text(color=colour, fontweight="bold", va="bottom")
        return self.curves[name]

    def _name_curves(self, run: Run, peaks: dict[str, float]) -> None:
        """Write names above peaks, side by side if the peaks are close."""
        warmups = [group.warmup_steps for group in run.groups]
        low, high = self.area.axes.get_ylim()
        width = self.area.axes.get_xlim()[1]
        start = min(max(warmups, default=0) / width + 0.03, 0.55)
        row, column = math.inf, 0
        for name, peak in sorted(peaks.items(), key=lambda item: -item[1]):
            if 0 < peak < row / 3 or row == math.inf:
                row, column = max(peak, low), 0
            text = f"{plot_tr(name)} {format_rounded_rate(peak, 3) if peak else plot_tr('0 (frozen)')}"
            y = max(row, low) * (high / low) ** 0.02
            set_text(self._curve(name)[1], text, (start + max(0.32, NAME_IN / self.area.width) * column) * width, y)
            column += 1


def _describe_rates(run: Run, peaks: dict[str, float]) -> str:
    if run.is_live:
        latest = {name: values[-1] for name, values in run.steps.rates.items() if len(values)}
        rates = ", ".join(f"{plot_tr(name)} {format_rounded_rate(rate)}" for name, rate in latest.items())
        return plot_tr("now: {rates}", rates=rates) if rates else ""
    if peaks.get("encoder") and peaks.get("head"):
        return plot_tr("head's peak: {ratio} × the encoder's", ratio=f"{peaks['head'] / peaks['encoder']:.3g}")
    return ""


def format_rounded_rate(rate: float, digits: int = 2) -> str:
    """Format a rate in at most `digits` significant digits."""
    return format_rate(float(f"{rate:.{digits - 1}e}"))


def peak_rates(run: Run) -> dict[str, float]:
    """Peak rate by parameter group: planned, or else the highest so far."""
    planned = {group.name: group.rate for group in run.groups}
    highest = {name: float(np.nanmax(values, initial=0.0)) for name, values in run.steps.rates.items()}
    return {**highest, **planned}


def fit_rates(areas: Sequence[PlotArea], rates: Sequence[float], above: float = 1.2) -> None:
    """Fit logarithmic y axes to `rates`, with `above` times the highest."""
    low, high = (round_down(min(rates) * 0.9), round_up(max(rates) * above, LOG_LADDER)) if rates else (1e-7, 1e-1)
    ticks = log_ticks(low, high)
    for area in areas:
        area.set_y_axis(low, high, ticks, [format_rounded_rate(tick) for tick in ticks], log=True)


def axis_rates(run: Run, groups: Sequence[str] | None = None) -> list[float]:
    """Lowest and highest rate that a y axis needs; empty if unknown.

    It must hold the peaks and most of the decay, but neither the start of warm-up nor the end at 0.
    """
    steps = run.plan.steps if run.plan else len(run.steps)
    warmup = max((group.warmup_steps for group in run.groups), default=0)
    peaks, rates = peak_rates(run), run.steps.rates
    warmup += max((int(np.argmax(values > 0)) for values in rates.values() if len(values)), default=0)  # a late start
    names = peaks.keys() if groups is None else peaks.keys() & set(groups)
    decaying = [rates[name][warmup : int(0.94 * steps)] for name in names & rates.keys()]
    values = positive_values([*decaying, np.array([peaks[name] * share for name in names for share in (0.06, 1)])])
    return [float(values.min()), float(values.max())] if len(values) else []
