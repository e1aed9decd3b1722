"""Whole-word masking, with about as many masked tokens in each sequence.

(Devlin et al. 2019, section 3.1, with whole words as in Cui et al. 2021, "Pre-training with whole word masking for
Chinese BERT". A character is easily guessed from the rest of its word: of 总统 the second from the first.)
"""

from dataclasses import dataclass

import numpy as np

from labkit.data.windows import Array
from labkit.pretraining.packing import TokenSequences
from labkit.pretraining.vocabulary import MASK

IGNORED = -100  # no target, for torch's cross entropy
MASKED_SHARE, REPLACED_SHARE = 0.8, 0.1  # of the chosen tokens: become [MASK], a random token; the rest stays


@dataclass(frozen=True)
class MaskedSequences:
    """Masked sequences with their targets.

    Each row has the same number of chosen positions; those with `is_target` false fill a row up and are not masked.
    """

    tokens: Array  # (sequences, length) int64
    positions: Array  # (sequences, chosen) int64, ascending but for the filling ones, which are 0
    targets: Array  # (sequences, chosen) int64, the original tokens; IGNORED where `is_target` is false
    is_target: Array  # (sequences, chosen) bool


def mask_whole_words(
    sequences: TokenSequences,
    mask_probability: float,
    replacement_range: tuple[int, int],
    rng: np.random.Generator,
) -> MaskedSequences:
    """Masks random whole words, up to a share of each sequence's tokens.

    Args:
        mask_probability: share of a sequence's tokens to mask, special tokens included in the count.
        replacement_range: first id of the tokens that may replace another, and the id after the last.
    """
    words, length = sequences.word_ids, sequences.word_ids.shape[1]
    most = max(1, round(mask_probability * length) + 1)  # one more, as the last word often does not fit
    keys = rng.random((len(words), length + 1))
    keys[:, -1] = 2.0  # the key of word -1: special tokens come last
    order = np.argsort(np.take_along_axis(keys, words.astype(np.int64), axis=1), axis=1, kind="stable")
    drawn = np.take_along_axis(words, order[:, : most + 1], axis=1)
    whole = drawn[:, :-1] != drawn[:, -1:]  # false for a word that continues after the last chosen token
    positions = np.where(whole & (drawn[:, :-1] >= 0), order[:, :most], length)
    positions.sort(axis=1)
    is_target = positions < length
    positions[~is_target] = 0
    targets = np.where(is_target, np.take_along_axis(sequences.tokens, positions, axis=1), IGNORED)

    fate = rng.random(positions.shape)
    masked = is_target & (fate < MASKED_SHARE)
    replaced = is_target & (fate >= MASKED_SHARE) & (fate < MASKED_SHARE + REPLACED_SHARE)
    replacements = rng.integers(*replacement_range, size=positions.shape)
    tokens = sequences.tokens.copy()
    rows = np.arange(len(tokens))[:, None].repeat(positions.shape[1], axis=1)
    tokens[rows[masked], positions[masked]] = MASK
    tokens[rows[replaced], positions[replaced]] = replacements[replaced]
    return MaskedSequences(tokens, positions, targets, is_target)
