"""A few steps in mid-run, recorded operator by operator with torch.profiler."""

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from labkit import gc_pause
from labkit.events import OperatorsProfiled, OperatorTime
from labkit.training.timing import PhaseTimer

SKIPPED_STEPS = 20  # steps before, or half of a shorter run: by then all is warm
RECORDED_STEPS = 10  # recorded; fewer where an epoch ends
MAX_OPERATORS = 15
TRACE_FILENAME = "trace.json.gz"
STEP_LABEL = "a step of training"  # what each recorded step is called in the trace
PYTHON = "Python, between operators"


class StepProfiler:
    """Records STEPS steps, and says what they spent their time on. Does nothing where it is not wanted.

        with profiler.step(steps_before, tokens_before):
            ...
        if profiler.is_full:
            told = profiler.end(steps, tokens, seconds)

    All the time from the first recorded step until `end` returns goes to `profiling` on the stopwatch.
    """

    def __init__(self, wanted: bool, steps: int, device: torch.device, timer: PhaseTimer, folder: Path | None):
        """
        Args:
            steps: of the whole run.
            folder: what gets the trace; None for no trace.
        """
        self._wanted = wanted
        self._first = min(SKIPPED_STEPS, steps // 2)
        self._device = device
        self._timer = timer
        self._folder = folder
        self._profile: Any = None
        self._done = 0
        self._tokens_before = 0

    @property
    def is_recording(self) -> bool:
        """Whether steps have been recorded that `end` was not called for."""
        return self._profile is not None

    @property
    def is_full(self) -> bool:
        return self._done == RECORDED_STEPS

    @contextmanager
    def step(self, steps: int, tokens: int) -> Iterator[None]:
        """Around a step; `steps` steps and `tokens` word pieces were done before it."""
        if self._wanted and not self.is_recording and steps >= self._first:
            self._begin(tokens)
        if not self.is_recording:
            yield
            return
        with self._timer.attributed_to("profiling"), record_function(STEP_LABEL):
            yield
        self._done += 1

    def _begin(self, tokens: int) -> None:
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or it writes lines on stderr, through the progress bar
        activities = [ProfilerActivity.CPU]
        if self._device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        with self._timer.attributed_to("profiling"):
            self._tokens_before = tokens
            self._profile = profile(activities=activities)
            self._profile.start()

    def end(self, steps: int, tokens: int, seconds: Callable[[], float]) -> OperatorsProfiled:
        """What was found; also writes the trace, and records no further step.

        Args:
            steps: done by now.
            tokens: word pieces seen by now.
            seconds: tells those since the run began; asked when all is done.
        """
        assert self.is_recording
        with self._timer.attributed_to("profiling"):
            self._profile.stop()
            with gc_pause.gc_paused():  # of a hundred thousand objects made here it would find none to collect
                operators = rank_operators(self._profile.key_averages(), on_device=self._device.type == "cuda")
            if self._folder:
                self._write_trace(self._folder / TRACE_FILENAME)
        self._profile, self._wanted = None, False
        return OperatorsProfiled(
            seconds=seconds(),
            step=steps,
            steps=self._done,
            tokens=tokens - self._tokens_before,
            duration_s=self._timer.totals()["profiling"],
            operators=operators,
            trace=TRACE_FILENAME if self._folder else "",
        )

    def _write_trace(self, path: Path) -> None:
        """Packed by ourselves: torch packs as tightly as it can, which takes ten times as long."""
        plain = path.with_suffix("")
        self._profile.export_chrome_trace(str(plain))
        with open(plain, "rb") as source, gzip.open(path, "wb", compresslevel=1) as packed:
            shutil.copyfileobj(source, packed)
        plain.unlink()

    def close(self) -> None:
        """Leaves off recording, if it is on, without a result."""
        if self._profile is not None:
            self._profile.stop()
            self._profile, self._wanted = None, False


def rank_operators(averages: Any, on_device: bool) -> list[OperatorTime]:
    """The operators of the longest own time, the longest first.

    Args:
        averages: torch.profiler's `key_averages()`.
        on_device: whether the GPU's time counts, each kernel's for the operator that asked for it, or the CPU's.
    """
    times: dict[str, tuple[int, float]] = {}
    for each in averages:
        if each.device_type.name != "CPU":
            continue  # a kernel by itself, which counts for its operator already
        seconds = (each.self_device_time_total if on_device else each.self_cpu_time_total) / 1e6
        calls, before = times.get(_operator_name(each.key), (0, 0.0))
        times[_operator_name(each.key)] = (max(calls, each.count), before + seconds)
    total = sum(seconds for _, seconds in times.values()) or 1.0
    longest = sorted(times.items(), key=lambda each: -each[1][1])[:MAX_OPERATORS]
    return [OperatorTime(name, calls, round(took, 6), round(took / total, 4)) for name, (calls, took) in longest]


def _operator_name(key: str) -> str:
    return (
        PYTHON if key == STEP_LABEL else key.removeprefix("aten::").replace("autograd::engine::evaluate_function: ", "")
    )
