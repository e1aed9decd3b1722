"""Readers and preparation of pretraining texts.

A text is a list of lines, each a sentence, a paragraph or a review, segmented into words.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, compress
from pathlib import Path

import numpy as np

from labkit.messages import N_, Message
from labkit.pretraining.segmentation import SegmentedLine, build_dictionary, segment
from labkit.pretraining.vocabulary import build_normalizer

_NORMALIZER = build_normalizer()
_LINES_PER_GROUP = 16  # lines of a newspaper that are held out together, as neighbours are about the same


@dataclass(frozen=True)
class TextSource:
    """Text of a few megabytes, in the order of its file."""

    name: str
    lines: tuple[SegmentedLine, ...]
    group_size: int = 1  # number of consecutive lines that are held out together

    @property
    def num_characters(self) -> int:
        return sum(len(line.text) for line in self.lines)


def read_columns(path: Path) -> list[str]:
    """Reads sentences of a column file, one character per line.

    The first column of a line is the character; tags are ignored. Empty lines separate sentences.
    """
    sentences: list[list[str]] = [[]]
    for line in _read_lines(path):
        columns = line.split()
        if columns:
            sentences[-1].append(columns[0])
        elif sentences[-1]:
            sentences.append([])
    return ["".join(sentence) for sentence in sentences if sentence]


def read_segmented(path: Path) -> list[list[str]]:
    """Reads words of a `word/tag` file, one paragraph per line.

    People's Daily has this format.
    """
    rows = [[token.rpartition("/")[0] or token for token in line.split()] for line in _read_lines(path)]
    return [row for row in rows if row]


def read_plain(path: Path) -> list[str]:
    """Reads the lines of a text file that are not empty."""
    return [line for line in _read_lines(path) if line.strip()]


def prepare_sources(
    segmented: dict[str, list[list[str]]], newspapers: dict[str, list[str]], plain: dict[str, list[str]]
) -> list[TextSource]:
    """Normalises, segments and deduplicates texts.

    Args:
        segmented: texts with words, which also make the dictionary that segments the others.
        newspapers: texts whose neighbouring lines are held out together.
        plain: all other texts.
    """
    normalize = functools.cache(normalize_text)  # words repeat
    rows = {name: [[normalize(word) for word in row] for row in text] for name, text in segmented.items()}
    dictionary = build_dictionary(chain.from_iterable(rows.values()))
    sources = []
    for name, paragraphs in rows.items():
        lines = tuple(SegmentedLine("".join(row), tuple(len(word) for word in row if word)) for row in paragraphs)
        sources.append(TextSource(name, lines, _LINES_PER_GROUP))
    for group_size, texts in ((_LINES_PER_GROUP, newspapers), (1, plain)):
        for name, text in texts.items():
            lines = tuple(segment(normalize(line), dictionary) for line in text)
            sources.append(TextSource(name, lines, group_size))
    return [deduplicate(source) for source in sources]


def deduplicate(source: TextSource) -> TextSource:
    """Keeps each line once: half of the reviews occur twice, word for word."""
    return replace(source, lines=tuple({line.text: line for line in source.lines if line.text}.values()))


def split_held_out(source: TextSource, share: float, seed: int) -> tuple[TextSource, TextSource]:
    """Splits a source into a training text and a held-out text.

    About `share` of the groups of lines are held out.
    """
    groups = -(-len(source.lines) // source.group_size)
    is_held_out = np.repeat(np.random.default_rng([seed, groups]).random(groups) < share, source.group_size)
    train, held_out = (tuple(compress(source.lines, chosen)) for chosen in (~is_held_out, is_held_out))
    return replace(source, lines=train), replace(source, lines=held_out)


def normalize_text(text: str) -> str:
    """Normalises a text as the tokenizer does, and removes white space."""
    return "".join(_NORMALIZER.normalize_str(text).split())


def _read_lines(path: Path) -> Iterator[str]:
    """Yields the lines of a file. Raises ValueError if it cannot be read."""
    try:
        yield from path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        problem = error.strerror or str(error)
        raise ValueError(Message("text {file} cannot be read: {problem}", file=str(path), problem=problem)) from None
    except UnicodeDecodeError as error:
        text = N_("text {file} is not UTF-8: {problem} at byte {offset}; convert it first")
        raise ValueError(Message(text, file=str(path), problem=error.reason, offset=error.start)) from None
