"""What runs in a process of its own, away from the kernel that asked for it.

Little is imported before the run's first line is on disk: that is what the user waits for.
"""

import importlib
import json
import os
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit.config import RunConfig
from labkit.events import RunFinished
from labkit.runs.folder import CONFIG, OUTPUT, append_event, read_queue_state, read_started_event

RUN_TRAINING = f"{__name__}:run_training"
CONTINUE_QUEUE = f"{__name__}:continue_queue"
PREDICT = f"{__name__}:predict"


def run_training(folder: str) -> None:
    """A run's whole life: it trains, then lets the next one of the queue start."""
    run = Path(folder)
    try:
        if read_queue_state(run) == "starting":  # or its starter gave up on it
            config = RunConfig.from_dict(json.loads((run / CONFIG).read_bytes())["config"])
            _load_function("LABKIT_RECORDER", "labkit.training.recorder:record")(config, run)
    except BaseException as error:
        if read_queue_state(run) not in (
            "ended",
            "created",
        ):  # in a new log, as the old one was deleted, it would stand alone
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            with suppress(OSError):  # a full disk hides nothing of what went wrong before
                append_event(run, build_failure(run, reason, traceback.format_exc()))
        raise
    finally:
        continue_queue(folder)


def continue_queue(folder: str) -> None:
    """Lets the next run start; the warm server does it as well, when a run's process was killed."""
    from labkit.jobs.queue import start_next

    start_next(Path(folder).parent)


def predict(folder: str, text: str) -> dict[str, Any]:
    """The entities of a text by a run's model."""
    found: dict[str, Any] = _load_function("LABKIT_PREDICTOR", "labkit.training.prediction:predict_text")(
        Path(folder), text
    )
    return found


def build_failure(folder: Path, reason: str, details: str = "") -> RunFinished:
    """The end of a run that could not say so itself."""
    begun = read_started_event(folder)
    seconds = time.time() - begun.time if begun else 0.0
    return RunFinished(seconds, "failed", 0, reason, f"All that it printed is in {OUTPUT} of its folder.", details)


def _load_function(variable: str, default: str) -> Callable[..., Any]:
    """The function that an environment variable names as "module:function"; tests put a stand-in there."""
    module, function = os.environ.get(variable, default).split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found
