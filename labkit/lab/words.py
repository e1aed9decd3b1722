"""What the lab says, as HTML. Everything that comes from data is escaped here."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from labkit.config import show_rate
from labkit.runs.estimate import Estimate
from labkit.runs.run import Run

STATES = {
    "queued": "waiting for its turn",
    "starting": "starting",
    "running": "running",
    "completed": "completed",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted: its process is gone; what it had written is intact",
}


def duration(seconds: float) -> str:
    """`0:07`, `12:05` or `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def roughly(seconds: float) -> str:
    """A time as one would say it: `20 s`, `3 min`, `1.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def plan(estimate: Estimate | None, warnings: Sequence[str], problem: str = "") -> str:
    """What pressing Train will do."""
    if problem:
        return f'<div class="labkit-problem">{html.escape(problem)}</div>'
    if estimate is None:
        return '<div class="labkit-muted">counting the corpus…</div>'
    about = "" if estimate.is_counted else "about "
    steps = f"{about}<b>{estimate.steps:,} steps</b> ({estimate.steps_per_epoch:,} an epoch)"
    if estimate.seconds is not None:
        time = f"about <b>{roughly(estimate.seconds)}</b>, judging {html.escape(estimate.basis or '')}"
    else:
        time = "time unknown until a first run"
    told = "".join(f'<div class="labkit-warning">{html.escape(each)}</div>' for each in warnings)
    return f"<div>{steps}, {time}</div>{told}"


def status(run: Run | None, name: str) -> str:
    """A run's state in words, and its progress."""
    if run is None:
        return '<div class="labkit-muted">No run yet: choose settings and press Train.</div>'
    head = f"<b>{html.escape(name)}</b> · {html.escape(_state(run))}"
    return f"<div>{head}</div>{_bar(run)}<div class='labkit-figures'>{_figures(run)}</div>"


def _state(run: Run) -> str:
    if run.state in ("starting", "running") and run.phase:
        return run.phase
    return STATES.get(run.state, run.state)


def _bar(run: Run) -> str:
    share = 100 * run.progress().share
    kind = "labkit-live" if run.is_live else f"labkit-{run.state}"
    return f'<div class="labkit-progress {kind}" role="progressbar"><div style="width:{share:.1f}%"></div></div>'


def _figures(run: Run) -> str:
    """Always the same five, in the same places: what is not known yet is a dash, so that nothing jumps."""
    progress = run.progress()
    figures = {
        "epoch": f"{progress.epoch:.1f} of {progress.epochs}" if progress.epochs else "",
        "step": f"{progress.step:,} of {progress.steps:,}" if progress.steps else "",
        "tokens/s": f"{progress.tokens_per_s:,.0f}" if progress.tokens_per_s else "",
        "best F1": f"{run.best.f1:.3f}" if run.best else "",
        "took" if run.is_final else "left": _time(run),
    }
    return "".join(f"<span>{name} <b>{html.escape(figure or '–')}</b></span>" for name, figure in figures.items())


def _time(run: Run) -> str:
    progress = run.progress()
    if run.is_final:
        return duration(progress.seconds) if progress.seconds else ""
    return "" if progress.seconds_left is None else duration(progress.seconds_left)


def failure(run: Run | None) -> str:
    """Why a run failed, in a line; its details folded. Empty where nothing failed."""
    if run is None:
        return ""
    if run.problem:
        return f'<div class="labkit-problem">{html.escape(run.problem)}</div>'
    end = run.finished
    if end is None or end.state != "failed":
        return ""
    line = f"<b>{html.escape(end.reason)}</b> {html.escape(end.hint)}"
    details = (
        f"<details><summary>Details</summary><pre>{html.escape(end.details)}</pre></details>" if end.details else ""
    )
    return f'<div class="labkit-problem" role="alert">{line}{details}</div>'


def queue(runs: Sequence[Run], names: dict[Any, str]) -> str:
    """The runs that wait for their turn; empty where none does."""
    if not runs:
        return ""
    listed = ", ".join(html.escape(names.get(run.folder, run.title)) for run in runs)
    return f"<b>{len(runs)} waiting:</b> {listed}"


def about(run: Run | None) -> str:
    """What a run trains, on what, and with which groups: folded away."""
    if run is None or not (run.corpus or run.groups):
        return ""
    return _folded(f"Corpus, device and learning-rate groups of {run.title}", _about(run))


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{html.escape(title)}</summary>{content}</details>"


def _about(run: Run) -> str:
    lines = []
    if corpus := run.corpus:
        counts = (corpus.train_sentences, corpus.dev_sentences, corpus.test_sentences)
        parts = "{:,} training, {:,} dev, {:,} test sentences".format(*counts)
        lines.append(f"{html.escape(corpus.name)}: {parts}, {len(corpus.tags)} tags")
        lines += [html.escape(note) for note in corpus.notes]
    if plan := run.plan:
        lines.append(html.escape(f"{plan.device_name} ({plan.device}), computing in {plan.precision}"))
    told = "".join(f"<li>{line}</li>" for line in lines)
    return f"<ul>{told}</ul>{_groups(run)}"


def _groups(run: Run) -> str:
    heads = ("group", "tensors", "parameters", "peak rate", "schedule", "warm-up", "weight decay")
    rows = [
        (
            group.name,
            f"{group.tensors}",
            f"{group.parameters:,}" + (f" and {group.resting:,} that no sentence touches" if group.resting else ""),
            show_rate(group.rate),
            group.schedule,
            f"{group.warmup_steps:,} steps",
            f"{group.weight_decay:g}, none for {group.undecayed_tensors} tensors",
        )
        for group in run.groups
    ]
    return table(heads, rows) if rows else ""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A plain table; every cell is escaped."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="labkit-plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def marked(text: str, entities: Sequence[dict[str, Any]], colours: dict[str, str]) -> str:
    """A text with its entities marked, each with its type; line breaks kept.

    Args:
        entities: `{type, start, end}` in characters of the text, in order, none overlapping; `confidence`, from 0 to 1,
            is shown where it is known.
        colours: by type.
    """
    parts, done = [], 0
    for entity in entities:
        parts.append(html.escape(text[done : entity["start"]]))
        colour = colours.get(entity["type"], "#777777")
        inner = html.escape(text[entity["start"] : entity["end"]])
        inner += f"<small>{html.escape(entity['type'])}{_sure(entity)}</small>"
        parts.append(f'<mark class="labkit-entity" style="--entity:{colour}"{_title(entity)}>{inner}</mark>')
        done = entity["end"]
    parts.append(html.escape(text[done:]))
    return f'<div class="labkit-text">{"".join(parts)}</div>'


def confidence(share: float) -> str:
    """A probability in percent; only certainty is 100 %.

    >>> confidence(0.8349), confidence(0.9999), confidence(0.002)
    ('83 %', '>99 %', '<1 %')
    """
    if 0.995 <= share < 1:
        return ">99 %"
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _sure(entity: dict[str, Any]) -> str:
    share = entity.get("confidence")
    return "" if share is None else f" <i>{html.escape(confidence(share))}</i>"


def _title(entity: dict[str, Any]) -> str:
    share = entity.get("confidence")
    if share is None:
        return ""
    told = f"{entity['type']}: tagged so with a probability of {confidence(share)}"
    return f' title="{html.escape(told)}"'
