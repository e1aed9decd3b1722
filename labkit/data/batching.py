"""Length bucketing and token budgets: batches of windows of similar length.

Batches of similar length need less padding. A batch is an array of window indices. Each function takes the windows'
lengths in tokens, and every window is in exactly one batch. The number of batches never depends on the random order, so
schedules can be planned in advance.
"""

from itertools import pairwise

import numpy as np

from labkit.data.windows import Array

BUCKET_BATCHES = 64  # batches of a stretch that is sorted by length
# The columns of a padded batch are a multiple of this. oneDNN generates code for every new shape and keeps it: for all
# lengths that occur that took a CPU 16 ms in each of the first 120 steps, and 400 MiB. It costs 5 % more padding, which
# on a CPU only attention and the head compute on.
PAD_TO_MULTIPLE_OF = 4
ROUND_TO = 8  # tokens; windows whose lengths round up to the same multiple of it are shuffled among each other
MAX_SWAPS = 8  # swaps of windows per batch, to bring its tokens to the number that is computed anyway


def epoch_batches(
    token_counts: Array,
    word_counts: Array,
    batch_size: int,
    token_budget: int,
    rng: np.random.Generator,
    row_multiple: int = 1,
) -> list[Array]:
    """Batches of one epoch, in random order.

    Args:
        batch_size: windows per batch; used if `token_budget` is 0.
        row_multiple: multiple that the tokens of a batch, and one more, are brought close to; 1 for any number.
    """
    return (
        token_budget_batches(token_counts, token_budget, rng)
        if token_budget
        else bucket_batches(token_counts, word_counts, batch_size, rng, row_multiple)
    )


def count_batches(token_counts: Array, batch_size: int, token_budget: int) -> int:
    """Number of batches per epoch."""
    return (
        len(_find_batch_starts(_round_up(np.sort(token_counts)[::-1], ROUND_TO), token_budget))
        if token_budget
        else -(-len(token_counts) // batch_size)
    )


def bucket_batches(
    token_counts: Array, word_counts: Array, batch_size: int, rng: np.random.Generator, row_multiple: int = 1
) -> list[Array]:
    """Random batches of windows of similar length, in another order every epoch.

    Shuffles everything, sorts by length within stretches of BUCKET_BATCHES batches, and shuffles the batches. Windows
    that are padded to the same number of tokens are sorted by their words, as the head computes on the padding of
    words: of WNUT 2016 that is 12 %, and 33 % with tokens alone.
    (The idea is Khomenko et al. 2016, arXiv 1708.05604; a fully sorted order would tie a step to a length.)
    """
    order = rng.permutation(len(token_counts))
    padded = _round_up(token_counts, PAD_TO_MULTIPLE_OF)
    batches: list[Array] = []
    for start in range(0, len(order), batch_size * BUCKET_BATCHES):
        stretch = order[start : start + batch_size * BUCKET_BATCHES]
        stretch = stretch[np.lexsort((word_counts[stretch], padded[stretch]))]
        bucket = [stretch[begin : begin + batch_size] for begin in range(0, len(stretch), batch_size)]
        for batch, following in pairwise(bucket):
            _balance(batch, following, token_counts, (word_counts, padded), row_multiple)
        batches += bucket
    return _shuffle(batches, rng)


def _balance(
    batch: Array, following: Array, token_counts: Array, padded: tuple[Array, Array], row_multiple: int
) -> None:
    """Swaps windows between two batches, towards a multiple of tokens.

    They come, with one more, close to the nearest multiple of `row_multiple`: batches grow as often as they shrink, and
    lengths stay similar. The gain of a swap is the number of tokens by which it comes closer,
    less all by which it lengthens the longest window of either batch, in any of `padded`.
    """
    for _ in range(MAX_SWAPS):
        spare = (-1 - int(token_counts[batch].sum())) % row_multiple
        missing = spare if spare <= row_multiple // 2 else spare - row_multiple
        if not missing:
            break
        costs = np.abs(missing - (token_counts[following] - token_counts[batch][:, None]))
        for counts in padded:
            here, there = counts[batch], counts[following]
            costs = costs + np.maximum(0, there - here.max()) + np.maximum(0, here - there.max())[:, None]
        mine, other = np.unravel_index(costs.argmin(), costs.shape)
        if costs[mine, other] >= abs(missing):
            break
        batch[mine], following[other] = following[other], batch[mine]


def token_budget_batches(token_counts: Array, token_budget: int, rng: np.random.Generator) -> list[Array]:
    """Random batches of similar length, each of at most `token_budget` padded tokens.

    A window that is longer is a batch of its own. Lengths are rounded up to ROUND_TO and sorted, equal ones shuffled:
    so the sorted lengths, and the points where batches begin, are the same every epoch.
    """
    order = rng.permutation(len(token_counts))
    rounded = _round_up(token_counts, ROUND_TO)
    order = order[np.argsort(-rounded[order], kind="stable")]
    starts = _find_batch_starts(rounded[order], token_budget)
    return _shuffle(np.split(order, starts[1:]) if starts else [], rng)


def sorted_batches(token_counts: Array, token_budget: int = 2048) -> list[Array]:
    """Batches for evaluation, longest windows first, of at most `token_budget` padded tokens.

    In evaluation order and size of batches do not matter. (On two CPU cores 1024, 2048 and 4096 are equally fast, and
    4096 takes 180 MiB more.)
    """
    order = np.argsort(-token_counts, kind="stable")
    starts = _find_batch_starts(token_counts[order], token_budget)
    return np.split(order, starts[1:]) if starts else []


def _round_up(counts: Array, multiple: int) -> Array:
    """Counts rounded up to a multiple."""
    return -(-counts // multiple) * multiple


def _find_batch_starts(longest_first: Array, token_budget: int) -> list[int]:
    """Starts of batches that fit the budget, padded to their first window."""
    starts, start = [], 0
    while start < len(longest_first):
        starts.append(start)
        start += max(1, token_budget // int(longest_first[start]))
    return starts


def _shuffle(batches: list[Array], rng: np.random.Generator) -> list[Array]:
    return [batches[index] for index in rng.permutation(len(batches))]
