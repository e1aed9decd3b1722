"""What a kill leaves aside: removed by whoever comes next, and by nobody while the run may still be writing it."""

import os
import time
from pathlib import Path

import pytest

from labkit.jobs import launch
from labkit.runs.folder import run_lock
from labkit.runs.store import RunStore
from tests.runs.samples import write_run

NAMES = (".best-12", ".last-12", ".best-old-12", ".config.json.new", ".summary.json.12.34", ".label.json.12.34")
NAMES += (".predictions.dev.jsonl.12", ".summary.json.0123456789abcdef.part")


def leave(folder: Path, age_s: float = 3600) -> None:
    """Half a checkpoint and half of each file."""
    for name in NAMES:
        path = folder / name
        if "json" in name:
            path.write_text("{")
        else:
            path.mkdir()
            (path / "model.safetensors").write_text(name)
        os.utime(path, (time.time() - age_s,) * 2)


def aside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".*"))


@pytest.mark.parametrize("state", ["completed", "interrupted"])
def test_whoever_first_sees_a_run_over_removes_what_it_left(runs_folder: Path, state: str) -> None:
    folder = write_run(runs_folder, state=state, steps=20)
    (folder / "best").mkdir()
    leave(folder)
    assert RunStore(runs_folder).get(1).state == state
    assert aside(folder) == []
    assert (folder / "best").is_dir()


def test_a_run_that_is_killed_while_it_is_followed_leaves_nothing(runs_folder: Path) -> None:
    folder = write_run(runs_folder, state="running", steps=20)
    (folder / "best").mkdir()
    store = RunStore(runs_folder)
    with run_lock(folder):
        store.runs()
        leave(folder)
        store.runs()
        assert len(aside(folder)) == len(NAMES)
    assert [run.state for run in store.runs()] == ["interrupted"]
    assert aside(folder) == []


@pytest.mark.parametrize("state", ["completed", "interrupted"])
def test_the_queue_removes_what_runs_left_that_are_over(runs_folder: Path, state: str) -> None:
    folder = write_run(runs_folder, state=state, steps=20)
    RunStore(runs_folder).runs()  # its summary is kept: nobody reads it again
    (folder / "best").mkdir()
    leave(folder)
    (runs_folder / ".run-0007.deleted.12").mkdir()
    assert launch.start_next(runs_folder) is None
    assert aside(folder) == []
    assert aside(runs_folder) == [".lock"]


@pytest.mark.parametrize(("state", "host"), [("running", None), ("running", "elsewhere"), ("interrupted", "elsewhere")])
def test_what_may_still_be_written_is_left_alone(runs_folder: Path, state: str, host: str | None) -> None:
    folder = write_run(runs_folder, state=state, steps=20, host=host)
    leave(folder)
    os.utime(folder / "events.jsonl", (1e9, 1e9))  # silent for long
    RunStore(runs_folder).runs()
    launch.start_next(runs_folder)
    assert aside(folder) == sorted(NAMES)


def test_files_of_readers_are_given_a_minute(runs_folder: Path) -> None:
    folder = write_run(runs_folder, steps=20)
    leave(folder, age_s=0)
    RunStore(runs_folder).runs()
    assert set(aside(folder)) <= {name for name in NAMES if "json" in name}
    assert ".label.json.12.34" in aside(folder)


@pytest.mark.parametrize("has_new", [True, False])
def test_a_checkpoint_whose_exchange_was_broken_off_is_put_in_place(runs_folder: Path, has_new: bool) -> None:
    folder = write_run(runs_folder, state="interrupted", steps=20)
    for name in (".best-old-12", *[".best-12"] * has_new):
        (folder / name).mkdir()
        (folder / name / "tagger.json").write_text(name)
    RunStore(runs_folder).runs()
    assert aside(folder) == []
    assert (folder / "best" / "tagger.json").read_text() == (".best-12" if has_new else ".best-old-12")
