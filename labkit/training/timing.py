"""Always-on timer of a run's phases, at microseconds a step.

A call of `lap` at the end of a phase attributes the time since the last call to it. So all phases together are the time
of the run, and time that no phase claims is `other`.
"""

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch

from labkit.model.timer import Timer

# Phases of a step, which a device other than the CPU works on while this process is already ahead.
STEP_PHASES = frozenset(("data", "encoder", "downstream", "CRF", "optimizer", "other"))
_EVENT_TYPES: dict[str, Any] = {"cuda": torch.cuda.Event, "mps": torch.mps.event.Event}
TIMED_STEP_INTERVAL = 10  # one step of so many is timed on the device


class PhaseTimer(Timer):
    """Timer of a run's phases: loading, a step's, evaluation, saving, profiling."""

    def __init__(
        self,
        device: torch.device,
        loading: float = 0.0,
        clock: Callable[[], float] = time.perf_counter,
        event: Callable[[], Any] | None = None,
    ):
        """
        Args:
            device: device of the model. On all but the CPU an operator is only queued when its call returns, so the
                device's own events time the phases of a step.
            loading: seconds passed before, which count as loading.
            event: creates an event of the device, with `record`, `query` and `elapsed_time` as torch.cuda.Event has.
        """
        self._clock = clock
        self._seconds: defaultdict[str, float] = defaultdict(float, loading=loading)
        self._last = clock()
        self._forced_phase: str | None = None
        self._backward_phase = ""  # phase of a backward pass after its last boundary
        self._timeline = (
            None
            if device.type == "cpu"
            else DeviceTimeline(event or functools.partial(_EVENT_TYPES[device.type], enable_timing=True))
        )

    def begin_step(self) -> None:
        """Begins a step; the time since the last one is `other`."""
        self.lap("other")
        self._backward_phase = ""
        if self._timeline and not self._forced_phase:
            self._timeline.begin()

    def lap(self, phase: str) -> None:
        """Attributes the time since the last call to a phase."""
        phase = self._forced_phase or phase
        if self._timeline and phase in STEP_PHASES:
            self._timeline.mark(phase)
            phase = "steps"
        now = self._clock()
        self._seconds[phase] += now - self._last
        self._last = now

    def mark(self, before: str, after: str, values: torch.Tensor) -> None:
        """Marks `values` as the boundary of two phases, in both passes."""
        self.lap(before)
        if not values.requires_grad:  # frozen: no backward pass
            self._backward_phase = after
            return
        self._backward_phase = self._backward_phase or before
        values.register_hook(lambda _: self.lap(after))

    def end_backward(self) -> None:
        """Attributes the rest of the backward pass to the first trained phase."""
        self.lap(self._backward_phase or "other")

    @contextmanager
    def attributed_to(self, phase: str) -> Iterator[None]:
        """Context whose whole time counts for one phase."""
        self.lap("other")
        self._forced_phase = phase
        try:
            yield
        finally:
            self.lap(phase)
            self._forced_phase = None

    def totals(self) -> dict[str, float]:
        """Seconds by phase until now.

        Never waits for the device: its unfinished steps do not count yet.
        """
        self.lap("other")
        if not self._timeline:
            return dict(self._seconds)
        totals = dict(self._seconds)
        steps = totals.pop("steps", 0.0)
        return {**totals, **{phase: steps * share for phase, share in self._timeline.shares().items()}}


class DeviceTimeline:
    """Times one step of each TIMED_STEP_INTERVAL by events on the device.

    Events are read once the device has passed them. The time between two is the device's own, idle time included: so
    collating a batch counts only as far as the device has to wait for it.
    """

    def __init__(self, event: Callable[[], Any]):
        self._event = event
        self._steps = 0
        self._marks: list[tuple[str, Any]] | None = None  # of the step being timed
        self._waiting: list[list[tuple[str, Any]]] = []
        self._milliseconds: defaultdict[str, float] = defaultdict(float)

    def begin(self) -> None:
        """Begins a step.

        The first one is not timed: it also sets the device up.
        """
        self._steps += 1
        if self._steps % TIMED_STEP_INTERVAL == 2:
            self._marks = []
            self.mark("begin")

    def mark(self, phase: str) -> None:
        """Marks the end of a phase; `other` is a step's last."""
        if self._marks is None:
            return
        event = self._event()
        event.record()
        self._marks.append((phase, event))
        if phase == "other":
            self._waiting.append(self._marks)
            self._marks = None

    def shares(self) -> dict[str, float]:
        """Share of each phase of a step, summing to 1.

        All is `other` until the device has finished a timed step.
        """
        while self._waiting and self._waiting[0][-1][1].query():
            marks = self._waiting.pop(0)
            for (_, begin), (phase, end) in pairwise(marks):
                self._milliseconds[phase] += begin.elapsed_time(end)
        total = sum(self._milliseconds.values())
        if total <= 0:
            return {"other": 1.0}
        return {phase: milliseconds / total for phase, milliseconds in self._milliseconds.items()}
