import random
import re
from itertools import pairwise

import pytest

from labkit.data.word_splitting import Granularity, detect_granularity, split_text

WORDS, CHARACTERS, ALL = Granularity.WORDS, Granularity.CHARACTERS, Granularity.ALL_CHARACTERS
WHITE_SPACE = Granularity.WHITE_SPACE


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
    assert [[each.word for each in line] for line in split_text(text, WORDS)] == [expected]


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        (WORDS, [["在", "U2", "at", "7"], ["年"]]),
        (CHARACTERS, [[*"在U2at7"], ["\u3000", "年"]]),
        (ALL, [[*"在U2 at 7\n\n\u3000年"]]),
        (WHITE_SPACE, [["在U2", "at", "7"], ["年"]]),
    ],
)
def test_a_text_is_split_as_the_corpus_is(granularity, expected):
    assert [[each.word for each in line] for line in split_text("在U2 at 7\n\n\u3000年", granularity)] == expected


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("seed", range(20))
def test_every_word_stands_where_it_is_said_to_and_nothing_but_spaces_is_lost(granularity, seed):
    rng = random.Random(seed)
    text = "".join(rng.choices("ab1 \t\n\r我，.'s@#:/\u3000é😀ｕ", k=60))
    placed = [each for line in split_text(text, granularity) for each in line]
    assert [text[start:end] for _, start, end in placed] == [word for word, _, _ in placed]
    assert all(one.end <= other.start for one, other in pairwise(placed))
    assert "".join("".join(word.split()) for word, _, _ in placed) == "".join(text.split())


WHOLE = {
    "zero-width space": "New\u200bYork",
    "soft hyphen": "Ber\u00adlin",
    "byte order mark": "Ber\ufefflin",
    "direction mark": "Ber\u200elin",
    "Persian, where a letter ends within a word": "می\u200cخواهم",
    "Hindi, with vowel signs and a joiner": "क्\u200dषेत्र",
    "accent of its own": "cafe\u0301s",
    "emoji of several": "👨\u200d👩\u200d👧",
    "emoji in colour": "👍🏽",
    "emoji with a selector": "❤\ufe0f\u200d🔥",
    "hashtag": "#new\u200byork",
}


@pytest.mark.parametrize("word", WHOLE.values(), ids=WHOLE)
def test_characters_that_are_not_seen_cut_no_word(word):
    text = f"in {word}, 北{word} \u200b{word}\n"
    placed = [each for line in split_text(text, WORDS) for each in line]
    assert [each.word for each in placed] == ["in", word, ",", "北", word, word]
    assert [text[start:end] for _, start, end in placed] == [each.word for each in placed]


def test_words_with_their_punctuation_are_split_at_white_space_only():
    text = "\u200b Obama's in\tNew\u200bYork, (U.S.)…\r\n \u200b \n❤\ufe0f!"
    placed = split_text(text, WHITE_SPACE)
    assert [[word for word, _, _ in line] for line in placed] == [
        ["Obama's", "in", "New\u200bYork,", "(U.S.)…"],
        ["❤\ufe0f!"],
    ]
    assert all(text[start:end] == word for line in placed for word, start, end in line)


@pytest.mark.parametrize("granularity", [WORDS, CHARACTERS, ALL])
@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad", "\ufeff", "\u2028", "\u200d", "\u202e", "\x07", "\x85"])
def test_characters_that_are_not_seen_are_no_words(granularity, unseen):
    found = split_text(f"北{unseen}京 {unseen} {unseen}安{unseen}", granularity)
    assert [word for line in found for word, _, _ in line if word != " "] == ["北", "京", "安"]
    assert split_text(unseen, granularity) == split_text(f" {unseen}\n", granularity) == []


@pytest.mark.parametrize("seed", range(20))
def test_invisible_characters_change_no_word(seed):
    """Wherever they are put, words are what they were without them, and stand where they are said to."""
    rng = random.Random(seed)
    words = rng.choices(["Anna", "in", "北", "U2", "😀", ",", "naïve"], k=20)
    text = " ".join("".join(each + rng.choice(["", "", "\u200b", "\u00ad\ufeff"]) for each in word) for word in words)
    (placed,) = split_text(text, WORDS)
    assert [re.sub("[\u200b\u00ad\ufeff]", "", word) for word, _, _ in placed] == words
    assert [text[start:end] for _, start, end in placed] == [word for word, _, _ in placed]


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("text", ["", " ", "\n \n"])
def test_a_text_without_words_is_no_sentence(granularity, text):
    assert split_text(text, granularity) == []


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
        (["Anna lives in London, England.", "Ben does not!"], WHITE_SPACE),
        (["Anna lives in London , England .", "Mr. Lee: a man of the U.S. , too , in Ulm ."], WORDS),
        (["he lives in the U.S."] + ["where to eat in ulm"] * 20, WORDS),
        (["We got up at 10: it rained."] + ["nothing to tell , really ."] * 2, WORDS),
    ],
)
def test_how_a_corpus_is_split_is_seen_in_its_latin_words_and_numbers(sentences, expected):
    assert detect_granularity(tuple(sentence.split()) for sentence in sentences) == expected


def test_a_corpus_whose_spaces_are_words_is_distinguished_from_one_without():
    assert detect_granularity([tuple("we saw 34")]) == ALL
    assert detect_granularity([tuple("标题\n正文")]) == ALL
    assert detect_granularity([tuple("标题\u3000正文")]) == CHARACTERS
