"""Chinese word segmentation by forward maximum matching against a dictionary."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_WORD_CHARACTERS = 6  # of a dictionary's word; nearly all longer ones are numbers and full names
_ALPHANUMERIC = re.compile(r"[a-z0-9.]*[a-z0-9]")  # a run of these is one word


@dataclass(frozen=True)
class SegmentedLine:
    """Normalised line without white space, and its words' lengths.

    The lengths add up to the length of the line.
    """

    text: str
    word_lengths: tuple[int, ...]


def build_dictionary(segmented: Iterable[Sequence[str]], min_count: int = 2) -> frozenset[str]:
    """Collects words of 2 to 6 characters that are frequent enough."""
    counts = Counter(word for words in segmented for word in words if 2 <= len(word) <= MAX_WORD_CHARACTERS)
    return frozenset(word for word, count in counts.items() if count >= min_count)


def segment(text: str, dictionary: frozenset[str]) -> SegmentedLine:
    """Splits a line into words, the longest match first.

    A character that begins no word of the dictionary is a word of its own.
    """
    lengths: list[int] = []
    start, end = 0, len(text)
    while start < end:
        # Nearly all characters are above "z", and comparing is faster than matching.
        if text[start] <= "z" and (match := _ALPHANUMERIC.match(text, start)):
            length = match.end() - start
        else:
            candidates = range(min(MAX_WORD_CHARACTERS, end - start), 1, -1)
            length = next((n for n in candidates if text[start : start + n] in dictionary), 1)
        lengths.append(length)
        start += length
    return SegmentedLine(text, tuple(lengths))
