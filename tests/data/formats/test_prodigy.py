"""Prodigy's JSONL: accepted records are read, others counted."""

from pathlib import Path

import pytest

from tests.data.formats.json_samples import PRODIGY, TAGS, WORDS, read, tags


def test_accepted_records_are_read(tmp_path: Path) -> None:
    for each in (PRODIGY, dict(reversed(PRODIGY.items())), {"extra": [1], **PRODIGY}):
        (sentence,) = read(tmp_path, [each]).sentences
        assert (sentence.words, sentence.tags) == (WORDS, TAGS)


def test_rejected_and_ignored_records_are_left_out_and_counted(tmp_path: Path) -> None:
    answers = ["accept", "reject", "ignore", "accept"]
    parsed = read(tmp_path, [{**PRODIGY, "answer": answer} for answer in answers])
    assert [sentence.line for sentence in parsed.sentences] == [1, 4]
    assert parsed.notes == [
        "a.jsonl: 2 records whose answer is not accept, but reject or ignore, left out, the first on line 2."
    ]


def test_a_record_without_spans_or_answer_has_no_entities(tmp_path: Path) -> None:
    parsed = read(tmp_path, [PRODIGY, {"text": "so", "answer": "accept"}, {"text": "so", "_input_hash": 1}])
    assert tags(parsed)[1:] == ["O", "O"]
    assert parsed.notes == [
        "a.jsonl: 2 records have no annotations and are read as texts without entities, the first on line 2."
    ]
    assert read(tmp_path, [PRODIGY, {"text": "so", "spans": [], "answer": "accept"}]).notes == []


def test_records_of_two_annotators_that_differ_are_told(tmp_path: Path) -> None:
    first, second = ({**PRODIGY, "_session_id": name} for name in ("ann", "bob"))
    assert read(tmp_path, [first, second]).notes == []
    (note,) = read(tmp_path, [first, {**second, "spans": [{"start": 0, "end": 3, "label": "PER"}]}]).notes
    assert "1 texts are there again with other annotations" in note


def test_crlf_a_byte_order_mark_and_an_empty_text(tmp_path: Path) -> None:
    text = '\ufeff{"text": "", "answer": "accept"}\r\n\r\n{"text": "so", "spans": [], "answer": "accept"}\r\n'
    assert tags(read(tmp_path, text)) == ["O"]


def test_nothing_accepted_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.jsonl:1: no record to learn from"):
        read(tmp_path, [{**PRODIGY, "answer": "reject"}])
