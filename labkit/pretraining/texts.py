"""Plain text of files as lines: a sentence, a paragraph or a review each, words known where the file tells them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from labkit.pretraining.segmentation import SegmentedLine, build_dictionary, segment
from labkit.pretraining.vocabulary import build_normalizer

_LINES_PER_GROUP = 16  # lines of a newspaper that are held out together, as neighbours tell of the same


@dataclass(frozen=True)
class TextSource:
    """A text of a few megabytes, in the order of its file."""

    name: str
    lines: tuple[SegmentedLine, ...]
    group_size: int = 1  # lines that belong together

    @property
    def num_characters(self) -> int:
        return sum(len(line.text) for line in self.lines)


def read_columns(path: Path) -> list[str]:
    """Sentences of a file with a character and its tag a line, and an empty line between sentences; tags are unread."""
    sentences: list[list[str]] = [[]]
    for line in _read_lines(path):
        columns = line.split()
        if columns:
            sentences[-1].append(columns[0])
        elif sentences[-1]:
            sentences.append([])
    return ["".join(sentence) for sentence in sentences if sentence]


def read_segmented(path: Path) -> list[list[str]]:
    """Words of a file with a paragraph a line, each word as `word/tag`, as People's Daily comes."""
    rows = [[token.rpartition("/")[0] or token for token in line.split()] for line in _read_lines(path)]
    return [row for row in rows if row]


def read_plain(path: Path) -> list[str]:
    """The lines of a text file that are not empty."""
    return [line for line in _read_lines(path) if line.strip()]


def prepare_sources(
    segmented: dict[str, list[list[str]]], newspapers: dict[str, list[str]], plain: dict[str, list[str]]
) -> list[TextSource]:
    """All texts, normalised, with words; those without any get the words of those that have some."""
    clean = _make_cached_normalizer()
    known = {name: [[clean(word) for word in row] for row in rows] for name, rows in segmented.items()}
    words = build_dictionary(row for rows in known.values() for row in rows)
    found = [TextSource(name, tuple(map(_join_words, rows)), _LINES_PER_GROUP) for name, rows in known.items()]
    for group, texts in ((_LINES_PER_GROUP, newspapers), (1, plain)):
        found += [
            TextSource(name, tuple(segment(clean(row), words) for row in rows), group) for name, rows in texts.items()
        ]
    return [deduplicate(source) for source in found]


def deduplicate(source: TextSource) -> TextSource:
    """Each line once: half of the reviews come twice, word for word."""
    return replace(source, lines=tuple({line.text: line for line in source.lines if line.text}.values()))


def split_held_out(source: TextSource, share: float, seed: int) -> tuple[TextSource, TextSource]:
    """What is trained on, and what is held out: about that share of the groups of lines."""
    groups = [source.lines[at : at + source.group_size] for at in range(0, len(source.lines), source.group_size)]
    held = np.random.default_rng([seed, len(groups)]).random(len(groups)) < share
    parts = [
        tuple(line for group, out in zip(groups, held, strict=True) if out == wanted for line in group)
        for wanted in (False, True)
    ]
    return replace(source, lines=parts[0]), replace(source, lines=parts[1])


def normalize_text(text: str) -> str:
    """A text as the tokenizer reads it, white space left out."""
    return "".join(build_normalizer().normalize_str(text).split())


def _make_cached_normalizer() -> Callable[[str], str]:
    """`clean`, with what it found for each text kept: words repeat."""
    own, seen = build_normalizer(), dict[str, str]()

    def cleaned(text: str) -> str:
        if text not in seen:
            seen[text] = "".join(own.normalize_str(text).split())
        return seen[text]

    return cleaned


def _join_words(words: list[str]) -> SegmentedLine:
    return SegmentedLine("".join(words), tuple(len(word) for word in words if word))


def _read_lines(path: Path) -> Iterator[str]:
    """Raises ValueError where the file cannot be read."""
    try:
        yield from path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise ValueError(f"text {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"text {path} is not UTF-8: {error.reason} at byte {error.start}; convert it first") from None
