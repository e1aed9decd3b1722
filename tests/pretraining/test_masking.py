"""Sequences out of a stream, and what is hidden of them."""

import numpy as np
import pytest

from labkit.pretraining.masking import IGNORED, MaskedSequences, mask_whole_words
from labkit.pretraining.packing import (
    TokenSequences,
    TokenStream,
    concatenate_lines,
    cut_sequences,
    draw_epoch_starts,
    iter_held_out_batches,
)
from labkit.pretraining.vocabulary import CLS, MASK, SEP

FIRST, LAST = 5, 205  # ordinary tokens


def a_stream(count: int, seed: int = 0) -> TokenStream:
    """Lines of 30 random tokens in words of one to four."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        begins = random.random(30) < 0.5
        begins[0] = True
        rows.append((random.integers(FIRST, LAST, 30), begins))
    return concatenate_lines(rows)


def some_sequences(rows: int = 400, length: int = 64) -> TokenSequences:
    stream = a_stream(3000)
    return cut_sequences(stream, draw_epoch_starts(len(stream), length, 0, 0)[:rows], length)


def masked(sequences: TokenSequences, seed: int = 0) -> MaskedSequences:
    return mask_whole_words(sequences, 0.15, (FIRST, LAST), np.random.default_rng(seed))


# --- packing


def test_an_epoch_reads_every_token_once_but_its_ends() -> None:
    starts = draw_epoch_starts(1000, 32, seed=3, epoch=1)
    read = np.sort((starts[:, None] + np.arange(30)).ravel())
    assert len(set(read)) == len(read)
    assert len(read) > 1000 - 2 * 30
    assert not np.array_equal(np.sort(starts), np.sort(draw_epoch_starts(1000, 32, seed=3, epoch=2)))
    assert np.array_equal(starts, draw_epoch_starts(1000, 32, seed=3, epoch=1))


def test_a_sequence_is_a_piece_of_the_stream_between_marks() -> None:
    stream = a_stream(10)
    found = cut_sequences(stream, np.array([7, 100]), 20)
    for row, start in enumerate((7, 100)):
        assert found.tokens[row].tolist() == [CLS, *stream.tokens[start : start + 18], SEP]
        inner = [int(each) for each in np.cumsum(stream.is_word_start[start : start + 18])]
        is_mark = stream.tokens[start : start + 18] == SEP
        assert found.word_ids[row].tolist() == [-1, *np.where(is_mark, -1, inner), -1]


def test_a_text_shorter_than_a_sequence_is_told() -> None:
    with pytest.raises(ValueError, match="the text has 40 characters, too few for sequences of 64"):
        draw_epoch_starts(40, 64, 0, 0)


def test_the_held_out_text_is_read_in_order_and_without_a_remainder() -> None:
    stream = a_stream(10)
    found = [each.tokens[:, 1:-1].ravel() for each in iter_held_out_batches(stream, 32, 4)]
    together = np.concatenate(found)
    assert np.array_equal(together, stream.tokens[: len(together)])
    assert len(stream) - len(together) < 30


# --- masking


def test_about_the_share_is_hidden_and_marks_never_are() -> None:
    sequences = some_sequences()
    found = masked(sequences)
    assert found.is_target.sum() / sequences.tokens.size == pytest.approx(0.15, abs=0.01)
    assert (found.is_target.sum(1) <= round(0.15 * 64) + 1).all()
    hidden = np.take_along_axis(sequences.word_ids, found.positions, 1)[found.is_target]
    assert (hidden >= 0).all()
    changed = found.tokens != sequences.tokens
    assert not changed[sequences.word_ids < 0].any()


def test_a_word_is_hidden_whole_or_not_at_all() -> None:
    sequences = some_sequences()
    found = masked(sequences)
    for words, places, counted in zip(sequences.word_ids, found.positions, found.is_target, strict=True):
        hidden = set(places[counted].tolist())
        for word in {int(words[place]) for place in hidden}:
            assert set(np.flatnonzero(words == word).tolist()) <= hidden


def test_targets_are_what_was_there_and_nothing_else_changes() -> None:
    sequences = some_sequences()
    found = masked(sequences)
    was = np.take_along_axis(sequences.tokens, found.positions, 1)
    assert np.array_equal(found.targets, np.where(found.is_target, was, IGNORED))
    chosen = np.zeros(sequences.tokens.shape, bool)
    for row, (places, counted) in enumerate(zip(found.positions, found.is_target, strict=True)):
        chosen[row, places[counted]] = True
        assert len(set(places[counted].tolist())) == counted.sum()
    assert np.array_equal(found.tokens[~chosen], sequences.tokens[~chosen])


def test_of_ten_chosen_eight_are_hidden_one_is_swapped_and_one_stays() -> None:
    sequences = some_sequences(2000)
    found = masked(sequences)
    now = np.take_along_axis(found.tokens, found.positions, 1)[found.is_target]
    was = found.targets[found.is_target]
    assert (now == MASK).mean() == pytest.approx(0.8, abs=0.02)
    assert (now == was).mean() == pytest.approx(0.1 + 0.1 / 200, abs=0.02)
    swapped = now[(now != MASK) & (now != was)]
    assert len(swapped) / len(now) == pytest.approx(0.1, abs=0.02)
    assert swapped.min() >= FIRST
    assert swapped.max() < LAST


def test_other_draws_hide_other_words_and_the_same_draw_the_same() -> None:
    sequences = some_sequences()
    assert np.array_equal(masked(sequences).positions, masked(sequences).positions)
    assert not np.array_equal(masked(sequences).positions, masked(sequences, 1).positions)


def test_every_token_is_hidden_about_equally_often() -> None:
    sequences = some_sequences(1)
    often = np.zeros(64)
    for seed in range(600):
        found = masked(sequences, seed)
        often[found.positions[found.is_target]] += 1
    inside = often[sequences.word_ids[0] >= 0] / 600
    assert inside.min() > 0.08
    assert inside.max() < 0.24
