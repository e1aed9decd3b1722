"""Live plot of one run, and the public names of labkit.plots. Needs no torch."""

from typing import Any

from labkit.plots.axes import TITLE_PT, Box, PlotArea, set_text
from labkit.plots.cached_plot import CachedPlot
from labkit.plots.comparison import ComparePlot, compare_figure
from labkit.plots.device_plots import DevicePlots
from labkit.plots.f1_plot import F1Plot
from labkit.plots.learning_rate_plot import LearningRatePlot
from labkit.plots.loss_plot import LossPlot
from labkit.plots.pictures import (
    CSS_DPI,
    HEADING_PX,
    LIVE_SHAPES,
    NUM_PLOTS,
    PictureSize,
    at_width,
    live_heights_px,
    picture_heading,
)
from labkit.plots.renderer import BlitRenderer, Picture, to_png
from labkit.plots.step_axis import StepAxis
from labkit.plots.sync_plots import SyncPlots
from labkit.plots.text_width import fit_text
from labkit.plots.theme import COLOURS, THEMES, Theme, colour_of, dashes_of, theme_named
from labkit.runs.run import Run

__all__ = [
    "COLOURS",
    "THEMES",
    "ComparePlot",
    "LivePlot",
    "Picture",
    "PictureSize",
    "colour_of",
    "compare_figure",
    "dashes_of",
    "figure_of",
    "to_png",
]

LEFT, RIGHT, ABOVE, BELOW = 0.6, 0.14, 0.46, 0.22  # inches around the axes of a plot


class LivePlot(CachedPlot):
    """Plot of one run, redrawn while it trains; its height depends on its width only."""

    def draw(self, run: Run) -> bytes:
        """Return the plot as PNG; the same object if nothing has changed."""
        with self._lock:
            figure = self._memo("figure", (self._style_key(), run), lambda: _LiveFigure(self._theme, self.size))
            return self._memo("png", (figure, run.version), lambda: figure.png(run))


def figure_of(run: Run, theme: str = "light", size: PictureSize | None = None) -> Picture:
    """Figure of one run, for a notebook or a file."""
    return _LiveFigure(theme_named(theme), size or PictureSize()).frozen(run)


class _LiveFigure:
    """Figure of one run with its six plots."""

    def __init__(self, theme: Theme, size: PictureSize):
        width, height = size.width_in, at_width(live_heights_px(), size.width) / CSS_DPI
        self.figure = Picture(figsize=(width, height), dpi=size.dpi, facecolor=theme.background)
        self.renderer = BlitRenderer(self.figure, theme)
        columns, row_px = at_width(LIVE_SHAPES, size.width)
        cell_width, cell_height, top = width / columns, row_px / CSS_DPI, HEADING_PX / CSS_DPI
        boxes = [
            Box(
                place % columns * cell_width + LEFT,
                top + place // columns * cell_height + ABOVE,
                cell_width - LEFT - RIGHT,
                cell_height - ABOVE - BELOW,
            )
            for place in range(NUM_PLOTS)
        ]
        self.loss = LossPlot(self.figure, theme, boxes[0])
        self.score = F1Plot(self.figure, theme, boxes[1])
        self.rates = LearningRatePlot(self.figure, theme, boxes[2])
        self.device = DevicePlots(self.figure, theme, boxes[3])
        self.sync = SyncPlots(self.figure, theme, boxes[4], boxes[5])
        in_figure: dict[str, Any] = {
            "transform": self.figure.transFigure,
            "x": 0.03 / width,
            "y": 1 - 0.5 * top / height,
        }
        self.heading = self.loss.area.add_text(TITLE_PT, fontweight="bold", va="center", **in_figure)

    @property
    def areas(self) -> list[PlotArea]:
        device, sync = self.device, self.sync
        return [self.loss.area, self.score.area, self.rates.area, device.use, device.memory, sync.distance, sync.way]

    def update(self, run: Run) -> None:
        set_text(self.heading, fit_text(picture_heading(run), self.figure.get_figwidth(), 1, TITLE_PT, bold=True))
        with run.lock:  # steps, evaluations and samples of one moment
            steps = run.steps
            step, loss = steps.step, steps.loss
            axis = StepAxis.of(run, float(step[-1]) if len(step) else 0.0, self.loss.area.width)
            self.loss.update(run, step, loss, axis)
            self.score.update(run, axis)
            self.rates.update(run, axis)
            self.device.update(run, axis)
            self.sync.update(run, axis)

    def png(self, run: Run) -> bytes:
        self.update(run)
        return self.renderer.png(self.areas)

    def frozen(self, run: Run) -> Picture:
        self.update(run)
        for area in self.areas:
            area.freeze()
        return self.figure
