import random

import numpy as np
import pytest

from labkit.data.windows import pack_words


@pytest.mark.parametrize("seed", range(10))
def test_every_sentence_comes_back_letter_by_letter(seed):
    rng = random.Random(seed)
    letters = "aZ 1。王𠮷é\u200b😀\ud800"
    sentences = [
        ["".join(rng.choices(letters, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 6))]
        for _ in range(rng.randint(0, 5))
    ]
    texts = pack_words(sentences)
    assert len(texts) == len(sentences)
    assert [texts.get_words(number) for number in range(len(texts))] == sentences


def test_some_sentences_are_taken_as_they_are():
    sentences = [("王小明", "x"), ("a",), ("", "b"), ("\ud800", "c", "d")]
    taken = pack_words(sentences).take(np.array([3, 0]))
    assert [taken.get_words(number) for number in range(len(taken))] == [["\ud800", "c", "d"], ["王小明", "x"]]
    assert len(pack_words(sentences).take(np.empty(0, np.int64))) == 0
