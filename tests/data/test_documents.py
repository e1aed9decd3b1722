"""Documents of any format, and predictions that are read again as they were written."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from labkit.data.documents import Document, PredictedDocument, PredictedSpan, read_documents
from labkit.data.formats import format_of
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.word_splitting import Granularity
from labkit.data.writers import WRITERS, write_brat
from tests.data.formats.json_samples import CLUENER, LABEL_STUDIO, LABEL_STUDIO_MIN, PRODIGY, SAMPLES, TEXT, WORDS
from tests.long_cases import seeds

TEXTS = [
    "😀 Anna Lee met 👨\u200d👩\u200d👧 in Zu\u0308rich.",
    "",
    "  Ulm, as ever\u2028Ulm ",
    "her\tname:\r\nAnna\r\nUlm\r\n",
    "我在北京。我爱北京😀北京",
    '\ufeffUlm [x] {"y"} \\n',
]
_ENTITIES = {"PER": r"Anna(?: Lee)?|👨\S+", "LOC": "Ulm|北京|Zu\u0308rich", "BOTH": "name:\r\nAnna"}
Found = list[tuple[str, list[tuple[str, int, int]]]]


def predict(documents: Sequence[Document], granularity: Granularity = Granularity.WORDS) -> Iterator[PredictedDocument]:
    """A predictor that knows a few names; one reaches over a line end where all characters are words."""
    for document in documents:
        types = ["BOTH", "LOC"] if granularity is Granularity.ALL_CHARACTERS else ["PER", "LOC"]
        found = [(name, *match.span()) for name in types for match in re.finditer(_ENTITIES[name], document.text)]
        spans = [PredictedSpan(*span, 0.75) for span in sorted(found, key=lambda span: span[1])]
        yield PredictedDocument(document, document.split(granularity), spans)


def spans_of(documents: Sequence[PredictedDocument]) -> Found:
    return [(one.document.text, [(span.type, span.start, span.end) for span in one.spans]) for one in documents]


def texts_of(parsed: ParsedFile) -> Found:
    return [(one.text, [(span.type, span.start, span.end) for span in one.spans]) for one in parsed.texts]


def write(path: Path, records: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def write_predictions(documents: Sequence[PredictedDocument], name: str, path: Path) -> ParsedFile:
    """Writes predictions, and reads them as a corpus. Label Studio's must be accepted by somebody before."""
    if name == "brat":
        path = path.with_suffix("")
        path.mkdir()
        write_brat(documents, path)
    else:
        text = "".join(WRITERS[name](documents))
        path.write_bytes(text.replace('"predictions"', '"annotations"').encode())
    return format_of(path).read(path, path.name)


@pytest.mark.parametrize("granularity", [Granularity.WORDS, Granularity.ALL_CHARACTERS])
@pytest.mark.parametrize("name", ["spans", "label-studio", "brat"])
def test_predictions_are_read_as_they_were_written(tmp_path: Path, name: str, granularity: Granularity) -> None:
    read = read_documents(write(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS]))
    assert ([one.text for one in read.documents], read.format, read.notes) == (TEXTS, "spans", [])
    predicted = list(predict(read.documents, granularity))
    assert sum(len(one.spans) for one in predicted) >= 8
    parsed = write_predictions(predicted, name, tmp_path / "out.json")
    assert texts_of(parsed) == spans_of(predicted)
    surfaces = [
        (text[start:end], span.surface)
        for one, (text, spans) in zip(parsed.texts, texts_of(parsed), strict=True)
        for span, (_, start, end) in zip(one.spans, spans, strict=True)
    ]
    pieces = name == "brat" and granularity is Granularity.ALL_CHARACTERS
    assert [one for one in surfaces if one[0] != one[1]] == [("name:\r\nAnna", None)] * pieces


def draw_prediction(rng: random.Random, granularity: Granularity) -> PredictedDocument:
    text = "".join(
        rng.choices("ab1 \t\n\r我，.'@#\u3000é😀\u200b\u2028\x85\u0301👨\u200d\ufeff\x0b", k=rng.choice([0, 5, 40]))
    )
    sentences, spans = Document(text).split(granularity), []
    for sentence in sentences:
        place = 0
        while place < len(sentence):
            end = place + rng.randint(1, 4)
            visible = [word for word in sentence[place:end] if not word.word.isspace()]
            if visible and rng.random() < 0.4:
                spans.append(PredictedSpan(rng.choice(["PER", "LOC"]), visible[0].start, visible[-1].end, 0.5))
            place = end
    return PredictedDocument(Document(text), sentences, spans)


@pytest.mark.parametrize("seed", seeds(10))
@pytest.mark.parametrize("name", ["spans", "label-studio", "brat"])
def test_any_text_and_spans_come_back(tmp_path: Path, name: str, seed: int) -> None:
    rng = random.Random(seed)
    granularity = rng.choice(list(Granularity))
    anything = PredictedDocument(Document("so"), [], [])  # a file without a word is refused
    documents = [anything, *(draw_prediction(rng, granularity) for _ in range(20))]
    assert texts_of(write_predictions(documents, name, tmp_path / "out.json")) == spans_of(documents)


def test_predictions_as_conll_are_read_as_they_were_written(tmp_path: Path) -> None:
    read = read_documents(write(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS]))
    parsed = write_predictions(list(predict(read.documents)), "conll", tmp_path / "out.conll")
    words = [tuple(word.word for word in line) for one in read.documents for line in one.split(Granularity.WORDS)]
    assert [sentence.words for sentence in parsed.sentences] == words
    tags = dict(zip(parsed.sentences[0].words, parsed.sentences[0].tags, strict=True))
    assert [tags[word] for word in ("Anna", "Lee", "met", "Zu\u0308rich")] == ["B-PER", "I-PER", "O", "B-LOC"]
    again = read_documents(tmp_path / "out.conll")
    assert (again.format, len(again.documents)) == ("conll", len(words))


@pytest.mark.parametrize("granularity", [Granularity.CHARACTERS, Granularity.ALL_CHARACTERS])
def test_characters_as_conll_leave_white_space_out(tmp_path: Path, granularity: Granularity) -> None:
    parsed = write_predictions(list(predict([Document("in Ulm\nUlm")], granularity)), "conll", tmp_path / "out.conll")
    pairs = [pair for one in parsed.sentences for pair in zip(one.words, one.tags, strict=True)]
    assert pairs == [("i", "O"), ("n", "O"), *[("U", "B-LOC"), ("l", "I-LOC"), ("m", "I-LOC")] * 2]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_of_each_json_shape_is_predicted_annotated_or_not(tmp_path: Path, name: str) -> None:
    sample: Any = SAMPLES[name]
    keys = {"spans", "label", "labels", "entities", "relations", "ner_tags"}
    bare = {key: value for key, value in sample.items() if key not in keys} | (
        {"annotations": []} if "data" in sample else {}
    )
    for record in (sample, bare):
        read = read_documents(write(tmp_path / "a.jsonl", [record, record]))
        expected = (
            [" ".join(WORDS)] * 2 if name == "Hugging Face" else [TEXT] * (1 if name == "Label Studio MIN" else 2)
        )
        assert [one.text for one in read.documents] == expected
        assert read.format == {"Label Studio": "label-studio", "Hugging Face": "conll"}.get(name, "spans")
        predicted = list(predict(read.documents))
        assert texts_of(write_predictions(predicted, "spans", tmp_path / "b.jsonl")) == spans_of(predicted)


def test_other_keys_of_a_record_are_kept_and_its_annotations_are_not(tmp_path: Path) -> None:
    records = [{**CLUENER, "id": 7, "meta": {"page": 1}, "tags": ["a"]}, {**CLUENER, "label": None, "id": "b"}]
    documents = read_documents(write(tmp_path / "a.json", records)).documents
    first, second = map(json.loads, WRITERS["spans"](predict(documents)))
    assert first == {"text": TEXT, "id": 7, "meta": {"page": 1}, "tags": ["a"], "spans": []}
    assert list(second) == ["text", "id", "spans"]
    (prodigy,) = map(json.loads, WRITERS["spans"](predict([Document(TEXT, fields=PRODIGY)])))
    assert prodigy.keys() == PRODIGY.keys() - {"answer"}
    (task,) = json.loads("".join(WRITERS["label-studio"](predict([Document(TEXT, fields=LABEL_STUDIO_MIN)]))))
    assert task["data"].keys() == LABEL_STUDIO_MIN.keys() - {"label", "annotation_id"}


def test_a_task_of_label_studio_keeps_its_data_and_gets_predictions(tmp_path: Path) -> None:
    data = {"text": "from the newspaper of today", "body": "😀 Ulm, the city", "page": 3}
    records = [{**LABEL_STUDIO, "annotations": [], "data": data}]
    read = read_documents(write(tmp_path / "a.json", records))
    assert read.notes == [f"{tmp_path}/a.json: the texts are read from text, of the fields text, body."]
    records[0]["data"] = {"body": data["body"], "page": 3}
    (task,) = json.loads(
        "".join(WRITERS["label-studio"](predict(read_documents(write(tmp_path / "a.json", records)).documents)))
    )
    value = {"start": 2, "end": 5, "text": "Ulm", "labels": ["LOC"]}
    region = {"id": "T1", "from_name": "label", "to_name": "text", "type": "labels", "value": value, "score": 0.75}
    assert task == {"id": 1, "data": records[0]["data"], "meta": {}, "predictions": [{"result": [region]}]}
    assert "".join(WRITERS["label-studio"]([])) == "[]\n"


def test_rejected_and_unannotated_records_are_predicted_in_their_place(tmp_path: Path) -> None:
    records = [
        {**PRODIGY, "text": f"text {answer}", "spans": [], "answer": answer}
        for answer in ("accept", "reject", "ignore")
    ]
    read = read_documents(write(tmp_path / "a.jsonl", records))
    assert [one.text for one in read.documents] == ["text accept", "text reject", "text ignore"]
    tasks = [
        {"data": {"text": "one"}},
        {"data": {"text": "two"}, "annotations": [{"result": []}]},
        {"data": {"page": 1}},
    ]
    assert [one.text for one in read_documents(write(tmp_path / "b.jsonl", tasks)).documents] == ["one", "two", ""]


def test_a_folder_of_texts_is_read_and_written_under_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in (("b", TEXTS[0]), ("a", TEXTS[3]), ("c", "")):
        (folder / f"{name}.txt").write_bytes(text.encode())
    for ann in ("", "T1\tLOC 0 1\t😀\n"):
        read = read_documents(folder)
        assert (read.format, read.notes) == ("brat", [])
        assert [(one.file, one.text) for one in read.documents] == [
            ("a.txt", TEXTS[3]),
            ("b.txt", TEXTS[0]),
            ("c.txt", ""),
        ]
        (folder / "b.ann").write_text(ann or "T1\tLOC 0 1\t😀\n")
    parsed = write_predictions(list(predict(read.documents)), "brat", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{one}.{end}" for one in "abc" for end in ("ann", "txt")
    ]
    assert texts_of(parsed) == spans_of(list(predict(read.documents)))


def test_a_folder_of_splits_is_refused_and_its_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("Ulm B-LOC\n")
    with pytest.raises(ValueError, match=r"a folder to predict holds texts .* give one of these: train\.txt"):
        read_documents(tmp_path)


@pytest.mark.parametrize("name", ["a.txt", "a", "notes.md"])
def test_plain_text_has_a_text_a_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("  Anna is in Ulm.\r\n\r\n我在北京\r\nO ".encode("gb18030"))
    read = read_documents(tmp_path / name)
    assert [one.text for one in read.documents] == ["  Anna is in Ulm.", "", "我在北京", "O "]
    assert read.format == "spans"
    assert [note.removeprefix(f"{tmp_path}/{name}: ") for note in read.notes] == [
        "read as GB18030, as it is not UTF-8.",
        "read as plain text, a text a line.",
    ]
    (tmp_path / name).write_text("")
    assert read_documents(tmp_path / name).documents == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Anna B-PER\nin O\nUlm\n", r"a\.txt:3: expected a word and its tag"),
        ('{"text": "so"}\n', r"a\.txt:1: this looks like JSON"),
    ],
)
def test_a_damaged_file_of_another_format_is_not_taken_for_texts(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(ValueError, match=problem):
        read_documents(tmp_path / "a.txt")


MULTICONER = "# id 5e8c0d12\tdomain=en\nAnna _ _ _\nsleeps _ _ _\n"
CONLLU = "".join(f"{number}\t{word}" + "\t_" * 8 + "\n" for number, word in enumerate(("Anna", "sleeps"), 1))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.conll", "Anna B-PER\nsleeps O\n"),
        ("a.conll", MULTICONER),
        ("a.conllu", CONLLU),
        ("a.csv", "sentence,word,tag\n1,Anna,B-PER\n,sleeps,O\n"),
        ("a.jsonl", '{"tokens": ["Anna", "sleeps"]}\n'),
    ],
)
def test_words_are_taken_as_they_are(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    read = read_documents(tmp_path / name)
    assert [one.text for one in read.documents] == ["Anna sleeps"]
    assert read.documents[0].split(Granularity.CHARACTERS) == [[("Anna", 0, 4), ("sleeps", 5, 11)]]
    assert read.format == "conll"


def test_characters_are_joined_without_spaces(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("## 1\tso\n" + "".join(f"{one}\tO\n" for one in "한 국😀"), encoding="utf-8")
    assert [one.text for one in read_documents(tmp_path / "a.tsv").documents] == ["한 국😀"]


@pytest.mark.parametrize(
    "columns", [{"tokens": [["Anna", "\u200b", "sleeps"], []]}, {"words": [["Anna", "sleeps"]], "tags": [[-1, -1]]}]
)
def test_parquet_without_tags_is_predicted(tmp_path: Path, columns: dict[str, Any]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    assert [one.text for one in read_documents(tmp_path / "a.parquet").documents] == ["Anna sleeps"]
    parsed = format_of(tmp_path / "a.parquet").read(tmp_path / "a.parquet", "a.parquet")
    assert ("no column ner_tags" in str(parsed.missing_labels)) == ("tokens" in columns)


def test_a_table_of_texts_has_a_document_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,title,text\n7,,<p>in&nbsp;Ulm</p>\n8,,\n9,,in Ulm\n")
    documents = read_documents(tmp_path / "a.csv").documents
    assert [(one.fields["id"], one.text) for one in documents] == [("7", "in Ulm"), ("8", ""), ("9", "in Ulm")]
