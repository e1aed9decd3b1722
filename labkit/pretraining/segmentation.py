"""Words of texts that come without: forward maximum matching against a dictionary, longest match first."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONGEST = 6  # characters of a dictionary's word; nearly all longer ones are numbers and full names
_RUN = re.compile(r"[a-z0-9.]*[a-z0-9]")  # one word, whatever is in it


@dataclass(frozen=True)
class Line:
    """A normalised line without white space, and its words' lengths, which add up to its length."""

    text: str
    words: tuple[int, ...]


def dictionary(segmented: Iterable[Sequence[str]], least: int = 2) -> frozenset[str]:
    """The words of two characters or more that occur at least so often."""
    counts = Counter(word for words in segmented for word in words if 2 <= len(word) <= LONGEST)
    return frozenset(word for word, count in counts.items() if count >= least)


def segment(text: str, words: frozenset[str]) -> Line:
    """Cuts a line into words, from its start on; a character that begins none is a word of its own."""
    lengths = []
    place, end = 0, len(text)
    while place < end:
        length = _run(text, place)
        if not length:
            length = next((n for n in range(min(LONGEST, end - place), 1, -1) if text[place : place + n] in words), 1)
        lengths.append(length)
        place += length
    return Line(text, tuple(lengths))


def _run(text: str, place: int) -> int:
    if text[place] > "z":  # not even worth asking, as nearly all are
        return 0
    found = _RUN.match(text, place)
    return found.end() - place if found else 0
