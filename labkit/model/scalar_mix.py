"""Scalar mix: a learned weighted mean of all layers of an encoder.

Lower layers know more of a word's form than the last.
"""

from collections.abc import Sequence

import torch
from torch import nn


class ScalarMix(nn.Module):
    """Weighted mean of layers, times a gain. (Peters et al. 2018, equation 1)

    The weights are a softmax of one score per layer. It begins as the plain mean. The embeddings are not mixed in.
    """

    def __init__(self, layers: int):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, layers: Sequence[torch.Tensor]) -> torch.Tensor:
        """Mix layers of (batch, words, width) into one, of the same type."""
        stacked = torch.stack(list(layers))
        weights = (torch.softmax(self.scores, 0) * self.gain).to(stacked.dtype)
        return torch.einsum("l,lbwd->bwd", weights, stacked)
