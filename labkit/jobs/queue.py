"""Run queue on disk: of the runs queued in a folder, one at a time trains.

No process keeps the queue in memory: it is the state of the run folders, read under a file lock when a run is submitted
and by every run's process when it ends. So it goes on without any notebook.
"""

import json
import logging
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from labkit.events import READ_ERRORS, RunFinished
from labkit.jobs.subprocesses import start_process
from labkit.jobs.worker import CONTINUE_QUEUE, RUN_TRAINING, build_failure
from labkit.liveness import is_process_alive, process_start_time
from labkit.messages import Message, message_of
from labkit.runs.control import finish_cancelled, queue_lock
from labkit.runs.folder import (
    CONFIG,
    OUTPUT,
    age_s,
    append_event,
    has_no_writer,
    read_queue_state,
    read_started_event,
    run_folders,
    startable_folders,
)
from labkit.runs.leftovers import clear_deleted_runs, clear_leftovers, has_leftovers

START_TIMEOUT_S = 60.0  # from a process to its first event on disk; a fresh interpreter on a busy machine takes seconds
_POLLS_PER_PROCESS_CHECK = 10  # reading the log is cheaper than looking up the process
_ORPHAN_TIMEOUT_S = 10.0  # the same, for a process whose starter was killed before that event

_log = logging.getLogger(__name__)


def start_next(runs: Path) -> Path | None:
    """Starts the oldest queued run if none is running; returns its folder.

    Returns once its first event is on disk; None if there was nothing to start. A run that cannot be started ends as
    failed, and the next one is tried. Also removes what killed processes have left in run folders.
    """
    with queue_lock(runs):
        finish_cancelled(runs)
        clear_deleted_runs(runs)
        for folder in run_folders(runs):
            if has_leftovers(folder) and has_no_writer(folder):
                clear_leftovers(folder)
        if any(_is_busy(folder) for folder in run_folders(runs)):
            return None
        return next((folder for folder in startable_folders(runs) if _start_run(folder)), None)


def cancel_queued(runs: Path) -> int:
    """Deletes the folders of the queued runs; returns their number."""
    with queue_lock(runs):
        waiting = startable_folders(runs)
        for folder in waiting:
            shutil.rmtree(folder, ignore_errors=True)  # an error does not keep the others
        return sum(not folder.exists() for folder in waiting)


def _is_busy(folder: Path) -> bool:
    """True if a run has a process. One that is starting is awaited.

    Its starter was killed, as it would hold the lock. The process has _ORPHAN_TIMEOUT_S from the creation of its output
    to its first event, but is not awaited for longer than that: the file may be from a clock that is ahead.
    """
    deadline = time.monotonic() + _ORPHAN_TIMEOUT_S
    while (state := read_queue_state(folder)) == "starting":
        if age_s(folder / OUTPUT) > _ORPHAN_TIMEOUT_S or time.monotonic() > deadline:
            with suppress(OSError):  # another user's run, a full disk, a log that is not a file
                append_event(folder, _build_startup_failure(folder))
            return False
        time.sleep(0.01)
    return state == "running"


def _start_run(folder: Path) -> bool:
    """Starts a run's process; True if it wrote its first event. Otherwise the run ends as failed."""
    try:
        cwd = json.loads((folder / CONFIG).read_bytes()).get("cwd", "")
        pid = start_process(RUN_TRAINING, str(folder), output=folder / OUTPUT, after=CONTINUE_QUEUE, cwd=cwd)
    except (AttributeError, *READ_ERRORS) as error:
        _log.warning("%s could not be started: %s", folder.name, error)
        with suppress(OSError):  # the folder was deleted meanwhile, or its log is not a file
            append_event(folder, build_failure(folder, message_of(error)))
        return False
    return _wait_for_start(folder, pid)


def _wait_for_start(folder: Path, pid: int) -> bool:
    """Waits for the first event of a run's process. The run ends as failed if there is none."""
    started_at = process_start_time(pid)
    deadline = time.monotonic() + START_TIMEOUT_S
    while started_at and is_process_alive(pid, started_at) and time.monotonic() < deadline:
        for _ in range(_POLLS_PER_PROCESS_CHECK):
            if read_queue_state(folder) != "starting":
                return read_started_event(folder) is not None
            time.sleep(0.001)
    if read_queue_state(folder) == "starting":
        if started_at and is_process_alive(pid, started_at):
            os.kill(pid, signal.SIGTERM)
        append_event(folder, _build_startup_failure(folder))
    return read_started_event(folder) is not None


def _build_startup_failure(folder: Path) -> RunFinished:
    output = ""
    with suppress(OSError):
        output = (folder / OUTPUT).read_bytes()[-8000:].decode("utf-8", "replace").strip()
    why = Message(output.splitlines()[-1].strip() if output else "it printed nothing; perhaps it ran out of memory")
    return build_failure(folder, Message("The run's process ended before it could begin: {why}", why=why), output)
