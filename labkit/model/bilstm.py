"""Bidirectional LSTM over sentences of different lengths."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class BiLSTM(nn.LSTM):
    """torch's LSTM over packed sequences, bidirectional and batch first.

    It computes in float32: torch has no LSTM in bfloat16 on most CPUs.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0):
        between = dropout if num_layers > 1 else 0.0
        super().__init__(input_size, hidden_size, num_layers, batch_first=True, dropout=between, bidirectional=True)
        self.output_size = 2 * hidden_size

    def forward(  # type: ignore[override]
        self, words: torch.Tensor, mask: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        """(batch, words, input_size) → (batch, words, 2 x hidden_size); 0 at padding.

        Args:
            mask: (batch, words) bool, true for a word.
            lengths: words of each row, (batch,), on the CPU, each at least 1.
        """
        packed = pack_padded_sequence(words.float(), lengths, batch_first=True, enforce_sorted=False)
        with torch.autocast(words.device.type, enabled=False):
            output = super().forward(packed)[0]
        return pad_packed_sequence(output, batch_first=True, total_length=words.shape[1])[0]
