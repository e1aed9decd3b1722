"""Windows of encoded sentences, packed: a few flat arrays with offsets, without padding.

Batches are made from them, and the cache stores them as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, overload

import numpy as np

from labkit.messages import N_, Message

Array = np.ndarray[Any, np.dtype[Any]]

UNKNOWN_SHARE_THRESHOLD = 0.1  # of the words; with an encoder of the corpus's language it is a few percent


@dataclass(frozen=True)
class Window:
    """Encoder input: a sentence, or a part of a long one.

    `first_token[i]` is the index of word i's first token in `input_ids`; `tags` is empty if they are unknown.
    """

    sentence_index: int
    input_ids: tuple[int, ...]
    first_token: tuple[int, ...]
    tags: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Windows(Sequence[Window]):
    """Packed windows, in the order of the text.

    They take about 16 bytes per word, in memory or mapped from a file. Window i has the tokens
    `token_offsets[i] : token_offsets[i + 1]`, and likewise its words. An integer as index gives one Window; an array of
    integers, a mask or a slice gives a Windows of those, in that order.
    """

    input_ids: Array  # (all tokens,) int32, special tokens included
    token_offsets: Array  # (windows + 1,) int64
    first_token: Array  # (all words,) int32, index of a word's first token in its window
    tags: Array  # (all words,) int32, or (0,) if unknown
    word_offsets: Array  # (windows + 1,) int64
    sentence_index: Array  # (windows,) int32; windows of one sentence follow each other
    truncated: Array  # (windows,) int32, number of words that do not fit into a window and lose their ends
    unreadable: Array  # (windows,) int32, number of words for which the tokenizer has no token
    unknown: Array  # (windows,) int32, number of words that are nothing but the unknown token

    def __len__(self) -> int:
        return len(self.sentence_index)

    @overload
    def __getitem__(self, chosen: int) -> Window: ...
    @overload
    def __getitem__(self, chosen: slice | Array) -> "Windows": ...
    def __getitem__(self, chosen: int | slice | Array) -> "Window | Windows":
        if isinstance(chosen, slice):
            return self._take(np.arange(len(self))[chosen])
        if isinstance(chosen, np.ndarray):
            return self._take(np.flatnonzero(chosen) if chosen.dtype == bool else chosen)
        if not -len(self) <= chosen < len(self):
            raise IndexError(f"window {chosen} of {len(self)}")
        return next(iter(self._take(np.array([chosen % len(self)]))))

    def __iter__(self) -> Iterator[Window]:
        for index, sentence in enumerate(self.sentence_index.tolist()):
            tokens = slice(*self.token_offsets[index : index + 2].tolist())
            words = slice(*self.word_offsets[index : index + 2].tolist())
            arrays = (self.input_ids[tokens], self.first_token[words], self.tags[words])
            yield Window(sentence, *(tuple(array.tolist()) for array in arrays))

    @cached_property
    def token_counts(self) -> Array:
        """Tokens per window, (windows,) int64."""
        return np.diff(self.token_offsets)

    @cached_property
    def word_counts(self) -> Array:
        """Words per window, (windows,) int64."""
        return np.diff(self.word_offsets)

    @cached_property
    def sentence_offsets(self) -> Array:
        """First word of each sentence, then the end, (sentences + 1,) int64."""
        begins = np.flatnonzero(np.diff(self.sentence_index, prepend=-1))
        return np.append(self.word_offsets[begins], self.word_offsets[-1])

    @property
    def num_sentences(self) -> int:
        return len(self.sentence_offsets) - 1

    @property
    def num_words(self) -> int:
        return len(self.first_token)

    def word_indices(self, chosen: Array) -> Array:
        """Indices into `first_token` and `tags` of these windows' words, (their words,) int64."""
        return ragged_indices(self.word_offsets[chosen], self.word_counts[chosen])

    def to_arrays(self) -> dict[str, Array]:
        """Returns the arrays by name; `Windows(**arrays)` is the inverse."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _take(self, chosen: Array) -> "Windows":
        token_counts = self.token_offsets[chosen + 1] - self.token_offsets[chosen]
        word_counts = self.word_offsets[chosen + 1] - self.word_offsets[chosen]
        words = ragged_indices(self.word_offsets[chosen], word_counts)
        return Windows(
            input_ids=self.input_ids[ragged_indices(self.token_offsets[chosen], token_counts)],
            token_offsets=offsets_from_counts(token_counts),
            first_token=self.first_token[words],
            tags=self.tags[words] if len(self.tags) else self.tags,
            word_offsets=offsets_from_counts(word_counts),
            sentence_index=self.sentence_index[chosen],
            truncated=self.truncated[chosen],
            unreadable=self.unreadable[chosen],
            unknown=self.unknown[chosen],
        )


def encoding_notes(*parts: Windows) -> list[Message]:
    """Notes on words and sentences that were cut or replaced."""
    cut = sum(int(np.count_nonzero(np.bincount(part.sentence_index) > 1)) for part in parts)
    truncated = sum(int(part.truncated.sum()) for part in parts)
    unreadable = sum(int(part.unreadable.sum()) for part in parts)
    counts = (
        (cut, N_("{count} sentences are longer than a window and were cut, at punctuation where there is any.")),
        (truncated, N_("{count} words are longer than a whole window; their ends are not read.")),
        (unreadable, N_("{count} words have no token in this tokenizer and are read as unknown.")),
    )
    notes = [Message(text, count=count) for count, text in counts if count]
    words, unknown = sum(part.num_words for part in parts), sum(int(part.unknown.sum()) for part in parts)
    if unknown and unknown >= UNKNOWN_SHARE_THRESHOLD * words:
        text = N_(
            "{share:.0%} of the words are unknown to this encoder, which reads them all alike; choose one that was "
            "trained on this language and script."
        )
        notes.append(Message(text, share=unknown / words))
    return notes


def concatenate(parts: Sequence[Windows]) -> Windows:
    """Concatenates windows; their sentence indices stay as they are."""
    arrays = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Windows)}
    for name in ("token_offsets", "word_offsets"):
        arrays[name] = offsets_from_counts(np.concatenate([np.diff(getattr(part, name)) for part in parts]))
    return Windows(**arrays)


def offsets_from_counts(counts: Array) -> Array:
    """Start of each row, then the end, (rows + 1,) int64.

    Args:
        counts: values per row, (rows,).
    """
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def ragged_indices(starts: Array, counts: Array) -> Array:
    """Indices of all values of ragged rows, (sum of counts,) int64.

    Row i has the values `starts[i] : starts[i] + counts[i]`.
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    indices: Array = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return indices


@dataclass(frozen=True, eq=False)
class PackedWords:
    """Text of sentences, packed into flat arrays.

    Sentence i has the words `sentence_offsets[i] : sentence_offsets[i + 1]`.
    """

    codepoints: Array  # (all characters,) int32
    word_offsets: Array  # (words + 1,) int64, into `codepoints`
    sentence_offsets: Array  # (sentences + 1,) int64, into the words

    def __len__(self) -> int:
        return len(self.sentence_offsets) - 1

    def get_words(self, sentence: int) -> list[str]:
        """Returns the words of one sentence."""
        first, last = self.sentence_offsets[sentence : sentence + 2].tolist()
        offsets = self.word_offsets[first : last + 1].tolist()
        text = self.codepoints[offsets[0] : offsets[-1]].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return [text[start - offsets[0] : end - offsets[0]] for start, end in pairwise(offsets)]

    def take(self, sentences: Array) -> "PackedWords":
        """Returns the sentences at these indices, in that order."""
        counts = np.diff(self.sentence_offsets)[sentences]
        words = ragged_indices(self.sentence_offsets[sentences], counts)
        lengths = np.diff(self.word_offsets)[words]
        codepoints = self.codepoints[ragged_indices(self.word_offsets[words], lengths)]
        return PackedWords(codepoints, offsets_from_counts(lengths), offsets_from_counts(counts))


def pack_words(sentences: Sequence[Sequence[str]]) -> PackedWords:
    """Packs the words of sentences, none of which is empty."""
    words = list(chain.from_iterable(sentences))
    codepoints = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int32)
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    counts = np.fromiter(map(len, sentences), np.int64, len(sentences))
    return PackedWords(codepoints, offsets_from_counts(lengths), offsets_from_counts(counts))
