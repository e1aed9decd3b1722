"""What is hidden of a sequence: whole words, as many tokens of each sequence as of any other.

(Devlin et al. 2019, section 3.1, with whole words as in Cui et al. 2021, "Pre-training with whole word masking for
Chinese BERT". A character's word gives it away: of 总统 the second is no riddle beside the first.)
"""

from dataclasses import dataclass

import numpy as np

from labkit.pretraining.packing import Array, TokenSequences

MASKED_SHARE, REPLACED_SHARE = (
    0.8,
    0.1,
)  # shares of the chosen tokens that become [MASK], and any other token; the rest stays


@dataclass(frozen=True)
class MaskedSequences:
    """Sequences with gaps, and what was there."""

    tokens: Array  # (sequences, length) int64
    positions: Array  # (sequences, chosen) int64, ascending
    targets: Array  # (sequences, chosen) int64, the tokens that were there
    is_target: (
        Array  # (sequences, chosen) bool; a place that is not counted fills a row up, and nothing is hidden there
    )


def mask_whole_words(
    sequences: TokenSequences,
    mask_probability: float,
    mask_token: int,
    replacement_range: tuple[int, int],
    rng: np.random.Generator,
) -> MaskedSequences:
    """Hides whole words drawn at random, until the next would hide more than the share.

    Args:
        share: of a sequence's tokens, marks included.
        ordinary: the first token that may stand in for another, and the one after the last.
    """
    words, length = sequences.word_ids, sequences.word_ids.shape[1]
    most = max(1, round(mask_probability * length) + 1)  # one more, as the last word often does not fit
    keys = rng.random((len(words), length + 1))
    keys[:, -1] = 2.0  # the key of word -1: marks come last
    order = np.argsort(np.take_along_axis(keys, words.astype(np.int64), axis=1), axis=1, kind="stable")
    drawn = np.take_along_axis(words, order[:, : most + 1], axis=1)
    whole = drawn[:, :-1] != drawn[:, -1:]  # the word that goes on behind the last chosen token would be cut
    places = np.where(whole & (drawn[:, :-1] >= 0), order[:, :most], length)
    places.sort(axis=1)
    counted = places < length
    places[~counted] = 0
    targets = np.take_along_axis(sequences.tokens, places, axis=1)
    return MaskedSequences(
        _replace_tokens(sequences.tokens, places, counted, mask_token, replacement_range, rng), places, targets, counted
    )


def _replace_tokens(
    tokens: Array,
    positions: Array,
    is_target: Array,
    mask_token: int,
    replacement_range: tuple[int, int],
    rng: np.random.Generator,
) -> Array:
    fate = rng.random(positions.shape)
    hide = is_target & (fate < MASKED_SHARE)
    swap = is_target & (fate >= MASKED_SHARE) & (fate < MASKED_SHARE + REPLACED_SHARE)
    others = rng.integers(*replacement_range, size=positions.shape)
    tokens = tokens.copy()
    rows = np.arange(len(tokens))[:, None].repeat(positions.shape[1], axis=1)
    tokens[rows[hide], positions[hide]] = mask_token
    tokens[rows[swap], positions[swap]] = others[swap]
    return tokens
