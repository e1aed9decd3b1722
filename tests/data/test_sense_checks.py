"""Each senseless file is told; its sane twin, which looks alike, is not."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from labkit.data.corpora import Corpus, Sentence, find_corpus, read_corpus
from labkit.data.sense_checks import check_sense

WORDS = [f"{first}{second}" for first in "abcdefgh" for second in ("nna", "erlin", "ees", "oes", "ays")]
ONE_LETTER = [f"A{rest}" for rest in ("nna", "lice", "lan", "my", "da", "rthur", "nton", "gnes")] * 8


def sentences(words: Sequence[str], length: int = 8) -> list[Sentence]:
    rows = [tuple(words[start : start + length]) for start in range(0, len(words), length)]
    return [Sentence(row, ("O",) * len(row)) for row in rows]


SENSELESS = {
    "whole sentences, such as 'anna": sentences(
        ["anna lives in berlin today", "yesterday ben went to paris again"] * 20, 1
    ),
    "whole sentences, such as 'ben": sentences(["ben went to paris", "anna stayed", "all is well today"] * 20, 60),
    "whole sentences, such as '我": sentences(["我們昨天一起去北京看了一場非常好看的電影然後回家"] * 4, 1),
    "begin with 'en:'": sentences([f"en:{word}" for word in WORDS]),
    "begin with 'zh-min-nan:'": sentences([f"zh-min-nan:{word}" for word in WORDS]),
    "end in a digit": sentences([f"{word}0" for word in [*WORDS, *"@.,!?:", "@ann", "20", "7"]]),
    "pieces or marks": sentences(["[CLS]", *WORDS, "##ing", "[SEP]"]),
    "such as 'Ġanna'": sentences([f"Ġ{word}" for word in WORDS]),
    "such as 'anna</w>'": sentences([f"{word}</w>" for word in WORDS]),
    "such as '▁anna'": sentences([f"▁{word}" for word in WORDS]),
}
SANE = {
    "one-word sentences": sentences(WORDS, 1),
    "words of one letter": sentences(ONE_LETTER),
    "times and ratios": sentences(["9:30", "1:2", *WORDS, *WORDS]),
    "numbers": sentences([str(number) for number in range(1900, 2000)]),
    "versions": sentences([f"{number}.{digit}" for number in range(9) for digit in range(9)]),
    "names in Maltese": sentences(["Ġużeppi", "Ġorġ", *WORDS]),
    "model names": sentences(["A4", "F16", "B52", *WORDS]),
    "words with a space": sentences(["New York", "Hà Nội", *WORDS]),
    "spaces as characters": sentences([*"a b c d e f g h"] * 5),
    "hashtags": sentences(["#tag", "##", *WORDS * 6]),
}


@pytest.mark.parametrize("told", SENSELESS)
def test_senseless_words_are_told_with_the_way_out(told: str) -> None:
    (problem,) = check_sense(SENSELESS[told])
    assert told in problem
    assert ":" in problem


@pytest.mark.parametrize("name", SANE)
def test_sane_words_that_look_alike_are_left_alone(name: str) -> None:
    assert check_sense(SANE[name]) == []


@pytest.mark.parametrize("name", ["wnut16", "msra", "data/samples/bdci"])
def test_the_corpora_that_come_with_labkit_make_sense(name: str) -> None:
    place = Path(__file__).parents[2] / name if "/" in name else name
    try:
        find_corpus(place)
    except ValueError:
        pytest.skip("not fetched")
    corpus = read_corpus(place)
    assert [check_sense(split) for split in (corpus.train, corpus.dev, corpus.test)] == [[], [], []]
    assert corpus.warnings == ()


# --- whole files: each senseless one beside its twin


ENTITIES = "EU\tB-ORG\nrejects\tO\n\nUlm\tB-LOC\n\n"


def read(folder: Path, **splits: str) -> Corpus:
    for split, text in {"train": ENTITIES, "dev": "Ann\tB-ORG\nso\tO\n", **splits}.items():
        (folder / f"{split}.txt").write_text(text)
    return read_corpus(folder)


@pytest.mark.parametrize(
    ("splits", "told"),
    {
        "no blank lines": ({"dev": "a\tO\nb\tB-ORG\n" * 101}, r"dev\.txt: the longest sentence has 202 words"),
        "hardly any": ({"train": ENTITIES + "a\tO\n" * 1001}, r"1001 words \(from line 6\); are blank lines"),
        "another column": ({"train": "a\tO\n\nb\tO\n"}, "the train split holds no entity"),
        "the same file": ({"test": ENTITIES}, "The train and test splits hold the same 2 sentences"),
        "a prefix in dev": (
            {"dev": "".join(f"en:{word}\tB-ORG\n\n" for word in WORDS)},
            "^the dev split: 100 % of the words begin with 'en:'",
        ),
        "a digit in test": (
            {"test": "so1\tO\n\n" + "".join(f"{word}1\tB-ORG\n\n" for word in WORDS)},
            "^the test split: 100 % of the words end in a digit",
        ),
        "mostly the same": ({"dev": "Ulm\tB-LOC\n\nso\tO\n"}, "1 of 2 dev sentences also occur in train"),
    }.values(),
)  # fmt: skip
def test_senseless_files_are_told(tmp_path: Path, splits: dict[str, str], told: str) -> None:
    (warning,) = read(tmp_path, **splits).warnings
    assert re.search(told, warning)


@pytest.mark.parametrize(
    "splits",
    {
        "a long sentence": {"train": ENTITIES + "a\tO\n" * 999},
        "a short split": {"dev": "a\tO\nb\tB-ORG\n" * 99},
        "no prefix in dev": {"dev": "".join(f"{word}\tB-ORG\n\n" for word in WORDS)},
        "a sentence that repeats": {"dev": "Ulm\tB-LOC\n\n" + "".join(f"{word}\tB-LOC\n\n" for word in "abc")},
    }.values(),
)
def test_files_that_look_alike_make_sense(tmp_path: Path, splits: dict[str, str]) -> None:
    assert read(tmp_path, **splits).warnings == ()


def test_a_dev_split_that_labkit_drew_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("Ulm\tB-LOC\n\n" * 2)
    (warning,) = read_corpus(tmp_path / "all.txt").warnings
    assert "the dev split, which was split off from it, hold the same 1 sentences" in warning
    (tmp_path / "all.txt").write_text("a\tO\n\n" * 8 + "Ulm\tB-LOC\n\n")
    assert (
        "the dev split, which was split off from train, holds no entity: add a dev file"
        in read_corpus(tmp_path / "all.txt").warnings
    )


def test_all_files_that_dev_was_split_off_from_are_named(tmp_path: Path) -> None:
    for number in range(1, 6):
        (tmp_path / f"train-{number}.txt").write_text(f"w{number}\tB-X\n\n")
    (note,) = read_corpus(tmp_path).notes
    assert re.search(r"of \S+/train-1\.txt, \S+/train-2\.txt, \S+/train-3\.txt … split off for dev", note)


def test_a_single_file_without_blank_lines_is_refused_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("a\tO\nb\tB-X\n" * 50)
    with pytest.raises(ValueError, match=r"all is one sentence, of 100 words; expected a blank line between"):
        read_corpus(tmp_path / "all.txt")


@pytest.mark.parametrize(
    ("tags", "reason"), [("OOO", "O"), ("O" * 30, "O"), ("_" * 3, "_"), (["B-ORG"] * 12, "B-ORG"), ("-" * 3, "-")]
)
def test_a_placeholder_for_the_tags_of_test_is_not_scored(tmp_path: Path, tags: Sequence[str], reason: str) -> None:
    corpus = read(tmp_path, test="\n".join(f"w{place}\t{tag}\n" for place, tag in enumerate(tags)))
    assert (corpus.test, corpus.warnings) == ((), ())
    assert corpus.notes == (f"{tmp_path}/test.txt is not scored: every tag is {reason}.",)


@pytest.mark.parametrize("test", ["EU\nrejects\n\nPeter\n", "\ufeff\n欧\r\n盟 \r\n\r\n拒\r\n"])
def test_a_test_file_of_words_alone_is_not_scored_and_as_train_refused(tmp_path: Path, test: str) -> None:
    corpus = read(tmp_path, test=test)
    assert (corpus.test, corpus.warnings, len(corpus.notes)) == ((), (), 1)
    assert corpus.notes[0].startswith(f"{tmp_path}/test.txt is not scored: no word has a tag: every line is one column")
    with pytest.raises(ValueError, match=r"train\.txt:[12]: no word has a tag: .*'(EU|欧)'"):
        read(tmp_path, train=test)


@pytest.mark.parametrize("line", ["the EU", "EU\tO", "B-ORG", '{"text": "EU"}', "["])
def test_a_test_file_with_a_line_of_another_kind_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"test\.txt:1: "):
        read(tmp_path, test=f"EU\n\nrejects\n{line}\n")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (ENTITIES, "a\tB-ORG\n\nb\tB-ORG\n"),  # a few names
        (ENTITIES, "a\tO\n" * 30 + "b\tB-ORG\n"),
        ("a\tB-ORG\n\nb\tB-ORG\n\n", "".join(f"w{place}\tB-ORG\n\n" for place in range(12))),  # lists of names
    ],
)
def test_a_test_split_with_entities_is_scored(tmp_path: Path, train: str, test: str) -> None:
    assert read(tmp_path, train=train, test=test).test


def test_a_train_file_of_placeholders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"train\.txt:1: every tag is _"):
        read(tmp_path, train="a\t_\nb\t_\n")
