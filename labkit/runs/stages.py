"""How far a run is, told by its folder alone and without reading its whole log."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from labkit.events import EVENTS, UNREADABLE, Event, LineWriter, RunQueued, RunStarted
from labkit.liveness import lives

CONFIG = "config.json"
OUTPUT = "output.log"  # whoever makes this file is the run's process

# `new`: made, but not to be started by the queue. `claimed`: a process took it, and has not written its first line yet.
# `over` has an end in its log, or a process that is gone.
Stage = Literal["new", "queued", "claimed", "live", "over"]

_HEAD_BYTES = 4096  # holds the two first events
_TAIL_BYTES = 2**18  # holds the last event, whatever its details
_decoder: "msgspec.json.Decoder[Event]" = msgspec.json.Decoder(Event)

E = TypeVar("E")


def run_folders(runs: Path) -> list[Path]:
    """Oldest first; empty where there is no such folder."""
    with suppress(FileNotFoundError):
        return sorted((path for path in runs.iterdir() if number(path)), key=number)
    return []


def number(folder: Path) -> int:
    """From 1; 0 for what is not named like a run folder."""
    match = re.fullmatch(r"run-(\d+)", folder.name)
    return int(match[1]) if match else 0


def stage(folder: Path) -> Stage:
    log = folder / EVENTS
    head = _part(log, _HEAD_BYTES)
    if begun := _first(head, RunStarted):
        if not lives(*begun.process):  # nor does a run of another machine keep this one busy
            return "over"  # most are, of a thousand runs: their ends are not worth reading
        return "over" if _has_end(log) else "live"
    if _has_end(log):
        return "over"
    if not _first(head, RunQueued):
        return "new"
    return "claimed" if os.path.lexists(folder / OUTPUT) else "queued"


def is_gone(folder: Path) -> bool:
    """Whether nobody writes to a run's folder any more, for certain: the process of another machine may yet."""
    begun = started(folder)
    return _has_end(folder / EVENTS) or (begun is not None and lives(*begun.process) is False)


def started(folder: Path) -> RunStarted | None:
    """The run's first own line, None if it never came."""
    return _first(_part(folder / EVENTS, _HEAD_BYTES), RunStarted)


def write(folder: Path, event: Event) -> None:
    writer = LineWriter(folder / EVENTS)
    try:
        writer.write(event)
    finally:
        writer.close()


def _has_end(log: Path) -> bool:
    return b'{"kind":"run finished"' in _part(log, -_TAIL_BYTES)


def _part(log: Path, size: int) -> bytes:
    """So many bytes of a file from its start, or where negative from its end; none where it cannot be read."""
    with suppress(OSError), open(log, "rb") as file:
        if size < 0:
            file.seek(max(os.fstat(file.fileno()).st_size + size, 0))
        return file.read(abs(size))
    return b""


def _first(head: bytes, kind: type[E]) -> E | None:
    for line in head.splitlines():
        with suppress(*UNREADABLE):
            event = _decoder.decode(line)
            if isinstance(event, kind):
                return event
    return None
