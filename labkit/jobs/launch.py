"""Starts runs in processes of their own, one after the other, and talks to them.

A run's process survives the kernel that asked for it, whatever becomes of that: see fork_server.py for how it is made and
queue.py for the queue. Importing this is cheap, it leaves torch to the run's process.
"""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from labkit import paths
from labkit.config import RunConfig
from labkit.events import RunQueued
from labkit.jobs import subprocesses
from labkit.jobs.fork_client import shutdown as shutdown_server
from labkit.jobs.fork_client import start_server
from labkit.jobs.queue import cancel_queued, start_next
from labkit.jobs.worker import PREDICT
from labkit.runs.control import run_in_background
from labkit.runs.folder import (
    CONFIG,
    append_event,
    parse_run_number,
    read_highest_number,
    record_number,
    run_folders,
)
from labkit.runs.run import Run
from labkit.versions import installed_versions

__all__ = [
    "cancel_queued",
    "create",
    "predict",
    "shutdown_server",
    "start_next",
    "start_server",
    "submit",
]


def submit(config: RunConfig, runs: Path | None = None) -> Run:
    """Queues a run, and starts it in the background if none is live; returns at once.

    A process that ends right after this still waits for the start, so that the run is not left in the queue.
    """
    folder = _make_run_folder(config, runs, RunQueued(time.time()))
    run_in_background(start_next, folder.parent)
    return Run(folder)


def create(config: RunConfig, runs: Path | None = None) -> Path:
    """The folder of a new run, with its config.json; the caller trains it, the queue does not touch it.

    It has the next number, taken by making the folder: of two callers at once, each gets its own.
    """
    return _make_run_folder(config, runs)


def predict(folder: Path, text: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """What `predictor.predict_text` says, from a process of its own, so that no model stays in this one.

    Raises ValueError for a run without a model, and RuntimeError with a sentence for whatever else goes wrong.
    """
    if not folder.is_dir():
        raise ValueError(f"folder must be a run's, but there is no {folder}")
    found: dict[str, Any] = subprocesses.call_in_process(PREDICT, str(folder.resolve()), text, timeout_s=timeout_s)
    return found


def _make_run_folder(config: RunConfig, runs: Path | None, *first_events: RunQueued) -> Path:
    """A run folder with these lines in its log, or none at all. Its settings come last: with them it is whole."""
    folder = _make_next_folder((runs or paths.runs()).resolve())
    try:
        for event in first_events:
            append_event(folder, event)
        here = subprocesses.current_folder()  # a relative corpus is looked for from here
        about = {"config": config.as_dict(), "created": time.time(), "versions": installed_versions(), "cwd": here}
        aside = folder / f".{CONFIG}.new"
        aside.write_text(json.dumps(about, indent=1), encoding="utf-8")
        aside.replace(folder / CONFIG)
    except BaseException:  # a full disk, most likely
        shutil.rmtree(folder, ignore_errors=True)
        raise
    record_number(folder.parent, parse_run_number(folder))
    return folder


def _make_next_folder(runs: Path) -> Path:
    runs.mkdir(parents=True, exist_ok=True)
    following = max(read_highest_number(runs), *map(parse_run_number, run_folders(runs)), 0) + 1
    while True:
        folder = runs / f"run-{following:04d}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            following += 1
