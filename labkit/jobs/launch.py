"""Launcher: creates and queues runs, each trained in a process of its own.

A run's process survives the kernel that submitted it. See fork_server.py for how it is started and queue.py for the
queue. Importing this module is cheap: only the run's process imports torch.
"""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from labkit import paths
from labkit.config import RunConfig
from labkit.events import RunQueued
from labkit.jobs.fork_client import Call, current_folder, start_server
from labkit.jobs.fork_client import shutdown as shutdown_server
from labkit.jobs.queue import cancel_queued, start_next, start_soon
from labkit.messages import Message
from labkit.runs.folder import (
    CONFIG,
    RunLabel,
    append_event,
    parse_run_number,
    read_highest_number,
    record_number,
    run_folders,
    write_label,
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
    """Queues a run and returns at once. It starts when no other run of the folder is live.

    Raises OSError if the run cannot be written, or no process be started.
    """
    folder = _make_run_folder(config, runs, RunQueued(time.time()))
    start_soon(folder.parent)
    return Run(folder)


def create(config: RunConfig, runs: Path | None = None, name: str = "") -> Path:
    """Creates a run folder for the caller to train, outside the queue.

    It gets the next number. Two callers at once get different ones, as making the folder takes the number.

    Args:
        name: what the user calls it.
    """
    return _make_run_folder(config, runs, name=name)


def predict(folder: Path, text: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """Tags a text by a run's model, in another process.

    The answer is that of labkit.training.prediction.predict_text. No model stays in this process.

    Raises ValueError for a run without a model, TimeoutError after `timeout_s`, and RuntimeError or OSError with a
    sentence for any other error.
    """
    if not folder.is_dir():
        raise ValueError(Message("folder must be a run's, but there is no {folder}", folder=str(folder)))
    answer = Call("labkit.jobs.worker:predict", str(folder.resolve()), text, timeout_s=timeout_s).value()
    return {**answer, "note": Message.from_json(answer["note"])}


def _make_run_folder(config: RunConfig, runs: Path | None, *first_events: RunQueued, name: str = "") -> Path:
    """Makes a complete run folder with these events, or none at all. Its settings are written last."""
    folder = _make_next_folder((runs or paths.runs()).resolve())
    try:
        for event in first_events:
            append_event(folder, event)
        if name:
            write_label(folder, RunLabel(name))
        cwd = current_folder()  # the path of a corpus may be relative to it
        document = {"config": config.as_dict(), "created": time.time(), "versions": installed_versions(), "cwd": cwd}
        with paths.atomic_write(folder / CONFIG) as file:
            file.write_text(json.dumps(document, indent=1), encoding="utf-8")
    except BaseException:  # a full disk, most likely
        shutil.rmtree(folder, ignore_errors=True)
        raise
    record_number(folder.parent, parse_run_number(folder))
    return folder


def _make_next_folder(runs: Path) -> Path:
    runs.mkdir(parents=True, exist_ok=True)
    number = max(read_highest_number(runs), *map(parse_run_number, run_folders(runs)), 0) + 1
    while True:
        folder = runs / f"run-{number:04d}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1
