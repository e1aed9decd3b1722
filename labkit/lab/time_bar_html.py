"""Time breakdown of runs as HTML bars.

Everything that comes from data is escaped here.
"""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.formatting import format_duration
from labkit.i18n.translation import tr
from labkit.lab import run_html
from labkit.messages import N_
from labkit.plots.theme import Theme, css_variables
from labkit.runs.run import Run
from labkit.runs.time_breakdown import LABELS, TIME_PARTS, TimePart, format_percent, list_time_parts

TITLE = N_("Where the time goes")
MIN_NAMED_SHARE = 0.13  # shares of a bar with room for the part's name and percent
MIN_LABELLED_SHARE = 0.045  # and for the percent only
MIN_VISIBLE_SHARE = 0.001  # smaller ones are left out
MAX_ROWS = 16

# Indices into `Theme.runs`: encoder and downstream have the colours of their learning rates.
_COLOUR_INDICES = {"encoder": 0, "downstream": 1, "CRF": 4, "optimizer": 3, "evaluation": 2, "data": 5, "saving": 6}
_OTHER = {"light": "#b5b5b5", "dark": "#5c5c5c"}


def build_css() -> str:
    """Colours of the time parts, as CSS variables of both themes."""

    def colours(theme: Theme) -> str:
        greys = {"loading": theme.runs[7], "profiling": theme.muted, "other": _OTHER[theme.name]}
        by_part = {part: greys.get(part) or theme.runs[_COLOUR_INDICES[part]] for part in TIME_PARTS}
        return " ".join(
            f"--part-{part}: {colour}; --ink-{part}: {pick_text_colour(colour)};" for part, colour in by_part.items()
        )

    return css_variables(colours)


def pick_text_colour(colour: str) -> str:
    """Black or white, whichever contrasts more with a colour `#rrggbb`.

    The contrast is at least 4.5:1 (WCAG 2.1).
    """
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def render_time_bar(run: Run | None) -> str:
    """Time bar of one run with its legend; of constant height."""
    parts = list_time_parts(run.time_breakdown if run else None)
    if run and run.config and run.config.profile and "profiling" not in [part.name for part in parts]:
        parts.insert(-1, TimePart("profiling", TIME_PARTS["profiling"], 0.0, 0.0))  # keeps its place until known
    known = bool(run and run.time_breakdown)
    legend = ""
    for part in parts:
        share = format_percent(part.share) if known else "–"  # a dash keeps its place until the share is known
        text = f"{html.escape(tr(part.label))} <b>{share}</b>{_render_tooltip(part) if known else ''}"
        legend += f'<span class="labkit-part">{_mark(part.name)}{text}</span>'
    return (
        f'<div class="labkit-time"><div class="labkit-time-head"><b>{tr(TITLE)}</b><span>{_figures(run)}</span></div>'
        f'{_bar(parts if known else [])}<div class="labkit-time-legend">{legend}</div></div>'
    )


def render_time_bars(runs: Sequence[Run], names: Mapping[Path, str]) -> str:
    """Time bars of several runs under one legend; empty without any times."""
    listed = runs[:MAX_ROWS]
    if not any(run.time_breakdown for run in listed):
        return ""
    parts = {part.name for run in listed for part in list_time_parts(run.time_breakdown)}
    legend = "".join(f"<span>{_mark(name)}{tr(LABELS.get(name, name))}</span>" for name in TIME_PARTS if name in parts)
    rows = ""
    for run in listed:
        times = run.time_breakdown
        total = format_duration(sum(times.totals.values())) if times else "–"
        bar = _bar(list_time_parts(times) if times else [])
        name = html.escape(names.get(run.folder, run.title))
        rows += f'<div class="labkit-time-name">{name}</div>{bar}<div>{total}</div>'
    left_out = len(runs) - len(listed)
    more = run_html.render_muted(tr("and {count} more runs", count=left_out)) if left_out else ""
    return (
        f'<div class="labkit-time"><div class="labkit-time-head"><b>{tr(TITLE)}</b></div>'
        f'<div class="labkit-time-legend">{legend}</div><div class="labkit-time-rows">{rows}</div>{more}</div>'
    )


def render_operators(run: Run | None) -> str:
    """Operators of a profiled run, folded; until known, a line of text."""
    if run is None or not (run.profiled or (run.config and run.config.profile)):
        return ""
    profile = run.profiled
    if profile is None:
        text = tr("no step was recorded") if run.is_final else tr("a few steps in mid-run will be recorded")
        return run_html.render_muted(html.escape(tr("Operators of {run}: {text}", run=run.title, text=text)))
    rows = [
        (each.name, f"{each.calls:,}", f"{1000 * each.seconds:,.1f} ms", format_percent(each.share))
        for each in profile.operators
    ]
    trace = ""
    if profile.trace:
        viewers = tr("All of it, for ui.perfetto.dev or chrome://tracing:")
        trace = f"<div>{viewers} <code>{html.escape(str(run.folder / profile.trace))}</code></div>"
    values = {"run": run.title, "steps": profile.steps, "step": f"{profile.step:,}"}
    summary = html.escape(tr("Operators of {run}, in {steps} steps up to step {step}", **values))
    heads = (tr("operator"), tr("calls"), tr("own time"), tr("share"))
    return f"<details><summary>{summary}</summary>{run_html.render_table(heads, rows)}{trace}</details>"


def _figures(run: Run | None) -> str:
    if run is None or run.time_breakdown is None:
        return tr("not recorded") if run and run.is_final else tr("known as soon as a run trains")
    summary = run.summary()
    time = format_duration(sum(run.time_breakdown.totals.values()))
    text = time if run.is_final else tr("{time} so far", time=time)
    if summary.step:
        step_ms = f"{1000 * summary.all_steps_s / summary.step:,.0f}"
        text = tr("{time}, {took} ms a step", time=text, took=step_ms)
    return f"{html.escape(run.title)}: {text}"


def _bar(parts: Sequence[TimePart]) -> str:
    visible = [part for part in parts if part.share >= MIN_VISIBLE_SHARE]
    text = ", ".join(f"{tr(part.label)} {format_percent(part.share)}" for part in visible)
    inner = "".join(_render_segment(part) for part in visible)
    return f'<div class="labkit-time-bar" role="img" aria-label="{html.escape(text)}">{inner}</div>'


def _render_segment(part: TimePart) -> str:
    label = format_percent(part.share) if part.share >= MIN_LABELLED_SHARE else ""
    label = f"{tr(part.label)} {label}" if part.share >= MIN_NAMED_SHARE else label
    style = f"flex-grow: {part.share:.4f}; {_paint(part.name)}"
    return f'<div class="labkit-part" style="{style}"><span>{html.escape(label)}</span>{_render_tooltip(part)}</div>'


def _mark(name: str) -> str:
    return f'<i style="{_paint(name)}"></i>'


def _paint(name: str) -> str:
    part = name if name in TIME_PARTS else "other"
    return f"background: var(--part-{part}); color: var(--ink-{part})"


def _render_tooltip(part: TimePart) -> str:
    """Text that the heading shows while the mouse is over a part."""
    text = f"<b>{html.escape(tr(part.label))}</b> {part.seconds:,.1f} s, {format_percent(part.share)}"
    if part.description:
        text += f": {html.escape(tr(part.description))}"
    return f'<div class="labkit-time-told">{text}</div>'
