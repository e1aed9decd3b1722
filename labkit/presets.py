"""Starter pairs, presets, and warnings about a config."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.config import RunConfig, run_settings
from labkit.messages import N_, Message, plural
from labkit.settings import format_rate


@dataclass(frozen=True)
class StarterPair:
    """An encoder, a corpus of its language, and rates for both.

    Attributes:
        encoder_rate_range: lowest and highest encoder rate to try.
        example: a sentence of our own to try a run of this pair with.

    The other attributes are as in RunConfig.
    """

    corpus: str
    train_limit: int
    encoder: str
    encoder_rate: float
    head_rate: float
    encoder_rate_range: tuple[float, float]
    example: str

    def settings(self) -> dict[str, Any]:
        """Corpus and encoder, without rates."""
        return {"corpus": self.corpus, "train_limit": self.train_limit, "encoder": self.encoder}


_DEFAULT_CONFIG = RunConfig()
# A small encoder tolerates a larger rate than BERT-base, and needs it: benchmarks/pretrained_zh.py.
STARTER_PAIRS = {
    "chinese": StarterPair(
        corpus="msra",
        train_limit=2000,
        encoder="tiny-zh",
        encoder_rate=3e-4,  # best for 8 epochs; for 3, 5e-4 was better by a point
        head_rate=1e-2,
        encoder_rate_range=(1e-4, 1e-3),
        example="王小明去年从北京大学毕业，现在在上海的中国银行工作。",
    ),
    "english": StarterPair(
        corpus=_DEFAULT_CONFIG.corpus,
        train_limit=_DEFAULT_CONFIG.train_limit,
        encoder=_DEFAULT_CONFIG.encoder,
        encoder_rate=_DEFAULT_CONFIG.encoder_rate,
        head_rate=_DEFAULT_CONFIG.head_rate,
        encoder_rate_range=(2e-5, 5e-5),
        example="Barack Obama flew to New York with @tim to see the Empire State Building",
    ),
}
DEFAULT_PAIR = "chinese"  # what a lab starts with: it gives the better first minute (docs/results.md)


def recommended_rates(encoder: str) -> dict[str, float]:
    """Encoder and head rate to start with. Other encoders get the English pair's."""
    pair = _pair_for_encoder(encoder)
    return {"encoder_rate": pair.encoder_rate, "head_rate": pair.head_rate}


def recommended_rate_range(encoder: str) -> tuple[float, float]:
    """Lowest and highest rate to try with an encoder."""
    return _pair_for_encoder(encoder).encoder_rate_range


def recommended_head_range(config: RunConfig) -> tuple[float, float]:
    """Lowest and highest head rate to try with a config's structure."""
    if config.downstream == "idcnn" or config.tanh_size:
        return 1e-3, HIGH_IDCNN_RATE  # what is above 0 or within ± 1 learns no more once a large step has moved it out
    marks = run_settings()["head_rate"].marks
    return min(marks), max(marks)


def _pair_for_encoder(encoder: str) -> StarterPair:
    return next((pair for pair in STARTER_PAIRS.values() if pair.encoder == encoder), STARTER_PAIRS["english"])


def find_starter_pair(config: RunConfig) -> StarterPair | None:
    """The pair with a config's corpus, else with its encoder, else None."""
    by_corpus = [pair for pair in STARTER_PAIRS.values() if pair.corpus == config.corpus]
    by_encoder = [pair for pair in STARTER_PAIRS.values() if pair.encoder == config.encoder]
    return next(iter(by_corpus + by_encoder), None)


HIGH_ENCODER_RATE = 2e-4  # for an encoder of usual size; Devlin et al. 2019 tried up to 5e-5
HIGH_IDCNN_RATE = 3e-3  # large steps kill its ReLUs; on WNUT 2016 they did at 1e-2
# The article's rates are those of its listing (docs/results.md): AdamW with 5 % warm-up and linear decay for the
# encoder, staircase decay for the head. Its structures are those of the author's repository, with dropout 0.5.
_ARTICLE: dict[str, Any] = {
    "decoder": "crf",
    "encoder_rate": 5e-5,
    "head_rate": 1e-4,
    "encoder_schedule": "linear",
    "head_schedule": "staircase",
    "encoder_warmup": 0.05,
    "head_warmup": 0.0,
    "encoder_weight_decay": 0.01,
    "head_weight_decay": 0.0,
    "dropout": 0.5,
}
ONE_RATE_PRESET = N_("one rate")
# Settings that each preset changes, for an encoder that is in no pair.
PRESETS: dict[str, dict[str, Any]] = {
    N_("labkit"): {},
    N_("article"): {"downstream": "bilstm", **_ARTICLE, "lstm_size": 256, "tanh_size": 256},
    N_("article IDCNN"): {
        "downstream": "idcnn",
        **_ARTICLE,
        "idcnn_filters": 256,
        "idcnn_dilations": "1,1,2",
        "idcnn_repeats": 4,
    },
    ONE_RATE_PRESET: {},  # the head's rate is the encoder's: see `preset_overrides`
    N_("head first"): {"encoder_start": 0.2},
}


def preset(name: str = "labkit", pair: str = DEFAULT_PAIR, **changes: Any) -> RunConfig:
    """RunConfig of a preset for a starter pair, with `changes` on top.

    The JSON object in LABKIT_DEFAULTS, where it is set, lies between the two: a group sets its encoder or corpus there
    once, and tests keep their runs short.

    >>> preset("one rate", pair="english", epochs=2).head_rate
    5e-05

    Args:
        name: of PRESETS.
        pair: of STARTER_PAIRS.
        changes: settings by field.

    Raises:
        ValueError: naming the field, for an unknown setting or a value out of its range; for an unknown name; for bad
            JSON in LABKIT_DEFAULTS.
    """
    try:
        defaults = json.loads(os.environ.get("LABKIT_DEFAULTS") or "{}")
    except json.JSONDecodeError as problem:
        text = N_("LABKIT_DEFAULTS must be a JSON object like {example}: {problem}")
        raise ValueError(Message(text, example='{"epochs": 2}', problem=str(problem))) from None
    if not isinstance(defaults, dict):
        raise ValueError(Message("LABKIT_DEFAULTS must be a JSON object, not {value}", value=repr(defaults)))
    return make_config(pair, name, {**defaults, **changes})


def make_config(
    pair: str = DEFAULT_PAIR, preset_name: str = "labkit", overrides: Mapping[str, Any] | None = None
) -> RunConfig:
    """Config from a starter pair and a preset, with overrides.

    A pair's values hold for its own corpus and encoder only: with another encoder, the rates are that encoder's.

    Args:
        pair: a name in STARTER_PAIRS.
        preset_name: a name in PRESETS.
        overrides: settings by field.

    Raises:
        ValueError: an unknown pair, preset or field, or a value out of range; the message names it.
    """
    if pair not in STARTER_PAIRS:
        raise ValueError(Message("unknown pair {pair!r}; there are {names}", pair=pair, names=", ".join(STARTER_PAIRS)))
    overrides = dict(overrides or {})
    settings = STARTER_PAIRS[pair].settings()
    if overrides.get("corpus", settings["corpus"]) != settings["corpus"]:
        del settings["train_limit"]
    encoder = overrides.get("encoder", settings["encoder"])
    return RunConfig.from_dict({**settings, **preset_values(preset_name, encoder), **overrides})


def preset_values(name: str, encoder: str = STARTER_PAIRS["english"].encoder) -> dict[str, Any]:
    """Values by a preset of all fields that any preset sets.

    Raises:
        ValueError: an unknown preset.
    """
    fields = {field for values in PRESETS.values() for field in values}
    values = {**RunConfig().as_dict(), **recommended_rates(encoder), **preset_overrides(name, encoder)}
    return {field: value for field, value in values.items() if field in fields}


def preset_overrides(name: str, encoder: str) -> dict[str, Any]:
    """Settings that a preset changes for an encoder. Raises ValueError for an unknown preset."""
    if name not in PRESETS:
        raise ValueError(Message("unknown preset {preset!r}; there are {names}", preset=name, names=", ".join(PRESETS)))
    if name == ONE_RATE_PRESET:
        return {"head_rate": recommended_rates(encoder)["encoder_rate"]}
    return PRESETS[name]


def adjustment_notes(
    config: RunConfig, train_sentences: int | None = None, longest_window: int | None = None
) -> list[Message]:
    """Notes on settings that cannot be followed as given, one sentence each.

    Args:
        train_sentences: size of the training split; None if it is not counted yet.
        longest_window: longest window that the encoder has positions for, in tokens; None if not known.
    """
    notes = []
    if longest_window is not None and config.max_pieces > longest_window:
        text = N_("The longest window is {longest}, not {asked}: the encoder reads no more.")
        notes.append(Message(text, longest=longest_window, asked=config.max_pieces))
    step = config.batch_size * config.accumulate
    if train_sentences is not None and step > train_sentences and not config.token_budget:
        text = N_("A step ({step} sentences) is larger than the training part ({sentences} sentences).")
        if config.accumulate == 1:
            text = N_("The batch ({step}) is larger than the training part ({sentences} sentences).")
        notes.append(Message(text, step=step, sentences=train_sentences))
    return notes


def config_warnings(
    config: RunConfig, train_sentences: int | None = None, longest_window: int | None = None
) -> list[Message]:
    """Warnings about a config before training, one sentence each.

    Includes the notes of `adjustment_notes`, whose arguments it takes.
    """
    warnings = []
    if not 2 <= config.epochs <= 4:
        warnings.append(
            plural(
                config.epochs,
                "1 epoch: 2 to 4 are usual for fine-tuning BERT.",
                "{count} epochs: 2 to 4 are usual for fine-tuning BERT.",
            )
        )
    ratio, rates = config.rate_ratio, config.group_rates
    if not any(rates.values()):
        warnings.append(Message("All rates are 0: nothing will be learnt."))
    elif config.encoder_rate == config.head_rate == 0:
        text = N_("Encoder and head have the rate 0: only the CRF learns, by scores that were drawn at random.")
        warnings.append(Message(text))
    elif config.encoder_start and not any(rate for name, rate in rates.items() if name != "encoder"):
        warnings.append(Message("All rates but the encoder's are 0: until its start nothing will be learnt."))
    elif config.head_rate < config.encoder_rate:
        warnings.append(Message("The head's rate is below the encoder's: a fresh head usually needs the larger one."))
    elif math.isfinite(ratio) and ratio > 1000:
        text = N_("The head's rate is {ratio:,.0f} times the encoder's: above 1000 training often fails.")
        warnings.append(Message(text, ratio=ratio))
    if config.encoder_start and config.encoder_rate == 0:
        warnings.append(Message("The encoder's rate is 0: a late start of the encoder changes nothing."))
    if config.patience and _earliest_stop(config) >= config.epochs:
        text = N_("Patience stops a run after epoch {earliest} at the earliest: here it changes nothing.")
        warnings.append(Message(text, earliest=_earliest_stop(config)))
    if config.encoder_rate > max(HIGH_ENCODER_RATE, recommended_rate_range(config.encoder)[1]):
        text = N_(
            "The encoder's rate is above {rate}: it forgets what it has learnt, unless it is as small as tiny-zh."
        )
        warnings.append(Message(text, rate=format_rate(HIGH_ENCODER_RATE)))
    if config.downstream == "idcnn" and config.head_rate > HIGH_IDCNN_RATE:
        text = N_("IDCNN often learns nothing at a head rate above {rate}; 1e-3 is a good start.")
        warnings.append(Message(text, rate=format_rate(HIGH_IDCNN_RATE)))
    if rates.get("crf") == 0 and any(rates.values()):
        warnings.append(Message("The CRF's rate is 0: it stays as it was drawn, and learns no rule of the tags."))
    if config.crf_rate is not None and config.decoder != "crf":
        warnings.append(Message("The CRF has a rate of its own, but there is no CRF: the run would fail."))
    return [*warnings, *adjustment_notes(config, train_sentences, longest_window)]


def _earliest_stop(config: RunConfig) -> int:
    """First epoch after which patience may stop a run."""
    evaluations = 0 if config.evaluate_every else config.patience + 1  # the first is the best until then
    return max(config.min_epochs, evaluations)
