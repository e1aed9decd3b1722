"""Prediction: entities of a typed text, of a table or of other documents, by a run's weights."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from labkit.data.corpora import Span, bio_tags_to_spans
from labkit.data.documents import Document, PredictedDocument, PredictedSpan
from labkit.data.formats import bdci
from labkit.data.word_splitting import WordSpan, split_text
from labkit.messages import N_, Message
from labkit.model.checkpoint import find_checkpoint, load_tagger, read_precision
from labkit.model.inference import TaggedSentence, TrainedTagger
from labkit.runs.entity_errors import Entity
from labkit.runs.predictions import read_predictions
from labkit.training.precision import precision_notes

MAX_COMPARED_SENTENCES = 200  # dev sentences predicted again on a device that lacks the run's precision
_CHUNK_DOCUMENTS = 256  # tagged together: batches are of similar length, and output begins early


def predict_text(folder: str | Path, text: str) -> dict[str, Any]:
    """Predicts the entities of a text; returns plain values for JSON.

    The text is split into words like the run's corpus.

    Returns:
        `words`; `tags`, one a word; `entities`, each with `type`, `start` and `end` in characters of the text, `first`,
        the index of its first word, and `confidence`, the probability of exactly these tags, from 0 to 1; `seconds`;
        `note`, a warning about the predictions, or an empty text.

    Raises:
        ValueError: the run has no weights.
    """
    begin = time.perf_counter()
    tagger = load_tagger(folder)
    words: list[WordSpan] = []
    tags: list[str] = []
    entities: list[dict[str, Any]] = []
    lines = split_text(text, tagger.featurizer.granularity)
    predictions = tagger.predict_with_confidence([[word for word, _, _ in line] for line in lines])
    for line, tagged in zip(lines, predictions, strict=True):
        for kind, start, end in bio_tags_to_spans(tagged.tags):
            entity = {"type": kind, "start": line[start].start, "end": line[end - 1].end, "first": len(words) + start}
            entities.append({**entity, "confidence": tagged.confidence(start, end)})
        words += line
        tags += tagged.tags
    seconds = time.perf_counter() - begin
    note = describe_precision(folder, tagger)
    prediction = {"words": [word for word, _, _ in words], "tags": tags, "entities": entities}
    return {**prediction, "seconds": seconds, "note": note}


def describe_precision(folder: str | Path, tagger: TrainedTagger) -> Message:
    """Warning about a run's precision on this device, or an empty text.

    If the device lacks the precision, it includes the number of dev sentences whose predictions differ from those that
    the run saved, provided that these weights made them.
    """
    checkpoint = find_checkpoint(Path(folder))
    precision = read_precision(checkpoint)
    if precision == tagger.precision:
        return next(iter(precision_notes(precision, tagger.model.linear.weight.device)), Message(""))
    saved = read_predictions(checkpoint.parent, "dev") if checkpoint.name == "best" else None
    if saved is None:
        text = N_(
            "this run computed in {precision}, which this device cannot: its tags are computed in {here} here and may "
            "differ."
        )
        return Message(text, precision=precision, here=tagger.precision)
    compared = list(saved.sentences.values())[:MAX_COMPARED_SENTENCES]
    pairs = zip(tagger.predict([sentence.words for sentence in compared]), compared, strict=True)
    differ = sum([Entity(*span) for span in bio_tags_to_spans(tags)] != sentence.predicted for tags, sentence in pairs)
    text = N_(
        "this run computed in {precision}, which this device cannot: its tags are computed in {here} here, and differ "
        "in {count} of {all} dev sentences."
    )
    return Message(text, precision=precision, here=tagger.precision, count=differ, all=len(compared))


def predict_table(
    folder: str | Path,
    table: bdci.BdciTable,
    types: Sequence[str] = (),
    on_note: Callable[[Message], object] = lambda note: None,
) -> Iterator[tuple[str, str]]:
    """Predicts the entities of a table, row by row.

    Texts are split into words like the run's corpus; long ones are tagged window by window.

    Args:
        types: entity types to return; all if empty.
        on_note: called with a warning about all rows, if there is one, before the first row.

    Returns:
        Each row's id, in the order of the file, and its entities in BDCI's format: joined by `;`.

    Raises:
        ValueError: the run has no weights, or does not know a type.
    """
    tagger, wanted = _load_for_types(folder, types, on_note)
    return _predict_cells(tagger, table, wanted)


def predict_documents(
    folder: str | Path,
    documents: Sequence[Document],
    types: Sequence[str] = (),
    on_note: Callable[[Message], object] = lambda note: None,
) -> Iterator[PredictedDocument]:
    """Predicts the entities of documents, one by one, in their order.

    Texts are split into words like the run's corpus; words of a document are taken as they are. White space is cut off
    at the ends of entities.

    Args and Raises: as `predict_table`.
    """
    tagger, wanted = _load_for_types(folder, types, on_note)
    return _predict_documents(tagger, documents, wanted)


def _load_for_types(
    folder: str | Path, types: Sequence[str], on_note: Callable[[Message], object]
) -> tuple[TrainedTagger, set[str]]:
    """Tagger of a run, and the entity types to return."""
    tagger = load_tagger(folder)
    known = sorted({tag[2:] for tag in tagger.tags} - {""})
    if unknown := [name for name in types if name not in known]:
        text = N_("type must be one of {types}, which the run was trained on, not {type!r}")
        raise ValueError(Message(text, types=", ".join(known), type=unknown[0]))
    if note := describe_precision(folder, tagger):
        on_note(note)
    return tagger, set(types or known)


def _predict_cells(tagger: TrainedTagger, table: bdci.BdciTable, types: set[str]) -> Iterator[tuple[str, str]]:
    for start in range(0, len(table.rows), _CHUNK_DOCUMENTS):
        rows = table.rows[start : start + _CHUNK_DOCUMENTS]
        cleaned = [row.build_document() for row in rows]
        predicted = _predict_documents(tagger, [Document(one.text) for one in cleaned], types)
        for row, document, found in zip(rows, cleaned, predicted, strict=True):
            yield row.id, bdci.format_cell(document, [Span(*span[:3]) for span in found.spans])


def _predict_documents(
    tagger: TrainedTagger, documents: Sequence[Document], types: set[str]
) -> Iterator[PredictedDocument]:
    for start in range(0, len(documents), _CHUNK_DOCUMENTS):
        chunk = documents[start : start + _CHUNK_DOCUMENTS]
        split = [document.split(tagger.featurizer.granularity) for document in chunk]
        words = [[word for word, _, _ in sentence] for sentences in split for sentence in sentences]
        tagged = iter(tagger.predict_with_confidence(words))
        for document, sentences in zip(chunk, split, strict=True):
            spans = [
                span for sentence in sentences for span in _find_spans(sentence, next(tagged)) if span.type in types
            ]
            yield PredictedDocument(document, sentences, spans)


def _find_spans(sentence: Sequence[WordSpan], tagged: TaggedSentence) -> Iterator[PredictedSpan]:
    """Entities of a sentence, without white space at their ends, which is a word for some runs."""
    for kind, start, end in bio_tags_to_spans(tagged.tags):
        visible = [word for word in sentence[start:end] if not word.word.isspace()]
        if visible:
            yield PredictedSpan(kind, visible[0].start, visible[-1].end, tagged.confidence(start, end))
