"""State of a run in the queue, read from its folder alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labkit.events import EVENTS_FILE, Event, PhaseEntered, RunFinished, RunQueued, RunStarted
from labkit.runs import folder as folder_module
from labkit.runs.folder import (
    OUTPUT,
    RUN_LOCK,
    SILENCE_TIMEOUT_S,
    append_event,
    has_no_writer,
    has_process,
    read_queue_state,
    run_lock,
    write_summary,
)

HERE = RunStarted(0.0, os.getpid(), socket.gethostname())
ELSEWHERE = RunStarted(0.0, os.getpid(), "another machine")
END = RunFinished(1.0, "failed", 1, "It failed.", "", "a long traceback " * 1000)


@pytest.mark.parametrize(
    ("events", "held", "free"),
    [
        ([], "created", "created"),
        ([RunQueued(0.0)], "queued", "queued"),
        ([RunQueued(0.0), END], "ended", "ended"),
        ([RunQueued(0.0), HERE], "running", "ended"),
        ([RunQueued(0.0), HERE, END], "ended", "ended"),
        ([HERE, *[PhaseEntered(0.0, "training")] * 10_000, END], "ended", "ended"),
        ([RunQueued(0.0), ELSEWHERE], "running", "running"),  # its lock need not be seen from here
    ],
)
def test_log_and_lock_tell_the_queue_state_of_a_run(events: list[Event], held: str, free: str, tmp_path: Path) -> None:
    for event in events:
        append_event(tmp_path, event)
    with run_lock(tmp_path):
        assert read_queue_state(tmp_path) == held
    assert read_queue_state(tmp_path) == free


def test_a_run_without_a_usable_lock_lives_while_its_log_grows(tmp_path: Path) -> None:
    """An earlier version's run has none, another machine's cannot be seen, and some file systems know no locks."""
    append_event(tmp_path, HERE)
    assert read_queue_state(tmp_path) == "running"
    assert not has_no_writer(tmp_path)
    long_ago = time.time() - SILENCE_TIMEOUT_S - 1
    os.utime(tmp_path / EVENTS_FILE, (long_ago, long_ago))
    assert read_queue_state(tmp_path) == "ended"
    assert not has_no_writer(tmp_path), "nothing is deleted of a run that may live"


def test_a_killed_process_leaves_its_lock_free(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom labkit.runs.folder import run_lock\n"
        "with run_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    assert has_process(tmp_path)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert has_process(tmp_path) is False
    assert (tmp_path / RUN_LOCK).exists()


def test_a_queued_run_whose_output_exists_is_starting(tmp_path: Path) -> None:
    append_event(tmp_path, RunQueued(0.0))
    (tmp_path / OUTPUT).touch()
    assert read_queue_state(tmp_path) == "starting"


def test_of_a_run_with_a_summary_no_log_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for event in (RunQueued(0.0), HERE, END):
        append_event(tmp_path, event)
    write_summary(tmp_path)
    monkeypatch.setattr(folder_module, "_read_chunk", lambda log, size: pytest.fail("a thousand runs take a second"))
    assert read_queue_state(tmp_path) == "ended"
