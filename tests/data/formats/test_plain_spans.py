"""Span JSON: a text and its spans a record."""

from pathlib import Path

import pytest

from tests.data.formats.json_samples import PLAIN, SPANS, TAGS, TEXT, WORDS, read, tags


@pytest.mark.parametrize(
    "record",
    [
        PLAIN,
        {"meta": {"spans": 1}, "spans": PLAIN["spans"], "id": [7], "text": TEXT},
        {"text": TEXT, "spans": [list(span) for span in SPANS]},
        {"text": TEXT, "spans": [{"start": start, "end": end, "type": label} for start, end, label in SPANS]},
        {"text": TEXT, "spans": [{"start": start, "end": end, "entity": label} for start, end, label in SPANS]},
        {
            "text": TEXT,
            "spans": [
                {"label": label, "type": "span", "end": end, "start": start, "id": 3} for start, end, label in SPANS
            ],
        },
    ],
)
def test_spans_become_tags_in_any_order_of_keys(tmp_path: Path, record: dict[str, object]) -> None:
    (sentence,) = read(tmp_path, [record]).sentences
    assert (sentence.words, sentence.tags, sentence.line) == (WORDS, TAGS, 1)


def test_texts_without_words_are_counted(tmp_path: Path) -> None:
    empty = [{"text": text, "spans": []} for text in ("", " \n", "\u200b")]
    parsed = read(tmp_path, [*empty, PLAIN])
    assert tags(parsed) == [" ".join(TAGS)]
    assert parsed.notes == ["a.jsonl: 3 texts without a word left out, the first on line 1."]


def test_records_without_spans_are_told(tmp_path: Path) -> None:
    parsed = read(tmp_path, [PLAIN, {"text": "so"}, {"text": "it", "spans": None}])
    assert tags(parsed)[1:] == ["O", "O"]
    assert parsed.notes == [
        "a.jsonl: 1 records have no annotations and are read as texts without entities, the first on line 2."
    ]


def test_a_text_that_is_not_the_one_of_its_span_is_told(tmp_path: Path) -> None:
    spans = [{"start": 12, "end": 15, "label": "PER", "text": "Ann Lee"}]
    parsed = read(tmp_path, [{"text": TEXT, "spans": spans}])
    assert parsed.notes == [
        "a.jsonl: 1 spans hold another text than the file gives them, first on line 1: 'Bob' (PER)."
    ]
