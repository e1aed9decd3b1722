"""Plots of the sync meter: distance from the start, share of the way."""

import numpy as np
from matplotlib.figure import Figure

from labkit.events import format_distance
from labkit.messages import N_
from labkit.plots.axes import Box, PlotArea, set_data, set_text
from labkit.plots.fonts import plot_tr
from labkit.plots.series import LOG_LADDER, log_ticks, positive_values, round_down, round_up
from labkit.plots.step_axis import StepAxis, add_message
from labkit.plots.theme import DASHES, Theme
from labkit.runs.curves import FloatArray
from labkit.runs.run import Run

PARTS = N_({"encoder": "encoder", "head": "head", "crf": "CRF"})  # in the colours and dashes of their learning rates
DECADES = 1e4  # span of the axis of distances, at most


class SyncPlots:
    """Distance from the start by step, live, and share of the final way, at the end."""

    def __init__(self, figure: Figure, theme: Theme, distance_box: Box, way_box: Box):
        self.distance = PlotArea(figure, theme, distance_box, plot_tr("Distance from the start"))
        self.way = PlotArea(figure, theme, way_box, plot_tr("Share of its own way to the end"))
        self.way.set_y_axis(0, 1.04, [0, 0.5, 0.9], ["0 %", "50 %", "90 %"])
        self._fit_distances([])
        self.distances, self.ways = (
            {part: area.add_curve(theme.group(part), 2.0, dashes) for part, dashes in zip(PARTS, DASHES, strict=False)}
            for area in (self.distance, self.way)
        )
        self.empty, self.unknown = add_message(self.distance), add_message(self.way)

    def update(self, run: Run, axis: StepAxis) -> None:
        axis.apply(self.distance)
        axis.apply(self.way)
        self._draw_distances(run)
        self._draw_ways(run)

    def _draw_distances(self, run: Run) -> None:
        moves = run.moves
        step = np.array([move.step for move in moves], np.float64)
        values = [np.array([move.distances.get(part) for move in moves], np.float64) for part in PARTS]  # None is NaN
        for line, distance in zip(self.distances.values(), values, strict=True):
            set_data(line, step, np.where(distance > 0, distance, np.nan))
        self._fit_distances(values)
        known = [part for part in PARTS if any(part in move.distances for move in moves[-1:])] or [*PARTS][:2]
        self.distance.set_legend([self.distances[part] for part in known], [plot_tr(PARTS[part]) for part in known])
        set_text(self.empty, "" if moves else self._missing(run), 0.5, 0.5)

    def _fit_distances(self, values: list[FloatArray]) -> None:
        found = positive_values(values)
        high = round_up(1.05 * float(found.max(initial=0.0)) or 1.0, LOG_LADDER)
        low = max(round_down(0.95 * float(found.min(initial=high / 100))), high / DECADES)
        ticks = log_ticks(low, high)
        self.distance.set_y_axis(low, high, ticks, [format_distance(tick) for tick in ticks], log=True)

    def _draw_ways(self, run: Run) -> None:
        paths = run.paths
        steps = np.array([0, *paths.steps] if paths else [], np.float64)
        for part, line in self.ways.items():
            shares = paths.shares.get(part) if paths else None
            set_data(line, *((steps, np.array([0.0, *shares])) if shares else (np.empty(0), np.empty(0))))
        steps_to = paths.steps_to(0.9) if paths else {}
        parts = ", ".join(f"{plot_tr(PARTS.get(part, part))} {step:,}" for part, step in steps_to.items())
        self.way.set_note(*([plot_tr("90 % made by step: {parts}", parts=parts), f"90 %: {parts}"] if parts else [""]))
        waiting = plot_tr("known when the run has ended") if not run.is_final else self._missing(run)
        set_text(self.unknown, "" if paths else waiting, 0.5, 0.5)

    def _missing(self, run: Run) -> str:
        return plot_tr("not measured") if run.is_final else plot_tr("waiting for the first reading")
