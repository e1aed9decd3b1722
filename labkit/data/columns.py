"""What the columns of a file tell that no line tells alone: whether the first one numbers the words."""

import re
from collections import Counter
from collections.abc import Sequence

NUMBERED = 0.9  # of the sentences

_BESIDE = re.compile(r"\d+[-.]\d+")  # CoNLL-U's `3-4` before two words that are written as one, and `8.1` for none


class Columns:
    """How many columns the lines of a file have; lines repeat, and each is seen once."""

    def __init__(self) -> None:
        self.widths: Counter[int] = Counter()

    def see(self, line: str) -> None:
        self.widths[_width(line)] += 1

    @property
    def usual(self) -> int:
        return self.widths.most_common(1)[0][0]

    def number_words(self, sentences: Sequence[Sequence[str]]) -> bool:
        """Whether 0, 1, 2… or 1, 2, 3… was read for the words of nearly every sentence.

        Where there are but two columns there is no other word.
        """
        if self.usual < 3:
            return False
        numbered = [words for words in sentences if _counts_up(words)]
        return len(numbered) >= NUMBERED * len(sentences) and sum(len(words) > 1 for words in numbered) > 1


def _width(line: str) -> int:
    text = line.rstrip(" \t\r")
    return text.count("\t") + 1 if "\t" in text else sum(map(bool, text.split(" ")))


def _counts_up(words: Sequence[str]) -> bool:
    if words[0][0] not in "01":
        return False
    whole = [word for word in words if not _BESIDE.fullmatch(word)]
    return whole in ([str(number + first) for number in range(len(whole))] for first in (0, 1))
