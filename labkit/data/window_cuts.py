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

from labkit.data.windows import Array, ragged, starts_of

# Grades of a place between two words, the best to cut at first.
SENTENCE, SEMICOLON, COMMA, SPACE, ANYWHERE, TOGETHER, ENTITY = range(7)


class Kind(IntEnum):
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
    **dict.fromkeys("。！？!?…｡", Kind.END),
    **dict.fromkeys("；;", Kind.SEMICOLON),
    **dict.fromkeys("，、：", Kind.COMMA),
    **dict.fromkeys(",:", Kind.POINT),
}
_CLOSERS = "”’」』）)】》〉〕]}\"'"
_ABBREVIATION = re.compile(
    r"(?:mr|mrs|ms|dr|prof|st|vs|inc|ltd|co|corp|no|jr|sr|etc|fig|gen|gov|sen|rep"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)",
    re.IGNORECASE,
)
_GRADES = np.full(len(Kind), ANYWHERE, np.int8)
_GRADES[[Kind.END, Kind.DOT, Kind.NEWLINE]] = SENTENCE
_GRADES[Kind.SEMICOLON] = SEMICOLON
_GRADES[[Kind.COMMA, Kind.POINT]] = COMMA
_GRADES[Kind.SPACE] = SPACE
_RUN = 8  # so many closing marks and spaces are kept with the sentence they follow


def kind(word: str) -> Kind:
    """What a word is; words may be single characters, or whole words with their punctuation still on them.

    >>> [kind(word).name for word in ("。", "3", "U.S.", "home.", "said,", "”", "Inc")]
    ['END', 'DIGIT', 'OTHER', 'END', 'POINT', 'CLOSER', 'ABBREVIATION']
    """
    if word.isspace():
        return Kind.NEWLINE if "\n" in word or "\r" in word or "\u2029" in word else Kind.SPACE
    if len(word) == 1 and word.isascii() and word.isalnum():
        return Kind.DIGIT if word.isdigit() else Kind.CAPITAL if word.isupper() else Kind.LETTER
    word = word.rstrip(_CLOSERS)
    if not word:
        return Kind.CLOSER
    if word[-1] == ".":
        return _dotted(word.rstrip("."), len(word))
    if _ABBREVIATION.fullmatch(word) or "." in word:
        return Kind.ABBREVIATION
    return _LAST.get(word[-1], Kind.OTHER)


def _dotted(stem: str, length: int) -> Kind:
    """The kind of a word of `length` that ends in dots, without which it is `stem`."""
    if not stem:
        return Kind.DOT if length == 1 else Kind.END
    short = len(stem) == 1 or stem.isdigit() or "." in stem or _ABBREVIATION.fullmatch(stem)
    return Kind.OTHER if short else Kind.END


def grades(kinds: Array, inside: Array | None = None) -> Array:
    """How good it is to cut behind each word, (words,) int8: SENTENCE is best, ENTITY worst.

    Args:
        kinds: of the words, (words,) int8.
        inside: true for a word that goes on the entity of the word before it, (words,) bool.
    """
    before, after = _shifted(kinds, 1), _shifted(kinds, -1)
    single = _is(kinds, Kind.LETTER, Kind.CAPITAL, Kind.DIGIT)
    single_before, single_after = _shifted(single, 1), _shifted(single, -1)
    within = _is(kinds, Kind.DOT) & single_before & single_after  # 3.14, U.S, labkit.org
    within |= _is(kinds, Kind.POINT) & _is(before, Kind.DIGIT) & _is(after, Kind.DIGIT)  # 1,000 and 12:30
    initial = _is(before, Kind.CAPITAL) & ~_shifted(single, 2)  # J. Smith, and the last dot of U.S.
    short = _is(kinds, Kind.DOT) & (_is(before, Kind.ABBREVIATION) | initial)
    own = np.where(short, ANYWHERE, _GRADES[kinds]).astype(np.int8)
    own[within | (single & (single_after | _shifted(within, -1)))] = TOGETHER

    opening = _is(kinds, Kind.CLOSER) & _is(before, Kind.SPACE, Kind.NEWLINE)  # where both look alike
    trailing = _is(kinds, Kind.SPACE, Kind.NEWLINE, Kind.END, Kind.DOT, Kind.CLOSER) & ~opening & ~within
    found = own
    for _ in range(_RUN):  # what ends a sentence is cut off behind all that still belongs to it
        handed = _shifted(found, 1)
        found = np.where(trailing & (handed <= COMMA), np.minimum(own, handed), own)
    found = np.where((found <= COMMA) & _shifted(trailing, -1), np.int8(TOGETHER), found)
    if inside is not None:
        found[:-1][inside[1:]] = ENTITY
    return found


def cuts(found: Array, ends: Array, starts: Array, room: int) -> Array:
    """The first word of each window, and the end of the last one, (windows + 1,) int64.

    Args:
        found: the grade of each place behind a word, (words,).
        ends: pieces before each word, and of all words, (words + 1,); no word has more than `room`.
        starts: the first word of each text, and the end of the last, (texts + 1,): a window never spans two texts.
        room: most pieces of a window.
    """
    edges = starts
    for grade in range(ENTITY + 1):
        long = np.diff(ends[edges]) > room
        if not long.any():
            break
        places = np.flatnonzero(found[:-1] == grade) + 1
        edges = np.union1d(edges, places[long[np.searchsorted(edges, places, "right") - 1]])
    return _together(edges, ends[edges].tolist(), np.searchsorted(edges, starts).tolist(), room)


def _together(edges: Array, pieces: list[int], texts: list[int], room: int) -> Array:
    """Neighbours in one window for as long as they fit. `texts` are the numbers of the edges that texts begin at."""
    chosen = []
    for first, end in pairwise(texts):
        while first < end:
            chosen.append(first)
            first = max(first + 1, bisect_right(pieces, pieces[first] + room, first, end + 1) - 1)
    return edges[[*chosen, texts[-1]]]


@dataclass(frozen=True)
class Cutter:
    """Where sentences with more than `room` pieces are cut; what kind a word is, is asked of theirs only."""

    distinct: Sequence[str]
    room: int
    goes_on: Array | None  # (tags,) bool, where entities are to be kept whole

    def cut(self, words: Array, tags: Array, ends: Array, starts: Array) -> Array:
        """The first word of each window with the end of the last, (windows + 1,).

        Args:
            words: their numbers, (words,).
            ends: pieces before each word, (words + 1,).
            starts: the first word of each sentence, and the end of the last, (sentences + 1,).
        """
        long = np.flatnonzero(np.diff(ends[starts]) > self.room)
        if not len(long):
            return starts
        counts = np.diff(starts)[long]
        places = ragged(starts[long], counts)
        different, which = np.unique(words[places], return_inverse=True)
        kinds = np.array([kind(self.distinct[number]) for number in different.tolist()], np.int8)[which]
        inside = np.zeros(len(places), bool) if self.goes_on is None else self.goes_on[tags[places]]
        apart = np.arange(len(places)) + np.repeat(np.arange(len(long)), counts)  # no sentence sees its neighbour's end
        found = grades(_laid_out(kinds, apart), _laid_out(inside, apart))[apart]
        pieces = starts_of(np.diff(ends)[places])
        return np.union1d(starts, places[cuts(found, pieces, starts_of(counts), self.room)[:-1]])


def _is(kinds: Array, *wanted: Kind) -> Array:
    table = np.zeros(len(Kind), bool)
    table[list(wanted)] = True
    chosen: Array = table[kinds]
    return chosen


def _laid_out(values: Array, places: Array) -> Array:
    """Values at these places, and 0 between them."""
    laid = np.zeros(places[-1] + 1, values.dtype)
    laid[places] = values
    return laid


def _shifted(values: Array, by: int) -> Array:
    """Each word's value `by` words before it (behind it where negative); 0 at the edge."""
    moved = np.zeros_like(values)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved
