"""doccano's JSONL in its three dialects."""

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


@pytest.mark.parametrize("record", [DOCCANO_LABEL, DOCCANO_LABELS, DOCCANO_ENTITIES])
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
