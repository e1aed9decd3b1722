"""Where a text longer than a window is cut: at the best punctuation there is, and into few windows.

A text is split after its sentences; a sentence that is still too long is split at semicolons, then at commas and
colons, then at spaces, then between any two words, and only where nothing else helps inside a number, a Latin word of
single letters, or an entity. What lies side by side is then put together again for as long as it fits. All of it goes
by words, so no word is ever lost.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np

from labkit.data.windows import Array, offsets_from_counts, ragged_indices

# Grades of a place between two words, the best to cut at first.
SENTENCE, SEMICOLON, COMMA, SPACE, ANYWHERE, TOGETHER, ENTITY = range(7)


class WordClass(IntEnum):
    """What a word is to the question where to cut."""

    OTHER = 0
    LETTER = 1  # one small Latin letter: where words are characters, a part of a word
    CAPITAL = 2
    DIGIT = 3
    SPACE = 4
    NEWLINE = 5
    CLOSER = 6  # a quotation mark or bracket that belongs to what it ends
    END = 7
    DOT = 8  # an end, a decimal point or part of an abbreviation
    SEMICOLON = 9
    COMMA = 10
    POINT = 11  # "," and ":", which also stand in numbers and times
    ABBREVIATION = 12  # a dot behind it ends no sentence


_LAST = {
    **dict.fromkeys("。！？!?…｡", WordClass.END),
    **dict.fromkeys("；;", WordClass.SEMICOLON),
    **dict.fromkeys("，、：", WordClass.COMMA),
    **dict.fromkeys(",:", WordClass.POINT),
}
_CLOSERS = "”’」』）)】》〉〕]}\"'"
_ABBREVIATION = re.compile(
    r"(?:mr|mrs|ms|dr|prof|st|vs|inc|ltd|co|corp|no|jr|sr|etc|fig|gen|gov|sen|rep"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)",
    re.IGNORECASE,
)
_GRADES = np.full(len(WordClass), ANYWHERE, np.int8)
_GRADES[[WordClass.END, WordClass.DOT, WordClass.NEWLINE]] = SENTENCE
_GRADES[WordClass.SEMICOLON] = SEMICOLON
_GRADES[[WordClass.COMMA, WordClass.POINT]] = COMMA
_GRADES[WordClass.SPACE] = SPACE
_MAX_TRAILING = 8  # so many closing marks and spaces are kept with the sentence they follow


def classify_word(word: str) -> WordClass:
    """What a word is; words may be single characters, or whole words with their punctuation still on them.

    >>> [kind(word).name for word in ("。", "3", "U.S.", "home.", "said,", "”", "Inc")]
    ['END', 'DIGIT', 'OTHER', 'END', 'POINT', 'CLOSER', 'ABBREVIATION']
    """
    if word.isspace():
        return WordClass.NEWLINE if "\n" in word or "\r" in word or "\u2029" in word else WordClass.SPACE
    if len(word) == 1 and word.isascii() and word.isalnum():
        return WordClass.DIGIT if word.isdigit() else WordClass.CAPITAL if word.isupper() else WordClass.LETTER
    word = word.rstrip(_CLOSERS)
    if not word:
        return WordClass.CLOSER
    if word[-1] == ".":
        return _classify_dotted(word.rstrip("."), len(word))
    if _ABBREVIATION.fullmatch(word) or "." in word:
        return WordClass.ABBREVIATION
    return _LAST.get(word[-1], WordClass.OTHER)


def _classify_dotted(stem: str, length: int) -> WordClass:
    """The kind of a word of `length` that ends in dots, without which it is `stem`."""
    if not stem:
        return WordClass.DOT if length == 1 else WordClass.END
    short = len(stem) == 1 or stem.isdigit() or "." in stem or _ABBREVIATION.fullmatch(stem)
    return WordClass.OTHER if short else WordClass.END


def grade_cut_points(word_classes: Array, continues_entity: Array | None = None) -> Array:
    """How good it is to cut behind each word, (words,) int8: SENTENCE is best, ENTITY worst.

    Args:
        kinds: of the words, (words,) int8.
        inside: true for a word that goes on the entity of the word before it, (words,) bool.
    """
    before, after = _shift(word_classes, 1), _shift(word_classes, -1)
    single = _is_any_of(word_classes, WordClass.LETTER, WordClass.CAPITAL, WordClass.DIGIT)
    single_before, single_after = _shift(single, 1), _shift(single, -1)
    within = _is_any_of(word_classes, WordClass.DOT) & single_before & single_after  # 3.14, U.S, labkit.org
    within |= (
        _is_any_of(word_classes, WordClass.POINT)
        & _is_any_of(before, WordClass.DIGIT)
        & _is_any_of(after, WordClass.DIGIT)
    )  # 1,000 and 12:30
    initial = _is_any_of(before, WordClass.CAPITAL) & ~_shift(single, 2)  # J. Smith, and the last dot of U.S.
    short = _is_any_of(word_classes, WordClass.DOT) & (_is_any_of(before, WordClass.ABBREVIATION) | initial)
    own = np.where(short, ANYWHERE, _GRADES[word_classes]).astype(np.int8)
    own[within | (single & (single_after | _shift(within, -1)))] = TOGETHER

    opening = _is_any_of(word_classes, WordClass.CLOSER) & _is_any_of(
        before, WordClass.SPACE, WordClass.NEWLINE
    )  # where both look alike
    trailing = (
        _is_any_of(word_classes, WordClass.SPACE, WordClass.NEWLINE, WordClass.END, WordClass.DOT, WordClass.CLOSER)
        & ~opening
        & ~within
    )
    found = own
    for _ in range(_MAX_TRAILING):  # what ends a sentence is cut off behind all that still belongs to it
        handed = _shift(found, 1)
        found = np.where(trailing & (handed <= COMMA), np.minimum(own, handed), own)
    found = np.where((found <= COMMA) & _shift(trailing, -1), np.int8(TOGETHER), found)
    if continues_entity is not None:
        found[:-1][continues_entity[1:]] = ENTITY
    return found


def find_cut_points(grades: Array, token_offsets: Array, text_offsets: Array, capacity: int) -> Array:
    """The first word of each window, and the end of the last one, (windows + 1,) int64.

    Args:
        found: the grade of each place behind a word, (words,).
        ends: pieces before each word, and of all words, (words + 1,); no word has more than `room`.
        starts: the first word of each text, and the end of the last, (texts + 1,): a window never spans two texts.
        room: most pieces of a window.
    """
    edges = text_offsets
    for grade in range(ENTITY + 1):
        long = np.diff(token_offsets[edges]) > capacity
        if not long.any():
            break
        places = np.flatnonzero(grades[:-1] == grade) + 1
        edges = np.union1d(edges, places[long[np.searchsorted(edges, places, "right") - 1]])
    return _merge_neighbours(
        edges, token_offsets[edges].tolist(), np.searchsorted(edges, text_offsets).tolist(), capacity
    )


def _merge_neighbours(edges: Array, token_offsets: list[int], texts: list[int], capacity: int) -> Array:
    """Neighbours in one window for as long as they fit. `texts` are the numbers of the edges that texts begin at."""
    chosen = []
    for first, end in pairwise(texts):
        while first < end:
            chosen.append(first)
            first = max(first + 1, bisect_right(token_offsets, token_offsets[first] + capacity, first, end + 1) - 1)
    return edges[[*chosen, texts[-1]]]


@dataclass(frozen=True)
class WindowCutter:
    """Where sentences with more than `room` pieces are cut; what kind a word is, is asked of theirs only."""

    distinct_words: Sequence[str]
    capacity: int
    inside_tags: Array | None  # (tags,) bool, where entities are to be kept whole

    def cut(self, words: Array, tags: Array, token_offsets: Array, sentence_offsets: Array) -> Array:
        """The first word of each window with the end of the last, (windows + 1,).

        Args:
            words: their numbers, (words,).
            ends: pieces before each word, (words + 1,).
            starts: the first word of each sentence, and the end of the last, (sentences + 1,).
        """
        long = np.flatnonzero(np.diff(token_offsets[sentence_offsets]) > self.capacity)
        if not len(long):
            return sentence_offsets
        counts = np.diff(sentence_offsets)[long]
        places = ragged_indices(sentence_offsets[long], counts)
        different, which = np.unique(words[places], return_inverse=True)
        kinds = np.array([classify_word(self.distinct_words[number]) for number in different.tolist()], np.int8)[which]
        inside = np.zeros(len(places), bool) if self.inside_tags is None else self.inside_tags[tags[places]]
        apart = np.arange(len(places)) + np.repeat(np.arange(len(long)), counts)  # no sentence sees its neighbour's end
        found = grade_cut_points(_scatter(kinds, apart), _scatter(inside, apart))[apart]
        pieces = offsets_from_counts(np.diff(token_offsets)[places])
        return np.union1d(
            sentence_offsets, places[find_cut_points(found, pieces, offsets_from_counts(counts), self.capacity)[:-1]]
        )


def _is_any_of(kinds: Array, *wanted: WordClass) -> Array:
    table = np.zeros(len(WordClass), bool)
    table[list(wanted)] = True
    chosen: Array = table[kinds]
    return chosen


def _scatter(values: Array, places: Array) -> Array:
    """Values at these places, and 0 between them."""
    laid = np.zeros(places[-1] + 1, values.dtype)
    laid[places] = values
    return laid


def _shift(values: Array, by: int) -> Array:
    """Each word's value `by` words before it (behind it where negative); 0 at the edge."""
    moved = np.zeros_like(values)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved
