"""Which windows come together in a batch: arrays of their numbers, by length alone.

Batches of similar length need less padding. Each function takes the windows' lengths in pieces and holds every window
exactly once; the number of batches never depends on the random order, so schedules can be planned before.
"""

import numpy as np

from labkit.data.windows import Array

BUCKET_BATCHES = 64
ALIKE = 4  # pieces; as far as batches are padded anyway, so that nothing is lost where the words decide
GRAIN = 8  # pieces; windows whose lengths round up to the same multiple of it may change places


def epoch_batches(
    lengths: Array, words: Array, batch_size: int, budget: int, order: np.random.Generator
) -> list[Array]:
    """An epoch's batches in random order: of `batch_size` windows, or by `budget` where it is not 0."""
    return budgeted(lengths, budget, order) if budget else bucketed(lengths, words, batch_size, order)


def count_batches(lengths: Array, batch_size: int, budget: int) -> int:
    """How many batches every epoch has."""
    return len(_cuts(_rounded(np.sort(lengths)[::-1]), budget)) if budget else -(-len(lengths) // batch_size)


def bucketed(lengths: Array, words: Array, batch_size: int, order: np.random.Generator) -> list[Array]:
    """Random batches of similar length: less padding, and still another order every epoch.

    Shuffles everything, sorts by length within stretches of BUCKET_BATCHES batches, and shuffles the batches. Among
    windows whose pieces are padded to the same number, those of equally many words come together: it is the padding of
    words that the head computes on; of WNUT 2016 it is 20 % so, and 39 % by pieces alone.
    (The idea is Khomenko et al. 2016, arXiv 1708.05604; a fully sorted order would tie a step to a length.)
    """
    drawn = order.permutation(len(lengths))
    stretch = np.arange(len(lengths)) // (batch_size * BUCKET_BATCHES)
    drawn = drawn[np.lexsort((words[drawn], -(-lengths[drawn] // ALIKE), stretch))]
    return _shuffled([drawn[start : start + batch_size] for start in range(0, len(drawn), batch_size)], order)


def budgeted(lengths: Array, budget: int, order: np.random.Generator) -> list[Array]:
    """Random batches of as many windows of similar length as `budget` padded pieces hold; at least one.

    Lengths count as rounded up to GRAIN. Sorted so, with equals shuffled, they are the same row every epoch, and are
    cut at the same places.
    """
    drawn = order.permutation(len(lengths))
    rounded = _rounded(lengths)
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


def _rounded(lengths: Array) -> Array:
    return -(-lengths // GRAIN) * GRAIN


def _cuts(longest_first: Array, budget: int) -> list[int]:
    """Where batches begin, if each takes as many as fit when padded to its first."""
    cuts, place = [], 0
    while place < len(longest_first):
        cuts.append(place)
        place += max(1, budget // int(longest_first[place]))
    return cuts


def _shuffled(batches: list[Array], order: np.random.Generator) -> list[Array]:
    return [batches[place] for place in order.permutation(len(batches))]
