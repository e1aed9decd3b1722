"""A batch's pieces end to end as rows, without padding; and the same in planes, as attention needs them.

Linear layers, normalisation and dropout look at one piece at a time, so that padding only costs them. Attention looks
at a sentence at a time: it gets a plane a sentence and head, padded to the longest sentence. From one to the other
each value is copied once, by a list of places that all layers share.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable


class PackedBatch:
    """Where each piece of a batch stands: as a row, and in the planes.

    There is at least one spare row behind the real ones. Padding reads the first of them, so that what is there must be
    finite, and the gradient of all spare rows 0.

    Args:
        real: true where there is a piece, (batch, columns).
        grain: rows are filled up to a multiple of this.
        heads: of attention.

    Attributes:
        size: how many rows there are.
        count: how many of them are real, the first ones.
        slots: the place of each row in (batch, columns), taken as one dimension; 0 for spare ones, (size,).
        sources: the row of each place in (batch, columns), (batch x columns,).
    """

    def __init__(self, mask: torch.Tensor, row_multiple: int, heads: int):
        found = mask.flatten().nonzero()[:, 0]
        self.batch, self.padded_length = mask.shape
        self.heads = heads
        self.num_real_rows = len(found)
        self.num_rows = (self.num_real_rows // row_multiple + 1) * row_multiple
        self.padded_indices = found.new_zeros(self.num_rows)
        self.padded_indices[: self.num_real_rows] = found
        self.row_indices = found.new_full((mask.numel(),), self.num_real_rows)
        self.row_indices[found] = torch.arange(self.num_real_rows)
        self._places: dict[tuple[str, int], torch.Tensor] = {}  # of all that was split and joined, for the next layer

    def pack(self, values: torch.Tensor) -> torch.Tensor:
        """(batch, columns, width) → (rows, width)."""
        packed: torch.Tensor = _Pack.apply(values, self)  # type: ignore[no-untyped-call]
        return packed

    def unpack(self, rows: torch.Tensor) -> torch.Tensor:
        """(rows, width) → (batch, columns, width); what stands at padding means nothing, and takes no gradient."""
        unpacked: torch.Tensor = _Unpack.apply(rows, self)  # type: ignore[no-untyped-call]
        return unpacked

    def to_heads(self, rows: torch.Tensor, num_projections: int) -> torch.Tensor:
        """(rows, parts x width) → (parts, planes, columns, depth)."""
        depth = rows.shape[1] // (num_projections * self.heads)
        if ("split", num_projections) not in self._places:
            self._places["split", num_projections] = self._index_to_heads(num_projections)
        planes = rows.view(-1, depth).index_select(0, self._places["split", num_projections])
        return planes.view(num_projections, self.batch * self.heads, self.padded_length, depth)

    def from_heads(self, per_head: torch.Tensor) -> torch.Tensor:
        """(parts, planes, columns, depth) → (rows, parts x width), 0 in spare rows."""
        parts, depth = per_head.shape[0], per_head.shape[3]
        if ("join", parts) not in self._places:
            self._places["join", parts] = self._index_from_heads(parts)
        rows = per_head.view(-1, depth).index_select(0, self._places["join", parts]).view(self.num_rows, -1)
        rows[self.num_real_rows :] = 0
        return rows

    def _index_to_heads(self, num_projections: int) -> torch.Tensor:
        """Which depth of (rows, parts, heads) each of (parts, batch, heads, columns) is; int32 is quicker to go by."""
        lanes = torch.arange(num_projections * self.heads).view(num_projections, 1, self.heads, 1)
        places = self.row_indices.view(1, self.batch, 1, self.padded_length) * (num_projections * self.heads) + lanes
        return places.flatten().int()

    def _index_from_heads(self, num_projections: int) -> torch.Tensor:
        """Which depth of (parts, batch, heads, columns) each of (rows, parts, heads) is."""
        sentence, column = self.padded_indices // self.padded_length, self.padded_indices % self.padded_length
        plane = (torch.arange(num_projections)[:, None] * self.batch + sentence[:, None, None]) * self.heads
        places = (plane + torch.arange(self.heads)) * self.padded_length + column[:, None, None]
        return places.flatten().int()


class _Pack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, rows: PackedBatch) -> torch.Tensor:
        ctx.rows = rows
        return _gather_rows(values, rows.padded_indices)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows = ctx.rows
        return _gather_rows(gradient, rows.row_indices).view(rows.batch, rows.padded_length, -1), None


class _Unpack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, rows: PackedBatch) -> torch.Tensor:
        ctx.rows = rows
        return _gather_rows(values, rows.row_indices).view(rows.batch, rows.padded_length, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        packed = _gather_rows(gradient, ctx.rows.padded_indices)
        packed[ctx.rows.num_real_rows :] = 0
        return packed, None


def _gather_rows(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, values.shape[-1]).index_select(0, places)
