"""Run queue on disk: of the runs queued in a folder, one at a time trains.

No process keeps the queue in memory: it is the state of the run folders, read under a file lock. Whoever adds a run
asks the fork server for a process, which claims the oldest queued run unless another run is live. When that process has
ended, even by a kill, the server starts another. So the queue goes on without any notebook.
"""

import json
import logging
import os
import shutil
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from labkit.events import READ_ERRORS, RunFinished
from labkit.jobs.fork_client import Call
from labkit.messages import Message, message_of
from labkit.runs.control import finish_cancelled, queue_lock
from labkit.runs.folder import (
    CONFIG,
    OUTPUT,
    append_event,
    has_live_process,
    has_no_writer,
    read_queue_state,
    read_started_event,
    run_folders,
    run_lock,
    startable_folders,
)
from labkit.runs.leftovers import clear_deleted_runs, clear_leftovers, has_leftovers

START_TIMEOUT_S = 120.0  # until a run is claimed: a cold server on a busy machine imports torch for a minute

_log = logging.getLogger(__name__)
_claimed = ExitStack()  # holds the lock of this process's run until the process ends


def start_next(runs: Path) -> Path | None:
    """Starts the oldest queued run if none is live; returns its folder.

    Returns once the run has a process. A run that cannot be started ends as failed, and the next one is tried. Also
    removes what killed processes have left in run folders. Raises OSError if no process can be started.
    """
    call = _request_start(runs)
    return _wait_for_claim(runs, call) if call else None


def start_soon(runs: Path) -> None:
    """Starts the oldest queued run like `start_next`, without waiting. This process may then end."""
    if call := _request_start(runs):
        threading.Thread(target=_wait_for_claim, args=(runs, call), name="labkit-queue", daemon=True).start()


def cancel_queued(runs: Path) -> int:
    """Deletes the folders of the queued runs; returns their number."""
    with queue_lock(runs):
        waiting = startable_folders(runs)
        for folder in waiting:
            shutil.rmtree(folder, ignore_errors=True)  # an error does not keep the others
        return sum(not folder.exists() for folder in waiting)


def claim_next(runs: str) -> str | None:
    """Claims the oldest queued run for this process; returns its folder. None if a run is live, or none is queued."""
    with queue_lock(Path(runs)):
        finish_cancelled(Path(runs))
        if any(_is_busy(folder) for folder in run_folders(Path(runs))):
            return None
        return next((str(folder) for folder in startable_folders(Path(runs)) if _claim(folder)), None)


def build_failure(folder: Path, reason: Message, details: str = "") -> RunFinished:
    """Builds the final event of a run whose process wrote none."""
    started = read_started_event(folder)
    seconds = time.time() - started.time if started else 0.0
    hint = Message("All that it printed is in {file} of its folder.", file=OUTPUT)
    return RunFinished(seconds, "failed", 0, reason, hint, details)


def _request_start(runs: Path) -> Call | None:
    with queue_lock(runs):
        finish_cancelled(runs)
        clear_deleted_runs(runs)
        for folder in run_folders(runs):
            if has_leftovers(folder) and has_no_writer(folder):
                clear_leftovers(folder)
        if not startable_folders(runs):
            return None
    return Call(f"{__name__}:claim_next", str(runs), then="labkit.jobs.worker:train", timeout_s=START_TIMEOUT_S)


def _wait_for_claim(runs: Path, call: Call) -> Path | None:
    """Waits for the folder that was claimed. If labkit cannot be imported there, the oldest run ends as failed."""
    try:
        folder = call.value()
        return Path(folder) if folder else None
    except OSError as error:
        _log.warning("the queue of %s has not started a run: %s", runs, error)
    except (RuntimeError, ValueError) as error:
        with queue_lock(runs):
            for folder in startable_folders(runs)[:1]:
                reason = Message("its process could not begin: {problem}", problem=message_of(error))
                append_event(folder, build_failure(folder, reason))
    return None


def _is_busy(folder: Path) -> bool:
    """True if a run has a process. One whose process ended before its first event ends as failed."""
    state = read_queue_state(folder)
    if state == "starting" and not has_live_process(folder):
        if read_queue_state(folder) == "starting":  # otherwise it has begun and ended meanwhile
            with suppress(OSError):  # another user's run, a full disk, a log that is not a file
                append_event(folder, _build_startup_failure(folder))
        return False
    return state in ("starting", "running")


def _claim(folder: Path) -> bool:
    """Gives a run this process: its lock, output and working directory. On an error the run ends as failed."""
    try:
        cwd = json.loads((folder / CONFIG).read_bytes()).get("cwd", "")
        _claimed.enter_context(run_lock(folder))
        _redirect_output(folder / OUTPUT)
        with suppress(OSError, TypeError):
            os.chdir(cwd)
        return True
    except (AttributeError, *READ_ERRORS) as error:
        _log.warning("%s could not be started: %s", folder.name, error)
        with suppress(OSError):  # the folder was deleted meanwhile, or its log is not a file
            append_event(folder, build_failure(folder, message_of(error)))
        _claimed.close()
        return False


def _redirect_output(path: Path) -> None:
    """Redirects standard output and error to a new file. Raises FileExistsError if another process made it."""
    with open(path, "xb") as file, open(os.devnull, "rb") as null:
        for source, target in ((null, 0), (file, 1), (file, 2)):
            os.dup2(source.fileno(), target)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            encoding="utf-8", errors="backslashreplace", line_buffering=True
        )


def _build_startup_failure(folder: Path) -> RunFinished:
    output = ""
    with suppress(OSError):
        output = (folder / OUTPUT).read_bytes()[-8000:].decode("utf-8", "replace").strip()
    why = Message(output.splitlines()[-1].strip() if output else "it printed nothing; perhaps it ran out of memory")
    return build_failure(folder, Message("The run's process ended before it could begin: {why}", why=why), output)
