"""Encoded sentences as a few flat arrays, however many there are: what a batch is taken from and a file is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, overload

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

UNKNOWN_SHARE_THRESHOLD = 0.1  # of the words; an encoder of the corpus's language knows all but a few in a hundred


@dataclass(frozen=True)
class Window:
    """A sentence, or a part of a long one, as the encoder reads it.

    `first[i]` is the place of word i's first piece in `pieces`; `tags` is empty where none are known.
    """

    sentence_index: int
    input_ids: tuple[int, ...]
    first_token: tuple[int, ...]
    tags: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Windows(Sequence[Window]):
    """Windows in the order of the text, end to end: about 16 bytes a word, in memory or mapped from a file.

    A number gives one Window; an array of numbers, a mask or a slice gives a Windows of those, in that order.
    Window i has the pieces from `piece_starts[i]` up to `piece_starts[i + 1]`, and likewise its words.
    """

    input_ids: Array  # (all pieces,) int32, the tokenizer's own marks included
    token_offsets: Array  # (windows + 1,) int64
    first_token: Array  # (all words,) int32, the place of a word's first piece in its window
    tags: Array  # (all words,) int32, or (0,) where none are known
    word_offsets: Array  # (windows + 1,) int64
    sentence_index: Array  # (windows,) int32, the sentence's number; windows of one sentence follow each other
    truncated: Array  # (windows,) int32, words of which only the beginning has room
    unreadable: Array  # (windows,) int32, words that the tokenizer has no piece for
    unknown: Array  # (windows,) int32, words of which it has the piece for what is unknown alone

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
        for number, sentence in enumerate(self.sentence_index.tolist()):
            pieces = slice(*self.token_offsets[number : number + 2].tolist())
            words = slice(*self.word_offsets[number : number + 2].tolist())
            parts = (self.input_ids[pieces], self.first_token[words], self.tags[words])
            yield Window(sentence, *(tuple(part.tolist()) for part in parts))

    @cached_property
    def token_counts(self) -> Array:
        """Pieces of each window, (windows,) int64."""
        return np.diff(self.token_offsets)

    @cached_property
    def word_counts(self) -> Array:
        """Words of each window, (windows,) int64."""
        return np.diff(self.word_offsets)

    @cached_property
    def sentence_offsets(self) -> Array:
        """The first word of each sentence, and the number of all words at the end, (sentences + 1,) int64."""
        begins = np.flatnonzero(np.diff(self.sentence_index, prepend=-1))
        return np.append(self.word_offsets[begins], self.word_offsets[-1])

    @property
    def num_sentences(self) -> int:
        return len(self.sentence_offsets) - 1

    @property
    def num_words(self) -> int:
        return len(self.first_token)

    def word_indices(self, chosen: Array) -> Array:
        """Where the words of the chosen windows lie in `first` and `tags`, (their words,) int64."""
        return ragged_indices(self.word_offsets[chosen], self.word_counts[chosen])

    def to_arrays(self) -> dict[str, Array]:
        """All of it by name; `Windows(**arrays)` is the way back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _take(self, chosen: Array) -> "Windows":
        piece_counts = self.token_offsets[chosen + 1] - self.token_offsets[chosen]
        word_counts = self.word_offsets[chosen + 1] - self.word_offsets[chosen]
        words = ragged_indices(self.word_offsets[chosen], word_counts)
        return Windows(
            input_ids=self.input_ids[ragged_indices(self.token_offsets[chosen], piece_counts)],
            token_offsets=offsets_from_counts(piece_counts),
            first_token=self.first_token[words],
            tags=self.tags[words] if len(self.tags) else self.tags,
            word_offsets=offsets_from_counts(word_counts),
            sentence_index=self.sentence_index[chosen],
            truncated=self.truncated[chosen],
            unreadable=self.unreadable[chosen],
            unknown=self.unknown[chosen],
        )


def encoding_notes(*parts: Windows) -> list[str]:
    """What was cut or replaced in encoding these, a sentence each."""
    cut = sum(int(np.count_nonzero(np.bincount(part.sentence_index) > 1)) for part in parts)
    shortened = sum(int(part.truncated.sum()) for part in parts)
    unreadable = sum(int(part.unreadable.sum()) for part in parts)
    told = []
    if cut:
        told.append(f"{cut} sentences are longer than a window and were cut, at punctuation where there is any.")
    if shortened:
        told.append(f"{shortened} words are longer than a whole window; their ends are not read.")
    if unreadable:
        told.append(f"{unreadable} words have no piece in this tokenizer and are read as unknown.")
    words, unknown = sum(part.num_words for part in parts), sum(int(part.unknown.sum()) for part in parts)
    if unknown and unknown >= UNKNOWN_SHARE_THRESHOLD * words:
        what = f"{unknown / words:.0%} of the words are unknown to this encoder, which reads them all alike"
        told.append(f"{what}; choose one that was trained on this language and script.")
    return told


def concatenate(parts: Sequence[Windows]) -> Windows:
    """Several end to end, their sentences numbered as they are."""
    together = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Windows)}
    for name in ("token_offsets", "word_offsets"):
        together[name] = offsets_from_counts(np.concatenate([np.diff(getattr(part, name)) for part in parts]))
    return Windows(**together)


def offsets_from_counts(counts: Array) -> Array:
    """Where rows of so many values begin when they lie end to end, and where the last one ends, (rows + 1,) int64."""
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def ragged_indices(starts: Array, counts: Array) -> Array:
    """The places of all values of rows that begin at `starts` and hold `counts` values, row after row, int64."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    places: Array = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return places


@dataclass(frozen=True, eq=False)
class PackedWords:
    """Sentences end to end. Sentence i has the words from `sentence_starts[i]` up to `sentence_starts[i + 1]`."""

    codepoints: Array  # (all letters,) int32, code points
    word_offsets: Array  # (words + 1,) int64, places in `letters`
    sentence_offsets: Array  # (sentences + 1,) int64, numbers of words

    def __len__(self) -> int:
        return len(self.sentence_offsets) - 1

    def get_words(self, sentence: int) -> list[str]:
        """The words of one sentence."""
        first, last = self.sentence_offsets[sentence : sentence + 2].tolist()
        starts = self.word_offsets[first : last + 1].tolist()
        letters = self.codepoints[starts[0] : starts[-1]].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return [letters[start - starts[0] : end - starts[0]] for start, end in pairwise(starts)]

    def take(self, sentences: Array) -> "PackedWords":
        """The sentences of these numbers, in that order."""
        words = np.diff(self.sentence_offsets)[sentences]
        places = ragged_indices(self.sentence_offsets[sentences], words)
        letters = np.diff(self.word_offsets)[places]
        kept = self.codepoints[ragged_indices(self.word_offsets[places], letters)]
        return PackedWords(kept, offsets_from_counts(letters), offsets_from_counts(words))


def pack_words(sentences: Sequence[Sequence[str]]) -> PackedWords:
    """The words of these sentences, none of which is empty."""
    words = list(chain.from_iterable(sentences))
    letters = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int32)
    word_starts = offsets_from_counts(np.fromiter(map(len, words), np.int64, len(words)))
    return PackedWords(
        letters, word_starts, offsets_from_counts(np.fromiter(map(len, sentences), np.int64, len(sentences)))
    )
