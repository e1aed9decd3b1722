"""The two halves of a BERT layer, each as one operator with its backward pass written out.

On a CPU, autograd's record of a layer costs as much as its matrix products: every cast, mask and addition is a pass
over memory and an operator of its own. Written out, the three projections are one product, residuals ride along in
products, and nothing is cast but weights. (Vaswani et al. 2017, sections 3.2 and 3.3; the order of operations is that
of Devlin et al. 2019: normalisation comes after each residual.)

Shapes: `rows` are a batch's pieces end to end (rows.py), `width` is the hidden size, `planes` sentences x heads,
`depth` width / heads. Spare rows have no gradient, and get none.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from labkit.model.flat import Gradient
from labkit.model.rows import Rows

_norm = torch.ops.aten.native_layer_norm
_norm_backward = torch.ops.aten.native_layer_norm_backward
_softmax_backward = torch.ops.aten._softmax_backward_data


class Weights(Protocol):
    """The weights of half a layer."""

    @property
    def work(self) -> Sequence[torch.Tensor]:
        """What to compute with: matrices and biases in the type of the rows, a normalisation's as they are."""

    def give(self, first: int, *gradients: Gradient) -> tuple[torch.Tensor, ...]:
        """Takes the gradients of `work` from this place on; returns what autograd is to get of them."""


class Attention(torch.autograd.Function):
    """normalise(x + dropout(project(attend(x)))), (rows, width) → (rows, width), or fewer rows where `places` says."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        places: torch.Tensor | None,
        bias: torch.Tensor | None,
        keep_weights: torch.Tensor | None,
        keep_output: torch.Tensor | None,
        pieces: Rows,
        asked: Rows,
        eps: float,
        weights: Weights,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        """`places` are the rows that are wanted, those of `asked` among those of `pieces`; None wants all of them.

        `bias` (planes, 1, columns) is added to scores, very negative at padding; masks as `Masks` draws them.
        `weights`: (3 x width, width) of query, key and value end to end, and their bias; those of the output; those
        of the normalisation.
        """
        projection, projection_bias, output, output_bias, gain, shift = weights.work
        width = x.shape[1]
        projected = F.linear(x, projection, projection_bias)
        query, key, value = pieces.split(projected, 3).unbind()
        before = x
        if places is not None:
            before = x.index_select(0, places)
            query = asked.split(projected[:, :width].index_select(0, places), 1)[0]
        scale = query.shape[2] ** -0.5
        if bias is None:
            scores = torch.bmm(query, key.transpose(1, 2)).mul_(scale)
        else:
            scores = torch.baddbmm(bias, query, key.transpose(1, 2), alpha=scale)
        wide = torch.promote_types(x.dtype, torch.float32)  # in bfloat16 a softmax is slower, at odd lengths thrice
        shares = torch.softmax(scores, -1, dtype=wide)
        kept = shares.to(x.dtype)  # masks are of x's type, and of two types a product costs a copy more
        if keep_weights is not None:
            kept = kept * keep_weights if kept is shares else kept.mul_(keep_weights)
        seen = asked.join(torch.bmm(kept, value)[None])
        out = F.linear(seen, output, output_bias)
        summed = before + out if keep_output is None else torch.addcmul(before, out, keep_output)
        normed, mean, deviation = _norm(summed, (width,), gain, shift, eps)
        ctx.save_for_backward(
            x, places, query, key, value, shares, kept, seen, summed, mean, deviation, keep_weights, keep_output
        )
        ctx.pieces, ctx.asked, ctx.weights = pieces, asked, weights
        return normed  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """A name with a line at its end is the gradient of what has that name in `forward`."""
        x, places, query, key, value, shares, kept, seen, summed, mean, deviation, keep_weights, keep_output = (
            ctx.saved_tensors
        )
        pieces, asked, weights = ctx.pieces, ctx.asked, ctx.weights
        projection, _, output, _, gain, shift = weights.work
        summed_, gain_, shift_ = _norm_backward(
            gradient.contiguous(), summed, (x.shape[1],), mean, deviation, gain, shift, (True, True, True)
        )
        out_ = summed_ if keep_output is None else summed_ * keep_output
        outer = weights.give(2, (out_.t(), seen), out_.sum(0), gain_, shift_)  # before x_ takes the place of summed_
        seen_ = asked.split(out_ @ output, 1)[0]
        shares_ = torch.bmm(seen_, value.transpose(1, 2))
        if keep_weights is not None:
            shares_ *= keep_weights
        scores_ = _softmax_backward(shares_.to(shares.dtype), shares, -1, shares.dtype)
        scores_ = scores_.mul_(query.shape[2] ** -0.5).to(x.dtype)
        planes_ = key.new_empty(3, *key.shape)
        torch.bmm(scores_.transpose(1, 2), query, out=planes_[1])
        torch.bmm(kept.transpose(1, 2), seen_, out=planes_[2])
        if places is None:
            torch.bmm(scores_, key, out=planes_[0])
            projected_ = pieces.join(planes_)
            x_ = summed_.addmm_(projected_, projection)
        else:
            query_ = asked.join(torch.bmm(scores_, key)[None])
            whole = torch.zeros_like(x).index_add_(0, places, query_)
            projected_ = torch.cat((whole, pieces.join(planes_[1:])), dim=1)
            x_ = (projected_ @ projection).index_add_(0, places, summed_)
        inner = weights.give(0, (projected_.t(), x), projected_.sum(0))
        return (x_, None, None, None, None, None, None, None, None, *inner, *outer)


class FeedForward(torch.autograd.Function):
    """normalise(x + dropout(contract(gelu(expand(x))))), (rows, width) → (rows, width)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        keep_output: torch.Tensor | None,
        eps: float,
        weights: Weights,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        """`weights`: weight and bias that expand, that contract, that normalise."""
        expand, expand_bias, contract, contract_bias, gain, shift = weights.work
        inner = F.linear(x, expand, expand_bias)
        active = F.gelu(inner)
        out = F.linear(active, contract, contract_bias)
        summed = x + out if keep_output is None else torch.addcmul(x, out, keep_output)
        normed, mean, deviation = _norm(summed, (x.shape[1],), gain, shift, eps)
        ctx.save_for_backward(x, inner, active, summed, mean, deviation, keep_output)
        ctx.weights = weights
        return normed  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, inner, active, summed, mean, deviation, keep_output = ctx.saved_tensors
        expand, _, contract, _, gain, shift = ctx.weights.work
        summed_, gain_, shift_ = _norm_backward(
            gradient.contiguous(), summed, (x.shape[1],), mean, deviation, gain, shift, (True, True, True)
        )
        out_ = summed_ if keep_output is None else summed_ * keep_output
        inner_ = torch.ops.aten.gelu_backward(out_ @ contract, inner)
        own = ctx.weights.give(0, (inner_.t(), x), inner_.sum(0), (out_.t(), active), out_.sum(0), gain_, shift_)
        x_ = summed_.addmm_(inner_, expand)  # last, as out_ may be summed_
        return (x_, None, None, None, *own)
