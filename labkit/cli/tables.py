"""Tables of runs, comparisons and devices for a terminal."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from labkit.cli.output import escape_markup
from labkit.config import field_types, run_settings
from labkit.devices.sampler import DeviceInfo
from labkit.events import Evaluated
from labkit.formatting import format_duration, format_loss
from labkit.i18n.translation import tr
from labkit.messages import N_, Message
from labkit.runs.compare import best_columns, best_f1_by_split, build_comparison_table, name_dev_splits, name_runs
from labkit.runs.run import Run

_FIGURE_LABELS = {
    "utilization": N_("utilization"),
    "memory_run_mib": N_("memory run"),
    "memory_others_mib": N_("memory others"),
    "memory_total_mib": N_("memory total"),
    "power_w": N_("power"),
    "temperature_c": N_("temperature"),
}


def runs_table(runs: Sequence[Run]) -> Table:
    """Table of runs, the best on each dev split in bold. An F1 is followed by its number of entities."""
    titles, splits, top = name_runs(runs, tr), name_dev_splits(runs), best_f1_by_split(runs)
    headings = [*N_(["run", "what", "state"]), *(N_(["dev split"]) if splits else [])]
    headings += N_(["dev F1 (entities)", "at epoch", "test F1 (entities)", "dev loss", "took", "when"])
    table = Table(*map(tr, headings), box=None, pad_edge=False)
    for run in runs:
        progress, state = run.progress(), tr(run.state)
        if run.state == "running" and progress.steps:
            state = tr("running, {share}", share=f"{progress.share:.0%}")
        row = (
            run.title,
            titles[run.folder].removeprefix(run.title).strip(),
            state,
            *([splits.get(run.dev_split or "", "–")] if splits else []),
            format_score(run.best),
            "–" if run.best_f1 is None or not run.best else f"{run.best.epoch:.3g}",
            format_score(run.test),
            "–" if not run.best or run.best.loss is None else format_loss(run.best.loss),
            format_duration(run.summary().seconds) if run.started else "–",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created)),
        )
        table.add_row(*map(escape_markup, row), style="bold" if best_columns(run, top) else "")
    return table


def run_to_dict(run: Run) -> dict[str, Any]:
    """A run as JSON values, for other programs; None for unknown ones."""
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
        "time_spent_s": run.time_breakdown.totals if run.time_breakdown else None,
        "dev_split": run.dev_split,
        "dev_f1": run.best_f1,
        "dev_loss": run.best.loss if run.best else None,
        "dev_entities": run.best.entities if run.best else None,
        "best_epoch": run.best.epoch if run.best else None,
        "test_f1": run.test.score if run.test else None,
        "test_entities": run.test.entities if run.test else None,
        "reason": run.finished.reason if run.finished else "",
        "config": run.config.as_dict() if run.config else None,
    }


def comparison_table(runs: Sequence[Run]) -> Table:
    """Table of runs' differing settings and scores, with words translated."""
    compared = build_comparison_table(runs, tr)
    worded = {name for name, setting in run_settings().items() if setting.choices or setting.none_text}
    worded |= {name for name, setting in run_settings().items() if setting.zero_text}
    worded |= {"state", *(name for name, (kind, _) in field_types().items() if kind is bool)}
    rows = [
        [tr(cell) if column.key in worded else cell for column, cell in zip(compared.fields, row, strict=True)]
        for row in compared.text_rows()
    ]
    return plain_table(map(tr, compared.columns), rows)


def plain_table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> Table:
    """Rich table of plain texts, escaped."""
    table = Table(*map(escape_markup, columns), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape_markup, row))
    return table


def device_lines(devices: Iterable[DeviceInfo]) -> Iterable[str]:
    """Iterate over lines on each device: name, readable figures, missing figures.

    Figures that are missing for the same reason share a line.
    """
    for device in devices:
        about = [
            device.name,
            tr("{count} cores", count=f"{device.cores:g}") if device.cores else "",
            f"{device.memory_total_mib:,.0f} MiB" if device.memory_total_mib else "",
            tr("driver {version}", version=device.driver) if device.driver else "",
            tr(device.problem or ""),
        ]
        yield f"{device.device}: {', '.join(part for part in about if part)}"
        if device.readable:
            figures = ", ".join(tr(_FIGURE_LABELS[figure]) for figure in device.readable)
            yield "  " + tr("can be read: {figures}", figures=figures)
        by_reason: dict[Message, list[str]] = {}
        for figure, reason in device.missing.items():
            by_reason.setdefault(reason, []).append(tr(_FIGURE_LABELS[figure]))
        for reason, missing in by_reason.items():
            yield "  " + tr("no {figures}: {reason}", figures=", ".join(missing), reason=reason)


def format_score(evaluation: Evaluated | None) -> str:
    """`0.512 (1,234)`: F1 and the number of entities that it rests on."""
    return (
        "–" if evaluation is None or evaluation.score is None else f"{evaluation.score:.3f} ({evaluation.entities:,})"
    )
