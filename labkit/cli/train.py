"""`labkit train`: train in this process, with progress lines and Ctrl-C."""

import os
import shlex
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from labkit.cli.advice import advice_lines
from labkit.cli.output import make_console
from labkit.cli.progress import TrainingProgress
from labkit.cli.time_tables import operators_table, time_table
from labkit.config import RunConfig
from labkit.data.encoders import read_max_sequence_length
from labkit.environment import torch_environment
from labkit.events import Event, OperatorsProfiled, RunFinished, TimeBreakdown
from labkit.formatting import format_duration, format_entity_count
from labkit.i18n.translation import tr
from labkit.jobs import launch
from labkit.messages import N_, Message
from labkit.presets import adjustment_notes
from labkit.runs import control
from labkit.runs.folder import CHECKPOINTS
from labkit.runs.store import Run, RunStore
from labkit.training import distributed
from labkit.tuning.advisor import advise


def create_run_folder(config: RunConfig, runs: Path, name: str) -> Path:
    """Create a run's folder, the same in all processes of `accelerate launch`."""
    folder = None
    if distributed.is_main_process():
        folder = launch.create(config, runs, name.strip())
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
        if others := _live_here(folder):
            progress.print_line(tr("also training on this machine: {runs}; each takes longer", runs=others))
        with on_interrupt(stop):
            record(config, folder, on_event)
    if config.profile:
        _print_times(last.get(TimeBreakdown), last.get(OperatorsProfiled), folder)
    launch.start_next(folder.parent)  # of those queued in a notebook meanwhile
    return last.get(RunFinished)


def describe_result(folder: Path, runs_folder: Path | None) -> Message:
    """Score of a run that has ended, and a command to go on with.

    Args:
        runs_folder: the folder of its runs, if the command must name it.
    """
    run = Run(folder)
    has_weights = any((folder / name).is_dir() for name in CHECKPOINTS)
    command = f'labkit predict {run.number} "…"' if has_weights else "labkit runs"
    values: dict[str, str | float] = {
        "run": run.title,
        "took": format_duration(run.summary().seconds),
        "command": command + (f" --runs {shlex.quote(str(runs_folder))}" if runs_folder else ""),
    }
    if not run.best or not run.config or run.best.score is None:
        return Message("{run}: no F1 on dev, took {took}; try: {command}", **values)
    text = N_("{run}: best dev F1 {f1:.3f} ({entities}) at epoch {epoch:.3g} of {epochs}, took {took}; try: {command}")
    values |= {"f1": run.best.score, "entities": format_entity_count(run.best.entities)}
    return Message(text, epoch=run.best.epoch, epochs=run.config.epochs, **values)


def first_advice(folder: Path) -> list[str]:
    """First advice on a run that has ended, in a line or two; empty without any."""
    run = Run(folder)
    return list(advice_lines(run, most=1)) if advise(run) else []


def _live_here(folder: Path) -> str:
    """Other live runs on this machine, beside this one in its folder of runs: `#3, #5`."""
    others = [run for run in RunStore(folder.parent).live() if run.folder.name != folder.name]
    here = [run for run in others if not run.started or run.started.host == socket.gethostname()]
    return ", ".join(run.title for run in here)


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
