"""Packed (unpadded, varlen) batches: all tokens end to end as rows, without padding.

Linear layers, normalisation and dropout work token by token, so padding would only cost time there. Attention works
sentence by sentence: it gets one padded matrix per sentence and head. Between the two layouts each value is copied
once, by an index that all layers share.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable


class PackedBatch:
    """Index between the packed rows of a batch and its padded layouts.

    Behind the real rows there is at least one spare row. Padding reads the first of them, so its values must be finite,
    and the gradient of all spare rows 0.

    Args:
        mask: (batch, columns) bool, true for a token.
        row_multiple: the number of rows is a multiple of this.
        heads: of attention.

    Attributes:
        padded_length: columns of the padded layout.
        num_rows: number of rows, spare ones included.
        num_real_rows: number of rows that hold a token; these come first.
        padded_indices: (num_rows,), index of each row in (batch x columns); 0 for spare rows.
        row_indices: (batch x columns,), the row of each index; the first spare row for padding.
    """

    def __init__(self, mask: torch.Tensor, row_multiple: int, heads: int):
        token_indices = mask.flatten().nonzero()[:, 0]
        self.batch, self.padded_length = mask.shape
        self.heads = heads
        self.num_real_rows = len(token_indices)
        self.num_rows = (self.num_real_rows // row_multiple + 1) * row_multiple
        self.padded_indices = token_indices.new_zeros(self.num_rows)
        self.padded_indices[: self.num_real_rows] = token_indices
        self.row_indices = token_indices.new_full((mask.numel(),), self.num_real_rows)
        self.row_indices[token_indices] = torch.arange(self.num_real_rows)
        self._indices: dict[tuple[str, int], torch.Tensor] = {}  # of both directions, for the next layer

    def pack(self, values: torch.Tensor) -> torch.Tensor:
        """Pack padded values: (batch, columns, width) → (rows, width)."""
        packed: torch.Tensor = _Pack.apply(values, self)  # type: ignore[no-untyped-call]
        return packed

    def unpack(self, rows: torch.Tensor) -> torch.Tensor:
        """Pad packed rows again: (rows, width) → (batch, columns, width).

        Values at padding mean nothing, and get no gradient.
        """
        unpacked: torch.Tensor = _Unpack.apply(rows, self)  # type: ignore[no-untyped-call]
        return unpacked

    def to_heads(self, rows: torch.Tensor, num_projections: int) -> torch.Tensor:
        """Split packed rows into heads, padded.

        (rows, projections x width) → (projections, batch x heads, columns, width / heads).
        """
        head_size = rows.shape[1] // (num_projections * self.heads)
        if ("to heads", num_projections) not in self._indices:
            self._indices["to heads", num_projections] = self._index_to_heads(num_projections)
        per_head = rows.view(-1, head_size).index_select(0, self._indices["to heads", num_projections])
        return per_head.view(num_projections, self.batch * self.heads, self.padded_length, head_size)

    def from_heads(self, per_head: torch.Tensor) -> torch.Tensor:
        """Merge heads into packed rows; the inverse of `to_heads`.

        Spare rows are 0.
        """
        num_projections, head_size = per_head.shape[0], per_head.shape[3]
        if ("from heads", num_projections) not in self._indices:
            self._indices["from heads", num_projections] = self._index_from_heads(num_projections)
        index = self._indices["from heads", num_projections]
        rows = per_head.view(-1, head_size).index_select(0, index).view(self.num_rows, -1)
        rows[self.num_real_rows :] = 0
        return rows

    def _index_to_heads(self, num_projections: int) -> torch.Tensor:
        """Index into (rows, projections, heads) of each (projection, sentence, head, column)."""
        lanes = torch.arange(num_projections * self.heads).view(num_projections, 1, self.heads, 1)
        index = self.row_indices.view(1, self.batch, 1, self.padded_length) * (num_projections * self.heads) + lanes
        return index.flatten().int()  # int32 indices are faster

    def _index_from_heads(self, num_projections: int) -> torch.Tensor:
        """Index into (projections, batch, heads, columns) of each (row, projection, head)."""
        sentence, column = self.padded_indices // self.padded_length, self.padded_indices % self.padded_length
        first_head = (torch.arange(num_projections)[:, None] * self.batch + sentence[:, None, None]) * self.heads
        index = (first_head + torch.arange(self.heads)) * self.padded_length + column[:, None, None]
        return index.flatten().int()


class _Pack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, packing: PackedBatch) -> torch.Tensor:
        ctx.packing = packing
        return _gather_rows(values, packing.padded_indices)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        packing = ctx.packing
        return _gather_rows(gradient, packing.row_indices).view(packing.batch, packing.padded_length, -1), None


class _Unpack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, packing: PackedBatch) -> torch.Tensor:
        ctx.packing = packing
        return _gather_rows(values, packing.row_indices).view(packing.batch, packing.padded_length, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        packed = _gather_rows(gradient, ctx.packing.padded_indices)
        packed[ctx.packing.num_real_rows :] = 0
        return packed, None


def _gather_rows(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, values.shape[-1]).index_select(0, index)
