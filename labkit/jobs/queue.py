"""Whose turn it is: of the runs queued in a folder of runs, one at a time trains.

Nobody keeps the queue in memory. It is what the run folders say, looked at under a lock by whoever submits a run and by
every run's process when it ends, so it goes on without any notebook.
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

START_TIMEOUT_S = 60.0  # from a process to its first line on disk; a fresh interpreter on a busy machine takes seconds
_ORPHAN_TIMEOUT_S = 10.0  # the same, for a process whose starter was killed before it saw that line

_log = logging.getLogger(__name__)


def start_next(runs: Path) -> Path | None:
    """Starts the oldest queued run of the folder if none is live; returns its folder once its first line is on disk.

    None where nothing was to be started. A run that cannot be started ends as failed, and the next one gets its turn.
    """
    with queue_lock(runs):
        finish_cancelled(runs)
        _clean_up(runs)
        if any(_is_busy(folder) for folder in run_folders(runs)):
            return None
        return next((folder for folder in startable_folders(runs) if _start_run(folder)), None)


def cancel_queued(runs: Path) -> int:
    """Deletes the folders of the runs that have never started; returns how many."""
    with queue_lock(runs):
        waiting = startable_folders(runs)
        for folder in waiting:
            shutil.rmtree(folder, ignore_errors=True)  # one that cannot be deleted keeps none of the others
        return sum(not folder.exists() for folder in waiting)


def _clean_up(runs: Path) -> None:
    """Removes what kills have left aside."""
    clear_deleted_runs(runs)
    for folder in run_folders(runs):
        if has_leftovers(folder) and has_no_writer(folder):
            clear_leftovers(folder)


def _is_busy(folder: Path) -> bool:
    """Whether a run is live. One whose starter was killed half-way is given time for its first line.

    That is counted from when its output began, but not waited for longer than it takes: the file may be from a clock
    that is ahead.
    """
    deadline = time.monotonic() + _ORPHAN_TIMEOUT_S
    while (how := read_queue_state(folder)) == "starting":
        if age_s(folder / OUTPUT) > _ORPHAN_TIMEOUT_S or time.monotonic() > deadline:
            with suppress(OSError):  # another user's, in a shared folder; a full disk; a log that is no file
                append_event(folder, _build_startup_failure(folder))
            return False
        time.sleep(0.01)
    return how == "running"


def _start_run(folder: Path) -> bool:
    """Whether the run's process came up; where not, the run ends as failed, with the reason."""
    try:
        about = json.loads((folder / CONFIG).read_bytes())
        pid = start_process(
            RUN_TRAINING, str(folder), output=folder / OUTPUT, after=CONTINUE_QUEUE, cwd=about.get("cwd", "")
        )
    except (AttributeError, *READ_ERRORS) as error:
        _log.warning("%s could not be started: %s", folder.name, error)
        with suppress(OSError):  # the folder was deleted meanwhile, or its log is no file
            append_event(folder, build_failure(folder, str(error)))
        return False
    return _wait_for_start(folder, pid)


def _wait_for_start(folder: Path, pid: int) -> bool:
    """Waits for the process's first line; ends the run as failed if the process ends without it."""
    born = process_start_time(pid)
    deadline = time.monotonic() + START_TIMEOUT_S
    while born and is_process_alive(pid, born) and time.monotonic() < deadline:
        if _poll_first_event(folder):
            return read_started_event(folder) is not None
    if read_queue_state(folder) == "starting":
        if born and is_process_alive(pid, born):
            os.kill(pid, signal.SIGTERM)
        append_event(folder, _build_startup_failure(folder))
    return read_started_event(folder) is not None


def _poll_first_event(folder: Path, attempts: int = 10) -> bool:
    for _ in range(attempts):
        if read_queue_state(folder) != "starting":
            return True
        time.sleep(0.001)
    return False


def _build_startup_failure(folder: Path) -> RunFinished:
    output = ""
    with suppress(OSError):
        output = (folder / OUTPUT).read_bytes()[-8000:].decode("utf-8", "replace").strip()
    said = output.splitlines()[-1].strip() if output else "it printed nothing; perhaps it was killed for want of memory"
    return build_failure(folder, f"The run's process ended before it could begin: {said}", output)
