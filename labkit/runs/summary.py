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
    GroupAudit,
    GroupsAudited,
    PhaseEntered,
    RunFinished,
    RunQueued,
    RunStarted,
    StepDone,
    TrainingPlanned,
)

FORMAT = 1  # a summary of another format is made anew from the events


class Summary(msgspec.Struct):
    """A run without its curves. `add` folds one more event in; every figure is None until it is known."""

    format: int = FORMAT
    events: int = 0  # folded so far
    skipped: int = 0  # lines of the log that could not be understood
    log_bytes: int = 0  # size of the log that this was made from, when stored
    queued: float | None = None  # Unix seconds
    started: RunStarted | None = None
    phase: str = ""  # what the run is busy with, in words
    corpus: CorpusRead | None = None
    groups: list[GroupAudit] = []
    plan: TrainingPlanned | None = None
    step: int = 0
    epoch: float = 0.0
    tokens: int = 0
    loss: float | None = None  # of the last step
    seconds: float = 0.0  # of the last event
    training_s: float = 0.0  # in steps alone
    evaluation_s: float = 0.0  # in evaluations and checkpoints
    evaluations: int = 0  # on dev
    best: Evaluated | None = None  # highest dev F1, the first of equals
    latest: Evaluated | None = None  # on dev
    test: Evaluated | None = None
    finished: RunFinished | None = None
    vanished: bool = False  # its process ended without a word

    def add(self, event: Event) -> None:
        self.events += 1
        seconds = getattr(event, "seconds", None)
        if seconds is not None and seconds > self.seconds:
            self.seconds = seconds
        if fold := _FOLDS.get(type(event)):
            fold(self, event)

    @property
    def state(self) -> str:
        """queued, starting, running, completed, stopped, failed or interrupted."""
        if self.finished:
            return self.finished.state if self.finished.state in FINAL_STATES else "failed"
        if self.vanished:
            return "interrupted"
        if not self.started:
            return "queued"
        return "running" if self.plan else "starting"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def tokens_per_s(self) -> float | None:
        """Over all steps, evaluations not counted."""
        return self.tokens / self.training_s if self.training_s > 0 else None

    def _took(self, seconds: float) -> float:
        """Time since the last thing that took time."""
        begun = self.plan.seconds if self.plan else 0.0
        return max(seconds - begun - self.training_s - self.evaluation_s, 0.0)


def _queued(summary: Summary, event: RunQueued) -> None:
    summary.queued = event.time


def _started(summary: Summary, event: RunStarted) -> None:
    summary.started, summary.finished, summary.vanished = event, None, False


def _phase(summary: Summary, event: PhaseEntered) -> None:
    summary.phase = event.text


def _corpus(summary: Summary, event: CorpusRead) -> None:
    summary.corpus = event


def _groups(summary: Summary, event: GroupsAudited) -> None:
    summary.groups = event.groups


def _planned(summary: Summary, event: TrainingPlanned) -> None:
    summary.plan = event


def _step(summary: Summary, event: StepDone) -> None:
    summary.training_s += summary._took(event.seconds)
    summary.step, summary.epoch, summary.tokens, summary.loss = event.step, event.epoch, event.tokens, event.loss


def _evaluated(summary: Summary, event: Evaluated) -> None:
    summary.evaluation_s += summary._took(event.seconds)
    if event.part != "dev":
        summary.test = event
        return
    summary.evaluations += 1
    summary.latest = event
    if summary.best is None or event.f1 > summary.best.f1:
        summary.best = event


def _saved(summary: Summary, event: CheckpointSaved) -> None:
    summary.evaluation_s += summary._took(event.seconds)


def _finished(summary: Summary, event: RunFinished) -> None:
    summary.finished = event


_FOLDS: dict[type, Callable[[Summary, Any], None]] = {
    RunQueued: _queued,
    RunStarted: _started,
    PhaseEntered: _phase,
    CorpusRead: _corpus,
    GroupsAudited: _groups,
    TrainingPlanned: _planned,
    StepDone: _step,
    Evaluated: _evaluated,
    CheckpointSaved: _saved,
    RunFinished: _finished,
}
