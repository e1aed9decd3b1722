"""Shared by both comparison layouts: cached run curves, the x axis, texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.lines import Line2D

from labkit.formatting import format_entity_count
from labkit.memo import Memo
from labkit.messages import N_, Message
from labkit.plots.axes import PlotArea
from labkit.plots.fonts import plot_tr
from labkit.plots.series import linear_ticks, round_up, smooth, smoothing_span
from labkit.plots.theme import Dashes
from labkit.runs.compare import best_columns, best_f1_by_split, name_dev_splits
from labkit.runs.curves import Axis, FloatArray
from labkit.runs.run import Run

STRIPE = 4.0  # length in widths of the line
Points = tuple[FloatArray, FloatArray]  # x and y of a curve


@dataclass(frozen=True)
class CurveData:
    """Curves of one run, by step (`x`) or evaluation on dev (`eval_x`)."""

    x: FloatArray
    loss: FloatArray
    smoothed: FloatArray
    rates: dict[str, FloatArray]
    eval_x: FloatArray
    f1: FloatArray
    dev_loss: FloatArray

    def plottable_rates(self, group: str) -> FloatArray:
        """Rates of one parameter group by step; NaN if missing or 0.

        A logarithmic axis has no place for 0.
        """
        rates = self.rates.get(group, np.full(len(self.x), np.nan))
        return np.where(rates > 0, rates, np.nan)


def highest_f1(curves: Sequence[CurveData]) -> float:
    """Highest F1 of all runs; 0 if there is none."""
    return max((float(np.nanmax(curve.f1, initial=0.0)) for curve in curves), default=0.0)


def stripe_equal(curves: Sequence[Points], lines: Sequence[Line2D], dashes: Sequence[Dashes]) -> bool:
    """Draw equal curves as stripes of their colours, so that none hides another; True if there are any.

    A curve that is the beginning of another one is equal to it.

    Args:
        curves: x and y values of the lines.
        dashes: of lines that equal no other one.
    """
    groups: list[list[int]] = []
    for place, curve in enumerate(curves):
        group = next((each for each in groups if _coincide(curves[each[0]], curve)), None)
        if group:
            group.append(place)
        else:
            groups.append([place])
    for group in groups:
        for turn, place in enumerate(group):
            gap, start = STRIPE * (len(group) - 1), STRIPE * (len(group) - turn)
            lines[place].set_linestyle((start, (STRIPE, gap)) if gap else dashes[place])
    return any(len(group) > 1 for group in groups)


def _coincide(one: Points, other: Points) -> bool:
    count = min(len(one[1]), len(other[1]))
    (x, y), (other_x, other_y) = ((each[0][:count], each[1][:count]) for each in (one, other))
    if np.isfinite(y).sum() < 2 or not np.array_equal(y, other_y, equal_nan=True):
        return False
    return bool(np.allclose(x, other_x, rtol=0.01) or np.nanmin(y) == np.nanmax(y))


class ComparedCurves:
    """Curves of runs along one axis, recomputed only for runs that changed."""

    def __init__(self, runs: Sequence[Run], x: Axis):
        self.runs = runs
        self.x: Axis = x
        self._memo = Memo()

    @property
    def smoothing_steps(self) -> int:
        """Smoothing span in steps, shared so that equal losses look equal.

        It suits the shortest planned run: a longer span would hold its curve above its loss. Longer runs look rougher.
        """
        return smoothing_span(min((run.plan.steps for run in self.runs if run.plan), default=0))

    def compute_all(self) -> list[CurveData]:
        """Return the curves of all runs, in the runs' order."""
        span = self.smoothing_steps
        return [self._get_or_compute(run, span) for run in self.runs]

    def _get_or_compute(self, run: Run, span: int) -> CurveData:
        with run.lock:
            return self._memo(run, (run.version, span), lambda: self._compute(run, span))

    def _compute(self, run: Run, span: int) -> CurveData:
        steps, evaluations = run.steps, run.evaluations
        f1 = np.array([evaluation.score for evaluation in evaluations], np.float64)  # numpy reads None as NaN
        dev_loss = np.array([evaluation.loss for evaluation in evaluations], np.float64)
        eval_x = run.evaluation_axis(self.x)
        return CurveData(steps.axis(self.x), steps.loss, smooth(steps.loss, span), steps.rates, eval_x, f1, dev_loss)

    def fit_x_axis(self, areas: Sequence[PlotArea], curves: Sequence[CurveData], most_ticks: int = 4) -> None:
        """Set all x axes from 0 to the longest run's planned end."""
        high = max((self._end(run, data) for run, data in zip(self.runs, curves, strict=True)), default=1.0)
        unit, size = (N_("min"), 60.0) if self.x == "seconds" and high > 180 else _UNITS[self.x]
        ticks = linear_ticks(high / size, most_ticks, whole=self.x in ("step", "epoch"))
        unit = f" {plot_tr(unit)}" if unit else ""
        labels = [f"0{unit}" if unit else f"{plot_tr(self.x)} 0", *(_format_tick(tick) for tick in ticks[1:])]
        for area in areas:
            area.set_x_axis(high, [tick * size for tick in ticks], labels if area.labels_y else ["0", *labels[1:]])

    def _end(self, run: Run, curves: CurveData) -> float:
        last = max(float(x[-1]) if len(x) else 0.0 for x in (curves.x, curves.eval_x))
        if self.x == "step" and run.plan:
            return max(run.plan.steps, last)
        if self.x == "epoch" and run.config:
            return max(run.config.epochs, last)
        return round_up(last) if last else 1.0


_UNITS = {"step": ("", 1.0), "epoch": ("", 1.0), "tokens": (N_("tokens"), 1.0), "seconds": (N_("s"), 1.0)}


def _format_tick(number: float) -> str:
    """Format like `1,500`, `20k` or `1.5M`."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= 10_000 and number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:,.0f}" if number == round(number) else f"{number:g}"


def status_line(run: Run, with_entity_count: bool = False) -> str:
    """Best F1, like `best F1 0.512`, and the state unless completed.

    Args:
        with_entity_count: add the number of dev entities, as in `best F1 0.512 (1,234)`.
    """
    if run.best and run.best.score is not None:
        count = f" ({run.best.entities:,})" if with_entity_count else ""
        score = f"{plot_tr('best F1')} {run.best.score:.3f}{count}"
    else:
        score = plot_tr("no F1") if run.is_final or run.best else plot_tr("no F1 yet")
    return score if run.state == "completed" else f"{score}, {plot_tr(run.state)}"


def flag_best_runs(runs: Sequence[Run]) -> list[bool]:
    """True for each run with the highest F1 on its dev split."""
    top = best_f1_by_split(runs)
    return [bool(best_columns(run, top)) for run in runs]


def describe_dev_entities(runs: Sequence[Run]) -> Message:
    """Number of dev entities, or a note that dev splits differ."""
    if name_dev_splits(runs):
        return Message("different dev sentences, not comparable")
    counts = (format_entity_count(run.best.entities) for run in runs if run.best and run.best.entities)
    return next(counts, Message(""))


def format_best_f1(run: Run) -> str:
    """Best F1 of a run, like `best 0.512 (1,234 entities)`, or empty."""
    if run.best is None or run.best.score is None:
        return ""
    values = {"f1": f"{run.best.score:.3f}", "entities": format_entity_count(run.best.entities)}
    return plot_tr("best {f1} ({entities})", **values)
