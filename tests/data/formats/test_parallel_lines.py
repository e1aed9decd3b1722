"""Folders with the sentences in one file and the tags in another.

The samples follow CS230's NER example (`sentences.txt`, `labels.txt`) and JointSLU's (`seq.in`, `seq.out`).
"""

from pathlib import Path

import pytest

from labkit.data.corpora import find_corpus, read_corpus
from tests.data.formats.samples import SENTENCES, pairs, read, read_mutated
from tests.long_cases import mostly_long

PAIRS = [("sentences.txt", "tags.txt"), ("words.txt", "labels.txt"), ("seq.in", "seq.out")]


def write(folder: Path, names: tuple[str, str] = PAIRS[0], *, end: str = "\n", mark: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, column in zip(names, zip(*SENTENCES, strict=True), strict=True):
        (folder / name).write_bytes((mark + "".join(" ".join(line) + end for line in column)).encode())
    return folder


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize(("end", "mark"), [("\n", ""), ("\r\n", "\ufeff"), ("  \n\n", "")])
def test_a_corpus_comes_back(tmp_path: Path, names: tuple[str, str], end: str, mark: str) -> None:
    parsed = read(write(tmp_path / "train", names, end=end, mark=mark))
    assert (pairs(parsed), parsed.notes) == (SENTENCES, [])


def test_folders_of_splits_are_found_also_beside_lists_of_words_and_tags(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write(tmp_path / split, ("sentences.txt", "labels.txt"))
    (tmp_path / "words.txt").write_text("EU\nUlm\n")
    (tmp_path / "tags.txt").write_text("O\nB-LOC\n")
    corpus = read_corpus(tmp_path)
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test)] == [4, 4, 4]
    assert corpus.sha256 == find_corpus(tmp_path).compute_sha256()


def test_a_folder_like_a_split_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path / "train")
    write(tmp_path / "dev")
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
    folder = write(tmp_path / "train")
    (folder / "sentences.txt").write_text(sentences)
    (folder / "tags.txt").write_text(tags)
    with pytest.raises(ValueError, match=message):
        read(folder)


@pytest.mark.parametrize("seed", mostly_long(range(101), lambda seed: seed == 0))
def test_mutated_files_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    read_mutated(write(tmp_path / "train"), seed)
