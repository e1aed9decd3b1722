"""Registry of downstream structures: the networks between encoder and tag scores.

A new structure costs a module of its own in this folder, a line in `DOWNSTREAM`, its name among the choices of
`downstream` in labkit/config.py, and its settings there and in head_config.py.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch

from labkit.model.bilstm import BiLSTM
from labkit.model.head_config import HeadConfig
from labkit.model.idcnn import IDCNN


class Downstream(Protocol):
    """Interface of a network over words; its classes are also nn.Modules."""

    output_size: int  # values of a word in the output

    def __call__(self, words: torch.Tensor, mask: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(batch, words, input size) → (batch, words, output size).

        Args:
            mask: (batch, words) bool, true for a word; words are a prefix of each row.
            lengths: words of each row, (batch,), each at least 1; the same fact on the CPU, where it costs no wait.
        """


class Structure(NamedTuple):
    """Registry entry of one downstream structure."""

    attribute: str  # of the Tagger, and so the prefix of its weights in every checkpoint
    build: Callable[[HeadConfig, int], Downstream]  # from settings, and the values of a word in the input


DOWNSTREAM: dict[str, Structure | None] = {
    "bilstm": Structure("lstm", lambda head, size: BiLSTM(size, head.lstm_size, head.lstm_layers, head.dropout)),
    "idcnn": Structure("idcnn", lambda head, size: IDCNN(size, head.idcnn_filters, head.dilations, head.idcnn_repeats)),
    "none": None,
}
