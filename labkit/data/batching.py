"""Which windows come together in a batch: arrays of their numbers, by length alone.

Batches of similar length need less padding. Each function takes the windows' lengths in pieces and holds every window
exactly once; the number of batches never depends on the random order, so schedules can be planned before.
"""

from itertools import pairwise

import numpy as np

from labkit.data.windows import Array

BUCKET_BATCHES = 64
PAD_TO_MULTIPLE_OF = 4  # pieces; as far as batches are padded anyway, so that nothing is lost where the words decide
ROUND_TO = 8  # pieces; windows whose lengths round up to the same multiple of it may change places
MAX_SWAPS = 8  # at most, to bring a batch's pieces to the number that is computed anyway


def epoch_batches(
    token_counts: Array,
    word_counts: Array,
    batch_size: int,
    token_budget: int,
    rng: np.random.Generator,
    row_multiple: int = 1,
) -> list[Array]:
    """An epoch's batches in random order: of `batch_size` windows, or by `budget` where it is not 0.

    Args:
        grain: what a batch's pieces, end to end and one more, are filled up to a multiple of; 1 where they are not.
    """
    return (
        token_budget_batches(token_counts, token_budget, rng)
        if token_budget
        else bucket_batches(token_counts, word_counts, batch_size, rng, row_multiple)
    )


def count_batches(token_counts: Array, batch_size: int, token_budget: int) -> int:
    """How many batches every epoch has."""
    return (
        len(_find_batch_starts(_round_up(np.sort(token_counts)[::-1], ROUND_TO), token_budget))
        if token_budget
        else -(-len(token_counts) // batch_size)
    )


def bucket_batches(
    token_counts: Array, word_counts: Array, batch_size: int, rng: np.random.Generator, row_multiple: int = 1
) -> list[Array]:
    """Random batches of similar length: less padding, and still another order every epoch.

    Shuffles everything, sorts by length within stretches of BUCKET_BATCHES batches, and shuffles the batches. Among
    windows whose pieces are padded to the same number, those of equally many words come together: it is the padding of
    words that the head computes on; of WNUT 2016 it is 12 % so, and 33 % by pieces alone.
    (The idea is Khomenko et al. 2016, arXiv 1708.05604; a fully sorted order would tie a step to a length.)
    """
    drawn = rng.permutation(len(token_counts))
    padded = _round_up(token_counts, PAD_TO_MULTIPLE_OF)
    batches: list[Array] = []
    for start in range(0, len(drawn), batch_size * BUCKET_BATCHES):
        stretch = drawn[start : start + batch_size * BUCKET_BATCHES]
        stretch = stretch[np.lexsort((word_counts[stretch], padded[stretch]))]
        alike = [stretch[place : place + batch_size] for place in range(0, len(stretch), batch_size)]
        for batch, after in pairwise(alike):
            _balance(batch, after, token_counts, (word_counts, padded), row_multiple)
        batches += alike
    return _shuffle(batches, rng)


def _balance(batch: Array, after: Array, token_counts: Array, padded: tuple[Array, Array], row_multiple: int) -> None:
    """Swaps windows with the batch after, in place, so that pieces and one more come close to a multiple of the grain.

    To the nearest one, so that batches grow as often as they shrink, and lengths stay alike. A swap is worth the pieces
    by which it comes closer, less all by which it makes the longest of either batch longer, in any of `padded`.
    """
    for _ in range(MAX_SWAPS):
        spare = (-1 - int(token_counts[batch].sum())) % row_multiple
        missing = spare if spare <= row_multiple // 2 else spare - row_multiple
        if not missing:
            break
        costs = np.abs(missing - (token_counts[after] - token_counts[batch][:, None]))
        for counts in padded:
            here, there = counts[batch], counts[after]
            costs = costs + np.maximum(0, there - here.max()) + np.maximum(0, here - there.max())[:, None]
        mine, other = np.unravel_index(costs.argmin(), costs.shape)
        if costs[mine, other] >= abs(missing):
            break
        batch[mine], after[other] = after[other], batch[mine]


def token_budget_batches(token_counts: Array, token_budget: int, rng: np.random.Generator) -> list[Array]:
    """Random batches of as many windows of similar length as `budget` padded pieces hold; at least one.

    Lengths count as rounded up to ROUND_TO. Sorted so, with equals shuffled, they are the same row every epoch, and are
    cut at the same places.
    """
    drawn = rng.permutation(len(token_counts))
    rounded = _round_up(token_counts, ROUND_TO)
    drawn = drawn[np.argsort(-rounded[drawn], kind="stable")]
    cuts = _find_batch_starts(rounded[drawn], token_budget)
    return _shuffle(np.split(drawn, cuts[1:]) if cuts else [], rng)


def sorted_batches(token_counts: Array, token_budget: int = 2048) -> list[Array]:
    """Longest first, each batch at most `budget` padded pieces: for evaluation, where order and size do not matter.

    (On two CPU cores 1024, 2048 and 4096 are equally fast, and 4096 takes 180 MiB more.)
    """
    drawn = np.argsort(-token_counts, kind="stable")
    cuts = _find_batch_starts(token_counts[drawn], token_budget)
    return np.split(drawn, cuts[1:]) if cuts else []


def _round_up(counts: Array, multiple: int) -> Array:
    """Each length rounded up to a multiple of the grain."""
    return -(-counts // multiple) * multiple


def _find_batch_starts(longest_first: Array, token_budget: int) -> list[int]:
    """Where batches begin, if each takes as many as fit when padded to its first."""
    cuts, place = [], 0
    while place < len(longest_first):
        cuts.append(place)
        place += max(1, token_budget // int(longest_first[place]))
    return cuts


def _shuffle(batches: list[Array], rng: np.random.Generator) -> list[Array]:
    return [batches[place] for place in rng.permutation(len(batches))]
