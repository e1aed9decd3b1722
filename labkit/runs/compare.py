"""Runs beside each other: in what they differ, what to call them, how they scored."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Literal

from labkit.config import RunConfig, run_settings
from labkit.runs.curves import Axis
from labkit.runs.estimate import Estimate, estimate
from labkit.runs.run import Run
from labkit.settings import format_rate

__all__ = [
    "ComparisonColumn",
    "ComparisonTable",
    "ComparisonTableBuilder",
    "Estimate",
    "best_columns",
    "differences_table",
    "estimate",
    "find_differences",
]
__all__ += [
    "best_f1_by_split",
    "build_comparison_table",
    "default_axis",
    "format_value",
    "name_dev_splits",
    "name_runs",
    "rank",
    "to_markdown",
]

Value = str | int | float | bool | None
Translate = Callable[..., str]  # says a text, its {places} filled, in the language of whoever asks
_SETTINGS = run_settings()
MAX_NAME_PARTS = 4  # of a name; more would not be read
BEST_MARK = "★"

_SHORT_LABELS = {  # how a setting is called in a run's name, where its label is too long
    "batch_size": "batch",
    "encoder_rate": "encoder",
    "head_rate": "head",
    "crf_rate": "CRF",
    "train_limit": "sentences",
    "lstm_size": "BiLSTM",
    "lstm_layers": "layers",
}
_PROPER_NAMES = {"bilstm": "BiLSTM", "idcnn": "IDCNN", "crf": "CRF"}  # where a choice is a name of the field's own
_EVAL_LIMITS = ("dev_limit", "test_limit")  # told where they are set: in proportion goes without saying
_UNLABELLED = ("corpus", "encoder", "precision", "device")  # what their values are is plain from the values


@dataclass(frozen=True)
class ComparisonColumn:
    """A column of a table. `kind` says how its values are to be shown, `best` which of them is the best one.

    `within` names the column that must be the same for two values of this one to be compared.
    """

    key: str
    label: str
    kind: Literal["name", "state", "text", "number", "integer", "score", "rate", "duration", "time"]
    best: Literal["", "high", "low"] = ""
    help: str = ""
    within: str = ""


_SPLIT_COLUMN = ComparisonColumn(
    "dev_split", "dev split", "text", "", "corpus and number of dev sentences; scores compare within one split only"
)

_ILLEGAL_HELP = "places in its last predictions on dev that break the tag scheme; – where it predicted no entity"
_MENDED_COLUMN = ComparisonColumn(
    "mended",
    "mended",
    "integer",
    "",
    "such places that decoding legal tags only has mended, last time on dev",
    _SPLIT_COLUMN.key,
)


@dataclass(frozen=True)
class ComparisonTable:
    """Plain values, a row a run; times in Unix seconds, durations in seconds, scores from 0 to 1."""

    fields: tuple[ComparisonColumn, ...]
    rows: list[list[Value]]
    best: list[list[str]]  # for each row, the keys of the columns that it is best in

    @property
    def columns(self) -> list[str]:
        """What is written above the columns."""
        return [column.label for column in self.fields]

    def text_rows(self) -> list[list[str]]:
        """The values as people read them, the best marked with a star."""
        return [
            [_format_cell(column, value, column.key in best) for column, value in zip(self.fields, row, strict=True)]
            for row, best in zip(self.rows, self.best, strict=True)
        ]

    def _repr_markdown_(self) -> str:
        """The table as Jupyter shows it."""
        return to_markdown(self.columns, self.text_rows())


def find_differences(runs: Sequence[Run]) -> dict[str, list[Value]]:
    """The settings in which the runs differ, as declared, each with its value for every run.

    A run whose settings cannot be read has None, and makes no difference. Whether a run was profiled is none either.
    """
    configs = [run.config for run in runs]
    readable = [config for config in configs if config]
    return {
        field: [getattr(config, field) if config else None for config in configs]
        for field in _SETTINGS
        if field != "profile" and len({getattr(config, field) for config in readable}) > 1
    }


def format_value(field: str, value: Value) -> str:
    """A setting as people write it: rates like `5e-5`, None in the words of its knob."""
    knob = _SETTINGS[field]
    if value is None:
        return knob.none_text or "–"
    if value == 0 and knob.zero_text:
        return knob.zero_text
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format_rate(value) if _is_rate(field) else f"{value:g}"
    return str(value) or "none"


def format_english(text: str, **values: object) -> str:
    """Says a text as it is: in English."""
    return text.format(**values) if values else text


def name_runs(runs: Sequence[Run], tr: Translate = format_english) -> dict[Path, str]:
    """What to call each run, by its folder: `#12 head 1e-3 · batch 8`, made of what differs among these runs.

    What differs most comes first, as there is seldom room for all of it. A name that a user gave wins: `#12 my name`.
    Where nothing differs: `#12`.
    """
    whats = ComparisonTableBuilder(runs, tr).short_names
    return {run.folder: f"{run.title} {what}".strip() for run, what in zip(runs, whats, strict=True)}


def rank(runs: Iterable[Run]) -> list[Run]:
    """Best first: by the best F1 on dev, then by the loss there; those without a score last.

    Runs that were scored on the same dev sentences stand together, those of the newest run's first: scores on others
    say nothing about them.
    """
    runs = list(runs)
    newest: dict[str | None, float] = {}
    for run in runs:
        newest[run.dev_split] = max(run.created, newest.get(run.dev_split, -math.inf))

    def sort_key(run: Run) -> tuple[bool, float, str, tuple[float, float]]:
        merit = run.best.rank_key if run.best else (-math.inf, -math.inf)
        return run.best_f1 is not None, newest[run.dev_split], run.dev_split or "", merit

    return sorted(runs, key=sort_key, reverse=True)


def default_axis(runs: Iterable[Run]) -> Axis:
    """`epoch` where runs differ in the steps of one, as step 100 is then another place in each; else `step`."""
    return "epoch" if len({run.plan.steps_per_epoch for run in runs if run.plan}) > 1 else "step"


def build_comparison_table(runs: Sequence[Run], tr: Translate = format_english) -> ComparisonTable:
    """One row a run, in the given order; of the settings only those that differ."""
    maker = ComparisonTableBuilder(runs, tr)
    rows = [maker.build_row(run, what) for run, what in zip(runs, maker.short_names, strict=True)]
    top = best_f1_by_split(runs)
    return ComparisonTable(maker.columns, rows, [best_columns(run, top) for run in runs])


class ComparisonTableBuilder:
    """What a table of certain runs is made of; it stays as it is while their settings and names do."""

    def __init__(self, runs: Sequence[Run], tr: Translate = format_english):
        values = find_differences(runs)
        self._fields = list(values)
        self._splits = name_dev_splits(runs)
        self._shows_mended = any(run.config.legal_only for run in runs if run.config)
        format_part = cache(partial(_format_name_part, tr=tr))  # of a thousand runs many have the same settings
        counts = {field: Counter(each) for field, each in values.items()}
        common = dict(sorted(counts.items(), key=lambda item: -len(item[1])))
        # a name each, without the number
        self.short_names = [run.name or _short_name(run.config, common, format_part) for run in runs]

    @cached_property
    def columns(self) -> tuple[ComparisonColumn, ...]:
        return (
            ComparisonColumn("number", "run", "integer"),
            ComparisonColumn("name", "name", "name"),
            *(_build_setting_column(field) for field in self._fields),
            *([_SPLIT_COLUMN] if self._splits else []),
            ComparisonColumn("best_f1", "best F1", "score", "high", "highest entity F1 on dev", _SPLIT_COLUMN.key),
            ComparisonColumn("best_epoch", "at epoch", "number", "", "the epoch of the best F1"),
            ComparisonColumn("entities", "entities", "integer", "", "in the dev sentences: what F1 rests on"),
            ComparisonColumn(
                "dev_loss", "dev loss", "number", "low", "of the last evaluation, per word", _SPLIT_COLUMN.key
            ),
            ComparisonColumn("state", "state", "state"),
            ComparisonColumn("illegal", "illegal", "integer", "", _ILLEGAL_HELP, _SPLIT_COLUMN.key),
            *([_MENDED_COLUMN] if self._shows_mended else []),
            ComparisonColumn("seconds", "time", "duration", "", "from the start to the end, loading included"),
            ComparisonColumn("tokens_per_s", "tokens/s", "number", "high", "word pieces a second in training"),
            ComparisonColumn("created", "created", "time"),
        )

    def build_row(self, run: Run, short_name: str) -> list[Value]:
        """The values of one run as it is now, in the order of the columns."""
        summary = run.summary()
        illegal = run.count_illegal(summary.latest) if summary.latest else None
        return [
            run.number,
            short_name,
            *(getattr(run.config, field, None) for field in self._fields),
            *([self._splits.get(run.dev_split or "") if run.best else None] if self._splits else []),
            run.best_f1,
            run.best.epoch if run.best_f1 is not None and run.best else None,
            run.best.entities if run.best else None,
            summary.latest.loss if summary.latest else None,
            run.state,
            illegal.remaining if illegal else None,
            *([illegal.mended if illegal else None] if self._shows_mended else []),
            summary.seconds if run.started else None,
            run.progress().tokens_per_s,
            run.created,
        ]


def name_dev_splits(runs: Iterable[Run]) -> dict[str, str]:
    """Names of the dev splits that runs were scored on, such as `msra · 500`; empty where it is only one.

    Splits of one corpus and size are told apart by a number: the second one is `msra · 500 (2)`.
    """
    splits = {run.corpus.split_id("dev"): run.corpus for run in runs if run.corpus and run.best}
    called: Counter[str] = Counter()
    named = {}
    for split, corpus in splits.items() if len(splits) > 1 else ():
        name = f"{corpus.name} · {corpus.dev_sentences:,}"
        called[name] += 1
        named[split] = name if called[name] == 1 else f"{name} ({called[name]})"
    return named


def best_f1_by_split(runs: Iterable[Run]) -> dict[str | None, float]:
    """The best F1 on each dev split that two runs or more have a score on, unless it is 0."""
    scores = defaultdict(list)
    for run in runs:
        if (score := run.best_f1) is not None:
            scores[run.dev_split].append(score)
    return {split: max(each) for split, each in scores.items() if len(each) > 1 and max(each) > 0}


def best_columns(run: Run, top: Mapping[str | None, float]) -> list[str]:
    """The keys of the columns that a run is best in, of those on its dev split; equals are best together."""
    score = run.best_f1
    return ["best_f1"] if score is not None and score == top.get(run.dev_split) else []


def differences_table(runs: Sequence[Run]) -> tuple[list[str], list[list[str]]]:
    """Headings, and one row for each setting that differs: its label, then its value in every run."""
    rows = [
        [_SETTINGS[field].label, *(format_value(field, value) for value in values)]
        for field, values in find_differences(runs).items()
    ]
    return ["setting", *(f"{run.title} {run.name}".strip() for run in runs)], rows


def to_markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for notes and issues; a pipe in a cell is kept as text."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([" ".join(str(cell).split()).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _short_name(
    config: RunConfig | None, common: Mapping[str, Mapping[Value, int]], format_part: Callable[[str, Value], str]
) -> str:
    """Of more settings than a name has room for, those that fewest runs share.

    Args:
        common: how many runs have each value of each setting in which they differ, in the order of a name.
    """
    if config is None:
        return ""
    values = {field: getattr(config, field) for field in common}
    told = [field for field, value in values.items() if value is not None or field not in _EVAL_LIMITS]
    rare = sorted(told, key=lambda field: common[field][values[field]])[:MAX_NAME_PARTS]
    parts = [format_part(field, values[field]) for field in told if field in rare]
    return " · ".join(parts + ["…"] * (len(told) > MAX_NAME_PARTS))


def _format_name_part(field: str, value: Value, tr: Translate) -> str:
    """`head 1e-3`, `3 epochs`, `no BiLSTM`: one setting in a run's name."""
    if field == "downstream":
        return tr("no BiLSTM") if value == "none" else _PROPER_NAMES.get(str(value), str(value))
    if field == "decoder":
        return _PROPER_NAMES.get(str(value), str(value))
    if field == "epochs":
        return tr("1 epoch") if value == 1 else tr("{count} epochs", count=value)
    if field == "train_limit" and value == 0:
        return tr("all sentences")
    if field in _UNLABELLED:
        return str(value).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    called = tr(_SHORT_LABELS[field]) if field in _SHORT_LABELS else _lower_label(tr(_SETTINGS[field].label))
    return f"{called} {tr(format_value(field, value))}"


def _lower_label(label: str) -> str:
    """`Dropout` → `dropout`, but `BiLSTM size` as it is."""
    return label if any(letter.isupper() for letter in label[1:]) else label.lower()


def _is_rate(field: str) -> bool:
    return field.endswith("_rate")


def _build_setting_column(field: str) -> ComparisonColumn:
    knob, default = _SETTINGS[field], getattr(RunConfig(), field)
    kind: Any = "integer" if isinstance(default, int) else "number"
    if _is_rate(field):
        kind = "rate"
    elif isinstance(default, bool | str):
        kind = "text"
    return ComparisonColumn(field, knob.label, kind, "", knob.help)


def _format_cell(column: ComparisonColumn, value: Value, best: bool) -> str:
    star = f" {BEST_MARK}" if best else ""
    if column.key in _SETTINGS:
        return format_value(column.key, value)
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
        minutes, seconds = divmod(round(value), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    if kind == "integer":
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
