"""The rows of the table of runs, made anew only for runs that have changed."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from labkit.config import run_settings
from labkit.i18n import translation
from labkit.i18n.translation import tr, translate_message
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
    """Columns and rows as RunsTable takes them, the newest run on top.

    A run that is as it was keeps its row, the very same dict: of a thousand runs mostly one moves on, and making,
    comparing and sending the rows of the others again cost more than drawing.
    """

    def __init__(self) -> None:
        self._shape: tuple[Any, ...] | None = None
        self._columns: list[RowDict] = []
        self._cache: dict[Path, tuple[Hashable, RowDict]] = {}

    def build(self, runs: Sequence[Run]) -> tuple[list[RowDict], list[RowDict]]:
        """Neither columns nor rows may be changed."""
        shape = (
            translation.get_language(),
            name_dev_splits(runs),
            *((run.folder, run.config, run.name) for run in runs),
        )
        if shape != self._shape:
            self._shape, self._maker = shape, ComparisonTableBuilder(runs, tr)
            self._columns = _columns(self._maker.columns)
        top = best_f1_by_split(runs)
        self._cache = {
            run.folder: self._build_or_reuse(run, what, best_columns(run, top))
            for run, what in zip(runs, self._maker.short_names, strict=True)
        }
        return self._columns, [row for _, row in reversed(self._cache.values())]

    def _build_or_reuse(self, run: Run, short_name: str, best: list[str]) -> tuple[Hashable, RowDict]:
        key = (self._maker, run, run.version, run.label, run.problem, *best)
        known, old = self._cache.get(run.folder, (None, None))
        if old is not None and known == key:
            return known, old
        row = self._row(run, short_name, best)
        return key, old if old == row else row

    def _row(self, run: Run, short_name: str, best: list[str]) -> RowDict:
        return {
            **{
                column.key: value
                for column, value in zip(self._maker.columns, self._maker.build_row(run, short_name), strict=True)
            },
            "id": run.folder.name,
            "colour": [colour_of(run, "light"), colour_of(run, "dark")],
            "best": best,
            "note": run.note or translate_message(run.problem or ""),
        }


def collect_table_texts() -> dict[str, str]:
    """What RunsTable says by itself and in its text columns, in the language of the lab; empty for English."""
    if translation.get_language() == "en":
        return {}
    choices = {choice for knob in run_settings().values() for choice in knob.choices}
    return {text: tr(text) for text in (*SCRIPT_TEXTS, *STATE_TEXTS, *sorted(choices))}


def _columns(fields: Sequence[ComparisonColumn]) -> list[RowDict]:
    return [
        {
            **{name: getattr(field, name) for name in ("key", "kind", "best", "within")},
            "label": tr(field.label),
            "help": tr(field.help),
        }
        for field in sorted(fields, key=lambda field: field.key in run_settings())  # scores first: names tell settings
    ]
