"""Worker: the functions that run in a process of their own, outside the kernel.

Little is imported before the run's first event is on disk, as the user waits for that.
"""

import importlib
import json
import multiprocessing
import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit.config import RunConfig
from labkit.jobs.queue import build_failure, start_soon
from labkit.messages import Message, message_of
from labkit.runs.folder import CONFIG, append_event, read_queue_state


def train(folder: str) -> None:
    """Trains a run that this process has claimed. Then the server starts the next one."""
    run = Path(folder)
    try:
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
        server = multiprocessing.parent_process()
        if server and not server.is_alive():
            start_soon(run.parent)


def predict(folder: str, text: str) -> dict[str, Any]:
    """Predicts the entities of a text with a run's model."""
    predict_text = _load_function("LABKIT_PREDICTOR", "labkit.training.prediction:predict_text")
    answer = predict_text(Path(folder), text)
    return {**answer, "note": answer["note"].to_json()}


def _load_function(variable: str, default: str) -> Callable[..., Any]:
    """Imports the "module:function" that an environment variable names. Tests put a stand-in there."""
    module, function = os.environ.get(variable, default).split(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded
