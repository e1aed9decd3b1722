"""Files of a corpus: several of one split, layouts of the Hugging Face hub, folders of BRAT."""

import json
from pathlib import Path

import pytest

from labkit.data.corpora import read_corpus
from labkit.data.corpus_files import find_corpus, list_corpora

BIO = "EU\tB-ORG\n\nPeter\tB-PER\n\nUlm\tB-LOC\n"
ROW = json.dumps({"tokens": ["Ulm"], "ner_tags": ["B-LOC"]})


def write(folder: Path, *names: str) -> Path:
    """Files with three sentences each, in JSON or CoNLL."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{ROW}\n" * 3 if name.endswith("jsonl") else BIO, encoding="utf-8")
    return folder


def files_of(folder: Path) -> dict[str, list[str]]:
    return {split: [source.display_path for source in found] for split, found in find_corpus(folder).files.items()}


@pytest.mark.parametrize(
    "names",
    [
        ("train_news.conll", "train_wiki.conll"),
        ("train-part-a.txt", "train-part-b.txt"),
        ("deu.train", "eng.train"),
        ("train.de.jsonl", "train.en.jsonl"),
        ("train_新闻.txt", "train_百科.txt"),
    ],
)
def test_parts_of_a_split_are_read_together_and_told(tmp_path: Path, names: tuple[str, str]) -> None:
    corpus = read_corpus(write(tmp_path, *names))
    assert len(corpus.train) + len(corpus.dev) == 6
    assert f"{tmp_path}: the train split is read from {', '.join(names)} together." in corpus.notes


def test_numbered_parts_are_no_news(tmp_path: Path) -> None:
    assert find_corpus(write(tmp_path, "train-1.txt", "train-2.txt", "dev.txt")).notes == ()


@pytest.mark.parametrize(
    ("names", "way_out"),
    [
        (("train.conll", "train.txt"), "join them in one file"),
        (("train.char.bmes", "train.word.bmes"), "move one of them out of the folder"),
        (("train.old.txt", "train.txt"), "move one of them"),
        (("my_train.txt", "my_train_2.txt", "my_train_sample.txt"), "move one of them"),
        (("train_bio.txt", "train_bioes.txt"), "move one of them"),
        (("train.txt", "training.txt"), "move one of them"),
        (("train.jsonl", "train/0.jsonl"), "move one of them"),
        (("train.tags.txt", "train.words.txt"), "into a folder train, as words.txt and tags.txt"),
    ],
)
def test_files_that_may_hold_the_same_are_refused_with_the_way_out(
    tmp_path: Path, names: tuple[str, ...], way_out: str
) -> None:
    with pytest.raises(ValueError, match=way_out):
        find_corpus(write(tmp_path, *names))


def test_without_a_train_file_parts_are_named_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no train file among admin\.jsonl, bob\.jsonl; .* several train-1\.txt"):
        find_corpus(write(tmp_path, "admin.jsonl", "bob.jsonl"))


@pytest.mark.parametrize(
    ("names", "dev"),
    [
        (("data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "data/validation-0.jsonl"), 3),
        (("train/0000.jsonl", "train/0001.jsonl", "validation/0000.jsonl"), 3),
        (("default/train/0000.jsonl", "default/train/0001.jsonl", "default/validation/0000.jsonl"), 3),
        (("data/train/a.jsonl", "data/train/b.jsonl", "data/validation/a.jsonl"), 3),
    ],
)
def test_clones_of_the_hub_are_read(tmp_path: Path, names: tuple[str, ...], dev: int) -> None:
    (write(tmp_path, *names) / "README.md").write_text("# train")
    (tmp_path / "dataset_infos.json").write_text("{}")
    assert files_of(tmp_path) == {
        "train": [f"{tmp_path}/{name}" for name in names[:2]],
        "dev": [f"{tmp_path}/{names[2]}"],
    }
    corpus = read_corpus(tmp_path)
    assert (len(corpus.train), len(corpus.dev)) == (6, dev)
    assert corpus.sha256 == find_corpus(tmp_path).compute_sha256()


def test_files_of_the_corpus_itself_come_before_those_in_data(tmp_path: Path) -> None:
    write(tmp_path, "train.txt", "data/train.jsonl", "test/notes.txt")
    assert files_of(tmp_path) == {"train": [f"{tmp_path}/train.txt"]}
    (tmp_path / "train.txt").unlink()
    (tmp_path / "data" / "train.jsonl").rename(tmp_path / "data" / "words.jsonl")
    with pytest.raises(ValueError, match="no train file among data, test"):
        find_corpus(tmp_path)


def test_folders_that_are_corpora_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "data/all/de/train.txt", "data/all/en/train.txt", "data/all/lists/types.txt", "data/all/x/a.md")
    with pytest.raises(ValueError, match=r"each of its folders de, en is a corpus of its own: give one$"):
        find_corpus(tmp_path / "data" / "all")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    assert "all" not in list_corpora()


def test_documents_of_brat_are_read_from_folders_of_a_split_and_named_with_their_folder(tmp_path: Path) -> None:
    for name in ("train/a/one", "train/b/two"):
        path = write(tmp_path, f"{name}.txt") / f"{name}.ann"
        path.write_text("T1\tORG 0 2\tEU\n")
    corpus = read_corpus(tmp_path)
    assert (len(corpus.train) + len(corpus.dev), corpus.types) == (6, ("ORG",))
    with pytest.raises(
        ValueError, match=rf"one\.txt: a text with annotations of BRAT .* give their folder: {tmp_path}"
    ):
        find_corpus(tmp_path / "train" / "a" / "one.txt")
    write(tmp_path, "train/a/alone.txt")
    assert find_corpus(tmp_path / "train" / "a" / "alone.txt").name == "alone"
