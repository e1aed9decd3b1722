"""Summary of a run: its latest figures, reduced from its events, small enough to list a thousand runs."""

import msgspec

from labkit.events import (
    FINAL_STATES,
    CheckpointSaved,
    CorpusRead,
    DeviceSampled,
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
from labkit.messages import Message

FORMAT_VERSION = 1  # a summary of another format is computed again from the events


class Summary(msgspec.Struct):
    """Figures of a run without its curves. Each is None until it is known."""

    format: Whole = FORMAT_VERSION
    events: Whole = 0  # counted so far
    skipped: Whole = 0  # lines of the log that could not be understood
    log_bytes: Whole = 0  # size of the log that this was computed from, when stored
    queued: Real | None = None  # Unix seconds
    started: RunStarted | None = None
    phase: Message = Message("")  # current activity, in words for the user
    corpus: CorpusRead | None = None
    groups: list[ParamGroupInfo] = []
    plan: TrainingPlanned | None = None
    step: Whole = 0
    epoch: Real = 0.0
    tokens: Whole = 0
    loss: Real | None = None  # of the last step
    seconds: Real = 0.0  # of the last event
    training_s: Real = 0.0  # in steps, except those slowed by a profiler
    profiling_s: Real = 0.0  # in the profiled steps
    evaluation_s: Real = 0.0  # in evaluations on dev, saving the best weights included
    closing_s: Real = 0.0  # on the test split and the last weights
    evaluations: Whole = 0  # on dev
    best: Evaluated | None = None  # on dev, by `Evaluated.rank_key`, which also picks the best weights
    latest: Evaluated | None = None  # on dev
    test: Evaluated | None = None
    time_breakdown: TimeBreakdown | None = msgspec.field(default=None, name="spent")  # the latest one
    profiled: OperatorsProfiled | None = None
    finished: RunFinished | None = None
    begins: bool = False  # a process has it, or should have, and has not written its first event yet
    vanished: bool = False  # its process ended without a RunFinished

    def add(self, event: Event) -> None:
        """Updates the figures with one more event."""
        self.events += 1
        self.seconds = max(self.seconds, getattr(event, "seconds", 0.0))
        match event:  # the most frequent first
            case StepDone():
                self.training_s += self._seconds_since_last(event.seconds)
                self.step, self.epoch, self.tokens, self.loss = event.step, event.epoch, event.tokens, event.loss
            case DeviceSampled():
                pass  # part of the curves only
            case Evaluated(split="dev"):
                self._add_dev_evaluation(event)
            case Evaluated():
                self.closing_s += self._seconds_since_last(event.seconds)
                self.test = event
            case CheckpointSaved(name="best"):
                self.evaluation_s += self._seconds_since_last(event.seconds)
            case CheckpointSaved():
                self.closing_s += self._seconds_since_last(event.seconds)
            case PhaseEntered():
                self.training_s += self._seconds_since_last(event.seconds)  # until now the device worked on steps
                self.phase = event.text
            case TimeBreakdown():
                self.time_breakdown = event
            case OperatorsProfiled():
                self.training_s += self._seconds_since_last(event.seconds)  # holds the profiled steps until now
                self.profiling_s = min(event.duration_s, self.training_s)
                self.training_s -= self.profiling_s
                self.profiled = event
            case RunQueued():
                self.queued = event.time
            case RunStarted():
                self.started, self.finished, self.vanished = event, None, False
            case CorpusRead():
                self.corpus = event
            case ParamGroupsBuilt():
                self.groups = event.groups
            case TrainingPlanned():
                self.plan = event
            case RunFinished():
                self.closing_s += self._seconds_since_last(event.seconds)
                self.finished = event

    @property
    def state(self) -> str:
        """One of queued, starting, running, completed, stopped, failed, interrupted."""
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
        """Mean speed of all steps except profiled ones, without evaluations."""
        return self.tokens / self.all_steps_s if self.all_steps_s > 0 else None

    @property
    def all_steps_s(self) -> float:
        """Estimated seconds of all steps so far, had none been profiled."""
        counted = self.tokens - (self.profiled.tokens if self.profiled else 0)
        return self.training_s * self.tokens / counted if counted > 0 else 0.0

    def _add_dev_evaluation(self, event: Evaluated) -> None:
        self.evaluation_s += self._seconds_since_last(event.seconds)
        self.evaluations += 1
        self.latest = event
        if self.best is None or event.rank_key > self.best.rank_key:
            self.best = event

    def _seconds_since_last(self, seconds: float) -> float:
        """Time since the last event that took time. All of it counts for one kind of work or another."""
        if not self.plan:
            return 0.0
        known = self.training_s + self.profiling_s + self.evaluation_s + self.closing_s
        return max(seconds - self.plan.seconds - known, 0.0)
