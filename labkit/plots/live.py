"""Live plot of one run, and the public names of labkit.plots. Needs no torch."""

from contextlib import nullcontext

import numpy as np

from labkit.plots.axes import Box, PlotArea
from labkit.plots.cached_plot import CachedPlot
from labkit.plots.comparison import ComparePlot, compare_figure
from labkit.plots.device_plots import DevicePlots
from labkit.plots.f1_plot import F1Plot
from labkit.plots.learning_rate_plot import LearningRatePlot
from labkit.plots.loss_plot import LossPlot
from labkit.plots.renderer import BlitRenderer, Picture, to_png
from labkit.plots.step_axis import StepAxis
from labkit.plots.theme import COLOURS, THEMES, Theme, colour_of, dashes_of, theme_named
from labkit.runs.run import Run

__all__ = [
    "COLOURS",
    "THEMES",
    "ComparePlot",
    "LivePlot",
    "Picture",
    "colour_of",
    "compare_figure",
    "dashes_of",
    "figure_of",
    "to_png",
]

SIZE = (10.0, 5.6)  # inches
DPI = 120
PLOTS = [Box(left, top, 4.15, 1.92) for top in (0.54, 3.32) for left in (0.62, 5.55)]


class LivePlot(CachedPlot):
    """Plot of one run, redrawn while it trains; of constant size."""

    def draw(self, run: Run | None) -> bytes:
        """Return the plot as PNG; the same object if nothing has changed.

        Without a run, the axes are empty.
        """
        with self._lock:
            figure = self._memo("figure", (self._style_key(), run), lambda: _LiveFigure(self._theme))
            return self._memo("png", (figure, run and run.version), lambda: figure.png(run))


def figure_of(run: Run, theme: str = "light") -> Picture:
    """Figure of one run, for a notebook or a file."""
    return _LiveFigure(theme_named(theme)).frozen(run)


class _LiveFigure:
    """Figure of one run with its four plots."""

    def __init__(self, theme: Theme):
        self.figure = Picture(figsize=SIZE, dpi=DPI, facecolor=theme.background)
        self.renderer = BlitRenderer(self.figure, theme)
        self.loss = LossPlot(self.figure, theme, PLOTS[0])
        self.score = F1Plot(self.figure, theme, PLOTS[1])
        self.rates = LearningRatePlot(self.figure, theme, PLOTS[2])
        self.device = DevicePlots(self.figure, theme, PLOTS[3])

    @property
    def areas(self) -> list[PlotArea]:
        return [self.loss.area, self.score.area, self.rates.area, self.device.use, self.device.memory]

    def update(self, run: Run | None) -> None:
        with run.lock if run else nullcontext():  # steps, evaluations and samples of one moment
            steps = run.steps if run else None
            step, loss = (steps.step, steps.loss) if steps else (np.empty(0), np.empty(0))
            axis = StepAxis.of(run, float(step[-1]) if len(step) else 0.0)
            self.loss.update(run, step, loss, axis)
            self.score.update(run, axis)
            self.rates.update(run, axis)
            self.device.update(run, axis)

    def png(self, run: Run | None) -> bytes:
        self.update(run)
        return self.renderer.png(self.areas)

    def frozen(self, run: Run) -> Picture:
        self.update(run)
        for area in self.areas:
            area.freeze()
        return self.figure
