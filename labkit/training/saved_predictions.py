"""The predictions of an evaluation, kept in the run folder for whoever asks what was got wrong."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from labkit.data.corpora import bio_tags_to_spans
from labkit.data.encoded_corpus import EncodedCorpus
from labkit.data.windows import PackedWords, Windows
from labkit.data.word_splitting import Granularity
from labkit.runs.entity_errors import Entity
from labkit.runs.predictions import MAX_SENTENCES, MAX_WORDS, PredictionsHeader, ScoredSentence, write_predictions
from labkit.training.evaluation import Evaluation


def save_predictions(
    folder: Path, corpus: EncodedCorpus, split: str, windows: Windows, evaluation: Evaluation, step: int
) -> None:
    """Writes the first sentences that hold an entity, gold or predicted, as many as there is room for.

    Args:
        windows: those of the part that were scored, in the order of the text.
    """
    texts = corpus.texts[split]
    kept, beyond = _limit_sentences(_sentences(texts, windows, evaluation, corpus.tags))
    about = PredictionsHeader(
        split=split,
        step=step,
        corpus=corpus.sha256,
        total=len(texts),
        scored=windows.num_sentences,
        truncated_at=beyond.number if beyond else len(texts),
        separator=" " if corpus.granularity is Granularity.WORDS else "",
    )
    write_predictions(folder, about, kept)


def _limit_sentences(sentences: Iterator[ScoredSentence]) -> tuple[list[ScoredSentence], ScoredSentence | None]:
    """The first ones, and the one that has no room any more."""
    kept: list[ScoredSentence] = []
    words = 0
    for sentence in sentences:
        words += len(sentence.words)
        if kept and (words > MAX_WORDS or len(kept) == MAX_SENTENCES):
            return kept, sentence
        kept.append(sentence)
    return kept, None


def _sentences(
    texts: PackedWords, windows: Windows, found: Evaluation, tags: Sequence[str]
) -> Iterator[ScoredSentence]:
    """Those that hold an entity."""
    numbers = np.unique(windows.sentence_index).tolist()
    for number, (start, end) in zip(numbers, pairwise(windows.sentence_offsets.tolist()), strict=True):
        gold, predicted = (
            [Entity(*span) for span in bio_tags_to_spans([tags[tag] for tag in row[start:end].tolist()])]
            for row in (windows.tags, found.predicted)
        )
        if gold or predicted:
            yield ScoredSentence(number, texts.get_words(number), gold, predicted)
