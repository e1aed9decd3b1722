import random

import pytest

from labkit.data.texts import texts_of


@pytest.mark.parametrize("seed", range(10))
def test_every_sentence_comes_back_letter_by_letter(seed):
    rng = random.Random(seed)
    letters = "aZ 1。王𠮷é\u200b😀\ud800"
    sentences = [
        ["".join(rng.choices(letters, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 6))]
        for _ in range(rng.randint(0, 5))
    ]
    texts = texts_of(sentences)
    assert len(texts) == len(sentences)
    assert [texts.words(number) for number in range(len(texts))] == sentences
