"""Rows and planes against loops over every piece."""

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
def rows(real):
    return PackedBatch(real, 4, HEADS)


def every_piece(real):
    """Row, sentence and column of each piece."""
    return [(row, *place) for row, place in enumerate(real.nonzero().tolist())]


@pytest.mark.parametrize("grain", [1, 4, 8, 32])
def test_rows_are_filled_up_to_a_grain_and_one_at_least_is_spare(real, grain):
    rows = PackedBatch(real, grain, HEADS)
    assert rows.num_real_rows == real.sum()
    assert rows.num_rows % grain == 0
    assert rows.num_real_rows < rows.num_rows <= rows.num_real_rows + grain


def test_packing_puts_pieces_end_to_end_and_unpacking_puts_them_back(rows, real):
    values = torch.randn(*real.shape, 5)
    packed = rows.pack(values)
    assert packed.shape == (rows.num_rows, 5)
    unpacked = rows.unpack(packed)
    for row, sentence, column in every_piece(real):
        assert torch.equal(packed[row], values[sentence, column])
        assert torch.equal(unpacked[sentence, column], values[sentence, column])


def test_gradients_of_packing_and_unpacking_are_each_others_way_and_spare_rows_get_none(rows, real):
    values = torch.randn(*real.shape, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(rows.num_rows, 5, dtype=torch.float64)
    weights[rows.num_real_rows :] = 0  # what comes back to spare rows
    (rows.pack(values) * weights).sum().backward()
    assert torch.equal(values.grad[real], weights[: rows.num_real_rows])
    assert not values.grad[~real].any()
    packed = torch.randn(rows.num_rows, 5, dtype=torch.float64, requires_grad=True)
    rows.unpack(packed).square().sum().backward()
    torch.testing.assert_close(packed.grad[: rows.num_real_rows], 2 * packed[: rows.num_real_rows].detach())
    assert not packed.grad[rows.num_real_rows :].any()


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_planes_hold_each_piece_where_attention_looks_for_it(rows, real, parts):
    values = torch.randn(rows.num_rows, parts * HEADS * DEPTH)
    planes = rows.to_heads(values, parts)
    assert planes.shape == (parts, len(real) * HEADS, COLUMNS, DEPTH)
    apart = values.view(rows.num_rows, parts, HEADS, DEPTH)
    for row, sentence, column in every_piece(real):
        for part in range(parts):
            for head in range(HEADS):
                assert torch.equal(planes[part, sentence * HEADS + head, column], apart[row, part, head])
    padding = planes.view(parts, len(real), HEADS, COLUMNS, DEPTH).transpose(2, 3)[:, ~real]
    assert torch.equal(padding, apart[rows.num_real_rows].unsqueeze(1).expand_as(padding))
    joined = rows.from_heads(planes)
    assert torch.equal(joined[: rows.num_real_rows], values[: rows.num_real_rows])
    assert not joined[rows.num_real_rows :].any()
