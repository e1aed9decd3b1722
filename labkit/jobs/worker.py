"""Worker: the functions that run in a process of their own, outside the kernel.

Little is imported before the run's first event is on disk, as the user waits for that.
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
from labkit.messages import Message, message_of
from labkit.runs.folder import CONFIG, OUTPUT, append_event, read_queue_state, read_started_event

RUN_TRAINING = f"{__name__}:run_training"
CONTINUE_QUEUE = f"{__name__}:continue_queue"
PREDICT = f"{__name__}:predict"


def run_training(folder: str) -> None:
    """Trains a run, then starts the next one of the queue."""
    run = Path(folder)
    try:
        if read_queue_state(run) == "starting":  # otherwise its starter has ended it
            config = RunConfig.from_dict(json.loads((run / CONFIG).read_bytes())["config"])
            _load_function("LABKIT_RECORDER", "labkit.training.recorder:record")(config, run)
    except BaseException as error:
        if read_queue_state(run) not in ("ended", "created"):  # created: its log was deleted meanwhile
            kind = type(error).__name__
            reason = Message("{kind}: {problem}", kind=kind, problem=message_of(error)) if str(error) else Message(kind)
            with suppress(OSError):  # a full disk must not hide the first error
                append_event(run, build_failure(run, reason, traceback.format_exc()))
        raise
    finally:
        continue_queue(folder)


def continue_queue(folder: str) -> None:
    """Starts the next run. The fork server calls this too, after a run's process was killed."""
    from labkit.jobs.queue import start_next

    start_next(Path(folder).parent)


def predict(folder: str, text: str) -> dict[str, Any]:
    """Predicts the entities of a text with a run's model."""
    predict_text = _load_function("LABKIT_PREDICTOR", "labkit.training.prediction:predict_text")
    answer: dict[str, Any] = predict_text(Path(folder), text)
    return answer


def build_failure(folder: Path, reason: Message, details: str = "") -> RunFinished:
    """Builds the final event of a run whose process wrote none."""
    started = read_started_event(folder)
    seconds = time.time() - started.time if started else 0.0
    hint = Message("All that it printed is in {file} of its folder.", file=OUTPUT)
    return RunFinished(seconds, "failed", 0, reason, hint, details)


def _load_function(variable: str, default: str) -> Callable[..., Any]:
    """Imports the "module:function" that an environment variable names. Tests put a stand-in there."""
    module, function = os.environ.get(variable, default).split(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded
