"""Control requests to a run: stop, or another learning rate, appended to its `control.jsonl`.

The run's process reads them between two steps (labkit/training/control.py). A queued run has no process yet, so it is
ended from here, under the lock of the queue.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labkit.events import (
    CONTROL_FILE,
    ControlRequest,
    LineWriter,
    ParamGroupsBuilt,
    RateRequested,
    RunFinished,
    StopRequested,
    open_control_log,
    open_event_log,
)
from labkit.file_lock import hold_lock
from labkit.messages import N_, Message
from labkit.runs.folder import LOCK_FILE, append_event, is_run_folder, read_queue_state, startable_folders


def stop(folder: Path) -> None:
    """Asks a run to end after its current step, keeping its model. A queued one never starts.

    Raises ValueError if there is no run in the folder.
    """
    _append_request(folder, StopRequested())
    if read_queue_state(folder) == "queued":
        with queue_lock(folder.parent):
            finish_cancelled(folder.parent)


def set_rate(folder: Path, group: str, rate: float) -> None:
    """Asks a run for another peak learning rate of a parameter group.

    Raises ValueError for an unknown group, for a rate that is negative or not finite, and if there is no run. Any
    group is accepted until the run has built its groups.
    """
    if not (math.isfinite(rate) and rate >= 0):
        text = N_("rate of {group} must be a number of at least 0, not {rate}")
        raise ValueError(Message(text, group=group, rate=repr(rate)))
    events = open_event_log(folder).iter_events()
    built = next((event.groups for event in events if isinstance(event, ParamGroupsBuilt)), [])
    known = [info.name for info in built]
    if known and group not in known:
        raise ValueError(Message("group must be one of {groups}, not {group!r}", groups=", ".join(known), group=group))
    _append_request(folder, RateRequested(group, float(rate)))


def finish_cancelled(runs: Path) -> None:
    """Ends the queued runs that were asked to stop, without starting any. The caller holds `queue_lock`."""
    for folder in startable_folders(runs):
        if any(isinstance(request, StopRequested) for request in open_control_log(folder).read()):
            with suppress(OSError):  # a full disk: the next call tries again
                append_event(folder, RunFinished(0.0, "stopped", 0, Message("Cancelled before it began.")))


@contextmanager
def queue_lock(runs: Path) -> Iterator[None]:
    """Holds the lock between processes on a folder's queue."""
    runs.mkdir(parents=True, exist_ok=True)
    with hold_lock(runs / LOCK_FILE):
        yield


def _append_request(folder: Path, request: ControlRequest) -> None:
    if not is_run_folder(folder):
        raise ValueError(Message("folder must be a run's, but there is no run in {folder}", folder=str(folder)))
    writer = LineWriter(folder / CONTROL_FILE)
    try:
        writer.write(request)
    finally:
        writer.close()
