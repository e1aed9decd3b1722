"""What is hidden of a sequence: whole words, as many tokens of each sequence as of any other.

(Devlin et al. 2019, section 3.1, with whole words as in Cui et al. 2021, "Pre-training with whole word masking for
Chinese BERT". A character's word gives it away: of 总统 the second is no riddle beside the first.)
"""

from dataclasses import dataclass

import numpy as np

from labkit.pretraining.packing import Array, Sequences

HIDDEN, SWAPPED = 0.8, 0.1  # shares of the chosen tokens that become [MASK], and any other token; the rest stays


@dataclass(frozen=True)
class Masked:
    """Sequences with gaps, and what was there."""

    tokens: Array  # (sequences, length) int64
    places: Array  # (sequences, chosen) int64, ascending
    targets: Array  # (sequences, chosen) int64, the tokens that were there
    counted: Array  # (sequences, chosen) bool; a place that is not counted fills a row up, and nothing is hidden there


def mask(
    sequences: Sequences, share: float, mask_token: int, ordinary: tuple[int, int], random: np.random.Generator
) -> Masked:
    """Hides whole words drawn at random, until the next would hide more than the share.

    Args:
        share: of a sequence's tokens, marks included.
        ordinary: the first token that may stand in for another, and the one after the last.
    """
    words, length = sequences.words, sequences.words.shape[1]
    most = max(1, round(share * length) + 1)  # one more, as the last word often does not fit
    keys = random.random((len(words), length + 1))
    keys[:, -1] = 2.0  # the key of word -1: marks come last
    order = np.argsort(np.take_along_axis(keys, words.astype(np.int64), axis=1), axis=1, kind="stable")
    drawn = np.take_along_axis(words, order[:, : most + 1], axis=1)
    whole = drawn[:, :-1] != drawn[:, -1:]  # the word that goes on behind the last chosen token would be cut
    places = np.where(whole & (drawn[:, :-1] >= 0), order[:, :most], length)
    places.sort(axis=1)
    counted = places < length
    places[~counted] = 0
    targets = np.take_along_axis(sequences.tokens, places, axis=1)
    return Masked(_hidden(sequences.tokens, places, counted, mask_token, ordinary, random), places, targets, counted)


def _hidden(
    tokens: Array,
    places: Array,
    counted: Array,
    mask_token: int,
    ordinary: tuple[int, int],
    random: np.random.Generator,
) -> Array:
    fate = random.random(places.shape)
    hide = counted & (fate < HIDDEN)
    swap = counted & (fate >= HIDDEN) & (fate < HIDDEN + SWAPPED)
    others = random.integers(*ordinary, size=places.shape)
    tokens = tokens.copy()
    rows = np.arange(len(tokens))[:, None].repeat(places.shape[1], axis=1)
    tokens[rows[hide], places[hide]] = mask_token
    tokens[rows[swap], places[swap]] = others[swap]
    return tokens
