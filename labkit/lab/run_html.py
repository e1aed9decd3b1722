"""Texts of the lab as HTML: plan, status, failure, queue, details of a run.

Everything that comes from data is escaped here.
"""

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from labkit.data.corpus_counts import CorpusCounts
from labkit.formatting import format_duration, format_entity_count
from labkit.i18n.translation import tr
from labkit.messages import N_, Message, plural
from labkit.runs.estimate import Estimate
from labkit.runs.run import Run
from labkit.settings import format_rate

STATE_TEXTS = N_(
    {
        "queued": "waiting for its turn",
        "starting": "starting",
        "running": "running",
        "completed": "completed",
        "stopped": "stopped",
        "failed": "failed",
        "interrupted": "interrupted: its process is gone; what it had written is intact",
    }
)


_DEVICE_NAMES = {"cpu": "CPU"}
MAX_TYPES = 12  # rows of the table of a corpus
MAX_NOTES = 2  # more are folded


def render_muted(content: str) -> str:
    """Secondary text in grey; `content` is HTML."""
    return f'<div class="labkit-muted">{content}</div>'


def render_sync(run: Run | None) -> str:
    """How far the run's weights have moved, and by when: two sentences, there from the start, so that nothing moves."""
    if run is None:
        return ""
    moved = run.moves[-1].describe() if run.moves else None
    made = run.paths.describe() if run.paths else None
    if run.is_final:
        waiting = [Message("how far encoder, head and CRF moved was not measured"), Message("")]
    else:
        waiting = [
            Message("how far encoder, head and CRF have moved is known after the first steps"),
            Message("by when they had made their way is known when the run has ended"),
        ]
    lines = [html.escape(tr(told or other)) for told, other in zip((moved, made), waiting, strict=True)]
    return "".join(f"<div>{line}</div>" for line in lines)


def render_error(problem: Message) -> str:
    """Error message in the current language."""
    return f'<div class="labkit-problem">{html.escape(tr(problem))}</div>'


def render_warning(warning: str) -> str:
    """Warning in the current language."""
    return f'<div class="labkit-warning">{html.escape(tr(warning))}</div>'


def format_rough_duration(seconds: float) -> str:
    """Rounded duration: `20 s`, `3 min`, `1.5 h`."""
    if seconds < 90:
        return tr("{number} s", number=max(1, round(seconds)))
    if seconds < 5400:
        return tr("{number} min", number=f"{seconds / 60:.0f}")
    return tr("{number} h", number=f"{seconds / 3600:.1f}")


def render_plan(estimate: Estimate, warnings: Sequence[Message]) -> str:
    """Steps, estimated time and warnings of a planned run."""
    counts = {"steps": f"{estimate.steps:,}", "per_epoch": f"{estimate.steps_per_epoch:,}"}
    if estimate.is_exact:
        steps = tr("<b>{steps} steps</b> ({per_epoch} an epoch)", **counts)
    else:
        steps = tr("about <b>{steps} steps</b> ({per_epoch} an epoch)", **counts)
    if estimate.seconds is not None:
        basis = html.escape(tr(estimate.basis or ""))
        time = tr("about <b>{time}</b>, judging {basis}", time=format_rough_duration(estimate.seconds), basis=basis)
    else:
        time = tr("time unknown: no run with this encoder and head yet")
    return f"<div>{tr('{steps}, {time}', steps=steps, time=time)}</div>{''.join(map(render_warning, warnings))}"


def render_corpus_counts(counts: CorpusCounts) -> str:
    """Format and scheme of a corpus, and a table of sentences, words and entities by split."""
    splits = list(counts.splits.values())
    totals = sum((Counter(split.entities) for split in splits), Counter[str]())
    types = [name for name, _ in totals.most_common()]
    rows = [
        (tr("sentences"), [split.sentences for split in splits]),
        (tr("words"), [split.words for split in splits]),
        *((name, [split.entities.get(name, 0) for split in splits]) for name in types[:MAX_TYPES]),
    ]
    if others := types[MAX_TYPES:]:
        title = tr(plural(len(others), "1 other type", "{count} other types"))
        rows.append((title, [sum(split.entities.get(name, 0) for name in others) for split in splits]))
    head = "".join(f"<th>{html.escape(tr(split))}</th>" for split in counts.splits)
    lines = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(f'<td>{number:,}</td>' for number in numbers)}</tr>"
        for name, numbers in rows
    )
    read_as = tr(
        "read as {format}, {scheme}", format=", ".join(dict.fromkeys(counts.formats.values())), scheme=counts.scheme
    )
    return f'<div>{html.escape(read_as)}</div><table class="labkit-counts"><tr><th></th>{head}</tr>{lines}</table>'


def render_corpus_notes(messages: Sequence[str]) -> str:
    """Notes on a corpus; if there are more than two, their number, which unfolds into the list."""
    if not messages:
        return render_muted(tr("no notes on the corpus"))
    items = "".join(f"<li>{html.escape(tr(message))}</li>" for message in messages)
    if len(messages) <= MAX_NOTES:
        return f"<ul>{items}</ul>"
    title = tr(plural(len(messages), "1 note on the corpus", "{count} notes on the corpus"))
    return f"<details><summary>{title}</summary><ul>{items}</ul></details>"


def render_same_settings(run: Run | None) -> str:
    """Name of a run with the same settings; empty for None."""
    if run is None:
        return ""
    return render_muted(html.escape(tr("as in {run}", run=f"{run.title} {run.name}".strip())))


def render_status(run: Run | None, name: str) -> str:
    """State, progress bar and figures of the displayed run: two lines of constant height."""
    if run is None:
        return f'<div class="labkit-state">{render_muted(tr("No run yet: choose settings and press Train."))}</div>'
    is_active = run.state in ("starting", "running")
    state = tr(run.phase) if is_active and run.phase else tr(STATE_TEXTS.get(run.state, run.state))
    if run.state == "queued":  # only while nothing trains is a queued run displayed
        state = tr("starting")
    progress = run.progress()
    kind = "labkit-live" if run.is_live else f"labkit-{'completed' if progress.ended_early else run.state}"
    width = f"{100 * progress.share:.1f}"
    bar = (
        f'<div class="labkit-progress {kind}" role="progressbar" aria-label="{html.escape(tr("progress"))}" '
        f'aria-valuenow="{width}"><div style="width:{width}%"></div></div>'
    )
    head = f'<div class="labkit-state"><b>{html.escape(name)}</b><span> · {html.escape(state)}</span></div>'
    return f'{head}{bar}<div class="labkit-figures">{_figures(run)}</div>'


def _figures(run: Run) -> str:
    """Five figures in fixed places.

    Unknown ones are a dash, so that nothing moves. Where there is little room, `tuning_lab.css` leaves some out.
    """
    progress, best = run.progress(), run.best
    seconds = (progress.seconds or None) if run.is_final else progress.seconds_left
    figures = {
        "epoch": (tr("epoch"), _format_progress(f"{progress.epoch:.1f}", progress.epochs)),
        "step": (tr("step"), _format_progress(f"{progress.step:,}", progress.steps)),
        "f1": (tr("best F1"), f"{best.score:.3f} ({best.entities:,})" if best and best.score is not None else ""),
        "time": (tr("took") if run.is_final else tr("left"), "" if seconds is None else format_duration(seconds)),
        "speed": (tr("word pieces/s"), f"{progress.tokens_per_s:,.0f}" if progress.tokens_per_s else ""),
    }
    tooltips = {"f1": f' title="{tr(format_entity_count(best.entities))}"'} if best else {}
    return "".join(
        f'<span class="labkit-figure-{key}">{name} <b{tooltips.get(key, "")}>{html.escape(figure or "–")}</b></span>'
        for key, (name, figure) in figures.items()
    )


def _format_progress(done: str, planned: int | None) -> str:
    return tr("{done} of {all}", done=done, all=f"{planned:,}") if planned else ""


def render_failure(run: Run | None) -> str:
    """Reason, hint and details of a failed, odd or early end, in one line that unfolds.

    Empty for None and for a run without any.
    """
    if run is None:
        return ""
    if run.problem:
        return render_problem_line(tr(run.problem))
    end = run.finished
    if end is None or not (end.reason or end.state == "failed"):
        return ""
    kind = "problem" if end.state == "failed" else "note" if end.early else "warning"
    return render_problem_line(tr(end.reason), tr(end.hint), end.details, kind)


def render_problem_line(reason: str, hint: str = "", details: str = "", kind: str = "problem") -> str:
    """One line; unfolded, the whole text and its details lie over what is below, so that nothing moves.

    Args:
        kind: `problem`, `warning` or `note`.
    """
    role = "status" if kind == "note" else "alert"
    text = f"<b>{html.escape(reason)}</b> {html.escape(hint)}"
    whole = f"<p>{html.escape(reason)}</p><p>{html.escape(hint)}</p>"
    details = f"<pre>{html.escape(details)}</pre>" if details else ""
    return (
        f'<details class="labkit-line-{kind}" role="{role}"><summary>{text} <u>{tr("Details")}</u></summary>'
        f"<div>{whole}{details}</div></details>"
    )


def render_queue(runs: Sequence[Run], names: dict[Any, str]) -> str:
    """Names of the queued runs; empty without any."""
    if not runs:
        return ""
    queued = ", ".join(html.escape(names.get(run.folder, run.title)) for run in runs)
    return f'<span title="{queued}"><b>{tr("{count} waiting:", count=len(runs))}</b> {queued}</span>'


def render_details(run: Run | None) -> str:
    """What a run trained: its corpus and device, and folded away notes and the audit of its parameter groups.

    Present from the run's start, so that nothing below moves when they become known seconds later.
    """
    if run is None:
        return ""
    title = html.escape(tr("What {run} trained: data, device, rates", run=run.title))
    if not (run.corpus or run.groups):
        text = N_("it ended before its corpus was read" if run.is_final else "known as soon as its corpus is read")
        return f"{render_muted(tr(text))}<details><summary>{title}</summary></details>"
    line = [tr(run.corpus.describe())] if run.corpus else []
    if plan := run.plan:
        name = _DEVICE_NAMES.get(plan.device_name, plan.device_name)
        device = name if plan.device_name == plan.device else f"{name} ({plan.device})"
        line.append(f"{device}, {plan.precision}")
    notes = run.corpus.notes if run.corpus else []
    items = "".join(f"<li>{html.escape(tr(note))}</li>" for note in notes)
    body = f"{_groups(run)}<ul>{items}</ul>"
    return f"{render_muted(html.escape(' · '.join(line)))}<details><summary>{title}</summary>{body}</details>"


def _groups(run: Run) -> str:
    """Parameter groups: name, size, rate and its schedule, weight decay."""
    heads = N_(("group", "parameters", "peak rate", "weight decay"))
    rows = []
    for group in run.groups:
        size = tr("{count} in {tensors} tensors", count=f"{group.parameters:,}", tensors=group.tensors)
        if group.frozen_parameters:
            size += tr(
                " (of the word table only rows that occur: {count} values left alone)",
                count=f"{group.frozen_parameters:,}",
            )
        warmup = tr("{count} steps of warm-up", count=f"{group.warmup_steps:,}")
        decay = f"{group.weight_decay:g}"
        if group.weight_decay and group.no_decay_tensors:
            decay = tr("{decay} (not on biases and LayerNorm)", decay=decay)
        rows.append((tr(group.name), size, f"{format_rate(group.rate)}, {tr(group.schedule)}, {warmup}", decay))
    return render_table([tr(head) for head in heads], rows) if rows else ""


def render_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Plain table; every cell is escaped."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="labkit-plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def render_entities(text: str, entities: Sequence[dict[str, Any]], colours: dict[str, str]) -> str:
    """Render a text with its entities marked and named.

    Line breaks are kept.

    Args:
        entities: `{type, start, end}` in characters of the text, in order, none overlapping; `confidence`, from 0 to 1,
            is optional.
        colours: CSS colour of each type.
    """
    parts, done = [], 0
    for entity in entities:
        parts.append(html.escape(text[done : entity["start"]]))
        colour = colours.get(entity["type"], "#777777")
        share, title, percent = entity.get("confidence"), "", ""
        if share is not None:
            percent = f" <i>{html.escape(format_confidence(share))}</i>"
            tooltip = tr(
                "{type}: tagged with a probability of {share}", type=entity["type"], share=format_confidence(share)
            )
            title = f' title="{html.escape(tooltip)}"'
        inner = html.escape(text[entity["start"] : entity["end"]])
        inner += f"<small>{html.escape(entity['type'])}{percent}</small>"
        parts.append(f'<mark class="labkit-entity" style="--entity:{colour}"{title}>{inner}</mark>')
        done = entity["end"]
    parts.append(html.escape(text[done:]))
    return f'<div class="labkit-text">{"".join(parts)}</div>'


def format_confidence(share: float) -> str:
    """Probability in percent; only certainty is `100 %`.

    >>> format_confidence(0.8349), format_confidence(0.9999), format_confidence(0.002)
    ('83 %', '>99 %', '<1 %')
    """
    if 0.995 <= share < 1:
        return ">99 %"
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
