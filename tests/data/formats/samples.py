"""A corpus that every format is written with, and the reading of a file."""

from pathlib import Path

from labkit.data.formats import format_of
from labkit.data.formats.parsed_file import ParsedFile

Sentences = list[tuple[tuple[str, ...], tuple[str, ...]]]

SENTENCES: Sentences = [
    (("EU", "rejects", "German", "call", "."), ("B-ORG", "O", "B-MISC", "O", "O")),
    (("Zoë", "Müller", "in", "北", "京", "😀"), ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O")),
    (('"', "a,b", "O'Hara", "#", "1-2"), ("O", "O", "B-PER", "O", "O")),
    (("Ulm",), ("B-LOC",)),
]


def read(path: Path) -> ParsedFile:
    """Reads with the format that is recognised; messages show the name alone."""
    return format_of(path).read(path, path.name)


def pairs(parsed: ParsedFile) -> Sentences:
    return [(sentence.words, sentence.tags) for sentence in parsed.sentences]
