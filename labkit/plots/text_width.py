"""Display width and line breaking of text, Chinese included."""

import re
import unicodedata

# A word with the space before it, or a Chinese letter; each with the punctuation that must not begin a line.
_CHUNK = re.compile(r"\s*(?:[\u2e80-\uffef]|[^\s\u2e80-\uffef]+)[，。、；：！？）》」』】…]*")


def display_width(text: str) -> int:
    """Width of a text in digits; a Chinese letter counts as two."""
    return len(text) + wide_letters(text)


def wide_letters(text: str) -> int:
    """Number of wide letters in a text, like Chinese ones."""
    return 0 if text.isascii() else sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)


def split_chunks(text: str) -> list[str]:
    """Split a text into chunks after which a line may end.

    Together they are the text without its trailing spaces.

    >>> split_chunks("BERT 的轮数，3 epochs")
    ['BERT', ' 的', '轮', '数，', '3', ' epochs']
    """
    return _CHUNK.findall(text)
