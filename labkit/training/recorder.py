"""Recorder: writes a run's events and device samples into its folder."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labkit.config import RunConfig
from labkit.events import EVENTS_FILE, Event, LineWriter, RunFinished, RunStarted
from labkit.messages import Message, message_of
from labkit.runs.folder import run_lock
from labkit.training.clock import seconds_since
from labkit.training.distributed import is_main_process
from labkit.training.failures import describe_failure, disk_hint, is_disk_full

SAMPLE_INTERVAL_S = 0.5

_log = logging.getLogger(__name__)


def record(config: RunConfig, folder: Path, on_event: Callable[[Event], None] | None = None) -> str:
    """Trains and writes `events.jsonl` and `summary.json`; returns the final state. Holds the run's lock meanwhile.

    The first line is written before torch is imported, so that the user sees at once that the run is up. Under
    `accelerate launch` only the main process writes; `on_event` is called in every process.
    """
    if not is_main_process():
        return _record(config, folder, None, on_event)
    with run_lock(folder):
        writer = LineWriter(folder / EVENTS_FILE)
        try:
            return _record(config, folder, writer, on_event)
        finally:
            writer.close()
            _write_summary(folder)


def _record(
    config: RunConfig, folder: Path, writer: LineWriter | None, on_event: Callable[[Event], None] | None
) -> str:
    began = time.time()
    seconds = seconds_since(began)

    def emit(event: Event) -> None:
        if writer:
            writer.write(event)
        if on_event:
            on_event(event)

    emit(RunStarted(began, os.getpid(), socket.gethostname()))
    try:
        return _drain(config, folder, began, emit, writer)
    except (ImportError, MemoryError) as error:
        emit(describe_failure(error, config, seconds(), 0, Message("importing packages")))
    except OSError as error:  # from the log, as train() reports its own; there may be room again by now
        with suppress(OSError):
            why = Message("The run's log could not be written: {why}.", why=error.strerror or message_of(error))
            hint = disk_hint(folder, error) if is_disk_full(error) else Message("")
            emit(RunFinished(seconds(), "failed", 0, why, hint))
        raise
    return "failed"


def _drain(
    config: RunConfig, folder: Path, began: float, emit: Callable[[Event], None], writer: LineWriter | None
) -> str:
    try:
        from labkit.training.openmp_spinning import tune_spinning
        from labkit.training.trainer import train
    except OSError as error:  # a shared library that cannot be loaded
        raise ImportError(str(error)) from error

    ended = threading.Event()
    args = (config, began, writer, ended)
    sampling = threading.Thread(target=_sample, args=args, name="labkit-devices", daemon=True)
    if writer:
        sampling.start()
    state = "failed"
    try:
        with tune_spinning():
            for event in train(config, folder, began):
                emit(event)
                if isinstance(event, RunFinished):
                    state = event.state
    finally:
        ended.set()
        if writer:
            sampling.join(timeout=2)
    return state


def _sample(config: RunConfig, began: float, writer: LineWriter, ended: threading.Event) -> None:
    """Writes device samples until the run ends.

    GPUs are sampled from when the run uses them, as their order is known only then.
    """
    import torch

    from labkit.devices.sampler import Sampler
    from labkit.training.setup import resolve_device_type

    def cuda_mib(index: int) -> float:
        return torch.cuda.memory_reserved(index) / 2**20

    def mps_mib(index: int) -> float | None:
        return torch.mps.driver_allocated_memory() / 2**20 if torch.backends.mps.is_available() else None

    kind = resolve_device_type(config.device)
    waits = kind == "cuda"
    sampler = Sampler("cpu") if waits else Sampler(kind, get_allocated_mib=mps_mib)
    seconds = seconds_since(began)
    try:
        while not ended.wait(SAMPLE_INTERVAL_S):
            if waits and torch.cuda.is_initialized():  # by the run; any other call would initialise it here
                waits = False
                indices = range(torch.cuda.device_count())
                uuids = [str(torch.cuda.get_device_properties(index).uuid) for index in indices]
                sampler = Sampler("cuda", get_allocated_mib=cuda_mib, gpu_uuids=uuids)
            with suppress(OSError):  # a full disk: a gap in the plot; the run itself reports it
                writer.write(*sampler.sample(seconds()))
    finally:
        sampler.close()


def _write_summary(folder: Path) -> None:
    from labkit.runs.store import write_summary

    try:
        write_summary(folder)
    except OSError as error:  # readers of the folder write it too, and an earlier error must stay visible
        _log.warning("no summary in %s: %s", folder, error)
