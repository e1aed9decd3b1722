"""The small files beside a run's log: config.json, summary.json and label.json."""

import logging
import math
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from labkit.config import RunConfig
from labkit.events import EVENTS, UNREADABLE, events_of
from labkit.runs.numbers import number_of
from labkit.runs.summary import FORMAT, Summary

CONFIG = "config.json"
SUMMARY = "summary.json"
LABEL = "label.json"

LAST_YEAR_S = 253_402_300_800.0  # Unix seconds; nobody's calendar has later times than the year 9999

log = logging.getLogger(__name__)

T = TypeVar("T")


class Label(msgspec.Struct, frozen=True):
    """What a user wrote on a run. `problem` is a sentence where that cannot be read."""

    name: str = ""
    note: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Asked:
    """What was asked for: the content of config.json. `problem` is a sentence where it cannot be read."""

    config: RunConfig | None = None
    created: float | None = None  # Unix seconds
    versions: dict[str, str] | None = None
    problem: str | None = None


def read_config(folder: Path) -> Asked:
    """Never raises; says in `problem` what is wrong with the file."""
    try:
        document = _read(folder, CONFIG, dict[str, Any])
    except FileNotFoundError:
        return Asked(problem=f"{folder.name} has no {CONFIG}; it was not made whole, or has lost it")
    except ValueError as error:
        return Asked(problem=str(error))
    created, versions, problem = time_of(document.get("created")), document.get("versions"), None
    versions = versions if isinstance(versions, dict) else {}
    if created is None and "created" in document:
        problem = f"{CONFIG} of {folder.name} has no time in its field 'created'"
    try:
        return Asked(RunConfig.from_dict(document["config"]), created, versions, problem)
    except KeyError:
        problem = f"{CONFIG} of {folder.name} has no field 'config'"
    except (TypeError, *UNREADABLE) as error:
        problem = f"the settings of {folder.name} cannot be read: {error}"
    return Asked(None, created, versions, problem)


def is_run_folder(folder: Path) -> bool:
    """Whether a folder is a run's, be it damaged: an encoder's has a config.json as well."""
    if not os.path.isdir(folder):
        return False
    return number_of(folder) > 0 or os.path.lexists(folder / EVENTS) or read_config(folder).config is not None


def time_of(value: object) -> float | None:
    """Unix seconds that a calendar has, or None."""
    return float(value) if isinstance(value, int | float) and 0 <= value < LAST_YEAR_S else None


def read_label(folder: Path) -> Label:
    """An empty one where there is none; of one that cannot be read it is told why."""
    try:
        return _read(folder, LABEL, Label)
    except FileNotFoundError:
        return Label()
    except ValueError as error:
        return Label(problem=str(error))


def write_label(folder: Path, label: Label) -> None:
    write_aside(folder / LABEL, msgspec.json.encode({"name": label.name, "note": label.note}))


def read_summary(folder: Path) -> Summary | None:
    """The stored summary, or None where there is none, it is damaged, or the log has changed since."""
    try:
        summary = _read(folder, SUMMARY, Summary)
    except (FileNotFoundError, ValueError):
        return None
    usable = summary.format == FORMAT and summary.is_final and summary.log_bytes == log_size(folder)
    return summary if usable else None


def write_summary(folder: Path) -> Summary:
    """Makes summary.json of the events in the folder; what a run does last."""
    size, tail, summary = log_size(folder), events_of(folder), Summary()
    for event in tail.each():
        summary.add(event)
    summary.skipped, summary.log_bytes = tail.skipped, size
    write_aside(folder / SUMMARY, msgspec.json.encode(summary))
    return summary


def keep_summary(folder: Path, summary: Summary) -> None:
    """Stores what a reader folded itself; a folder that cannot be written to is no reason to fail."""
    try:
        write_aside(folder / SUMMARY, msgspec.json.encode(summary))
    except OSError as error:
        log.debug("no %s in %s: %s", SUMMARY, folder, error)


def log_size(folder: Path) -> int:
    """Bytes of the log. Take it before reading, so that a summary is never believed to hold more than it does."""
    try:
        return os.stat(f"{folder}/{EVENTS}").st_size
    except OSError:
        return 0


def age_s(path: Path) -> float:
    """Seconds since a file was last written to, by this machine's clock; infinite where there is none."""
    try:
        return time.time() - os.stat(path).st_mtime
    except OSError:
        return math.inf


def _read(folder: Path, name: str, form: type[T]) -> T:
    """The content of a file. Raises FileNotFoundError, or ValueError in words for whatever else it is damaged by."""
    try:
        with open(f"{folder}/{name}", "rb", buffering=0) as file:  # a Path and a buffer cost twice the reading
            return msgspec.json.decode(file.read(), type=form)
    except FileNotFoundError:
        raise
    except UNREADABLE as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"{name} of {folder.name} cannot be read: {why}") from error


def write_aside(path: Path, content: bytes) -> None:
    """Other processes see the old file or the new one, never half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        aside.write_bytes(content)
        os.replace(aside, path)
    except BaseException:  # a full disk, most likely: half a file would only fill it further
        aside.unlink(missing_ok=True)
        raise
