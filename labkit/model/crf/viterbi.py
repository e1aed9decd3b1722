"""The best tag sequence of every row of a batch, without asking the device for a single value."""

import torch

from labkit.model.crf.forward_backward import compute_positions


@torch.inference_mode()
def viterbi_decode(
    emissions: torch.Tensor, mask: torch.Tensor, start: torch.Tensor, transitions: torch.Tensor, end: torch.Tensor
) -> torch.Tensor:
    """The Viterbi algorithm (Viterbi 1967; Forney 1973), from both ends to the middle at once.

    That halves the loop, and with it the number of operators; the two halves of a sequence meet in its best pair of
    neighbours, and each is then followed outwards. A row that has ended has one more tag, "ended", so that rows of all
    lengths are one rectangle without a mask.

    Args:
        emissions: scores, (words, batch, tags).
        mask: (words, batch) bool; masked steps are skipped, wherever they are.
        start, transitions, end: scores, (tags,), (tags, tags) from row to column, (tags,); minus infinity forbids.

    Returns:
        (batch, slots) int64, slots > words: a row's tags in order, then the number "ended", which is `tags`.
    """
    tags = emissions.shape[2]
    states = _stack_halves(emissions, mask, start)
    links = states.new_full((tags + 1, tags + 1), -torch.inf)  # from row to column; nothing follows on "ended" but it
    links[:tags, :tags] = transitions
    links[:tags, tags] = end
    links[tags, tags] = 0
    _recurse(states, torch.stack((links.t(), links)))
    best = _backtrack(states.transpose(2, 3).contiguous(), links)
    return torch.cat((best[:, 0], best[:, 1].flip(0))).t()


def _stack_halves(emissions: torch.Tensor, mask: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """(half, 2, tags + 1, batch): the scores of the first half, and of the second half from its end."""
    words, batch, tags = emissions.shape
    order = compute_positions(mask)
    places = order.step[:, 0] * batch + order.column
    emitted = emissions.to(torch.promote_types(emissions.dtype, start.dtype)).reshape(-1, tags)
    emitted = emitted.index_select(0, places.flatten()).view(words, batch, tags)
    ended = (torch.arange(words, device=mask.device).unsqueeze(1) > order.last).unsqueeze(2)
    slots = emitted.new_full((words // 2 * 2 + 2, batch, tags + 1), -torch.inf)  # an even number, the last one "ended"
    slots[:words, :, :tags] = emitted.masked_fill_(ended, -torch.inf)
    slots[words:, :, tags] = 0
    slots[:words, :, tags:].masked_fill_(ended, 0)
    slots[0, :, :tags] += start
    first, second = slots.transpose(1, 2).chunk(2)
    return torch.stack((first, second.flip(0)), 1)


def _recurse(states: torch.Tensor, links: torch.Tensor) -> None:
    """Adds to each score in `states` that of the best way there from its end; three operators for two words.

    Which tag that way came from is not noted: finding the largest sum alone is several times faster.

    Args:
        states: (half, 2, tags + 1, batch).
        links: (2, tags + 1, tags + 1), to row from column, for the way from the front and from the back.
    """
    _, _, tags, batch = states.shape
    turns = (
        links.permute(2, 0, 1).unsqueeze(3).contiguous()
    )  # (from, 2, to, 1): the largest over the slowest is fastest
    sums = states.new_empty(tags, 2, tags, batch)
    largest = states.new_empty(2, tags, batch)
    befores = states.transpose(1, 2).unsqueeze(3).unbind()  # one operator, where indexing would be one a word
    for before, state in zip(befores[:-1], states.unbind()[1:], strict=True):
        torch.add(turns, before, out=sums)
        torch.amax(sums, 0, out=largest)
        state.add_(largest)


def _backtrack(states: torch.Tensor, links: torch.Tensor) -> torch.Tensor:
    """(half, 2, batch): the best tags, from the middle outwards, looked up for the best sequence's tags alone.

    Args:
        states: (half, 2, batch, tags + 1).
        links: (tags + 1, tags + 1), from row to column.
    """
    half, _, batch, tags = states.shape
    best = torch.empty(half, 2 * batch, dtype=torch.int64, device=states.device)
    *tags_before, meeting = best.unbind()
    pairs = states[-1, 0].unsqueeze(2) + links + states[-1, 1].unsqueeze(1)
    middle = pairs.flatten(1).argmax(1)
    torch.cat((middle // tags, middle % tags), out=meeting)
    tables = torch.cat((links.t(), links))  # from the first half's tags one looks back, from the second's ahead
    table = torch.arange(2, device=states.device).mul_(tags).repeat_interleave(batch, output_size=2 * batch)
    rows, sums = torch.empty_like(table), states.new_empty(2 * batch, tags)
    following = meeting
    for state, tag in zip(reversed(states[:-1].flatten(1, 2).unbind()), reversed(tags_before), strict=True):
        torch.add(following, table, out=rows)
        torch.index_select(tables, 0, rows, out=sums)
        torch.argmax(sums.add_(state), 1, out=tag)
        following = tag
    return best.view(half, 2, batch)
