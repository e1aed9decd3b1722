"""Packing of lines into sequences of one length, without padding.

Lines are concatenated to a stream of tokens, and sequences are cut from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from labkit.data.windows import Array
from labkit.messages import N_, Message
from labkit.pretraining.vocabulary import CLS, SEP


@dataclass(frozen=True)
class TokenStream:
    """Token ids of concatenated lines, each followed by [SEP].

    Lines are in the order of their source, so a sentence's context is what came before it there. (RoBERTa's
    FULL-SENTENCES, Liu et al. 2019, section 4.2.)
    """

    tokens: Array  # (tokens,) int32
    is_word_start: Array  # (tokens,) bool

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class TokenSequences:
    """Sequences of one length: [CLS], a section of the stream, [SEP]."""

    tokens: Array  # (sequences, length) int64
    word_ids: Array  # (sequences, length) int32, index of each token's word in its sequence; -1 for [CLS] and [SEP]


def concatenate_lines(lines: Sequence[tuple[Array, Array]]) -> TokenStream:
    """Concatenates lines to a stream.

    Args:
        lines: token ids, and true where a word begins, of each line.
    """
    tokens, is_word_start = [np.empty(0, np.int32)], [np.empty(0, bool)]
    end, end_starts = np.array([SEP], np.int32), np.array([True])
    for ids, starts in lines:
        tokens += [ids, end]
        is_word_start += [starts, end_starts]
    return TokenStream(np.concatenate(tokens).astype(np.int32), np.concatenate(is_word_start).astype(bool))


def cut_sequences(stream: TokenStream, starts: Array, length: int) -> TokenSequences:
    """Cuts sequences from a stream.

    Args:
        starts: index of each sequence's first token in the stream, (sequences,).
        length: tokens per sequence, [CLS] and [SEP] included.
    """
    indices = starts[:, None] + np.arange(length - 2)
    tokens = np.full((len(starts), length), CLS, np.int64)
    tokens[:, 1:-1] = stream.tokens[indices]
    tokens[:, -1] = SEP
    word_ids = np.full(tokens.shape, -1, np.int32)
    word_ids[:, 1:-1] = np.cumsum(stream.is_word_start[indices], axis=1, dtype=np.int32)
    word_ids[(tokens == CLS) | (tokens == SEP)] = -1
    return TokenSequences(tokens, word_ids)


def draw_epoch_starts(tokens: int, length: int, seed: int, epoch: int) -> Array:
    """Starts of an epoch's sequences, in random order.

    The cuts are at other places each epoch. Raises ValueError if the text is too short.
    """
    room = length - 2
    if tokens < 2 * room:
        text = N_("the text has {tokens} characters, too few for sequences of {length}; give more text")
        raise ValueError(Message(text, tokens=tokens, length=length))
    rng = np.random.default_rng([seed, epoch])
    starts = np.arange(rng.integers(room), tokens - room + 1, room)
    rng.shuffle(starts)
    return starts


def iter_held_out_batches(stream: TokenStream, length: int, rows: int) -> Iterator[TokenSequences]:
    """Yields all full sequences of a stream, in order."""
    starts = np.arange(0, len(stream) - (length - 2) + 1, length - 2)
    for begin in range(0, len(starts), rows):
        yield cut_sequences(stream, starts[begin : begin + rows], length)
