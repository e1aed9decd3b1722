"""Run folder: names, readers and writers of its files, and its run's state in the queue.

    config.json                settings, time, package versions and folder that the run was asked for with
    events.jsonl               event log, one event a line (labkit/events.py)
    control.jsonl              requests to stop or to change a rate (control.py)
    output.log                 what the run's process prints; made by that process before its first event
    summary.json               figures of the log, so that lists need not read it (summary.py)
    label.json                 name and note that a user gave the run
    predictions.SPLIT.jsonl    scored sentences of dev or test (predictions.py)
    best/, last/               checkpoints, each with its tagger.json (labkit/model/checkpoint.py)
    trace.json.gz              operators of a profiled run (labkit/training/profiler.py)

The folder of runs also holds `.numbers`, `.lock` for the queue, and the lab's `.lab.json` (view_state.py).
"""

import logging
import math
import os
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from labkit.config import RunConfig
from labkit.events import EVENTS_FILE, READ_ERRORS, Event, LineWriter, RunQueued, RunStarted, open_event_log
from labkit.liveness import is_running
from labkit.runs.summary import FORMAT_VERSION, Summary

CONFIG = "config.json"
SUMMARY = "summary.json"
LABEL = "label.json"
OUTPUT = "output.log"  # whoever makes this file is the run's process
PREDICTIONS = "predictions.{split}.jsonl"
CHECKPOINTS = ("best", "last")
CHECKPOINT_SETTINGS = "tagger.json"  # in each checkpoint

NUMBERS_FILE = ".numbers"  # one a line, appended, so that several who submit need not wait for each other
LOCK_FILE = ".lock"  # held by whoever starts or ends runs of the queue

MAX_UNIX_TIME = 253_402_300_800.0  # Unix seconds; nobody's calendar has later times than the year 9999

# A run as the queue sees it: from the start and end of its log. Run.state reads the whole log and says more.
#   created   not for the queue: a terminal trains it        Run.state: starting
#   queued    waiting for its turn                           Run.state: queued
#   starting  a process took it, and made its output         Run.state: starting
#   running   its first line is there, its process lives     Run.state: starting, then running once it has a plan
#   ended     its end is in the log, or no process of this   Run.state: completed, stopped, failed or interrupted;
#             machine is writing it                          running, where another machine's process may write it
QueueState = Literal["created", "queued", "starting", "running", "ended"]

_HEAD_BYTES = 4096  # holds the two first events
_TAIL_BYTES = 2**18  # holds the last event, whatever its details
_decoder: "msgspec.json.Decoder[Event]" = msgspec.json.Decoder(Event)

log = logging.getLogger(__name__)

T = TypeVar("T")
E = TypeVar("E")


class RunLabel(msgspec.Struct, frozen=True):
    """What a user wrote on a run. `problem` is a sentence where that cannot be read."""

    name: str = ""
    note: str = ""
    problem: str = ""


@dataclass(frozen=True)
class StoredConfig:
    """What was asked for: the content of config.json. `problem` is a sentence where it cannot be read."""

    config: RunConfig | None = None
    created: float | None = None  # Unix seconds
    versions: dict[str, str] | None = None
    problem: str | None = None


def read_config(folder: Path) -> StoredConfig:
    """Never raises; says in `problem` what is wrong with the file."""
    try:
        document = _read_json(folder, CONFIG, dict[str, Any])
    except FileNotFoundError:
        return StoredConfig(problem=f"{folder.name} has no {CONFIG}; it was not made whole, or has lost it")
    except ValueError as error:
        return StoredConfig(problem=str(error))
    created, versions, problem = parse_time(document.get("created")), document.get("versions"), None
    versions = versions if isinstance(versions, dict) else {}
    if created is None and "created" in document:
        problem = f"{CONFIG} of {folder.name} has no time in its field 'created'"
    try:
        return StoredConfig(RunConfig.from_dict(document["config"]), created, versions, problem)
    except KeyError:
        problem = f"{CONFIG} of {folder.name} has no field 'config'"
    except (TypeError, *READ_ERRORS) as error:
        problem = f"the settings of {folder.name} cannot be read: {error}"
    return StoredConfig(None, created, versions, problem)


def is_run_folder(folder: Path) -> bool:
    """Whether a folder is a run's, be it damaged: an encoder's has a config.json as well."""
    if not os.path.isdir(folder):
        return False
    return (
        parse_run_number(folder) > 0 or os.path.lexists(folder / EVENTS_FILE) or read_config(folder).config is not None
    )


def parse_time(value: object) -> float | None:
    """Unix seconds that a calendar has, or None."""
    return float(value) if isinstance(value, int | float) and 0 <= value < MAX_UNIX_TIME else None


def read_label(folder: Path) -> RunLabel:
    """An empty one where there is none; of one that cannot be read it is told why."""
    try:
        return _read_json(folder, LABEL, RunLabel)
    except FileNotFoundError:
        return RunLabel()
    except ValueError as error:
        return RunLabel(problem=str(error))


def write_label(folder: Path, label: RunLabel) -> None:
    write_atomically(folder / LABEL, msgspec.json.encode({"name": label.name, "note": label.note}))


def read_summary(folder: Path) -> Summary | None:
    """The stored summary, or None where there is none, it is damaged, or the log has changed since."""
    try:
        summary = _read_json(folder, SUMMARY, Summary)
    except (FileNotFoundError, ValueError):
        return None
    usable = summary.format == FORMAT_VERSION and summary.is_final and summary.log_bytes == log_size(folder)
    return summary if usable else None


def write_summary(folder: Path) -> Summary:
    """Makes summary.json of the events in the folder; what a run does last."""
    size, tail, summary = log_size(folder), open_event_log(folder), Summary()
    for event in tail.iter_events():
        summary.add(event)
    summary.skipped, summary.log_bytes = tail.skipped_lines, size
    write_atomically(folder / SUMMARY, msgspec.json.encode(summary))
    return summary


def store_summary(folder: Path, summary: Summary) -> None:
    """Stores what a reader folded itself; a folder that cannot be written to is no reason to fail."""
    try:
        write_atomically(folder / SUMMARY, msgspec.json.encode(summary))
    except OSError as error:
        log.debug("no %s in %s: %s", SUMMARY, folder, error)


def log_size(folder: Path) -> int:
    """Bytes of the log. Take it before reading, so that a summary is never believed to hold more than it does."""
    try:
        return os.stat(f"{folder}/{EVENTS_FILE}").st_size
    except OSError:
        return 0


def age_s(path: Path) -> float:
    """Seconds since a file was last written to, by this machine's clock; infinite where there is none."""
    try:
        return time.time() - os.stat(path).st_mtime
    except OSError:
        return math.inf


def _read_json(folder: Path, name: str, form: type[T]) -> T:
    """The content of a file. Raises FileNotFoundError, or ValueError in words for whatever else it is damaged by."""
    try:
        with open(f"{folder}/{name}", "rb", buffering=0) as file:  # a Path and a buffer cost twice the reading
            return msgspec.json.decode(file.read(), type=form)
    except FileNotFoundError:
        raise
    except READ_ERRORS as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"{name} of {folder.name} cannot be read: {why}") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Other processes see the old file or the new one, never half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        aside.write_bytes(content)
        os.replace(aside, path)
    except BaseException:  # a full disk, most likely: half a file would only fill it further
        aside.unlink(missing_ok=True)
        raise


def parse_run_number(folder: Path) -> int:
    """12 for `run-0012`; 0 for any other name."""
    match = re.fullmatch(r"run-(\d+)", folder.name)
    return int(match[1]) if match else 0


def read_highest_number(runs: Path) -> int:
    """The highest number that was noted in a folder of runs; 0 where there is none."""
    with suppress(OSError):
        return max(map(int, re.findall(rb"^\d{1,9}$", (runs / NUMBERS_FILE).read_bytes(), re.MULTILINE)), default=0)
    return 0


def record_number(runs: Path, number: int) -> None:
    """Remembers a number; where that cannot be written, only the folders that are there tell."""
    with suppress(OSError), open(runs / NUMBERS_FILE, "ab", buffering=0) as file:
        file.write(b"\n%d\n" % number)  # what a full disk has torn stands on a line of its own


def run_folders(runs: Path) -> list[Path]:
    """Oldest first; empty where there is no such folder."""
    with suppress(FileNotFoundError):
        return sorted((path for path in runs.iterdir() if parse_run_number(path)), key=parse_run_number)
    return []


def startable_folders(runs: Path) -> list[Path]:
    """Queued runs that may be started or ended from here: other users of a shared folder see to their own.

    A run has its settings last, so one without them is still being made, or was never made whole.
    """
    waiting = (folder for folder in run_folders(runs) if read_queue_state(folder) == "queued")
    return [folder for folder in waiting if os.path.lexists(folder / CONFIG) and os.access(folder, os.W_OK)]


def read_queue_state(folder: Path) -> QueueState:
    log = folder / EVENTS_FILE
    head = _read_chunk(log, _HEAD_BYTES)
    if begun := _find_event(head, RunStarted):
        if not is_running(*begun.process_identity):  # nor does a run of another machine keep this one busy
            return "ended"  # most are, of a thousand runs: their ends are not worth reading
        return "ended" if _has_end(log) else "running"
    if _has_end(log):
        return "ended"
    if not _find_event(head, RunQueued):
        return "created"
    return "starting" if os.path.lexists(folder / OUTPUT) else "queued"


def has_no_writer(folder: Path) -> bool:
    """Whether nobody writes to a run's folder any more, for certain: the process of another machine may yet."""
    begun = read_started_event(folder)
    return _has_end(folder / EVENTS_FILE) or (begun is not None and is_running(*begun.process_identity) is False)


def read_started_event(folder: Path) -> RunStarted | None:
    """The run's first own line, None if it never came."""
    return _find_event(_read_chunk(folder / EVENTS_FILE, _HEAD_BYTES), RunStarted)


def append_event(folder: Path, event: Event) -> None:
    writer = LineWriter(folder / EVENTS_FILE)
    try:
        writer.write(event)
    finally:
        writer.close()


def _has_end(log: Path) -> bool:
    return b'{"kind":"run finished"' in _read_chunk(log, -_TAIL_BYTES)


def _read_chunk(log: Path, size: int) -> bytes:
    """So many bytes of a file from its start, or where negative from its end; none where it cannot be read."""
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
