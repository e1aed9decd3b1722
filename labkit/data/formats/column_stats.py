"""Column statistics of a CoNLL file.

They reveal a first column that numbers the words, and lines without the tag column.
"""

import re
from collections import Counter
from collections.abc import Sequence

from labkit.messages import N_, Message

MIN_NUMBERED_SHARE = 0.9  # of the sentences

_SUBWORD_NUMBER = re.compile(r"\d+[-.]\d+")  # CoNLL-U: `3-4` before two words written as one, `8.1` for an empty node


class ColumnStats:
    """Counter of columns per line; equal lines count once."""

    def __init__(self) -> None:
        self.widths: Counter[int] = Counter()  # columns → lines
        self.first_lines: dict[tuple[int, str], int] = {}  # (columns, tag) → line number

    def add_line(self, line: str, tag: str, number: int) -> None:
        text = line.rstrip(" \t\r")
        if "\t" in text or "  " not in text:
            width = text.count("\t" if "\t" in text else " ") + 1
        else:
            width = sum(map(bool, text.split(" ")))
        self.widths[width] += 1
        self.first_lines.setdefault((width, tag), number)

    @property
    def most_common_width(self) -> int:
        return self.widths.most_common(1)[0][0]

    def has_number_column(self, sentences: Sequence[Sequence[str]]) -> bool:
        """True if nearly every sentence has numbers for words.

        The numbers are 0, 1, 2… or 1, 2, 3…. False with two columns, as the first one must be the word then.
        """
        if self.most_common_width < 3:
            return False
        numbered = [words for words in sentences if _is_numbering(words)]
        return len(numbered) >= MIN_NUMBERED_SHARE * len(sentences) and sum(len(words) > 1 for words in numbered) > 1

    def find_missing_tag_column(self) -> tuple[int, Message] | None:
        """First line without the tag column, and the problem.

        Another column was read as the tag there: the line is shorter than most, and no line of the usual length has its
        type. A shorter line alone is not enough, because files put together from several have such lines, too.
        """
        usual = self.most_common_width
        types = {_type(tag) for width, tag in self.first_lines if width >= usual} | {"O"}
        for (width, tag), line in self.first_lines.items():
            if width < usual and _type(tag) not in types:
                text = N_(
                    "{count} columns here, where most lines have {usual}, none of which has the type {type}; is the "
                    "column of the tags missing?"
                )
                return line, Message(text, count=width, usual=usual, type=_type(tag))
        return None

    def describe_uneven_lines(self, display_path: str) -> Message | None:
        """Note on the first line whose number of columns differs from most."""
        usual = self.most_common_width
        others = [(line, width) for (width, _), line in self.first_lines.items() if width != usual]
        if not others:
            return None
        line, width = min(others)
        text = N_(
            "{file}: line {line} is the first with {count} columns, where most have {usual}; the first is read as the "
            "word, the last as its tag."
        )
        return Message(text, file=display_path, line=line, count=width, usual=usual)


def _type(tag: str) -> str:
    return tag.split("-", 1)[-1]  # of a type alone, itself


def _is_numbering(words: Sequence[str]) -> bool:
    if words[0][0] not in "01":
        return False
    whole = [word for word in words if not _SUBWORD_NUMBER.fullmatch(word)]
    return whole in ([str(number + first) for number in range(len(whole))] for first in (0, 1))
