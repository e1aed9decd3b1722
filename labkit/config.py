"""RunConfig: all settings of a run, each declared once with range and help.

A declaration also holds scale, unit and source. The lab's sliders, the options of the command line and the checks of
values are all made from these declarations.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, Self

from labkit.data.type_mapping import parse_type_mapping
from labkit.messages import N_, Message
from labkit.settings import Setting, field_specs, setting, validate
from labkit.training.schedules import SCHEDULES

# Choices that are names, as people write them.
PROPER_NAMES = {"bilstm": "BiLSTM", "idcnn": "IDCNN", "crf": "CRF"}
# Default size of a scored split: one sentence per N training sentences, at least M, as (N, M). Scoring then takes a
# tenth of a run, and F1 moves by 1 to 2 points from draw to draw.
EVAL_SHARES = {"dev": (4, 250), "test": (2, 500)}


@dataclass(frozen=True)
class RunConfig:
    """All settings of one training run; frozen, comparable and JSON-compatible.

    Raises:
        ValueError: a value has the wrong type or is outside its range; the message names the field.
    """

    corpus: str = setting(
        "wnut16", "Corpus", "a name from the corpus menu, or the path of a file or folder", group="data", place="row"
    )
    train_limit: int = setting(
        0,
        "Sentences",
        "train on at most this many, drawn by the seed",
        group="data",
        place="row",
        low=0,
        high=100_000_000,
        stops=(500, 1000, 2000, 5000, 10_000, 0),
        zero_text="all",
    )
    encoder: str = setting(
        "minilm",
        "Encoder",
        "a name from the encoder menu, a Hugging Face hub name, or a local folder",
        group="structure",
        place="row",
    )
    downstream: str = setting(
        "bilstm",
        "Head",
        "what follows the encoder: a recurrent or a convolutional network over the words, or nothing",
        group="structure",
        place="row",
        choices=N_(("bilstm", "idcnn", "none")),
        source="idcnn: Strubell et al. 2017",
    )
    decoder: str = setting(
        "crf",
        "Decoder",
        "crf scores whole sequences of tags, softmax each word's tag by itself",
        group="structure",
        place="row",
        choices=N_(("crf", "softmax")),
    )
    epochs: int = setting(
        3,
        "Epochs",
        "passes over the training split; 2 to 4 are usual for fine-tuning BERT",
        group="rates",
        place="slider",
        low=1,
        high=50,
        scale="linear",
        marks=(2, 3, 4),
        source="Devlin et al. 2019, appendix A.3",
    )
    batch_size: int = setting(
        16,
        "Batch size",
        "sentences a step (on each process)",
        group="rates",
        place="slider",
        low=1,
        high=512,
        scale="linear",
        marks=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    )
    encoder_rate: float = setting(
        5e-5,
        "Encoder rate",
        "peak learning rate of the pretrained encoder; 0 freezes it",
        group="rates",
        place="slider",
        low=0.0,
        high=1e-2,
        scale="log",
        marks=(2e-5, 3e-5, 5e-5),
        source="Devlin et al. 2019, appendix A.3",
    )
    head_rate: float = setting(
        1e-2,
        "Head rate",
        "peak learning rate of what was freshly initialised: all but the encoder; 3e-3 to 3e-2 by labkit's own "
        "measurements on both starter pairs, the article's 1e-4 takes many more steps",
        group="rates",
        place="slider",
        low=0.0,
        high=1e-1,
        scale="log",
        marks=(3e-3, 5e-3, 1e-2, 2e-2, 3e-2),
        source="kexue.fm/archives/7196",
    )
    crf_rate: float | None = setting(
        None,
        "CRF rate",
        "peak learning rate of the CRF's transitions alone; only if there is a CRF",
        low=0.0,
        high=1.0,
        scale="log",
        none_text="as the head",
        source="kexue.fm/archives/7196",
        group="rates",
        used_with=(("decoder", "crf"),),
    )
    encoder_schedule: str = setting(
        "linear",
        "Encoder schedule",
        "linear falls to 0 at the last step; staircase halves in jumps",
        choices=tuple(SCHEDULES),
        group="rates",
    )
    head_schedule: str = setting(
        "linear",
        "Head schedule",
        "linear falls to 0 at the last step; staircase halves in jumps",
        choices=tuple(SCHEDULES),
        group="rates",
    )
    encoder_warmup: float = setting(
        0.05,
        "Encoder warm-up (share of steps)",
        "share of all steps over which the rate climbs from 0",
        low=0.0,
        high=0.9,
        scale="linear",
        group="rates",
    )
    head_warmup: float = setting(
        0.05,
        "Head warm-up (share of steps)",
        "share of all steps over which the rate climbs from 0",
        low=0.0,
        high=0.9,
        scale="linear",
        group="rates",
    )
    encoder_start: float = setting(
        0.0,
        "Encoder start (share of steps)",
        "share of all steps in which the head trains alone, with the encoder frozen; then the encoder's warm-up and "
        "schedule begin, over the steps that are left",
        low=0.0,
        high=0.9,
        scale="linear",
        group="rates",
    )
    encoder_weight_decay: float = setting(
        0.01,
        "Encoder weight decay",
        "AdamW's decoupled decay; never on biases and LayerNorm",
        low=0.0,
        high=1.0,
        scale="linear",
        group="rates",
    )
    head_weight_decay: float = setting(
        0.0,
        "Head weight decay",
        "AdamW's decoupled decay; never on biases and LayerNorm",
        low=0.0,
        high=1.0,
        scale="linear",
        group="rates",
    )
    staircase_steps: int = setting(
        5000,
        "Staircase steps",
        "steps between two jumps of a staircase schedule",
        low=1,
        high=1_000_000,
        group="rates",
        used_with=(("encoder_schedule", "staircase"), ("head_schedule", "staircase")),
    )
    staircase_factor: float = setting(
        0.5,
        "Staircase factor",
        "what a jump multiplies the rate by",
        low=0.0,
        high=1.0,
        group="rates",
        used_with=(("encoder_schedule", "staircase"), ("head_schedule", "staircase")),
    )
    clip_norm: float = setting(
        1.0,
        "Gradient clip",
        "largest norm of all gradients together",
        low=0.0,
        high=1000.0,
        zero_text="off",
        group="rates",
    )
    dropout: float = setting(
        0.3,
        "Dropout",
        "share of values zeroed before and after the BiLSTM or IDCNN",
        low=0.0,
        high=0.9,
        scale="linear",
        group="structure",
    )
    lstm_size: int = setting(
        128,
        "BiLSTM size",
        "hidden values per direction",
        low=1,
        high=4096,
        group="structure",
        used_with=(("downstream", "bilstm"),),
    )
    lstm_layers: int = setting(
        1,
        "BiLSTM layers",
        "stacked layers",
        low=1,
        high=8,
        scale="linear",
        group="structure",
        used_with=(("downstream", "bilstm"),),
    )
    idcnn_filters: int = setting(
        256,
        "IDCNN filters",
        "filters of each layer, three words wide",
        low=1,
        high=4096,
        group="structure",
        used_with=(("downstream", "idcnn"),),
    )
    idcnn_dilations: str = setting(
        "1,1,2",
        "IDCNN dilations",
        "of each layer of the block, words from one that a filter sees to the next; whole numbers with commas between",
        pattern=r"[1-9]\d{0,2}(,[1-9]\d{0,2}){0,15}",
        source="Strubell et al. 2017",
        group="structure",
        used_with=(("downstream", "idcnn"),),
    )
    idcnn_repeats: int = setting(
        4,
        "IDCNN repeats",
        "how often the block is run, with the same weights",
        low=1,
        high=16,
        scale="linear",
        group="structure",
        used_with=(("downstream", "idcnn"),),
    )
    mix_layers: bool = setting(
        False,
        "Mix layers",
        "go on with a learned weighted mix of all the encoder's layers instead of its last one",
        source="Peters et al. 2018",
        group="structure",
    )
    projection_size: int = setting(
        0,
        "Projection",
        "values a word after a linear layer between encoder and downstream structure",
        low=0,
        high=4096,
        zero_text="none",
        group="structure",
    )
    tanh_size: int = setting(
        0,
        "Tanh layer",
        "values a word after a linear layer and tanh behind the downstream structure, as in the article",
        low=0,
        high=4096,
        zero_text="none",
        group="structure",
    )
    dev_limit: int | None = setting(
        None,
        "Dev sentences",
        "evaluate on at most this many, the same ones in every run; in proportion: all if training uses "
        "all sentences, else one per four of them, at least 250",
        low=0,
        high=100_000_000,
        none_text="in proportion",
        zero_text="all",
        group="evaluation",
    )
    test_limit: int | None = setting(
        None,
        "Test sentences",
        "score at most this many at the end, the same ones in every run; in proportion: all if training "
        "uses all sentences, else one per two of them, at least 500",
        low=0,
        high=100_000_000,
        none_text="in proportion",
        zero_text="all",
        group="evaluation",
    )
    dev_share: float = setting(
        0.15,
        "Dev share",
        "share split off for dev if the corpus has none",
        low=0.01,
        high=0.9,
        scale="linear",
        group="data",
    )
    repair_tags: bool = setting(
        False, "Repair tags", "mend illegal tag sequences and count them; otherwise they are an error", group="data"
    )
    types: str = setting(
        "",
        "Types",
        "rename, merge or drop entity types: OLD=NEW with commas between; OLD= drops a type, * stands for all others",
        none_text="as they are",
        group="data",
    )
    legal_only: bool = setting(
        False,
        "Legal tags only",
        "predict only tag sequences that BIO allows, also in evaluation; training stays the same",
        group="evaluation",
    )
    max_pieces: int = setting(
        128,
        "Longest window (pieces)",
        "longer sentences are cut into windows, after sentences where possible, else at other punctuation",
        low=8,
        high=8192,
        unit="word pieces",
        group="data",
    )
    evaluate_every: int = setting(
        0,
        "Evaluate every",
        "also evaluate every so many steps, not only after each epoch",
        low=0,
        high=1_000_000,
        unit="steps",
        zero_text="each epoch",
        group="evaluation",
    )
    patience: int = setting(
        0,
        "Patience",
        "stop early, when F1 on dev has not got better for so many evaluations (at an equal F1, the dev loss counts); "
        "the test split is scored all the same",
        low=0,
        high=1000,
        unit="evaluations",
        zero_text="off",
        group="evaluation",
    )
    min_epochs: int = setting(
        1,
        "Least epochs",
        "patience stops no run before so many epochs",
        low=0,
        high=50,
        group="evaluation",
    )
    accumulate: int = setting(
        1,
        "Accumulate batches",
        "batches whose gradients are added up before a step",
        low=1,
        high=1024,
        group="rates",
    )
    token_budget: int = setting(
        0,
        "Token budget",
        "instead of the batch size: as many sentences of similar length a step as fit when padded",
        low=0,
        high=1_000_000,
        unit="word pieces",
        zero_text="off",
        group="rates",
    )
    precision: str = setting(
        "auto",
        "Precision",
        "auto measures whether the device is fast in bfloat16; CRF and loss stay in float32",
        choices=(N_("auto"), "float32", "bfloat16", "float16"),
        group="machine",
    )
    implementation: str = setting(
        "fast",
        "Implementation",
        "how the same model is computed: reference by plain transformers, torch and pytorch-crf, fast in less time",
        choices=N_(("fast", "reference")),
        group="machine",
    )
    device: str = setting(
        "auto", "Device", "auto takes a GPU if there is one", choices=("auto", "cpu", "cuda", "mps"), group="machine"
    )
    keep: str = setting(
        "best and last",
        "Keep weights",
        "which weights stay in the run folder",
        choices=N_(("best and last", "best", "last", "none")),
        group="evaluation",
    )
    trackers: str = setting(
        "",
        "Also log to",
        "accelerate's trackers to report to as well, such as tensorboard, separated by commas",
        group="machine",
    )
    profile: bool = setting(
        False,
        "Record operator profile (slower)",
        "record ten steps operator by operator, into a table and a trace file; slows those steps",
        group="machine",
    )
    seed: int = setting(
        0, "Seed", "decides the initial head, the order of sentences and dropout", low=0, high=2**32 - 1, group="data"
    )

    def __post_init__(self) -> None:
        for spec in field_specs(RunConfig):
            given = getattr(self, spec.name)
            if (value := validate(spec, given)) is not given:
                object.__setattr__(self, spec.name, value)
        if self.types:
            parse_type_mapping(self.types)  # raises

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed and checked."""
        return dataclasses.replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The config of a stored run. Raises ValueError for unknown fields."""
        unknown = sorted(set(values) - {spec.name for spec in field_specs(RunConfig)})
        if unknown:
            text = N_("unknown settings {names}; written by another version of labkit?")
            raise ValueError(Message(text, names=", ".join(unknown)))
        return cls(**values)

    def sentence_limit(self, split: Literal["train", "dev", "test"]) -> int:
        """Largest number of sentences used of a split; 0 for all."""
        limit: int | None = getattr(self, f"{split}_limit")
        if limit is not None:
            return limit
        per, minimum = EVAL_SHARES[split]
        return max(self.train_limit // per, minimum) if self.train_limit else 0

    @property
    def group_rates(self) -> dict[str, float]:
        """Peak rate by parameter group: encoder, head, and crf if it has its own."""
        crf = {} if self.crf_rate is None or self.decoder != "crf" else {"crf": self.crf_rate}
        return {"encoder": self.encoder_rate, "head": self.head_rate, **crf}

    @property
    def has_frozen_encoder(self) -> bool:
        """True if only other groups ever learn. The encoder then needs no backward pass."""
        return self.encoder_rate == 0 and any(self.group_rates.values())

    @property
    def rate_ratio(self) -> float:
        """Head rate over encoder rate: infinite for a frozen encoder, 0 if both are frozen."""
        if self.encoder_rate == 0:
            return math.inf if self.head_rate else 0.0
        return self.head_rate / self.encoder_rate


def run_settings() -> dict[str, Setting]:
    """Setting of each field, by name, in the order of declaration."""
    return {spec.name: spec.setting for spec in field_specs(RunConfig)}


def field_types() -> dict[str, tuple[type, bool]]:
    """Plain type of each field, and True if it may be None."""
    return {spec.name: (spec.kind, spec.optional) for spec in field_specs(RunConfig)}
