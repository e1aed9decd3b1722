"""Runs, comparisons, assets and devices as tables for a terminal."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from labkit.runs.compare import names
from labkit.runs.figures import show_loss
from labkit.runs.run import Run
from labkit.training.devices import DeviceInfo

_WIDE = 200  # columns, where the output goes into a file or another program


def console(*, stderr: bool = False) -> Console:
    """A console whose tables are not cut where nobody looks at them."""
    made = Console(stderr=stderr)
    return made if made.is_terminal else Console(stderr=stderr, width=_WIDE)


def runs_table(runs: Sequence[Run]) -> Table:
    """One line a run; the best finished one is bold."""
    table = Table("run", "what", "state", "dev F1", "test F1", "loss", "took", "when", box=None, pad_edge=False)
    titles = names(runs)
    best = max((run for run in runs if run.best), key=lambda run: run.best.f1 if run.best else 0.0, default=None)
    for run in runs:
        row = (
            run.title,
            titles[run.folder].removeprefix(run.title).strip(),
            _state(run),
            score(run.best.f1 if run.best else None),
            score(run.test.f1 if run.test else None),
            number(run.summary().loss),
            duration(run.summary().seconds if run.started else None),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created)),
        )
        table.add_row(*map(escape, row), style="bold" if run is best else "")
    return table


def run_as_plain(run: Run) -> dict[str, Any]:
    """A run for other programs: plain numbers and strings; what is not known is None."""
    summary = run.summary()
    return {
        "number": run.number,
        "folder": str(run.folder),
        "name": run.name,
        "state": run.state,
        "phase": run.phase,
        "problem": run.problem,
        "created": run.created,
        "step": summary.step,
        "epoch": summary.epoch,
        "seconds": summary.seconds,
        "tokens_per_s": summary.tokens_per_s,
        "loss": summary.loss,
        "time_spent_s": run.spent.spent if run.spent else None,
        "dev_f1": run.best.f1 if run.best else None,
        "test_f1": run.test.f1 if run.test else None,
        "reason": run.finished.reason if run.finished else "",
        "config": run.config.as_dict() if run.config else None,
    }


def plain_table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table of any texts."""
    table = Table(*map(escape, columns), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def device_lines(devices: Iterable[DeviceInfo]) -> Iterable[str]:
    """For each device what it is, what can be read from it, and why the rest cannot."""
    for device in devices:
        about = [
            device.name,
            f"{device.cores:g} cores" if device.cores else "",
            f"{device.memory_total_mib:,.0f} MiB" if device.memory_total_mib else "",
            f"driver {device.driver}" if device.driver else "",
            device.problem,
        ]
        yield f"{device.device}: {', '.join(part for part in about if part)}"
        if device.readable:
            yield f"  can be read: {', '.join(map(_figure, device.readable))}"
        yield from _reasons(device.missing)


def score(share: float | None) -> str:
    return "–" if share is None else f"{share:.3f}"


def number(value: float | None) -> str:
    return "–" if value is None else show_loss(value)


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _state(run: Run) -> str:
    progress = run.progress()
    if run.state == "running" and progress.steps:
        return f"running, {progress.share:.0%}"
    return run.state


def _figure(name: str) -> str:
    return name.replace("_mib", "").replace("_w", "").replace("_c", "").replace("_", " ")


def _reasons(missing: Mapping[str, str]) -> Iterable[str]:
    """Figures that are missing for the same reason share a line."""
    by_reason: dict[str, list[str]] = {}
    for figure, reason in missing.items():
        by_reason.setdefault(reason, []).append(_figure(figure))
    for reason, figures in by_reason.items():
        yield f"  no {', '.join(figures)}: {reason}"
