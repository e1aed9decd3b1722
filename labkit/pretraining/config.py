"""What a pretraining is to be: its length, the encoder's sizes, and how it goes."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PretrainStage:
    """Part of a pretraining, with sequences of one length."""

    until: float  # share of the whole that is over when this ends
    length: int  # tokens of a sequence, marks included
    tokens: int  # of a step


# Short sequences and small steps first: attention to near neighbours is learnt from them at half the price (Devlin et
# al. 2019, appendix A.2, for 90 % of all steps), and a loss that falls fast does not mind noise. Longer ones while the
# rate is still high: positions that only come at the end are not learnt any more (256 tokens over the last 7 % left the
# loss there at 4.7, where it was 3.8 up to 128).
DEFAULT_STAGES = (PretrainStage(0.25, 64, 2048), PretrainStage(0.6, 128, 4096), PretrainStage(1.0, 128, 8192))


@dataclass(frozen=True)
class PretrainConfig:
    """All that decides what comes out; of two equal plans of so many steps, the same encoder on the same machine."""

    minutes: float | None = 50.0  # of training; the rate reaches 0 then, whatever the machine's speed
    steps: int | None = None  # instead of minutes
    seed: int = 0
    layers: int = 4
    width: int = 256
    heads: int = 4
    inner: int = 1024  # width between the two halves of a feed-forward
    vocabulary: int = 6000  # tokens at most
    share: float = 0.15  # of the tokens, hidden
    rate: float = 1e-3  # at its peak, after the warm-up
    warmup: float = 0.01  # share of the whole
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    held_out: float = 0.01  # share of the text that is not trained on
    stages: tuple[PretrainStage, ...] = DEFAULT_STAGES

    def __post_init__(self) -> None:
        """Raises ValueError naming the field."""
        if (self.minutes is None) == (self.steps is None):
            raise ValueError(f"give minutes or steps, one of them, not {self.minutes!r} and {self.steps!r}")
        for name in ("minutes", "steps", "layers", "width", "heads", "inner", "vocabulary", "rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, not {value!r}")
        for name in ("share", "held_out"):
            if not 0 < getattr(self, name) <= 0.5:
                raise ValueError(f"{name} must be above 0 and at most 0.5, not {getattr(self, name)!r}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be from 0 to {2**32 - 1}, not {self.seed!r}")
        if self.width % (2 * self.heads):
            raise ValueError(f"width must be an even number for each of {self.heads} heads, not {self.width}")

    @property
    def max_sequence_length(self) -> int:
        """The longest sequence that the encoder sees."""
        return max(stage.length for stage in self.stages)

    def stage_at(self, progress: float) -> PretrainStage:
        """The stage at a share of the whole, from 0 to 1."""
        return next((stage for stage in self.stages if progress < stage.until), self.stages[-1])

    def rate_at(self, progress: float) -> float:
        """Climbs linearly over the warm-up and falls linearly to 0 at the end."""
        if progress < self.warmup:
            return self.rate * max(progress, 1e-3 * self.warmup) / self.warmup
        return self.rate * max(0.0, 1 - progress) / (1 - self.warmup)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PretrainConfig":
        return cls(**{**values, "stages": tuple(PretrainStage(**stage) for stage in values["stages"])})
