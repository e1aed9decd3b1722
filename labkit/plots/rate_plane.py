"""Plane of the two rates: F1 and the head's distance of runs, by encoder and head rate."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

from labkit.events import format_distance
from labkit.messages import Message
from labkit.plots.axes import TICK_PT, TITLE_PT, Box, PlotArea, set_text
from labkit.plots.fonts import font_families, plot_tr
from labkit.plots.pictures import PictureSize
from labkit.plots.renderer import Picture, exclusive_drawing
from labkit.plots.theme import theme_named
from labkit.runs.curves import FloatArray
from labkit.runs.run import Run
from labkit.settings import format_rate

LEFT, BETWEEN, RIGHT, ABOVE, BELOW = 0.85, 0.85, 0.15, 0.78, 0.55  # inches around the two maps
ROW = 0.38  # inches

Cells = dict[tuple[float, float], list[float]]  # values of the runs, by encoder and head rate


def rate_plane_figure(runs: Sequence[Run], theme: str = "light", size: PictureSize | None = None) -> Picture:
    """Two maps with a cell for each pair of rates: best dev F1, and the distance that the head went.

    A cell shows the mean of its runs, and their number if there are several. Runs that were never evaluated have F1 0.

    Args:
        runs: with the same settings but for encoder rate, head rate and seed.

    Raises:
        ValueError: there is no run with settings.
    """
    known = [run for run in runs if run.config]
    if not known:
        raise ValueError(Message("a plane of rates needs runs, and there are none"))
    chosen, size = theme_named(theme), size or PictureSize()
    f1, distance = group_by_rates(known, lambda run: run.best_f1 or 0.0), group_by_rates(known, _head_distance)
    rows = len({encoder for encoder, _ in f1})
    width, height = size.width_in, ABOVE + rows * ROW + BELOW
    map_width = (width - LEFT - BETWEEN - RIGHT) / 2
    with exclusive_drawing():
        figure = Picture(figsize=(width, height), dpi=size.dpi, facecolor=chosen.background)
        boxes = [Box(LEFT + place * (map_width + BETWEEN), ABOVE, map_width, rows * ROW) for place in range(2)]
        titles = plot_tr("Best dev F1"), plot_tr("Distance of the head from its start")
        areas = [PlotArea(figure, chosen, box, title) for box, title in zip(boxes, titles, strict=True)]
        _draw(
            areas[0],
            f1,
            Normalize(0, max(float(np.mean(values)) for values in f1.values()) or 1.0),
            lambda value: f"{value:.2f}",
        )
        positive = [value for values in distance.values() for value in values if value > 0]
        _draw(areas[1], distance, LogNorm(0.03, max([1.0, *positive])), format_distance)
        corpus = known[0].corpus.name if known[0].corpus else ""
        runs_text = plot_tr("{count} runs on {corpus}", count=len(known), corpus=corpus)
        heading = areas[0].add_text(TITLE_PT, fontweight="bold", va="top", transform=figure.transFigure)
        set_text(heading, runs_text, 0.06 / width, 1 - 0.08 / height)
        for area in areas:
            area.freeze()
    return figure


def group_by_rates(runs: Sequence[Run], value: Callable[[Run], float | None]) -> Cells:
    """Values of runs by encoder and head rate; runs whose value is None are left out."""
    cells: Cells = defaultdict(list)
    for run in runs:
        known = value(run)
        if run.config and known is not None:
            cells[run.config.encoder_rate, run.config.head_rate].append(known)
    return dict(cells)


def _head_distance(run: Run) -> float | None:
    return run.moves[-1].distances.get("head") if run.moves else None


def _draw(area: PlotArea, cells: Cells, norm: Any, written: Callable[[float], str]) -> None:
    encoders = sorted({encoder for encoder, _ in cells}, reverse=True)
    heads = sorted({head for _, head in cells})
    values: FloatArray = np.full((len(encoders), len(heads)), np.nan)
    for (encoder, head), found in cells.items():
        values[encoders.index(encoder), heads.index(head)] = np.mean(found)
    axes, theme = area.axes, area.theme
    colours = LinearSegmentedColormap.from_list("rates", [theme.background, theme.score])
    axes.imshow(values, cmap=colours, norm=norm, aspect="auto", interpolation="nearest")
    axes.set(xlim=(-0.5, len(heads) - 0.5), ylim=(len(encoders) - 0.5, -0.5))
    axes.set_xticks(range(len(heads)), labels=map(format_rate, heads))
    axes.set_yticks(range(len(encoders)), labels=map(format_rate, encoders))
    label: dict[str, Any] = {"color": theme.muted, "fontsize": TICK_PT, "fontfamily": font_families()}
    axes.set_xlabel(plot_tr("Head rate"), **label)
    axes.set_ylabel(plot_tr("Encoder rate"), **label)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            count = len(cells[encoders[row], heads[column]])
            text = area.add_text(TICK_PT, ha="center", va="center", zorder=6)
            is_strong = float(norm(value)) > 0.55
            words = f"{written(float(value))} ({count})" if count > 1 else written(float(value))
            set_text(text, words, column, row, color=theme.background if is_strong else theme.text)
