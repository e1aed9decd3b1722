"""Where the time of runs goes, as bars in HTML. Everything that comes from data is escaped here."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.formatting import format_duration
from labkit.i18n.translation import tr
from labkit.lab import run_html
from labkit.plots.theme import Theme, css_variables
from labkit.runs.run import Run
from labkit.runs.time_breakdown import TIME_PARTS, TimePart, format_percent, list_time_parts

TITLE = "Where the time goes"
MIN_NAMED_SHARE, MIN_LABELLED_SHARE = (
    0.13,
    0.045,
)  # shares of a bar that have room for the part's name and percent, or for the percent
MIN_VISIBLE_SHARE = 0.001  # a share below it would not be seen
MAX_ROWS = 16

# Which of a theme's colours a part has: encoder and downstream structure are as their learning rates are drawn.
_PLACES = {"encoder": 0, "downstream": 1, "CRF": 4, "optimizer": 3, "evaluation": 2, "data": 5, "saving": 6}
_OTHER = {"light": "#b5b5b5", "dark": "#5c5c5c"}


def build_css() -> str:
    """The colours of the parts, as CSS variables."""
    return css_variables(_colours)


def _colours(theme: Theme) -> str:
    greys = {"loading": theme.runs[7], "profiling": theme.muted, "other": _OTHER[theme.name]}
    colours = {part: greys.get(part) or theme.runs[_PLACES[part]] for part in TIME_PARTS}
    return " ".join(
        f"--part-{part}: {colour}; --ink-{part}: {pick_text_colour(colour)};" for part, colour in colours.items()
    )


def pick_text_colour(colour: str) -> str:
    """Black or white, whichever is read better on a colour `#rrggbb`: by a contrast of at least 4.5:1 (WCAG 2.1)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def render_time_bar(run: Run | None) -> str:
    """One run's bar, with a legend below it; of the same height whatever is known."""
    parts = list_time_parts(run.time_breakdown if run else None)
    if run and run.config and run.config.profile and "profiling" not in [part.name for part in parts]:
        parts.insert(
            -1, TimePart("profiling", TIME_PARTS["profiling"], 0.0, 0.0)
        )  # its place, before anything is known
    known = bool(run and run.time_breakdown)
    legend = "".join(_key(part, known) for part in parts)
    return (
        f'<div class="labkit-time"><div class="labkit-time-head"><b>{tr(TITLE)}</b><span>{_figures(run)}</span></div>'
        f'{_bar(parts if known else [])}<div class="labkit-time-legend">{legend}</div></div>'
    )


def render_time_bars(runs: Sequence[Run], names: Mapping[Path, str]) -> str:
    """A bar for each run, under one legend; empty where no run tells its times."""
    shown = runs[:MAX_ROWS]
    if not any(run.time_breakdown for run in shown):
        return ""
    parts = {part.name for run in shown for part in list_time_parts(run.time_breakdown)}
    legend = "".join(f"<span>{_mark(name)}{tr(name)}</span>" for name in TIME_PARTS if name in parts)
    bars = "".join(_row(run, names.get(run.folder, run.title)) for run in shown)
    left_out = len(runs) - len(shown)
    more = run_html.render_muted(tr("and {count} more runs", count=left_out)) if left_out else ""
    return (
        f'<div class="labkit-time"><div class="labkit-time-head"><b>{tr(TITLE)}</b></div>'
        f'<div class="labkit-time-legend">{legend}</div><div class="labkit-time-rows">{bars}</div>{more}</div>'
    )


def render_operators(run: Run | None) -> str:
    """The operators of a profiled run, folded away; before there are any, when to expect them."""
    if run is None or not (run.profiled or (run.config and run.config.profile)):
        return ""
    found = run.profiled
    if found is None:
        told = tr("no step was recorded") if run.is_final else tr("a few steps in mid-run will be recorded")
        return run_html.render_muted(f"{html.escape(tr('Operators of {run}', run=run.title))}: {told}")
    cells = [
        (each.name, f"{each.calls:,}", f"{1000 * each.seconds:,.1f} ms", format_percent(each.share))
        for each in found.operators
    ]
    trace = str(run.folder / found.trace) if found.trace else ""
    viewers = tr("All of it, for ui.perfetto.dev or chrome://tracing:")
    where = f"<div>{viewers} <code>{html.escape(trace)}</code></div>" if trace else ""
    seen = {"run": run.title, "steps": found.steps, "step": f"{found.step:,}"}
    summary = html.escape(tr("Operators of {run}, in {steps} steps up to step {step}", **seen))
    heads = (tr("operator"), tr("calls"), tr("own time"), tr("share"))
    return f"<details><summary>{summary}</summary>{run_html.render_table(heads, cells)}{where}</details>"


def _figures(run: Run | None) -> str:
    if run is None or run.time_breakdown is None:
        return tr("not told by this run") if run and run.is_final else tr("known as soon as a run trains")
    summary = run.summary()
    time = format_duration(sum(run.time_breakdown.totals.values()))
    spent = time if run.is_final else tr("{time} so far", time=time)
    if summary.step:
        took = f"{1000 * summary.all_steps_s / summary.step:,.0f}"
        spent = tr("{time}, {took} ms a step", time=spent, took=took)
    return f"{html.escape(run.title)}: {spent}"


def _bar(parts: Sequence[TimePart]) -> str:
    seen = [part for part in parts if part.share >= MIN_VISIBLE_SHARE]
    told = ", ".join(f"{tr(part.name)} {format_percent(part.share)}" for part in seen)
    inner = "".join(_render_segment(part) for part in seen)
    return f'<div class="labkit-time-bar" role="img" aria-label="{html.escape(told)}">{inner}</div>'


def _render_segment(part: TimePart) -> str:
    label = format_percent(part.share) if part.share >= MIN_LABELLED_SHARE else ""
    label = f"{tr(part.name)} {label}" if part.share >= MIN_NAMED_SHARE else label
    how = f"flex-grow: {part.share:.4f}; {_paint(part.name)}"
    return f'<div class="labkit-part" style="{how}"><span>{html.escape(label)}</span>{_render_tooltip(part)}</div>'


def _row(run: Run, name: str) -> str:
    figures = f"{format_duration(sum(run.time_breakdown.totals.values()))}" if run.time_breakdown else "–"
    bar = _bar(list_time_parts(run.time_breakdown) if run.time_breakdown else [])
    return f'<div class="labkit-time-name">{html.escape(name)}</div>{bar}<div>{figures}</div>'


def _key(part: TimePart, known: bool) -> str:
    """A line of the legend: it always has its place, so that nothing jumps."""
    share = format_percent(part.share) if known else "–"
    told = _render_tooltip(part) if known else ""
    return f'<span class="labkit-part">{_mark(part.name)}{html.escape(tr(part.name))} <b>{share}</b>{told}</span>'


def _mark(name: str) -> str:
    return f'<i style="{_paint(name)}"></i>'


def _paint(name: str) -> str:
    part = name if name in TIME_PARTS else "other"
    return f"background: var(--part-{part}); color: var(--ink-{part})"


def _render_tooltip(part: TimePart) -> str:
    """What is shown in the heading while the mouse is over a part."""
    told = f"<b>{html.escape(tr(part.name))}</b> {part.seconds:,.1f} s, {format_percent(part.share)}"
    return f'<div class="labkit-time-told">{told}{": " if part.description else ""}{html.escape(tr(part.description))}</div>'
