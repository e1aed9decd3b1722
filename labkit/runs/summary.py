"""What a table needs to know of a run, folded from its events; small enough to list a thousand runs."""

from collections.abc import Callable
from typing import Any

import msgspec

from labkit.events import (
    FINAL_STATES,
    CheckpointSaved,
    CorpusRead,
    Evaluated,
    Event,
    OperatorsProfiled,
    ParamGroupInfo,
    ParamGroupsBuilt,
    PhaseEntered,
    Real,
    RunFinished,
    RunQueued,
    RunStarted,
    StepDone,
    TimeBreakdown,
    TrainingPlanned,
    Whole,
)

FORMAT_VERSION = 1  # a summary of another format is made anew from the events


class Summary(msgspec.Struct):
    """A run without its curves. `add` folds one more event in; every figure is None until it is known."""

    format: Whole = FORMAT_VERSION
    events: Whole = 0  # folded so far
    skipped: Whole = 0  # lines of the log that could not be understood
    log_bytes: Whole = 0  # size of the log that this was made from, when stored
    queued: Real | None = None  # Unix seconds
    started: RunStarted | None = None
    phase: str = ""  # what the run is busy with, in words
    corpus: CorpusRead | None = None
    groups: list[ParamGroupInfo] = []
    plan: TrainingPlanned | None = None
    step: Whole = 0
    epoch: Real = 0.0
    tokens: Whole = 0
    loss: Real | None = None  # of the last step
    seconds: Real = 0.0  # of the last event
    training_s: Real = 0.0  # in steps, those not counted that a profiler slowed
    profiling_s: Real = 0.0  # in those
    evaluation_s: Real = 0.0  # in evaluations on dev, saving the best weights included
    closing_s: Real = 0.0  # on the test part and the last weights
    evaluations: Whole = 0  # on dev
    best: Evaluated | None = None  # on dev, by `Evaluated.rank_key` as the best weights are
    latest: Evaluated | None = None  # on dev
    test: Evaluated | None = None
    time_breakdown: TimeBreakdown | None = msgspec.field(
        default=None, name="spent"
    )  # the last word on where the time went
    profiled: OperatorsProfiled | None = None
    finished: RunFinished | None = None
    begins: bool = False  # a process has it, or should have, that has not written its first line yet
    vanished: bool = False  # its process ended without a word

    def add(self, event: Event) -> None:
        self.events += 1
        seconds = getattr(event, "seconds", None)
        if seconds is not None and seconds > self.seconds:
            self.seconds = seconds
        if fold := _HANDLERS.get(type(event)):
            fold(self, event)

    @property
    def state(self) -> str:
        """queued, starting, running, completed, stopped, failed or interrupted."""
        if self.finished:
            return self.finished.state if self.finished.state in FINAL_STATES else "failed"
        if self.vanished:
            return "interrupted"
        if not self.started:
            return "starting" if self.begins else "queued"
        return "running" if self.plan else "starting"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def tokens_per_s(self) -> float | None:
        """Over all steps but profiled ones, evaluations not counted."""
        return self.tokens / self.all_steps_s if self.all_steps_s > 0 else None

    @property
    def all_steps_s(self) -> float:
        """What all steps so far would have taken if none of them had been profiled."""
        counted = self.tokens - (self.profiled.tokens if self.profiled else 0)
        return self.training_s * self.tokens / counted if counted > 0 else 0.0

    def _seconds_since_last(self, seconds: float) -> float:
        """Time since the last thing that took time; all of it is spent on one thing or another."""
        if not self.plan:
            return 0.0
        known = self.training_s + self.profiling_s + self.evaluation_s + self.closing_s
        return max(seconds - self.plan.seconds - known, 0.0)


def _on_queued(summary: Summary, event: RunQueued) -> None:
    summary.queued = event.time


def _on_started(summary: Summary, event: RunStarted) -> None:
    summary.started, summary.finished, summary.vanished = event, None, False


def _on_phase(summary: Summary, event: PhaseEntered) -> None:
    summary.phase = event.text
    summary.training_s += summary._seconds_since_last(event.seconds)  # until now the device still worked on steps


def _on_corpus(summary: Summary, event: CorpusRead) -> None:
    summary.corpus = event


def _on_groups(summary: Summary, event: ParamGroupsBuilt) -> None:
    summary.groups = event.groups


def _on_planned(summary: Summary, event: TrainingPlanned) -> None:
    summary.plan = event


def _on_step(summary: Summary, event: StepDone) -> None:
    summary.training_s += summary._seconds_since_last(event.seconds)
    summary.step, summary.epoch, summary.tokens, summary.loss = event.step, event.epoch, event.tokens, event.loss


def _on_evaluated(summary: Summary, event: Evaluated) -> None:
    if event.split != "dev":
        summary.closing_s += summary._seconds_since_last(event.seconds)
        summary.test = event
        return
    summary.evaluation_s += summary._seconds_since_last(event.seconds)
    summary.evaluations += 1
    summary.latest = event
    if summary.best is None or event.rank_key > summary.best.rank_key:
        summary.best = event


def _on_saved(summary: Summary, event: CheckpointSaved) -> None:
    if event.name == "best":
        summary.evaluation_s += summary._seconds_since_last(event.seconds)
    else:
        summary.closing_s += summary._seconds_since_last(event.seconds)


def _on_time_breakdown(summary: Summary, event: TimeBreakdown) -> None:
    summary.time_breakdown = event


def _on_profiled(summary: Summary, event: OperatorsProfiled) -> None:
    """Its time stands among that of steps until now."""
    summary.training_s += summary._seconds_since_last(event.seconds)
    summary.profiling_s = min(event.duration_s, summary.training_s)
    summary.training_s -= summary.profiling_s
    summary.profiled = event


def _on_finished(summary: Summary, event: RunFinished) -> None:
    summary.closing_s += summary._seconds_since_last(event.seconds)
    summary.finished = event


_HANDLERS: dict[type, Callable[[Summary, Any], None]] = {
    RunQueued: _on_queued,
    RunStarted: _on_started,
    PhaseEntered: _on_phase,
    CorpusRead: _on_corpus,
    ParamGroupsBuilt: _on_groups,
    TrainingPlanned: _on_planned,
    StepDone: _on_step,
    Evaluated: _on_evaluated,
    CheckpointSaved: _on_saved,
    TimeBreakdown: _on_time_breakdown,
    OperatorsProfiled: _on_profiled,
    RunFinished: _on_finished,
}
