"""Terminal tables of a run's time by part and by operator."""

from rich.bar import Bar
from rich.table import Table

from labkit.cli.output import escape_markup
from labkit.cli.tables import plain_table
from labkit.events import OperatorsProfiled, TimeBreakdown
from labkit.i18n.translation import tr
from labkit.messages import N_
from labkit.runs.time_breakdown import format_percent, list_time_parts

_BAR_WIDTH = 30  # characters of a bar that stands for all of the time


def time_table(breakdown: TimeBreakdown) -> Table:
    """Table of a time breakdown: part, seconds, share, bar; the sum at the end."""
    headings = N_(["part", "seconds", "share", "", "what"])
    table = Table(*map(tr, headings), box=None, pad_edge=False, show_footer=True)
    parts = list_time_parts(breakdown)
    table.columns[0].footer, table.columns[1].footer = tr("all"), f"{sum(part.seconds for part in parts):.1f}"
    for column in table.columns[1:3]:
        column.justify = "right"
    for part in parts:
        bar = Bar(1.0, 0.0, part.share, width=_BAR_WIDTH)
        table.add_row(
            escape_markup(tr(part.label)), f"{part.seconds:.1f}", format_percent(part.share), bar, tr(part.description)
        )
    return table


def operators_table(profiled: OperatorsProfiled) -> Table:
    """Table of the longest operators of the profiled steps."""
    cells = [
        (operator.name, f"{operator.calls:,}", f"{1000 * operator.seconds:,.1f} ms", format_percent(operator.share))
        for operator in profiled.operators
    ]
    table = plain_table(map(tr, N_(("operator", "calls", "own time", "share"))), cells)
    for column in table.columns[1:]:
        column.justify = "right"
    return table
