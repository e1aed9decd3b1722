"""The masked language model: an encoder, and what guesses the hidden tokens from its vectors."""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM

from labkit.model.fast.dropout import DropoutMasks
from labkit.model.fast.encoder import FastEncoder
from labkit.pretraining.masking import MaskedSequences

_IGNORE_INDEX = -100  # what torch's cross entropy leaves out


class MaskedLMScore(NamedTuple):
    """Sums over the hidden tokens."""

    num_masked: int
    loss: float
    num_correct: int


class MaskedLM(nn.Module):
    """A BERT whose last layer, and whose guess, are computed at the chosen places only.

    Args:
        config: what the encoder is to be; its dropout is what pretraining uses.
        dtype: what the layers compute in; the loss is in float32 whatever it is.
    """

    def __init__(self, config: BertConfig, dtype: torch.dtype):
        super().__init__()
        self.bert: Any = BertForMaskedLM(config)
        self.dtype = dtype
        self._stack = FastEncoder(self.bert.bert, DropoutMasks())

    def forward(self, masked: MaskedSequences) -> torch.Tensor:
        """The mean negative log likelihood of the hidden tokens, a scalar in float32."""
        return F.cross_entropy(self._scores(masked), _targets(masked))

    @torch.no_grad()
    def score(self, masked: MaskedSequences) -> MaskedLMScore:
        """How well the hidden tokens are guessed."""
        scores, targets = self._scores(masked), _targets(masked)
        loss = F.cross_entropy(scores, targets, reduction="sum")
        right = (scores.argmax(-1) == targets).sum()  # never where it is not counted
        return MaskedLMScore(int(masked.is_target.sum()), float(loss), int(right))

    def _scores(self, masked: MaskedSequences) -> torch.Tensor:
        """(sequences x chosen, vocabulary) in float32."""
        tokens = torch.from_numpy(masked.tokens)
        embedded = self.bert.bert.embeddings(input_ids=tokens)
        places = torch.from_numpy(masked.positions)
        every = (torch.ones_like(tokens), places, torch.ones_like(places, dtype=torch.bool))
        vectors = self._stack(embedded, *every, self.training, self.dtype)
        head = self.bert.cls.predictions
        with torch.autocast("cpu", dtype=self.dtype, enabled=self.dtype != torch.float32):
            scores: torch.Tensor = head.decoder(head.transform(vectors.flatten(0, 1)))
        return scores.float()


def _targets(masked: MaskedSequences) -> torch.Tensor:
    hidden = torch.from_numpy(masked.is_target)
    return torch.from_numpy(masked.targets).masked_fill(~hidden, _IGNORE_INDEX).flatten()
