"""Log likelihood of tag sequences, and its gradient in closed form.

The gradient is observed minus expected counts: a tag's is 1 where it is the given one, minus its probability there; a
transition's is its number of occurrences minus the expected number (Lafferty et al. 2001, section 3.1). So forward and
backward messages are enough, and autograd records no loop.
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
    """Log likelihood of each row's tags, (batch,), differentiable once.

    Where no gradient is needed, only the forward messages are computed.

    Args:
        emissions: scores, (words, batch, tags).
        tags: (words, batch) int64.
        mask: (words, batch) bool; true at the first step of every row.
        start, transitions, end: scores, (tags,), (tags, tags) from row to column, (tags,).
    """
    scores = (emissions, start, transitions, end)
    if torch.is_grad_enabled() and any(score.requires_grad for score in scores):
        inputs = (emissions, tags, mask, start, transitions, end)
        likelihood: torch.Tensor = _LogLikelihood.apply(*inputs)  # type: ignore[no-untyped-call]
    else:
        positions = compute_positions(mask)
        messages = forward_backward(emissions, positions, start, transitions, end, directions=1)
        score = _score(emissions, tags, mask, start, transitions, end, positions)
        likelihood = score - log_partition(messages, positions, mask)
    return likelihood.to(torch.promote_types(emissions.dtype, transitions.dtype))


class _LogLikelihood(torch.autograd.Function):
    """Autograd function of the log likelihood, computed in inference mode.

    Outside it, a sixth of the time went into preparing autograd's record. Tensors made in inference mode may not leave,
    so the results are copies.
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
            positions = compute_positions(mask)
            messages = forward_backward(emissions, positions, start, transitions, end)
            score = _score(emissions, tags, mask, start, transitions, end, positions)
            likelihood = score - log_partition(messages, positions, mask)
        ctx.save_for_backward(tags, mask)
        ctx.positions, ctx.messages = positions, messages
        ctx.types = (emissions.dtype, None, None, start.dtype, transitions.dtype, end.dtype)
        return likelihood.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        tags, mask = ctx.saved_tensors
        with torch.inference_mode():
            gradients = _observed_minus_expected(slope * mask, tags, ctx.positions, ctx.messages)
        pairs = zip(gradients, ctx.types, strict=True)
        return tuple(None if gradient is None else gradient.to(dtype, copy=True) for gradient, dtype in pairs)


def _score(
    emissions: torch.Tensor,
    tags: torch.Tensor,
    mask: torch.Tensor,
    start: torch.Tensor,
    transitions: torch.Tensor,
    end: torch.Tensor,
    positions: Positions,
) -> torch.Tensor:
    """Score the given tags, (batch,) in float64.

    Terms are summed as pytorch-crf sums them, also where the mask has holes.
    """
    steps = torch.arange(len(tags), device=tags.device).unsqueeze(1)
    emission_score = (emissions[steps, positions.column, tags].double() * mask).sum(0)
    transition_score = (transitions[tags[:-1], tags[1:]].double() * mask[1:]).sum(0)
    return emission_score + transition_score + start[tags[0]] + end[tags[positions.last, positions.column]]


def _observed_minus_expected(
    slope: torch.Tensor, tags: torch.Tensor, positions: Positions, messages: Messages
) -> tuple[torch.Tensor | None, ...]:
    """Compute the gradients of `_LogLikelihood.forward`'s inputs, in float64.

    Args:
        slope: (words, batch), each row's gradient where a word counts, 0 where it is masked.
    """
    steps = torch.arange(len(tags), device=tags.device).unsqueeze(1)
    posteriors = compute_posteriors(messages, positions)
    emissions = posteriors.marginals.mul_(slope.neg().unsqueeze(2))
    start = emissions[0].sum(0)
    end = emissions[positions.step[0, 1], positions.column].sum(0)  # the first from the back is the row's last word
    backward = posteriors.backward[1:].mul_(posteriors.pair_scale).mul_(slope[1:].unsqueeze(2)).flatten(0, 1)
    transitions = (posteriors.forward.flatten(0, 1).t() @ backward).mul_(messages.transition_factors).neg_()
    emissions.index_put_((steps, positions.column, tags), slope, accumulate=True)
    start.index_put_((tags[0],), slope[0], accumulate=True)
    end.index_put_((tags[positions.last, positions.column],), slope[0], accumulate=True)
    transitions.index_put_((tags[:-1], tags[1:]), slope[1:], accumulate=True)
    return emissions, None, None, start, transitions, end
