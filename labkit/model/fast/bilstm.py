"""Bidirectional LSTM over sentences of different lengths, fast on a CPU too.

On a CPU, torch's LSTM over a packed sequence steps through time with small operators: a tenth of a training step.
Over padded batches oneDNN runs a whole direction as one operator, three times as fast. Padding must still be neither
read nor written, so the backward direction reads each sentence reversed, which puts padding last in both directions.
"""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from labkit.model.bilstm import BiLSTM


class FastBiLSTM(BiLSTM):
    """BiLSTM over padded batches on a CPU; on a GPU, over packed sequences without a wait."""

    def forward(  # type: ignore[override]
        self, words: torch.Tensor, mask: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        if words.device.type != "cpu":
            return self._forward_packed(words, lengths)
        batch, count, _ = words.shape
        steps = torch.arange(count)
        order = torch.where(mask, lengths[:, None] - 1 - steps, steps) + torch.arange(batch)[:, None] * count
        order = order.flatten().int()  # int32 indices are faster
        for layer in range(self.num_layers):
            if layer and self.dropout:
                words = nn.functional.dropout(words, self.dropout, self.training)
            forth = self._forward_direction(words, 2 * layer)
            back = _reverse_words(self._forward_direction(_reverse_words(words, order), 2 * layer + 1), order)
            words = torch.cat((forth, back), dim=-1)
        return words * mask[:, :, None]

    def _forward_packed(self, words: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Run torch's LSTM over a packed sequence, with cuDNN on a GPU.

        Sorted here, on the CPU: torch sorts on the device, and waits for it to restore the order.
        """
        order = lengths.argsort(descending=True, stable=True)
        cuda = words.device.type == "cuda"  # elsewhere it would have to wait for the copies (pytorch issue 189690)
        sort, unsort = (index.to(words.device, non_blocking=cuda) for index in (order, order.argsort()))
        packed = pack_padded_sequence(words.index_select(0, sort), lengths[order], batch_first=True)
        out = pad_packed_sequence(nn.LSTM.forward(self, packed)[0], batch_first=True, total_length=words.shape[1])[0]
        return out.index_select(0, unsort)

    def _forward_direction(self, words: torch.Tensor, direction: int) -> torch.Tensor:
        """Run one direction of one layer.

        Computes in float32 where oneDNN has no LSTM of the type that autocast asks for.
        """
        if torch.is_autocast_enabled("cpu") and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            with torch.autocast("cpu", enabled=False):
                return self._forward_direction(words.float(), direction).to(torch.get_autocast_dtype("cpu"))
        weights: Any = self.all_weights[direction]
        start = words.new_zeros(1, len(words), self.hidden_size)
        return torch._VF.lstm(words, (start, start), weights, True, 1, 0.0, self.training, False, True)[0]


class _Reversal(torch.autograd.Function):
    """Reordering of words by a permutation that is its own inverse.

    So the gradient is reordered by the same permutation.
    """

    @staticmethod
    def forward(ctx: Any, words: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
        ctx.order = order
        return _gather_words(words, order)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _gather_words(gradient, ctx.order), None


def _reverse_words(words: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Reorder (batch, words, width) by `order`, (batch x words,)."""
    reversed_words: torch.Tensor = _Reversal.apply(words, order)  # type: ignore[no-untyped-call]
    return reversed_words


def _gather_words(words: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    return words.reshape(-1, words.shape[-1]).index_select(0, order).view(words.shape)
