"""Runs beside each other: in what they differ, what to call them, how they scored."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Literal

from labkit.config import RunConfig, knobs
from labkit.knobs import show_rate
from labkit.runs.curves import Axis
from labkit.runs.estimate import Estimate, estimate
from labkit.runs.run import Run

__all__ = ["Column", "Estimate", "Table", "TableMaker", "best_in", "differences", "differences_table", "estimate"]
__all__ += ["markdown", "names", "rank", "shown", "table", "top_score", "usual_axis"]

Value = str | int | float | bool | None
Say = Callable[..., str]  # says a text, its {places} filled, in the language of whoever asks
_KNOBS = knobs()
MOST_PARTS = 4  # of a name; more would not be read
BEST = "★"

_SHORT = {  # how a setting is called in a run's name, where its label is too long
    "batch_size": "batch",
    "encoder_rate": "encoder",
    "head_rate": "head",
    "crf_rate": "CRF",
    "train_limit": "sentences",
    "lstm_size": "BiLSTM",
    "lstm_layers": "layers",
}
_WRITTEN = {"bilstm": "BiLSTM", "idcnn": "IDCNN", "crf": "CRF"}  # where a choice is a name of the field's own
_SCORED = ("dev_limit", "test_limit")  # told where they are set: in proportion goes without saying
_BARE = ("corpus", "encoder", "precision", "device")  # what their values are is plain from the values


@dataclass(frozen=True)
class Column:
    """A column of a table. `kind` says how its values are to be shown, `best` which of them is the best one."""

    key: str
    label: str
    kind: Literal["name", "state", "text", "number", "integer", "score", "rate", "duration", "time"]
    best: Literal["", "high", "low"] = ""
    help: str = ""


@dataclass(frozen=True)
class Table:
    """Plain values, a row a run; times in Unix seconds, durations in seconds, scores from 0 to 1."""

    fields: tuple[Column, ...]
    rows: list[list[Value]]
    best: list[list[str]]  # for each row, the keys of the columns that it is best in

    @property
    def columns(self) -> list[str]:
        """What is written above the columns."""
        return [column.label for column in self.fields]

    def text_rows(self) -> list[list[str]]:
        """The values as people read them, the best marked with a star."""
        return [
            [_text(column, value, column.key in best) for column, value in zip(self.fields, row, strict=True)]
            for row, best in zip(self.rows, self.best, strict=True)
        ]


def differences(runs: Sequence[Run]) -> dict[str, list[Value]]:
    """The settings in which the runs differ, as declared, each with its value for every run.

    A run whose settings cannot be read has None, and makes no difference. Whether a run was profiled is none either.
    """
    configs = [run.config for run in runs]
    readable = [config for config in configs if config]
    return {
        field: [getattr(config, field) if config else None for config in configs]
        for field in _KNOBS
        if field != "profile" and len({getattr(config, field) for config in readable}) > 1
    }


def shown(field: str, value: Value) -> str:
    """A setting as people write it: rates like `5e-5`, None in the words of its knob."""
    knob = _KNOBS[field]
    if value is None:
        return knob.none_text or "–"
    if value == 0 and knob.zero_text:
        return knob.zero_text
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return show_rate(value) if _is_rate(field) else f"{value:g}"
    return str(value) or "none"


def plainly(text: str, **values: object) -> str:
    """Says a text as it is: in English."""
    return text.format(**values) if values else text


def names(runs: Sequence[Run], say: Say = plainly) -> dict[Path, str]:
    """What to call each run, by its folder: `#12 head 1e-3 · batch 8`, made of what differs among these runs.

    What differs most comes first, as there is seldom room for all of it. A name that a user gave wins: `#12 my name`.
    Where nothing differs: `#12`.
    """
    whats = TableMaker(runs, say).whats
    return {run.folder: f"{run.title} {what}".strip() for run, what in zip(runs, whats, strict=True)}


def rank(runs: Iterable[Run]) -> list[Run]:
    """Best first: by the best F1 on dev, then by the loss there; those without an evaluation last."""
    return sorted(runs, key=_merit)


def usual_axis(runs: Iterable[Run]) -> Axis:
    """`epoch` where runs differ in the steps of one, as step 100 is then another place in each; else `step`."""
    return "epoch" if len({run.plan.steps_per_epoch for run in runs if run.plan}) > 1 else "step"


def table(runs: Sequence[Run]) -> Table:
    """One row a run, in the given order; of the settings only those that differ."""
    maker = TableMaker(runs)
    rows = [maker.row(run, what) for run, what in zip(runs, maker.whats, strict=True)]
    top = top_score(runs)
    return Table(maker.columns, rows, [best_in(run, top) for run in runs])


class TableMaker:
    """What a table of certain runs is made of; it stays as it is while their settings and names do."""

    def __init__(self, runs: Sequence[Run], say: Say = plainly):
        values = differences(runs)
        self._fields = list(values)
        part = cache(partial(_part, say=say))  # of a thousand runs many have the same settings
        counts = {field: Counter(each) for field, each in values.items()}
        common = dict(sorted(counts.items(), key=lambda item: -len(item[1])))
        # a name each, without the number
        self.whats = [run.name or _what(run.config, common, part) for run in runs]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return (
            Column("number", "run", "integer"),
            Column("name", "name", "name"),
            *(_setting_column(field) for field in self._fields),
            Column("best_f1", "best F1", "score", "high", "highest entity F1 on dev"),
            Column("dev_loss", "dev loss", "number", "low", "of the last evaluation, per word"),
            Column("illegal", "illegal", "integer", "", "places where decoding broke the tag scheme, last time on dev"),
            Column("seconds", "time", "duration", "", "from the start to the end, loading included"),
            Column("tokens_per_s", "tokens/s", "number", "high", "word pieces a second in training"),
            Column("state", "state", "state"),
            Column("created", "created", "time"),
        )

    def row(self, run: Run, what: str) -> list[Value]:
        """The values of one run as it is now, in the order of the columns."""
        summary = run.summary()
        return [
            run.number,
            what,
            *(getattr(run.config, field, None) for field in self._fields),
            run.best.f1 if run.best else None,
            summary.latest.loss if summary.latest else None,
            summary.latest.illegal if summary.latest else None,
            summary.seconds if run.started else None,
            run.progress().tokens_per_s,
            run.state,
            run.created,
        ]


def top_score(runs: Iterable[Run]) -> float | None:
    """The best F1 of two runs or more that have one."""
    scores = [best.f1 for run in runs if (best := run.best)]
    return max(scores) if len(scores) > 1 else None


def best_in(run: Run, top: float | None) -> list[str]:
    """The keys of the columns that a run is best in; equals are best together."""
    return ["best_f1"] if top is not None and run.best and run.best.f1 == top else []


def differences_table(runs: Sequence[Run]) -> tuple[list[str], list[list[str]]]:
    """Headings, and one row for each setting that differs: its label, then its value in every run."""
    rows = [
        [_KNOBS[field].label, *(shown(field, value) for value in values)] for field, values in differences(runs).items()
    ]
    return ["setting", *(f"{run.title} {run.name}".strip() for run in runs)], rows


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for notes and issues; a pipe in a cell is kept as text."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([" ".join(str(cell).split()).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _what(
    config: RunConfig | None, common: Mapping[str, Mapping[Value, int]], part: Callable[[str, Value], str]
) -> str:
    """Of more settings than a name has room for, those that fewest runs share.

    Args:
        common: how many runs have each value of each setting in which they differ, in the order of a name.
    """
    if config is None:
        return ""
    values = {field: getattr(config, field) for field in common}
    told = [field for field, value in values.items() if value is not None or field not in _SCORED]
    rare = sorted(told, key=lambda field: common[field][values[field]])[:MOST_PARTS]
    parts = [part(field, values[field]) for field in told if field in rare]
    return " · ".join(parts + ["…"] * (len(told) > MOST_PARTS))


def _part(field: str, value: Value, say: Say) -> str:
    """`head 1e-3`, `3 epochs`, `no BiLSTM`: one setting in a run's name."""
    if field == "downstream":
        return say("no BiLSTM") if value == "none" else _WRITTEN.get(str(value), str(value))
    if field == "decoder":
        return _WRITTEN.get(str(value), str(value))
    if field == "epochs":
        return say("1 epoch") if value == 1 else say("{count} epochs", count=value)
    if field == "train_limit" and value == 0:
        return say("all sentences")
    if field in _BARE:
        return str(value).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    called = say(_SHORT[field]) if field in _SHORT else _lowered(say(_KNOBS[field].label))
    return f"{called} {say(shown(field, value))}"


def _lowered(label: str) -> str:
    """`Dropout` → `dropout`, but `BiLSTM size` as it is."""
    return label if any(letter.isupper() for letter in label[1:]) else label.lower()


def _is_rate(field: str) -> bool:
    return field.endswith("_rate")


def _merit(run: Run) -> tuple[float, float]:
    if run.best is None:
        return math.inf, math.inf
    return -run.best.f1, math.inf if run.best.loss is None else run.best.loss


def _setting_column(field: str) -> Column:
    knob, default = _KNOBS[field], getattr(RunConfig(), field)
    kind: Any = "integer" if isinstance(default, int) else "number"
    if _is_rate(field):
        kind = "rate"
    elif isinstance(default, bool | str):
        kind = "text"
    return Column(field, knob.label, kind, "", knob.help)


def _text(column: Column, value: Value, best: bool) -> str:
    star = f" {BEST}" if best else ""
    if column.key in _KNOBS:
        return shown(column.key, value)
    if value is None:
        return "–"
    if isinstance(value, int | float):
        return _number(column.kind, value) + star
    return str(value)


def _number(kind: str, value: float) -> str:
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
