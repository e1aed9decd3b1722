"""What both layouts of a comparison share: a run's curves along any axis, that axis, and words that fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.formatting import format_entity_count
from labkit.plots.axes import Area
from labkit.plots.fonts import plot_tr
from labkit.plots.series import Array, linear_ticks, smooth, smoothing_span, up
from labkit.plots.text_width import pieces, wide_letters
from labkit.runs.compare import best_columns, best_f1_by_split, name_dev_splits
from labkit.runs.curves import Axis
from labkit.runs.run import Run


@dataclass(frozen=True)
class Drawn:
    """The curves of one run at one moment; `x` is for the steps, `at` for the evaluations on dev."""

    x: Array
    loss: Array
    smoothed: Array
    rates: dict[str, Array]
    at: Array
    f1: Array
    dev_loss: Array

    def shown_rates(self, group: str) -> Array:
        """Of one group, by step; NaN where there is none, and for 0, which has no place on a logarithmic axis."""
        rates = self.rates.get(group, np.full(len(self.x), np.nan))
        return np.where(rates > 0, rates, np.nan)


def highest(drawn: Sequence[Drawn]) -> float:
    """The highest F1 of all; 0 where there is none."""
    return max((float(np.nanmax(each.f1, initial=0.0)) for each in drawn), default=0.0)


class Curves:
    """Runs' curves along one axis, made anew only for runs that have changed."""

    def __init__(self, runs: Sequence[Run], x: Axis):
        self.runs = runs
        self.x: Axis = x
        self._made: dict[int, tuple[tuple[int, int], Drawn]] = {}

    @property
    def span(self) -> int:
        """Steps that all losses are smoothed over: one rule, or equal losses would look different.

        As many as suit the shortest run planned. More would hold its curve above its loss; the longer runs are rougher.
        """
        return smoothing_span(min((run.plan.steps for run in self.runs if run.plan), default=0))

    def take(self) -> list[Drawn]:
        """In the order of the runs."""
        span = self.span
        return [self._one(index, run, span) for index, run in enumerate(self.runs)]

    def _one(self, index: int, run: Run, span: int) -> Drawn:
        of, made = self._made.get(index, (None, None))
        if made is None or of != (run.version, span):
            with run.lock:
                of, made = (run.version, span), self._make(run, span)
            self._made[index] = of, made
        return made

    def _make(self, run: Run, span: int) -> Drawn:
        steps, evaluations = run.steps, run.evaluations
        f1 = np.array([each.score for each in evaluations], np.float64)  # numpy reads None as NaN
        dev_loss = np.array([each.loss for each in evaluations], np.float64)
        at = run.evaluation_axis(self.x)
        return Drawn(steps.axis(self.x), steps.loss, smooth(steps.loss, span), steps.rates, at, f1, dev_loss)

    def span_x(self, areas: Sequence[Area], drawn: Sequence[Drawn], most_ticks: int = 4) -> float:
        """All areas from 0 to the longest run's planned end, where that is known; returns it."""
        high = max((self._end(run, each) for run, each in zip(self.runs, drawn, strict=True)), default=1.0)
        unit, size = ("min", 60.0) if self.x == "seconds" and high > 180 else _UNITS[self.x]
        ticks = linear_ticks(high / size, most_ticks, whole=self.x in ("step", "epoch"))
        unit = f" {plot_tr(unit)}" if unit else ""
        labels = [f"0{unit}" if unit else f"{plot_tr(self.x)} 0", *(_short(tick) for tick in ticks[1:])]
        for area in areas:
            area.span_x(high, [tick * size for tick in ticks], labels if area.labels_y else ["0", *labels[1:]])
        return high

    def _end(self, run: Run, drawn: Drawn) -> float:
        last = max(float(drawn.x[-1]) if len(drawn.x) else 0.0, float(drawn.at[-1]) if len(drawn.at) else 0.0)
        if self.x == "step" and run.plan:
            return max(run.plan.steps, last)
        if self.x == "epoch" and run.config:
            return max(run.config.epochs, last)
        return up(last) if last else 1.0


_UNITS = {"step": ("", 1.0), "epoch": ("", 1.0), "tokens": ("tokens", 1.0), "seconds": ("s", 1.0)}


def _short(number: float) -> str:
    """`1,500`, `20k`, `1.5M`."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= 10_000 and number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:,.0f}" if number == round(number) else f"{number:g}"


def fitted(words: str, width_in: float, lines: int, size_pt: float, bold: bool = False) -> str:
    """Words broken into at most so many lines of a width, at its ` · ` if it has any; the rest becomes `…`."""
    room = width_in * 72 / size_pt / (0.64 if bold else 0.57)  # what a letter of DejaVu Sans takes, of its size
    parts = words.replace(" · ", " ·\n ").split("\n") if " · " in words else pieces(words)
    broken: list[str] = []
    line = ""
    for part in parts:
        if line and _width(line + part.removesuffix(" ·")) > room:
            broken.append(line)
            line = ""
        line += part
    broken.append(line)
    kept = [each.strip() for each in (*broken[: lines - 1], "".join(broken[lines - 1 :]))]
    return "\n".join(_cut(each.removesuffix(" ·"), room) for each in kept if each)


def _cut(line: str, room: float) -> str:
    if _width(line) <= room:
        return line
    while line and _width(line + "…") > room:
        line = line[:-1]
    return line.rstrip() + "…"


def _width(words: str) -> float:
    """In Latin letters; a Chinese one is as wide as 1.7 of them."""
    return len(words) + 0.7 * wide_letters(words)


def standing(run: Run, counted: bool = False) -> str:
    """`best F1 0.512`, and what became of the run where that is not `completed`.

    Args:
        counted: tell on how many entities that is, as in `best F1 0.512 (1,234)`.
    """
    if run.best and run.best.score is not None:
        score = f"{plot_tr('best F1')} {run.best.score:.3f}" + (f" ({run.best.entities:,})" if counted else "")
    else:
        score = plot_tr("no F1") if run.is_final or run.best else plot_tr("no F1 yet")
    return score if run.state == "completed" else f"{score}, {plot_tr(run.state)}"


def leaders(runs: Sequence[Run]) -> list[bool]:
    """For each run, if it has the highest F1 of those that were scored on the same dev sentences."""
    top = best_f1_by_split(runs)
    return [bool(best_columns(run, top)) for run in runs]


def scored_on(runs: Sequence[Run]) -> str:
    """The number of entities that all F1 rest on, or that these do not compare; empty where there is none."""
    if name_dev_splits(runs):
        return plot_tr("different dev sentences, not comparable")
    return next((format_entity_count(run.best.entities, plot_tr) for run in runs if run.best and run.best.entities), "")


def best_of(run: Run) -> str:
    """`best 0.512 (1,234 entities)`."""
    if run.best is None or run.best.score is None:
        return ""
    return plot_tr(
        "best {f1} ({entities})", f1=f"{run.best.score:.3f}", entities=format_entity_count(run.best.entities, plot_tr)
    )
