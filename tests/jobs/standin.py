"""Stands in for labkit.training.recorder and predictor in launched processes; the config's corpus says what to do."""

import ctypes
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from labkit.config import RunConfig
from labkit.events import (
    EVENTS_FILE,
    LineWriter,
    PhaseEntered,
    RunFinished,
    RunStarted,
    StopRequested,
    open_control_log,
)
from labkit.messages import Message


def record(config: RunConfig, folder: Path) -> str:
    """`quick` ends at once, `patient` when it is asked to stop or after a minute; the others die."""
    if config.corpus == "imports":
        import no_such_package  # type: ignore[import-not-found]  # noqa: F401
    if config.corpus == "exits":
        print("no space left for this", file=sys.stderr, flush=True)
        os._exit(3)
    if config.corpus == "segfaults":
        ctypes.string_at(0)
    writer = LineWriter(folder / EVENTS_FILE)
    began = time.time()
    writer.write(RunStarted(began, os.getpid(), socket.gethostname()))
    print("spoken by the run")
    print("complained by the run", file=sys.stderr)
    if config.corpus == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.corpus == "raises":
        raise ArithmeticError("the sum does not add up")
    controls = open_control_log(folder)
    while config.corpus == "patient" and time.time() < began + 60:
        writer.write(PhaseEntered(time.time() - began, "Waiting"))
        if any(isinstance(line, StopRequested) for line in controls.read()):
            break
        time.sleep(0.02)
    time.sleep(0.2 if config.corpus == "short" else 0)
    writer.write(RunFinished(time.time() - began, "completed", 1))
    return "completed"


def predict(folder: Path, text: str) -> dict[str, Any]:
    """Does what the text says."""
    if text == "value error":
        raise ValueError(Message("the run has no {what}", what="weights"))
    if text == "other error":
        raise KeyError("weights")
    if text == "not json":
        return {"words": {1, 2}, "note": Message("")}
    if text == "die":
        os._exit(1)
    if text == "sleep" or (text == "sleep once" and not (folder / "asleep").exists()):
        (folder / "asleep").write_text(str(os.getpid()))
        time.sleep(60)
    return {
        "words": text.split(),
        "folder": folder.name,
        "pid": os.getpid(),
        "server": os.getppid(),
        "note": Message("on {device}", device="cpu"),
    }


def surroundings(variable: str) -> dict[str, Any]:
    """Where the process finds itself."""
    found = {"cwd": os.getcwd(), "variable": os.environ.get(variable), "path": sys.path}
    return found | {"session": os.getsid(0), "server": os.getppid(), "note": Message("on {device}", device="cpu")}
