"""Configuration of a pretraining: its length, the encoder's sizes, and hyperparameters."""

from dataclasses import dataclass

from labkit.messages import N_, Message


@dataclass(frozen=True)
class PretrainStage:
    """Stage of a pretraining, with sequences of one length."""

    until: float  # progress at which the stage ends, 0 to 1
    length: int  # tokens per sequence, special tokens included
    tokens: int  # per step


# Short sequences and small steps first: they teach attention to near neighbours at half the cost (Devlin et al. 2019,
# appendix A.2, for 90 % of all steps), and while the loss falls fast, noise does little harm. Longer ones while the
# rate is still high: positions that only occur at the end are no longer learnt (with 256 tokens over the last 7 % the
# loss stayed at 4.7 there; up to position 128 it was 3.8).
DEFAULT_STAGES = (PretrainStage(0.25, 64, 2048), PretrainStage(0.6, 128, 4096), PretrainStage(1.0, 128, 8192))


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that determines the pretrained encoder.

    With equal configs that give `steps`, the same machine makes the same encoder.
    """

    minutes: float | None = 50.0  # of training; the rate reaches 0 then, whatever the machine's speed
    steps: int | None = None  # instead of minutes
    seed: int = 0
    layers: int = 4
    width: int = 256
    heads: int = 4
    inner: int = 1024  # intermediate size of the feed-forward layers
    vocabulary: int = 6000  # tokens at most
    share: float = 0.15  # of the tokens that are masked
    rate: float = 1e-3  # peak learning rate, after the warm-up
    warmup: float = 0.01  # share of the training
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    held_out: float = 0.01  # share of the text that is not trained on
    stages: tuple[PretrainStage, ...] = DEFAULT_STAGES

    def __post_init__(self) -> None:
        """Raises ValueError naming the field."""
        if (self.minutes is None) == (self.steps is None):
            text = N_("give minutes or steps, one of them, not {minutes} and {steps}")
            raise ValueError(Message(text, minutes=repr(self.minutes), steps=repr(self.steps)))
        for name in ("minutes", "steps", "layers", "width", "heads", "inner", "vocabulary", "rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(Message("{name} must be above 0, not {value}", name=name, value=value))
        for name in ("share", "held_out"):
            if not 0 < (value := getattr(self, name)) <= 0.5:
                text = N_("{name} must be above 0 and at most 0.5, not {value}")
                raise ValueError(Message(text, name=name, value=value))
        if not 0 <= self.seed < 2**32:
            raise ValueError(Message("seed must be from 0 to {high}, not {seed}", high=2**32 - 1, seed=self.seed))
        if self.width % (2 * self.heads):
            text = N_("width must be an even number for each of {heads} heads, not {width}")
            raise ValueError(Message(text, heads=self.heads, width=self.width))

    @property
    def max_sequence_length(self) -> int:
        """Tokens of the longest sequence that the encoder reads."""
        return max(stage.length for stage in self.stages)

    def stage_at(self, progress: float) -> PretrainStage:
        """Returns the stage at a progress from 0 to 1."""
        return next((stage for stage in self.stages if progress < stage.until), self.stages[-1])

    def rate_at(self, progress: float) -> float:
        """Learning rate at a progress from 0 to 1: linear warm-up and decay."""
        if progress < self.warmup:
            return self.rate * max(progress, 1e-3 * self.warmup) / self.warmup
        return self.rate * max(0.0, 1 - progress) / (1 - self.warmup)
