"""Records of JSON files: every form is read alike; errors name file and line, or record."""

import json
from pathlib import Path

import pytest

from tests.data.formats.json_samples import PLAIN, read, tags

TWO = [{"text": "in Rome", "spans": [{"start": 3, "end": 7, "label": "LOC"}]}, {"text": "no", "spans": []}]
LINES = "\n".join(map(json.dumps, TWO))


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "an object a line": ("a.jsonl", LINES),
        "an object a line in .json": ("a.json", LINES),
        "in .ndjson": ("a.ndjson", LINES + "\n"),
        "an array": ("a.json", json.dumps(TWO)),
        "an array in .jsonl": ("a.jsonl", json.dumps(TWO)),
        "an array on several lines": ("a.json", json.dumps(TWO, indent=4)),
        "objects on several lines": ("a.json", "\n".join(json.dumps(one, indent=2) for one in TWO)),
        "CRLF and a byte order mark": ("a.jsonl", "\ufeff" + LINES.replace("\n", "\r\n") + "\r\n"),
        "an array with a byte order mark": ("a.json", "\ufeff\r\n" + json.dumps(TWO)),
        "blank lines": ("a.jsonl", "\n \n" + LINES.replace("\n", "\n\n\t\n") + "\n\n"),
    }.values(),
)
def test_every_form_of_file_gives_the_same_sentences(tmp_path: Path, name: str, content: str) -> None:
    parsed = read(tmp_path, content, name)
    assert (tags(parsed), parsed.notes) == (["O B-LOC", "O"], [])


def test_gb18030_is_read_with_a_note(tmp_path: Path) -> None:
    content = '{"text": "在北京", "spans": [{"start": 1, "end": 3, "label": "地点"}]}'.encode("gb18030")
    parsed = read(tmp_path, content)
    assert tags(parsed) == ["O B-地点 I-地点"]
    assert parsed.notes == ["a.jsonl: read as GB18030, as it is not UTF-8."]


def test_escapes_are_read(tmp_path: Path) -> None:
    parsed = read(tmp_path, '{"text": "\\ud83d\\ude00 \\u5317", "spans": [{"start": 2, "end": 3, "label": "X"}]}')
    assert (parsed.sentences[0].words, tags(parsed)) == (("😀", "北"), ["O B-X"])


@pytest.mark.parametrize(
    ("content", "message"),
    {
        "nothing": ("", r"a\.jsonl:1: no record to learn from; expected Label Studio JSON"),
        "an empty array": ("[]", r"a\.jsonl, record 1: no record"),
        "a line cut off": (LINES + '\n{"text": "a", "spans": [\n', r"a\.jsonl:3: not JSON at line 4, column 1: "),
        "no JSON": ("EU B-ORG\n", r"a\.jsonl:1: not JSON at line 1, column 1"),
        "single quotes": ("{'text': 'a'}", r"a\.jsonl:1: not JSON at line 1, column 2"),
        "a list a line": ('["a", []]\n', r"a\.jsonl:1: expected an object as record, found '\[\"a\", \[\]\]'"),
        "a text a line": (LINES + '\n"a"', r"a\.jsonl:3: expected an object as record"),
        "an array not ended": (json.dumps(TWO)[:-1], r"a\.jsonl, record 2: not JSON at line 1"),
        "something behind an array": ("[{}]\n{}", r"a\.jsonl, record 1: expected nothing behind the array"),
        "thousands of brackets": ("[" * 100_000, r"a\.jsonl, record 1: not JSON .*too long or too deep"),
        "a number of thousands of digits": ('{"a": ' + "9" * 5000 + "}", r"a\.jsonl:1: not JSON .*too long"),
        "another encoding": (LINES.encode() + b'\n{"text": "\xff\xff"}', r"a\.jsonl:3: byte .* neither UTF-8 nor"),
        "half a character": ('{"text": "a\\ud83d", "spans": []}', r"a\.jsonl:1: half a character, \\ud83d"),
    }.values(),
)  # fmt: skip
def test_what_cannot_be_read_names_file_and_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": 7}, "text: expected a text, found 7"),
        ({"text": None}, "text: expected a text, found null"),
        ({"spans": {}}, "spans: expected a list, found {}"),
        ({"spans": [[0, 1]]}, "expected [start, end, type], or an object with start, end and label; found [0, 1]"),
        ({"spans": [[0, "1", "X"]]}, 'end: expected a whole number, found "1"'),
        ({"spans": [[0, 1.5, "X"]]}, "end: expected a whole number, found 1.5"),
        ({"spans": [[True, 1, "X"]]}, "start: expected a whole number, found true"),
        ({"spans": [{"end": 1, "label": "X"}]}, "start: expected a whole number, found null"),
        ({"spans": [[0, 1, " "]]}, "a span without a type"),
        ({"spans": [[0, 1, 3]]}, "label: the number 3, whose name is not in the file; export labels as texts"),
        ({"spans": [[0, 1, None]]}, "label: expected a text, found null"),
        ({"spans": [{"start": 0, "end": 1, "kind": "X"}]}, "a span without a label; .* the keys start, end, kind"),
        ({"spans": [{"start": 0, "end": 1, "type": "span", "entity": "X"}]}, "a span without a label"),
    ],
)
def test_values_of_another_type_are_errors(tmp_path: Path, change: dict[str, object], message: str) -> None:
    records = [PLAIN, {**PLAIN, **change}]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text follows
        read(tmp_path, records)
    assert str(caught.value).startswith("a.jsonl:2: ")
    assert all(part in str(caught.value) for part in message.split(".*"))
    with pytest.raises(ValueError, match=r"^a\.json, record 2: "):
        read(tmp_path, records, "a.json")


def test_notes_on_an_array_name_the_record(tmp_path: Path) -> None:
    parsed = read(tmp_path, [PLAIN, {"text": "ab", "spans": [{"start": 0, "end": 1, "label": "X"}]}], "a.json")
    assert parsed.notes == ["a.json: 1 spans that cut a word widened to whole words, first in record 2: 'a' (X)."]
