"""What the columns of a file tell that no line tells alone: whether the first one numbers the words, and which lines
lack one."""

import re
from collections import Counter
from collections.abc import Sequence

MIN_NUMBERED_SHARE = 0.9  # of the sentences

_BESIDE = re.compile(r"\d+[-.]\d+")  # CoNLL-U's `3-4` before two words that are written as one, and `8.1` for none


class ColumnStats:
    """How many columns the lines of a file have; lines repeat, and each is seen once."""

    def __init__(self) -> None:
        self.widths: Counter[int] = Counter()
        self.first: dict[tuple[int, str], int] = {}  # line, by the number of its columns and its tag

    def add_line(self, line: str, tag: str, number: int) -> None:
        width = _width(line)
        self.widths[width] += 1
        self.first.setdefault((width, tag), number)

    @property
    def most_common_width(self) -> int:
        return self.widths.most_common(1)[0][0]

    def has_number_column(self, sentences: Sequence[Sequence[str]]) -> bool:
        """Whether 0, 1, 2… or 1, 2, 3… was read for the words of nearly every sentence.

        Where there are but two columns there is no other word.
        """
        if self.most_common_width < 3:
            return False
        numbered = [words for words in sentences if _is_numbering(words)]
        return len(numbered) >= MIN_NUMBERED_SHARE * len(sentences) and sum(len(words) > 1 for words in numbered) > 1

    def find_missing_tag_column(self) -> tuple[int, str] | None:
        """The first line whose tag is that of another column, as its own column is missing, and this in words.

        The line is shorter than most, and its type is none of theirs. That a line is shorter is not enough: a file put
        together of several has such lines, too.
        """
        usual = self.most_common_width
        types = {tag[2:] for width, tag in self.first if width >= usual} | {""}
        for (width, tag), line in self.first.items():
            if width < usual and tag[2:] not in types:
                what = f"{width} columns here, where most lines have {usual}, none of which has the type {tag[2:]}"
                return line, f"{what}; is the column of the tags missing?"
        return None

    def describe_uneven_lines(self) -> str | None:
        """Which lines have another number of columns than most, in words."""
        usual = self.most_common_width
        others = [(line, width) for (width, _), line in self.first.items() if width != usual]
        if not others:
            return None
        line, width = min(others)
        what = f"line {line} is the first with {width} columns, where most have {usual}"
        return f"{what}; the first is read as the word, the last as its tag"


def _width(line: str) -> int:
    text = line.rstrip(" \t\r")
    if "\t" in text or "  " not in text:
        return text.count("\t" if "\t" in text else " ") + 1
    return sum(map(bool, text.split(" ")))


def _is_numbering(words: Sequence[str]) -> bool:
    if words[0][0] not in "01":
        return False
    whole = [word for word in words if not _BESIDE.fullmatch(word)]
    return whole in ([str(number + first) for number in range(len(whole))] for first in (0, 1))
