"""`labkit train`: train in this process, with progress lines and Ctrl-C."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from labkit.cli.output import make_console
from labkit.cli.progress import TrainingProgress
from labkit.cli.time_tables import operators_table, time_table
from labkit.config import RunConfig
from labkit.data.encoders import read_max_sequence_length
from labkit.environment import torch_environment
from labkit.events import Event, OperatorsProfiled, RunFinished, TimeBreakdown
from labkit.i18n.translation import tr
from labkit.jobs import launch
from labkit.presets import adjustment_notes
from labkit.runs import control
from labkit.runs.store import RunStore
from labkit.training import distributed


def create_run_folder(config: RunConfig, runs: Path, name: str) -> Path:
    """Create a run's folder, the same in all processes of `accelerate launch`."""
    folder = None
    if distributed.is_main_process():
        folder = launch.create(config, runs)
        if name:
            store = RunStore(runs)
            store.rename(store.get(folder), name)
    return Path(distributed.broadcast_text(str(folder) if folder else None, "folder"))


def train_in_terminal(config: RunConfig, folder: Path) -> RunFinished | None:
    """Train in this process. Ctrl-C stops after the step, a second one aborts.

    Returns:
        How training ended in this process. Each of several processes may fail for its own reason.

    Raises:
        KeyboardInterrupt: at the second Ctrl-C.
    """
    os.environ.update(torch_environment())  # read once, when torch is imported
    from labkit.training.recorder import record

    last: dict[type, Any] = {}
    if not distributed.is_main_process():
        with on_interrupt(lambda: None):
            record(config, folder, lambda event: last.update({type(event): event}))
        return last.get(RunFinished)
    with TrainingProgress(make_console(stderr=True)) as progress:

        def on_event(event: Event) -> None:
            progress.update(event)
            last[type(event)] = event

        def stop() -> None:
            progress.print_line(tr("Stopping after this step, the model is kept; Ctrl-C again aborts."))
            control.stop(folder)

        for note in adjustment_notes(config, longest_window=read_max_sequence_length(config.encoder)):
            progress.print_note(note)
        with on_interrupt(stop):
            record(config, folder, on_event)
    if config.profile:
        _print_times(last.get(TimeBreakdown), last.get(OperatorsProfiled), folder)
    launch.start_next(folder.parent)  # of those queued in a notebook meanwhile
    return last.get(RunFinished)


def _print_times(breakdown: TimeBreakdown | None, profiled: OperatorsProfiled | None, folder: Path) -> None:
    """Print the run's time by part and by profiled operator."""
    console = make_console(stderr=True)
    if breakdown:
        console.print(f"\n{tr('Where the time went')}", highlight=False)
        console.print(time_table(breakdown))
    if profiled:
        steps = {"steps": profiled.steps, "step": profiled.step}
        console.print(f"\n{tr('Operators of {steps} steps up to step {step}', **steps)}", highlight=False)
        console.print(operators_table(profiled))
        trace = tr("all of it, for ui.perfetto.dev or chrome://tracing: {file}", file=folder / profiled.trace)
        console.print(trace, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def on_interrupt(first: Callable[[], None]) -> Iterator[None]:
    """Handle SIGINT and SIGTERM inside: the first one calls `first`.

    A further SIGINT raises KeyboardInterrupt.
    """
    interrupted = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            first()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
