"""Predictions of a run: gold and predicted entities by sentence, as a JSON-lines file in its folder.

`predictions.dev.jsonl` holds those of the best weights so far, `predictions.test.jsonl` those of the weights that the
test split was scored with. The first line is a header, each further line a sentence with an entity, gold or predicted.
The error browser shows them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from labkit import paths
from labkit.events import READ_ERRORS, Whole
from labkit.messages import Message
from labkit.runs.entity_errors import Entity
from labkit.runs.folder import PREDICTIONS

MAX_SENTENCES, MAX_WORDS = 2000, 200_000  # about 1 MB; a sentence may be a document of thousands of words


class PredictionsHeader(msgspec.Struct, frozen=True):
    """First line of a predictions file: split, weights, corpus and number of sentences."""

    split: str = msgspec.field(name="part")  # dev or test
    step: Whole  # of the weights
    corpus: str  # its SHA-256
    total: Whole = msgspec.field(name="of")  # sentences of that split
    scored: Whole  # scored sentences; a larger number is a superset
    truncated_at: Whole = msgspec.field(
        name="until"
    )  # first sentence beyond MAX_SENTENCES or MAX_WORDS; `total` if there is none
    separator: str = msgspec.field(default=" ", name="joiner")  # between words when displayed


class ScoredSentence(msgspec.Struct, frozen=True):
    """Scored sentence: its number in the split, words, and entities in word positions."""

    number: Whole
    words: list[str]
    gold: list[Entity]
    predicted: list[Entity]


class Predictions(msgspec.Struct, frozen=True):
    """Content of a predictions file."""

    header: PredictionsHeader
    sentences: dict[int, ScoredSentence]  # by number, in the order of the text


def predictions_path(folder: Path, split: str) -> Path:
    """Path of the predictions for dev or test in a run folder."""
    return folder / PREDICTIONS.format(split=split)


def write_predictions(folder: Path, header: PredictionsHeader, sentences: Iterable[ScoredSentence]) -> None:
    """Writes a predictions file. Readers see the old one or the new one, never half of it.

    Raises FileNotFoundError if the run folder was deleted.
    """
    paths.require_dir(folder)
    lines = [msgspec.json.encode(header), *(msgspec.json.encode(sentence) for sentence in sentences)]
    with paths.atomic_write(predictions_path(folder, header.split)) as temporary:
        temporary.write_bytes(b"".join(line + b"\n" for line in lines))


def read_predictions(folder: Path, split: str) -> Predictions | None:
    """Reads the predictions of a split. None if they are missing or damaged."""
    try:
        first, *lines = predictions_path(folder, split).read_bytes().splitlines()
        header = msgspec.json.decode(first, type=PredictionsHeader)
        sentences = [_decoder.decode(line) for line in lines]
    except READ_ERRORS:
        return None
    entities = ((one.words, entity) for one in sentences for entity in (*one.gold, *one.predicted))
    if not all(0 <= entity.start < entity.end <= len(words) for words, entity in entities):
        return None
    return Predictions(header, {sentence.number: sentence for sentence in sentences})


_decoder = msgspec.json.Decoder(ScoredSentence)


def align_predictions(runs: Mapping[Any, Predictions]) -> list[dict[Any, ScoredSentence]]:
    """Aligns the sentences that all of these runs have scored: one dict by run for each, in the order of the text.

    A sentence without gold entities is only in the files of runs that predicted one in it. Another run is taken to have
    predicted none there if it has scored at least as many sentences as such a run.

    Raises ValueError for runs scored on different corpora or splits.
    """
    headers = [run.header for run in runs.values()]
    if len({(header.split, header.corpus, header.total) for header in headers}) > 1:
        raise ValueError(Message("these runs were scored on different corpora, or on different splits of them"))
    end = min(header.truncated_at for header in headers)
    numbers = sorted({number for run in runs.values() for number in run.sentences if number < end})
    rows = ({key: _find_sentence(run, number, runs.values()) for key, run in runs.items()} for number in numbers)
    return [row for row in rows if None not in row.values()]  # type: ignore[misc]


def _find_sentence(run: Predictions, number: int, others: Iterable[Predictions]) -> ScoredSentence | None:
    """Sentence of a run. None if the run is not known to have scored it."""
    if number in run.sentences:
        return run.sentences[number]
    for other in others:
        found = other.sentences.get(number)
        if found and not found.gold and run.header.scored >= other.header.scored:
            return ScoredSentence(number, found.words, [], [])
    return None
