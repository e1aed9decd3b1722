"""Whose turn it is, where a run's folder is not as this process would have made it."""

import os
import time
from pathlib import Path

import pytest

from labkit.config import RunConfig
from labkit.events import RunQueued
from labkit.jobs import launch, queue
from labkit.runs.folder import OUTPUT, stage, write


@pytest.fixture
def queued(runs_folder: Path) -> Path:
    folder = launch.create(RunConfig(), runs_folder)
    write(folder, RunQueued(time.time()))
    return folder


def test_an_output_of_a_clock_that_is_ahead_does_not_hold_the_queue(
    queued: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_LOST_S", 0.2)
    (queued / OUTPUT).touch()
    os.utime(queued / OUTPUT, (time.time() + 5, time.time() + 5))
    began = time.monotonic()
    assert not queue._is_busy(queued)
    assert time.monotonic() - began < 4
    assert stage(queued) == "over"


def test_a_queued_run_of_another_user_is_left_to_them(queued: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    launch.stop(queued)
    queue.drop_unwanted(queued.parent)
    assert launch.start_next(queued.parent) is None
    assert launch.cancel_queued(queued.parent) == 0
    assert stage(queued) == "queued"
