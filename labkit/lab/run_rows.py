"""Rows of the runs table, rebuilt only for runs that changed."""

from collections.abc import Hashable, Sequence
from typing import Any

from labkit.config import run_settings
from labkit.i18n import translation
from labkit.i18n.translation import tr
from labkit.lab.run_html import STATE_TEXTS
from labkit.lab.runs_table import SCRIPT_TEXTS
from labkit.memo import Memo
from labkit.plots.theme import colour_of
from labkit.runs.compare import (
    ComparisonColumn,
    ComparisonTableBuilder,
    best_columns,
    best_f1_by_split,
    name_dev_splits,
)
from labkit.runs.run import Run

RowDict = dict[str, Any]


class RunRows:
    """Columns and rows for RunsTable, the newest run on top.

    An unchanged run keeps its row, the very same dict: of a thousand runs mostly one progresses, and building,
    comparing and sending the rows of the others again takes longer than drawing.
    """

    def __init__(self) -> None:
        self._memo = Memo()
        self._rows: dict[Hashable, RowDict] = {}  # of the last call, by all that they depend on

    def build(self, runs: Sequence[Run]) -> tuple[list[RowDict], list[RowDict]]:
        """Return (columns, rows), which the caller must not change."""
        shape = (
            translation.get_language(),
            name_dev_splits(runs),
            [(run.config, run.name, run.label.named_after) for run in runs],
        )
        builder = self._memo("builder", shape, lambda: ComparisonTableBuilder(runs, tr))
        columns = self._memo("columns", builder, lambda: _columns(builder.columns))
        top = best_f1_by_split(runs)
        before, self._rows = self._rows, {}
        for run, short_name in zip(runs, builder.short_names, strict=True):
            best = best_columns(run, top)
            key = (builder, run.version, *best)
            self._rows[key] = before.get(key) or _build_row(builder, run, short_name, best)
        return columns, list(reversed(self._rows.values()))


def _build_row(builder: ComparisonTableBuilder, run: Run, short_name: str, best: list[str]) -> RowDict:
    values = builder.build_row(run, short_name)
    return {
        **{column.key: value for column, value in zip(builder.columns, values, strict=True)},
        "id": run.folder.name,
        "colour": [colour_of(run, "light"), colour_of(run, "dark")],
        "best": best,
        "note": run.note or tr(run.problem or ""),
    }


def collect_table_texts() -> dict[str, str]:
    """Translations of the table's fixed texts and text cells."""
    choices = {choice for setting in run_settings().values() for choice in setting.choices}
    return {text: tr(text) for text in (*SCRIPT_TEXTS, *STATE_TEXTS, *sorted(choices))}


def _columns(columns: Sequence[ComparisonColumn]) -> list[RowDict]:
    return [
        {
            **{name: getattr(column, name) for name in ("key", "kind", "best", "within", "extra")},
            **{name: tr(getattr(column, name)) for name in ("label", "help", "zero")},
        }
        for column in columns
    ]
