"""Predictions of an evaluation, saved for the error browser."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from labkit.data.corpora import bio_tags_to_spans
from labkit.data.encoded_corpus import EncodedCorpus
from labkit.data.windows import PackedWords, Windows
from labkit.runs.entity_errors import Entity
from labkit.runs.predictions import MAX_SENTENCES, MAX_WORDS, PredictionsHeader, ScoredSentence, write_predictions
from labkit.training.evaluation import Evaluation


def save_predictions(
    folder: Path, corpus: EncodedCorpus, split: str, windows: Windows, evaluation: Evaluation, step: int
) -> None:
    """Saves the first sentences with entities, gold or predicted, within limits.

    Args:
        windows: the scored windows of the split, in the order of the text.
    """
    texts = corpus.texts[split]
    kept, first_omitted = _limit_sentences(_iter_sentences(texts, windows, evaluation, corpus.tags))
    header = PredictionsHeader(
        split=split,
        step=step,
        corpus=corpus.sha256,
        total=len(texts),
        scored=windows.num_sentences,
        truncated_at=first_omitted.number if first_omitted else len(texts),
        separator=corpus.granularity.separator,
    )
    write_predictions(folder, header, kept)


def _limit_sentences(sentences: Iterator[ScoredSentence]) -> tuple[list[ScoredSentence], ScoredSentence | None]:
    """First sentences within the limits, and the first one beyond them."""
    kept: list[ScoredSentence] = []
    words = 0
    for sentence in sentences:
        words += len(sentence.words)
        if kept and (words > MAX_WORDS or len(kept) == MAX_SENTENCES):
            return kept, sentence
        kept.append(sentence)
    return kept, None


def _iter_sentences(
    texts: PackedWords, windows: Windows, evaluation: Evaluation, tags: Sequence[str]
) -> Iterator[ScoredSentence]:
    """Yields the scored sentences that have an entity."""
    numbers = np.unique(windows.sentence_index).tolist()
    for number, (start, end) in zip(numbers, pairwise(windows.sentence_offsets.tolist()), strict=True):
        gold, predicted = (
            [Entity(*span) for span in bio_tags_to_spans([tags[tag] for tag in row[start:end].tolist()])]
            for row in (windows.tags, evaluation.predicted)
        )
        if gold or predicted:
            yield ScoredSentence(number, texts.get_words(number), gold, predicted)
