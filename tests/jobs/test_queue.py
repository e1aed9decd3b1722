"""The queue with run folders that another clock or another user has made."""

import os
import time
from pathlib import Path

import pytest

from labkit.config import RunConfig
from labkit.events import RunQueued
from labkit.jobs import launch
from labkit.runs import control
from labkit.runs.folder import append_event, read_queue_state


@pytest.fixture
def queued(runs_folder: Path) -> Path:
    folder = launch.create(RunConfig(), runs_folder)
    append_event(folder, RunQueued(time.time()))
    return folder


def test_a_queued_run_of_another_user_is_left_to_them(queued: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    control.stop(queued)
    with control.queue_lock(queued.parent):
        control.finish_cancelled(queued.parent)
    assert launch.start_next(queued.parent) is None
    assert launch.cancel_queued(queued.parent) == 0
    assert read_queue_state(queued) == "queued"
