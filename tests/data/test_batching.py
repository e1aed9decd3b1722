import numpy as np
import pytest

from labkit.data.batching import bucket_batches, count_batches, epoch_batches, sorted_batches, token_budget_batches


def lengths_of(count, seed=1, longest=130):
    return np.random.default_rng(seed).integers(3, longest, count)


def padded(lengths, batches):
    return sum(len(batch) * int(lengths[batch].max()) for batch in batches)


def as_lists(batches):
    return [batch.tolist() for batch in batches]


@pytest.mark.parametrize(("budget", "row_multiple"), [(0, 1), (0, 32), (300, 1)])
@pytest.mark.parametrize("count", [0, 1, 7, 64, 1000])
def test_an_epoch_holds_each_window_once_in_another_order_each_epoch(count, budget, row_multiple):
    lengths, order = lengths_of(count), np.random.default_rng(0)
    epochs = [epoch_batches(lengths, lengths // 2, 8, budget, order, row_multiple) for _ in range(3)]
    for batches in epochs:
        assert sorted(window for batch in batches for window in batch.tolist()) == list(range(count))
        assert len(batches) == count_batches(lengths, 8, budget)
    if count > 50:
        assert as_lists(epochs[0]) != as_lists(epochs[1])
        assert {frozenset(batch) for batch in as_lists(epochs[0])} != {frozenset(b) for b in as_lists(epochs[1])}
        again = epoch_batches(lengths, lengths // 2, 8, budget, np.random.default_rng(0), row_multiple)
        assert as_lists(again) == as_lists(epochs[0])


def test_buckets_are_full_but_for_the_last():
    sizes = sorted(
        len(batch) for batch in bucket_batches(lengths_of(1003), lengths_of(1003), 8, np.random.default_rng(0))
    )
    assert sizes == [3, *[8] * 125]


def test_buckets_pad_less_than_half_of_what_random_batches_do():
    lengths, order = lengths_of(800), np.random.default_rng(0)
    plain = [np.arange(i, i + 16) for i in range(0, 800, 16)]
    real = int(lengths.sum())
    assert padded(lengths, bucket_batches(lengths, lengths, 16, order)) - real < (padded(lengths, plain) - real) / 2


def test_windows_that_are_padded_alike_come_together_by_their_words():
    lengths, order = lengths_of(800, longest=32), np.random.default_rng(0)
    words = np.maximum(1, lengths * order.uniform(0.4, 1.0, 800)).astype(np.int64)
    both, one = (bucket_batches(lengths, each, 16, np.random.default_rng(0)) for each in (words, np.zeros_like(words)))
    rounded = -(-lengths // 4) * 4
    assert padded(rounded, both) == padded(rounded, one)  # of tokens, rounded up, there is no more padding
    real = int(words.sum())
    assert padded(words, both) - real < 0.7 * (padded(words, one) - real)


def rows(lengths, batches, row_multiple):
    return sum((int(lengths[batch].sum()) // row_multiple + 1) * row_multiple for batch in batches)


def test_batches_nearly_fill_the_rows_that_are_computed_and_pad_hardly_more():
    order = np.random.default_rng(0)
    lengths = order.integers(8, 60, 1600)
    words = np.maximum(1, lengths * order.uniform(0.5, 0.9, 1600)).astype(np.int64)
    filled, plain = (bucket_batches(lengths, words, 16, np.random.default_rng(0), multiple) for multiple in (32, 1))
    real = int(lengths.sum())
    assert rows(lengths, filled, 32) - real < 0.5 * (rows(lengths, plain, 32) - real)
    assert padded(lengths, filled) < 1.03 * padded(lengths, plain)
    assert padded(words, filled) < 1.05 * padded(words, plain)


@pytest.mark.parametrize("lengths", [[9] * 40, [5] * 16 + [60] * 24])
def test_batches_that_cannot_be_filled_better_stay_as_they_are(lengths):
    lengths = np.array(lengths)
    filled, plain = (
        as_lists(bucket_batches(lengths, lengths, 8, np.random.default_rng(0), multiple)) for multiple in (32, 1)
    )
    assert filled == plain


def test_no_batch_of_a_budget_is_larger_padding_counted_and_most_are_nearly_full():
    lengths = lengths_of(2000)
    batches = token_budget_batches(lengths, 1000, np.random.default_rng(0))
    sizes = [padded(lengths, [batch]) for batch in batches]
    assert max(sizes) <= 1000
    assert padded(lengths, batches) < 1.1 * lengths.sum()
    assert np.median(sizes) > 850


def test_a_window_longer_than_the_budget_stands_alone():
    batches = token_budget_batches(np.array([50, 8, 8, 40]), 16, np.random.default_rng(0))
    assert sorted(map(sorted, as_lists(batches))) == [[0], [1, 2], [3]]


def test_batches_for_evaluation_keep_to_their_budget_and_hold_every_window_once():
    lengths = lengths_of(300, longest=64)
    batches = sorted_batches(lengths, token_budget=64)
    assert sorted(window for batch in batches for window in batch.tolist()) == list(range(300))
    assert all(padded(lengths, [batch]) <= 64 for batch in batches)
    assert sorted_batches(np.array([], dtype=np.int64)) == []
