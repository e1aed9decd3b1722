"""What the lab asks of a run while it trains, to stop or another rate: heard between two steps and done at once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from labkit.events import ControlRequest, Event, RateChanged, RateRequested, StopRequested, open_control_log
from labkit.training.distributed import SYNC_STEPS
from labkit.training.setup import TrainingSetup, unfreeze_encoder


class ControlReader:
    """Does what is asked for in the run folder; without a folder nothing is."""

    def __init__(self, setup: TrainingSetup, folder: Path | None, seconds: Callable[[], float]):
        """`seconds` tells how old the run is, for its events."""
        self.is_stopping = False
        self._setup = setup
        self._controls = open_control_log(folder) if folder else None
        self._seconds = seconds
        self._pending_events: list[Event] = []

    def apply(self, step: int) -> Iterator[Event]:
        """After a step: does what was asked since the last look, and tells what it changed."""
        for control in self._read(step):
            if isinstance(control, StopRequested):
                self.is_stopping = True
            elif isinstance(control, RateRequested):
                yield from self._set_rate(control, step)

    def should_stop(self, step: int) -> bool:
        """During an evaluation: whether to leave it. A rate asked for meanwhile is set at once, and told after it."""
        if self._setup.accelerator.num_processes == 1:
            self._pending_events += self.apply(step)
        return self.is_stopping

    def pop_pending_events(self) -> list[Event]:
        """What was changed during an evaluation, to be told after it, once."""
        told, self._pending_events = self._pending_events, []
        return told

    def _read(self, step: int) -> list[ControlRequest]:
        accelerator = self._setup.accelerator
        if self._controls is None:
            return []
        if accelerator.num_processes == 1:
            return self._controls.read()
        if step % SYNC_STEPS:  # asking the others costs a transfer
            return []
        told: list[list[ControlRequest]] = [self._controls.read() if accelerator.is_main_process else []]
        torch.distributed.broadcast_object_list(told, src=0)
        return told[0]

    def _set_rate(self, request: RateRequested, step: int) -> Iterator[RateChanged]:
        for group in self._setup.param_groups:
            if group.name == request.group:
                group.peak_rate = request.rate
                if group.name == "encoder" and request.rate > 0:
                    unfreeze_encoder(self._setup.tagger)
                yield RateChanged(self._seconds(), step, group.name, request.rate)
