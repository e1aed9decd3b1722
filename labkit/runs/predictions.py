"""What a run predicted, sentence by sentence, as a file in its folder: what the error browser shows.

`predictions.dev.jsonl` is of the best weights so far, `predictions.test.jsonl` of those that the test part was scored
with. The first line is about all of it, each further one a sentence that holds an entity, gold or predicted.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from labkit import paths
from labkit.events import READ_ERRORS, Whole
from labkit.runs.entity_errors import Entity
from labkit.runs.folder import PREDICTIONS

MAX_SENTENCES, MAX_WORDS = 2000, 200_000  # about 1 MB; a sentence may be a document of thousands of words


class PredictionsHeader(msgspec.Struct, frozen=True):
    """What the sentences of a file are a part of."""

    split: str = msgspec.field(name="part")  # dev or test
    step: Whole  # of the weights
    corpus: str  # its SHA-256
    total: Whole = msgspec.field(name="of")  # sentences of that part of the corpus
    scored: Whole  # those of them that were scored; of a larger number they are the same ones and more
    truncated_at: Whole = msgspec.field(name="until")  # the first sentence that had no room; `total` where all had
    separator: str = msgspec.field(default=" ", name="joiner")  # what stands between words in print


class ScoredSentence(msgspec.Struct, frozen=True):
    """A scored sentence: its number in that part of the corpus, its words, and the entities, counted in words."""

    number: Whole
    words: list[str]
    gold: list[Entity]
    predicted: list[Entity]


class Predictions(msgspec.Struct, frozen=True):
    """A file, read."""

    header: PredictionsHeader
    sentences: dict[int, ScoredSentence]  # by number, in the order of the text


def predictions_path(folder: Path, split: str) -> Path:
    return folder / PREDICTIONS.format(split=split)


def write_predictions(folder: Path, header: PredictionsHeader, sentences: Iterable[ScoredSentence]) -> None:
    """Others see the file before or the new one, never half of it. Raises FileNotFoundError where the run is gone."""
    paths.require_dir(folder)
    path = predictions_path(folder, header.split)
    lines = [msgspec.json.encode(header), *(msgspec.json.encode(sentence) for sentence in sentences)]
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(b"".join(line + b"\n" for line in lines))
    os.replace(aside, path)


def read_predictions(folder: Path, split: str) -> Predictions | None:
    """None where there are none, or none that can be read."""
    try:
        first, *lines = predictions_path(folder, split).read_bytes().splitlines()
        about = msgspec.json.decode(first, type=PredictionsHeader)
        sentences = [_decoder.decode(line) for line in lines]
    except READ_ERRORS:
        return None
    entities = ((each.words, entity) for each in sentences for entity in (*each.gold, *each.predicted))
    if not all(0 <= entity.start < entity.end <= len(words) for words, entity in entities):
        return None
    return Predictions(about, {sentence.number: sentence for sentence in sentences})


_decoder = msgspec.json.Decoder(ScoredSentence)


def align_predictions(runs: Mapping[Any, Predictions]) -> list[dict[Any, ScoredSentence]]:
    """The sentences that all of these runs have scored, each by run, in the order of the text.

    A sentence without gold entities stands in the files of those runs alone that predicted one in it: for the others it
    is taken to be without, if they have scored as many sentences as such a run or more.

    Raises ValueError for runs of different sentences.
    """
    told = [run.header for run in runs.values()]
    if len({(about.split, about.corpus, about.total) for about in told}) > 1:
        raise ValueError("these runs were scored on different corpora, or on other parts of them")
    until = min(about.truncated_at for about in told)
    numbers = sorted({number for run in runs.values() for number in run.sentences if number < until})
    rows = ({key: _find_sentence(run, number, runs.values()) for key, run in runs.items()} for number in numbers)
    return [row for row in rows if None not in row.values()]  # type: ignore[misc]


def _find_sentence(run: Predictions, number: int, others: Iterable[Predictions]) -> ScoredSentence | None:
    """A sentence as this run has it; None where it is not known to have scored it."""
    if number in run.sentences:
        return run.sentences[number]
    for other in others:
        found = other.sentences.get(number)
        if found and not found.gold and run.header.scored >= other.header.scored:
            return ScoredSentence(number, found.words, [], [])
    return None
