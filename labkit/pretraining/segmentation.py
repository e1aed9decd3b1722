"""Words of texts that come without: forward maximum matching against a dictionary, longest match first."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_WORD_CHARACTERS = 6  # characters of a dictionary's word; nearly all longer ones are numbers and full names
_ALPHANUMERIC = re.compile(r"[a-z0-9.]*[a-z0-9]")  # one word, whatever is in it


@dataclass(frozen=True)
class SegmentedLine:
    """A normalised line without white space, and its words' lengths, which add up to its length."""

    text: str
    word_lengths: tuple[int, ...]


def build_dictionary(segmented: Iterable[Sequence[str]], min_count: int = 2) -> frozenset[str]:
    """The words of two characters or more that occur at least so often."""
    counts = Counter(word for words in segmented for word in words if 2 <= len(word) <= MAX_WORD_CHARACTERS)
    return frozenset(word for word, count in counts.items() if count >= min_count)


def segment(text: str, dictionary: frozenset[str]) -> SegmentedLine:
    """Cuts a line into words, from its start on; a character that begins none is a word of its own."""
    lengths = []
    place, end = 0, len(text)
    while place < end:
        length = _alphanumeric_length(text, place)
        if not length:
            length = next(
                (
                    n
                    for n in range(min(MAX_WORD_CHARACTERS, end - place), 1, -1)
                    if text[place : place + n] in dictionary
                ),
                1,
            )
        lengths.append(length)
        place += length
    return SegmentedLine(text, tuple(lengths))


def _alphanumeric_length(text: str, place: int) -> int:
    if text[place] > "z":  # not even worth asking, as nearly all are
        return 0
    found = _ALPHANUMERIC.match(text, place)
    return found.end() - place if found else 0
