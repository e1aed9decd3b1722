"""Encoders and corpora that go together, one pair a language, with the rates that were found best for each encoder."""

from dataclasses import dataclass
from typing import Any

from labkit.config import RunConfig


@dataclass(frozen=True)
class Pair:
    """An encoder with a corpus of its language.

    `usual` are the lowest and the highest encoder rate to try; `example` is a sentence of our own to try a run of this
    pair with; the rest is as in RunConfig.
    """

    corpus: str
    train_limit: int
    encoder: str
    encoder_rate: float
    head_rate: float
    usual: tuple[float, float]
    example: str

    def settings(self) -> dict[str, Any]:
        """Corpus and encoder, without rates."""
        return {"corpus": self.corpus, "train_limit": self.train_limit, "encoder": self.encoder}


_USUAL = RunConfig()
# A small encoder stands a larger rate than BERT-base does, and needs it: benchmarks/pretrained_zh.py.
PAIRS = {
    "chinese": Pair(
        corpus="msra",
        train_limit=2000,
        encoder="tiny-zh",
        encoder_rate=3e-4,  # best of 8 epochs; of 3, 5e-4 was better by a point
        head_rate=1e-2,
        usual=(1e-4, 1e-3),
        example="王小明去年从北京大学毕业，现在在上海的中国银行工作。",
    ),
    "english": Pair(
        corpus=_USUAL.corpus,
        train_limit=_USUAL.train_limit,
        encoder=_USUAL.encoder,
        encoder_rate=_USUAL.encoder_rate,
        head_rate=_USUAL.head_rate,
        usual=(2e-5, 5e-5),
        example="Barack Obama flew to New York with @tim to see the Empire State Building",
    ),
}
FIRST = "chinese"  # what a lab starts with: it gives the better first minute (README, What was measured)


def rates_for(encoder: str) -> dict[str, float]:
    """The pair of rates to start with; those of the English one for an encoder that is in no pair."""
    pair = _pair_with(encoder)
    return {"encoder_rate": pair.encoder_rate, "head_rate": pair.head_rate}


def usual_rates(encoder: str) -> tuple[float, float]:
    """The lowest and the highest rate to try with an encoder."""
    return _pair_with(encoder).usual


def _pair_with(encoder: str) -> Pair:
    return next((pair for pair in PAIRS.values() if pair.encoder == encoder), PAIRS["english"])


def pair_of(config: RunConfig) -> Pair | None:
    """The pair whose corpus a run has, else that whose encoder it has; None where it has of neither."""
    by_corpus = [pair for pair in PAIRS.values() if pair.corpus == config.corpus]
    by_encoder = [pair for pair in PAIRS.values() if pair.encoder == config.encoder]
    return next(iter(by_corpus + by_encoder), None)
