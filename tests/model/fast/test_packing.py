"""Packed and padded layouts against loops over every token."""

import pytest
import torch

from labkit.model.fast.packing import PackedBatch

LENGTHS = [4, 1, 6]
COLUMNS, HEADS, DEPTH = 6, 2, 3


@pytest.fixture(params=["padded", "nothing padded", "holes"])
def real(request):
    real = torch.arange(COLUMNS) < torch.tensor(LENGTHS)[:, None]
    if request.param == "nothing padded":
        real[:] = True
    if request.param == "holes":
        real[2, 1] = False
    return real


@pytest.fixture
def packing(real):
    return PackedBatch(real, 4, HEADS)


def every_token(real):
    """Row, sentence and column of each token."""
    return [(row, *place) for row, place in enumerate(real.nonzero().tolist())]


@pytest.mark.parametrize("row_multiple", [1, 4, 8, 32])
def test_rows_are_filled_up_to_a_multiple_and_one_at_least_is_spare(real, row_multiple):
    packing = PackedBatch(real, row_multiple, HEADS)
    assert packing.num_real_rows == real.sum()
    assert packing.num_rows % row_multiple == 0
    assert packing.num_real_rows < packing.num_rows <= packing.num_real_rows + row_multiple


def test_packing_puts_tokens_end_to_end_and_unpacking_puts_them_back(packing, real):
    values = torch.randn(*real.shape, 5)
    packed = packing.pack(values)
    assert packed.shape == (packing.num_rows, 5)
    unpacked = packing.unpack(packed)
    for row, sentence, column in every_token(real):
        assert torch.equal(packed[row], values[sentence, column])
        assert torch.equal(unpacked[sentence, column], values[sentence, column])


def test_gradients_of_packing_and_unpacking_are_each_others_way_and_spare_rows_get_none(packing, real):
    values = torch.randn(*real.shape, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(packing.num_rows, 5, dtype=torch.float64)
    weights[packing.num_real_rows :] = 0  # what comes back to spare rows
    (packing.pack(values) * weights).sum().backward()
    assert torch.equal(values.grad[real], weights[: packing.num_real_rows])
    assert not values.grad[~real].any()
    packed = torch.randn(packing.num_rows, 5, dtype=torch.float64, requires_grad=True)
    packing.unpack(packed).square().sum().backward()
    torch.testing.assert_close(packed.grad[: packing.num_real_rows], 2 * packed[: packing.num_real_rows].detach())
    assert not packed.grad[packing.num_real_rows :].any()


@pytest.mark.parametrize("projections", [1, 2, 3])
def test_heads_hold_each_token_where_attention_looks_for_it(packing, real, projections):
    values = torch.randn(packing.num_rows, projections * HEADS * DEPTH)
    per_head = packing.to_heads(values, projections)
    assert per_head.shape == (projections, len(real) * HEADS, COLUMNS, DEPTH)
    apart = values.view(packing.num_rows, projections, HEADS, DEPTH)
    for row, sentence, column in every_token(real):
        for projection in range(projections):
            for head in range(HEADS):
                assert torch.equal(per_head[projection, sentence * HEADS + head, column], apart[row, projection, head])
    padding = per_head.view(projections, len(real), HEADS, COLUMNS, DEPTH).transpose(2, 3)[:, ~real]
    assert torch.equal(padding, apart[packing.num_real_rows].unsqueeze(1).expand_as(padding))
    merged = packing.from_heads(per_head)
    assert torch.equal(merged[: packing.num_real_rows], values[: packing.num_real_rows])
    assert not merged[packing.num_real_rows :].any()
