"""Each senseless file is told; its sane twin, which looks alike, is not."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from labkit.data.corpora import Sentence, find_corpus, read_corpus
from labkit.data.sense_checks import check_sense

WORDS = [f"{first}{second}" for first in "abcdefgh" for second in ("nna", "erlin", "ees", "oes", "ays")]
ONE_LETTER = [f"A{rest}" for rest in ("nna", "lice", "lan", "my", "da", "rthur", "nton", "gnes")] * 8


def sentences(words: Sequence[str], length: int = 8) -> list[Sentence]:
    rows = [tuple(words[start : start + length]) for start in range(0, len(words), length)]
    return [Sentence(row, ("O",) * len(row)) for row in rows]


SENSELESS = {
    "a single word": sentences(["anna lives in berlin today", "yesterday ben went to paris again"] * 20, 1),
    "begin with 'en:'": sentences([f"en:{word}" for word in WORDS]),
    "end in a digit": sentences([f"{word}0" for word in WORDS]),
    "pieces or marks": sentences(["[CLS]", *WORDS, "##ing", "[SEP]"]),
}
SANE = {
    "one-word sentences": sentences(WORDS, 1),
    "words of one letter": sentences(ONE_LETTER),
    "times and ratios": sentences(["9:30", "1:2", *WORDS, *WORDS]),
    "numbers": sentences([str(number) for number in range(1900, 2000)]),
    "model names": sentences(["A4", "F16", "B52", *WORDS]),
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


@pytest.mark.parametrize("corpus", ["wnut16", "msra", "data/samples/bdci"])
def test_the_corpora_that_come_with_labkit_make_sense(corpus: str) -> None:
    place = Path(__file__).parents[2] / corpus if "/" in corpus else corpus
    try:
        find_corpus(place)
    except ValueError:
        pytest.skip("not fetched")
    read = read_corpus(place)
    assert [check_sense(split) for split in (read.train, read.dev, read.test)] == [[], [], []]
