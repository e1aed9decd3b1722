"""The log likelihood of tag sequences, and its gradient in closed form.

A gradient is what was seen less what was expected: a tag's gradient is 1 where it stands less its probability there, a
transition's is how often it occurs less how often it is expected to (Lafferty et al. 2001, section 3.1). So the two
sweeps are enough, and no loop is recorded and replayed.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from labkit.model.crf.forward_backward import (
    Messages,
    Positions,
    compute_positions,
    compute_posteriors,
    forward_backward,
    log_partition,
)


def log_likelihood(
    emissions: torch.Tensor,
    tags: torch.Tensor,
    mask: torch.Tensor,
    start: torch.Tensor,
    transitions: torch.Tensor,
    end: torch.Tensor,
) -> torch.Tensor:
    """The log likelihood of each row's tags, (batch,), differentiable once.

    Where nothing asks for a gradient, only one of the two sweeps is made.

    Args:
        emissions: scores, (words, batch, tags).
        tags: (words, batch) int64.
        mask: (words, batch) bool; the first step is on in every row.
        start, transitions, end: scores, (tags,), (tags, tags) from row to column, (tags,).
    """
    scores = (emissions, start, transitions, end)
    if torch.is_grad_enabled() and any(each.requires_grad for each in scores):
        given = (emissions, tags, mask, start, transitions, end)
        likelihood: torch.Tensor = _LogLikelihood.apply(*given)  # type: ignore[no-untyped-call]
    else:
        order = compute_positions(mask)
        sweeps = forward_backward(emissions, order, start, transitions, end, directions=1)
        likelihood = _score(emissions, tags, mask, start, transitions, end, order) - log_partition(sweeps, order, mask)
    return likelihood.to(torch.promote_types(emissions.dtype, transitions.dtype))


class _LogLikelihood(torch.autograd.Function):
    """All between inputs and results is made in inference mode: a sixth of the time went into being ready to record.

    Tensors made in that mode may not leave, so the results are copies.
    """

    @staticmethod
    def forward(
        ctx: Any,
        emissions: torch.Tensor,
        tags: torch.Tensor,
        mask: torch.Tensor,
        start: torch.Tensor,
        transitions: torch.Tensor,
        end: torch.Tensor,
    ) -> torch.Tensor:
        with torch.inference_mode():
            order = compute_positions(mask)
            sweeps = forward_backward(emissions, order, start, transitions, end)
            score = _score(emissions, tags, mask, start, transitions, end, order)
            likelihood = score - log_partition(sweeps, order, mask)
        ctx.save_for_backward(tags, mask)
        ctx.order, ctx.sweeps = order, sweeps
        ctx.types = (emissions.dtype, None, None, start.dtype, transitions.dtype, end.dtype)
        return likelihood.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        tags, mask = ctx.saved_tensors
        with torch.inference_mode():
            gradients = _observed_minus_expected(slope * mask, tags, ctx.order, ctx.sweeps)
        both = zip(gradients, ctx.types, strict=True)
        return tuple(None if each is None else each.to(kind, copy=True) for each, kind in both)


def _score(
    emissions: torch.Tensor,
    tags: torch.Tensor,
    mask: torch.Tensor,
    start: torch.Tensor,
    transitions: torch.Tensor,
    end: torch.Tensor,
    positions: Positions,
) -> torch.Tensor:
    """The scores of the given tags, (batch,) in float64, as pytorch-crf adds them up, holes in the mask included."""
    steps = torch.arange(len(tags), device=tags.device).unsqueeze(1)
    emitted = (emissions[steps, positions.column, tags].double() * mask).sum(0)
    moved = (transitions[tags[:-1], tags[1:]].double() * mask[1:]).sum(0)
    return emitted + moved + start[tags[0]] + end[tags[positions.last, positions.column]]


def _observed_minus_expected(
    slope: torch.Tensor, tags: torch.Tensor, positions: Positions, messages: Messages
) -> tuple[torch.Tensor | None, ...]:
    """The gradients, in float64 and in the order of `_LogLikelihood.forward`.

    Args:
        slope: (words, batch), each row's gradient where a word counts, 0 where it is masked.
    """
    steps = torch.arange(len(tags), device=tags.device).unsqueeze(1)
    known = compute_posteriors(messages, positions)
    emissions = known.marginals.mul_(slope.neg().unsqueeze(2))
    start = emissions[0].sum(0)
    end = emissions[positions.step[0, 1], positions.column].sum(0)  # the first from the back is the row's last word
    weighed = known.backward[1:].mul_(known.pair_scale).mul_(slope[1:].unsqueeze(2)).flatten(0, 1)
    transitions = (known.forward.flatten(0, 1).t() @ weighed).mul_(messages.transition_factors).neg_()
    emissions.index_put_((steps, positions.column, tags), slope, accumulate=True)
    start.index_put_((tags[0],), slope[0], accumulate=True)
    end.index_put_((tags[positions.last, positions.column],), slope[0], accumulate=True)
    transitions.index_put_((tags[:-1], tags[1:]), slope[1:], accumulate=True)
    return emissions, None, None, start, transitions, end
