"""What a lab starts with, the presets beside it, and what to be told before training."""

import json
import math
import os
from typing import Any

from labkit.config import RunConfig
from labkit.knobs import show_rate

IDCNN_RATE = 3e-3  # its ReLUs go out where a step is large; on WNUT 2016 they did at 1e-2
# The article's pair of rates is that of its listing (see README): AdamW with 5 % warm-up and linear decay for the
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
# What the presets change of RunConfig's defaults.
PRESETS: dict[str, dict[str, Any]] = {
    "labkit": {},
    "article": {"downstream": "bilstm", **_ARTICLE, "lstm_size": 256, "tanh_size": 256},
    "article IDCNN": {
        "downstream": "idcnn",
        **_ARTICLE,
        "idcnn_filters": 256,
        "idcnn_dilations": "1,1,2",
        "idcnn_repeats": 4,
    },
    "one rate": {"encoder_rate": 5e-5, "head_rate": 5e-5},
}


def defaults() -> RunConfig:
    """What a lab starts with: RunConfig's own defaults, changed by the JSON object in LABKIT_DEFAULTS where it is set.

    A group sets its encoder or corpus there once, and a test keeps its runs short. Raises ValueError for bad JSON.
    """
    try:
        changes = json.loads(os.environ.get("LABKIT_DEFAULTS") or "{}")
    except json.JSONDecodeError as problem:
        raise ValueError(f'LABKIT_DEFAULTS must be a JSON object such as {{"epochs": 2}}: {problem}') from None
    if not isinstance(changes, dict):
        raise ValueError(f"LABKIT_DEFAULTS must be a JSON object, not {changes!r}")
    return RunConfig.from_dict(changes)


def preset(name: str) -> dict[str, Any]:
    """The values of every field that any preset touches, for the preset of that name.

    Raises ValueError for an unknown name.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
    touched = {field for values in PRESETS.values() for field in values}
    defaults = RunConfig().as_dict()
    return {field: PRESETS[name].get(field, defaults[field]) for field in defaults if field in touched}


def warnings(config: RunConfig, train_sentences: int | None = None) -> list[str]:
    """What a user should know before training with this config, one sentence each; empty when all is usual."""
    found = []
    if not 2 <= config.epochs <= 4:
        found.append(
            f"{config.epochs} {'epoch' if config.epochs == 1 else 'epochs'}: 2 to 4 are usual for fine-tuning BERT."
        )
    ratio = config.rate_ratio
    if config.encoder_rate == 0 and config.head_rate == 0:
        found.append("Both rates are 0: nothing will be learnt.")
    elif ratio < 1:
        found.append("The head's rate is below the encoder's: a fresh head usually needs the larger one.")
    elif math.isfinite(ratio) and ratio > 1000:
        found.append(f"The head's rate is {ratio:,.0f} times the encoder's: above 1000 training often fails.")
    if config.downstream == "idcnn" and config.head_rate > IDCNN_RATE:
        found.append(f"IDCNN often learns nothing at a head rate above {show_rate(IDCNN_RATE)}; 1e-3 is a good start.")
    if config.crf_rate is not None and config.decoder != "crf":
        found.append("The CRF has a rate of its own, but there is no CRF: the run would fail.")
    if train_sentences is not None and config.batch_size > train_sentences and not config.token_budget:
        found.append(f"The batch ({config.batch_size}) is larger than the training part ({train_sentences} sentences).")
    return found
