"""Cuts sentences that are longer than a window, at punctuation if possible.

A text is split after its sentences; a sentence that is still too long is split at semicolons, then at commas and
colons, then at spaces, then between any two words. Only if nothing else helps, it is split inside a number, a Latin
word of single letters, or an entity. Neighbours are then merged for as long as they fit. Cuts are between words, so no
word is lost.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np

from labkit.data.windows import Array, offsets_from_counts, ragged_indices

# Grades of a cut point between two words, the best first.
SENTENCE, SEMICOLON, COMMA, SPACE, ANYWHERE, TOGETHER, ENTITY = range(7)


class WordClass(IntEnum):
    """Class of a word for finding cut points."""

    OTHER = 0
    LETTER = 1  # one small Latin letter: part of a word, if the corpus's words are characters
    CAPITAL = 2
    DIGIT = 3
    SPACE = 4
    NEWLINE = 5
    CLOSER = 6  # a quotation mark or bracket, which belongs to the text before it
    END = 7
    DOT = 8  # an end, a decimal point or part of an abbreviation
    SEMICOLON = 9
    COMMA = 10
    POINT = 11  # "," and ":", which also occur in numbers and times
    ABBREVIATION = 12  # a dot after it ends no sentence


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
_MAX_TRAILING = 8  # closing marks and spaces that are kept with the sentence before them


def classify_word(word: str) -> WordClass:
    """Classifies a word: a character, or a word with its punctuation.

    >>> [classify_word(word).name for word in ("。", "3", "U.S.", "home.", "said,", "”", "Inc")]
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
        stem = word.rstrip(".")
        if not stem:
            return WordClass.DOT if len(word) == 1 else WordClass.END
        short = len(stem) == 1 or stem.isdigit() or "." in stem or _ABBREVIATION.fullmatch(stem)
        return WordClass.OTHER if short else WordClass.END
    if _ABBREVIATION.fullmatch(word) or "." in word:
        return WordClass.ABBREVIATION
    return _LAST.get(word[-1], WordClass.OTHER)


def grade_cut_points(word_classes: Array, continues_entity: Array | None = None) -> Array:
    """Grades the cut point after each word, (words,) int8: SENTENCE is best, ENTITY worst.

    Args:
        word_classes: (words,) int8.
        continues_entity: true for a word inside the entity of the word before it, (words,) bool.
    """
    before, after = _shift(word_classes, 1), _shift(word_classes, -1)
    is_dot = _is_any_of(word_classes, WordClass.DOT)
    single = _is_any_of(word_classes, WordClass.LETTER, WordClass.CAPITAL, WordClass.DIGIT)
    single_before, single_after = _shift(single, 1), _shift(single, -1)
    between_digits = _is_any_of(before, WordClass.DIGIT) & _is_any_of(after, WordClass.DIGIT)
    within = is_dot & single_before & single_after  # 3.14, U.S, labkit.org
    within |= _is_any_of(word_classes, WordClass.POINT) & between_digits  # 1,000 and 12:30
    initial = _is_any_of(before, WordClass.CAPITAL) & ~_shift(single, 2)  # J. Smith, and the last dot of U.S.
    abbreviated = is_dot & (_is_any_of(before, WordClass.ABBREVIATION) | initial)
    own = np.where(abbreviated, ANYWHERE, _GRADES[word_classes]).astype(np.int8)
    own[within | (single & (single_after | _shift(within, -1)))] = TOGETHER

    after_space = _is_any_of(before, WordClass.SPACE, WordClass.NEWLINE)
    opening = _is_any_of(word_classes, WordClass.CLOSER) & after_space  # an opening mark that looks like a closing one
    trailing = _is_any_of(
        word_classes, WordClass.SPACE, WordClass.NEWLINE, WordClass.END, WordClass.DOT, WordClass.CLOSER
    )
    trailing &= ~opening & ~within
    grades = own
    for _ in range(_MAX_TRAILING):  # moves the grade of a sentence's end behind all that still belongs to the sentence
        inherited = _shift(grades, 1)
        grades = np.where(trailing & (inherited <= COMMA), np.minimum(own, inherited), own)
    grades = np.where((grades <= COMMA) & _shift(trailing, -1), np.int8(TOGETHER), grades)
    if continues_entity is not None:
        grades[:-1][continues_entity[1:]] = ENTITY
    return grades


def find_cut_points(grades: Array, token_offsets: Array, text_offsets: Array, capacity: int) -> Array:
    """First word of each window, then the end, (windows + 1,) int64.

    Args:
        grades: grade of the cut point after each word, (words,).
        token_offsets: tokens before each word, and of all words, (words + 1,); no word has more than `capacity`.
        text_offsets: first word of each text, and the end of the last, (texts + 1,): no window spans two texts.
        capacity: most tokens of a window.
    """
    edges = text_offsets
    for grade in range(ENTITY + 1):
        too_long = np.diff(token_offsets[edges]) > capacity
        if not too_long.any():
            break
        candidates = np.flatnonzero(grades[:-1] == grade) + 1
        edges = np.union1d(edges, candidates[too_long[np.searchsorted(edges, candidates, "right") - 1]])

    # Merge neighbours for as long as they fit, within each text.
    tokens_before = token_offsets[edges].tolist()
    text_edges = np.searchsorted(edges, text_offsets).tolist()
    chosen = []
    for first, end in pairwise(text_edges):
        while first < end:
            chosen.append(first)
            first = max(first + 1, bisect_right(tokens_before, tokens_before[first] + capacity, first, end + 1) - 1)
    return edges[[*chosen, text_edges[-1]]]


@dataclass(frozen=True)
class WindowCutter:
    """Cuts sentences of more than `capacity` tokens into windows.

    Only the words of such sentences are classified.
    """

    distinct_words: Sequence[str]
    capacity: int
    inside_tags: Array | None  # (tags,) bool, true for tags inside an entity; None to cut regardless of entities

    def cut(self, words: Array, tags: Array, token_offsets: Array, sentence_offsets: Array) -> Array:
        """First word of each window, then the end, (windows + 1,).

        Args:
            words: indices into `distinct_words`, (words,).
            tags: tag ids, (words,); used only with `inside_tags`.
            token_offsets: tokens before each word, and of all words, (words + 1,).
            sentence_offsets: first word of each sentence, and the end of the last, (sentences + 1,).
        """
        too_long = np.flatnonzero(np.diff(token_offsets[sentence_offsets]) > self.capacity)
        if not len(too_long):
            return sentence_offsets
        counts = np.diff(sentence_offsets)[too_long]
        own = ragged_indices(sentence_offsets[too_long], counts)  # the words of these sentences
        distinct, which = np.unique(words[own], return_inverse=True)
        classes = np.array([classify_word(self.distinct_words[index]) for index in distinct.tolist()], np.int8)[which]
        inside = np.zeros(len(own), bool) if self.inside_tags is None else self.inside_tags[tags[own]]
        # A gap between sentences, so that none is graded by its neighbour's end.
        spaced = np.arange(len(own)) + np.repeat(np.arange(len(too_long)), counts)
        grades = grade_cut_points(_scatter(classes, spaced), _scatter(inside, spaced))[spaced]
        own_tokens = offsets_from_counts(np.diff(token_offsets)[own])
        starts = find_cut_points(grades, own_tokens, offsets_from_counts(counts), self.capacity)[:-1]
        return np.union1d(sentence_offsets, own[starts])


def _is_any_of(word_classes: Array, *wanted: WordClass) -> Array:
    table = np.zeros(len(WordClass), bool)
    table[list(wanted)] = True
    result: Array = table[word_classes]
    return result


def _scatter(values: Array, indices: Array) -> Array:
    """Values at these indices, and 0 between them."""
    scattered = np.zeros(indices[-1] + 1, values.dtype)
    scattered[indices] = values
    return scattered


def _shift(values: Array, by: int) -> Array:
    """Values of the words `by` places earlier (later if negative), or 0."""
    shifted = np.zeros_like(values)
    if by > 0:
        shifted[by:] = values[:-by]
    else:
        shifted[:by] = values[-by:]
    return shifted
