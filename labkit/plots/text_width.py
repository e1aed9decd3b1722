"""Display width and line breaking of text, Chinese included."""

import re
import unicodedata
from collections.abc import Sequence

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


def fit_text(text: str, width_in: float, lines: int, size_pt: float, bold: bool = False) -> str:
    """Wrap a text to `lines` lines of `width_in` inches.

    It is broken at ` · ` if it has any, otherwise between words or Chinese letters. What does not fit becomes `…`.
    """
    room = width_in / _letter_width_in(size_pt, bold)
    parts = text.replace(" · ", " ·\n ").split("\n") if " · " in text else split_chunks(text)
    broken: list[str] = []
    line = ""
    for part in parts:
        if line and _width_in_letters(line + part.removesuffix(" ·")) > room:
            broken.append(line)
            line = ""
        line += part
    broken.append(line)
    kept = [line.strip() for line in (*broken[: lines - 1], "".join(broken[lines - 1 :]))]
    return "\n".join(_truncate(line.removesuffix(" ·"), room) for line in kept if line)


def pick_fitting(versions: Sequence[str], width_in: float, size_pt: float, bold: bool = False) -> str:
    """First of several versions of a text that fits into one line, else the last one."""
    return next((text for text in versions if text_width_in(text, size_pt, bold) <= width_in), versions[-1])


def text_width_in(text: str, size_pt: float, bold: bool = False) -> float:
    """Estimated width of a line in inches."""
    return _width_in_letters(text) * _letter_width_in(size_pt, bold)


def _letter_width_in(size_pt: float, bold: bool) -> float:
    """Mean width of a letter of DejaVu Sans in inches."""
    return size_pt / 72 * (0.64 if bold else 0.57)


def _truncate(line: str, room: float) -> str:
    if _width_in_letters(line) <= room:
        return line
    while line and _width_in_letters(line + "…") > room:
        line = line[:-1]
    return line.rstrip() + "…"


def _width_in_letters(text: str) -> float:
    """Width in Latin letters; a Chinese letter counts as 1.7."""
    return len(text) + 0.7 * wide_letters(text)
