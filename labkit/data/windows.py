"""Encoded sentences as a few flat arrays, however many there are: what a batch is taken from and a file is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, overload

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

MANY = 0.1  # of the words; an encoder of the corpus's language knows all but a few in a hundred


@dataclass(frozen=True)
class Window:
    """A sentence, or a part of a long one, as the encoder reads it.

    `first[i]` is the place of word i's first piece in `pieces`; `tags` is empty where none are known.
    """

    sentence: int
    pieces: tuple[int, ...]
    first: tuple[int, ...]
    tags: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Windows(Sequence[Window]):
    """Windows in the order of the text, end to end: about 16 bytes a word, in memory or mapped from a file.

    A number gives one Window; an array of numbers, a mask or a slice gives a Windows of those, in that order.
    Window i has the pieces from `piece_starts[i]` up to `piece_starts[i + 1]`, and likewise its words.
    """

    pieces: Array  # (all pieces,) int32, the tokenizer's own marks included
    piece_starts: Array  # (windows + 1,) int64
    first: Array  # (all words,) int32, the place of a word's first piece in its window
    tags: Array  # (all words,) int32, or (0,) where none are known
    word_starts: Array  # (windows + 1,) int64
    sentence: Array  # (windows,) int32, the sentence's number; windows of one sentence follow each other
    shortened: Array  # (windows,) int32, words of which only the beginning has room
    unreadable: Array  # (windows,) int32, words that the tokenizer has no piece for
    unknown: Array  # (windows,) int32, words of which it has the piece for what is unknown alone

    def __len__(self) -> int:
        return len(self.sentence)

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
        for number, sentence in enumerate(self.sentence.tolist()):
            pieces = slice(*self.piece_starts[number : number + 2].tolist())
            words = slice(*self.word_starts[number : number + 2].tolist())
            parts = (self.pieces[pieces], self.first[words], self.tags[words])
            yield Window(sentence, *(tuple(part.tolist()) for part in parts))

    @cached_property
    def lengths(self) -> Array:
        """Pieces of each window, (windows,) int64."""
        return np.diff(self.piece_starts)

    @cached_property
    def word_counts(self) -> Array:
        """Words of each window, (windows,) int64."""
        return np.diff(self.word_starts)

    @cached_property
    def sentence_starts(self) -> Array:
        """The first word of each sentence, and the number of all words at the end, (sentences + 1,) int64."""
        begins = np.flatnonzero(np.diff(self.sentence, prepend=-1))
        return np.append(self.word_starts[begins], self.word_starts[-1])

    @property
    def sentences(self) -> int:
        return len(self.sentence_starts) - 1

    @property
    def words(self) -> int:
        return len(self.first)

    def word_places(self, chosen: Array) -> Array:
        """Where the words of the chosen windows lie in `first` and `tags`, (their words,) int64."""
        return ragged(self.word_starts[chosen], self.word_counts[chosen])

    def arrays(self) -> dict[str, Array]:
        """All of it by name; `Windows(**arrays)` is the way back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _take(self, chosen: Array) -> "Windows":
        piece_counts = self.piece_starts[chosen + 1] - self.piece_starts[chosen]
        word_counts = self.word_starts[chosen + 1] - self.word_starts[chosen]
        words = ragged(self.word_starts[chosen], word_counts)
        return Windows(
            pieces=self.pieces[ragged(self.piece_starts[chosen], piece_counts)],
            piece_starts=starts_of(piece_counts),
            first=self.first[words],
            tags=self.tags[words] if len(self.tags) else self.tags,
            word_starts=starts_of(word_counts),
            sentence=self.sentence[chosen],
            shortened=self.shortened[chosen],
            unreadable=self.unreadable[chosen],
            unknown=self.unknown[chosen],
        )


def notes_on(*parts: Windows) -> list[str]:
    """What was cut or replaced in encoding these, a sentence each."""
    cut = sum(int(np.count_nonzero(np.bincount(part.sentence) > 1)) for part in parts)
    shortened = sum(int(part.shortened.sum()) for part in parts)
    unreadable = sum(int(part.unreadable.sum()) for part in parts)
    told = []
    if cut:
        told.append(f"{cut} sentences are longer than a window and were cut, at punctuation where there is any.")
    if shortened:
        told.append(f"{shortened} words are longer than a whole window; their ends are not read.")
    if unreadable:
        told.append(f"{unreadable} words have no piece in this tokenizer and are read as unknown.")
    words, unknown = sum(part.words for part in parts), sum(int(part.unknown.sum()) for part in parts)
    if unknown and unknown >= MANY * words:
        what = f"{unknown / words:.0%} of the words are unknown to this encoder, which reads them all alike"
        told.append(f"{what}; choose one that was trained on this language and script.")
    return told


def joined(parts: Sequence[Windows]) -> Windows:
    """Several end to end, their sentences numbered as they are."""
    together = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Windows)}
    for name in ("piece_starts", "word_starts"):
        together[name] = starts_of(np.concatenate([np.diff(getattr(part, name)) for part in parts]))
    return Windows(**together)


def starts_of(counts: Array) -> Array:
    """Where rows of so many values begin when they lie end to end, and where the last one ends, (rows + 1,) int64."""
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def ragged(starts: Array, counts: Array) -> Array:
    """The places of all values of rows that begin at `starts` and hold `counts` values, row after row, int64."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    places: Array = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return places


@dataclass(frozen=True, eq=False)
class Texts:
    """Sentences end to end. Sentence i has the words from `sentence_starts[i]` up to `sentence_starts[i + 1]`."""

    letters: Array  # (all letters,) int32, code points
    word_starts: Array  # (words + 1,) int64, places in `letters`
    sentence_starts: Array  # (sentences + 1,) int64, numbers of words

    def __len__(self) -> int:
        return len(self.sentence_starts) - 1

    def words(self, sentence: int) -> list[str]:
        """The words of one sentence."""
        first, last = self.sentence_starts[sentence : sentence + 2].tolist()
        starts = self.word_starts[first : last + 1].tolist()
        letters = self.letters[starts[0] : starts[-1]].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return [letters[start - starts[0] : end - starts[0]] for start, end in pairwise(starts)]

    def take(self, sentences: Array) -> "Texts":
        """The sentences of these numbers, in that order."""
        words = np.diff(self.sentence_starts)[sentences]
        places = ragged(self.sentence_starts[sentences], words)
        letters = np.diff(self.word_starts)[places]
        kept = self.letters[ragged(self.word_starts[places], letters)]
        return Texts(kept, starts_of(letters), starts_of(words))


def texts_of(sentences: Sequence[Sequence[str]]) -> Texts:
    """The words of these sentences, none of which is empty."""
    words = list(chain.from_iterable(sentences))
    letters = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int32)
    word_starts = starts_of(np.fromiter(map(len, words), np.int64, len(words)))
    return Texts(letters, word_starts, starts_of(np.fromiter(map(len, sentences), np.int64, len(sentences))))
