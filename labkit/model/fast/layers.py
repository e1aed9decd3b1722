"""Fused BERT layers with hand-written backward passes.

All layers are one autograd function. On a CPU, autograd's record of a layer costs as much as its matrix products: every
cast, mask and addition is a pass over memory and an operator of its own. Written by hand, the three projections are one
product, residuals are added within products, and only weights are cast. (Vaswani et al. 2017, sections 3.2 and 3.3; the
order of operations is that of Devlin et al. 2019: normalisation comes after each residual.)

Shapes: `rows` are a packed batch's tokens (packing.py), `width` is the hidden size, `planes` sentences x heads. Spare
rows have no gradient, and get none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from labkit.model.fast.packing import PackedBatch

_norm = torch.ops.aten.native_layer_norm
_norm_backward = torch.ops.aten.native_layer_norm_backward
_softmax_backward = torch.ops.aten._softmax_backward_data


# Weight and bias of two linear layers in the type of the rows, then those of a normalisation in their own.
Weights = Sequence[torch.Tensor]
SavedTensors = tuple[torch.Tensor, ...]  # of a forward pass, for its backward pass


class HalfLayer(Protocol):
    """Interface of half a layer, applied to one batch."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, SavedTensors]:
        """Transform rows: (rows, width) → (rows, width)."""

    def backward(self, saved: SavedTensors, gradient: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return the gradient of `x`, and those of the weights, of query, key and value each."""


@dataclass(frozen=True)
class Attention:
    """Attention half: normalise(x + dropout(project(attend(x)))), (rows, width).

    The output has only the rows of `query_rows`, where they are given.

    Attributes:
        weights: (3 x width, width) of query, key and value end to end, and their bias; weight and bias of the output;
            those of the normalisation.
        tokens: packing of the input's rows.
        queries: packing of the output's rows.
        query_rows: the row of `tokens` of each row of `queries`; None if both are the same.
        bias: (planes, 1, columns), added to scores, very negative at padding.
        attention_dropout_mask, output_dropout_mask: from DropoutMasks; None drops nothing.
    """

    weights: Weights
    eps: float
    tokens: PackedBatch
    queries: PackedBatch
    query_rows: torch.Tensor | None
    bias: torch.Tensor | None
    attention_dropout_mask: torch.Tensor | None
    output_dropout_mask: torch.Tensor | None

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, SavedTensors]:
        projection, projection_bias, output, output_bias, gain, shift = self.weights
        width = x.shape[1]
        projected = F.linear(x, projection, projection_bias)
        query, key, value = self.tokens.to_heads(projected, 3).unbind()
        before = x
        if self.query_rows is not None:
            before = x.index_select(0, self.query_rows)
            query = self.queries.to_heads(projected[:, :width].index_select(0, self.query_rows), 1)[0]
        scale = query.shape[2] ** -0.5
        if self.bias is None:
            scores = torch.bmm(query, key.transpose(1, 2)).mul_(scale)
        else:
            scores = torch.baddbmm(self.bias, query, key.transpose(1, 2), alpha=scale)
        wide = torch.promote_types(
            x.dtype, torch.float32
        )  # in bfloat16 a softmax is slower, at odd lengths three times
        shares = torch.softmax(scores, -1, dtype=wide)
        kept = shares.to(x.dtype)  # masks are of x's type; a product of two types costs an extra copy
        if self.attention_dropout_mask is not None:
            kept = kept * self.attention_dropout_mask if kept is shares else kept.mul_(self.attention_dropout_mask)
        seen = self.queries.from_heads(torch.bmm(kept, value)[None])
        out = F.linear(seen, output, output_bias)
        mask = self.output_dropout_mask
        summed = before + out if mask is None else torch.addcmul(before, out, mask)
        normed, mean, deviation = _norm(summed, (width,), gain, shift, self.eps)
        return normed, (x, query, key, value, shares, kept, seen, summed, mean, deviation)

    def backward(self, saved: SavedTensors, gradient: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return gradients as `HalfLayer.backward` does.

        `name_` is the gradient of `name` in `forward`.
        """
        x, query, key, value, shares, kept, seen, summed, mean, deviation = saved
        projection, _, output, _, gain, shift = self.weights
        summed_, gain_, shift_ = _norm_backward(
            gradient, summed, (x.shape[1],), mean, deviation, gain, shift, (True, True, True)
        )
        out_ = summed_ if self.output_dropout_mask is None else summed_ * self.output_dropout_mask
        outer = (out_.t() @ seen, out_.sum(0), gain_, shift_)  # before x_ overwrites summed_
        seen_ = self.queries.to_heads(out_ @ output, 1)[0]
        shares_ = torch.bmm(seen_, value.transpose(1, 2))
        if self.attention_dropout_mask is not None:
            shares_ *= self.attention_dropout_mask
        scores_ = _softmax_backward(shares_.to(shares.dtype), shares, -1, shares.dtype)
        scores_ = scores_.mul_(query.shape[2] ** -0.5).to(x.dtype)
        planes_ = key.new_empty(3, *key.shape)
        torch.bmm(scores_.transpose(1, 2), query, out=planes_[1])
        torch.bmm(kept.transpose(1, 2), seen_, out=planes_[2])
        if self.query_rows is None:
            torch.bmm(scores_, key, out=planes_[0])
            projected_ = self.tokens.from_heads(planes_)
            x_ = summed_.addmm_(projected_, projection)
        else:
            query_ = self.queries.from_heads(torch.bmm(scores_, key)[None])
            whole = torch.zeros_like(x).index_add_(0, self.query_rows, query_)
            projected_ = torch.cat((whole, self.tokens.from_heads(planes_[1:])), dim=1)
            x_ = (projected_ @ projection).index_add_(0, self.query_rows, summed_)
        return x_, (*(projected_.t() @ x).chunk(3), *projected_.sum(0).chunk(3), *outer)


@dataclass(frozen=True)
class FeedForward:
    """Feed-forward half: normalise(x + dropout(contract(gelu(expand(x))))), (rows, width).

    Attributes:
        weights: weight and bias of expansion, contraction and normalisation.
        output_dropout_mask: from DropoutMasks; None drops nothing.
    """

    weights: Weights
    eps: float
    output_dropout_mask: torch.Tensor | None

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, SavedTensors]:
        expand, expand_bias, contract, contract_bias, gain, shift = self.weights
        inner = F.linear(x, expand, expand_bias)
        active = F.gelu(inner)
        out = F.linear(active, contract, contract_bias)
        summed = x + out if self.output_dropout_mask is None else torch.addcmul(x, out, self.output_dropout_mask)
        normed, mean, deviation = _norm(summed, (x.shape[1],), gain, shift, self.eps)
        return normed, (x, inner, active, summed, mean, deviation)

    def backward(self, saved: SavedTensors, gradient: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        x, inner, active, summed, mean, deviation = saved
        expand, _, contract, _, gain, shift = self.weights
        summed_, gain_, shift_ = _norm_backward(
            gradient, summed, (x.shape[1],), mean, deviation, gain, shift, (True, True, True)
        )
        out_ = summed_ if self.output_dropout_mask is None else summed_ * self.output_dropout_mask
        inner_ = torch.ops.aten.gelu_backward(out_ @ contract, inner)
        own = (inner_.t() @ x, inner_.sum(0), out_.t() @ active, out_.sum(0), gain_, shift_)
        return summed_.addmm_(inner_, expand), own  # last, as out_ may be summed_


class FusedLayers(torch.autograd.Function):
    """All half layers as one autograd function.

    One function each would cost autograd some 50 µs a step.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        halves: Sequence[HalfLayer],
        word_rows: torch.Tensor | None,
        *parameters: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Compute `forward_layers`, and save what the backward pass needs.

        Args:
            parameters: those of all halves, for autograd.
        """
        saved: list[SavedTensors] = []
        outputs = forward_layers(x, halves, word_rows, saved)
        ctx.halves, ctx.word_rows, ctx.counts = halves, word_rows, [len(tensors) for tensors in saved]
        ctx.save_for_backward(*(tensor for tensors in saved for tensor in tensors))
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        saved, end = ctx.saved_tensors, sum(ctx.counts)
        *earlier, gradient = gradients
        gradient = gradient.contiguous()
        by_half: list[tuple[torch.Tensor, ...]] = []
        for number in reversed(range(len(ctx.halves))):
            start = end - ctx.counts[number]
            gradient, own = ctx.halves[number].backward(saved[start:end], gradient)
            by_half.append(own)
            end = start
            if earlier and number and number % 2 == 0:
                gradient.index_add_(0, ctx.word_rows, earlier.pop())
        return (gradient, None, None, *(tensor for own in reversed(by_half) for tensor in own))


def forward_layers(
    x: torch.Tensor,
    halves: Sequence[HalfLayer],
    word_rows: torch.Tensor | None,
    saved: list[SavedTensors] | None = None,
) -> list[torch.Tensor]:
    """Apply half layers one after another, without autograd.

    Args:
        halves: two per layer.
        word_rows: rows of the words' first tokens; None leaves out the outputs of earlier layers.
        saved: if given, the tensors of each half for its backward pass are appended.

    Returns:
        `word_rows` of the output of every layer but the last, and all of the last layer's output.
    """
    earlier = []
    for number, half in enumerate(halves):
        if word_rows is not None and number and number % 2 == 0:
            earlier.append(x.index_select(0, word_rows))
        x, tensors = half.forward(x)
        if saved is not None:
            saved.append(tensors)
        del tensors  # or they would live on through the next half
    return [*earlier, x]
