"""The two halves of a BERT layer, each as one operator with its backward pass written out.

On a CPU, autograd's record of a layer costs as much as its matrix products: every cast, mask and addition is a pass
over memory and an operator of its own. Written out, the three projections are one product, residuals ride along in
products, and nothing is cast but weights. (Vaswani et al. 2017, sections 3.2 and 3.3; the order of operations is that
of Devlin et al. 2019: normalisation comes after each residual.)

Shapes: `rows` is batch x pieces, `width` the hidden size, `planes` is batch x heads, `depth` is width / heads.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_norm = torch.ops.aten.native_layer_norm
_norm_backward = torch.ops.aten.native_layer_norm_backward
_softmax_backward = torch.ops.aten._softmax_backward_data


@dataclass(frozen=True)
class Shape:
    """How rows come apart into sentences and heads."""

    batch: int
    pieces: int
    heads: int
    depth: int

    @property
    def planes(self) -> int:
        return self.batch * self.heads

    def split(self, rows: torch.Tensor) -> torch.Tensor:
        """(rows, n x width) → (n, planes, pieces, depth)."""
        apart = rows.view(self.batch, self.pieces, -1, self.heads, self.depth).permute(2, 0, 3, 1, 4)
        return apart.reshape(-1, self.planes, self.pieces, self.depth)

    def join(self, *planes: torch.Tensor) -> torch.Tensor:
        """n times (planes, pieces, depth) → (rows, n x width)."""
        rows = planes[0].new_empty(self.batch, self.pieces, len(planes), self.heads, self.depth)
        for place, plane in enumerate(planes):
            rows[:, :, place] = plane.view(self.batch, self.heads, self.pieces, self.depth).transpose(1, 2)
        return rows.view(self.batch * self.pieces, -1)


class Attention(torch.autograd.Function):
    """normalise(x + dropout(project(attend(x)))), (rows, width) → (rows, width)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        bias: torch.Tensor | None,
        keep_weights: torch.Tensor | None,
        keep_output: torch.Tensor | None,
        shape: Shape,
        eps: float,
        work: tuple[torch.Tensor, ...],
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        """`bias` (planes, pieces, pieces) is added to scores, very negative at padding; masks as `Masks` draws them.

        `work` holds (3 x width, width) and (3 x width) for query, key and value, (width, width) and (width) for the
        output, in x's type, then the normalisation's weight and bias. `parameters` are what gradients go to:
        weights of query, key, value, then their biases, then the four others.
        """
        projection, projection_bias, output, output_bias, gain, shift = work
        query, key, value = shape.split(F.linear(x, projection, projection_bias)).unbind()
        scale = shape.depth**-0.5
        if bias is None:
            scores = torch.bmm(query, key.transpose(1, 2)).mul_(scale)
        else:
            scores = torch.baddbmm(bias, query, key.transpose(1, 2), alpha=scale)
        wide = torch.promote_types(x.dtype, torch.float32)  # in bfloat16 a softmax is slower, at odd lengths thrice
        weights = torch.softmax(scores, -1, dtype=wide)
        kept = (weights if keep_weights is None else weights * keep_weights).to(x.dtype)
        seen = shape.join(torch.bmm(kept, value))
        out = F.linear(seen, output, output_bias)
        summed = x + out if keep_output is None else torch.addcmul(x, out, keep_output)
        normed, mean, deviation = _norm(summed, (x.shape[1],), gain, shift, eps)
        ctx.save_for_backward(
            x, query, key, value, weights, kept, seen, summed, mean, deviation, keep_weights, keep_output
        )
        ctx.shape, ctx.work = shape, work
        return normed  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, query, key, value, weights, kept, seen, summed, mean, deviation, keep_weights, keep_output = (
            ctx.saved_tensors
        )
        shape, (projection, _, output, _, gain, shift) = ctx.shape, ctx.work
        summed_, gain_, shift_ = _norm_backward(
            gradient.contiguous(), summed, (x.shape[1],), mean, deviation, gain, shift, (True, True, True)
        )
        out_ = summed_ if keep_output is None else summed_ * keep_output
        seen_ = shape.split(out_ @ output)[0]
        weights_ = torch.bmm(seen_, value.transpose(1, 2)).to(weights.dtype)
        if keep_weights is not None:
            weights_ *= keep_weights
        scores_ = _softmax_backward(weights_, weights, -1, weights.dtype).mul_(shape.depth**-0.5).to(x.dtype)
        value_ = torch.bmm(kept.transpose(1, 2), seen_)
        projected_ = shape.join(torch.bmm(scores_, key), torch.bmm(scores_.transpose(1, 2), query), value_)
        x_ = torch.addmm(summed_, projected_, projection) if ctx.needs_input_grad[0] else None
        by_weight, by_bias = (projected_.t() @ x).chunk(3), projected_.sum(0).chunk(3)
        own = (*by_weight, *by_bias, out_.t() @ seen, out_.sum(0), gain_, shift_)
        return (x_, None, None, None, None, None, None, *own)


class FeedForward(torch.autograd.Function):
    """normalise(x + dropout(contract(gelu(expand(x))))), (rows, width) → (rows, width)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        keep_output: torch.Tensor | None,
        eps: float,
        work: tuple[torch.Tensor, ...],
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        """`work` and `parameters` alike: weight and bias that expand, that contract, that normalise."""
        expand, expand_bias, contract, contract_bias, gain, shift = work
        inner = F.linear(x, expand, expand_bias)
        active = F.gelu(inner)
        out = F.linear(active, contract, contract_bias)
        summed = x + out if keep_output is None else torch.addcmul(x, out, keep_output)
        normed, mean, deviation = _norm(summed, (x.shape[1],), gain, shift, eps)
        ctx.save_for_backward(x, inner, active, summed, mean, deviation, keep_output)
        ctx.work = work
        return normed  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, inner, active, summed, mean, deviation, keep_output = ctx.saved_tensors
        expand, _, contract, _, gain, shift = ctx.work
        summed_, gain_, shift_ = _norm_backward(
            gradient.contiguous(), summed, (x.shape[1],), mean, deviation, gain, shift, (True, True, True)
        )
        out_ = summed_ if keep_output is None else summed_ * keep_output
        inner_ = torch.ops.aten.gelu_backward(out_ @ contract, inner)
        x_ = torch.addmm(summed_, inner_, expand)
        own = (inner_.t() @ x, inner_.sum(0), out_.t() @ active, out_.sum(0), gain_, shift_)
        return (x_, None, None, None, *own)
