"""JSON records of words and tags: read as they are; numbers of tags are an error that says where names are."""

from pathlib import Path

import pytest

from tests.data.formats.json_samples import TAGS, TOKENS, WORDS, read, tags


@pytest.mark.parametrize("words", ["tokens", "words"])
@pytest.mark.parametrize("names", ["ner_tags", "tags", "labels"])
def test_words_and_tags_are_read_under_all_their_names(tmp_path: Path, words: str, names: str) -> None:
    parsed = read(tmp_path, [{names: list(TAGS), "id": 3, words: list(WORDS), "text": "so", "langs": ["en"]}])
    (sentence,) = parsed.sentences
    assert (sentence.words, sentence.tags, parsed.notes) == (WORDS, TAGS, [])


def test_ner_tags_win_over_others(tmp_path: Path) -> None:
    assert tags(read(tmp_path, [{**TOKENS, "tags": [1] * 8}])) == [" ".join(TAGS)]


def test_words_stay_as_they_are(tmp_path: Path) -> None:
    (sentence,) = read(
        tmp_path, [{"tokens": ["New York", " ", "isn't", "北京"], "tags": ["B-X", "O", "O", "O"]}]
    ).sentences
    assert sentence.words == ("New York", " ", "isn't", "北京")


def test_records_and_words_that_are_empty_are_counted(tmp_path: Path) -> None:
    records = [{"tokens": [], "tags": []}, {"tokens": ["a", "", "\u200b"], "tags": ["O"] * 3}]
    parsed = read(tmp_path, records)
    assert [sentence.words for sentence in parsed.sentences] == [("a",)]
    assert parsed.notes == [
        "a.jsonl: 1 records without words left out, the first on line 1.",
        "a.jsonl: 2 empty or invisible words left out, the first on line 2.",
    ]


def test_a_split_without_tags_is_not_scored(tmp_path: Path) -> None:
    assert read(tmp_path, [{"tokens": ["a"], "id": 1}]).missing_labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ner_tags": [0] * 8}, "the tags are numbers, .*features.*Parquet"),
        ({"ner_tags": ["0"] * 8}, "the tags are numbers, "),
        ({"ner_tags": ["O"]}, "1 ner_tags for 8 tokens; expected one for each"),
        ({"ner_tags": [*TAGS[:-1], "PER"]}, "unknown tag 'PER'; expected O, or a letter"),
        ({"ner_tags": [*TAGS[:-1], None]}, "ner_tags: expected a text, found null"),
        ({"tokens": [*WORDS[:-1], 7]}, "tokens: expected a text, found 7"),
    ],
)
def test_what_cannot_be_meant_is_an_error(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^a\.jsonl:2: {message}"):
        read(tmp_path, [TOKENS, {**TOKENS, **change}])


def test_crlf_and_a_byte_order_mark(tmp_path: Path) -> None:
    parsed = read(tmp_path, '\ufeff{"tokens": ["a"], "tags": ["O"]}\r\n{"tokens": ["b"], "tags": ["B-X"]}\r\n')
    assert tags(parsed) == ["O", "B-X"]
