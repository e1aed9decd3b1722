"""CLUENER's JSON: inclusive ends, mentions at several places, a test split without labels."""

import json
from pathlib import Path

import pytest

from labkit.data.corpora import bio_tags_to_spans, read_corpus
from tests.data.formats.json_samples import CLUENER, TAGS, WORDS, read, tags


def test_ends_are_inclusive(tmp_path: Path) -> None:
    for each in (CLUENER, dict(reversed(CLUENER.items())), {"id": 3, "source": {"a": 1}, **CLUENER}):
        parsed = read(tmp_path, [each])
        assert (parsed.sentences[0].words, parsed.sentences[0].tags, parsed.notes) == (WORDS, TAGS, [])


def test_a_mention_may_be_at_several_places(tmp_path: Path) -> None:
    record = {"text": "北京的北京人说:北京", "label": {"address": {"北京": [[0, 1], [3, 4], [8, 9]]}, "name": {}}}
    (sentence,) = read(tmp_path, [record], "a.json").sentences
    assert [(start, end) for _, start, end in bio_tags_to_spans(sentence.tags)] == [(0, 2), (3, 5), (8, 10)]


def test_ends_that_are_not_inclusive_are_told(tmp_path: Path) -> None:
    parsed = read(tmp_path, [{"text": "在北京的人", "label": {"address": {"北京": [[1, 3]]}}}])
    assert parsed.notes == [
        "a.jsonl: 1 spans hold another text than the file gives them, first on line 1: '北京的' (address)."
    ]


def test_a_text_without_entities_an_empty_one_crlf_and_a_byte_order_mark(tmp_path: Path) -> None:
    parsed = read(tmp_path, '\ufeff{"text": "在", "label": {}}\r\n{"text": "", "label": {}}\r\n', "a.json")
    assert tags(parsed) == ["O"]
    assert parsed.notes == ["a.json: 1 texts without a word left out, the first on line 2."]


def test_a_test_split_without_labels_is_not_scored(tmp_path: Path) -> None:
    for name in ("train", "dev"):
        lines = [
            json.dumps({"text": f"{name} {number} in Rome", "label": {"LOC": {"Rome": []}}}) for number in range(3)
        ]
        (tmp_path / f"{name}.json").write_text("\n".join([*lines, json.dumps(CLUENER)]))
    (tmp_path / "test.json").write_text('{"id": 0, "text": "四川敦煌学"}\n{"id": 1, "text": "尼日利亚"}\n')
    corpus = read_corpus(tmp_path)
    assert (len(corpus.train), len(corpus.dev), corpus.test) == (4, 4, ())
    assert f"{tmp_path}/test.json: no record has annotations: it is not scored." in corpus.notes
    (tmp_path / "train.json").write_text('{"text": "四川"}')
    with pytest.raises(ValueError, match=r"train\.json:1: no record has annotations; without them"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"LOC": ["北京"]}, 'LOC: expected an object, found ["北京"]'),
        ({"LOC": {"北京": 3}}, "北京: expected a list, found 3"),
        ({"LOC": {"北京": [0, 1]}}, "'北京': expected the first and the last character as [start, end]"),
        ({"LOC": {"北京": [["0", 1]]}}, 'start: expected a whole number, found "0"'),
    ],
)
def test_other_forms_of_labels_are_errors(tmp_path: Path, label: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text follows
        read(tmp_path, [CLUENER, {"text": "北京", "label": label}])
    assert str(caught.value) == f"a.jsonl:2: {message}"
