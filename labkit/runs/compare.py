"""Comparison of runs: the columns of every runs table, ranking."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from labkit.config import RunConfig, run_settings
from labkit.formatting import format_duration
from labkit.runs.curves import Axis
from labkit.runs.estimate import Estimate, estimate
from labkit.runs.run import Run
from labkit.runs.run_names import Translate, Value, format_english, name_runs, ordered_settings, short_names
from labkit.settings import format_value

__all__ = [
    "ComparisonColumn",
    "ComparisonTable",
    "ComparisonTableBuilder",
    "Estimate",
    "best_columns",
    "best_f1_by_split",
    "build_comparison_table",
    "default_axis",
    "differences_table",
    "estimate",
    "find_differences",
    "name_dev_splits",
    "name_runs",
    "rank",
    "to_markdown",
]

_SETTINGS = run_settings()
MAX_MAIN_SETTINGS = 4  # columns of settings before further ones are extra
BEST_MARK = "★"


@dataclass(frozen=True)
class ComparisonColumn:
    """Column of a comparison table.

    Attributes:
        kind: format of its values.
        best: direction of its best value.
        within: key of the column that two runs must share for these values to be comparable.
        extra: left out where there is no room for all columns.
        zero: what 0 reads as, if not as a number.
    """

    key: str
    label: str
    kind: Literal["name", "state", "text", "number", "integer", "score", "rate", "duration", "time"]
    best: Literal["", "high", "low"] = ""
    help: str = ""
    within: str = ""
    extra: bool = False
    zero: str = ""


_SPLIT_COLUMN = ComparisonColumn(
    "dev_split", "dev split", "text", "", "corpus and number of dev sentences; scores compare within one split only"
)

# The columns behind the settings, each with its value for a run; a new column is one entry here. "mended" is left out
# where no run mends tags.
_COLUMNS: tuple[tuple[ComparisonColumn, Callable[[Run], Value]], ...] = (
    (
        ComparisonColumn("best_f1", "best F1", "score", "high", "highest entity F1 on dev", _SPLIT_COLUMN.key),
        lambda run: run.best_f1,
    ),
    (ComparisonColumn("state", "state", "state"), lambda run: run.state),
    (
        ComparisonColumn(
            "dev_loss",
            "dev loss at best F1",
            "score",
            "low",
            "per word, of the evaluation with the best F1",
            _SPLIT_COLUMN.key,
        ),
        lambda run: run.best.loss if run.best else None,
    ),
    (
        ComparisonColumn("seconds", "time", "duration", "", "from the start to the end, loading included"),
        lambda run: run.summary().seconds if run.started else None,
    ),
    (
        ComparisonColumn("best_epoch", "at epoch", "number", "", "the epoch of the best F1", extra=True),
        lambda run: run.best.epoch if run.best_f1 is not None and run.best else None,
    ),
    (
        ComparisonColumn("entities", "entities", "integer", "", "in the dev sentences: what F1 rests on", extra=True),
        lambda run: run.best.entities if run.best else None,
    ),
    (
        ComparisonColumn(
            "illegal",
            "breaks BIO",
            "integer",
            "",
            "places in its last predictions on dev that break the tag scheme; – where it predicted no entity",
            _SPLIT_COLUMN.key,
            extra=True,
        ),
        lambda run: run.count_illegal(latest).remaining if (latest := run.summary().latest) else None,
    ),
    (
        ComparisonColumn(
            "mended",
            "mended",
            "integer",
            "",
            "such places that decoding legal tags only has mended, last time on dev",
            _SPLIT_COLUMN.key,
            extra=True,
        ),
        lambda run: run.count_illegal(latest).mended if (latest := run.summary().latest) else None,
    ),
    (
        ComparisonColumn(
            "tokens_per_s", "word pieces/s", "number", "high", "word pieces a second in training", extra=True
        ),
        lambda run: run.progress().tokens_per_s,
    ),
    (ComparisonColumn("created", "created", "time", extra=True), lambda run: run.created),
)


@dataclass(frozen=True)
class ComparisonTable:
    """Table of plain values, one row per run.

    Times are in Unix seconds, durations in seconds, scores from 0 to 1.
    """

    fields: tuple[ComparisonColumn, ...]
    rows: list[list[Value]]
    best: list[list[str]]  # for each row, keys of the columns in which it is best

    @property
    def columns(self) -> list[str]:
        """Labels of the columns."""
        return [column.label for column in self.fields]

    def text_rows(self) -> list[list[str]]:
        """Formats all values; the best are marked with a star."""
        return [
            [_format_cell(column, value, column.key in best) for column, value in zip(self.fields, row, strict=True)]
            for row, best in zip(self.rows, self.best, strict=True)
        ]

    def _repr_markdown_(self) -> str:
        """Markdown for Jupyter."""
        return to_markdown(self.columns, self.text_rows())


def find_differences(runs: Sequence[Run]) -> dict[str, list[Value]]:
    """Finds the settings in which runs differ, with every run's value.

    Settings are in declared order. None stands for a run whose settings cannot be read, which is not a difference;
    neither is `profile`.
    """
    configs = [run.config for run in runs]
    readable = [config for config in configs if config]
    return {
        field: [getattr(config, field) if config else None for config in configs]
        for field in _SETTINGS
        if field != "profile" and len({getattr(config, field) for config in readable}) > 1
    }


def rank(runs: Iterable[Run]) -> list[Run]:
    """Sorts runs, best first: by best F1 on dev, then by dev loss; runs without a score last.

    Runs scored on the same dev sentences are grouped, the group of the newest run first, as scores on different
    sentences cannot be compared.
    """
    runs = list(runs)
    newest: dict[str | None, float] = {}
    for run in runs:
        newest[run.dev_split] = max(run.created, newest.get(run.dev_split, -math.inf))

    def sort_key(run: Run) -> tuple[bool, float, str, tuple[float, float]]:
        rank_key = run.best.rank_key if run.best else (-math.inf, -math.inf)
        return run.best_f1 is not None, newest[run.dev_split], run.dev_split or "", rank_key

    return sorted(runs, key=sort_key, reverse=True)


def default_axis(runs: Iterable[Run]) -> Axis:
    """Chooses an axis for runs: `epoch` if their epochs differ in steps, else `step`."""
    return "epoch" if len({run.plan.steps_per_epoch for run in runs if run.plan}) > 1 else "step"


def build_comparison_table(runs: Sequence[Run], tr: Translate = format_english) -> ComparisonTable:
    """Builds a table with one row per run and the differing settings."""
    builder = ComparisonTableBuilder(runs, tr)
    rows = [builder.build_row(run, name) for run, name in zip(runs, builder.short_names, strict=True)]
    top = best_f1_by_split(runs)
    return ComparisonTable(builder.columns, rows, [best_columns(run, top) for run in runs])


class ComparisonTableBuilder:
    """Columns, short names and rows for a set of runs. Valid while their settings and names last."""

    def __init__(self, runs: Sequence[Run], tr: Translate = format_english):
        self._fields = sorted(find_differences(runs), key=ordered_settings().index)
        self._splits = name_dev_splits(runs)
        self._shows_mended = any(run.config.legal_only for run in runs if run.config)
        self.short_names = short_names(runs, tr)

    @cached_property
    def columns(self) -> tuple[ComparisonColumn, ...]:
        """Columns of the table, the differing settings among them."""
        main = [field for field in self._fields if field != "corpus" or not self._splits][:MAX_MAIN_SETTINGS]
        return (
            ComparisonColumn("number", "run", "integer"),
            ComparisonColumn("name", "name", "name"),
            *(_build_setting_column(field, field not in main) for field in self._fields),
            *([_SPLIT_COLUMN] if self._splits else []),
            *(column for column, _ in self._shown_columns),
        )

    @cached_property
    def _shown_columns(self) -> list[tuple[ComparisonColumn, Callable[[Run], Value]]]:
        return [each for each in _COLUMNS if self._shows_mended or each[0].key != "mended"]

    def build_row(self, run: Run, short_name: str) -> list[Value]:
        """Current values of one run, in the order of the columns."""
        return [
            run.number or None,
            short_name,
            *(getattr(run.config, field, None) for field in self._fields),
            *([self._splits.get(run.dev_split or "") if run.best else None] if self._splits else []),
            *(value(run) for _, value in self._shown_columns),
        ]


def name_dev_splits(runs: Iterable[Run]) -> dict[str, str]:
    """Names the dev splits that runs were scored on: `msra · 500`. Empty if there is only one.

    A second split of the same corpus and size is `msra · 500 (2)`.
    """
    splits = {run.corpus.split_id("dev"): run.corpus for run in runs if run.corpus and run.best}
    counts: Counter[str] = Counter()
    names = {}
    for split, corpus in splits.items() if len(splits) > 1 else ():
        name = f"{corpus.name} · {corpus.dev_sentences:,}"
        counts[name] += 1
        names[split] = name if counts[name] == 1 else f"{name} ({counts[name]})"
    return names


def best_f1_by_split(runs: Iterable[Run]) -> dict[str | None, float]:
    """Best F1 on each dev split with scores of several runs. Splits whose best F1 is 0 are left out."""
    scores = defaultdict(list)
    for run in runs:
        if (score := run.best_f1) is not None:
            scores[run.dev_split].append(score)
    return {split: max(f1) for split, f1 in scores.items() if len(f1) > 1 and max(f1) > 0}


def best_columns(run: Run, top: Mapping[str | None, float]) -> list[str]:
    """Keys of columns in which a run is best on its split. Equal runs share them."""
    score = run.best_f1
    return ["best_f1"] if score is not None and score == top.get(run.dev_split) else []


def differences_table(runs: Sequence[Run]) -> tuple[list[str], list[list[str]]]:
    """Builds headings, and a row for each differing setting: its label, then every run's value."""
    rows = [
        [_SETTINGS[field].label, *(format_value(_SETTINGS[field], value) for value in values)]
        for field, values in find_differences(runs).items()
    ]
    return ["setting", *(f"{run.title} {run.name}".strip() for run in runs)], rows


def to_markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Formats a table as Markdown; pipes in cells are escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([" ".join(str(cell).split()).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _build_setting_column(field: str, extra: bool) -> ComparisonColumn:
    spec, default = _SETTINGS[field], getattr(RunConfig(), field)
    kind: Any = "integer" if isinstance(default, int) else "number"
    if field.endswith("_rate"):
        kind = "rate"
    elif isinstance(default, bool | str):
        kind = "text"
    return ComparisonColumn(field, spec.label, kind, "", spec.help, extra=extra, zero=spec.zero_text)


def _format_cell(column: ComparisonColumn, value: Value, best: bool) -> str:
    star = f" {BEST_MARK}" if best else ""
    if column.key in _SETTINGS:
        return format_value(_SETTINGS[column.key], value)
    if value is None:
        return "–"
    if isinstance(value, int | float):
        return _format_number(column.kind, value) + star
    return str(value)


def _format_number(kind: str, value: float) -> str:
    if kind == "score":
        return f"{value:.3f}"
    if kind == "time":
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(value))
    if kind == "duration":
        return format_duration(value)
    if kind == "integer":
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
