"""Statistics of a split: tag entropies, unknown tokens, cut entities."""

from collections.abc import Sequence

import numpy as np

from labkit.data.windows import Array, Windows


def tag_entropy(windows: Windows) -> float:
    """Entropy of the tags in nats per word: the loss of predicting tag frequencies for every word."""
    return _entropy(np.bincount(windows.tags)) / max(windows.num_words, 1)


def conditional_tag_entropy(windows: Windows) -> float:
    """Entropy of a tag given the one before, in nats per word: a loss that transition scores alone can reach.

    The first word of a sentence has the sentence's start before it. Where windows cut a sentence plays no part.
    """
    tags = windows.tags.astype(np.int64) + 1
    before = np.roll(tags, 1)
    before[windows.sentence_offsets[:-1]] = 0
    size = int(tags.max(initial=0)) + 1
    pairs = np.bincount(before * size + tags, minlength=size * size)
    return (_entropy(pairs) - _entropy(np.bincount(before))) / max(windows.num_words, 1)


def unknown_token_share(windows: Windows, unk_token_id: int, num_special: int) -> float:
    """Share of the tokens that are the unknown one, from 0 to 1.

    Args:
        num_special: special tokens of each window, which do not count.
    """
    tokens = len(windows.input_ids) - num_special * len(windows)
    return int(np.count_nonzero(windows.input_ids == unk_token_id)) / max(tokens, 1)


def cut_entity_share(windows: Windows, tags: Sequence[str]) -> float:
    """Share of the entities that lie in more than one window, from 0 to 1.

    Args:
        tags: name of each tag id, in BIO. An `I-` that continues no entity begins one.
    """
    types = np.unique([tag[2:] for tag in tags], return_inverse=True)[1][windows.tags]
    inside = np.array([tag.startswith("I-") for tag in tags])[windows.tags]
    outside = np.array([tag == "O" for tag in tags])[windows.tags]
    continues = inside & (types == np.roll(types, 1)) & ~np.roll(outside, 1)
    continues[windows.sentence_offsets[:-1]] = False
    number = np.cumsum(~outside & ~continues)  # of each word's entity, from 1
    window_starts = windows.word_offsets[:-1]
    cut = np.unique(number[window_starts[continues[window_starts]]])
    return len(cut) / max(int(number[-1:].sum()), 1)


def _entropy(counts: Array) -> float:
    """Sum of -count · log(count / sum): the entropy of these counts times their sum."""
    counts = counts[counts > 0]
    return float(counts.sum() * np.log(max(counts.sum(), 1)) - (counts * np.log(counts)).sum())
