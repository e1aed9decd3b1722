"""doccano's JSONL in its three dialects."""

import json
from pathlib import Path

import pytest

from tests.data.formats.json_samples import (
    DOCCANO_ENTITIES,
    DOCCANO_LABEL,
    DOCCANO_LABELS,
    SPANS,
    TAGS,
    TEXT,
    WORDS,
    read,
    tags,
)

# doccano/doccano, issues 1522 (the text is called `data`) and 187 (`annotations`)
DATA = {"id": 1, "data": TEXT, "label": [list(span) for span in SPANS]}
ANNOTATIONS = {
    "id": 1,
    "text": TEXT,
    "annotations": [
        {"label": label, "start_offset": start, "end_offset": end, "user": 1} for start, end, label in SPANS
    ],
    "meta": {},
}


@pytest.mark.parametrize("record", [DOCCANO_LABEL, DOCCANO_LABELS, DOCCANO_ENTITIES, DATA, ANNOTATIONS])
def test_all_dialects_give_the_same_words_and_tags(tmp_path: Path, record: dict[str, object]) -> None:
    for each in (record, dict(reversed(record.items())), {**record, "meta": {"a": []}, "id": "x"}):
        (sentence,) = read(tmp_path, [each]).sentences
        assert (sentence.words, sentence.tags) == (WORDS, TAGS)


def test_relations_are_told(tmp_path: Path) -> None:
    parsed = read(tmp_path, [{**DOCCANO_ENTITIES, "relations": []}, DOCCANO_ENTITIES])
    assert parsed.notes == ["a.jsonl: 1 relations between entities are not read, the first on line 2."]


@pytest.mark.parametrize("key", ["label", "labels", "entities"])
def test_a_document_without_annotations_has_no_entities(tmp_path: Path, key: str) -> None:
    parsed = read(tmp_path, [{"text": "so it is", key: []}, {"text": TEXT, key: [list(SPANS[0])]}])
    assert (tags(parsed)[0], parsed.notes) == ("O O O", [])


def test_of_several_lists_that_with_spans_is_read(tmp_path: Path) -> None:
    spans = [list(span) for span in SPANS]
    for record in (
        {"text": TEXT, "label": spans, "entities": []},
        {"text": TEXT, "labels": spans, "label": "news"},
        {"text": TEXT, "label": ["news"], "labels": spans},
    ):
        assert tags(read(tmp_path, [record])) == [" ".join(TAGS)]
    classes = {"text": "so it is", "entities": [], "label": ["news"]}
    assert tags(read(tmp_path, [classes])) == ["O O O"]


def test_labels_by_number_are_told(tmp_path: Path) -> None:
    record = {"text": TEXT, "annotations": [{"label": 2, "start_offset": 0, "end_offset": 3}]}
    with pytest.raises(ValueError, match=r"a\.jsonl:1: label: the number 2, .* export labels as texts"):
        read(tmp_path, [record])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_training_examples_of_spacy_are_read(tmp_path: Path, name: str) -> None:
    example = json.dumps([TEXT, {"entities": SPANS}])
    content = f"{example}\n{example}" if name == "a.jsonl" else f"[{example}, {example}]"
    assert tags(read(tmp_path, content, name)) == [" ".join(TAGS)] * 2
    with pytest.raises(ValueError, match="a record of no known shape, with the keys cats, text"):
        read(tmp_path, json.dumps([[TEXT, {"cats": {"news": 1}}]]), name)


def test_crlf_a_byte_order_mark_and_an_empty_document(tmp_path: Path) -> None:
    parsed = read(
        tmp_path, '\ufeff{"id": 1, "text": "", "label": []}\r\n{"text": "Rome", "label": [[0, 4, "LOC"]]}\r\n'
    )
    assert tags(parsed) == ["B-LOC"]
    assert parsed.notes == ["a.jsonl: 1 texts without a word left out, the first on line 1."]


def test_an_emoji_before_offsets_of_utf16_is_told(tmp_path: Path) -> None:
    parsed = read(tmp_path, [{"text": "😀 Ann met Bob", "label": [[3, 6, "PER"], [11, 14, "PER"]]}])
    assert tags(parsed) == ["O B-PER O B-PER"]
    assert "offsets count UTF-16 code units" in parsed.notes[0]


def test_classes_of_a_text_are_no_spans(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.jsonl:1: label: expected \[start, end, type\].*found \"positive\""):
        read(tmp_path, [{"text": "so", "label": ["positive"]}])
