"""Corpora as users drop them: every form is read, every error names file and line."""

import hashlib
import random
import re
from pathlib import Path
from typing import NoReturn

import pytest

from labkit import paths
from labkit.data import downloads
from labkit.data.corpora import Corpus, Sentence, Span, bio_tags_to_spans, find_corpus, list_corpora, read_corpus
from tests.long_cases import seeds

BIO = "EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n\nin\tO\nUtrecht\tB-LOC\n\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty home of labkit, which is also the current folder."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path


def folder(where: Path, **parts: str | bytes) -> Path:
    """Writes a corpus folder; `train="…"` becomes train.txt."""
    where.mkdir(parents=True, exist_ok=True)
    for name, content in parts.items():
        data = content.encode() if isinstance(content, str) else content
        (where / f"{name}.txt").write_bytes(data)
    return where


def with_dev(where: Path, train: str | bytes) -> Corpus:
    """Reads `train` beside a dev split without entities."""
    return read_corpus(folder(where, train=train, dev="so\tO\n"))


@pytest.mark.parametrize(
    ("form", "text"),
    {
        "tabs": BIO,
        "spaces": BIO.replace("\t", " "),
        "runs of spaces": BIO.replace("\t", "    "),
        "four columns": BIO.replace("\t", " NNP B-NP "),
        "tabs with an empty column": BIO.replace("\t", "\t\t"),
        "CRLF": BIO.replace("\n", "\r\n"),
        "CR alone": BIO.replace("\n", "\r"),
        "CR, and LF at the end": BIO.rstrip().replace("\n", "\r") + "\n",
        "CR, and CRLF at the end": BIO.rstrip().replace("\n", "\r") + "\r\n",
        "CR, then LF": BIO[:20].replace("\n", "\r") + BIO[20:],
        "CR twice before LF": BIO.replace("\n", "\r\r\n"),
        "BOM": "\ufeff" + BIO,
        "white space on blank lines": BIO.replace("\n\n", "\n \t \n"),
        "a tab on blank lines": BIO.replace("\n\n", "\n\t\n"),
        "several blank lines, in front too": "\n\n" + BIO.replace("\n\n", "\n\n\n\n"),
        "no newline at the end": BIO.rstrip(),
        "white space behind the tag": BIO.replace("\n", " \n").replace("\n \n", "\n\n"),
        "a document line": "-DOCSTART- -X- O O\n\n" + BIO,
        "a document line between sentences without blank lines": BIO.replace("\n\nPeter", "\n-DOCSTART- O\nPeter"),
        "comments": "# id 7 domain=en\n" + BIO.replace("\n\nPeter", "\n\n# text = Peter Blackburn\nPeter"),
    }.items(),
)
def test_every_form_of_file_gives_the_same_sentences(tmp_path: Path, form: str, text: str) -> None:
    corpus = with_dev(tmp_path, text)
    assert corpus.train == (
        Sentence(("EU", "rejects"), ("B-ORG", "O")),
        Sentence(("Peter", "Blackburn"), ("B-PER", "I-PER")),
        Sentence(("in", "Utrecht"), ("O", "B-LOC")),
    )
    assert corpus.types == ("LOC", "ORG", "PER")
    assert corpus.tags == ("O", "B-LOC", "B-ORG", "B-PER", "I-PER")


@pytest.mark.parametrize(
    ("scheme", "text"),
    {
        "IOB1": "EU I-ORG\nrejects O\n\nPeter I-PER\nBlackburn I-PER\nAnn B-PER\n",
        "BIOES": "EU S-ORG\nrejects O\n\nPeter B-PER\nBlackburn E-PER\nAnn S-PER\n",
        "BMES": "EU S-ORG\nrejects O\n\nPeter B-PER\nBlackburn E-PER\nAnn S-PER\n\na B-X\nb M-X\nc E-X\n",
        "BILOU": "EU U-ORG\nrejects O\n\nPeter B-PER\nBlackburn L-PER\nAnn U-PER\n",
        "BMEWO": "EU W-ORG\nrejects O\n\nPeter B-PER\nBlackburn E-PER\nAnn W-PER\n",
    }.items(),
)
def test_every_scheme_becomes_bio_and_is_named(tmp_path: Path, scheme: str, text: str) -> None:
    corpus = with_dev(tmp_path, text)
    assert corpus.scheme == scheme
    assert corpus.train[0].tags == ("B-ORG", "O")
    assert corpus.train[1].tags == ("B-PER", "I-PER", "B-PER")


def test_the_scheme_is_recognised_over_all_parts_together(tmp_path: Path) -> None:
    # Alone, the train split would pass as BIO, with an entity of one word in its second sentence.
    corpus = read_corpus(folder(tmp_path, train="a I-X\nb O\n\na B-X\nb O\n", test="a I-X\nb B-X\n\n" * 5), repair=True)
    assert corpus.scheme == "IOB1"


def test_nothing_but_tab_space_and_line_ends_is_a_separator(tmp_path: Path) -> None:
    words = ("\u3000", "a\u2028b", "a\u00a0b", "a\x85b", "#", "#NFL", "é\u0301", "New\u200bYork", "</script>")
    text = "".join(f"{word} O\n" for word in words) + "New York\tB-LOC\n"
    (sentence,) = with_dev(tmp_path, text).train
    assert sentence.words == (*words, "New York")


@pytest.mark.parametrize("unseen", ["\u2028", "\u200b", "\u00ad", "\ufeff\ufeff", "\u200d", "\x85", "\x07", "\ufe0f"])
def test_what_cannot_be_seen_is_no_word_and_ends_no_sentence(tmp_path: Path, unseen: str) -> None:
    text = f"{unseen} O\n\na O\n币 B-X\n{unseen} I-X\n{unseen}\tO\n安 I-X\n{unseen} O\n\n{unseen} O\nb O\n"
    corpus = with_dev(tmp_path, text)
    assert corpus.train == (Sentence(("a", "币", "安"), ("O", "B-X", "I-X")), Sentence(("b",), ("O",)))
    assert f"{tmp_path}/train.txt: 5 invisible words left out, the first on line 1." in corpus.notes


def test_lines_are_counted_with_the_words_that_cannot_be_seen(tmp_path: Path) -> None:
    for place, text in enumerate(
        ["\u200b O\n\u200b O\na O\n", "a O\n\u200b O\n\u200b O\n", "\u200b O\na O\n\u200b O\n"]
    ):
        folder(tmp_path / str(place), train=f"so O\n\n{text}b B-X\nc I-Y\n", dev="so\tO\n")
        with pytest.raises(ValueError, match=r"train\.txt:7: illegal"):
            read_corpus(tmp_path / str(place))


def test_a_hash_with_a_tag_is_a_word_also_in_front_of_a_sentence(tmp_path: Path) -> None:
    assert with_dev(tmp_path, "# O\nwin\tO\n\n#\tO\n").train == (
        Sentence(("#", "win"), ("O", "O")),
        Sentence(("#",), ("O",)),
    )


BAD_FORM = {
    "a word without a tag": ("a\tO\nb\n", 2, "one column: 'b'"),
    "a hashtag without a tag": ("#NFL\n", 1, "one column"),
    "a tag without a word": ("a\tO\n\nB-PER\n", 3, "a tag without a word"),
    "an empty word before a tab": ("a\tO\n\tO\n", 2, "expected a word"),
    "an empty word before a space": ("a O\n  O\n", 2, "expected a word"),
    "a full-width space between word and tag": ("我\u3000O\n", 1, r"'我\\u3000O'"),
    "JSON lines": (
        '\n{"words": ["EU", "won"], "tags": ["B-ORG", "O"]}\n',
        2,
        "JSON, for which the file must end in .jsonl or .json; expected lines",
    ),
    "JSON over several lines": ('[\n  {"text": "EU"}\n]\n', 1, "JSON, for which"),
    "brackets as words, then a word without a tag": ("[ O\n{\n", 2, "one column: '{'"),
    "an unknown prefix": ("a\tO\nb\tX-PER\n", 2, "unknown tag 'X-PER'"),
    "a tag without a letter among others": ("a\tB-PER\nb\tPER\n", 2, "unknown tag 'PER'"),
    "a tag of small letters": ("a\tO\nb\tb-PER\n", 2, "capital"),
    "a small o": ("a\to\n", 1, "capital"),
    "an underscore": ("a\tB_PER\n", 1, "underscore"),
    "a tag without a type among others": ("a\tB-PER\nb\tB\n", 2, "type is missing"),
    "a tag with an empty type": ("a\tO\nb\tB-\n", 2, "unknown tag 'B-'"),
    "another last column": ("the\tO\tDT\na\tB-PER\tNN\n", 1, "unknown tag 'DT'.*O in front of it looks like the tag"),
    "a comment inside a sentence": ("a O\n# id 7\nb O\n", 2, "unknown tag '7'"),
    "an empty file": ("", 1, "no sentences"),
    "only blank lines": ("\n \n\t\n\r\n", 1, "no sentences"),
    "only a document line": ("-DOCSTART- O\n\n", 1, "no sentences"),
    "Latin-1": (b"a\tO\n\ncaf\xe9\tO\n", 3, "neither UTF-8 nor GB18030"),
    "half a character": ("a\tO\n我".encode()[:-1], 2, "byte 4"),
    "UTF-16 without a mark": (BIO.encode("utf-16-le"), 1, "NUL"),
    "a NUL byte": (b"a\tO\nb\0\tO\n", 2, "NUL"),
}
BAD_SEQUENCE = {
    "an inside after outside": (BIO + "a\tO\nb\tI-LOC\n", 11, "I-LOC after O"),
    "an inside in front of a sentence": (BIO + "b\tI-PER\n", 10, "start of a sentence"),
    "an inside of another type": (BIO + "a\tB-LOC\nb\tI-PER\n", 11, "I-PER after B-LOC"),
    "an end that nothing began": ("a\tB-X\nb\tE-X\n\n" * 3 + "c\tO\nd\tE-X\n", 11, "E-X after O"),
    "a beginning that nothing ends": ("a\tB-X\nb\tE-X\n\n" * 3 + "c\tB-X\nd\tO\n", 11, "O after B-X"),
    "an entity open at the end of the sentence": (
        "a\tB-X\nb\tE-X\n\n" * 3 + "c\tO\nd\tB-X\n\n",
        11,
        "end of the sentence",
    ),
    "a middle after outside": ("a\tB-X\nb\tM-X\nc\tE-X\n\n" * 3 + "d\tO\ne\tM-X\n", 14, "M-X after O"),
    "a tag of another scheme": (BIO + "a\tS-PER\n", 10, "S-PER does not belong to BIO"),
}


@pytest.mark.parametrize("case", BAD_FORM)
@pytest.mark.parametrize("part", ["train", "dev", "test"])
def test_a_malformed_line_is_an_error_with_file_and_line(tmp_path: Path, case: str, part: str) -> None:
    content, line, words = BAD_FORM[case]
    place = folder(tmp_path / "mine", **{"train": BIO, "dev": BIO, part: content})
    with pytest.raises(ValueError, match=words) as raised:
        read_corpus(place)
    assert str(raised.value).startswith(f"{place}/{part}.txt:{line}: ")


@pytest.mark.parametrize("case", BAD_SEQUENCE)
def test_an_illegal_sequence_is_an_error_with_file_and_line(tmp_path: Path, case: str) -> None:
    content, line, words = BAD_SEQUENCE[case]
    place = folder(tmp_path / "mine", train=content, dev="so\tO\n")
    with pytest.raises(ValueError, match=f"illegal tag sequence: .*{words}.*repair") as raised:
        read_corpus(place)
    assert str(raised.value).startswith(f"{place}/train.txt:{line}: ")


GERMEVAL = "1\tSchartau\tB-PER\tO\n2\tsagte\tO\tO\n\n1\tIn\tO\tO\n2\tUlm\tB-LOC\tB-ORG\n\n1\tJa\tO\tO\n\n"


@pytest.mark.parametrize(
    "text",
    {
        "from 1": GERMEVAL,
        "from 0, spaces": GERMEVAL.replace("\t", " ").replace("1 ", "0 ").replace("2 ", "1 "),
        "a sentence of CoNLL-U's ranges": GERMEVAL + "1-2\tzum\t_\tO\n1\tzu\t_\tO\n2\tdem\t_\tO\n2.1\t_\t_\tO\n",
        "a sentence that is not": GERMEVAL * 4 + "x\tx\tO\tO\n",
    }.values(),
)
def test_numbers_in_front_of_the_words_are_not_read_as_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"train\.txt:2: the first column numbers the words; expected one word"):
        with_dev(tmp_path, f"# 7 a\n{text}")


@pytest.mark.parametrize(
    "text",
    {
        "two columns": "1\tO\n2\tB-X\n\n" * 2,
        "numbers as words": "1 CD O\n: : O\n0 CD O\n\n2 CD O\n3 CD B-X\n\n",
        "one sentence": "1 CD O\n2 CD B-X\n",
        "sentences of one number": "1 CD O\n\n" * 9,
    }.values(),
)
def test_numbers_may_be_words(tmp_path: Path, text: str) -> None:
    assert with_dev(tmp_path, text).train


FOUR = "-DOCSTART- -X- O\n\n" + "EU NNP B-NP B-ORG\nleft VBD B-VP O \n\n" * 2 + "Ann NNP B-NP B-PER\nran VBD B-VP O\n\n"


def test_a_sentence_without_the_column_of_tags_is_an_error_where_it_begins(tmp_path: Path) -> None:
    lacking = FOUR + "Ann NNP B-NP B-PER\n\nso RB O\nBen NNP B-NP\nran VBD B-VP\n\n"
    with pytest.raises(ValueError, match=r"train\.txt:15: 3 columns here, where most lines have 4.* the type NP; is"):
        with_dev(tmp_path, lacking)


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ("Ben B-PER\n", "line 12 is the first with 2 columns, where most have 4"),
        ("so O\n\nUN NNP B-NP of B-ORG\n", "line 12 is the first with 2 columns"),
        ("New York NNP B-NP B-LOC\n", "line 12 is the first with 5 columns"),
        ("Ann  NNP\tB-NP\tB-PER\n", "line 12 is the first with 3 columns"),
    ],
)
def test_other_lines_of_more_or_fewer_columns_are_told(tmp_path: Path, more: str, note: str) -> None:
    (found,) = [note for note in with_dev(tmp_path, FOUR + more).notes if "where most have" in note]
    assert note in found


@pytest.mark.parametrize(
    "more",
    [
        "Ann   NNP B-NP  B-PER\n \n",
        "Ann\tNNP\tB-NP\tB-PER \t\n",
        "Ann\t\t\tB-PER\n\n-DOCSTART- O\n",
        "# id 7\nNew York\tNNP\tB-NP\tB-LOC\n",
    ],
)
def test_as_many_columns_are_no_note(tmp_path: Path, more: str) -> None:
    assert not [note for note in with_dev(tmp_path, FOUR + more).notes if "where most have" in note]


def test_an_illegal_sequence_in_dev_names_dev(tmp_path: Path) -> None:
    place = folder(tmp_path / "mine", train=BIO * 3, dev="a\tO\nb\tI-PER\n")
    with pytest.raises(ValueError, match=r"dev\.txt:2: illegal tag sequence: I-PER after O.*repair"):
        read_corpus(place)


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        (("O", "I-PER"), ("O", "B-PER")),
        (("B-LOC", "I-PER", "I-PER"), ("B-LOC", "B-PER", "I-PER")),
        (("S-PER", "O"), ("B-PER", "O")),
        (("O", "E-PER", "E-PER"), ("O", "B-PER", "B-PER")),
    ],
)
def test_repair_mends_illegal_sequences_as_conlleval_would_and_counts_them(
    tmp_path: Path, broken: tuple[str, ...], mended: tuple[str, ...]
) -> None:
    text = BIO * 4 + "".join(f"w\t{tag}\n" for tag in broken)
    corpus = read_corpus(folder(tmp_path, train=text, dev="so\tO\n"), repair=True)
    assert corpus.train[-1].tags == mended
    (note,) = [note for note in corpus.notes if "mended" in note]
    assert note.startswith("2 " if broken[-1] == "E-PER" else "1 ")
    assert f"train.txt:{BIO.count(chr(10)) * 4 + 1}" in note or f"train.txt:{BIO.count(chr(10)) * 4 + 2}" in note


def test_repair_changes_nothing_of_a_sound_corpus(tmp_path: Path) -> None:
    place = folder(tmp_path, train=BIO, dev="so\tO\n")
    assert read_corpus(place, repair=True) == read_corpus(place)


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_type_that_train_lacks_is_told_and_counts_as_missed(tmp_path: Path, part: str) -> None:
    parts = {"train": BIO, "dev": "so\tO\n", part: "so\tO\n\nit\tO\nrains\tB-WEATHER\n"}
    place = folder(tmp_path / "mine", **parts)
    corpus = read_corpus(place)
    assert "B-WEATHER" in corpus.tags
    (note,) = [note for note in corpus.notes if "cannot be learnt" in note]
    assert note.startswith(
        f"{place}/{part}.txt:4: the {part} split has 1 words with tags that train has not, B-WEATHER"
    )


def test_a_tag_that_train_lacks_is_told_though_its_type_is_known(tmp_path: Path) -> None:
    place = folder(tmp_path, train=BIO, dev="New\tB-LOC\nYork\tI-LOC\n")
    assert any("dev.txt:2" in note and "I-LOC" in note for note in read_corpus(place).notes)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train", "dev", "test"], (3, 3, 3)),
        (["train.conll", "valid.conll"], (3, 3, 0)),
        (["Train.TSV", "Validation.tsv", "TEST.tsv"], (3, 3, 3)),
        (["train.char.bmes", "testa.iob2", "testb.bio"], (3, 3, 3)),
        (["train.txt", "test.txt", "README.md", "types.txt"], (2, 1, 3)),
        (["train.txt", "devel.txt"], (3, 3, 0)),
        (["train.txt", "development.conll", "test"], (3, 3, 3)),
        (["train.txt", "validate.tsv"], (3, 3, 0)),
        (["eng.train", "eng.testa", "eng.testb", "eng.raw"], (3, 3, 3)),
        (["mine.train", "dev.txt", "MINE.TEST"], (3, 3, 3)),
    ],
)
def test_parts_are_found_by_name(tmp_path: Path, names: list[str], expected: tuple[int, int, int]) -> None:
    for name in names:
        (tmp_path / name).write_text("a\tB-X\n\nb\tB-X\n\nc\tB-X\n")
    corpus = read_corpus(tmp_path)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == expected


def test_two_files_for_one_part_are_an_error_that_names_both(tmp_path: Path) -> None:
    for name in ("train.txt", "dev.txt", "valid.conll"):
        (tmp_path / name).write_text(BIO)
    with pytest.raises(ValueError, match=r"dev\.txt and valid\.conll"):
        read_corpus(tmp_path)


def test_a_name_of_a_folder_in_data_that_cannot_be_read_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "data", lambda: tmp_path / "data")
    (tmp_path / "data" / "mine").mkdir(parents=True)
    (tmp_path / "data" / "mine" / "all.docx").write_text("{}")
    with pytest.raises(ValueError, match=r"^data/mine: no train file"):
        read_corpus("mine")
    with pytest.raises(ValueError, match=r"unknown corpus 'thine': not a file"):
        read_corpus("thine")


def test_a_folder_without_a_train_file_says_what_it_should_be_called(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no train file.*\.conll"):
        read_corpus(folder(tmp_path, first=BIO, second=BIO))


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("Train_Data.txt", "DevData.txt"), {"train", "dev"}),
        (("en_train.conll", "en_dev.conll", "en_test.conll"), {"train", "dev", "test"}),
        (("klue-ner-v1.1_train.tsv", "klue-ner-v1.1_dev.tsv"), {"train", "dev"}),
        (("eng.train", "eng.testa", "eng.testb"), {"train", "dev", "test"}),
        (("train_1.txt", "train_2.txt", "dev.txt"), {"train", "dev"}),
        (("project-3-at-2026-11-30-08-15.txt",), {"train"}),
    ],
)
def test_names_that_people_have_are_understood(tmp_path: Path, names: tuple[str, ...], splits: set[str]) -> None:
    for name in names:
        (tmp_path / name).write_text(BIO)
    found = find_corpus(tmp_path)
    assert set(found.files) == splits
    assert {source.path.name for sources in found.files.values() for source in sources} == set(names)


def test_several_files_of_one_split_are_read_one_after_another(tmp_path: Path) -> None:
    place = folder(tmp_path, dev="so\tO\n")
    for number, word in enumerate(("one", "two")):
        (place / f"train-{number:05d}-of-00002.txt").write_text(f"{word}\tB-X\n")
    corpus = read_corpus(place)
    assert [sentence.words for sentence in corpus.train] == [("one",), ("two",)]
    assert corpus.sha256 == find_corpus(place).compute_sha256()


def test_a_folder_without_a_usable_file_lists_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "labels.xml").write_text("x")
    with pytest.raises(ValueError, match=r"no train file among labels\.xml, notes\.docx; call one train"):
        read_corpus(tmp_path)
    with pytest.raises(ValueError, match="the folder is empty"):
        read_corpus(folder(tmp_path / "empty"))


def test_a_part_with_an_unknown_ending_is_told_not_dropped_in_silence(tmp_path: Path) -> None:
    place = folder(tmp_path, train=BIO, dev="so\tO\n")
    (place / "test.xml").write_text("[]")
    assert any("test.xml was not read" in note for note in read_corpus(place).notes)


@pytest.mark.parametrize(
    "name", ["test_a.txt", "dev_data.txt", "eval.conll", "my_train.txt", "eng.testb", "wnut17test"]
)
def test_a_file_that_may_be_meant_as_a_part_is_told_not_dropped_in_silence(tmp_path: Path, name: str) -> None:
    place = folder(tmp_path / "mine", train=BIO, dev="so\tO\n", types="PER", latest="x")
    (place / name).write_text(BIO)
    (note,) = [note for note in read_corpus(place).notes if "was not read" in note]
    assert note.startswith(f"{place}/{name} was not read: its name is not that of a split, like train, dev or test")


def test_a_file_that_is_no_corpus_at_all_is_an_error(home: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown corpus 'nowhere': not a file, a folder, or one of wnut16, msra"):
        read_corpus("nowhere")


@pytest.mark.parametrize("name", ["", "x" * 5000, "~nobody-here/corpus", "a\0b"])
def test_a_name_that_cannot_be_a_path_is_a_value_error(home: Path, name: str) -> None:
    with pytest.raises(ValueError, match="corpus"):
        read_corpus(name)


def test_a_folder_dropped_into_data_is_in_the_menu_and_read_by_its_name(home: Path) -> None:
    folder(home / "data" / "mine", train=BIO, dev="so\tO\n")
    folder(home / "data" / ".hidden", train=BIO)
    folder(home / "data" / "encoders", vocab="x")
    folder(home / "data" / "conll2003")
    (home / "data" / "conll2003" / "eng.train").write_text(BIO)
    folder(home / "mine", train="unlike the menu's\tO\n")
    (home / "data" / "loose.txt").write_text(BIO)
    assert list_corpora() == ["wnut16", "msra", "conll2003", "mine"]
    corpus = read_corpus("mine")
    assert (corpus.name, len(corpus.train)) == ("mine", 3)


def test_messages_about_a_corpus_of_the_menu_name_its_file_below_data(home: Path) -> None:
    folder(home / "data" / "mine", train="a\n")
    with pytest.raises(ValueError, match=r"^data/mine/train\.txt:1: "):
        read_corpus("mine")


def test_the_menu_is_there_before_anything_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "nothing"))
    assert list_corpora() == ["wnut16", "msra"]


def test_a_pinned_corpus_that_is_not_fetched_says_how_to_fetch_it(home: Path) -> None:
    with pytest.raises(ValueError, match="labkit fetch"):
        read_corpus("wnut16")


def test_a_single_file_is_a_train_part_with_its_own_hash(tmp_path: Path) -> None:
    file = tmp_path / "tweets.conll"
    file.write_text(BIO * 4)
    corpus = read_corpus(file)
    assert (corpus.name, len(corpus.train) + len(corpus.dev), corpus.test) == ("tweets", 12, ())
    assert corpus.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_hash_of_a_folder_changes_with_each_part(tmp_path: Path) -> None:
    hashes = set()
    for number, parts in enumerate(
        ({"dev": "a O\n"}, {"dev": "b O\n"}, {"dev": "a O\n", "test": "b O\n"}, {"test": "a O\n"})
    ):
        hashes.add(read_corpus(folder(tmp_path / str(number), train=BIO * 2, **parts)).sha256)
    assert len(hashes) == 4


def test_a_dev_part_is_split_off_by_the_seed_and_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_text("".join(f"word{i}\tB-X\n\n" for i in range(100)))
    first, again, other = (read_corpus(file, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.dev != other.dev
    assert (len(first.train), len(first.dev)) == (85, 15)
    assert len({sentence.words for sentence in (*first.train, *first.dev)}) == 100
    assert any("15 of 100 sentences" in note and "seed 1" in note for note in first.notes)
    assert len(read_corpus(file, dev_share=0.4).dev) == 40


@pytest.mark.parametrize("seed", range(20))
def test_the_split_never_takes_the_last_example_of_a_tag_from_train(tmp_path: Path, seed: int) -> None:
    kinds = [f"a\tB-T{i % 7}\nb\tI-T{i % 5}\n\n" if i % 7 == i % 5 else f"a\tB-T{i % 7}\n\n" for i in range(20)]
    file = tmp_path / "train.txt"
    file.write_text("".join(kinds) + "once\tB-ONCE\nonly\tI-ONCE\n\n")
    corpus = read_corpus(file, seed=seed, dev_share=0.5)
    known = {tag for sentence in corpus.train for tag in sentence.tags} | {"O"}
    assert known == set(corpus.tags)
    assert all(known.issuperset(sentence.tags) for sentence in corpus.dev)
    assert len(corpus.train) + len(corpus.dev) == 21


def test_a_sentence_kept_in_train_for_its_tag_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_text("a\tB-X\n\nb\tB-Y\n\nc\tO\n\n")
    corpus = read_corpus(file, dev_share=0.9)
    assert corpus.dev == (Sentence(("c",), ("O",)),)
    assert any("stayed in train" in note for note in corpus.notes) == (corpus.notes[0].startswith("1 of 3"))


@pytest.mark.parametrize("text", ["a\tB-X\n", "a\tB-X\n\nb\tB-Y\n"])
def test_a_corpus_too_small_to_split_asks_for_a_dev_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "train.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"train\.txt:1: .*dev file"):
        read_corpus(file)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_a_dev_share_outside_0_and_1_is_an_error(tmp_path: Path, share: float) -> None:
    with pytest.raises(ValueError, match="dev_share"):
        read_corpus(folder(tmp_path, train=BIO), dev_share=share)


@pytest.mark.parametrize(
    ("train", "note"),
    [
        ("-DOCSTART- O\n\n" * 2 + BIO, "2 -DOCSTART- lines skipped"),
        (BIO + "# id 7\na\tO\n", "1 comment line skipped, on line 10"),
        (BIO + BIO + "\ufeffa\tO\n", "1 byte order mark inside .* line 19"),
    ],
)
def test_what_is_skipped_or_looks_odd_is_a_note(tmp_path: Path, train: str, note: str) -> None:
    corpus = with_dev(tmp_path, train)
    assert any(re.search(note, found) for found in corpus.notes), corpus.notes


def test_a_sound_corpus_has_no_notes(tmp_path: Path) -> None:
    assert read_corpus(folder(tmp_path, train=BIO, dev="EU\tB-ORG\n", test="Ann\tB-PER\n")).notes == ()


SAME = (
    "The {0} and {1} splits hold the same {2} sentences, word for word: scores on {1} mean nothing. Give it other "
    "ones, or take its file away."
)
ONE, TWO, THREE = "EU\tB-ORG\n\n", "Ann\tB-PER\n\n", "so\tO\n\n"


@pytest.mark.parametrize(
    ("dev", "test", "notes"),
    [
        (ONE + TWO, ONE, ["1 of 1 test sentences also occur in dev, word for word: their scores are inflated."]),
        (
            ONE + TWO,
            THREE + TWO,
            ["1 of 2 test sentences also occur in dev, word for word: their scores are inflated."],
        ),
        (
            ONE + TWO,
            TWO + ONE,
            [SAME.format("dev", "test", 2)],
        ),
        (BIO, ONE, [SAME.format("train", "dev", 3)]),
        (
            ONE,
            BIO + ONE,
            [
                "3 of 4 test sentences also occur in train, word for word: their scores are inflated.",
                "1 of 4 test sentences also occur in dev, word for word: their scores are inflated.",
            ],
        ),
    ],
)
def test_sentences_that_two_parts_share_are_told_of_any_two(
    tmp_path: Path, dev: str, test: str, notes: list[str]
) -> None:
    corpus = read_corpus(folder(tmp_path, train=BIO, dev=dev, test=test))
    assert (*corpus.warnings, *corpus.notes) == tuple(notes)


def test_a_corpus_without_entities_has_the_tag_o_alone(tmp_path: Path) -> None:
    corpus = with_dev(tmp_path, "a\tO\n")
    assert (corpus.types, corpus.tags, corpus.scheme) == ((), ("O",), "BIO")


def test_a_folder_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, mode: str) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    place = folder(tmp_path, train=BIO)
    monkeypatch.setattr(Path, "open", refused)
    for read in (read_corpus, lambda corpus: find_corpus(corpus).compute_sha256()):
        with pytest.raises(ValueError, match=r"train\.txt: cannot be read: Permission denied"):
            read(place)


def test_a_linked_corpus_is_called_as_it_was_linked(home: Path) -> None:
    target = folder(home / "elsewhere" / "v2-final", train=BIO, dev="so\tO\n")
    (home / "data" / "a01").symlink_to(target)
    (home / "b01.txt").symlink_to(target / "train.txt")
    assert "a01" in list_corpora()
    for given in ("a01", home / "data" / "a01", "data/a01/", "data/../data/a01"):
        assert find_corpus(given).name == read_corpus(given).name == "a01"
    assert find_corpus(home / "b01.txt").name == "b01"


def test_a_corpus_in_the_current_folder_has_that_folders_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder(home / "mine", train=BIO))
    assert find_corpus(".").name == "mine"


@pytest.mark.parametrize("seed", seeds(20))
def test_whatever_a_file_holds_it_is_read_without_losing_a_word_or_refused_with_a_line(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    pieces = [
        "a",
        "#",
        "-DOCSTART-",
        "\u3000",
        "\u2028",
        "O",
        "B-X",
        "I-X",
        "E-X",
        "S-Y",
        "B-",
        "\t",
        " ",
        "\n",
        "\r\n",
    ]
    pieces += ["word\tO\n"] * 10 + ["word B-X\n"] * 5 + ["\n\n"] * 3 + ["\0", "\ufeff"] * (seed % 2)
    text = "".join(chance.choice(pieces) for _ in range(chance.randint(1, 40)))
    place = folder(tmp_path, train=text, dev="so\tO\n")
    try:
        corpus = read_corpus(place, repair=True)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert re.match(rf"{place}/train\.txt:\d+: ", refusal)
        return
    lines = [line for line in text.removeprefix("\ufeff").split("\n") if line.strip(" \t\r")]
    skipped = sum(line.startswith(("-DOCSTART-", "# ")) for line in lines)
    skipped += sum(
        re.fullmatch("[\u2028\ufeff]+", re.split("\t" if "\t" in line else " ", line)[0]) is not None for line in lines
    )
    words = sum(len(sentence.words) for sentence in corpus.train)
    assert len(lines) - skipped <= words <= len(lines)
    assert words == len(lines) or any("skipped" in note or "left out" in note for note in corpus.notes)


@pytest.fixture(scope="module")
def wnut16() -> Corpus:
    if not downloads.is_present("wnut16"):
        pytest.fail("data/wnut16 is missing: `python -m labkit fetch` is part of the set-up of the tests")
    return read_corpus("wnut16")


def test_the_default_corpus_has_the_known_counts(wnut16: Corpus) -> None:
    everything = [*wnut16.train, *wnut16.dev]
    assert (len(wnut16.train), len(wnut16.dev), len(wnut16.test)) == (2035, 359, 0)
    assert sum(len(sentence.words) for sentence in everything) == 46_469
    assert len(wnut16.tags) == 21
    assert wnut16.scheme == "BIO"
    assert sum(len(bio_tags_to_spans(sentence.tags)) for sentence in everything) == 1_496
    assert wnut16.sha256 == downloads.CORPORA["wnut16"].members[0].sha256


def test_the_first_tweet_reads_as_it_stands(wnut16: Corpus) -> None:
    tweet, *_ = [s for s in (*wnut16.train, *wnut16.dev) if s.words[:3] == ("@paulwalk", "It", "'s")]
    assert bio_tags_to_spans(tweet.tags) == [Span("facility", 14, 17), Span("facility", 18, 19)]
    assert tweet.words[14:17] == ("Empire", "State", "Building")


# --- the Chinese corpus


@pytest.fixture(scope="module")
def msra() -> Corpus:
    if not downloads.is_present("msra"):
        pytest.fail("data/msra is missing: `python -m labkit fetch` is part of the set-up of the tests")
    return read_corpus("msra")


def test_the_chinese_corpus_has_the_known_counts(msra: Corpus) -> None:
    own = [*msra.train, *msra.dev]
    assert (len(msra.train), len(msra.dev), len(msra.test)) == (42_746, 7_543, 5_000)
    assert [sum(len(sentence.words) for sentence in part) for part in (own, msra.test)] == [2_153_462, 189_018]
    assert [sum(len(bio_tags_to_spans(sentence.tags)) for sentence in part) for part in (own, msra.test)] == [
        74_444,
        6_457,
    ]
    assert (msra.scheme, msra.types) == ("BMES", ("LOC", "ORG", "PER"))
    assert all(len(word) == 1 for sentence in msra.test for word in sentence.words)


def test_the_chinese_corpus_just_works_and_says_what_was_mended(msra: Corpus, tmp_path: Path) -> None:
    assert any(note.startswith("17 illegal tag sequences mended") for note in msra.notes)
    folder(tmp_path / "msra", train="人\tM-PER\n名\tE-PER\n\n人\tB-PER\n名\tE-PER\n")
    with pytest.raises(ValueError, match="repair-tags"):  # a user's own file is not mended unasked, whatever its name
        read_corpus(tmp_path / "msra")


# Types.


def map_by_hand(sentence: Sentence, new: dict[str, str]) -> Sentence:
    """The sentence with its entities tagged anew, one by one."""
    tags = ["O"] * len(sentence.words)
    for span in bio_tags_to_spans(sentence.tags):
        if name := new[span.type]:
            tags[span.start : span.end] = [f"B-{name}"] + [f"I-{name}"] * (span.end - span.start - 1)
    return Sentence(sentence.words, tuple(tags))


@pytest.mark.parametrize("seed", seeds(20))
def test_types_are_mapped_as_one_would_by_hand(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    splits = {}
    for split in ("train", "dev", "test"):
        lines = []
        for _ in range(20):
            for _ in range(source.randint(1, 5)):  # neighbours, O between some
                kind = source.choice(["PER", "LOC", "GPE", "DATE", ""])
                words = range(source.randint(1, 3))
                lines += [f"w\t{('I-' if place else 'B-') + kind if kind else 'O'}" for place in words]
            lines.append("")
        splits[split] = "\n".join(lines)
    plain = read_corpus(folder(tmp_path, **splits))
    changes = {name: source.choice(["X", "PER", "", name]) for name in source.sample(plain.types, 2)}
    others = source.choice([None, "", "REST"])
    new = {name: changes.get(name, name if others is None else others) for name in plain.types}
    written = changes if others is None else {**changes, "*": others}
    mapped = read_corpus(tmp_path, types=", ".join(f"{old} = {name}" for old, name in written.items()))
    for before, after in ((plain.train, mapped.train), (plain.dev, mapped.dev), (plain.test, mapped.test)):
        assert after == tuple(map_by_hand(sentence, new) for sentence in before)
    assert mapped.types == tuple(sorted({name for name in new.values() if name}))


def test_a_mapped_type_that_the_corpus_has_not_is_refused_with_those_it_has(tmp_path: Path) -> None:
    place = folder(tmp_path, train=BIO * 2, dev=BIO)
    with pytest.raises(ValueError, match=r"types: the corpus has no GPE, but ORG \(3\), PER \(3\), LOC \(3\)"):
        read_corpus(place, types="GPE=LOC, PER=X")
