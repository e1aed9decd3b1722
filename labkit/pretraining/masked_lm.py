"""Masked language model: a BERT that predicts masked tokens, for training on a CPU."""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM

from labkit.model.fast.encoder import FastEncoder
from labkit.pretraining.masking import MaskedSequences


class MaskedLMScore(NamedTuple):
    """Sums over the masked tokens."""

    num_masked: int
    loss: float
    num_correct: int


class MaskedLM(nn.Module):
    """BERT whose last layer and head are computed at masked positions only.

    Args:
        config: the encoder's, with the dropout of pretraining.
        dtype: of the layers' computation; the loss is always in float32.
    """

    def __init__(self, config: BertConfig, dtype: torch.dtype):
        super().__init__()
        self.bert: Any = BertForMaskedLM(config)
        self.dtype = dtype
        self._fast_encoder = FastEncoder(self.bert.bert)

    def forward(self, masked: MaskedSequences) -> torch.Tensor:
        """Mean negative log likelihood of the masked tokens, a scalar in float32."""
        return F.cross_entropy(self._scores(masked), torch.from_numpy(masked.targets).flatten())

    @torch.no_grad()
    def score(self, masked: MaskedSequences) -> MaskedLMScore:
        """Sums loss and correct guesses over the masked tokens."""
        scores, targets = self._scores(masked), torch.from_numpy(masked.targets).flatten()
        loss = F.cross_entropy(scores, targets, reduction="sum")
        num_correct = (scores.argmax(-1) == targets).sum()  # never equal where IGNORED
        return MaskedLMScore(int(masked.is_target.sum()), float(loss), int(num_correct))

    def _scores(self, masked: MaskedSequences) -> torch.Tensor:
        """Scores at the chosen positions, (sequences * chosen, vocabulary) in float32."""
        tokens = torch.from_numpy(masked.tokens)
        embedded = self.bert.bert.embeddings(input_ids=tokens)
        positions = torch.from_numpy(masked.positions)
        all_chosen = torch.ones_like(positions, dtype=torch.bool)
        (vectors,) = self._fast_encoder(
            embedded, torch.ones_like(tokens), positions, all_chosen, self.training, self.dtype
        )
        head = self.bert.cls.predictions
        with torch.autocast("cpu", dtype=self.dtype, enabled=self.dtype != torch.float32):
            scores: torch.Tensor = head.decoder(head.transform(vectors.flatten(0, 1)))
        return scores.float()
