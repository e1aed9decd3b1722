"""Which windows come together in a batch: arrays of their numbers, by length alone.

Batches of similar length need less padding. Each function takes the windows' lengths in pieces and holds every window
exactly once; the number of batches never depends on the random order, so schedules can be planned before.
"""

from itertools import pairwise

import numpy as np

from labkit.data.windows import Array

BUCKET_BATCHES = 64
ALIKE = 4  # pieces; as far as batches are padded anyway, so that nothing is lost where the words decide
ROUND_TO = 8  # pieces; windows whose lengths round up to the same multiple of it may change places
SWAPS = 8  # at most, to bring a batch's pieces to the number that is computed anyway


def epoch_batches(
    lengths: Array, words: Array, batch_size: int, budget: int, order: np.random.Generator, grain: int = 1
) -> list[Array]:
    """An epoch's batches in random order: of `batch_size` windows, or by `budget` where it is not 0.

    Args:
        grain: what a batch's pieces, end to end and one more, are filled up to a multiple of; 1 where they are not.
    """
    return budgeted(lengths, budget, order) if budget else bucketed(lengths, words, batch_size, order, grain)


def count_batches(lengths: Array, batch_size: int, budget: int) -> int:
    """How many batches every epoch has."""
    return len(_cuts(_up(np.sort(lengths)[::-1], ROUND_TO), budget)) if budget else -(-len(lengths) // batch_size)


def bucketed(lengths: Array, words: Array, batch_size: int, order: np.random.Generator, grain: int = 1) -> list[Array]:
    """Random batches of similar length: less padding, and still another order every epoch.

    Shuffles everything, sorts by length within stretches of BUCKET_BATCHES batches, and shuffles the batches. Among
    windows whose pieces are padded to the same number, those of equally many words come together: it is the padding of
    words that the head computes on; of WNUT 2016 it is 12 % so, and 33 % by pieces alone.
    (The idea is Khomenko et al. 2016, arXiv 1708.05604; a fully sorted order would tie a step to a length.)
    """
    drawn = order.permutation(len(lengths))
    padded = _up(lengths, ALIKE)
    batches: list[Array] = []
    for start in range(0, len(drawn), batch_size * BUCKET_BATCHES):
        stretch = drawn[start : start + batch_size * BUCKET_BATCHES]
        stretch = stretch[np.lexsort((words[stretch], padded[stretch]))]
        alike = [stretch[place : place + batch_size] for place in range(0, len(stretch), batch_size)]
        for batch, after in pairwise(alike):
            _fill(batch, after, lengths, (words, padded), grain)
        batches += alike
    return _shuffled(batches, order)


def _fill(batch: Array, after: Array, lengths: Array, padded: tuple[Array, Array], grain: int) -> None:
    """Swaps windows with the batch after, in place, so that pieces and one more come close to a multiple of the grain.

    To the nearest one, so that batches grow as often as they shrink, and lengths stay alike. A swap is worth the pieces
    by which it comes closer, less all by which it makes the longest of either batch longer, in any of `padded`.
    """
    for _ in range(SWAPS):
        spare = (-1 - int(lengths[batch].sum())) % grain
        missing = spare if spare <= grain // 2 else spare - grain
        if not missing:
            break
        costs = np.abs(missing - (lengths[after] - lengths[batch][:, None]))
        for counts in padded:
            here, there = counts[batch], counts[after]
            costs = costs + np.maximum(0, there - here.max()) + np.maximum(0, here - there.max())[:, None]
        mine, other = np.unravel_index(costs.argmin(), costs.shape)
        if costs[mine, other] >= abs(missing):
            break
        batch[mine], after[other] = after[other], batch[mine]


def budgeted(lengths: Array, budget: int, order: np.random.Generator) -> list[Array]:
    """Random batches of as many windows of similar length as `budget` padded pieces hold; at least one.

    Lengths count as rounded up to ROUND_TO. Sorted so, with equals shuffled, they are the same row every epoch, and are
    cut at the same places.
    """
    drawn = order.permutation(len(lengths))
    rounded = _up(lengths, ROUND_TO)
    drawn = drawn[np.argsort(-rounded[drawn], kind="stable")]
    cuts = _cuts(rounded[drawn], budget)
    return _shuffled(np.split(drawn, cuts[1:]) if cuts else [], order)


def sorted_batches(lengths: Array, budget: int = 2048) -> list[Array]:
    """Longest first, each batch at most `budget` padded pieces: for evaluation, where order and size do not matter.

    (On two CPU cores 1024, 2048 and 4096 are equally fast, and 4096 takes 180 MiB more.)
    """
    drawn = np.argsort(-lengths, kind="stable")
    cuts = _cuts(lengths[drawn], budget)
    return np.split(drawn, cuts[1:]) if cuts else []


def _up(lengths: Array, grain: int) -> Array:
    """Each length rounded up to a multiple of the grain."""
    return -(-lengths // grain) * grain


def _cuts(longest_first: Array, budget: int) -> list[int]:
    """Where batches begin, if each takes as many as fit when padded to its first."""
    cuts, place = [], 0
    while place < len(longest_first):
        cuts.append(place)
        place += max(1, budget // int(longest_first[place]))
    return cuts


def _shuffled(batches: list[Array], order: np.random.Generator) -> list[Array]:
    return [batches[place] for place in order.permutation(len(batches))]
