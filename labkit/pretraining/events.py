"""What a pretraining tells while it goes."""

from dataclasses import dataclass
from pathlib import Path

from labkit.pretraining.training_data import SourceStats


@dataclass(frozen=True)
class PretrainStarted:
    """Text is read and the model is made."""

    source_stats: tuple[SourceStats, ...]
    train_tokens: int
    held_out_tokens: int
    vocabulary: int
    parameters: int  # of the encoder
    precision: str
    resumed: int  # the step that it goes on from; 0 for a new one


@dataclass(frozen=True)
class PretrainStepDone:
    """An optimizer step."""

    step: int
    progress: float  # share of the whole that is over, by time or by steps
    loss: float  # of the hidden tokens, natural logarithm
    rate: float
    tokens: int  # read so far
    seconds: float  # of training so far, of earlier sittings as well


@dataclass(frozen=True)
class HeldOutEvaluated:
    """The held-out text, with a fixed part of it hidden."""

    step: int
    tokens: int
    seconds: float
    train_loss: float  # mean of the last steps
    loss: float
    accuracy: float  # share of hidden tokens guessed right


@dataclass(frozen=True)
class StateSaved:
    """All that going on needs is in the folder."""

    step: int
    seconds: float


@dataclass(frozen=True)
class PretrainFinished:
    """The end: the encoder is in the folder, or, where it was stopped, what going on needs."""

    folder: Path
    step: int
    seconds: float
    stopped: bool


PretrainEvent = PretrainStarted | PretrainStepDone | HeldOutEvaluated | StateSaved | PretrainFinished
