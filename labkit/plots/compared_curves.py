"""What both layouts of a comparison share: a run's curves along any axis, that axis, and words that fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.formatting import format_entity_count
from labkit.plots.axes import PlotArea
from labkit.plots.fonts import plot_tr
from labkit.plots.series import Array, linear_ticks, round_up, smooth, smoothing_span
from labkit.plots.text_width import split_chunks, wide_letters
from labkit.runs.compare import best_columns, best_f1_by_split, name_dev_splits
from labkit.runs.curves import Axis
from labkit.runs.run import Run


@dataclass(frozen=True)
class CurveData:
    """The curves of one run at one moment; `x` is for the steps, `at` for the evaluations on dev."""

    x: Array
    loss: Array
    smoothed: Array
    rates: dict[str, Array]
    eval_x: Array
    f1: Array
    dev_loss: Array

    def plottable_rates(self, group: str) -> Array:
        """Of one group, by step; NaN where there is none, and for 0, which has no place on a logarithmic axis."""
        rates = self.rates.get(group, np.full(len(self.x), np.nan))
        return np.where(rates > 0, rates, np.nan)


def highest_f1(drawn: Sequence[CurveData]) -> float:
    """The highest F1 of all; 0 where there is none."""
    return max((float(np.nanmax(each.f1, initial=0.0)) for each in drawn), default=0.0)


class ComparedCurves:
    """Runs' curves along one axis, made anew only for runs that have changed."""

    def __init__(self, runs: Sequence[Run], x: Axis):
        self.runs = runs
        self.x: Axis = x
        self._cache: dict[int, tuple[tuple[int, int], CurveData]] = {}

    @property
    def smoothing_steps(self) -> int:
        """Steps that all losses are smoothed over: one rule, or equal losses would look different.

        As many as suit the shortest run planned. More would hold its curve above its loss; the longer runs are rougher.
        """
        return smoothing_span(min((run.plan.steps for run in self.runs if run.plan), default=0))

    def compute_all(self) -> list[CurveData]:
        """In the order of the runs."""
        span = self.smoothing_steps
        return [self._get_or_make(index, run, span) for index, run in enumerate(self.runs)]

    def _get_or_make(self, index: int, run: Run, span: int) -> CurveData:
        of, made = self._cache.get(index, (None, None))
        if made is None or of != (run.version, span):
            with run.lock:
                of, made = (run.version, span), self._make(run, span)
            self._cache[index] = of, made
        return made

    def _make(self, run: Run, span: int) -> CurveData:
        steps, evaluations = run.steps, run.evaluations
        f1 = np.array([each.score for each in evaluations], np.float64)  # numpy reads None as NaN
        dev_loss = np.array([each.loss for each in evaluations], np.float64)
        at = run.evaluation_axis(self.x)
        return CurveData(steps.axis(self.x), steps.loss, smooth(steps.loss, span), steps.rates, at, f1, dev_loss)

    def fit_x_axis(self, areas: Sequence[PlotArea], drawn: Sequence[CurveData], most_ticks: int = 4) -> float:
        """All areas from 0 to the longest run's planned end, where that is known; returns it."""
        high = max((self._end(run, each) for run, each in zip(self.runs, drawn, strict=True)), default=1.0)
        unit, size = ("min", 60.0) if self.x == "seconds" and high > 180 else _UNITS[self.x]
        ticks = linear_ticks(high / size, most_ticks, whole=self.x in ("step", "epoch"))
        unit = f" {plot_tr(unit)}" if unit else ""
        labels = [f"0{unit}" if unit else f"{plot_tr(self.x)} 0", *(_format_tick(tick) for tick in ticks[1:])]
        for area in areas:
            area.set_x_axis(high, [tick * size for tick in ticks], labels if area.labels_y else ["0", *labels[1:]])
        return high

    def _end(self, run: Run, drawn: CurveData) -> float:
        last = max(float(drawn.x[-1]) if len(drawn.x) else 0.0, float(drawn.eval_x[-1]) if len(drawn.eval_x) else 0.0)
        if self.x == "step" and run.plan:
            return max(run.plan.steps, last)
        if self.x == "epoch" and run.config:
            return max(run.config.epochs, last)
        return round_up(last) if last else 1.0


_UNITS = {"step": ("", 1.0), "epoch": ("", 1.0), "tokens": ("tokens", 1.0), "seconds": ("s", 1.0)}


def _format_tick(number: float) -> str:
    """`1,500`, `20k`, `1.5M`."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= 10_000 and number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:,.0f}" if number == round(number) else f"{number:g}"


def fit_text(words: str, width_in: float, lines: int, size_pt: float, bold: bool = False) -> str:
    """Words broken into at most so many lines of a width, at its ` · ` if it has any; the rest becomes `…`."""
    room = width_in * 72 / size_pt / (0.64 if bold else 0.57)  # what a letter of DejaVu Sans takes, of its size
    parts = words.replace(" · ", " ·\n ").split("\n") if " · " in words else split_chunks(words)
    broken: list[str] = []
    line = ""
    for part in parts:
        if line and _width_in_letters(line + part.removesuffix(" ·")) > room:
            broken.append(line)
            line = ""
        line += part
    broken.append(line)
    kept = [each.strip() for each in (*broken[: lines - 1], "".join(broken[lines - 1 :]))]
    return "\n".join(_truncate(each.removesuffix(" ·"), room) for each in kept if each)


def _truncate(line: str, room: float) -> str:
    if _width_in_letters(line) <= room:
        return line
    while line and _width_in_letters(line + "…") > room:
        line = line[:-1]
    return line.rstrip() + "…"


def _width_in_letters(words: str) -> float:
    """In Latin letters; a Chinese one is as wide as 1.7 of them."""
    return len(words) + 0.7 * wide_letters(words)


def status_line(run: Run, with_entity_count: bool = False) -> str:
    """`best F1 0.512`, and what became of the run where that is not `completed`.

    Args:
        counted: tell on how many entities that is, as in `best F1 0.512 (1,234)`.
    """
    if run.best and run.best.score is not None:
        score = f"{plot_tr('best F1')} {run.best.score:.3f}" + (
            f" ({run.best.entities:,})" if with_entity_count else ""
        )
    else:
        score = plot_tr("no F1") if run.is_final or run.best else plot_tr("no F1 yet")
    return score if run.state == "completed" else f"{score}, {plot_tr(run.state)}"


def flag_best_runs(runs: Sequence[Run]) -> list[bool]:
    """For each run, if it has the highest F1 of those that were scored on the same dev sentences."""
    top = best_f1_by_split(runs)
    return [bool(best_columns(run, top)) for run in runs]


def describe_dev_entities(runs: Sequence[Run]) -> str:
    """The number of entities that all F1 rest on, or that these do not compare; empty where there is none."""
    if name_dev_splits(runs):
        return plot_tr("different dev sentences, not comparable")
    return next((format_entity_count(run.best.entities, plot_tr) for run in runs if run.best and run.best.entities), "")


def format_best_f1(run: Run) -> str:
    """`best 0.512 (1,234 entities)`."""
    if run.best is None or run.best.score is None:
        return ""
    return plot_tr(
        "best {f1} ({entities})", f1=f"{run.best.score:.3f}", entities=format_entity_count(run.best.entities, plot_tr)
    )
