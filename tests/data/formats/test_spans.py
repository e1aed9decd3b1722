"""Spans of characters become words and tags; what cannot be kept is counted."""

import pytest

from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import CharSpan, SpanDocument, add_documents, find_offset_unit


def read(*documents: tuple[str, list[tuple[str, int, int]]]) -> ParsedFile:
    parsed = ParsedFile("a.jsonl", "0" * 64, [])
    spans = [
        SpanDocument(text, [CharSpan(*span) for span in of_text], line)
        for line, (text, of_text) in enumerate(documents, 1)
    ]
    add_documents(parsed, spans)
    return parsed


def test_words_get_the_tags_of_their_spans() -> None:
    parsed = read(("Obama's in New York.", [("PER", 0, 5), ("LOC", 11, 19)]), ("我在北京。", [("LOC", 2, 4)]))
    assert [(one.words, one.tags, one.line) for one in parsed.sentences] == [
        (("Obama", "'s", "in", "New", "York", "."), ("B-PER", "O", "O", "B-LOC", "I-LOC", "O"), 1),
        (("我", "在", "北", "京", "。"), ("O", "O", "B-LOC", "I-LOC", "O"), 2),
    ]
    assert parsed.notes == []


def test_lines_are_sentences_unless_a_span_reaches_into_the_next() -> None:
    parsed = read(("one two\nthree New\nYork", [("LOC", 14, 22)]))
    assert [one.words for one in parsed.sentences] == [("one", "two"), ("three", "New", "York")]
    assert parsed.sentences[1].tags == ("O", "B-LOC", "I-LOC")


FIRST = "first on line 1:"
NEW_YORK = "O B-LOC I-LOC"


@pytest.mark.parametrize(
    ("spans", "note", "tags"),
    [
        ([("LOC", 4, 4)], f"1 empty spans left out, {FIRST} '4 to 4' (LOC)", "O O O"),
        ([("LOC", 3, 4)], f"1 empty spans left out, {FIRST} ' ' (LOC)", "O O O"),
        ([("LOC", 8, 99)], f"1 spans outside of their text left out, {FIRST} 'York' (LOC)", "O O O"),
        ([("LOC", -1, 3)], "1 spans outside of their text left out", "O O O"),
        ([("LOC", 3, 12)], f"white space cut off at the ends of 1 spans, {FIRST} ' New York' (LOC)", NEW_YORK),
        ([("LOC", 4, 10)], f"1 spans that cut a word widened to whole words, {FIRST} 'New Yo' (LOC)", NEW_YORK),
        ([("LOC", 0, 7), ("X", 4, 12)], f"1 spans that overlap a longer one left out, {FIRST} 'the New'", "O B-X I-X"),
        ([("LOC", 4, 12), ("X", 8, 12)], f"1 spans inside a longer one left out, {FIRST} 'York' (X)", NEW_YORK),
        ([("LOC", 4, 12)] * 2, "1 spans that are there twice read once", NEW_YORK),
        ([("Big City", 4, 12)], "white space in the types of 1 spans replaced by _", "O B-Big_City I-Big_City"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_counted_and_shown(spans: list[tuple[str, int, int]], note: str, tags: str) -> None:
    parsed = read(("the New York", spans))
    assert parsed.sentences[0].tags == tuple(tags.split())
    (told,) = parsed.notes
    assert told.startswith(f"a.jsonl: {note}")


EMOJI = "😀 Obama met 😀 Li"


@pytest.mark.parametrize(
    ("offsets", "unit"),
    [([(2, 7), (14, 16)], ""), ([(3, 8), (16, 18)], "utf-16"), ([(5, 10), (20, 22)], "utf-8")],
)
def test_offsets_that_only_fit_in_another_unit_are_read_in_it(offsets: list[tuple[int, int]], unit: str) -> None:
    document = SpanDocument(EMOJI, [CharSpan("PER", *ends) for ends in offsets], 1)
    assert find_offset_unit([document] * 5) == unit
    parsed = ParsedFile("a.jsonl", "0" * 64, [])
    add_documents(parsed, [document] * 5)
    sentence = parsed.sentences[0]
    found = [word for word, tag in zip(sentence.words, sentence.tags, strict=True) if tag != "O"]
    assert found == ["Obama", "Li"]
    assert [note.startswith("a.jsonl: offsets count") for note in parsed.notes] == ([True] if unit else [])


def test_a_surface_decides_which_unit_is_meant() -> None:
    spans = [CharSpan("PER", 3, 8, "Obama")]  # as characters, `bama ` would only have white space at its end
    assert find_offset_unit([SpanDocument(EMOJI, spans, 1)]) == "utf-16"


def test_bytes_are_not_taken_for_a_few_spans_that_are_wrong_anyhow() -> None:
    right = ("北京 Ann works", [("PER", 3, 6)])
    outside = ("在北京", [("LOC", 0, 6)])  # of bytes these would be 在北, and the 3 to 6 above 京
    parsed = read(right, outside, right, outside)
    assert parsed.sentences[0].tags == ("O", "O", "B-PER", "O")
    assert [note.partition(": ")[2][:22] for note in parsed.notes] == ["2 spans outside of the"]
    bytes_ = ("在北京", [("LOC", 3, 9)])
    assert read(*[bytes_] * 5).sentences[0].tags == ("O", "B-LOC", "I-LOC")
    surface = SpanDocument("在北京", [CharSpan("LOC", 3, 9, "北京")], 1)
    assert find_offset_unit([surface]) == "utf-8"
    assert find_offset_unit([surface, *[SpanDocument("在北京", [CharSpan("LOC", 2, 8)], 2)] * 2]) == ""  # fits neither


def test_a_text_that_is_there_again_with_other_annotations_is_told() -> None:
    ann, other = (("Ann met Bob", [("PER", *ends)]) for ends in ((0, 3), (8, 11)))
    (note,) = read(ann, other, ann, ("Ann met Bob", [])).notes
    assert note == (
        "a.jsonl: 2 texts are there again with other annotations, which contradict the first ones, first on line 2: "
        "'Ann' (PER)."
    )
    assert read(ann, ann, ("Ann met Eve", [])).notes == []


def test_spans_of_a_script_without_spaces_are_told_as_such() -> None:
    thai = ("สมชายอยู่กรุงเทพ", [("PER", 0, 5), ("LOC", 9, 16)])
    assert "no spaces between words, as in Thai" in read(thai, thai).notes[-1]
    some = ("the New York", [("LOC", 4, 10), ("X", 0, 3)])
    assert not any("Thai" in note for note in read(*[some] * 4).notes)
