"""Keeps sentences that somebody will be tested on out of a text, whole or in part."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from labkit.pretraining.texts import Source

OVERLAP = 20  # characters in a row that two texts have by accident hardly ever
SHORT = 8  # a shorter sentence, such as a date, says nothing where it is part of another


@dataclass(frozen=True)
class Spared:
    """What may not be read: sentences, and everything of OVERLAP characters within them."""

    whole: frozenset[str]
    parts: frozenset[str]
    short: dict[str, tuple[str, ...]]  # sentences of SHORT characters or more, but less than OVERLAP, by their start

    @staticmethod
    def of(sentences: Iterable[str]) -> "Spared":
        """Of normalised sentences."""
        whole = frozenset(sentences)
        short: dict[str, tuple[str, ...]] = {}
        for sentence in sorted(whole):
            if SHORT <= len(sentence) < OVERLAP:
                short[sentence[:SHORT]] = (*short.get(sentence[:SHORT], ()), sentence)
        return Spared(whole, frozenset(part for sentence in whole for part in _parts(sentence, OVERLAP)), short)

    def is_whole(self, text: str) -> bool:
        """Whether the text is one of the sentences."""
        return text in self.whole

    def overlaps(self, text: str) -> bool:
        """Whether a part of the text is in one of the sentences, or a short sentence is in the text."""
        if not self.parts.isdisjoint(_parts(text, OVERLAP)):
            return True
        found = (self.short[start] for start in _parts(text, SHORT) if start in self.short)
        return any(sentence in text for sentences in found for sentence in sentences)


@dataclass(frozen=True)
class Dropped:
    """How many lines of a source were left out."""

    whole: int  # a sentence to be spared, word for word
    overlapping: int  # has so many characters in a row in common with one


def keep_out(source: Source, spared: Spared) -> tuple[Source, Dropped]:
    """The source without lines that are one of the sentences, or overlap with one."""
    whole = [line for line in source.lines if spared.is_whole(line.text)]
    kept = tuple(line for line in source.lines if not spared.is_whole(line.text) and not spared.overlaps(line.text))
    return replace(source, lines=kept), Dropped(len(whole), len(source.lines) - len(kept) - len(whole))


def _parts(text: str, length: int) -> Iterable[str]:
    return (text[at : at + length] for at in range(len(text) - length + 1))
