"""The curves of a run: its steps as numpy columns that grow cheaply while it is live, and what else has a time."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from labkit.events import DeviceSampled, Evaluated, Event, RateChanged, StepDone

Array = npt.NDArray[np.float64]
Axis = Literal["step", "epoch", "tokens", "seconds"]
AXES: tuple[Axis, ...] = ("step", "epoch", "tokens", "seconds")


class Column:
    """Numbers that arrive one by one and are read as an array; what was None reads as NaN.

    Arrived numbers wait in a list, and are moved into a doubling buffer in one go when somebody looks: a hundred times
    cheaper than setting array elements, and nothing is converted twice.
    """

    def __init__(self, absent: int = 0):
        """Starts with so many NaN, for a figure that was first told later than others."""
        self._buffer = np.full(absent, np.nan)
        self._size = absent
        self._waiting: list[float | None] = []

    def __len__(self) -> int:
        return self._size + len(self._waiting)

    def append(self, number: float | None) -> None:
        self._waiting.append(number)

    def array(self) -> Array:
        """All numbers so far, (numbers,), read-only; later numbers do not show up in it."""
        if self._waiting:
            arrived, self._waiting = self._waiting, []
            self._make_room(self._size + len(arrived))
            self._buffer[self._size : self._size + len(arrived)] = arrived  # numpy reads None as NaN
            self._size += len(arrived)
        view = self._buffer[: self._size]
        view.flags.writeable = False
        return view

    def _make_room(self, size: int) -> None:
        if size > len(self._buffer):
            grown = np.full(max(size, 2 * len(self._buffer), 256), np.nan)
            grown[: self._size] = self._buffer[: self._size]
            self._buffer = grown


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
        return np.asarray(getattr(self, checked_axis(kind)))


class StepColumns:
    """Collects StepDone events into columns."""

    def __init__(self) -> None:
        self._plain = {name: Column() for name in ("step", "epoch", "loss", "tokens", "seconds")}
        self._rates: dict[str, Column] = {}
        self._norms: dict[str, Column] = {}
        self._size = 0
        self._taken: Steps | None = None

    def append(self, event: StepDone) -> None:
        plain = self._plain
        plain["step"].append(event.step)
        plain["epoch"].append(event.epoch)
        plain["loss"].append(event.loss)
        plain["tokens"].append(event.tokens)
        plain["seconds"].append(event.seconds)
        self._append(self._rates, event.rates)
        self._append(self._norms, event.gradient_norms)
        self._size += 1
        self._taken = None

    def _append(self, columns: dict[str, Column], figures: dict[str, float] | dict[str, float | None]) -> None:
        for name in figures:
            if name not in columns:
                columns[name] = Column(absent=self._size)
        for name, column in columns.items():
            column.append(figures.get(name))

    def snapshot(self) -> Steps:
        """The columns as they are now; the same object until another step arrives."""
        if self._taken is None:
            self._taken = Steps(
                **{name: column.array() for name, column in self._plain.items()},
                rates={name: column.array() for name, column in self._rates.items()},
                gradient_norms={name: column.array() for name, column in self._norms.items()},
            )
        return self._taken


class Curves:
    """All that a run's events tell beyond its summary."""

    def __init__(self) -> None:
        self.steps = StepColumns()
        self.evaluations: list[Evaluated] = []  # on dev
        self.samples: list[DeviceSampled] = []
        self.rate_changes: list[RateChanged] = []

    def add(self, event: Event) -> None:
        if isinstance(event, StepDone):
            self.steps.append(event)
        elif isinstance(event, DeviceSampled):
            self.samples.append(event)
        elif isinstance(event, Evaluated):
            if event.part == "dev":
                self.evaluations.append(event)
        elif isinstance(event, RateChanged):
            self.rate_changes.append(event)

    def evaluation_axis(self, kind: Axis) -> Array:
        """Where the evaluations lie, (evaluations,)."""
        name = checked_axis(kind)
        return np.array([getattr(evaluation, name) for evaluation in self.evaluations], dtype=float)

    def sample_axis(self, kind: Axis) -> Array:
        """Where the samples lie, (samples,), between the steps around them; NaN before the first step."""
        name = checked_axis(kind)
        seconds = np.array([sample.seconds for sample in self.samples], dtype=float)
        steps = self.steps.snapshot()
        if name == "seconds":
            return seconds
        if not len(steps):
            return np.full(len(seconds), np.nan)
        return np.asarray(np.interp(seconds, steps.seconds, steps.axis(kind), left=np.nan))


def checked_axis(kind: str) -> str:
    if kind not in AXES:
        raise ValueError(f"axis must be one of {', '.join(AXES)}, not {kind!r}")
    return kind
