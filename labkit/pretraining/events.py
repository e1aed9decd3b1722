"""Events of a pretraining, in the order in which `pretrain` yields them."""

from dataclasses import dataclass
from pathlib import Path

from labkit.pretraining.training_data import SourceStats


@dataclass(frozen=True)
class PretrainStarted:
    """The text is read and the model is built."""

    source_stats: tuple[SourceStats, ...]
    train_tokens: int
    held_out_tokens: int
    vocabulary: int
    parameters: int  # of the encoder
    precision: str
    resumed: int  # step that it continues from; 0 for a new pretraining


@dataclass(frozen=True)
class PretrainStepDone:
    """An optimizer step was done."""

    step: int
    progress: float  # 0 to 1, by time or by steps
    loss: float  # of the masked tokens, natural logarithm
    rate: float
    tokens: int  # read so far
    seconds: float  # of training so far, before interruptions included


@dataclass(frozen=True)
class HeldOutEvaluated:
    """The held-out text was scored, with always the same tokens masked."""

    step: int
    tokens: int
    seconds: float
    train_loss: float  # mean of the last steps
    loss: float
    accuracy: float  # share of masked tokens guessed right


@dataclass(frozen=True)
class StateSaved:
    """The checkpoint was written to the folder."""

    step: int
    seconds: float


@dataclass(frozen=True)
class PretrainFinished:
    """The pretraining ended.

    The folder has the encoder, or the checkpoint if it was stopped.
    """

    folder: Path
    step: int
    seconds: float
    stopped: bool


PretrainEvent = PretrainStarted | PretrainStepDone | HeldOutEvaluated | StateSaved | PretrainFinished
