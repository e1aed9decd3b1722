"""Event accumulator: summary and curves of a run, built event by event, live or finished."""

import itertools
import threading
from typing import NamedTuple

import numpy as np

from labkit.config import RunConfig
from labkit.events import (
    CorpusRead,
    CrfTransitions,
    DeviceSampled,
    Evaluated,
    Event,
    OperatorsProfiled,
    ParamGroupInfo,
    PathsCompleted,
    RateChanged,
    RunFinished,
    RunStarted,
    TimeBreakdown,
    TrainingPlanned,
    WeightsMoved,
)
from labkit.messages import Message
from labkit.runs.curves import Axis, FloatArray, RunCurves, Steps
from labkit.runs.progress import Progress, recent_tokens_per_s, seconds_left
from labkit.runs.summary import Summary

_versions = itertools.count(1)


class IllegalCounts(NamedTuple):
    """Counts of tags in an evaluation that break the tag scheme."""

    remaining: int | None  # in the predictions; None if no entity was predicted
    mended: int | None  # corrected by decoding; None for a run without `legal_only`


class EventAccumulator:
    """State of a run, built from its events. Hold `lock` to read several values of one moment."""

    def __init__(self, config: RunConfig | None) -> None:
        self.lock = threading.RLock()
        self.config = config
        self._summary = Summary()
        self._curves: RunCurves | None = RunCurves()
        self.version = next(_versions)  # grows with every change of what a reader sees; no two runs ever share one

    def add(self, event: Event) -> None:
        """Adds one event. All data of a run, live or finished, comes in here."""
        with self.lock:
            self._summary.add(event)
            if self._curves is not None:
                self._curves.add(event)
            self._bump_version()

    def _bump_version(self) -> None:
        with self.lock:
            self.version = next(_versions)

    @property
    def state(self) -> str:
        """One of queued, starting, running, completed, stopped, failed, interrupted."""
        return self._summary.state

    @property
    def is_live(self) -> bool:
        return self.state in ("starting", "running")

    @property
    def is_final(self) -> bool:
        return self._summary.is_final

    @property
    def phase(self) -> Message:
        """Current activity, in words for the user."""
        return self._summary.phase

    @property
    def started(self) -> RunStarted | None:
        return self._summary.started

    @property
    def corpus(self) -> CorpusRead | None:
        return self._summary.corpus

    @property
    def dev_split(self) -> str | None:
        """Identity of its dev sentences; None before its corpus is read."""
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
        """Best evaluation on dev, by `Evaluated.rank_key`."""
        return self._summary.best

    @property
    def best_f1(self) -> float | None:
        """Highest F1 on dev. None before an evaluation, and if dev has no entity."""
        return self.best.score if self.best else None

    def count_illegal(self, evaluation: Evaluated) -> IllegalCounts:
        """Counts illegal tags in one of its evaluations."""
        mends = self.config is not None and self.config.legal_only
        remaining = 0 if mends and evaluation.illegal is not None else evaluation.illegal
        if evaluation.predicted == 0 and not remaining:
            remaining = None
        return IllegalCounts(remaining, evaluation.illegal if mends else None)

    @property
    def test(self) -> Evaluated | None:
        return self._summary.test

    @property
    def time_breakdown(self) -> TimeBreakdown | None:
        """Latest time breakdown. None for a short run, and for one of an older version."""
        return self._summary.time_breakdown

    @property
    def profiled(self) -> OperatorsProfiled | None:
        return self._summary.profiled

    @property
    def clipped_share(self) -> float | None:
        """Share of the steps whose gradients were clipped, from 0 to 1. None without steps, and without clipping."""
        norms, limit = self.steps.gradient_norms, self.config.clip_norm if self.config else 0.0
        if not norms or limit <= 0:
            return None
        return float((np.sqrt(np.nansum([norm**2 for norm in norms.values()], axis=0)) > limit).mean())

    def summary(self) -> Summary:
        """All figures except the curves; not to be changed."""
        return self._summary

    def progress(self) -> Progress:
        summary, plan = self._summary, self.plan
        # Until its encoder starts, a run's steps are quicker than those to come.
        has_started = not self.config or not plan or summary.step >= self.config.encoder_start * plan.steps
        return Progress(
            step=summary.step,
            steps=plan.steps if plan else None,
            epoch=summary.epoch,
            epochs=self.config.epochs if self.config else None,
            seconds=summary.seconds,
            seconds_left=seconds_left(summary) if has_started else None,
            tokens_per_s=recent_tokens_per_s(self.steps) if self.is_live else summary.tokens_per_s,
            ended_early=summary.finished is not None and summary.finished.early,
        )

    @property
    def steps(self) -> Steps:
        """Columns of the steps at one moment. Take them once, as a second call may return more steps."""
        with self.lock:
            return self._load_curves().steps.snapshot()

    @property
    def evaluations(self) -> list[Evaluated]:
        """Evaluations on dev, oldest first."""
        return list(self._load_curves().evaluations)

    @property
    def samples(self) -> list[DeviceSampled]:
        """Device samples of all devices, oldest first."""
        return list(self._load_curves().samples)

    @property
    def rate_changes(self) -> list[RateChanged]:
        return list(self._load_curves().rate_changes)

    @property
    def transitions(self) -> CrfTransitions | None:
        """CRF transition scores at the last evaluation on dev. None without one or without a CRF."""
        return self._load_curves().transitions

    @property
    def moves(self) -> list[WeightsMoved]:
        """Distances of encoder, head and CRF from their start, oldest first. Empty for a run of an older version."""
        return list(self._load_curves().moves)

    @property
    def paths(self) -> PathsCompleted | None:
        """Shares of the final ways of encoder, head and CRF by step. None before the run has ended by itself."""
        return self._load_curves().paths

    def axis(self, kind: Axis) -> FloatArray:
        """Positions of the steps on an axis, (steps,)."""
        return self.steps.axis(kind)

    def evaluation_axis(self, kind: Axis) -> FloatArray:
        """Positions of the dev evaluations on an axis, (evaluations,)."""
        with self.lock:
            return self._load_curves().evaluation_axis(kind)

    def sample_axis(self, kind: Axis) -> FloatArray:
        """Positions of the device samples, interpolated between steps, (samples,). NaN before the first step."""
        with self.lock:
            return self._load_curves().sample_axis(kind)

    def _load_curves(self) -> RunCurves:
        assert self._curves is not None
        return self._curves
