"""Operator profile of a few steps in mid-run, by torch.profiler."""

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from labkit.events import OperatorsProfiled, OperatorTime
from labkit.gc_pause import gc_paused
from labkit.training.timing import PhaseTimer

SKIPPED_STEPS = 20  # warm-up steps, or half of a shorter run
RECORDED_STEPS = 10  # fewer if the epoch ends before
MAX_OPERATORS = 15
TRACE_FILENAME = "trace.json.gz"
STEP_LABEL = "a step of training"  # name of a recorded step in the trace
PYTHON = "Python, between operators"
_BACKWARD = "autograd::engine::evaluate_function: "


class StepProfiler:
    """Profiles RECORDED_STEPS steps by operator; does nothing unless wanted.

        with profiler.step(steps_before, tokens_before):
            ...
        if profiler.is_full:
            event = profiler.end(steps, tokens, seconds)

    All the time from the first recorded step until `end` returns counts as `profiling` on the timer.
    """

    def __init__(self, wanted: bool, steps: int, device: torch.device, timer: PhaseTimer, folder: Path | None):
        """
        Args:
            steps: number of steps of the whole run.
            folder: folder for the trace; None for no trace.
        """
        self._wanted = wanted
        self._first = min(SKIPPED_STEPS, steps // 2)
        self._device = device
        self._timer = timer
        self._folder = folder
        self._profile: Any = None
        self._recorded = 0
        self._tokens_before = 0

    @property
    def is_recording(self) -> bool:
        """True if steps were recorded and `end` was not called yet."""
        return self._profile is not None

    @property
    def is_full(self) -> bool:
        return self._recorded == RECORDED_STEPS

    @contextmanager
    def step(self, steps: int, tokens: int) -> Iterator[None]:
        """Context of one step.

        Args:
            steps: steps done before.
            tokens: tokens seen before.
        """
        if self._wanted and not self.is_recording and steps >= self._first:
            self._begin(tokens)
        if not self.is_recording:
            yield
            return
        with self._timer.attributed_to("profiling"), record_function(STEP_LABEL):
            yield
        self._recorded += 1

    def _begin(self, tokens: int) -> None:
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else it writes to stderr, into the progress bar
        activities = [ProfilerActivity.CPU]
        if self._device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        with self._timer.attributed_to("profiling"):
            self._tokens_before = tokens
            self._profile = profile(activities=activities)
            self._profile.start()

    def end(self, steps: int, tokens: int, seconds: Callable[[], float]) -> OperatorsProfiled:
        """Ends the recording, writes the trace and returns the event.

        Args:
            steps: steps done by now.
            tokens: tokens seen by now.
            seconds: returns the age of the run; called at the end.
        """
        assert self.is_recording
        with self._timer.attributed_to("profiling"):
            self._profile.stop()
            with gc_paused():  # none of the hundred thousand objects made here is garbage
                operators = rank_operators(self._profile.key_averages(), on_device=self._device.type == "cuda")
            if self._folder:
                self._write_trace(self._folder / TRACE_FILENAME)
        self._profile, self._wanted = None, False
        return OperatorsProfiled(
            seconds=seconds(),
            step=steps,
            steps=self._recorded,
            tokens=tokens - self._tokens_before,
            duration_s=self._timer.totals()["profiling"],
            operators=operators,
            trace=TRACE_FILENAME if self._folder else "",
        )

    def _write_trace(self, path: Path) -> None:
        """Writes the trace, compressed at level 1: torch's level takes ten times as long."""
        plain = path.with_suffix("")
        self._profile.export_chrome_trace(str(plain))
        with open(plain, "rb") as source, gzip.open(path, "wb", compresslevel=1) as target:
            shutil.copyfileobj(source, target)
        plain.unlink()

    def close(self) -> None:
        """Stops a recording without a result."""
        if self._profile is not None:
            self._profile.stop()
            self._profile, self._wanted = None, False


def rank_operators(averages: Any, on_device: bool) -> list[OperatorTime]:
    """Returns the operators with the longest own time, longest first.

    Args:
        averages: torch.profiler's `key_averages()`.
        on_device: True to count the GPU's time, each kernel's for the operator that launched it; else the CPU's.
    """
    times: dict[str, tuple[int, float]] = {}
    for average in averages:
        if average.device_type.name != "CPU":
            continue  # a kernel, which counts for its operator already
        seconds = (average.self_device_time_total if on_device else average.self_cpu_time_total) / 1e6
        name = PYTHON if average.key == STEP_LABEL else average.key.removeprefix("aten::").removeprefix(_BACKWARD)
        calls, before = times.get(name, (0, 0.0))
        times[name] = (max(calls, average.count), before + seconds)
    total = sum(seconds for _, seconds in times.values()) or 1.0
    longest = sorted(times.items(), key=lambda item: -item[1][1])[:MAX_OPERATORS]
    return [OperatorTime(name, calls, round(own, 6), round(own / total, 4)) for name, (calls, own) in longest]
