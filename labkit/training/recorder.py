"""Drains a run's events into its folder, with samples of its device beside them."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labkit.config import RunConfig
from labkit.events import EVENTS_FILE, Event, LineWriter, RunFinished, RunStarted
from labkit.liveness import process_identity
from labkit.training.clock import seconds_since
from labkit.training.distributed import is_main_process
from labkit.training.failures import describe_failure, disk_hint, is_disk_full

SAMPLE_INTERVAL_S = 0.5

_log = logging.getLogger(__name__)


def record(config: RunConfig, folder: Path, on_event: Callable[[Event], None] | None = None) -> str:
    """Trains and writes `events.jsonl` and `summary.json`; returns the final state.

    The first line is written before torch is imported, so that whoever asked for the run sees at once that it is up.
    Under `accelerate launch` only the main process writes; `on_event` is called in each.
    """
    began = time.time()
    seconds = seconds_since(began)
    writer = LineWriter(folder / EVENTS_FILE) if is_main_process() else None

    def tell(event: Event) -> None:
        if writer:
            writer.write(event)
        if on_event:
            on_event(event)

    tell(RunStarted(began, *process_identity()))
    state = "failed"
    try:
        state = _drain(config, folder, began, tell, writer)
    except (ImportError, MemoryError) as error:
        tell(describe_failure(error, config, seconds(), 0, "importing packages"))
    except OSError as error:  # not of training, which tells its own: the log could not be written, but perhaps now
        with suppress(OSError):
            why = f"The run's log could not be written: {error.strerror or error}."
            tell(RunFinished(seconds(), "failed", 0, why, disk_hint(folder, error) if is_disk_full(error) else ""))
        raise
    finally:
        if writer:
            writer.close()
            _summarise(folder)
    return state


def _drain(
    config: RunConfig, folder: Path, began: float, emit: Callable[[Event], None], writer: LineWriter | None
) -> str:
    try:
        from labkit.training.openmp_spinning import tune_spinning
        from labkit.training.trainer import train
    except OSError as error:  # a shared library that cannot be loaded, and not the log
        raise ImportError(str(error)) from error

    ended = threading.Event()
    sampling = threading.Thread(target=_sample, args=(config, began, writer, ended), name="labkit-devices", daemon=True)
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
    """Writes samples until the run has ended; of GPUs from when it uses them, as only then their order is known."""
    import torch

    from labkit.devices.sampler import Sampler
    from labkit.training.setup import resolve_device_type

    kind = resolve_device_type(config.device)
    waits = kind == "cuda"
    sampler = Sampler("cpu") if waits else Sampler(kind, get_allocated_mib=_mps_mib)
    seconds = seconds_since(began)
    try:
        while not ended.wait(SAMPLE_INTERVAL_S):
            if waits and torch.cuda.is_initialized():  # by the run: asking for anything before would do it here
                waits = False
                gpus = range(torch.cuda.device_count())
                uuids = [str(torch.cuda.get_device_properties(index).uuid) for index in gpus]
                sampler = Sampler("cuda", get_allocated_mib=_cuda_mib, gpu_uuids=uuids)
            with suppress(OSError):  # a full disk: a gap in the plot, the run itself tells of it
                writer.write(*sampler.sample(seconds()))
    finally:
        sampler.close()


def _cuda_mib(index: int) -> float:
    import torch

    return torch.cuda.memory_reserved(index) / 2**20


def _mps_mib(index: int) -> float | None:
    import torch

    return torch.mps.driver_allocated_memory() / 2**20 if torch.backends.mps.is_available() else None


def _summarise(folder: Path) -> None:
    from labkit.runs.store import write_summary

    try:
        write_summary(folder)
    except OSError as error:  # whoever reads the folder makes it too; what went wrong before is not to be hidden
        _log.warning("no summary in %s: %s", folder, error)
