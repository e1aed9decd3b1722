"""Tables of words: as Kaggle's, as pandas writes them, told from tables of texts by the header."""

from pathlib import Path

import pytest

from labkit.data.formats import FORMATS, format_of
from tests.data.formats.samples import SENTENCES, pairs, read
from tests.data.formats.writers import format_word_table, table_rows

# kaggle.com/datasets/abhinavwalia95/entity-annotated-corpus
KAGGLE = "Sentence #,Word,POS,Tag\nSentence: 1,Caf\xe9,NNP,B-geo\n,opened,VBD,O\nSentence: 2,The,DT,O\n,\x93,``,O\n"


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_corpus_comes_back(tmp_path: Path, delimiter: str, repeat: bool) -> None:
    (tmp_path / "t.csv").write_bytes(
        format_word_table(SENTENCES, delimiter=delimiter, repeat=repeat).encode("utf-8-sig")
    )
    parsed = read(tmp_path / "t.csv")
    assert (pairs(parsed), parsed.notes) == (SENTENCES, [])


@pytest.mark.parametrize(
    "header", ["sentence_id,words,pos,labels", "sentence_idx,word,pos,tag", "Sentence ID,Token,POS,NER Tag"]
)
def test_columns_have_several_names(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.tsv").write_text(format_word_table(SENTENCES, header=header, delimiter="\t"), encoding="utf-8")
    assert pairs(read(tmp_path / "t.tsv")) == SENTENCES


def test_a_table_written_by_pandas_comes_back(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table_rows(SENTENCES, repeat=True), columns=["Sentence #", "Word", "POS", "Tag"])
    frame.to_csv(tmp_path / "t.csv")  # with an index, whose column has no name
    assert pairs(read(tmp_path / "t.csv")) == SENTENCES


def test_kaggles_encoding_is_read_and_told(tmp_path: Path) -> None:
    (tmp_path / "ner_dataset.csv").write_bytes(KAGGLE.encode("latin-1"))
    parsed = read(tmp_path / "ner_dataset.csv")
    assert pairs(parsed) == [(("Café", "opened"), ("B-geo", "O")), (("The", "“"), ("O", "O"))]
    assert parsed.notes == ["ner_dataset.csv: read as Windows-1252 (Latin-1), as it is not UTF-8."]


def test_without_numbers_blank_rows_are_between_sentences(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("word,tag\na,O\n\nb,B-X\n,\nc,O\n")
    assert pairs(read(tmp_path / "t.csv")) == [(("a",), ("O",)), (("b",), ("B-X",)), (("c",), ("O",))]


def test_a_bare_quotation_mark_between_tabs_is_a_word(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text('word\ttag\n"\tO\nUlm\tB-LOC\n')
    assert pairs(read(tmp_path / "t.tsv")) == [(('"', "Ulm"), ("O", "B-LOC"))]


def test_a_word_that_is_missing_is_counted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Sentence #,Word,Tag\n1,a,O\n,,O\n,b,O\n")
    parsed = read(tmp_path / "t.csv")
    assert (pairs(parsed)[0][0], parsed.notes) == (("a", "b"), ["t.csv: 1 invisible word left out, on line 3."])


def test_a_table_without_tags_is_not_scored(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Sentence #,Word\nSentence: 1,Ann\n,rests\nSentence: 2,Bob\n")
    parsed = read(tmp_path / "t.csv")
    assert [sentence.words for sentence in parsed.unlabelled] == [("Ann", "rests"), ("Bob",)]
    assert (parsed.sentences, parsed.notes) == ([], ["t.csv is not scored: no word has a tag."])


def test_a_column_of_entities_wins_over_one_of_parts_of_speech(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("token,tag,ner\nAnn,NNP,B-PER\nso,RB,O\n")
    assert pairs(read(tmp_path / "t.csv")) == [(("Ann", "so"), ("B-PER", "O"))]


def test_equal_numbers_of_sentences_in_two_documents_are_two_sentences(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("doc_id,sent_id,word,tag\n1,1,a,O\n1,1,b,O\n2,1,c,B-X\n2,2,d,O\n")
    parsed = read(tmp_path / "t.csv")
    assert ([words for words, _ in pairs(parsed)], parsed.notes) == ([("a", "b"), ("c",), ("d",)], [])


def test_rows_of_a_sentence_that_are_torn_apart_are_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sent_id,word,tag\n1,a,O\n2,b,O\n1,c,B-X\n2,d,O\n")
    (note,) = read(tmp_path / "t.csv").notes
    assert note.startswith("t.csv: 2 times the number of a sentence comes again after another one, first on line 4")


@pytest.mark.parametrize("header", ["id,title,text,unknownEntities", "id,title,text,word,tag", "a,b", ""])
def test_tables_of_texts_are_told_apart(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.csv").write_text(header)
    assert format_of(tmp_path / "t.csv") is FORMATS["bdci"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("word,tag\na,O\nb\n", r"^t\.csv:3: expected 2 fields as in the header, found 1; is a comma"),
        ("word,tag\na,X\n", r"^t\.csv:2: unknown tag 'X'"),
        ("tokens,ner_tags\n\"['so', 'a']\",\"['O', 'O']\"\n", r"^t\.csv:2: a list in a cell, .*ends in \.jsonl"),
        ('word,tag\n"a"b,O\n', r"^t\.csv:2: not a CSV record"),
        ("word,tag\n", r"^t\.csv:1: no words"),
    ],
)
def test_what_cannot_be_meant_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "t.csv")
