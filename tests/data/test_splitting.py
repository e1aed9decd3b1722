import random
from itertools import pairwise

import pytest

from labkit.data.splitting import Splitting, split, splitting_of

WORDS, CHARACTERS, ALL = Splitting.WORDS, Splitting.CHARACTERS, Splitting.ALL_CHARACTERS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Obama's in Paris.", ["Obama", "'s", "in", "Paris", "."]),
        ("isn't", ["is", "n't"]),
        ("@tim #nyc http://t.co/x?y=1 :)", ["@tim", "#nyc", "http://t.co/x?y=1", ":", ")"]),
        ("我在北京abc上学，2019年。", [*"我在北京", "abc", *"上学，", "2019", "年", "。"]),
        ("naïve café", ["naïve", "café"]),
    ],
)
def test_text_is_split_into_words_as_the_corpora_do(text, expected):
    assert [[each.word for each in line] for line in split(text, WORDS)] == [expected]


@pytest.mark.parametrize(
    ("splitting", "expected"),
    [
        (WORDS, [["在", "U2", "at", "7"], ["年"]]),
        (CHARACTERS, [[*"在U2at7"], ["\u3000", "年"]]),
        (ALL, [[*"在U2 at 7\n\n\u3000年"]]),
    ],
)
def test_a_text_is_split_as_the_corpus_is(splitting, expected):
    assert [[each.word for each in line] for line in split("在U2 at 7\n\n\u3000年", splitting)] == expected


@pytest.mark.parametrize("splitting", Splitting)
@pytest.mark.parametrize("seed", range(20))
def test_every_word_stands_where_it_is_said_to_and_nothing_but_spaces_is_lost(splitting, seed):
    rng = random.Random(seed)
    text = "".join(rng.choices("ab1 \t\n\r我，.'s@#:/\u3000é😀ｕ", k=60))
    placed = [each for line in split(text, splitting) for each in line]
    assert [text[start:end] for _, start, end in placed] == [word for word, _, _ in placed]
    assert all(one.end <= other.start for one, other in pairwise(placed))
    assert "".join("".join(word.split()) for word, _, _ in placed) == "".join(text.split())


@pytest.mark.parametrize("splitting", Splitting)
@pytest.mark.parametrize("text", ["", " ", "\n \n"])
def test_a_text_without_words_is_no_sentence(splitting, text):
    assert split(text, splitting) == []


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (["Anna lives in Berlin ."], WORDS),
        (["我 在 北 京", "I am"], WORDS),
        (["中国 人民 银行 A 股", "上市"], WORDS),
        (["我 在 U2 队", "3 年"], WORDS),
        (["我 在 北 京"], CHARACTERS),
        (["2 0 1 9 年 A B C", "OK ，"], CHARACTERS),
        (["２ ０ 年"], CHARACTERS),
        ([], CHARACTERS),
    ],
)
def test_how_a_corpus_is_split_is_seen_in_its_latin_words_and_numbers(sentences, expected):
    assert splitting_of(tuple(sentence.split()) for sentence in sentences) == expected


def test_a_corpus_whose_spaces_are_words_is_told_from_one_without():
    assert splitting_of([tuple("we saw 34")]) == ALL
    assert splitting_of([tuple("标题\n正文")]) == ALL
    assert splitting_of([tuple("标题\u3000正文")]) == CHARACTERS
