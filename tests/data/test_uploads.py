"""Uploads: what people send becomes a corpus of its own, or nothing."""

import io
import zipfile
from pathlib import Path

import pytest

from labkit.data import uploads
from labkit.data.corpora import list_corpora, read_corpus
from labkit.data.uploads import UploadedFile, store_upload

BIO = "EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n\n"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of corpora, which does not exist yet."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def file(name: str, text: str = BIO * 3) -> UploadedFile:
    return UploadedFile(name, text.encode())


def zipped(name: str = "mine.zip", **texts: str) -> UploadedFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
    return UploadedFile(name, buffer.getvalue())


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_file_becomes_a_corpus_of_its_name_and_a_taken_name_gets_a_number(data: Path) -> None:
    assert [store_upload([file("我的 语料 (1).conll", BIO * times)]) for times in (3, 4)] == [
        "我的-语料-(1)",
        "我的-语料-(1)-2",
    ]
    assert [name for name in list_corpora() if name.startswith("我的")] == ["我的-语料-(1)", "我的-语料-(1)-2"]
    corpus = read_corpus("我的-语料-(1)")
    assert len(corpus.train) + len(corpus.dev) == 6


@pytest.mark.parametrize("name", ["wnut16", "texts", "here"])
def test_no_upload_takes_the_name_of_something_else(data: Path, name: str) -> None:
    Path("here").mkdir()
    assert store_upload([file(f"{name}.txt")]) == f"{name}-2"


def test_several_files_are_the_splits_of_one_corpus(data: Path) -> None:
    name = store_upload([file("train.txt"), file("dev.txt", BIO)])
    assert (name, names(data / name)) == ("uploaded", ["dev.txt", "train.txt"])
    assert len(read_corpus(name).dev) == 2


@pytest.mark.parametrize("name", ["../x.txt", "..\\x.txt", "/etc/x.txt", "C:\\x.txt", "sub/../../x.txt", "C:x.txt"])
def test_a_zip_with_a_path_that_leaves_the_folder_is_refused_whole(data: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"mine.zip: .* would lie outside of its folder; nothing was unpacked"):
        store_upload([zipped(**{"train.txt": BIO * 3, name: "x"})])
    assert not data.exists()


def test_a_zip_of_a_folder_is_its_visible_files(data: Path) -> None:
    inside = {"a/b/train.txt": BIO * 3, "a/b/test.txt": BIO, "a/b/.hidden": "", "__MACOSX/a/b/._train.txt": "x"}
    assert names(data / store_upload([zipped(**inside)])) == ["test.txt", "train.txt"]


def test_a_zip_of_a_folder_for_each_split_keeps_these(data: Path) -> None:
    lines = {"sentences.txt": "EU rejects\nPeter\n", "tags.txt": "B-ORG O\nB-PER\n"}
    inside = {f"mine/{split}/{name}": text for split in ("train", "dev") for name, text in lines.items()}
    name = store_upload([zipped(**inside)])
    assert name == "mine"
    assert read_corpus(name).types == ("ORG", "PER")


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ([file("picture.png")], "no train file among picture.png"),
        ([file("prose.txt", "Once upon a time.\n")], "data/prose/prose.txt:1: "),
        ([file("a.txt"), file("b.txt")], "no train file among a.txt, b.txt"),
        ([UploadedFile("mine.zip", b"PK\x03\x04 damaged")], "mine.zip: cannot be unpacked"),
        ([zipped()], "the upload holds no file"),
        ([zipped(**{"train.txt": "x" * 2000})], "unpacked it is larger"),
    ],
)
def test_what_no_format_reads_is_refused_and_leaves_nothing_behind(
    data: Path, sent: list[UploadedFile], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ValueError, match=problem):
        store_upload(sent)
    assert names(data) == []
    assert not data.exists() or list(data.iterdir()) == []


def test_illegal_tags_are_stored_as_the_lab_can_mend_them(data: Path) -> None:
    name = store_upload([file("mine.txt", "a\tO\nb\tI-X\n\nc\tB-X\n\n" * 9)])
    with pytest.raises(ValueError, match="Repair tags"):
        read_corpus(name)
