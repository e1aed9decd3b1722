"""A batch's pieces end to end as rows, without padding; and the same in planes, as attention needs them.

Linear layers, normalisation and dropout look at one piece at a time, so that padding only costs them. Attention looks
at a sentence at a time: it gets a plane a sentence and head, padded to the longest sentence. From one to the other
each value is copied once, by a list of places that all layers share.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable


class Rows:
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

    def __init__(self, real: torch.Tensor, grain: int, heads: int):
        found = real.flatten().nonzero()[:, 0]
        self.batch, self.columns = real.shape
        self.heads = heads
        self.count = len(found)
        self.size = (self.count // grain + 1) * grain
        self.slots = found.new_zeros(self.size)
        self.slots[: self.count] = found
        self.sources = found.new_full((real.numel(),), self.count)
        self.sources[found] = torch.arange(self.count)
        self._places: dict[tuple[str, int], torch.Tensor] = {}  # of all that was split and joined, for the next layer

    def pack(self, values: torch.Tensor) -> torch.Tensor:
        """(batch, columns, width) → (rows, width)."""
        packed: torch.Tensor = _Pack.apply(values, self)  # type: ignore[no-untyped-call]
        return packed

    def unpack(self, rows: torch.Tensor) -> torch.Tensor:
        """(rows, width) → (batch, columns, width); what stands at padding means nothing, and takes no gradient."""
        unpacked: torch.Tensor = _Unpack.apply(rows, self)  # type: ignore[no-untyped-call]
        return unpacked

    def split(self, rows: torch.Tensor, parts: int) -> torch.Tensor:
        """(rows, parts x width) → (parts, planes, columns, depth)."""
        depth = rows.shape[1] // (parts * self.heads)
        if ("split", parts) not in self._places:
            self._places["split", parts] = self._find_split(parts)
        planes = rows.view(-1, depth).index_select(0, self._places["split", parts])
        return planes.view(parts, self.batch * self.heads, self.columns, depth)

    def join(self, planes: torch.Tensor) -> torch.Tensor:
        """(parts, planes, columns, depth) → (rows, parts x width), 0 in spare rows."""
        parts, depth = planes.shape[0], planes.shape[3]
        if ("join", parts) not in self._places:
            self._places["join", parts] = self._find_join(parts)
        rows = planes.view(-1, depth).index_select(0, self._places["join", parts]).view(self.size, -1)
        rows[self.count :] = 0
        return rows

    def _find_split(self, parts: int) -> torch.Tensor:
        """Which depth of (rows, parts, heads) each of (parts, batch, heads, columns) is; int32 is quicker to go by."""
        lanes = torch.arange(parts * self.heads).view(parts, 1, self.heads, 1)
        places = self.sources.view(1, self.batch, 1, self.columns) * (parts * self.heads) + lanes
        return places.flatten().int()

    def _find_join(self, parts: int) -> torch.Tensor:
        """Which depth of (parts, batch, heads, columns) each of (rows, parts, heads) is."""
        sentence, column = self.slots // self.columns, self.slots % self.columns
        plane = (torch.arange(parts)[:, None] * self.batch + sentence[:, None, None]) * self.heads
        places = (plane + torch.arange(self.heads)) * self.columns + column[:, None, None]
        return places.flatten().int()


class _Pack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, rows: Rows) -> torch.Tensor:
        ctx.rows = rows
        return _take(values, rows.slots)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows = ctx.rows
        return _take(gradient, rows.sources).view(rows.batch, rows.columns, -1), None


class _Unpack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, rows: Rows) -> torch.Tensor:
        ctx.rows = rows
        return _take(values, rows.sources).view(rows.batch, rows.columns, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        packed = _take(gradient, ctx.rows.slots)
        packed[ctx.rows.count :] = 0
        return packed, None


def _take(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, values.shape[-1]).index_select(0, places)
