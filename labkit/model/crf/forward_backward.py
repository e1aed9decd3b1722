"""Forward and backward sweeps over a linear chain, both in one loop, and the marginals that they give.

The sweeps run in probabilities, not in logarithms: a step is a small matrix product instead of a table of
exponentials (Rabiner 1989, "A tutorial on hidden Markov models", section V.A). Every step divides by the sum of the one
before, which is kept, so the numbers neither vanish nor overflow.

They run in float64, whose smallest numbers reach e^-708. Each word's scores are shifted so that the highest is 0, the
transition, start and end scores together likewise; whatever then lies below LOWEST is raised to it. So any emission
scores are exact, as long as transition, start and end scores lie within 300 of each other; transitions forbidden by
-1e4 or minus infinity are exact too wherever there is any allowed sequence less than 300 away from the best score.
"""

from typing import NamedTuple

import torch

LOWEST = -300.0


class Positions(NamedTuple):
    """Where the words that count stand. Masked steps are skipped, wherever they are: padding at the end, or holes.

    Nothing here asks the device for a value, which is why no row is cut: the slots after a row's last word read its
    first word again, and what is computed there is never used.
    """

    rank: torch.Tensor  # (words, batch) int64, how many words of the row come before this step; at least 0
    last: torch.Tensor  # (batch,) int64, the rank of the row's last word
    step: torch.Tensor  # (words, 2, batch) int64, the step of the row's n-th word, from the front and from the back
    column: torch.Tensor  # (batch,) int64, 0, 1, 2…


def compute_positions(mask: torch.Tensor) -> Positions:
    """The order of a mask (words, batch) of bool."""
    words, batch = mask.shape
    rank = mask.cumsum(0).sub_(1).clamp_(min=0)
    last = rank[-1]
    steps = torch.arange(words, device=mask.device).unsqueeze(1)
    slots = rank.new_zeros(words + 1, batch)  # the last one takes what is masked
    front = slots.scatter_(0, torch.where(mask, rank, words), steps.expand(words, batch))[:words]
    back = front.gather(0, (last - steps).clamp_(min=0))
    return Positions(rank, last, torch.stack((front, back), 1), torch.arange(batch, device=mask.device))


class Messages(NamedTuple):
    """What both sweeps leave, all in float64.

    `states[n, 0]` is, for the row's n-th word, the weight of all beginnings that end in a tag, this word's own weight
    included; `states[n, 1]` the same from the back, for the n-th word from the end. A state is divided by the sum of
    the one before it.
    """

    emission_factors: torch.Tensor  # (words, batch, tags), emission scores less the word's highest, as factors
    emission_max: torch.Tensor  # (words, batch, 1), that highest
    transition_factors: torch.Tensor  # (tags, tags), transition scores less `top`, as factors
    end_factors: torch.Tensor  # (tags,), end scores likewise
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
    """Sweeps over emission scores (words, batch, tags); from the front only where `directions` is 1."""
    words, batch, tags = emissions.shape
    scores = torch.cat((torch.stack((start, end)), transitions)).double()
    top = scores.max()
    factors = scores.sub_(top).clamp_(min=LOWEST).exp_()
    emitted = emissions.to(torch.promote_types(emissions.dtype, torch.float32))
    tops = emitted.amax(2, keepdim=True)
    weights = (emitted - tops).to(torch.float64, memory_format=torch.contiguous_format).contiguous()
    weights.clamp_(min=LOWEST).exp_()
    places = (positions.step[:, :directions] * batch + positions.column).flatten()
    ordered = weights.view(-1, tags).index_select(0, places).view(words, directions, batch, tags)
    states = ordered.transpose(2, 3).contiguous()
    states[0].mul_(factors[:directions].unsqueeze(2))
    _recurse(states, factors[2:])
    return Messages(weights, tops, factors[2:], factors[1], top, states, states.sum(2))


def _recurse(states: torch.Tensor, transition_factors: torch.Tensor) -> None:
    """Turns the weights in `states` (words, directions, tags, batch) into states; three operators a word.

    The batch comes last, so that sums over tags and the shared matrix's products run over whole rows of memory.
    """
    _, directions, tags, batch = states.shape
    steps = transition_factors.new_ones(directions, tags + 1, tags)  # the row of ones gives the sum to divide by
    steps[:, :tags] = torch.stack((transition_factors.t(), transition_factors))[:directions]
    reached = states.new_empty(directions, tags + 1, batch)
    arriving, total = reached[:, :tags], reached[:, tags:]
    before, *after = states.unbind()  # one operator, where indexing would be one a word
    for state in after:
        torch.bmm(steps, before, out=reached)
        arriving.div_(total)
        before = state.mul_(arriving)


def log_partition(messages: Messages, positions: Positions, mask: torch.Tensor) -> torch.Tensor:
    """The logarithm of the summed exponentials of all sequences' scores, (batch,) in float64."""
    words = mask.shape[0]
    divided = torch.arange(words, device=mask.device).unsqueeze(1) < positions.last
    final = (messages.states[:, 0][positions.last, :, positions.column] * messages.end_factors).sum(1)
    logs = final.log() + (messages.sums[:, 0].log() * divided).sum(0)
    return logs + (messages.emission_max.squeeze(2) * mask).sum(0) + (positions.last + 2) * messages.score_max


class Posteriors(NamedTuple):
    """What is known of each word from both sides; by step of the input, and of no meaning where it is masked."""

    marginals: torch.Tensor  # (words, batch, tags), each tag's probability
    backward: torch.Tensor  # (words, batch, tags), the weight of all endings that begin with a tag at this word
    forward: (
        torch.Tensor
    )  # (words - 1, batch, tags), the weight of all beginnings up to the word before, from word 2 on
    pair_scale: (
        torch.Tensor
    )  # (words - 1, batch, 1): before(i) × turns(i, j) × onward(j) × joint is a pair's probability


def compute_posteriors(messages: Messages, positions: Positions) -> Posteriors:
    """Marginals by the two sweeps. (Sutton and McCallum 2012, arXiv 1011.4088, section 4.1)"""
    words, _, tags, batch = messages.states.shape
    rows = messages.states.transpose(2, 3).reshape(-1, tags)
    here = positions.rank * (2 * batch) + positions.column
    mirrored = (positions.last - positions.rank) * (2 * batch) + (positions.column + batch)
    previous = ((positions.rank[1:] - 1).clamp_(min=0) * (2 * batch) + positions.column).flatten()
    onward = rows.index_select(0, mirrored.flatten()).view(words, batch, tags)
    probabilities = rows.index_select(0, here.flatten()).view(words, batch, tags)
    probabilities.div_(messages.emission_factors).mul_(onward)  # a word's own weight is in both sweeps
    total = probabilities.sum(2, keepdim=True)
    joint = (total[1:] * messages.sums.view(-1)[previous].view(-1, batch, 1)).reciprocal_()
    return Posteriors(probabilities.div_(total), onward, rows.index_select(0, previous).view(-1, batch, tags), joint)
