"""Names of runs, after the settings that differ.

Each run is named once, after settings in which it differs from the first run of its corpus.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from labkit.config import PROPER_NAMES, RunConfig, run_settings
from labkit.messages import N_
from labkit.runs.run import Run
from labkit.settings import format_value

Value = str | int | float | bool | None
Translate = Callable[..., str]  # translates a text and fills its {placeholders}
SETTINGS = run_settings()
MAX_NAME_PARTS = 4  # settings in a name
FIRST_SETTINGS = ("encoder_rate", "head_rate", "crf_rate", "epochs", "batch_size")  # in names and tables
NAMED_IF_ALIKE = ("encoder_rate", "head_rate", "epochs")  # in the name of a run that is like the first of its corpus
_UNNAMED = ("corpus", "profile")
_EVAL_LIMITS = ("dev_limit", "test_limit")  # in a name only if set: by default they follow from the size of the corpus

_SHORT_LABELS = {  # of settings in a run's name, instead of their longer labels
    "batch_size": N_("batch"),
    "encoder_rate": N_("encoder"),
    "head_rate": N_("head"),
    "crf_rate": N_("CRF"),
    "lstm_size": N_("BiLSTM"),
    "lstm_layers": N_("layers"),
    "max_pieces": N_("window"),
}
_UNLABELLED = ("encoder", "precision", "implementation", "device")  # their values speak for themselves


def format_english(text: str, **values: object) -> str:
    """Default translator: fills the placeholders of the English text."""
    return text.format(**values) if values else text


def name_runs(runs: Sequence[Run], tr: Translate = format_english) -> dict[Path, str]:
    """Names runs by folder: `#12 head 3e-2 · 4 epochs`, or with the user's own name, `#12 my name`."""
    names = zip(runs, short_names(runs, tr), strict=True)
    return {run.folder: f"{run.title} {name}".strip() for run, name in names}


def short_names(runs: Sequence[Run], tr: Translate = format_english) -> list[str]:
    """Names of runs without their numbers.

    A run without a kept name, as it was never listed by a store, is named among `runs`.
    """
    format_part = cache(partial(_format_part, tr=tr))  # many of a thousand runs share settings

    def name(run: Run, fields: Sequence[str]) -> str:
        known = [field for field in fields if run.config and field in SETTINGS]  # another version may have others
        return run.name or " · ".join(format_part(field, getattr(run.config, field)) for field in known)

    return [name(run, fields) for run, fields in zip(runs, choose_name_settings(runs), strict=True)]


def choose_name_settings(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    """Settings to name each run after: the kept ones, or where it differs from the first run of its corpus.

    A choice depends on earlier runs only. Of many settings it takes the MAX_NAME_PARTS whose values are rarest so far.

    Args:
        runs: oldest first.
    """
    first: dict[str, RunConfig] = {}  # by corpus
    counts: Counter[tuple[str, str, Value]] = Counter()  # earlier runs by corpus, setting and value
    for run in runs:
        if (config := run.config) is None:
            yield run.label.named_after or ()
            continue
        differing = _find_differing(config, first.setdefault(config.corpus, config))
        keys = {field: (config.corpus, field, value) for field, value in differing.items()}
        rare = sorted(keys, key={field: counts[key] for field, key in keys.items()}.__getitem__)[:MAX_NAME_PARTS]
        chosen = tuple(field for field in keys if field in rare) or NAMED_IF_ALIKE
        yield chosen if run.label.named_after is None else run.label.named_after
        counts.update(keys.values())


@cache
def ordered_settings() -> tuple[str, ...]:
    """Names of all settings, rates first, the others as declared."""
    return (*FIRST_SETTINGS, *(field for field in SETTINGS if field not in FIRST_SETTINGS))


def _find_differing(config: RunConfig, first: RunConfig) -> dict[str, Value]:
    if config is first or config == first:
        return {}
    return {
        field: value
        for field in ordered_settings()
        if (value := getattr(config, field)) != getattr(first, field)
        and field not in _UNNAMED
        and not (value is None and field in _EVAL_LIMITS)
    }


def _format_part(field: str, value: Value, tr: Translate) -> str:
    """Formats one setting in a run's name: `head 1e-3`, `3 epochs`, `no BiLSTM`."""
    if field == "downstream":
        return tr("no BiLSTM") if value == "none" else PROPER_NAMES.get(str(value), str(value))
    if field == "decoder":
        return PROPER_NAMES.get(str(value), str(value))
    if field == "epochs":
        return tr("1 epoch") if value == 1 else tr("{count} epochs", count=value)
    if field == "train_limit":
        return tr("all sentences") if value == 0 else tr("{count} sentences", count=f"{value:,}")
    if field in _UNLABELLED:
        return str(value).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    if isinstance(value, float):
        value = float(f"{value:.3g}")
    label = tr(_SHORT_LABELS.get(field, SETTINGS[field].label))
    if field not in _SHORT_LABELS and not any(letter.isupper() for letter in label[1:]):  # not `BiLSTM size`
        label = label.lower()
    return f"{label} {tr(format_value(SETTINGS[field], value))}"
