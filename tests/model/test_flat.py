import pytest
import torch
from torch import nn

from labkit.model.flat import Flat


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return [nn.Linear(3, 2), nn.Linear(3, 4), nn.Linear(4, 5)]


def flat_of(layers):
    """The first two are computed with as one."""
    return Flat([[layers[0].weight, layers[1].weight], [layers[2].weight]])


def test_parameters_keep_their_values_and_share_the_wholes_memory(layers):
    before = [layer.weight.detach().clone() for layer in layers]
    flat = flat_of(layers)
    for layer, value in zip(layers, before, strict=True):
        assert torch.equal(layer.weight, value)
    assert torch.equal(flat.values[0], torch.cat(before[:2]))
    with torch.no_grad():
        flat.whole += 1
    torch.testing.assert_close(layers[2].weight, before[2] + 1)


def test_copies_are_laid_out_as_the_values(layers):
    flat = flat_of(layers)
    copy, runs = flat.copies(torch.bfloat16)
    copy.copy_(flat.whole)
    assert [run.dtype for run in runs] == [torch.bfloat16] * 2
    for run, values in zip(runs, flat.values, strict=True):
        assert torch.equal(run, values.bfloat16())


def test_what_was_put_in_a_parameters_place_is_taken_in(layers):
    flat = flat_of(layers)
    layers[1].weight.data = torch.ones(4, 3)
    flat.gather()
    assert torch.equal(flat.values[0][2:], torch.ones(4, 3))
    with torch.no_grad():
        flat.whole.zero_()
    assert not layers[1].weight.any()


def test_the_first_gradient_is_written_and_the_next_added(layers):
    flat = flat_of(layers)
    flat.own_gradients()
    for given in (2.0, 3.0):  # two steps, in each two parts; the second step knows nothing of the first
        flat.receive(0, torch.full((6, 3), given))
        flat.receive(1, torch.ones(5, 4))
        flat.receive(1, torch.ones(5, 4))
        assert torch.equal(layers[1].weight.grad, torch.full((4, 3), given))
        assert torch.equal(layers[2].weight.grad, torch.full((5, 4), 2.0))
        assert flat.whole.grad.sum() == 18 * given + 40
        flat.whole.grad = None
