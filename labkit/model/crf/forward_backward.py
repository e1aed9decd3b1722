"""Forward-backward algorithm over a linear chain, both directions in one loop.

Messages are probabilities, not logarithms: a step is a small matrix product instead of a table of exponentials
(Rabiner 1989, "A tutorial on hidden Markov models", section V.A). Every step divides by the sum of the step before,
which is kept, so the numbers neither vanish nor overflow.

They are float64, whose smallest numbers reach e^-708. Each word's scores are shifted so that the highest is 0, and so
are the transition, start and end scores together; values below LOWEST are then raised to it. So any emission scores are
exact, as long as transition, start and end scores lie within 300 of each other. Transitions forbidden by -1e4 or minus
infinity are exact too wherever there is an allowed sequence less than 300 away from the best score.
"""

from typing import NamedTuple

import torch

LOWEST = -300.0


class Positions(NamedTuple):
    """Positions of the unmasked words of a batch.

    Masked steps are skipped wherever they are: padding at the end, or holes. Nothing here asks the device for a value,
    so no row is shortened: the slots after a row's last word read its first word again, and what is computed there is
    never used.
    """

    rank: torch.Tensor  # (words, batch) int64, number of the row's words before this step; at least 0
    last: torch.Tensor  # (batch,) int64, the rank of the row's last word
    step: torch.Tensor  # (words, 2, batch) int64, the step of the row's n-th word, from the front and from the back
    column: torch.Tensor  # (batch,) int64, 0, 1, 2…


def compute_positions(mask: torch.Tensor) -> Positions:
    """Compute the positions of a bool mask, (words, batch)."""
    words, batch = mask.shape
    rank = mask.cumsum(0).sub_(1).clamp_(min=0)
    last = rank[-1]
    steps = torch.arange(words, device=mask.device).unsqueeze(1)
    slots = rank.new_zeros(words + 1, batch)  # the last one receives all masked steps
    front = slots.scatter_(0, torch.where(mask, rank, words), steps.expand(words, batch))[:words]
    back = front.gather(0, (last - steps).clamp_(min=0))
    return Positions(rank, last, torch.stack((front, back), 1), torch.arange(batch, device=mask.device))


class Messages(NamedTuple):
    """Forward and backward messages, all in float64.

    `states[n, 0]` is the forward message (alpha) of the row's n-th word: by tag, the weight of all prefixes that end in
    it, this word's own weight included. `states[n, 1]` is the backward message (beta) of the n-th word from the end,
    which includes that word's own weight too. A state is divided by the sum of the one before it.
    """

    emission_factors: torch.Tensor  # (words, batch, tags), exp(emission scores - emission_max)
    emission_max: torch.Tensor  # (words, batch, 1), the word's highest emission score
    transition_factors: torch.Tensor  # (tags, tags), exp(transition scores - score_max)
    end_factors: torch.Tensor  # (tags,), exp(end scores - score_max)
    score_max: torch.Tensor  # (), the highest of transition, start and end scores
    states: torch.Tensor  # (words, directions, tags, batch)
    sums: torch.Tensor  # (words, directions, batch), the states' sums


def forward_backward(
    emissions: torch.Tensor,
    positions: Positions,
    start: torch.Tensor,
    transitions: torch.Tensor,
    end: torch.Tensor,
    directions: int = 2,
) -> Messages:
    """Compute the messages of emission scores (words, batch, tags).

    Args:
        start, transitions, end: scores, (tags,), (tags, tags) from row to column, (tags,).
        directions: 2, or 1 for the forward messages only.
    """
    words, batch, tags = emissions.shape
    scores = torch.cat((torch.stack((start, end)), transitions)).double()
    score_max = scores.max()
    factors = scores.sub_(score_max).clamp_(min=LOWEST).exp_()
    emissions = emissions.to(torch.promote_types(emissions.dtype, torch.float32))
    emission_max = emissions.amax(2, keepdim=True)
    emission_factors = (emissions - emission_max).to(torch.float64, memory_format=torch.contiguous_format).contiguous()
    emission_factors.clamp_(min=LOWEST).exp_()
    index = (positions.step[:, :directions] * batch + positions.column).flatten()
    ordered = emission_factors.view(-1, tags).index_select(0, index).view(words, directions, batch, tags)
    states = ordered.transpose(2, 3).contiguous()
    states[0].mul_(factors[:directions].unsqueeze(2))
    _recurse(states, factors[2:])
    return Messages(emission_factors, emission_max, factors[2:], factors[1], score_max, states, states.sum(2))


def _recurse(states: torch.Tensor, transition_factors: torch.Tensor) -> None:
    """Turn emission factors into messages in place, by three operators a word.

    The batch is the last dimension, so that sums over tags and the shared matrix's products run over whole rows of
    memory.

    Args:
        states: (words, directions, tags, batch).
    """
    _, directions, tags, batch = states.shape
    steps = transition_factors.new_ones(directions, tags + 1, tags)  # the row of ones gives the sum to divide by
    steps[:, :tags] = torch.stack((transition_factors.t(), transition_factors))[:directions]
    product = states.new_empty(directions, tags + 1, batch)
    incoming, total = product[:, :tags], product[:, tags:]
    before, *after = states.unbind()  # one operator, where indexing would be one a word
    for state in after:
        torch.bmm(steps, before, out=product)
        incoming.div_(total)
        before = state.mul_(incoming)


def log_partition(messages: Messages, positions: Positions, mask: torch.Tensor) -> torch.Tensor:
    """Log partition function: log-sum-exp of all sequences' scores, (batch,) in float64."""
    words = mask.shape[0]
    is_divisor = torch.arange(words, device=mask.device).unsqueeze(1) < positions.last  # all sums but a row's last
    final = (messages.states[:, 0][positions.last, :, positions.column] * messages.end_factors).sum(1)
    logs = final.log() + (messages.sums[:, 0].log() * is_divisor).sum(0)
    return logs + (messages.emission_max.squeeze(2) * mask).sum(0) + (positions.last + 2) * messages.score_max


class Posteriors(NamedTuple):
    """Posterior probabilities by step of the input; meaningless where masked.

    The probability that tag i at the word before is followed by tag j is
    `forward[i] * transition_factors[i, j] * backward[j] * pair_scale`.
    """

    marginals: torch.Tensor  # (words, batch, tags), each tag's probability
    backward: torch.Tensor  # (words, batch, tags), the backward message of this word
    forward: torch.Tensor  # (words - 1, batch, tags), the forward message of the word before, from the second word on
    pair_scale: torch.Tensor  # (words - 1, batch, 1), see above


def compute_posteriors(messages: Messages, positions: Positions) -> Posteriors:
    """Compute marginals from both messages.

    Sutton and McCallum 2012, arXiv 1011.4088, section 4.1.
    """
    words, _, tags, batch = messages.states.shape
    rows = messages.states.transpose(2, 3).reshape(-1, tags)
    here = positions.rank * (2 * batch) + positions.column
    mirrored = (positions.last - positions.rank) * (2 * batch) + (positions.column + batch)
    previous = ((positions.rank[1:] - 1).clamp_(min=0) * (2 * batch) + positions.column).flatten()
    backward = rows.index_select(0, mirrored.flatten()).view(words, batch, tags)
    marginals = rows.index_select(0, here.flatten()).view(words, batch, tags)
    marginals.div_(messages.emission_factors).mul_(backward)  # a word's own weight is in both messages
    total = marginals.sum(2, keepdim=True)
    pair_scale = (total[1:] * messages.sums.view(-1)[previous].view(-1, batch, 1)).reciprocal_()
    forward = rows.index_select(0, previous).view(-1, batch, tags)
    return Posteriors(marginals.div_(total), backward, forward, pair_scale)
