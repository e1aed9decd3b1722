"""How wide a text is, and where a line of it may end, Chinese included."""

import re
import unicodedata

# A word with the space before it, or a Chinese letter; with it what must not begin a line.
_PIECE = re.compile(r"\s*(?:[\u2e80-\uffef]|[^\s\u2e80-\uffef]+)[，。、；：！？）》」』】…]*")


def display_width(text: str) -> int:
    """How wide a text is, in digits: a Chinese letter is as wide as two."""
    return len(text) + wide_letters(text)


def wide_letters(text: str) -> int:
    """How many of its letters are Chinese, or as wide."""
    return 0 if text.isascii() else sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)


def split_chunks(text: str) -> list[str]:
    """What a line may end after; together they are the text, but for spaces at its end.

    >>> pieces("BERT 的轮数，3 epochs")
    ['BERT', ' 的', '轮', '数，', '3', ' epochs']
    """
    return _PIECE.findall(text)
