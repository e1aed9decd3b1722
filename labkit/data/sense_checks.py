"""Sense checks of a corpus: files that can be read, but hardly say what their owner means.

Each check returns a sentence with the way out, or None; it never refuses.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from labkit.data.formats.parsed_file import ParsedFile
from labkit.messages import N_, Message

if TYPE_CHECKING:
    from labkit.data.corpora import Sentence

SAMPLE = 5000  # sentences that are looked at
FEW_WORDS = 30  # distinct ones, below which nothing is concluded
MOST = 0.95  # share of the words
LONG_WORD = 20  # characters, or spaces inside, as no word has them
SOME_PIECES = 0.01  # share of the words
MANY_SHARED = 0.5  # share of the sentences of a split that another one has, too
LONG_SENTENCE = 1000  # words, as nobody writes them
LONG_ALONE = 200  # words of a file's only sentence
FEW_TAGS = 10  # words, below which nothing is concluded from equal tags

_PREFIX = re.compile(r"[^\W_](?:-?[^\W_]){0,11}[:/|_#]")
_WORD_AND_DIGIT = re.compile(r"[^\W\d_]+\d")
_ANY_AND_DIGIT = re.compile(r".*\D\d|\d\d+")  # numbers and punctuation, too
_PIECE = re.compile(r"(?:##|▁)\w|\[(?:CLS|SEP|PAD|UNK|MASK)\]$|<(?:s|/s|pad|unk)>$|.*\w</w>$")
_SPACE_MARK = "Ġ"  # of byte-level BPE; also a letter of Maltese


def check_sense(sentences: Sequence["Sentence"]) -> list[Message]:
    """Sentences on what looks senseless in a split; empty for a sound one."""
    sample = [sentence.words for sentence in islice(sentences, SAMPLE)]
    return [problem for check in CHECKS if (problem := check(sample))]


def sentences_as_words(sample: Sequence[tuple[str, ...]]) -> Message | None:
    """Most words are as long as a sentence, or have spaces inside."""
    words = list(chain.from_iterable(sample))
    long = [word for word in words if len(word) >= LONG_WORD or len(word.split()) > 1]
    if len(words) < 2 or len(long) < 0.8 * len(words):
        return None
    text = N_("most words are whole sentences, such as {word!r}: write a word a line, a blank line after a sentence")
    return Message(text, word=long[0][:40])


def common_prefix(sample: Sequence[tuple[str, ...]]) -> Message | None:
    """Nearly all words begin with the same mark, such as `en:`."""
    words = list(chain.from_iterable(sample))
    found = Counter(match[0] for word in words if (match := _PREFIX.match(word)))
    if len(set(words)) < FEW_WORDS or not found:
        return None
    prefix, count = found.most_common(1)[0]
    if count < MOST * len(words):
        return None
    text = N_("{share} of the words begin with {prefix!r}, which an encoder has never seen there: cut it off")
    return Message(text, share=f"{100 * count / len(words):.0f} %", prefix=prefix)


def digit_behind_words(sample: Sequence[tuple[str, ...]]) -> Message | None:
    """Nearly all words end in one digit, as if a column had lost its separator."""
    words = list(chain.from_iterable(sample))
    plain, count = (
        sum(pattern.fullmatch(word) is not None for word in words) for pattern in (_WORD_AND_DIGIT, _ANY_AND_DIGIT)
    )
    if len(set(words)) < FEW_WORDS or plain < 0.5 * len(words) or count < MOST * len(words):
        return None
    text = N_("{share} of the words end in a digit, such as {word!r}: has a column lost its separator?")
    example = next(word for word in words if _WORD_AND_DIGIT.fullmatch(word))
    return Message(text, share=f"{100 * count / len(words):.0f} %", word=example)


def tokenizer_pieces(sample: Sequence[tuple[str, ...]]) -> Message | None:
    """Pieces and marks of a tokenizer stand where words should."""
    words = list(chain.from_iterable(sample))
    pieces = [word for word in words if _PIECE.match(word)]
    spaced = [word for word in words if word.startswith(_SPACE_MARK)]
    if len(spaced) > 0.3 * len(words):
        pieces += spaced
    if not words or len(pieces) < SOME_PIECES * len(words):
        return None
    text = N_("{count:,} words are pieces or marks of a tokenizer, such as {word!r}: write whole words instead")
    return Message(text, count=len(pieces), word=pieces[0])


def missing_blank_lines(file: ParsedFile) -> Message | None:
    """A sentence is longer than anybody writes, or all of a file, which has a word a line."""
    longest = max(file.sentences, key=lambda sentence: len(sentence.words))
    limit = LONG_ALONE if len(file.sentences) == 1 else LONG_SENTENCE
    if not file.one_word_per_line or len(longest.words) <= limit:
        return None
    text = N_(
        "{file}: the longest sentence has {count} words (from line {line}); are blank lines between sentences missing?"
    )
    return Message(text, file=file.display_path, count=len(longest.words), line=longest.line)


def is_placeholder(test: Sequence["Sentence"], train: Sequence["Sentence"]) -> bool:
    """True for a test split that has one and the same tag everywhere, where train has others: real ones are secret."""
    tags, known = ({tag for sentence in split for tag in sentence.tags} for split in (test, train))
    words = sum(len(sentence.words) for sentence in test)
    return len(tags) == 1 and len(known | {"O"}) > 1 and (tags == {"O"} or (words >= FEW_TAGS and known != tags))


CHECKS: tuple[Callable[[Sequence[tuple[str, ...]]], Message | None], ...] = (
    sentences_as_words,
    common_prefix,
    digit_behind_words,
    tokenizer_pieces,
)
