"""The small files beside a run's log: config.json, summary.json and label.json."""

import logging
import math
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from labkit.config import RunConfig
from labkit.events import EVENTS, events_of
from labkit.runs.summary import FORMAT, Summary

CONFIG = "config.json"
SUMMARY = "summary.json"
LABEL = "label.json"

log = logging.getLogger(__name__)


class Label(msgspec.Struct, frozen=True):
    """What a user wrote on a run."""

    name: str = ""
    note: str = ""


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
        document: dict[str, Any] = msgspec.json.decode(_content(folder, CONFIG), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Asked(problem=f"{CONFIG} of {folder.name} cannot be read: {error}")
    created, versions = document.get("created"), document.get("versions")
    created = float(created) if isinstance(created, int | float) else None
    versions = versions if isinstance(versions, dict) else {}
    try:
        return Asked(RunConfig.from_dict(document["config"]), created, versions)
    except KeyError:
        problem = f"{CONFIG} of {folder.name} has no field 'config'"
    except (ValueError, TypeError) as error:
        problem = f"the settings of {folder.name} cannot be read: {error}"
    return Asked(None, created, versions, problem)


def read_label(folder: Path) -> Label:
    """An empty one where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(_content(folder, LABEL), type=Label)
    except (OSError, msgspec.MsgspecError):
        return Label()


def write_label(folder: Path, label: Label) -> None:
    _write_aside(folder / LABEL, msgspec.json.encode(label))


def read_summary(folder: Path) -> Summary | None:
    """The stored summary, or None where there is none, it is damaged, or the log has changed since."""
    try:
        summary = msgspec.json.decode(_content(folder, SUMMARY), type=Summary)
    except (OSError, msgspec.MsgspecError):
        return None
    usable = summary.format == FORMAT and summary.is_final and summary.log_bytes == log_size(folder)
    return summary if usable else None


def write_summary(folder: Path) -> Summary:
    """Makes summary.json of the events in the folder; what a run does last."""
    size, tail, summary = log_size(folder), events_of(folder), Summary()
    for event in tail.each():
        summary.add(event)
    summary.skipped, summary.log_bytes = tail.skipped, size
    _write_aside(folder / SUMMARY, msgspec.json.encode(summary))
    return summary


def keep_summary(folder: Path, summary: Summary) -> None:
    """Stores what a reader folded itself; a folder that cannot be written to is no reason to fail."""
    try:
        _write_aside(folder / SUMMARY, msgspec.json.encode(summary))
    except OSError as error:
        log.debug("no %s in %s: %s", SUMMARY, folder, error)


def log_size(folder: Path) -> int:
    """Bytes of the log. Take it before reading, so that a summary is never believed to hold more than it does."""
    try:
        return os.stat(f"{folder}/{EVENTS}").st_size
    except OSError:
        return 0


def log_age_s(folder: Path) -> float:
    """Seconds since the log last grew, by this machine's clock; infinite where there is none."""
    try:
        return time.time() - os.stat(folder / EVENTS).st_mtime
    except OSError:
        return math.inf


def _content(folder: Path, name: str) -> bytes:
    """A Path and a buffer cost twice the reading, three times for each of a thousand runs."""
    with open(f"{folder}/{name}", "rb", buffering=0) as file:
        return file.read()


def _write_aside(path: Path, content: bytes) -> None:
    """Other processes see the old file or the new one, never half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        aside.write_bytes(content)
        os.replace(aside, path)
    except BaseException:  # a full disk, most likely: half a file would only fill it further
        aside.unlink(missing_ok=True)
        raise
