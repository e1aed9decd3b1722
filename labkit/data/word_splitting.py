"""Word splitting: detects how a corpus splits text, and splits text likewise.

The words of a corpus are whole words, without or with their punctuation, or single characters (its granularity).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache
from itertools import islice, pairwise
from typing import NamedTuple

# Control and format characters, and variation selectors. No word consists of them and line separators alone. Those that
# are white space to `re`, such as U+2028, separate words; the others, such as a zero-width space, do not split a word.
_HIDDEN = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f"
    r"\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(rf"[{_HIDDEN}\t-\r\x1c-\x1f\x85\u2028\u2029]+")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_LETTER = re.compile(rf"(?![{_CJK}])\w")
# All other white space is a word, as in CoNLL files.
_VISIBLE = re.compile(rf"[^ \t-\r\x1c-\x1f\x85\u2028\u2029{_HIDDEN}]")
_WHITE_SPACE_WORD = re.compile(rf"(?![{_HIDDEN}])\S+")
_MARKS = ",;:!?"  # and the full stop, which ends abbreviations as well
_MIN_MARKED_SHARE = 0.1  # words that end in a mark, by sentence, in a corpus whose words have their punctuation
_SAMPLE_SENTENCES = 5000  # sentences that the granularity is detected from


class Granularity(StrEnum):
    """Unit that a corpus's words are."""

    WORDS = "words"
    WHITE_SPACE = "white space"  # with the punctuation on them, as white space divides a text
    CHARACTERS = "characters"  # without spaces, as in MSRA
    ALL_CHARACTERS = "all characters"  # with spaces and line ends, as in tables of texts

    @property
    def separator(self) -> str:
        """Text between two words."""
        return " " if self in (Granularity.WORDS, Granularity.WHITE_SPACE) else ""


class WordSpan(NamedTuple):
    """A word with its span in a text: `text[start:end] == word`."""

    word: str
    start: int
    end: int


def detect_granularity(sentences: Iterable[tuple[str, ...]]) -> Granularity:
    """Detects the granularity of a corpus from its first 5000 sentences.

    Chinese characters are words in any corpus, so Latin words and numbers decide: they are whole or split into
    characters. Whole words have their punctuation if more of them end in a mark than marks are words.
    """
    whole = split = spaces = 0
    sample = list(islice(sentences, _SAMPLE_SENTENCES))
    for words in sample:
        whole += sum(len(word) > 1 for word in words)
        spaces += sum(word in " \n" for word in words)
        letters = [_LETTER.fullmatch(word) is not None for word in words]
        split += sum(pair == (True, True) for pair in pairwise(letters))
    if whole > split:
        return Granularity.WHITE_SPACE if _have_punctuation(sample) else Granularity.WORDS
    return Granularity.ALL_CHARACTERS if spaces else Granularity.CHARACTERS


def _have_punctuation(sentences: Sequence[tuple[str, ...]]) -> bool:
    """True if the words of sentences have their punctuation: a full stop counts at the end of a sentence."""
    alone = sum(word in (*_MARKS, ".") for words in sentences for word in words)
    attached = sum(_ends_in(_MARKS, word) for words in sentences for word in words)
    attached += sum(_ends_in(".", words[-1]) for words in sentences)
    return attached > alone and attached >= _MIN_MARKED_SHARE * len(sentences)


def _ends_in(marks: str, word: str) -> bool:
    return word[-1] in marks and word[-2:-1].isalnum()


def split_text(text: str, granularity: Granularity) -> list[list[WordSpan]]:
    """Splits a text into sentences of words of this granularity.

    Each line is a sentence; where line ends are words, the whole text is one. Sentences without words are left out.

    >>> [[word for word, _, _ in line] for line in split_text("Obama's in 北京\\n\\nisn't he?", Granularity.WORDS)]
    [['Obama', "'s", 'in', '北', '京'], ['is', "n't", 'he', '?']]
    >>> [word for word, _, _ in split_text("在 U2 ", Granularity.CHARACTERS)[0]]
    ['在', 'U', '2']
    """
    if granularity == Granularity.ALL_CHARACTERS:
        starts = [start for start, word in enumerate(text) if word in "\t\n\r" or not is_invisible(word)]
        whole = [WordSpan(text[start], start, start + 1) for start in starts]
        return [whole] if any(not word.isspace() for word, _, _ in whole) else []
    pattern = _WHITE_SPACE_WORD if granularity == Granularity.WHITE_SPACE else _VISIBLE
    if granularity == Granularity.WORDS:
        pattern = _compile_word_pattern()
    lines, begin = [], 0
    for line in text.split("\n"):
        matches = pattern.finditer(line)
        lines.append([WordSpan(match.group(), begin + match.start(), begin + match.end()) for match in matches])
        begin += len(line) + 1
    return [line for line in lines if line]


def is_invisible(word: str) -> bool:
    """True if a non-empty word has control and format characters only."""
    return _INVISIBLE.fullmatch(word) is not None


@cache
def _compile_word_pattern() -> re.Pattern[str]:
    """Pattern of a text's words.

    It is compiled on first use: looking for all accents and vowel signs takes 30 ms. Web addresses, @names and #tags
    stay whole, as in the tweets of WNUT; each Chinese, Japanese or Korean character is a word, as in MSRA; 's and n't
    are split off their words, as in CoNLL. Accents and vowel signs belong to the character before them, as do an
    emoji's colour and what a joiner joins to it.
    """
    marks = [mark for mark in map(chr, range(0x300, 0x1F000)) if unicodedata.category(mark)[0] == "M"]
    bmp, astral = ("".join(mark for mark in marks if (mark <= "\uffff") == in_bmp) for in_bmp in (True, False))
    # `re` looks astral characters up one by one, so the lookahead skips that for all others.
    mark = rf"(?:[{bmp}]|(?![\0-\uffff])[{astral}\U0001f3fb-\U0001f3ff\U000e0020-\U000e01ef])"
    within = rf"(?:{mark}|[{_HIDDEN}])"
    letters = rf"[^\W{_CJK}]+"
    sign = rf"(?!{within})[^\w\s]{mark}*"
    return re.compile(
        rf"(?i:https?)://(?:{within}*(?!{within})\S)+|[@#]\w(?:{within}*\w)*{mark}*|[{_CJK}]{mark}*"
        rf"|(?:{letters}{within}+)*{letters}?(?=(?i:n't\b))|(?i:n't\b)|(?i:'(?:s|m|d|re|ve|ll)\b)"
        rf"|{letters}(?:{within}+{letters})*{mark}*|{sign}(?:{within}*(?<=\u200d){sign})*"
    )
