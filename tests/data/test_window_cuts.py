"""Long texts: cut where a reader would, and put together again to the letter."""

import random
from itertools import pairwise

import numpy as np
import pytest

from labkit.data.window_cuts import ANYWHERE, ENTITY, WindowCutter, classify_word, find_cut_points, grade_cut_points
from tests.long_cases import seeds

CHINESE = "币安网今天上涨平台用户资金，，。。；、：！？“”（）\n 3.14,20ABcd…　"
WORDS = "the a Binance went up . , ; : ! ? 3.14 U.S. Mr. Inc J said, home. city.) \" ' ) e.g. 12:30"
ENGLISH = [*WORDS.split(), "\n"]


def cut(words, lengths, room, inside=None):
    """The first word of each window of one text, and the number of its words."""
    ends, numbers = np.cumsum([0, *lengths]), np.arange(len(words))
    tags = np.array(inside if inside else [False] * len(words), np.int64)
    cutter = WindowCutter(words, room, np.array([False, True]) if inside else None)
    return cutter.cut(numbers, tags, ends, np.array([0, len(words)] if len(words) else [0])).tolist()


def parts(words, room, inside=None, lengths=None):
    """What lies in each window."""
    found = cut(words, lengths or [1] * len(words), room, inside)
    return [words[begin:end] for begin, end in pairwise(found)]


def a_text(seed):
    """Random characters or words, the tokens of each, whether it continues an entity, and a window's capacity."""
    rng = random.Random(seed)
    alphabet = CHINESE if seed % 2 else ENGLISH
    words = [rng.choice(alphabet) for _ in range(rng.randint(0, 120))]
    room = rng.randint(1, 30)
    lengths = [min(room, 1 + (rng.random() < 0.1) * rng.randint(0, 5)) for _ in words]
    inside, left = [], 0
    for _ in words:
        inside.append(left > 0)
        left = left - 1 if left else rng.choice([0, 0, 0, 0, 1, 3, 12])
    return words, lengths, inside, room


def slow_cut(graded, lengths, room):
    """The obvious twin: split recursively at the best grade that is left, then join neighbours."""

    def split(begin, end, grade):
        if sum(lengths[begin:end]) <= room:
            return [(begin, end)] if begin < end else []
        places = [begin, *(place for place in range(begin + 1, end) if graded[place - 1] == grade), end]
        return [each for pair in pairwise(places) for each in split(*pair, grade + 1)]

    joined = []
    for begin, end in split(0, len(lengths), 0):
        if joined and sum(lengths[joined[-1][0] : end]) <= room:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return [begin for begin, _ in joined] + [len(lengths)]


@pytest.mark.parametrize("seed", seeds(60))
def test_cutting_and_joining_gives_back_the_text(seed):
    words, lengths, inside, room = a_text(seed)
    found = cut(words, lengths, room, inside)
    assert (found[0], found[-1]) == (0, len(words))
    assert "".join(word for begin, end in pairwise(found) for word in words[begin:end]) == "".join(words)
    assert all(0 < sum(lengths[begin:end]) <= room for begin, end in pairwise(found))


@pytest.mark.parametrize("seed", seeds(60))
def test_the_windows_are_those_of_the_slow_twin(seed):
    words, lengths, inside, room = a_text(seed)
    graded = grade_cut_points(np.array([classify_word(word) for word in words], np.int8), np.array(inside, bool))
    expected = slow_cut(graded.tolist(), lengths, room) if words else [0]
    assert cut(words, lengths, room, inside) == expected


@pytest.mark.parametrize("seed", seeds(30))
def test_an_entity_that_fits_is_never_cut(seed):
    words, lengths, inside, room = a_text(seed)
    for place in cut(words, lengths, room, inside)[1:-1]:
        begin = end = place
        while inside[begin]:
            begin -= 1
        while end < len(words) and inside[end]:
            end += 1
        assert sum(lengths[begin:end]) > room or not inside[place]


def test_neighbours_do_not_change_where_a_text_is_cut():
    texts = [a_text(seed)[0] or ["x"] for seed in range(1, 61)]
    distinct = sorted({word for words in texts for word in words})
    numbers = np.array([distinct.index(word) for words in texts for word in words])
    starts = np.cumsum([0, *map(len, texts)])
    found = WindowCutter(distinct, 12, None).cut(numbers, numbers, np.arange(len(numbers) + 1), starts)
    alone = [
        begin + place for begin, words in zip(starts, texts, strict=False) for place in cut(words, [1] * len(words), 12)
    ]
    assert found.tolist() == sorted(set(alone))


def test_sentences_come_before_clauses_and_clauses_before_words():
    assert parts("他来了。我，我没看到他。", 6) == ["他来了。我，", "我没看到他。"]
    assert parts("甲乙丙；丁戊，己庚辛。", 8) == ["甲乙丙；", "丁戊，己庚辛。"]
    assert parts("甲乙丙，丁戊、己庚：辛壬", 6) == ["甲乙丙，", "丁戊、己庚：", "辛壬"]
    assert parts("甲乙丙 丁戊己", 5) == ["甲乙丙 ", "丁戊己"]
    assert parts("甲乙丙丁戊己", 4) == ["甲乙丙丁", "戊己"]


def test_windows_are_filled_with_as_many_sentences_as_fit():
    assert parts("一。二二。三三三。四。五。", 7) == ["一。二二。", "三三三。四。", "五。"]


def test_closing_marks_and_spaces_stay_with_their_sentence():
    assert parts("他说：“好。”我走了……然后 回家", 8) == ["他说：“好。”", "我走了……", "然后 回家"]
    assert parts('He left. "Why?" she said.', 10) == ["He left. ", '"Why?" ', "she said."]
    assert parts(["He", "left", ".", '"', "Why", "now", "?", '"', "He", "sat", "."], 8)[0][-1] == '"'
    assert parts("第一段\n\n第二段", 6) == ["第一段\n\n", "第二段"]


@pytest.mark.parametrize(
    "text", ["股价3.14元", "在U.S.上市", "共1,000元", "于12:30前", "见labkit.org处", "叫Binance的"]
)
def test_numbers_and_latin_words_in_single_characters_are_kept_together(text):
    latin = [place for place, word in enumerate(text) if word.isascii()]
    for before in range(3):
        padded = "甲" * before + text + "乙乙乙乙"
        whole = range(latin[0] + before + 1, latin[-1] + before + 1)
        assert not set(cut(padded, [1] * len(padded), len(text))) & set(whole)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Prices rose by 3.14 percent . Then they fell again today .", "."),
        ("We met Mr . Smith in the U.S. today . He said hello to us all .", "today . "),
        ("We saw J . Smith at home . He was well and he said so .", "home . "),
        ("They moved to the city.) Nobody knows why they ever did this .", "city.) "),
    ],
)
def test_english_is_cut_behind_sentences_not_behind_abbreviations(text, first):
    words = text.split()
    assert parts(words, len(words) - 1)[0][-len(first.split()) :] == first.split()


def test_characters_of_an_english_text_are_cut_behind_sentences():
    assert parts("He paid 3.14 in the U.S. today. Then he left.", 40) == [
        "He paid 3.14 in the U.S. today. ",
        "Then he left.",
    ]


def test_an_entity_longer_than_a_window_is_cut_and_nothing_is_lost():
    inside = [False] + [True] * 9 + [False]
    assert parts("甲乙丙丁戊己庚辛壬癸子", 4, inside) == ["甲乙丙丁", "戊己庚辛", "壬癸子"]


def test_a_place_inside_an_entity_has_the_worst_grade_whatever_stands_there():
    graded = grade_cut_points(
        np.array([classify_word(word) for word in "甲。乙丙"], np.int8), np.array([False, True, True, False])
    )
    assert graded.tolist() == [ENTITY, ENTITY, ANYWHERE, ANYWHERE]


def test_texts_that_fit_are_not_cut():
    ends = np.arange(11)
    graded = np.zeros(10, np.int8)
    assert find_cut_points(graded, ends, np.array([0, 4, 10]), 6).tolist() == [0, 4, 10]
    assert find_cut_points(graded, ends, np.array([0, 4, 10]), 5).tolist() == [0, 4, 9, 10]
