"""Folders with the sentences in one file and the tags in another.

The samples follow CS230's NER example (`sentences.txt`, `labels.txt`) and JointSLU's (`seq.in`, `seq.out`).
"""

from pathlib import Path

import pytest

from labkit.data.corpora import find_corpus, read_corpus
from tests.data.formats.samples import SENTENCES, pairs, read
from tests.data.formats.writers import write_parallel_lines

PAIRS = [("sentences.txt", "tags.txt"), ("words.txt", "labels.txt"), ("seq.in", "seq.out")]


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "  \n\n"])
def test_a_corpus_comes_back(tmp_path: Path, names: tuple[str, str], end: str) -> None:
    folder = write_parallel_lines(tmp_path / "train", SENTENCES, names, end)
    (folder / names[0]).write_bytes(b"\xef\xbb\xbf" + (folder / names[0]).read_bytes())
    parsed = read(folder)
    assert (pairs(parsed), parsed.notes) == (SENTENCES, [])


def test_folders_of_splits_are_found_also_beside_lists_of_words_and_tags(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_parallel_lines(tmp_path / split, SENTENCES, ("sentences.txt", "labels.txt"))
    (tmp_path / "words.txt").write_text("EU\nUlm\n")
    (tmp_path / "tags.txt").write_text("O\nB-LOC\n")
    corpus = read_corpus(tmp_path)
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test)] == [4, 4, 4]
    assert corpus.sha256 == find_corpus(tmp_path).compute_sha256()


def test_a_folder_like_a_split_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        write_parallel_lines(tmp_path / split, SENTENCES)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "sentences.txt").write_text("a\n")
    assert any(f"{tmp_path}/test was not read: the folder is in none" in note for note in read_corpus(tmp_path).notes)


@pytest.mark.parametrize(
    ("sentences", "tags", "message"),
    [
        ("a b\nc\n", "O O\nO O\n", r"^train/tags\.txt:2: 2 tags for the 1 words of the same line of sentences\.txt"),
        ("a\nb\n", "O\n", r"^train/tags\.txt:2: 0 tags for the 1 words"),
        ("a\n", "O\n\nO\n", r"^train/tags\.txt:3: 1 tags for the 0 words"),
        ("a\n", "X\n", r"^train/tags\.txt:1: unknown tag 'X'"),
        ("", "", r"^train/tags\.txt:1: no words"),
    ],
)
def test_lines_that_do_not_fit_are_an_error(tmp_path: Path, sentences: str, tags: str, message: str) -> None:
    folder = write_parallel_lines(tmp_path / "train", SENTENCES)
    (folder / "sentences.txt").write_text(sentences)
    (folder / "tags.txt").write_text(tags)
    with pytest.raises(ValueError, match=message):
        read(folder)
