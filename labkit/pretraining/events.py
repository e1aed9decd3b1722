"""What a pretraining tells while it goes."""

from dataclasses import dataclass
from pathlib import Path

from labkit.pretraining.training_data import Told


@dataclass(frozen=True)
class Prepared:
    """Text is read and the model is made."""

    told: tuple[Told, ...]
    train_tokens: int
    held_out_tokens: int
    vocabulary: int
    parameters: int  # of the encoder
    precision: str
    resumed: int  # the step that it goes on from; 0 for a new one


@dataclass(frozen=True)
class Stepped:
    """An optimizer step."""

    step: int
    progress: float  # share of the whole that is over, by time or by steps
    loss: float  # of the hidden tokens, natural logarithm
    rate: float
    tokens: int  # read so far
    seconds: float  # of training so far, of earlier sittings as well


@dataclass(frozen=True)
class HeldOut:
    """The held-out text, with a fixed part of it hidden."""

    step: int
    tokens: int
    seconds: float
    train_loss: float  # mean of the last steps
    loss: float
    accuracy: float  # share of hidden tokens guessed right


@dataclass(frozen=True)
class Saved:
    """All that going on needs is in the folder."""

    step: int
    seconds: float


@dataclass(frozen=True)
class Finished:
    """The end: the encoder is in the folder, or, where it was stopped, what going on needs."""

    folder: Path
    step: int
    seconds: float
    stopped: bool


Event = Prepared | Stepped | HeldOut | Saved | Finished
