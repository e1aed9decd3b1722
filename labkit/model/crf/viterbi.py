"""Batched Viterbi decoding.

It asks the device for no value, so it never waits for a GPU.
"""

import torch

from labkit.model.crf.forward_backward import compute_positions


@torch.inference_mode()
def viterbi_decode(
    emissions: torch.Tensor, mask: torch.Tensor, start: torch.Tensor, transitions: torch.Tensor, end: torch.Tensor
) -> torch.Tensor:
    """Find the best tag sequence of each row by the Viterbi algorithm.

    Viterbi 1967; Forney 1973. Here it runs from both ends to the middle at once. That halves the loop, and with it the
    number of operators: the two halves of a sequence meet in its best pair of neighbours, and each half is then
    followed outwards. After its last word a row has one more tag, "ended", so that rows of all lengths are one
    rectangle without a mask.

    Args:
        emissions: scores, (words, batch, tags).
        mask: (words, batch) bool; masked steps are skipped, wherever they are.
        start, transitions, end: scores, (tags,), (tags, tags) from row to column, (tags,); minus infinity forbids.

    Returns:
        (batch, slots) int64, slots > words: a row's tags in order, then the tag "ended", whose number is `tags`.
    """
    tags = emissions.shape[2]
    states = _stack_halves(emissions, mask, start)
    links = states.new_full((tags + 1, tags + 1), -torch.inf)  # from row to column; only "ended" follows "ended"
    links[:tags, :tags] = transitions
    links[:tags, tags] = end
    links[tags, tags] = 0
    _recurse(states, torch.stack((links.t(), links)))
    best = _backtrack(states.transpose(2, 3).contiguous(), links)
    return torch.cat((best[:, 0], best[:, 1].flip(0))).t()


def _stack_halves(emissions: torch.Tensor, mask: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """Stack scores of the first half and of the reversed second half.

    Returns:
        (half, 2, tags + 1, batch).
    """
    words, batch, tags = emissions.shape
    positions = compute_positions(mask)
    index = positions.step[:, 0] * batch + positions.column
    scores = emissions.to(torch.promote_types(emissions.dtype, start.dtype)).reshape(-1, tags)
    scores = scores.index_select(0, index.flatten()).view(words, batch, tags)
    ended = (torch.arange(words, device=mask.device).unsqueeze(1) > positions.last).unsqueeze(2)
    slots = scores.new_full((words // 2 * 2 + 2, batch, tags + 1), -torch.inf)  # an even number, the last one "ended"
    slots[:words, :, :tags] = scores.masked_fill_(ended, -torch.inf)
    slots[words:, :, tags] = 0
    slots[:words, :, tags:].masked_fill_(ended, 0)
    slots[0, :, :tags] += start
    first, second = slots.transpose(1, 2).chunk(2)
    return torch.stack((first, second.flip(0)), 1)


def _recurse(states: torch.Tensor, links: torch.Tensor) -> None:
    """Add the best path's score to each score, in place.

    Paths begin at the ends; three operators for two words. Backpointers are not kept: a maximum without its index is
    several times faster.

    Args:
        states: (half, 2, tags + 1, batch).
        links: (2, tags + 1, tags + 1), to row from column, for the path from the front and from the back.
    """
    _, _, tags, batch = states.shape
    # (from, 2, to, 1): a maximum over the first dimension is fastest
    steps = links.permute(2, 0, 1).unsqueeze(3).contiguous()
    sums = states.new_empty(tags, 2, tags, batch)
    largest = states.new_empty(2, tags, batch)
    befores = states.transpose(1, 2).unsqueeze(3).unbind()  # one operator, where indexing would be one a word
    for before, state in zip(befores[:-1], states.unbind()[1:], strict=True):
        torch.add(steps, before, out=sums)
        torch.amax(sums, 0, out=largest)
        state.add_(largest)


def _backtrack(states: torch.Tensor, links: torch.Tensor) -> torch.Tensor:
    """Trace the best tags from the middle outwards.

    The tag before is searched for the tags of the best sequence alone.

    Args:
        states: (half, 2, batch, tags + 1).
        links: (tags + 1, tags + 1), from row to column.

    Returns:
        (half, 2, batch) int64.
    """
    half, _, batch, tags = states.shape
    best = torch.empty(half, 2 * batch, dtype=torch.int64, device=states.device)
    *tags_before, meeting = best.unbind()
    pairs = states[-1, 0].unsqueeze(2) + links + states[-1, 1].unsqueeze(1)
    middle = pairs.flatten(1).argmax(1)
    torch.cat((middle // tags, middle % tags), out=meeting)
    tables = torch.cat((links.t(), links))  # the first half looks back, the second ahead
    table = torch.arange(2, device=states.device).mul_(tags).repeat_interleave(batch, output_size=2 * batch)
    rows, sums = torch.empty_like(table), states.new_empty(2 * batch, tags)
    following = meeting
    for state, tag in zip(reversed(states[:-1].flatten(1, 2).unbind()), reversed(tags_before), strict=True):
        torch.add(following, table, out=rows)
        torch.index_select(tables, 0, rows, out=sums)
        torch.argmax(sums.add_(state), 1, out=tag)
        following = tag
    return best.view(half, 2, batch)
