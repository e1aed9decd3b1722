"""MultiCoNER: a line with an identifier before each sentence; test files without tags are not scored.

No writer exists: the samples follow the files of the shared task (multiconer.github.io/dataset).
"""

from pathlib import Path

import pytest

from labkit.data.corpora import read_corpus
from tests.data.formats.samples import SENTENCES, pairs, read
from tests.data.formats.writers import format_multiconer

ID = "# id 5e8c0d12-4b6f-4f8e-9d0c-000000000001\tdomain=en\n"


@pytest.mark.parametrize("name", ["en_train.conll", "train.txt"])
def test_a_corpus_comes_back(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(format_multiconer(SENTENCES), encoding="utf-8")
    parsed = read(tmp_path / name)
    assert (pairs(parsed), parsed.notes) == (SENTENCES, [])


def test_a_test_file_without_tags_is_not_scored(tmp_path: Path) -> None:
    (tmp_path / "en_train.conll").write_text(format_multiconer(SENTENCES), encoding="utf-8")
    (tmp_path / "en_test.conll").write_text(format_multiconer(SENTENCES, mask=True), encoding="utf-8")
    corpus = read_corpus(tmp_path)
    assert corpus.test == ()
    assert f"{tmp_path}/en_test.conll is not scored: no word has a tag." in corpus.notes


@pytest.mark.parametrize("empty", ["_ _", "_ _ _", "_ _ "])
def test_the_tag_may_be_left_out_where_there_is_none(tmp_path: Path, empty: str) -> None:
    (tmp_path / "a.conll").write_text(f"\n{ID}# {empty}\r\nwin {empty}\r\n")
    assert read(tmp_path / "a.conll").missing_labels == "no word has a tag"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a _ _ O\nb _ _ _\n", r"^a\.conll:3: some words have a tag, others none"),
        ("a _ _ O\nb O\n", r"^a\.conll:3: expected a word, two columns of _ and a tag, .* found 'b O'"),
        (f"a _ _ O\n\n{ID.strip()}b _ _ O\n", r"^a\.conll:4: expected a word, two columns"),  # a line end is lost
        ("a _ _ o\n", r"^a\.conll:2: unknown tag 'o'"),
    ],
)
def test_what_cannot_be_meant_names_file_and_line(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "a.conll").write_text(ID + lines)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.conll")
