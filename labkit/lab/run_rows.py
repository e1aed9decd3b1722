"""Rows of the runs table, rebuilt only for runs that changed."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from labkit.config import run_settings
from labkit.i18n import translation
from labkit.i18n.recogniser import translate_message
from labkit.i18n.translation import tr
from labkit.lab.run_html import STATE_TEXTS
from labkit.lab.runs_table import SCRIPT_TEXTS
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
        self._shape: tuple[Any, ...] | None = None
        self._columns: list[RowDict] = []
        self._cache: dict[Path, tuple[Hashable, RowDict]] = {}

    def build(self, runs: Sequence[Run]) -> tuple[list[RowDict], list[RowDict]]:
        """Return (columns, rows), which the caller must not change."""
        shape = (
            translation.get_language(),
            name_dev_splits(runs),
            *((run.folder, run.config, run.name) for run in runs),
        )
        if shape != self._shape:
            self._shape, self._builder = shape, ComparisonTableBuilder(runs, tr)
            self._columns = _columns(self._builder.columns)
        top = best_f1_by_split(runs)
        self._cache = {
            run.folder: self._build_or_reuse(run, short_name, best_columns(run, top))
            for run, short_name in zip(runs, self._builder.short_names, strict=True)
        }
        return self._columns, [row for _, row in reversed(self._cache.values())]

    def _build_or_reuse(self, run: Run, short_name: str, best: list[str]) -> tuple[Hashable, RowDict]:
        key = (self._builder, run, run.version, run.label, run.problem, *best)
        old_key, old = self._cache.get(run.folder, (None, None))
        if old is not None and old_key == key:
            return old_key, old
        row = self._row(run, short_name, best)
        return key, old if old == row else row

    def _row(self, run: Run, short_name: str, best: list[str]) -> RowDict:
        return {
            **{
                column.key: value
                for column, value in zip(self._builder.columns, self._builder.build_row(run, short_name), strict=True)
            },
            "id": run.folder.name,
            "colour": [colour_of(run, "light"), colour_of(run, "dark")],
            "best": best,
            "note": run.note or translate_message(run.problem or ""),
        }


def collect_table_texts() -> dict[str, str]:
    """Translations of the table's fixed texts and text cells; empty for English."""
    if translation.get_language() == "en":
        return {}
    choices = {choice for setting in run_settings().values() for choice in setting.choices}
    return {text: tr(text) for text in (*SCRIPT_TEXTS, *STATE_TEXTS, *sorted(choices))}


def _columns(columns: Sequence[ComparisonColumn]) -> list[RowDict]:
    return [
        {
            **{name: getattr(column, name) for name in ("key", "kind", "best", "within")},
            "label": tr(column.label),
            "help": tr(column.help),
        }
        # scores first: the runs' names already show the settings
        for column in sorted(columns, key=lambda column: column.key in run_settings())
    ]
