"""State of a run in the queue, read from its folder alone."""

import os
import socket
from pathlib import Path

import pytest
from msgspec import structs

from labkit.events import Event, PhaseEntered, RunFinished, RunQueued, RunStarted
from labkit.liveness import process_identity, process_start_time
from labkit.runs import folder as folder_module
from labkit.runs.folder import OUTPUT, append_event, read_queue_state

OWN_START = process_start_time(os.getpid()) or 0.0
HERE = RunStarted(0.0, os.getpid(), OWN_START, socket.gethostname())
GONE = RunStarted(0.0, os.getpid(), OWN_START - 100, socket.gethostname())  # another process had that pid
ELSEWHERE = RunStarted(0.0, os.getpid(), OWN_START, "another machine")
WITH_BOOT = RunStarted(0.0, *process_identity())
SET = structs.replace(WITH_BOOT, process_started=WITH_BOOT.process_started - 3600, host="another name")
ANOTHER = structs.replace(WITH_BOOT, started_ticks=1, process_started=0.0)  # had that pid in this boot
END = RunFinished(1.0, "failed", 1, "It failed.", "", "a long traceback " * 1000)
needs_boot_id = pytest.mark.skipif(not WITH_BOOT.boot, reason="clocks and names are all that this system knows")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "created"),
        ([RunQueued(0.0)], "queued"),
        ([RunQueued(0.0), END], "ended"),
        ([RunQueued(0.0), HERE], "running"),
        ([RunQueued(0.0), HERE, END], "ended"),
        ([HERE, *[PhaseEntered(0.0, "training")] * 10_000, END], "ended"),
        ([RunQueued(0.0), GONE], "ended"),
        ([RunQueued(0.0), ELSEWHERE], "ended"),
        ([RunQueued(0.0), WITH_BOOT], "running"),
        pytest.param([RunQueued(0.0), SET], "running", marks=needs_boot_id),
        ([RunQueued(0.0), ANOTHER], "ended"),
    ],
)
def test_a_log_tells_the_queue_state_of_its_run(events: list[Event], expected: str, tmp_path: Path) -> None:
    for event in events:
        append_event(tmp_path, event)
    assert read_queue_state(tmp_path) == expected


def test_a_queued_run_whose_output_exists_is_starting(tmp_path: Path) -> None:
    append_event(tmp_path, RunQueued(0.0))
    (tmp_path / OUTPUT).touch()
    assert read_queue_state(tmp_path) == "starting"


def test_of_a_run_whose_process_is_gone_only_the_head_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for event in (RunQueued(0.0), GONE, END):
        append_event(tmp_path, event)
    read: list[int] = []
    original = folder_module._read_chunk
    monkeypatch.setattr(folder_module, "_read_chunk", lambda log, size: read.append(size) or original(log, size))
    assert read_queue_state(tmp_path) == "ended"
    assert read == [folder_module._HEAD_BYTES], "a thousand runs would take a second at every start"
