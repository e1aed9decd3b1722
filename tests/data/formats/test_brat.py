"""BRAT standoff: entities of `.ann` in the text beside it.

No writer exists: the samples follow brat.nlplab.org/standoff.html.
"""

from pathlib import Path

import pytest

from labkit.data.corpora import find_corpus, read_corpus
from tests.data.formats.samples import SENTENCES, pairs, read

TEXT = "Sony bought parts of Ericsson.\nMore in the north\nand south of Ulm 😀.\n"
ANN = """\
T1\tORG 0 4\tSony
T2\tMerge-Org 5 11\tbought
T3\tLOC 43 48;62 65\tnorth Ulm
E1\tMerge-Org:T2 Org1:T1
R1\tOrigin Arg1:T1 Arg2:T3
*\tEquiv T1 T3
A1\tNegation E1
N1\tReference T1 Wikipedia:1\tSony
#1\tAnnotatorNotes T1\tsure?
"""


def write(folder: Path, text: str = TEXT, ann: str = ANN, name: str = "doc1") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_bytes(ann.encode())
    return folder


def write_sentences(folder: Path) -> Path:
    """SENTENCES, one document each."""
    for number, (words, tags) in enumerate(SENTENCES):
        text, spans = "", []
        for word, tag in zip(words, tags, strict=True):
            if tag[0] == "I":
                spans[-1][2] = len(text) + len(word)
            elif tag[0] == "B":
                spans.append([tag[2:], len(text), len(text) + len(word)])
            text += word + " "
        ann = "".join(f"T{n}\t{kind} {a} {b}\t{text[a:b]}\n" for n, (kind, a, b) in enumerate(spans, 1))
        write(folder, text, ann, f"doc{number}")
    return folder


def test_a_corpus_comes_back_split_as_raw_text_is(tmp_path: Path) -> None:
    parsed = read(write_sentences(tmp_path / "train"))
    assert [pair for pair in pairs(parsed) if pair in SENTENCES] == [SENTENCES[0], SENTENCES[1], SENTENCES[3]]
    assert pairs(parsed)[2][0] == ('"', "a", ",", "b", "O", "'", "Hara", "#", "1", "-", "2")
    assert pairs(parsed)[2][1][4:7] == ("B-PER", "I-PER", "I-PER")
    assert parsed.notes == []


def test_pieces_are_read_as_one_and_what_is_not_read_is_counted(tmp_path: Path) -> None:
    parsed = read(write(tmp_path / "train"))
    (first, second) = pairs(parsed)
    assert first[1][:3] == ("B-ORG", "B-Merge-Org", "O")
    assert second[0][2:8] == ("the", "north", "and", "south", "of", "Ulm")  # a span joins two lines
    assert second[1][2:8] == ("O", "B-LOC", *["I-LOC"] * 4)
    assert [note.removeprefix("train: ") for note in parsed.notes] == [
        "1 entities in several pieces read as one from the first to the last, the first at train/doc1.ann:3.",
        "1 events not read, the first at train/doc1.ann:4.",
        "2 relations not read, the first at train/doc1.ann:5.",
        "1 attributes not read, the first at train/doc1.ann:7.",
        "1 normalisations not read, the first at train/doc1.ann:8.",
        "1 comments not read, the first at train/doc1.ann:9.",
    ]


def test_folders_of_splits_are_found_and_a_document_is_named_in_notes(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        write(tmp_path / split)
    (tmp_path / "annotation.conf").write_text("[entities]\n")
    corpus = read_corpus(tmp_path)
    assert (len(corpus.dev), corpus.sha256) == (2, find_corpus(tmp_path).compute_sha256())
    write(tmp_path / "dev", ann="T1\tNEW 0 4\tSony\n", name="doc2")
    assert any("dev/doc2.txt:1: the dev split has 1 words with tags" in note for note in read_corpus(tmp_path).notes)


def test_a_folder_of_documents_is_a_corpus(tmp_path: Path) -> None:
    assert set(find_corpus(write(tmp_path)).files) == {"train"}


@pytest.mark.parametrize(
    ("text", "shift"), [(TEXT.replace("\n", "\r\n"), 0), (TEXT.replace("\n", "\r\n"), 1), ("\ufeff" + TEXT, 0)]
)
def test_line_ends_and_marks_are_counted_as_the_offsets_do(tmp_path: Path, text: str, shift: int) -> None:
    ann = f"T1\tLOC {62 + 2 * shift} {65 + 2 * shift}\tUlm\n"
    parsed = read(write(tmp_path / "train", text, ann))
    assert dict(zip(*pairs(parsed)[-1], strict=True))["Ulm"] == "B-LOC"
    other = "\r\n" in text and not shift
    assert any("count line ends or byte order marks otherwise" in note for note in parsed.notes) == other


def test_a_text_that_is_not_the_annotated_one_is_told(tmp_path: Path) -> None:
    parsed = read(write(tmp_path / "train", ann="T1\tLOC 39 42\tnorth\n"))
    assert parsed.notes == [
        "train: 1 spans hold another text than the file gives them, first on line 2: 'the' (LOC), doc1.txt."
    ]


def test_a_text_without_annotations_is_left_out_and_told(tmp_path: Path) -> None:
    write(tmp_path / "train", name="empty", ann="")
    (tmp_path / "train" / "other.txt").write_text("x")
    parsed = read(tmp_path / "train")
    assert {tag for _, tags in pairs(parsed) for tag in tags} == {"O"}
    assert parsed.notes == ["train: 1 texts without annotations (.ann) left out, the first other.txt."]


@pytest.mark.parametrize(
    "line", ["T1 LOC 0 4 Sony", "T1\tLOC 0\tSony", "T1\tLOC 0 4;\tSony", "X1\tLOC 0 4\tSony", "Sony"]
)
def test_what_cannot_be_meant_names_file_and_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"^train/doc1\.ann:2: expected an entity of BRAT"):
        read(write(tmp_path / "train", ann=f"#1\tx\ty\n{line}\n"))


def test_annotations_without_a_text_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "train")
    (tmp_path / "train" / "lost.ann").write_text(ANN)
    with pytest.raises(ValueError, match=r"^train/lost\.ann:1: expected its text beside it, in lost\.txt"):
        read(tmp_path / "train")
