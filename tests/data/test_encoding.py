import random

import pytest
import torch
from transformers import AutoTokenizer

from labkit.data.corpora import Sentence
from labkit.data.encoding import Encoder, bucketed, sorted_batches

TAGS = ("O", "B-PER", "I-PER")


@pytest.fixture
def encoder(tiny_encoder):
    return Encoder(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, max_pieces=16)


def sentence(*words, tags=None):
    return Sentence(words, tuple(tags or ["O"] * len(words)))


def test_first_pieces_are_those_of_each_word_tokenised_alone(encoder):
    words = ("anna", "benq", "went", "x1y2", "home")
    (window,) = encoder.encode([sentence(*words)])
    alone = [encoder.tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
    assert [window.pieces[place] for place in window.first] == [pieces[0] for pieces in alone]
    assert list(window.pieces[1:-1]) == [piece for pieces in alone for piece in pieces]


def test_a_long_sentence_is_cut_between_words_and_loses_none(encoder):
    rng = random.Random(0)
    words = [rng.choice(["anna", "benq", "went", "abcdefgh"]) for _ in range(100)]
    tags = [rng.choice(TAGS) for _ in words]
    windows = encoder.encode([sentence("one"), sentence(*words, tags=tags)])
    own = [window for window in windows if window.sentence == 1]
    assert max(len(window.pieces) for window in own) <= 16
    assert [TAGS[number] for window in own for number in window.tags] == tags
    assert encoder.notes() == ["1 sentences are longer than a window and were cut between words."]


def test_a_word_without_pieces_is_read_as_unknown_and_told(encoder):
    (window,) = encoder.encode([sentence("anna", "\u200b", "went")])
    assert window.pieces[window.first[1]] == encoder.tokenizer.unk_token_id
    assert "1 words have no piece" in encoder.notes()[0]


def test_a_word_longer_than_a_window_keeps_its_place(encoder):
    (first, second) = encoder.encode([sentence("ab" * 40, "went")])
    assert len(first.first) == len(second.first) == 1
    assert "1 words are longer than a whole window" in " ".join(encoder.notes())


def test_a_batch_masks_exactly_the_words(encoder):
    windows = encoder.encode([sentence("anna", "went", "home"), sentence("ben")])
    batch = encoder.collate(windows)
    assert batch.mask.tolist() == [[True, True, True], [True, False, False]]
    assert batch.attention.sum().item() == batch.tokens == sum(len(window.pieces) for window in windows)
    assert batch.words == 4
    assert batch.pieces[1, len(windows[1].pieces) :].eq(encoder.padding).all()


@pytest.mark.parametrize("count", [1, 7, 64, 1000])
def test_buckets_hold_each_window_once_an_epoch_in_another_order_each_epoch(encoder, count):
    rng = random.Random(1)
    windows = encoder.encode([sentence(*["anna"] * rng.randint(1, 12)) for _ in range(count)])
    generator = torch.Generator().manual_seed(0)
    epochs = [bucketed(windows, 8, generator) for _ in range(2)]
    for batches in epochs:
        assert sorted(window.sentence for batch in batches for window in batch) == list(range(count))
        assert all(len(batch) <= 8 for batch in batches)
        assert len(batches) == -(-count // 8)
    if count > 50:
        assert epochs[0] != epochs[1]


def test_buckets_pad_less_than_half_of_what_random_batches_do(encoder):
    rng = random.Random(2)
    windows = encoder.encode([sentence(*["anna"] * rng.randint(1, 14)) for _ in range(800)])

    def padded(batches):
        return sum(len(batch) * max(len(window.pieces) for window in batch) for batch in batches)

    real = sum(len(window.pieces) for window in windows)
    plain = [windows[i : i + 16] for i in range(0, 800, 16)]
    assert padded(bucketed(windows, 16, torch.Generator().manual_seed(0))) - real < (padded(plain) - real) / 2


def test_batches_for_evaluation_keep_to_their_budget_and_hold_every_window_once(encoder):
    windows = encoder.encode([sentence(*["anna"] * (1 + i % 14)) for i in range(300)])
    batches = sorted_batches(windows, budget=64)
    assert sorted(window.sentence for batch in batches for window in batch) == list(range(300))
    assert all(len(batch) * max(len(window.pieces) for window in batch) <= 64 for batch in batches)


def test_a_window_without_room_for_a_word_is_refused(tiny_encoder):
    with pytest.raises(ValueError, match="max_pieces must leave room"):
        Encoder(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, max_pieces=2)
