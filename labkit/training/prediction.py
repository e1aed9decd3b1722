"""Tagging a text that somebody typed, or a table of texts, with the weights of a run."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from labkit.data.corpora import Span, bio_tags_to_spans
from labkit.data.formats import bdci
from labkit.data.word_splitting import WordSpan, split_text
from labkit.model.checkpoint import find_checkpoint, load_tagger, read_precision
from labkit.model.inference import TrainedTagger
from labkit.runs.entity_errors import Entity
from labkit.runs.predictions import read_predictions
from labkit.training.precision import precision_notes

MAX_COMPARED_SENTENCES = 200  # dev sentences that are predicted again where the run's precision is not to be had
_ROWS = 256  # of a table, tagged together: batches are of similar length then, and something is written early


def predict_text(folder: str | Path, text: str) -> dict[str, Any]:
    """The entities of a text by a run's weights, as plain values for JSON.

    The text is split into words as the run's corpus is.

    Returns:
        `words`, `tags` (a tag a word), `entities` ({type, start, end} in characters of the text,
        `first`, the number of its first word, and `confidence`, the probability of exactly these tags there, from 0 to
        1), `seconds`, `note` (what is to be known of all that; empty where nothing is).

    Raises ValueError where the run has no weights.
    """
    begin = time.perf_counter()
    tagger = load_tagger(folder)
    words: list[WordSpan] = []
    tags: list[str] = []
    entities: list[dict[str, Any]] = []
    lines = split_text(text, tagger.featurizer.granularity)
    found = tagger.predict_with_confidence([[word for word, _, _ in line] for line in lines])
    for line, tagged in zip(lines, found, strict=True):
        for kind, start, end in bio_tags_to_spans(tagged.tags):
            place = {"type": kind, "start": line[start].start, "end": line[end - 1].end, "first": len(words) + start}
            entities.append({**place, "confidence": tagged.confidence(start, end)})
        words += line
        tags += tagged.tags
    seconds = time.perf_counter() - begin
    note = describe_precision(folder, tagger)
    told = {"words": [word for word, _, _ in words], "tags": tags, "entities": entities}
    return {**told, "seconds": seconds, "note": note}


def describe_precision(folder: str | Path, tagger: TrainedTagger) -> str:
    """What a run's precision means for its predictions here, in a sentence; empty where nothing is to be told.

    Where the device has no such precision, how many come out otherwise of the dev sentences whose predictions the run
    kept, if these are the weights that it kept them of.
    """
    place = find_checkpoint(Path(folder))
    asked = read_precision(place)
    if asked == tagger.precision:
        return " ".join(precision_notes(asked, tagger.model.linear.weight.device))
    what = f"this run computed in {asked}, which this device cannot: its tags are computed in {tagger.precision} here"
    kept = read_predictions(place.parent, "dev") if place.name == "best" else None
    if kept is None:
        return f"{what} and may differ."
    looked_at = list(kept.sentences.values())[:MAX_COMPARED_SENTENCES]
    found = tagger.predict([sentence.words for sentence in looked_at])
    pairs = zip(found, looked_at, strict=True)
    differ = sum([Entity(*span) for span in bio_tags_to_spans(tags)] != sentence.predicted for tags, sentence in pairs)
    return f"{what}, and differ in {differ} of {len(looked_at)} dev sentences."


def predict_table(
    folder: str | Path,
    table: bdci.BdciTable,
    types: Sequence[str] = (),
    on_note: Callable[[str], object] = lambda note: None,
) -> Iterator[tuple[str, str]]:
    """The id of each row, in the order of the file, and its entities as BDCI writes them: joined by `;`.

    Texts are split into words as the run's corpus is; long ones are tagged window by window and told as a whole.

    Args:
        types: of the entities that are told; all where none is given.
        tell: hears what is to be known of all rows, before the first.

    Raises ValueError where the run has no weights, or knows no such type.
    """
    tagger = load_tagger(folder)
    known = sorted({tag[2:] for tag in tagger.tags} - {""})
    if unknown := [each for each in types if each not in known]:
        raise ValueError(f"type must be one of {', '.join(known)}, which the run was trained on, not {unknown[0]!r}")
    if note := describe_precision(folder, tagger):
        on_note(note)
    return _predict_cells(tagger, table, set(types or known))


def _predict_cells(tagger: TrainedTagger, table: bdci.BdciTable, types: set[str]) -> Iterator[tuple[str, str]]:
    for start in range(0, len(table.rows), _ROWS):
        rows = table.rows[start : start + _ROWS]
        documents = [row.build_document() for row in rows]
        lines = [split_text(document.text, tagger.featurizer.granularity) for document in documents]
        tagged = iter(tagger.predict([[word for word, _, _ in line] for each in lines for line in each]))
        for row, document, own in zip(rows, documents, lines, strict=True):
            found = [span for line in own for span in _to_text_spans(line, next(tagged)) if span.type in types]
            yield row.id, bdci.format_cell(document, found)


def _to_text_spans(line: Sequence[WordSpan], tags: Sequence[str]) -> list[Span]:
    """The entities of a line in characters of its text."""
    return [Span(kind, line[start].start, line[end - 1].end) for kind, start, end in bio_tags_to_spans(tags)]
