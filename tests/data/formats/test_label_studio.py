"""Label Studio's JSON and JSON-MIN: which annotation is read, and what is counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.formats.json_samples import LABEL_STUDIO, LABEL_STUDIO_MIN, SPANS, TAGS, TEXT, WORDS, read, region, tags


def annotation(*regions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "result": list(regions), "was_cancelled": False, **more}


def task(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"text": TEXT}, "annotations": list(annotations), **more}


FIRST, SECOND = annotation(region(*SPANS[0])), annotation(region(*SPANS[1]))
CANCELLED = annotation(region(*SPANS[2]), was_cancelled=True)
FIRST_TAGS = "B-PER I-PER O O O O O O"


@pytest.mark.parametrize("record", [LABEL_STUDIO, LABEL_STUDIO_MIN])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_an_export_is_read_in_any_order_of_keys(tmp_path: Path, record: dict[str, Any], name: str) -> None:
    for each in (record, dict(reversed(record.items())), {"extra": [{"a": 1}], **record}):
        parsed = read(tmp_path, [each], name)
        assert (parsed.sentences[0].words, parsed.sentences[0].tags, parsed.notes) == (WORDS, TAGS, [])


def test_of_several_annotators_the_first_is_read_and_told(tmp_path: Path) -> None:
    other = {"text": f"{TEXT} "}
    parsed = read(tmp_path, [task(FIRST), task(FIRST, SECOND), task(CANCELLED, SECOND, data=other)], "a.json")
    assert tags(parsed) == [FIRST_TAGS, FIRST_TAGS, "O O O B-PER O O O O"]
    assert parsed.notes == [
        "a.json: 1 cancelled annotations left out, the first in record 3.",
        "a.json: 1 tasks have several annotations, the first in record 2; of each task the first annotation is read.",
    ]


def test_tasks_that_nobody_annotated_are_left_out_but_not_those_without_entities(tmp_path: Path) -> None:
    parsed = read(tmp_path, [task(), task(CANCELLED), task(annotation(), data={"text": "so"}), task(FIRST)], "a.json")
    assert tags(parsed) == ["O", FIRST_TAGS]
    assert parsed.notes[1:] == ["a.json: 2 tasks that nobody has annotated left out, the first in record 1."]


def test_a_file_of_tasks_that_nobody_annotated_is_not_scored(tmp_path: Path) -> None:
    prediction = {"result": [region(*SPANS[0])]}
    for records in ([task(predictions=[prediction])], [{**LABEL_STUDIO_MIN, "label": [], "annotation_id": None}]):
        parsed = read(tmp_path, records)
        assert parsed.sentences == []
        assert parsed.missing_labels == "no task has annotations; without them there is nothing to learn from"
        assert parsed.notes == ["a.jsonl: nobody has annotated any of its tasks: it is not scored."]


def test_annotations_that_are_no_spans_are_told(tmp_path: Path) -> None:
    others = [{"type": "choices", "value": {"choices": ["good"]}}, {"type": "relation", "from_id": "a", "to_id": "b"}]
    parsed = read(tmp_path, [task(annotation(region(*SPANS[0]), *others))])
    assert tags(parsed) == [FIRST_TAGS]
    assert parsed.notes == [
        "a.jsonl: 2 annotations of other kinds than spans of a text are not read: choices, relation."
    ]


def test_tasks_of_the_first_versions_have_completions(tmp_path: Path) -> None:
    record = {key: value for key, value in task(FIRST).items() if key != "annotations"}
    assert tags(read(tmp_path, [{**record, "completions": [FIRST]}])) == [FIRST_TAGS]


def test_spans_without_labels_or_offsets_are_told(tmp_path: Path) -> None:
    bare = {"value": {"start": 0, "end": 3, "text": "Ann"}, "type": "labels"}
    minimal = {**LABEL_STUDIO_MIN, "label": [region(*SPANS[0])["value"], {"start": 12, "end": 15, "text": "Bob"}]}
    no_start = {**LABEL_STUDIO_MIN, "label": [region(*SPANS[0])["value"], {"end": 15, "labels": ["PER"]}]}
    for record in (task(annotation(region(*SPANS[0]), bare)), minimal, no_start):
        parsed = read(tmp_path, [record])
        assert tags(parsed) == [FIRST_TAGS]
        assert parsed.notes == ["a.jsonl: 1 spans without their labels or offsets left out, the first on line 1."]


def test_labels_of_html_are_told_with_the_way_out(tmp_path: Path) -> None:
    html = {"type": "hypertextlabels", "value": {"start": "/p[1]", "end": "/p[1]", "hypertextlabels": ["PER"]}}
    parsed = read(tmp_path, [task(annotation(region(*SPANS[0]), html))])
    assert "label plain texts, by <Text>" in parsed.notes[0]


def test_the_text_is_the_field_in_which_the_spans_lie(tmp_path: Path) -> None:
    data = {"text": "source: a newspaper of the thirtieth of May", "body": TEXT, "page": 3}
    records = [{**task(FIRST), "data": data}, {**task(SECOND), "data": data}]
    minimal = [
        {"text": data["text"], "body": TEXT, "ner": LABEL_STUDIO_MIN["label"], "choice": "good", "annotation_id": 3}
    ]
    for each in (records, minimal):
        parsed = read(tmp_path, each)
        assert parsed.sentences[0].words == WORDS
        assert "the texts are read from body, of the fields text, body" in parsed.notes[0]


def test_offsets_without_texts_of_their_own_are_read(tmp_path: Path) -> None:
    bare = {"value": {"start": 0, "end": 7, "labels": ["PER"]}, "type": "labels"}
    assert tags(read(tmp_path, [task(annotation(bare))])) == [FIRST_TAGS]


def test_offsets_of_utf16_are_told_by_the_texts_of_the_spans(tmp_path: Path) -> None:
    value = {"start": 3, "end": 6, "text": "Ann", "labels": ["PER"]}
    records = [{"data": {"text": "😀 Annab"}, "annotations": [annotation({"value": value, "type": "labels"})]}]
    parsed = read(tmp_path, records)
    assert tags(parsed) == ["O B-PER"]
    assert ["offsets count UTF-16" in note for note in parsed.notes] == [True, False]


def test_an_annotation_of_another_person_repeats_the_task_in_json_min(tmp_path: Path) -> None:
    other = {**LABEL_STUDIO_MIN, "annotator": 2, "annotation_id": 10, "label": [], "choice": "good"}
    without = {key: value for key, value in LABEL_STUDIO_MIN.items() if key != "label"} | {"id": 2, "text": "so"}
    parsed = read(tmp_path, [LABEL_STUDIO_MIN, other, without], "a.json")
    assert tags(parsed) == [" ".join(TAGS), "O"], "the export leaves out fields that are empty"
    assert parsed.notes == [
        "a.json: 1 tasks have several annotations, the first in record 2; of each task the first annotation is read."
    ]


def test_an_empty_text_crlf_and_a_byte_order_mark(tmp_path: Path) -> None:
    tasks = [{"data": {"text": text}, "annotations": [annotation()]} for text in ("", "so")]
    content = "\ufeff" + json.dumps(tasks, indent=2).replace("\n", "\r\n")
    assert tags(read(tmp_path, content, "a.json")) == ["O"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (task(annotation({"value": {"start": "/p[1]", "end": 3, "labels": ["A"]}})), 'start: .*found "/p'),
        ({**task(FIRST), "data": {"page": 3}}, "text: expected a text, found null"),
        (task({"id": 1, "x": []}), "result: expected a list, found"),
        ({**task(), "annotations": [3]}, "annotations: expected an object, found 3"),
    ],
)
def test_other_forms_are_errors(tmp_path: Path, record: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^a\.json, record 1: {message}"):
        read(tmp_path, [record], "a.json")
