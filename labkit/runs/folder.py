"""Run folder: names, readers and writers of its files, and its run's state in the queue.

    config.json                settings, time of creation, package versions and working directory
    events.jsonl               event log, one event a line (labkit/events.py)
    control.jsonl              requests to stop or to change a rate (control.py)
    output.log                 what the run's process prints; made by that process before its first event
    run.lock                   locked as long as the run has a process; empty
    summary.json               figures of the log, so that lists need not read it (summary.py)
    label.json                 name and note that a user gave the run; settings that it is named after without a name
    predictions.SPLIT.jsonl    scored sentences of dev or test (predictions.py)
    best/, last/               checkpoints, each with its tagger.json (labkit/model/checkpoint.py)
    trace.json.gz              operators of a profiled run (labkit/training/profiler.py)

The folder of runs also holds `.numbers`, `.lock` for the queue, and the lab's `.lab.json` (view_state.py).
"""

import logging
import math
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from labkit.config import RunConfig
from labkit.events import EVENTS_FILE, READ_ERRORS, Event, LineWriter, RunQueued, RunStarted, open_event_log
from labkit.file_lock import hold_lock, is_locked
from labkit.messages import N_, Message, decode_hook, encode_hook, message_of
from labkit.paths import atomic_write, require_dir
from labkit.runs.summary import FORMAT_VERSION, Summary

CONFIG = "config.json"
SUMMARY = "summary.json"
LABEL = "label.json"
OUTPUT = "output.log"  # the process that creates this file has the run
RUN_LOCK = "run.lock"
PREDICTIONS = "predictions.{split}.jsonl"
CHECKPOINTS = ("best", "last")
CHECKPOINT_SETTINGS = "tagger.json"  # in each checkpoint

NUMBERS_FILE = ".numbers"  # one a line, appended, so that several submitters need not wait for each other
LOCK_FILE = ".lock"  # held while runs of the queue are started or ended

# For a run whose process cannot be looked up: without locks on its file system, or on a machine that shares no locks.
SILENCE_TIMEOUT_S = 600.0

MAX_UNIX_TIME = 253_402_300_800.0  # Unix seconds, end of the year 9999: Python's calendar ends there

# A run as the queue sees it: from the start and end of its log. Run.state reads the whole log and says more.
#   created   not for the queue: a terminal trains it        Run.state: starting
#   queued    waiting for its turn                           Run.state: queued
#   starting  a process took it, and made its output         Run.state: starting
#   running   its first line is there, its process lives     Run.state: starting, then running once it has a plan
#   ended     its end is in the log, or no process of this   Run.state: completed, stopped, failed or interrupted;
#             machine is writing it                          running, where another machine's process may write it
QueueState = Literal["created", "queued", "starting", "running", "ended"]

_HEAD_BYTES = 4096  # holds the first two events
_TAIL_BYTES = 2**18  # holds the last event, whatever its details
_decoder: "msgspec.json.Decoder[Event]" = msgspec.json.Decoder(Event, dec_hook=decode_hook)

log = logging.getLogger(__name__)

T = TypeVar("T")
E = TypeVar("E")


class RunLabel(msgspec.Struct, frozen=True):
    """Name and note that a user gave a run. `problem` says why they cannot be read."""

    name: str = ""
    note: str = ""
    named_after: tuple[str, ...] | None = None  # settings that make its name without one of the user's; None: not yet
    problem: Message = Message("")


@dataclass(frozen=True)
class StoredConfig:
    """Content of config.json; `problem` says why it cannot be read."""

    config: RunConfig | None = None
    created: float | None = None  # Unix seconds
    versions: dict[str, str] | None = None
    problem: Message | None = None


def read_config(folder: Path) -> StoredConfig:
    """Reads config.json. Never raises: an error is described in `problem`."""
    names = {"run": folder.name, "file": CONFIG}
    try:
        document = _read_json(folder, CONFIG, dict[str, Any])
    except FileNotFoundError:
        text = N_("{run} has no {file}; it was never completed, or the file was deleted")
        return StoredConfig(problem=Message(text, **names))
    except ValueError as error:
        return StoredConfig(problem=message_of(error))
    created, versions, problem = parse_time(document.get("created")), document.get("versions"), None
    versions = versions if isinstance(versions, dict) else {}
    if created is None and "created" in document:
        problem = Message("{file} of {run} has no time in its field {field!r}", **names, field="created")
    try:
        return StoredConfig(RunConfig.from_dict(document["config"]), created, versions, problem)
    except KeyError:
        problem = Message("{file} of {run} has no field {field!r}", **names, field="config")
    except (TypeError, *READ_ERRORS) as error:
        problem = Message("the settings of {run} cannot be read: {why}", run=folder.name, why=message_of(error))
    return StoredConfig(None, created, versions, problem)


def is_run_folder(folder: Path) -> bool:
    """True if a folder holds a run, even a damaged one. An encoder's folder has a config.json as well."""
    if not os.path.isdir(folder):
        return False
    is_named_so = parse_run_number(folder) > 0
    return is_named_so or os.path.lexists(folder / EVENTS_FILE) or read_config(folder).config is not None


def parse_time(value: object) -> float | None:
    """Unix seconds if the value is a valid time, else None."""
    return float(value) if isinstance(value, int | float) and 0 <= value < MAX_UNIX_TIME else None


def read_label(folder: Path) -> RunLabel:
    """Reads label.json. Empty if there is none, with a `problem` if it cannot be read."""
    try:
        return _read_json(folder, LABEL, RunLabel)
    except FileNotFoundError:
        return RunLabel()
    except ValueError as error:
        return RunLabel(problem=message_of(error))


def write_label(folder: Path, label: RunLabel) -> None:
    """Writes label.json; other processes never see half of it."""
    with atomic_write(folder / LABEL) as temporary:
        fields = {"name": label.name, "note": label.note, "named_after": label.named_after}
        temporary.write_bytes(msgspec.json.encode(fields))


def read_summary(folder: Path) -> Summary | None:
    """Reads summary.json. None if it is missing, damaged, or older than the log."""
    try:
        summary = _read_json(folder, SUMMARY, Summary)
    except (FileNotFoundError, ValueError):
        return None
    usable = summary.format == FORMAT_VERSION and summary.is_final and summary.log_bytes == log_size(folder)
    return summary if usable else None


def write_summary(folder: Path) -> Summary:
    """Computes summary.json from the event log; a run does this last."""
    size, tail, summary = log_size(folder), open_event_log(folder), Summary()
    for event in tail.iter_events():
        summary.add(event)
    summary.skipped, summary.log_bytes = tail.skipped_lines, size
    with atomic_write(folder / SUMMARY) as temporary:
        temporary.write_bytes(msgspec.json.encode(summary, enc_hook=encode_hook))
    return summary


def store_summary(folder: Path, summary: Summary) -> None:
    """Writes a summary computed by a reader. A folder that cannot be written to is skipped."""
    try:
        with atomic_write(folder / SUMMARY) as temporary:
            temporary.write_bytes(msgspec.json.encode(summary, enc_hook=encode_hook))
    except OSError as error:
        log.debug("no %s in %s: %s", SUMMARY, folder, error)


def log_size(folder: Path) -> int:
    """Size of the event log in bytes. 0 if it cannot be read.

    Take it before reading the log, so that a summary never claims more events than it has.
    """
    try:
        return os.stat(f"{folder}/{EVENTS_FILE}").st_size
    except OSError:
        return 0


def age_s(path: Path) -> float:
    """Seconds since a file was last written, by this machine's clock. Infinite if missing."""
    try:
        return time.time() - os.stat(path).st_mtime
    except OSError:
        return math.inf


def _read_json(folder: Path, name: str, form: type[T]) -> T:
    """Reads a JSON file. Raises FileNotFoundError, and ValueError with a sentence for any other error."""
    try:
        with open(f"{folder}/{name}", "rb", buffering=0) as file:  # a Path and a buffer would double the time
            return msgspec.json.decode(file.read(), type=form, dec_hook=decode_hook)
    except FileNotFoundError:
        raise
    except READ_ERRORS as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ValueError(
            Message("{file} of {run} cannot be read: {why}", file=name, run=folder.name, why=why)
        ) from error


def parse_run_number(folder: Path) -> int:
    """Number in a folder's name: 12 for `run-0012`, 0 for any other name."""
    match = re.fullmatch(r"run-(\d+)", folder.name)
    return int(match[1]) if match else 0


def read_highest_number(runs: Path) -> int:
    """Highest run number recorded in a folder of runs. 0 if there is none."""
    with suppress(OSError):
        return max(map(int, re.findall(rb"^\d{1,9}$", (runs / NUMBERS_FILE).read_bytes(), re.MULTILINE)), default=0)
    return 0


def record_number(runs: Path, number: int) -> None:
    """Records a run number as used, so that it is never reused. An OSError is ignored."""
    with suppress(OSError), open(runs / NUMBERS_FILE, "ab", buffering=0) as file:
        file.write(b"\n%d\n" % number)  # begins with a line break, as a full disk may have torn the line before


def run_folders(runs: Path) -> list[Path]:
    """Run folders by number, oldest first; empty if `runs` does not exist."""
    with suppress(FileNotFoundError):
        return sorted((path for path in runs.iterdir() if parse_run_number(path)), key=parse_run_number)
    return []


def startable_folders(runs: Path) -> list[Path]:
    """Queued runs that this user may start or end, oldest first.

    Runs of other users of a shared folder are theirs to start. The settings of a run are written last, so a run without
    them is incomplete.
    """
    waiting = (folder for folder in run_folders(runs) if read_queue_state(folder) == "queued")
    return [folder for folder in waiting if os.path.lexists(folder / CONFIG) and os.access(folder, os.W_OK)]


def read_queue_state(folder: Path) -> QueueState:
    """Reads a run's queue state from its lock and log."""
    log = folder / EVENTS_FILE
    if os.path.lexists(folder / SUMMARY) or _has_end(log):  # most of a thousand runs have a summary
        return "ended"
    head = _read_chunk(log, _HEAD_BYTES)
    if _find_event(head, RunStarted):
        return "running" if has_live_process(folder) else "ended"
    if not _find_event(head, RunQueued):
        return "created"
    return "starting" if os.path.lexists(folder / OUTPUT) else "queued"


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Marks a run as live while this process is inside. May be nested."""
    require_dir(folder)
    with hold_lock(folder / RUN_LOCK, timeout_s=10.0, is_reentrant=True):
        yield


def has_process(folder: Path) -> bool | None:
    """True if a run has a process, by its lock. None if that cannot be told.

    A lock that is free says nothing of another machine's run, as few network file systems share locks. Runs of earlier
    versions have no lock.
    """
    locked, started = is_locked(folder / RUN_LOCK), read_started_event(folder)
    is_of_this_machine = started is None or started.host == socket.gethostname()
    return locked if locked or is_of_this_machine else None


def has_live_process(folder: Path) -> bool:
    """True if a run has a process, or may have one: its log has grown within SILENCE_TIMEOUT_S."""
    known = has_process(folder)
    return known if known is not None else age_s(folder / EVENTS_FILE) < SILENCE_TIMEOUT_S


def has_no_writer(folder: Path) -> bool:
    """True if certainly no process writes to a run's folder. Another machine's may still."""
    return _has_end(folder / EVENTS_FILE) or has_process(folder) is False


def read_started_event(folder: Path) -> RunStarted | None:
    """First event of the run's own process. None if there is none yet."""
    return _find_event(_read_chunk(folder / EVENTS_FILE, _HEAD_BYTES), RunStarted)


def append_event(folder: Path, event: Event) -> None:
    """Appends one event to a run's log. Raises OSError if it does not fit on the disk."""
    writer = LineWriter(folder / EVENTS_FILE)
    try:
        writer.write(event)
    finally:
        writer.close()


def _has_end(log: Path) -> bool:
    return b'{"kind":"run finished"' in _read_chunk(log, -_TAIL_BYTES)


def _read_chunk(log: Path, size: int) -> bytes:
    """First `size` bytes of a file, or the last ones if negative. Empty if it cannot be read."""
    with suppress(OSError), open(log, "rb") as file:
        if size < 0:
            file.seek(max(os.fstat(file.fileno()).st_size + size, 0))
        return file.read(abs(size))
    return b""


def _find_event(head: bytes, kind: type[E]) -> E | None:
    for line in head.splitlines():
        with suppress(*READ_ERRORS):
            event = _decoder.decode(line)
            if isinstance(event, kind):
                return event
    return None
