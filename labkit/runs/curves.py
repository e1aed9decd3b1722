"""Curves of a run: growing numpy columns of its steps, evaluations and device samples."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Literal

import numpy as np
import numpy.typing as npt

from labkit.events import (
    CrfTransitions,
    DeviceSampled,
    Evaluated,
    Event,
    PathsCompleted,
    RateChanged,
    StepDone,
    WeightsMoved,
)
from labkit.messages import N_, Message

FloatArray = npt.NDArray[np.float64]
Axis = Literal["step", "epoch", "tokens", "seconds"]
AXES: tuple[Axis, ...] = N_(("step", "epoch", "tokens", "seconds"))
MAX_PENDING = 1024  # events
_EMPTY = np.empty(0)


class GrowingArray:
    """Append-only float array in a doubling buffer; None becomes NaN."""

    def __init__(self, num_missing: int = 0):
        """Starts with `num_missing` NaN, for a figure that begins later than others."""
        self._buffer = np.full(num_missing, np.nan) if num_missing else _EMPTY
        self._size = num_missing

    def extend(self, numbers: list[float | None]) -> None:
        """Appends numbers."""
        size = self._size + len(numbers)
        if size > len(self._buffer):
            grown = np.full(max(size, 2 * len(self._buffer), 256), np.nan)
            grown[: self._size] = self._buffer[: self._size]
            self._buffer = grown
        self._buffer[self._size : size] = numbers  # numpy reads None as NaN
        self._size = size

    def array(self) -> FloatArray:
        """Read-only view of all numbers so far, (numbers,); it does not grow."""
        view = self._buffer[: self._size]
        view.flags.writeable = False
        return view


@dataclass(frozen=True)
class Steps:
    """Steps of a run at one moment: read-only arrays (steps,), NaN where missing."""

    step: FloatArray
    epoch: FloatArray
    loss: FloatArray  # per word
    tokens: FloatArray  # seen so far
    seconds: FloatArray  # since the start of the run
    rates: dict[str, FloatArray] = field(default_factory=dict)  # by group
    gradient_norms: dict[str, FloatArray] = field(default_factory=dict)  # by group, before clipping

    def __len__(self) -> int:
        return len(self.step)

    def axis(self, kind: Axis) -> FloatArray:
        """Positions of the steps on an axis, (steps,). Raises ValueError for an unknown axis."""
        return np.asarray(getattr(self, check_axis(kind)))


class StepBuffer:
    """Column buffer of StepDone events.

    New events wait in a list and are moved into the columns together when a snapshot is taken: ten times cheaper than
    one by one. At most MAX_PENDING wait, as Python's garbage collector visits every object kept.
    """

    def __init__(self) -> None:
        self._scalars = {name: GrowingArray() for name in ("step", "epoch", "loss", "tokens", "seconds")}
        self._rates: dict[str, GrowingArray] = {}
        self._norms: dict[str, GrowingArray] = {}
        self._size = 0  # of the columns
        self._pending: list[StepDone] = []
        self._snapshot: Steps | None = None

    def extend(self, events: Iterable[StepDone]) -> None:
        """Appends steps."""
        self._pending.extend(events)
        self._snapshot = None
        if len(self._pending) >= MAX_PENDING:
            self._flush()

    def _flush(self) -> None:
        events, self._pending = self._pending, []
        for name, column in self._scalars.items():
            column.extend(list(map(attrgetter(name), events)))
        self._extend_by_group(self._rates, [event.rates for event in events])
        self._extend_by_group(self._norms, [event.gradient_norms for event in events])
        self._size += len(events)

    def _extend_by_group(self, columns: dict[str, GrowingArray], rows: Sequence[Mapping[str, float | None]]) -> None:
        for name in dict.fromkeys(chain.from_iterable(rows)):
            if name not in columns:
                columns[name] = GrowingArray(num_missing=self._size)
        for name, column in columns.items():
            column.extend([row.get(name) for row in rows])

    def snapshot(self) -> Steps:
        """Steps so far; the same object until another step arrives."""
        if self._snapshot is None:
            self._flush()
            self._snapshot = Steps(
                **{name: column.array() for name, column in self._scalars.items()},
                rates={name: column.array() for name, column in self._rates.items()},
                gradient_norms={name: column.array() for name, column in self._norms.items()},
            )
        return self._snapshot


class RunCurves:
    """Time series of a run: all of its events that are not in the summary."""

    def __init__(self) -> None:
        self.steps = StepBuffer()
        self.evaluations: list[Evaluated] = []  # on dev
        self.samples: list[DeviceSampled] = []
        self.rate_changes: list[RateChanged] = []
        self.transitions: CrfTransitions | None = None  # the last ones
        self.moves: list[WeightsMoved] = []
        self.paths: PathsCompleted | None = None

    def extend(self, events: Sequence[Event]) -> None:
        """Adds events, faster than one by one."""
        self.steps.extend(event for event in events if isinstance(event, StepDone))
        for event in events:
            if not isinstance(event, StepDone):
                self.add(event)

    def add(self, event: Event) -> None:
        """Adds one event."""
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
        elif isinstance(event, WeightsMoved):
            self.moves.append(event)
        elif isinstance(event, PathsCompleted):
            self.paths = event

    def evaluation_axis(self, kind: Axis) -> FloatArray:
        """Positions of the dev evaluations on an axis, (evaluations,)."""
        name = check_axis(kind)
        return np.array([getattr(evaluation, name) for evaluation in self.evaluations], dtype=float)

    def sample_axis(self, kind: Axis) -> FloatArray:
        """Positions of the device samples, interpolated between steps, (samples,). NaN before the first step."""
        name = check_axis(kind)
        seconds = np.array([sample.seconds for sample in self.samples], dtype=float)
        steps = self.steps.snapshot()
        if name == "seconds":
            return seconds
        if not len(steps):
            return np.full(len(seconds), np.nan)
        return np.asarray(np.interp(seconds, steps.seconds, steps.axis(kind), left=np.nan))


def check_axis(kind: str) -> str:
    """Returns the name of an axis. Raises ValueError for an unknown one."""
    if kind not in AXES:
        raise ValueError(Message("axis must be one of {axes}, not {axis!r}", axes=", ".join(AXES), axis=kind))
    return kind
