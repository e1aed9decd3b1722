"""Shapes of JSON records: recognised, never mixed, the same corpus in each, and whatever is damaged is told."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from labkit.data.corpora import bio_tags_to_spans, read_corpus
from labkit.data.word_splitting import Granularity, split_text
from tests.data.formats.json_samples import CLUENER, DOCCANO_LABEL, PLAIN, SAMPLES, TAGS, Records, read
from tests.long_cases import mostly_long

BATCH = 100  # mutated files a test


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_of_each_shape_is_a_corpus(tmp_path: Path, name: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{**SAMPLES[name], "id": number} for number in range(3)]))
    corpus = read_corpus(path)
    assert {sentence.tags for sentence in (*corpus.train, *corpus.dev)} == {TAGS}


def test_a_file_of_two_shapes_is_an_error(tmp_path: Path) -> None:
    message = r"a\.jsonl:3: a record of doccano after records of span JSON; expected one shape a file"
    with pytest.raises(ValueError, match=message):
        read(tmp_path, [PLAIN, {"text": "so"}, DOCCANO_LABEL])
    with pytest.raises(ValueError, match=r"a\.json, record 2: a record of doccano after records of CLUENER"):
        read(tmp_path, [CLUENER, DOCCANO_LABEL], "a.json")


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        ({"sentence": "so", "ner": []}, "sentence, ner"),
        ({"text": "so", "label": "positive"}, "text, label"),
        ({"text": "so", "annotations": [[0, 2, "X"]]}, "text, annotations"),
        ({"data": [{"context": "so"}]}, "data"),
        ({}, r"\(none\)"),
    ],
)
def test_a_record_of_no_known_shape_names_its_keys_and_the_shapes(tmp_path: Path, record: Any, keys: str) -> None:
    with pytest.raises(
        ValueError, match=rf'^a\.jsonl:1: .* with the keys {keys}; expected .*doccano {{"text", "label"'
    ):
        read(tmp_path, [record])


# --- the same corpus in each shape


class Example(NamedTuple):
    text: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    spans: list[tuple[int, int, str]]


def draw_example(rng: random.Random) -> Example:
    pieces = ["Ann", "O'Neil", "isn't", "北", "京", "，", "😀", "e\u0301t", "3.5", "@bob", "(", "한국", "\u3000"]
    text = "".join(rng.choice(pieces) + rng.choice(["", " "]) for _ in range(rng.randint(1, 20))) + "."
    ((*words,),) = split_text(text, Granularity.WORDS)
    tags, spans, place = ["O"] * len(words), [], 0
    while place < len(words):
        end = min(len(words), place + rng.randint(1, 3))
        if rng.random() < 0.5:
            type_ = rng.choice(["PER", "地点"])
            spans.append((words[place].start, words[end - 1].end, type_))
            tags[place:end] = [f"B-{type_}"] + [f"I-{type_}"] * (end - place - 1)
        place = end
    return Example(text, tuple(word.word for word in words), tuple(tags), spans)


def as_cluener(one: Example) -> dict[str, Any]:
    label: dict[str, Any] = {}
    for start, end, type_ in one.spans:
        label.setdefault(type_, {}).setdefault(one.text[start:end], []).append([start, end - 1])
    return {"text": one.text, "label": label}


def regions(one: Example) -> list[dict[str, Any]]:
    return [{"start": s, "end": e, "text": one.text[s:e], "labels": [label]} for s, e, label in one.spans]


def as_label_studio(one: Example) -> dict[str, Any]:
    result = [{"type": "labels", "value": value} for value in regions(one)]
    return {"data": {"text": one.text}, "annotations": [{"result": result}]}


def as_objects(one: Example, start: str = "start", end: str = "end") -> list[dict[str, Any]]:
    return [{start: span[0], end: span[1], "label": span[2]} for span in one.spans]


WRITERS: dict[str, Callable[[Example], dict[str, Any]]] = {
    "span JSON": lambda one: {"text": one.text, "spans": as_objects(one)},
    "doccano label": lambda one: {"text": one.text, "label": one.spans},
    "doccano labels": lambda one: {"text": one.text, "labels": one.spans},
    "doccano entities": lambda one: {"text": one.text, "entities": as_objects(one, "start_offset", "end_offset")},
    "CLUENER": as_cluener,
    "Prodigy": lambda one: {"text": one.text, "spans": as_objects(one), "answer": "accept"},
    "Label Studio": as_label_studio,
    "Label Studio MIN": lambda one: {"text": one.text, "label": regions(one), "annotation_id": 1},
    "Hugging Face": lambda one: {"tokens": one.words, "ner_tags": one.tags},
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_corpus_comes_back_word_for_word(tmp_path: Path, name: str) -> None:
    rng = random.Random(name)
    examples = [draw_example(rng) for _ in range(50)]
    assert sum(len(bio_tags_to_spans(one.tags)) for one in examples) > 50
    for file in ("a.jsonl", "a.json"):
        parsed = read(tmp_path, [WRITERS[name](one) for one in examples], file)
        found = [(sentence.words, sentence.tags) for sentence in parsed.sentences]
        assert found == [(one.words, one.tags) for one in examples]
        assert parsed.notes == []


# --- damaged files


def mutate_records(rng: random.Random, records: Records) -> None:
    """Deletes, doubles, renames or replaces something somewhere in the records."""
    place: Any = rng.choice(records)
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = rng.choice(keys)
        if not isinstance(place[key], (dict, list)) or rng.random() < 0.3:
            break
        place = place[key]
    strange = [None, True, -1, 7, 10**30, 1.5, "", " ", "x", "\ud83d", [], {}, [[0, 1, "X"]], {"a": {"b": [[0, 1]]}}]
    if rng.random() < 0.3:
        del place[key]
    elif isinstance(place, dict) and rng.random() < 0.3:
        place[rng.choice(["text", "label", "labels", "spans", "data", "tokens", "answer", "x"])] = place.pop(key)
    else:
        place[key] = rng.choice(strange)


def mutate_pieces(rng: random.Random, pieces: list[Any]) -> list[Any]:
    """Deletes, doubles or swaps a run of bytes or lines."""
    start = rng.randrange(len(pieces) + 1)
    end = min(len(pieces), start + rng.randint(1, 5))
    run = pieces[start:end]
    other = rng.choice([[], run * 2, run[::-1]])
    return [*pieces[:start], *other, *pieces[end:]]


def damage(rng: random.Random, name: str) -> bytes:
    records = [WRITERS[name](draw_example(rng)) for _ in range(4)]
    for _ in range(rng.choice([0, 1, 3])):
        mutate_records(rng, records)
    lines = [json.dumps(record, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace") for record in records]
    for _ in range(rng.choice([0, 0, 1])):
        lines = mutate_pieces(rng, lines)
    data = rng.choice([b"\n".join(lines), b"[" + b",\n".join(lines) + b"]"])
    for _ in range(rng.choice([0, 1, 3])):
        data = bytes(mutate_pieces(rng, list(data)))
    return data


def read_or_explain(path: Path) -> str:
    """What the reader says of a file; of one that it reads, its path."""
    try:
        return str(path) if read_corpus(path, repair=True).train else ""
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("batch", mostly_long(range(101), lambda batch: batch == 0))
@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_file_is_read_or_an_error_that_names_it(tmp_path: Path, name: str, batch: int) -> None:
    path = tmp_path / "damaged.json"
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        path.write_bytes(damage(random.Random(f"{name} {seed}"), name))
        assert "damaged.json" in read_or_explain(path), seed
