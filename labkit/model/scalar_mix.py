"""A learned weighted mix of all layers of an encoder, as lower ones know more of a word's form than the last."""

from collections.abc import Sequence

import torch
from torch import nn


class ScalarMix(nn.Module):
    """gain x the weighted mean of the layers, the weights a softmax of as many scores. (Peters et al. 2018, equation 1)

    Begins as the plain mean. The embeddings, which are no layer, have no part in it.
    """

    def __init__(self, layers: int):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, layers: Sequence[torch.Tensor]) -> torch.Tensor:
        """Each (batch, words, width) → (batch, words, width), of the same type."""
        stacked = torch.stack(list(layers))
        shares = (torch.softmax(self.scores, 0) * self.gain).to(stacked.dtype)
        return torch.einsum("l,lbwd->bwd", shares, stacked)
