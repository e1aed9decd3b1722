"""Keeps sentences that somebody will be tested on out of a text, whole or in part."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from labkit.pretraining.texts import TextSource

OVERLAP_CHARACTERS = 20  # characters in a row that two texts have by accident hardly ever
MIN_CHARACTERS = 8  # a shorter sentence, such as a date, says nothing where it is part of another


@dataclass(frozen=True)
class OverlapIndex:
    """What may not be read: sentences, and everything of OVERLAP characters within them."""

    sentences: frozenset[str]
    ngrams: frozenset[str]
    short_sentences: dict[
        str, tuple[str, ...]
    ]  # sentences of SHORT characters or more, but less than OVERLAP, by their start

    @staticmethod
    def from_sentences(sentences: Iterable[str]) -> "OverlapIndex":
        """Of normalised sentences."""
        whole = frozenset(sentences)
        short: dict[str, tuple[str, ...]] = {}
        for sentence in sorted(whole):
            if MIN_CHARACTERS <= len(sentence) < OVERLAP_CHARACTERS:
                short[sentence[:MIN_CHARACTERS]] = (*short.get(sentence[:MIN_CHARACTERS], ()), sentence)
        return OverlapIndex(
            whole, frozenset(part for sentence in whole for part in _iter_ngrams(sentence, OVERLAP_CHARACTERS)), short
        )

    def is_sentence(self, text: str) -> bool:
        """Whether the text is one of the sentences."""
        return text in self.sentences

    def has_overlap(self, text: str) -> bool:
        """Whether a part of the text is in one of the sentences, or a short sentence is in the text."""
        if not self.ngrams.isdisjoint(_iter_ngrams(text, OVERLAP_CHARACTERS)):
            return True
        found = (
            self.short_sentences[start] for start in _iter_ngrams(text, MIN_CHARACTERS) if start in self.short_sentences
        )
        return any(sentence in text for sentences in found for sentence in sentences)


@dataclass(frozen=True)
class RemovedLines:
    """How many lines of a source were left out."""

    exact: int  # a sentence to be spared, word for word
    overlapping: int  # has so many characters in a row in common with one


def remove_overlaps(source: TextSource, index: OverlapIndex) -> tuple[TextSource, RemovedLines]:
    """The source without lines that are one of the sentences, or overlap with one."""
    whole = [line for line in source.lines if index.is_sentence(line.text)]
    kept = tuple(line for line in source.lines if not index.is_sentence(line.text) and not index.has_overlap(line.text))
    return replace(source, lines=kept), RemovedLines(len(whole), len(source.lines) - len(kept) - len(whole))


def _iter_ngrams(text: str, length: int) -> Iterable[str]:
    return (text[at : at + length] for at in range(len(text) - length + 1))
