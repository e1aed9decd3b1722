"""Decontamination: keeps test sentences, whole or in part, out of the pretraining text."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from labkit.pretraining.texts import TextSource

OVERLAP_CHARACTERS = 20  # length of an n-gram; two texts hardly ever share one by chance
MIN_CHARACTERS = 8  # a shorter sentence, like a date, occurs within others by chance


@dataclass(frozen=True)
class OverlapIndex:
    """Index of excluded sentences and of their character n-grams."""

    sentences: frozenset[str]
    ngrams: frozenset[str]  # of OVERLAP_CHARACTERS
    # Sentences of at least MIN_CHARACTERS that are too short for an n-gram, by their first MIN_CHARACTERS.
    short_sentences: dict[str, tuple[str, ...]]

    @staticmethod
    def from_sentences(sentences: Iterable[str]) -> "OverlapIndex":
        """Builds the index of normalised sentences."""
        whole = frozenset(sentences)
        short: dict[str, tuple[str, ...]] = {}
        for sentence in sorted(whole):
            if MIN_CHARACTERS <= len(sentence) < OVERLAP_CHARACTERS:
                short[sentence[:MIN_CHARACTERS]] = (*short.get(sentence[:MIN_CHARACTERS], ()), sentence)
        ngrams = frozenset(ngram for sentence in whole for ngram in _iter_ngrams(sentence, OVERLAP_CHARACTERS))
        return OverlapIndex(whole, ngrams, short)

    def has_overlap(self, text: str) -> bool:
        """True if the text shares an n-gram with, or contains, a sentence."""
        if not self.ngrams.isdisjoint(_iter_ngrams(text, OVERLAP_CHARACTERS)):
            return True
        starts = _iter_ngrams(text, MIN_CHARACTERS)
        return any(sentence in text for start in starts for sentence in self.short_sentences.get(start, ()))


@dataclass(frozen=True)
class RemovedLines:
    """Number of lines removed from a source."""

    exact: int  # equal to an excluded sentence
    overlapping: int  # overlapping with one


def remove_overlaps(source: TextSource, index: OverlapIndex) -> tuple[TextSource, RemovedLines]:
    """Removes lines that are one of the sentences, or overlap with one."""
    others = [line for line in source.lines if line.text not in index.sentences]
    kept = tuple(line for line in others if not index.has_overlap(line.text))
    return replace(source, lines=kept), RemovedLines(len(source.lines) - len(others), len(others) - len(kept))


def _iter_ngrams(text: str, length: int) -> Iterable[str]:
    return (text[start : start + length] for start in range(len(text) - length + 1))
