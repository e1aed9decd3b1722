"""How a corpus splits text into words, found out from its sentences, and a text split in the same way."""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from itertools import islice, pairwise
from typing import NamedTuple

# Control and format characters, variation selectors, and separators of lines: no word is made of them alone. Those that
# are white space to `re`, U+2028 among them, come between words; the others, as a zero-width space, cut none in two.
_HIDDEN = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f"
    r"\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(rf"[{_HIDDEN}\t-\r\x1c-\x1f\x85\u2028\u2029]+")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_LETTER = re.compile(rf"(?![{_CJK}])\w")
# Any white space but these is a word in CoNLL files, too.
_VISIBLE = re.compile(rf"[^ \t-\r\x1c-\x1f\x85\u2028\u2029{_HIDDEN}]")
_SAMPLE_SENTENCES = 5000  # sentences that are looked at


class Granularity(StrEnum):
    """What the words of a corpus are."""

    WORDS = "words"
    CHARACTERS = "characters"  # without the spaces between them, as in MSRA
    ALL_CHARACTERS = "all characters"  # spaces and line ends too, as in tables of texts


class WordSpan(NamedTuple):
    """A word with its place in a text: `text[start:end] == word`."""

    word: str
    start: int
    end: int


def detect_granularity(sentences: Iterable[tuple[str, ...]]) -> Granularity:
    """What the words of these sentences are, judged by the first thousands.

    Chinese characters are words anywhere. What tells is whether Latin words and numbers come whole or apart.
    """
    whole = apart = spaces = 0
    for words in islice(sentences, _SAMPLE_SENTENCES):
        whole += sum(len(word) > 1 for word in words)
        spaces += sum(word in " \n" for word in words)
        letters = [_LETTER.fullmatch(word) is not None for word in words]
        apart += sum(both == (True, True) for both in pairwise(letters))
    if whole > apart:
        return Granularity.WORDS
    return Granularity.ALL_CHARACTERS if spaces else Granularity.CHARACTERS


def split_text(text: str, granularity: Granularity) -> list[list[WordSpan]]:
    """The sentences that a text is tagged as: each line, or all of it where line ends are words; none without words.

    >>> [[word for word, _, _ in line] for line in split("Obama's in 北京\\n\\nisn't he?", Splitting.WORDS)]
    [['Obama', "'s", 'in', '北', '京'], ['is', "n't", 'he', '?']]
    >>> [word for word, _, _ in split("在 U2 ", Splitting.CHARACTERS)[0]]
    ['在', 'U', '2']
    """
    if granularity == Granularity.ALL_CHARACTERS:
        places = [place for place, word in enumerate(text) if word in "\t\n\r" or not is_invisible(word)]
        whole = [WordSpan(text[place], place, place + 1) for place in places]
        return [whole] if any(not word.isspace() for word, _, _ in whole) else []
    pattern = _compile_word_pattern() if granularity == Granularity.WORDS else _VISIBLE
    lines, begin = [], 0
    for line in text.split("\n"):
        found = pattern.finditer(line)
        lines.append([WordSpan(each.group(), begin + each.start(), begin + each.end()) for each in found])
        begin += len(line) + 1
    return [line for line in lines if line]


def is_invisible(word: str) -> bool:
    """Whether a word, of one character or more, holds control and format characters alone."""
    return _INVISIBLE.fullmatch(word) is not None


@cache
def _compile_word_pattern() -> re.Pattern[str]:
    """Words of a text. Made when first asked for: looking for all accents and vowel signs takes 30 ms.

    Web addresses, @names and #tags stay whole, as in the tweets of WNUT; each Chinese, Japanese or Korean character is
    a word, as in MSRA; 's and n't come apart from their words, as in CoNLL. Accents and vowel signs belong to the
    character before them, as do an emoji's colour and what a joiner joins to it.
    """
    marks = [each for each in map(chr, range(0x300, 0x1F000)) if unicodedata.category(each)[0] == "M"]
    near, far = ("".join(each for each in marks if (each <= "\uffff") == is_near) for is_near in (True, False))
    # `re` looks far characters up one by one, so only where one stands.
    mark = rf"(?:[{near}]|(?![\0-\uffff])[{far}\U0001f3fb-\U0001f3ff\U000e0020-\U000e01ef])"
    within = rf"(?:{mark}|[{_HIDDEN}])"
    letters = rf"[^\W{_CJK}]+"
    sign = rf"(?!{within})[^\w\s]{mark}*"
    return re.compile(
        rf"(?i:https?)://(?:{within}*(?!{within})\S)+|[@#]\w(?:{within}*\w)*{mark}*|[{_CJK}]{mark}*"
        rf"|(?:{letters}{within}+)*{letters}?(?=(?i:n't\b))|(?i:n't\b)|(?i:'(?:s|m|d|re|ve|ll)\b)"
        rf"|{letters}(?:{within}+{letters})*{mark}*|{sign}(?:{within}*(?<=\u200d){sign})*"
    )
