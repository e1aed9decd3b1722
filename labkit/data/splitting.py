"""How a corpus splits text into words, found out from its sentences, and a text split in the same way."""

import re
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice, pairwise
from typing import NamedTuple

# Web addresses, @names and #tags stay whole, as in the tweets of WNUT; each Chinese, Japanese or Korean character is a
# word, as in MSRA; 's and n't come apart from their words, as in CoNLL.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_PLAIN = rf"(?:(?![{_CJK}])\w)+"
_WORDS = re.compile(
    rf"https?://\S+|[@#]\w+|[{_CJK}]|{_PLAIN}?(?=n't\b)|n't\b|'(?:s|m|d|re|ve|ll)\b|{_PLAIN}|[^\w\s]", re.IGNORECASE
)
_LETTER = re.compile(rf"(?![{_CJK}])\w")
_UNSEEN = re.compile(r"[^ \t\r\n]")  # any other white space is a word in CoNLL files, too
_JUDGED = 5000  # sentences that are looked at


class Splitting(StrEnum):
    """What the words of a corpus are."""

    WORDS = "words"
    CHARACTERS = "characters"  # without the spaces between them, as in MSRA
    ALL_CHARACTERS = "all characters"  # spaces and line ends too, as in tables of texts


class Placed(NamedTuple):
    """A word with its place in a text: `text[start:end] == word`."""

    word: str
    start: int
    end: int


def splitting_of(sentences: Iterable[tuple[str, ...]]) -> Splitting:
    """What the words of these sentences are, judged by the first thousands.

    Chinese characters are words anywhere. What tells is whether Latin words and numbers come whole or apart.
    """
    whole = apart = spaces = 0
    for words in islice(sentences, _JUDGED):
        whole += sum(len(word) > 1 for word in words)
        spaces += sum(word in " \n" for word in words)
        letters = [_LETTER.fullmatch(word) is not None for word in words]
        apart += sum(both == (True, True) for both in pairwise(letters))
    if whole > apart:
        return Splitting.WORDS
    return Splitting.ALL_CHARACTERS if spaces else Splitting.CHARACTERS


def split(text: str, splitting: Splitting) -> list[list[Placed]]:
    """The sentences that a text is tagged as: each line, or all of it where line ends are words; none without words.

    >>> [[word for word, _, _ in line] for line in split("Obama's in 北京\\n\\nisn't he?", Splitting.WORDS)]
    [['Obama', "'s", 'in', '北', '京'], ['is', "n't", 'he', '?']]
    >>> [word for word, _, _ in split("在 U2 ", Splitting.CHARACTERS)[0]]
    ['在', 'U', '2']
    """
    if splitting == Splitting.ALL_CHARACTERS:
        return [[Placed(word, place, place + 1) for place, word in enumerate(text)]] if text.strip() else []
    pattern = _WORDS if splitting == Splitting.WORDS else _UNSEEN
    lines, begin = [], 0
    for line in text.split("\n"):
        found = pattern.finditer(line)
        lines.append([Placed(each.group(), begin + each.start(), begin + each.end()) for each in found])
        begin += len(line) + 1
    return [line for line in lines if line]
