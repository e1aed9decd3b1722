"""Where the time of a run goes: a stopwatch that is always on, for it costs microseconds a step.

Whoever finishes with something says what it was, and the time since the last word is counted for it. So all parts
together are the time of the run, and whatever nobody claims is `other`.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch

from labkit.model.timer import Timer

# Parts of a step, which a device other than the CPU works on while this process is already somewhere else.
STEP_PHASES = frozenset(("data", "encoder", "downstream", "CRF", "optimizer", "other"))
TIMED_STEP_INTERVAL = 10  # of how many steps one is timed on the device


class PhaseTimer(Timer):
    """Seconds by part: `loading`, the parts of a step, `evaluation`, `saving`, `profiling`."""

    def __init__(
        self,
        device: torch.device,
        loading: float = 0.0,
        clock: Callable[[], float] = time.perf_counter,
        event: Callable[[], Any] | None = None,
    ):
        """
        Args:
            device: what the model computes on. Operators of all but the CPU are only queued when a call returns, so
                that there the device's own events time the parts of a step.
            loading: seconds that had passed before, all spent on loading.
            event: makes an event of the device, which can `record`, `query` and tell `elapsed_time` to a later one.
        """
        self._clock = clock
        self._seconds: defaultdict[str, float] = defaultdict(float, loading=loading)
        self._last = clock()
        self._forced_phase: str | None = None
        self._backward_phase = ""  # what a backward pass comes to after its last boundary
        self._timeline = None if device.type == "cpu" else DeviceTimeline(event or _events_of(device))

    def begin_step(self) -> None:
        """What passed between two steps is `other`."""
        self.lap("other")
        self._backward_phase = ""
        if self._timeline and not self._forced_phase:
            self._timeline.begin()

    def lap(self, phase: str) -> None:
        phase = self._forced_phase or phase
        if self._timeline and phase in STEP_PHASES:
            self._timeline.mark(phase)
            phase = "steps"
        now = self._clock()
        self._seconds[phase] += now - self._last
        self._last = now

    def mark(self, before: str, after: str, values: torch.Tensor) -> None:
        self.lap(before)
        if not values.requires_grad:  # what is frozen has no backward pass
            self._backward_phase = after
            return
        self._backward_phase = self._backward_phase or before
        values.register_hook(lambda _: self.lap(after))

    def end_backward(self) -> None:
        """What passed since the last boundary of the backward pass went to the first part that is trained."""
        self.lap(self._backward_phase or "other")

    @contextmanager
    def attributed_to(self, phase: str) -> Iterator[None]:
        """Within, everything goes to this part, whatever else is said."""
        self.lap("other")
        self._forced_phase = phase
        try:
            yield
        finally:
            self.lap(phase)
            self._forced_phase = None

    def totals(self) -> dict[str, float]:
        """Seconds by part until now. Never waits for the device: steps that it has not finished do not count yet."""
        self.lap("other")
        if not self._timeline:
            return dict(self._seconds)
        spent = dict(self._seconds)
        steps = spent.pop("steps", 0.0)
        for part, share in self._timeline.shares().items():
            spent[part] = steps * share
        return spent


class DeviceTimeline:
    """One step of each EVERY, timed by events that the device passes when it gets there, and read later.

    Of one step's marks the time between two is the device's own, its idle moments included: collating a batch counts
    as far as the device has to wait for it.
    """

    def __init__(self, event: Callable[[], Any]):
        self._event = event
        self._steps = 0
        self._marks: list[tuple[str, Any]] | None = None  # of the step that is being timed
        self._waiting: list[list[tuple[str, Any]]] = []
        self._milliseconds: defaultdict[str, float] = defaultdict(float)

    def begin(self) -> None:
        """A step begins; the first one also sets the device up, and would stand for no other."""
        self._steps += 1
        if self._steps % TIMED_STEP_INTERVAL == 2:
            self._marks = []
            self.mark("begin")

    def mark(self, phase: str) -> None:
        """The step's part ends here, `other` being its last: what passes until the next step begins."""
        if self._marks is None:
            return
        event = self._event()
        event.record()
        self._marks.append((phase, event))
        if phase == "other":
            self._waiting.append(self._marks)
            self._marks = None

    def shares(self) -> dict[str, float]:
        """Of each part of a step, together 1; all is `other` until the device has finished a timed step."""
        while self._waiting and self._waiting[0][-1][1].query():
            marks = self._waiting.pop(0)
            for (_, begin), (part, end) in pairwise(marks):
                self._milliseconds[part] += begin.elapsed_time(end)
        total = sum(self._milliseconds.values())
        if total <= 0:
            return {"other": 1.0}
        return {part: milliseconds / total for part, milliseconds in self._milliseconds.items()}


def _events_of(device: torch.device) -> Callable[[], Any]:
    kinds: dict[str, Any] = {"cuda": torch.cuda.Event, "mps": torch.mps.event.Event}
    kind = kinds[device.type]
    return lambda: kind(enable_timing=True)
