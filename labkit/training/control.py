"""Control requests to a training run: stop it, or change a learning rate.

They are read between two steps and applied at once.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from labkit.events import ControlRequest, Event, RateChanged, RateRequested, StopRequested, open_control_log
from labkit.training.distributed import SYNC_STEPS
from labkit.training.setup import TrainingSetup


class ControlReader:
    """Reads control requests from the run folder and applies them.

    Without a folder there are none.
    """

    def __init__(self, setup: TrainingSetup, folder: Path | None, seconds: Callable[[], float]):
        """
        Args:
            seconds: returns the age of the run, for its events.
        """
        self.is_stopping = False
        self._setup = setup
        self._controls = open_control_log(folder) if folder else None
        self._seconds = seconds
        self._pending_events: list[Event] = []

    def apply(self, step: int) -> Iterator[Event]:
        """Applies new requests after a step; yields the changes of rates."""
        for control in self._read(step):
            if isinstance(control, StopRequested):
                self.is_stopping = True
            elif isinstance(control, RateRequested):
                yield from self._set_rate(control, step)

    def should_stop(self, step: int) -> bool:
        """Returns True if an evaluation should be left.

        A rate requested meanwhile is set at once; its event waits for pop_pending_events.
        """
        if self._setup.accelerator.num_processes == 1:
            self._pending_events += self.apply(step)
        return self.is_stopping

    def pop_pending_events(self) -> list[Event]:
        """Removes and returns the events of changes made during an evaluation."""
        events, self._pending_events = self._pending_events, []
        return events

    def _read(self, step: int) -> list[ControlRequest]:
        accelerator = self._setup.accelerator
        if self._controls is None:
            return []
        if accelerator.num_processes == 1:
            return self._controls.read()
        if step % SYNC_STEPS:  # the exchange costs a transfer
            return []
        requests: list[list[ControlRequest]] = [self._controls.read() if accelerator.is_main_process else []]
        torch.distributed.broadcast_object_list(requests, src=0)
        return requests[0]

    def _set_rate(self, request: RateRequested, step: int) -> Iterator[RateChanged]:
        for group in self._setup.param_groups:
            if group.name == request.group:
                group.peak_rate = request.rate
                yield RateChanged(self._seconds(), step, group.name, request.rate)
