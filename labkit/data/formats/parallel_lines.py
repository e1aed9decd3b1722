"""Folder of one split with two files: a sentence a line, and the tags of its words in the same line of the other.

Words are separated by spaces, as in `sentences.txt` and `tags.txt`, or `seq.in` and `seq.out`.
"""

import re
from itertools import zip_longest
from pathlib import Path

from labkit.data.corpus_files import SourceFile, hash_source
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.sentence_builder import SentenceBuilder
from labkit.data.formats.text_lines import read_lines
from labkit.messages import N_, Message

PAIRS = (
    ("sentences.txt", "tags.txt"),
    ("sentences.txt", "labels.txt"),
    ("words.txt", "labels.txt"),
    ("words.txt", "tags.txt"),
    ("seq.in", "seq.out"),
)


def recognises(folder: Path) -> bool:
    """True if a folder has one of PAIRS."""
    return _find_pair(folder) is not None


def read_folder(path: Path, display_path: str) -> ParsedFile:
    """Reads the two files. Raises ValueError with file, line and what was expected."""
    pair = _find_pair(path)
    assert pair, "a folder that is recognised has a pair"
    words_file, tags_file = pair
    of_words, word_lines = read_lines(path / words_file, f"{display_path}/{words_file}")
    parsed, tag_lines = read_lines(path / tags_file, f"{display_path}/{tags_file}")
    parsed.sha256 = hash_source(SourceFile(path, display_path))
    parsed.notes = [*of_words.notes, *parsed.notes]
    parsed.one_word_per_line = False
    builder = SentenceBuilder(parsed)
    nothing: list[str] = []
    lines = zip_longest(map(_split_line, word_lines), map(_split_line, tag_lines), fillvalue=nothing)
    for number, (words, tags) in enumerate(lines, 1):
        if len(words) != len(tags):
            text = N_("{tags} tags for the {words} words of the same line of {file}")
            raise parsed.error(number, Message(text, tags=len(tags), words=len(words), file=words_file))
        for word, tag in zip(words, tags, strict=True):
            builder.add_word(word, tag, number)
        builder.end_sentence()
    return builder.finish()


def _find_pair(folder: Path) -> tuple[str, str] | None:
    return next((pair for pair in PAIRS if all((folder / name).is_file() for name in pair)), None)


def _split_line(numbered: tuple[int, str]) -> list[str]:
    return [word for word in re.split("[ \t]+", numbered[1]) if word]
