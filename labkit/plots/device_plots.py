"""Plots of device utilization in percent, and of memory."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from matplotlib.figure import Figure

from labkit.events import DeviceSampled
from labkit.messages import Message
from labkit.plots.axes import TICK_PT, Box, PlotArea, set_data, set_text
from labkit.plots.fonts import plot_tr
from labkit.plots.series import round_up
from labkit.plots.step_axis import StepAxis, add_message, wrap_text
from labkit.plots.theme import DASHES, Theme
from labkit.runs.curves import FloatArray
from labkit.runs.run import Run


@dataclass(frozen=True)
class DeviceSeries:
    """Samples of one device by step, (samples,); missing readings are NaN."""

    device: str
    step: FloatArray
    use: FloatArray  # percent
    memory: FloatArray  # MiB used by this run
    latest: DeviceSampled


class DevicePlots:
    """Device use and memory by step; missing readings are explained gaps."""

    def __init__(self, figure: Figure, theme: Theme, box: Box):
        share = 0.5 * box.height
        self.use = PlotArea(figure, theme, Box(box.left, box.top, box.width, share), plot_tr("CPU or GPU use"))
        lower = Box(box.left, box.top + share + 0.36, box.width, box.height - share - 0.36)
        self.memory = PlotArea(figure, theme, lower, plot_tr("Memory"), one_row=True)
        self.use_lines = [self.use.add_curve(theme.device, 1.6, dashes) for dashes in DASHES]
        self.memory_lines = [self.memory.add_curve(theme.muted, 1.8, dashes) for dashes in DASHES]
        self.isolated = self.use.add_curve(theme.device, 0, marker=".", markersize=4)
        self.use_empty, self.memory_empty = add_message(self.use), add_message(self.memory)
        self.gap_reason = self.use.add_text(TICK_PT, color=theme.muted, bbox=self.use.text_bbox, va="bottom")
        self.gap_reason.set(transform=self.use.axes.transAxes, position=(0.01, 0.05))
        self.use.set_y_axis(0, 104, [0, 50, 100], ["0 %", "50 %", "100 %"])
        self._fit_memory([])

    def update(self, run: Run, axis: StepAxis) -> None:
        self.use.set_x_axis(axis.high, (), ())
        self.use.mark_epochs(axis.boundaries, (), ())
        axis.apply(self.memory)
        samples = run.samples
        readings = list(_readings(run, samples))
        self._draw_use(run, readings, missing_reason(samples, "utilization"))
        self._draw_memory(run, readings, missing_reason(samples, "memory_run_mib"))

    def _draw_use(self, run: Run, readings: Sequence[DeviceSeries], reason: Message) -> None:
        self.use.set_title(_title(run, readings))
        for line, series in zip_longest(self.use_lines, readings):
            set_data(line, *((series.step, series.use) if series else NOTHING))
        set_data(self.isolated, *_find_isolated_points(readings))
        known = any(np.isfinite(series.use).any() for series in readings)
        gaps = any((np.isnan(series.use) & np.isfinite(series.step)).any() for series in readings)
        set_text(self.use_empty, "" if known else self._empty_text(run, readings, reason, lines=3), 0.5, 0.5)
        gap_text = plot_tr("gaps: {reason}", reason=reason) if known and gaps and reason else ""
        set_text(self.gap_reason, textwrap.shorten(gap_text, int(15 * self.use.width), placeholder=" …"))
        self.use.set_note(*_describe_use(run, readings))

    def _draw_memory(self, run: Run, readings: Sequence[DeviceSeries], reason: Message) -> None:
        for line, series in zip_longest(self.memory_lines, readings):
            set_data(line, *((series.step, series.memory) if series else NOTHING))
        self._fit_memory(readings)
        known = any(np.isfinite(series.memory).any() for series in readings)
        message = self._empty_text(run, readings, reason, lines=1) if readings and not known else ""
        set_text(self.memory_empty, message, 0.5, 0.5)
        self.memory.set_note(*(_describe_memory(readings[0].latest) if readings else [""]))

    def _fit_memory(self, readings: Sequence[DeviceSeries]) -> None:
        highest = max((float(np.nanmax(series.memory, initial=0.0)) for series in readings), default=0.0) * 1.1
        high = round_up(max(highest, 100.0) / 1024)
        self.memory.set_y_axis(0, high * 1024, [0, high * 1024], ["0", f"{high:g} GiB"])

    def _empty_text(self, run: Run, readings: Sequence[DeviceSeries], reason: Message, lines: int) -> str:
        if readings:
            text = plot_tr("not available: {reason}", reason=reason or Message("no sample yet"))
            return wrap_text(text, int(13 * self.use.width), lines)
        if run.state == "queued":
            return ""
        return plot_tr("no readings") if run.is_final else plot_tr("waiting for the first reading")


NOTHING = np.empty(0), np.empty(0)


def _readings(run: Run, samples: Sequence[DeviceSampled]) -> Iterator[DeviceSeries]:
    """Yield the GPUs' series, otherwise the CPU's; one per line style."""
    step = run.sample_axis("step")
    names = list(dict.fromkeys(sample.device for sample in samples))
    for name in ([name for name in names if name != "cpu"] or names)[: len(DASHES)]:
        own = [index for index, sample in enumerate(samples) if sample.device == name]
        use = np.array([samples[index].utilization for index in own], np.float64)  # numpy reads None as NaN
        memory = np.array([samples[index].memory_run_mib for index in own], np.float64)
        yield DeviceSeries(name, step[own], use, memory, samples[own[-1]])


def _title(run: Run, readings: Sequence[DeviceSeries]) -> str:
    names = [series.device for series in readings]
    if names == ["cpu"] or (not names and run.plan and run.plan.device == "cpu"):
        return plot_tr("CPU use, this run")
    if not names:
        return plot_tr("CPU or GPU use")
    return plot_tr("GPU {numbers} use", numbers=", ".join(name.removeprefix("gpu ") for name in names))


def _find_isolated_points(readings: Sequence[DeviceSeries]) -> tuple[FloatArray, FloatArray]:
    """Readings between two gaps, which a line cannot show."""
    x = np.concatenate([np.empty(0), *(series.step for series in readings)])
    y = np.concatenate([np.empty(0), *(series.use for series in readings)])
    gap = np.isnan(np.concatenate([[np.nan], np.where(np.isnan(x), np.nan, y), [np.nan]]))
    isolated = gap[:-2] & gap[2:] & ~gap[1:-1]
    return x[isolated], y[isolated]


def missing_reason(samples: Sequence[DeviceSampled], reading: str) -> Message:
    """Latest recorded reason why `reading` is missing; empty if none.

    A reason is recorded only when it changes.
    """
    return next((sample.missing[reading] for sample in reversed(samples) if reading in sample.missing), Message(""))


def _describe_use(run: Run, readings: Sequence[DeviceSeries]) -> list[str]:
    """Use and speed, and the use alone."""
    if run.is_live:
        label, values = plot_tr("now"), [series.use[-1] for series in readings]
    else:
        measured = [series.use for series in readings if np.isfinite(series.use).any()]
        label, values = plot_tr("mean"), [np.nanmean(use) for use in measured]
    shares = ", ".join(f"{value:.0f} %" for value in values if np.isfinite(value))
    use = f"{label} {shares}" if shares else ""
    tokens_per_s = run.progress().tokens_per_s
    speed = plot_tr("{number} word pieces/s", number=f"{tokens_per_s:,.0f}") if tokens_per_s else ""
    return [", ".join(filter(None, [use, speed])), use]


def _describe_memory(sample: DeviceSampled) -> list[str]:
    """Memory of this run, of the device, and of other programs; in a second version without these."""
    if sample.memory_run_mib is None:
        return [""]
    run = plot_tr("this run {size} GiB", size=_gib(sample.memory_run_mib))
    if sample.memory_total_mib is not None:
        values = {"size": _gib(sample.memory_run_mib), "total": _gib(sample.memory_total_mib)}
        run = plot_tr("this run {size} of {total} GiB", **values)
    if sample.memory_others_mib is None:
        return [run]
    return [plot_tr("{run} (other programs {size})", run=run, size=_gib(sample.memory_others_mib)), run]


def _gib(mib: float) -> str:
    return f"{mib / 1024:.2f}" if mib < 10240 else f"{mib / 1024:.0f}"
