"""What the lab says, as HTML. Everything that comes from data is escaped here."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from labkit.events import CorpusRead, ParamGroupInfo
from labkit.formatting import format_duration, format_entity_count
from labkit.i18n.translation import tr, translate_message
from labkit.runs.estimate import Estimate
from labkit.runs.run import Run
from labkit.settings import format_rate

STATE_TEXTS = {
    "queued": "waiting for its turn",
    "starting": "starting",
    "running": "running",
    "completed": "completed",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted: its process is gone; what it had written is intact",
}


def render_muted(content: str) -> str:
    """What is only by the way; `told` is HTML."""
    return f'<div class="labkit-muted">{content}</div>'


def render_error(problem: str) -> str:
    """What went wrong, in the language of the lab."""
    return f'<div class="labkit-problem">{html.escape(translate_message(problem))}</div>'


def format_rough_duration(seconds: float) -> str:
    """A time as one would say it: `20 s`, `3 min`, `1.5 h`."""
    if seconds < 90:
        return tr("{number} s", number=max(1, round(seconds)))
    if seconds < 5400:
        return tr("{number} min", number=f"{seconds / 60:.0f}")
    return tr("{number} h", number=f"{seconds / 3600:.1f}")


def render_plan(estimate: Estimate | None, warnings: Sequence[str], problem: str = "") -> str:
    """What pressing Train will do."""
    if problem:
        return render_error(problem)
    if estimate is None:
        return render_muted(tr("counting the corpus…"))
    counts = {"steps": f"{estimate.steps:,}", "per_epoch": f"{estimate.steps_per_epoch:,}"}
    if estimate.is_exact:
        steps = tr("<b>{steps} steps</b> ({per_epoch} an epoch)", **counts)
    else:
        steps = tr("about <b>{steps} steps</b> ({per_epoch} an epoch)", **counts)
    if estimate.seconds is not None:
        basis = html.escape(translate_message(estimate.basis or ""))
        time = tr("about <b>{time}</b>, judging {basis}", time=format_rough_duration(estimate.seconds), basis=basis)
    else:
        time = tr("time unknown until a first run on this machine")
    told = "".join(f'<div class="labkit-warning">{html.escape(translate_message(each))}</div>' for each in warnings)
    return f"<div>{tr('{steps}, {time}', steps=steps, time=time)}</div>{told}"


def render_corpus_notes(messages: Sequence[str]) -> str:
    """The notes on a corpus, in one line however many they are; unfolded, all of them."""
    if not messages:
        return render_muted(tr("no notes on the corpus"))
    each = [html.escape(translate_message(note)) for note in messages]
    title = (
        tr("1 note on the corpus:") if len(messages) == 1 else tr("{count} notes on the corpus:", count=len(messages))
    )
    listed = "".join(f"<li>{note}</li>" for note in each)
    return f"<details><summary>{title} {each[0]}</summary><ul>{listed}</ul></details>"


def render_same_settings(run: Run | None) -> str:
    """Whose settings these are; empty where no run had them yet."""
    if run is None:
        return ""
    return render_muted(html.escape(tr("as in {run}", run=f"{run.title} {run.name}".strip())))


def render_status(run: Run | None, name: str) -> str:
    """A run's state in words, and its progress."""
    if run is None:
        return render_muted(tr("No run yet: choose settings and press Train."))
    head = f"<b>{html.escape(name)}</b> · {html.escape(_state(run))}"
    return f"<div>{head}</div>{_bar(run)}<div class='labkit-figures'>{_figures(run)}</div>"


def _state(run: Run) -> str:
    if run.state in ("starting", "running") and run.phase:
        return tr(run.phase)
    return tr(STATE_TEXTS.get(run.state, run.state))


def _bar(run: Run) -> str:
    share = 100 * run.progress().share
    kind = "labkit-live" if run.is_live else f"labkit-{run.state}"
    return f'<div class="labkit-progress {kind}" role="progressbar"><div style="width:{share:.1f}%"></div></div>'


def _figures(run: Run) -> str:
    """Always the same five, in the same places: what is not known yet is a dash, so that nothing jumps."""
    progress = run.progress()
    figures = {
        tr("epoch"): _format_progress(f"{progress.epoch:.1f}", progress.epochs),
        tr("step"): _format_progress(f"{progress.step:,}", progress.steps),
        tr("tokens/s"): f"{progress.tokens_per_s:,.0f}" if progress.tokens_per_s else "",
        tr("best F1"): _format_best_score(run),
        tr("took") if run.is_final else tr("left"): _time(run),
    }
    told = {tr("best F1"): f' title="{format_entity_count(run.best.entities)}"'} if run.best else {}
    return "".join(
        f"<span>{name} <b{told.get(name, '')}>{html.escape(figure or '–')}</b></span>"
        for name, figure in figures.items()
    )


def _format_best_score(run: Run) -> str:
    return f"{run.best.score:.3f} ({run.best.entities:,})" if run.best and run.best.score is not None else ""


def _format_progress(done: str, planned: int | None) -> str:
    return tr("{done} of {all}", done=done, all=f"{planned:,}") if planned else ""


def _time(run: Run) -> str:
    progress = run.progress()
    if run.is_final:
        return format_duration(progress.seconds) if progress.seconds else ""
    return "" if progress.seconds_left is None else format_duration(progress.seconds_left)


def render_failure(run: Run | None) -> str:
    """Why a run failed, or what is odd of one that did not, in a line; details folded. Empty where nothing is."""
    if run is None:
        return ""
    if run.problem:
        return render_error(run.problem)
    end = run.finished
    if end is None or not (end.reason or end.state == "failed"):
        return ""
    line = f"<b>{html.escape(translate_message(end.reason))}</b> {html.escape(translate_message(end.hint))}"
    details = f"<details><summary>{tr('Details')}</summary><pre>{html.escape(end.details)}</pre></details>"
    details = details if end.details else ""
    kind = "problem" if end.state == "failed" else "warning"
    return f'<div class="labkit-{kind}" role="alert">{line}{details}</div>'


def render_queue(runs: Sequence[Run], names: dict[Any, str]) -> str:
    """The runs that wait for their turn; empty where none does."""
    if not runs:
        return ""
    listed = ", ".join(html.escape(names.get(run.folder, run.title)) for run in runs)
    return f"<b>{tr('{count} waiting:', count=len(runs))}</b> {listed}"


def render_details(run: Run | None) -> str:
    """What a run trains, on what, and with which groups: folded away.

    There from a run's start, so that nothing below moves when all of that becomes known seconds later.
    """
    if run is None:
        return ""
    return _render_collapsible(
        tr("Corpus, device and learning-rate groups of {run}", run=run.title), _render_details_body(run)
    )


def _render_collapsible(title: str, content: str) -> str:
    return f"<details><summary>{html.escape(title)}</summary>{content}</details>"


def _render_details_body(run: Run) -> str:
    if not (run.corpus or run.groups):
        ended = run.is_final
        return render_muted(
            tr("it ended before its corpus was read" if ended else "known as soon as its corpus is read")
        )
    lines = []
    if corpus := run.corpus:
        lines.append(_describe_splits(corpus))
        lines += [translate_message(note) for note in corpus.notes]
    if plan := run.plan:
        device = f"{plan.device_name} ({plan.device})"
        lines.append(tr("{device}, computing in {precision}", device=device, precision=plan.precision))
    told = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<ul>{told}</ul>{_groups(run)}"


def _describe_splits(corpus: CorpusRead) -> str:
    return tr(
        "{corpus}: {train} training, {dev} dev, {test} test sentences, {tags} tags",
        corpus=corpus.name,
        train=f"{corpus.train_sentences:,}",
        dev=f"{corpus.dev_sentences:,}",
        test=f"{corpus.test_sentences:,}",
        tags=len(corpus.tags),
    )


def _groups(run: Run) -> str:
    heads = ("group", "tensors", "parameters", "peak rate", "schedule", "warm-up", "weight decay")
    rows = [
        (
            tr(group.name),
            f"{group.tensors}",
            _parameters(group),
            format_rate(group.rate),
            tr(group.schedule),
            tr("{count} steps", count=f"{group.warmup_steps:,}"),
            tr("{decay}, none for {count} tensors", decay=f"{group.weight_decay:g}", count=group.no_decay_tensors),
        )
        for group in run.groups
    ]
    return render_table([tr(head) for head in heads], rows) if rows else ""


def _parameters(group: ParamGroupInfo) -> str:
    trained = f"{group.parameters:,}"
    if not group.frozen_parameters:
        return trained
    return tr("{count} and {resting} that no sentence touches", count=trained, resting=f"{group.frozen_parameters:,}")


def render_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A plain table; every cell is escaped."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="labkit-plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def render_entities(text: str, entities: Sequence[dict[str, Any]], colours: dict[str, str]) -> str:
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
        inner += f"<small>{html.escape(entity['type'])}{_render_confidence(entity)}</small>"
        parts.append(f'<mark class="labkit-entity" style="--entity:{colour}"{_title(entity)}>{inner}</mark>')
        done = entity["end"]
    parts.append(html.escape(text[done:]))
    return f'<div class="labkit-text">{"".join(parts)}</div>'


def format_confidence(share: float) -> str:
    """A probability in percent; only certainty is 100 %.

    >>> confidence(0.8349), confidence(0.9999), confidence(0.002)
    ('83 %', '>99 %', '<1 %')
    """
    if 0.995 <= share < 1:
        return ">99 %"
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _render_confidence(entity: dict[str, Any]) -> str:
    share = entity.get("confidence")
    return "" if share is None else f" <i>{html.escape(format_confidence(share))}</i>"


def _title(entity: dict[str, Any]) -> str:
    share = entity.get("confidence")
    if share is None:
        return ""
    told = tr("{type}: tagged so with a probability of {share}", type=entity["type"], share=format_confidence(share))
    return f' title="{html.escape(told)}"'
