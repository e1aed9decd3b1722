"""The queue with run folders that another clock or another user has made."""

import os
import time
from pathlib import Path

import pytest

from labkit.config import RunConfig
from labkit.events import RunQueued
from labkit.jobs import launch, queue
from labkit.runs import control
from labkit.runs.folder import OUTPUT, append_event, read_queue_state


@pytest.fixture
def queued(runs_folder: Path) -> Path:
    folder = launch.create(RunConfig(), runs_folder)
    append_event(folder, RunQueued(time.time()))
    return folder


def test_an_output_of_a_clock_that_is_ahead_does_not_hold_the_queue(
    queued: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_ORPHAN_TIMEOUT_S", 0.2)
    (queued / OUTPUT).touch()
    ahead = time.time() + 5
    os.utime(queued / OUTPUT, (ahead, ahead))
    assert launch.start_next(queued.parent) is None
    assert time.time() < ahead, "it waited for that clock"
    assert read_queue_state(queued) == "ended"


def test_a_queued_run_of_another_user_is_left_to_them(queued: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    control.stop(queued)
    with control.queue_lock(queued.parent):
        control.finish_cancelled(queued.parent)
    assert launch.start_next(queued.parent) is None
    assert launch.cancel_queued(queued.parent) == 0
    assert read_queue_state(queued) == "queued"
