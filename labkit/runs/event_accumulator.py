"""What is known of a run: its events folded one by one, live or finished."""

import threading
from typing import NamedTuple

from labkit.config import RunConfig
from labkit.events import (
    CorpusRead,
    CrfTransitions,
    DeviceSampled,
    Evaluated,
    Event,
    OperatorsProfiled,
    ParamGroupInfo,
    RateChanged,
    RunFinished,
    RunStarted,
    TimeBreakdown,
    TrainingPlanned,
)
from labkit.runs.curves import Array, Axis, RunCurves, Steps
from labkit.runs.progress import Progress, recent_tokens_per_s, seconds_left
from labkit.runs.summary import Summary


class IllegalCounts(NamedTuple):
    """Places of an evaluation where tags break their scheme; None where that says nothing."""

    remaining: int | None  # in the predictions; None where there are none, as nothing cannot break a rule
    mended: int | None  # by decoding; None for a run without `legal_only`


class EventAccumulator:
    """Events, added one by one, and what they amount to. Hold `lock` to read several things of one moment."""

    def __init__(self, config: RunConfig | None) -> None:
        self.lock = threading.RLock()
        self.config = config
        self._summary = Summary()
        self._curves: RunCurves | None = RunCurves()
        self._unlogged_changes = 0  # times that it was found to be gone, which no event tells

    def add(self, event: Event) -> None:
        """Folds one more event in: the one way into a run, live or finished."""
        with self.lock:
            self._summary.add(event)
            if self._curves is not None:
                self._curves.add(event)

    @property
    def version(self) -> int:
        """Grows with everything that becomes known."""
        return self._summary.events + self._unlogged_changes

    @property
    def state(self) -> str:
        """queued, starting, running, completed, stopped, failed or interrupted."""
        return self._summary.state

    @property
    def is_live(self) -> bool:
        return self.state in ("starting", "running")

    @property
    def is_final(self) -> bool:
        return self._summary.is_final

    @property
    def phase(self) -> str:
        """What it is busy with, in words."""
        return self._summary.phase

    @property
    def started(self) -> RunStarted | None:
        return self._summary.started

    @property
    def corpus(self) -> CorpusRead | None:
        return self._summary.corpus

    @property
    def dev_split(self) -> str | None:
        """The identity of the dev sentences that it is scored on; None before its corpus is read."""
        return self.corpus.split_id("dev") if self.corpus else None

    @property
    def groups(self) -> list[ParamGroupInfo]:
        return self._summary.groups

    @property
    def plan(self) -> TrainingPlanned | None:
        return self._summary.plan

    @property
    def finished(self) -> RunFinished | None:
        return self._summary.finished

    @property
    def best(self) -> Evaluated | None:
        """The best evaluation on dev, by `Evaluated.merit`."""
        return self._summary.best

    @property
    def best_f1(self) -> float | None:
        """The highest F1 on dev; None before an evaluation, and where dev has no entity to find."""
        return self.best.score if self.best else None

    def count_illegal(self, evaluation: Evaluated) -> IllegalCounts:
        """Illegal places in one of its evaluations."""
        mends = self.config is not None and self.config.legal_only
        left = 0 if mends and evaluation.illegal is not None else evaluation.illegal
        return IllegalCounts(
            None if evaluation.predicted == 0 and not left else left, evaluation.illegal if mends else None
        )

    @property
    def test(self) -> Evaluated | None:
        return self._summary.test

    @property
    def time_breakdown(self) -> TimeBreakdown | None:
        """The last word on where its time went; None for a run that was too short, or of an older version."""
        return self._summary.time_breakdown

    @property
    def profiled(self) -> OperatorsProfiled | None:
        return self._summary.profiled

    def summary(self) -> Summary:
        """All but the curves; not to be changed."""
        return self._summary

    def progress(self) -> Progress:
        summary, plan = self._summary, self.plan
        return Progress(
            step=summary.step,
            steps=plan.steps if plan else None,
            epoch=summary.epoch,
            epochs=self.config.epochs if self.config else None,
            seconds=summary.seconds,
            seconds_left=seconds_left(summary),
            tokens_per_s=recent_tokens_per_s(self.steps) if self.is_live else summary.tokens_per_s,
        )

    @property
    def steps(self) -> Steps:
        """Columns of one moment: take this once and read all of it, rather than asking twice."""
        with self.lock:
            return self._load_curves().steps.snapshot()

    @property
    def evaluations(self) -> list[Evaluated]:
        """On dev, oldest first."""
        return list(self._load_curves().evaluations)

    @property
    def samples(self) -> list[DeviceSampled]:
        """Of all devices, oldest first."""
        return list(self._load_curves().samples)

    @property
    def rate_changes(self) -> list[RateChanged]:
        return list(self._load_curves().rate_changes)

    @property
    def transitions(self) -> CrfTransitions | None:
        """What the CRF had learnt at the last evaluation on dev; None before one, and for a run without a CRF."""
        return self._load_curves().transitions

    def axis(self, kind: Axis) -> Array:
        """Where the steps lie, (steps,)."""
        return self.steps.axis(kind)

    def evaluation_axis(self, kind: Axis) -> Array:
        """Where the evaluations on dev lie, (evaluations,)."""
        with self.lock:
            return self._load_curves().evaluation_axis(kind)

    def sample_axis(self, kind: Axis) -> Array:
        """Where the device samples lie, (samples,), between the steps around them; NaN before the first step."""
        with self.lock:
            return self._load_curves().sample_axis(kind)

    def _load_curves(self) -> RunCurves:
        assert self._curves is not None
        return self._curves
