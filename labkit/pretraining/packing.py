"""Lines of text end to end, and cut into sequences of one length that leave nothing to pad."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TokenStream:
    """Lines as one row of token numbers, each line closed by [SEP].

    A reader of sequences sees lines in the order of their source, so that what comes before a sentence is what came
    before it there. (RoBERTa's FULL-SENTENCES, Liu et al. 2019, section 4.2.)
    """

    tokens: Array  # (tokens,) int32
    is_word_start: Array  # (tokens,) bool, true where a word begins

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class TokenSequences:
    """Sequences of one length: [CLS], a piece of the stream, [SEP]."""

    tokens: Array  # (sequences, length) int64
    word_ids: Array  # (sequences, length) int32, the number of each token's word within its sequence; -1 for marks


def concatenate_lines(lines: Sequence[tuple[Array, Array]], separator: int) -> TokenStream:
    """A stream of lines, each as its token numbers and where words begin."""
    tokens, begins = [], []
    mark, true = np.array([separator], np.int32), np.array([True])
    for numbers, starts in lines:
        tokens += [numbers, mark]
        begins += [starts, true]
    if not tokens:
        return TokenStream(np.empty(0, np.int32), np.empty(0, bool))
    return TokenStream(np.concatenate(tokens).astype(np.int32), np.concatenate(begins).astype(bool))


def cut_sequences(stream: TokenStream, starts: Array, length: int, special_tokens: tuple[int, int]) -> TokenSequences:
    """The sequences that begin at some places of the stream, (sequences,).

    Args:
        length: tokens a sequence, its two marks included.
        marks: the numbers of [CLS] and [SEP].
    """
    first, last = special_tokens
    places = starts[:, None] + np.arange(length - 2)
    tokens = np.full((len(starts), length), first, np.int64)
    tokens[:, 1:-1] = stream.tokens[places]
    tokens[:, -1] = last
    words = np.full(tokens.shape, -1, np.int32)
    words[:, 1:-1] = np.cumsum(stream.is_word_start[places], axis=1, dtype=np.int32)
    words[(tokens == first) | (tokens == last)] = -1
    return TokenSequences(tokens, words)


def draw_epoch_starts(tokens: int, length: int, seed: int, epoch: int) -> Array:
    """Where the sequences of an epoch begin, in random order; at other places each epoch, so that cuts move.

    Raises ValueError where the text is too short for one sequence.
    """
    room = length - 2
    if tokens < 2 * room:
        raise ValueError(f"the text has {tokens} characters, too few for sequences of {length}; give more text")
    random = np.random.default_rng([seed, epoch])
    starts = np.arange(random.integers(room), tokens - room + 1, room)
    random.shuffle(starts)
    return starts


def iter_held_out_batches(
    stream: TokenStream, length: int, rows: int, special_tokens: tuple[int, int]
) -> Iterator[TokenSequences]:
    """All of a stream in order, the rest that fills no sequence left out."""
    starts = np.arange(0, len(stream) - (length - 2) + 1, length - 2)
    for at in range(0, len(starts), rows):
        yield cut_sequences(stream, starts[at : at + rows], length, special_tokens)
