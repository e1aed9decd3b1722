"""What the lab asks of a run while it trains, to stop or another rate: heard between two steps and done at once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from labkit.events import ControlRequest, Event, RateChanged, RateRequested, StopRequested, open_control_log
from labkit.training.distributed import MEETING_STEPS
from labkit.training.setup import Workshop, thaw


class Listener:
    """Does what is asked for in the run folder; without a folder nothing is."""

    def __init__(self, shop: Workshop, folder: Path | None, seconds: Callable[[], float]):
        """`seconds` tells how old the run is, for its events."""
        self.stopping = False
        self._shop = shop
        self._controls = open_control_log(folder) if folder else None
        self._seconds = seconds
        self._untold: list[Event] = []

    def obey(self, step: int) -> Iterator[Event]:
        """After a step: does what was asked since the last look, and tells what it changed."""
        for control in self._heard(step):
            if isinstance(control, StopRequested):
                self.stopping = True
            elif isinstance(control, RateRequested):
                yield from self._set_rate(control, step)

    def stop_asked(self, step: int) -> bool:
        """During an evaluation: whether to leave it. A rate asked for meanwhile is set at once, and told after it."""
        if self._shop.accelerator.num_processes == 1:
            self._untold += self.obey(step)
        return self.stopping

    def untold(self) -> list[Event]:
        """What was changed during an evaluation, to be told after it, once."""
        told, self._untold = self._untold, []
        return told

    def _heard(self, step: int) -> list[ControlRequest]:
        accelerator = self._shop.accelerator
        if self._controls is None:
            return []
        if accelerator.num_processes == 1:
            return self._controls.read()
        if step % MEETING_STEPS:  # asking the others costs a transfer
            return []
        told: list[list[ControlRequest]] = [self._controls.read() if accelerator.is_main_process else []]
        torch.distributed.broadcast_object_list(told, src=0)
        return told[0]

    def _set_rate(self, asked: RateRequested, step: int) -> Iterator[RateChanged]:
        for group in self._shop.groups:
            if group.name == asked.group:
                group.peak = asked.rate
                if group.name == "encoder" and asked.rate > 0:
                    thaw(self._shop.tagger)
                yield RateChanged(self._seconds(), step, group.name, asked.rate)
