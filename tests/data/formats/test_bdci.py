"""BDCI tables: read as the competition defines them; errors name file and line."""

import csv
import io
import random
from pathlib import Path

import pytest

from labkit.data.cleaning import clean_html
from labkit.data.corpora import Corpus, bio_tags_to_spans, find_corpus, list_corpora, read_corpus
from labkit.data.formats.bdci import format_cell, locate_labels, parse_labels, read_bdci, read_table
from labkit.data.tags import Span
from tests.long_cases import seeds

SAMPLE = Path(__file__).parents[3] / "data" / "samples" / "bdci"
HEADER = ("id", "title", "text", "unknownEntities")


def table(where: Path, *rows: tuple[str, ...], header: tuple[str, ...] = HEADER, encoding: str = "utf-8") -> Path:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(text.getvalue().encode(encoding))
    return where


def entities(corpus: Corpus) -> dict[str, list[str]]:
    """Entities of each text, by its first six characters."""
    every = [*corpus.train, *corpus.dev, *corpus.test]
    found = {}
    for sentence in every:
        text = "".join(sentence.words)
        found[text[:6]] = [text[start:end] for _, start, end in bio_tags_to_spans(sentence.tags)]
    return found


# --- the sample


@pytest.fixture(scope="module")
def sample() -> Corpus:
    return read_corpus(SAMPLE)


def test_the_sample_is_read_a_row_a_text_and_a_character_a_word(sample: Corpus) -> None:
    every = [*sample.train, *sample.dev]
    assert (len(every), sample.tags, sample.scheme) == (19, ("O", "B-ENTITY", "I-ENTITY"), "BIO")
    assert all(len(word) == 1 for sentence in every for word in sentence.words)
    assert max(len(sentence.words) for sentence in every) > 512


def test_the_sample_shows_what_the_reader_can(sample: Corpus) -> None:
    found = entities(sample)
    assert found["又一平台失联"] == ["金穗通宝"]  # in bold
    assert found["趣帆钱包用户"] == ["趣帆钱包"] * 2  # with an invisible character inside
    assert found["恒鼎与恒鼎汇"] == ["恒鼎", "恒鼎汇投"] * 2  # one within the other
    assert found["A&M资本的"] == ["A&M资本"] * 2
    assert found["紧急通知\n云"] == ["云栈财富"] * 2  # without a title
    assert found["米兔通证路演"] == ["米兔通证", "米兔通证", "ＭＴＣ", "ＭＴＣ"]
    assert len(found["蓝鲸云贷提现"]) == 7
    assert found["央行提示风险"] == []


def test_what_is_odd_in_the_sample_is_told(sample: Corpus) -> None:
    notes = "\n".join(sample.notes)
    assert "1 rows repeat the text of another" in notes
    assert "1 entities do not occur in their text and are not learnt: '金桥普惠' on line 11." in notes


def test_the_sample_is_not_in_the_menu_and_is_a_corpus_by_its_path() -> None:
    assert "bdci" not in list_corpora()
    assert "samples" not in list_corpora()
    assert read_corpus(SAMPLE / "train.csv").sha256 == find_corpus(SAMPLE).compute_sha256()


# --- a user's own


def test_a_folder_of_tables_is_a_corpus_like_any_other(tmp_path: Path) -> None:
    for name in ("train", "dev", "test"):
        table(tmp_path / f"{name}.csv", ("1", "甲公司", f"{name}乙", "甲公司"), ("2", "无", "无", ""))
    corpus = read_corpus(tmp_path)
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test)] == [2, 2, 2]
    assert corpus.sha256 == find_corpus(tmp_path).compute_sha256()


def test_a_test_table_without_entities_is_left_to_predicting(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", *((f"{n}", "", f"甲公司{n}", "甲公司") for n in range(4)))
    table(tmp_path / "test.csv", ("9", "", "乙公司"), header=HEADER[:3])
    corpus = read_corpus(tmp_path)
    assert corpus.test == ()
    assert any("test.csv has no column unknownEntities: it is not scored" in note for note in corpus.notes)
    assert corpus.sha256 == find_corpus(tmp_path).compute_sha256(), "so that its encoding is found again"


def test_a_train_table_without_entities_is_an_error(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", ("9", "", "乙公司"), header=HEADER[:3])
    with pytest.raises(ValueError, match=r"train\.csv:1: no column unknownEntities; without it"):
        read_corpus(tmp_path)


def test_columns_come_in_any_order_with_others_beside_them(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.csv", ("甲", "x", "无", "甲公司", "1"), header=("UnknownEntities", "y", "title", " text", "ID")
    )
    (row,) = read_table(path, "t.csv").rows
    assert (row.id, row.title, row.text, row.labels, row.line) == ("1", "无", "甲公司", "甲", 2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings_that_can_be_told_apart_are_read(tmp_path: Path, encoding: str) -> None:
    part = read_bdci(table(tmp_path / "t.csv", ("1", "甲公司", "乙", "甲公司"), encoding=encoding), "t.csv")
    assert "".join(part.sentences[0].words) == "甲公司\n乙"
    told = [] if encoding.startswith("utf-8") else [f"t.csv: read as {encoding.upper()}, as it is not UTF-8."]
    assert part.notes == told


@pytest.mark.parametrize(
    ("data", "message"),
    {
        "nothing": (b"", r"^t\.csv:1: no column id, title, text; .*an empty file"),
        "no header": ("1,甲,乙,丙\n".encode(), r"^t\.csv:1: no column id, title, text; .*found '1', '甲', '乙', '丙'"),
        "a column missing": (b"id,text,unknownEntities\n", r"^t\.csv:1: no column title; expected a CSV file with"),
        "tabs": (b"id\ttitle\ttext\n", r"^t\.csv:1: no column id, .*found 'id\\ttitle\\ttext'"),
        "too few fields": (b'id,title,text\n1,"a\n\nb",c\n2,a\n', r"^t\.csv:5: expected 3 fields .*, found 2"),
        "a comma not quoted": (b"id,title,text\n1,a,b,c\n", r"^t\.csv:2: expected 3 fields as in the header, found 4"),
        "a quotation mark not doubled": (b'id,title,text\n1,a,"b"c"\n', r"^t\.csv:2: not a CSV record: "),
        "a quotation mark not closed": (b'id,title,text\n1,a,b\n2,a,"b\n\n', r"^t\.csv:3: not a CSV record: "),
        "another encoding": (
            b"id,title,text\n1,a,b\n2,a,\xff\xff\n",
            r"^t\.csv:3: byte 24 .*neither UTF-8 nor GB18030",
        ),
        "no text at all": (b'id,title,text,unknownEntities\n1,"","<p></p>",\n', r"^t\.csv:1: no row holds a text"),
    }.values(),
)
def test_what_cannot_be_meant_names_file_and_line(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_bdci(tmp_path / "t.csv", "t.csv")


def test_a_text_may_be_longer_than_csv_takes_by_default(tmp_path: Path) -> None:
    long = "甲" * 140_000
    (row,) = read_table(table(tmp_path / "t.csv", ("1", "题", long, "乙")), "t.csv").rows
    assert (row.text, row.labels) == (long, "乙")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"t\.csv: cannot be read"):
        read_table(tmp_path / "t.csv", "t.csv")


def test_rows_of_equal_text_are_read_once_with_the_entities_of_all(tmp_path: Path) -> None:
    rows = [("1", "", "甲公司与乙公司", "甲公司"), ("2", "", "<p>甲公司与乙公司</p>", "乙公司"), ("3", "", " ", "")]
    part = read_bdci(table(tmp_path / "t.csv", *rows), "t.csv")
    assert [bio_tags_to_spans(raw.tags) for raw in part.sentences] == [[Span("ENTITY", 0, 3), Span("ENTITY", 4, 7)]]
    assert [note.split(":")[1][:9] for note in part.notes] == [" 1 rows w", " 1 rows r"]


def test_many_entities_that_do_not_occur_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    part = read_bdci(table(tmp_path / "t.csv", ("1", "甲", "乙", "丁;甲;戊;己;庚")), "t.csv")
    assert part.notes == [
        "t.csv: 4 entities do not occur in their text and are not learnt: "
        "'丁' on line 2, '戊' on line 2, '己' on line 2, …."
    ]


# --- labels in their text


def slow_places(text: str, labels: list[str]) -> list[tuple[int, int]]:
    """Reference for Chinese labels: longest first, from the left, where no other is."""
    free = list(text)
    found = []
    for label in sorted(labels, key=lambda label: (-len(label), label)):
        for start in range(len(text) - len(label) + 1):
            if "".join(free[start : start + len(label)]) == label:
                free[start : start + len(label)] = ["\0"] * len(label)
                found.append((start, start + len(label)))
    return sorted(found)


@pytest.mark.parametrize("seed", seeds(30))
def test_labels_are_found_wherever_they_occur_the_longest_first(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choices("甲乙丙", k=30))
    labels = list({"".join(rng.choices("甲乙丙", k=rng.randint(1, 4))) for _ in range(4)})
    found, absent = locate_labels(text, labels)
    assert [(start, end) for _, start, end in found] == slow_places(text, labels)
    assert absent == [label for label in labels if label not in text]


@pytest.mark.parametrize(
    ("text", "label", "starts"),
    [
        ("VIDEOS与EOS", "EOS", [7]),
        ("EOS2与EOS，eos", "EOS", [0, 5]),
        ("VIDEOS", "EOS", [3]),
        ("币安币安", "币安", [0, 2]),
        ("在360与3600", "360", [1]),
        ("P2P.*", ".*", [3]),
    ],
)
def test_latin_labels_are_not_found_inside_longer_words(text: str, label: str, starts: list[int]) -> None:
    assert [start for _, start, _ in locate_labels(text, [label])[0]] == starts


def test_a_cell_is_cleaned_before_it_is_divided() -> None:
    assert parse_labels("A&amp;M资本; 乙<b>公司</b>；\u200b丙;;") == ["A&M资本", "乙公司", "丙"]
    assert parse_labels("") == []


def test_entities_are_given_back_once_each_as_in_the_original() -> None:
    document = clean_html("<p>趣帆\u200b钱包、A&amp;M资本、Coin&nbsp;&nbsp;Base和趣帆\u200b钱包</p>")
    found, _ = locate_labels(document.text, ["趣帆钱包", "A&M资本", "Coin Base"])
    assert format_cell(document, found) == "趣帆\u200b钱包;A&M资本;Coin Base"
    assert format_cell(document, []) == ""


def test_an_entity_over_a_line_end_is_given_back_in_its_parts() -> None:
    document = clean_html("甲公司\n乙公司")
    assert format_cell(document, [Span("ENTITY", 0, 7)]) == "甲公司;乙公司"
