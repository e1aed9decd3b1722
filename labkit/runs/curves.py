"""The curves of a run: its steps as numpy columns that grow cheaply while it is live, and what else has a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Literal

import numpy as np
import numpy.typing as npt

from labkit.events import CrfTransitions, DeviceSampled, Evaluated, Event, RateChanged, StepDone

Array = npt.NDArray[np.float64]
Axis = Literal["step", "epoch", "tokens", "seconds"]
AXES: tuple[Axis, ...] = ("step", "epoch", "tokens", "seconds")
MAX_PENDING = 1024
_EMPTY = np.empty(0)


class GrowingArray:
    """Numbers in a doubling buffer; what was None reads as NaN."""

    def __init__(self, num_missing: int = 0):
        """Starts with so many NaN, for a figure that was first told later than others."""
        self._buffer = np.full(num_missing, np.nan) if num_missing else _EMPTY
        self._size = num_missing

    def extend(self, numbers: list[float | None]) -> None:
        size = self._size + len(numbers)
        if size > len(self._buffer):
            grown = np.full(max(size, 2 * len(self._buffer), 256), np.nan)
            grown[: self._size] = self._buffer[: self._size]
            self._buffer = grown
        self._buffer[self._size : size] = numbers  # numpy reads None as NaN
        self._size = size

    def array(self) -> Array:
        """All numbers so far, (numbers,), read-only; later numbers do not show up in it."""
        view = self._buffer[: self._size]
        view.flags.writeable = False
        return view


@dataclass(frozen=True)
class Steps:
    """The steps of a run at one moment; every array is (steps,), read-only, NaN where a figure is missing."""

    step: Array
    epoch: Array
    loss: Array  # per word
    tokens: Array  # seen so far
    seconds: Array  # since the start of the run
    rates: dict[str, Array] = field(default_factory=dict)  # by group
    gradient_norms: dict[str, Array] = field(default_factory=dict)  # by group, before clipping

    def __len__(self) -> int:
        return len(self.step)

    def axis(self, kind: Axis) -> Array:
        """Where the steps lie on that axis, (steps,). Raises ValueError for an unknown axis."""
        return np.asarray(getattr(self, check_axis(kind)))


class StepBuffer:
    """Collects StepDone events into columns.

    Arrived events wait in a list, and are moved into the columns in one go when somebody looks: ten times cheaper than
    one by one. At most MOST_WAITING of them, as Python's garbage collection looks again and again at what is kept.
    """

    def __init__(self) -> None:
        self._scalars = {name: GrowingArray() for name in ("step", "epoch", "loss", "tokens", "seconds")}
        self._rates: dict[str, GrowingArray] = {}
        self._norms: dict[str, GrowingArray] = {}
        self._size = 0  # of the columns
        self._pending: list[StepDone] = []
        self._snapshot: Steps | None = None

    def extend(self, events: Iterable[StepDone]) -> None:
        self._pending.extend(events)
        self._snapshot = None
        if len(self._pending) >= MAX_PENDING:
            self._flush()

    def _flush(self) -> None:
        arrived, self._pending = self._pending, []
        for name, column in self._scalars.items():
            column.extend(list(map(attrgetter(name), arrived)))
        self._extend_by_group(self._rates, [event.rates for event in arrived])
        self._extend_by_group(self._norms, [event.gradient_norms for event in arrived])
        self._size += len(arrived)

    def _extend_by_group(self, columns: dict[str, GrowingArray], figures: Sequence[Mapping[str, float | None]]) -> None:
        for name in dict.fromkeys(chain.from_iterable(figures)):
            if name not in columns:
                columns[name] = GrowingArray(num_missing=self._size)
        for name, column in columns.items():
            column.extend([told.get(name) for told in figures])

    def snapshot(self) -> Steps:
        """The columns as they are now; the same object until another step arrives."""
        if self._snapshot is None:
            self._flush()
            self._snapshot = Steps(
                **{name: column.array() for name, column in self._scalars.items()},
                rates={name: column.array() for name, column in self._rates.items()},
                gradient_norms={name: column.array() for name, column in self._norms.items()},
            )
        return self._snapshot


class RunCurves:
    """All that a run's events tell beyond its summary."""

    def __init__(self) -> None:
        self.steps = StepBuffer()
        self.evaluations: list[Evaluated] = []  # on dev
        self.samples: list[DeviceSampled] = []
        self.rate_changes: list[RateChanged] = []
        self.transitions: CrfTransitions | None = None  # the last ones

    def extend(self, events: Sequence[Event]) -> None:
        """The same as adding them one by one, in less time."""
        self.steps.extend(event for event in events if isinstance(event, StepDone))
        for event in events:
            if not isinstance(event, StepDone):
                self.add(event)

    def add(self, event: Event) -> None:
        if isinstance(event, StepDone):
            self.steps.extend([event])
        elif isinstance(event, DeviceSampled):
            self.samples.append(event)
        elif isinstance(event, Evaluated):
            if event.split == "dev":
                self.evaluations.append(event)
        elif isinstance(event, RateChanged):
            self.rate_changes.append(event)
        elif isinstance(event, CrfTransitions):
            self.transitions = event

    def evaluation_axis(self, kind: Axis) -> Array:
        """Where the evaluations lie, (evaluations,)."""
        name = check_axis(kind)
        return np.array([getattr(evaluation, name) for evaluation in self.evaluations], dtype=float)

    def sample_axis(self, kind: Axis) -> Array:
        """Where the samples lie, (samples,), between the steps around them; NaN before the first step."""
        name = check_axis(kind)
        seconds = np.array([sample.seconds for sample in self.samples], dtype=float)
        steps = self.steps.snapshot()
        if name == "seconds":
            return seconds
        if not len(steps):
            return np.full(len(seconds), np.nan)
        return np.asarray(np.interp(seconds, steps.seconds, steps.axis(kind), left=np.nan))


def check_axis(kind: str) -> str:
    if kind not in AXES:
        raise ValueError(f"axis must be one of {', '.join(AXES)}, not {kind!r}")
    return kind
