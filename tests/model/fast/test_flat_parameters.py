import pytest
import torch
from torch import nn

from labkit.model.fast.flat_parameters import FlatParameters


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return [nn.Linear(3, 2), nn.Linear(3, 4), nn.Linear(4, 5)]


def flat_of(layers):
    """The first two are computed with as one."""
    return FlatParameters([[layers[0].weight, layers[1].weight], [layers[2].weight]])


def test_parameters_keep_their_values_and_share_the_flat_memory(layers):
    before = [layer.weight.detach().clone() for layer in layers]
    flat = flat_of(layers)
    for layer, value in zip(layers, before, strict=True):
        assert torch.equal(layer.weight, value)
    assert torch.equal(flat.values[0], torch.cat(before[:2]))
    with torch.no_grad():
        layers[2].weight += 1
    torch.testing.assert_close(flat.values[1], before[2] + 1)


def fused_adamw(parameters, lr):
    """What labkit trains with; torch counts its steps as no change of a version."""
    return torch.optim.AdamW(parameters, lr=lr, fused=True)


@pytest.mark.parametrize("optimizer_of", [torch.optim.SGD, fused_adamw])
def test_casts_are_the_values_of_the_moment_in_another_type(layers, optimizer_of):
    flat = flat_of(layers)
    optimizer = optimizer_of(flat.parameters, lr=1.0)
    changes = [
        lambda: None,
        lambda: nn.init.ones_(layers[0].weight),
        lambda: layers[2].load_state_dict({"weight": torch.full((5, 4), 3.0), "bias": torch.zeros(5)}),
        lambda: setattr(layers[1].weight, "data", torch.full((4, 3), 2.0)),
        optimizer.step,
        optimizer.step,
    ]
    for parameter in flat.parameters:
        parameter.grad = torch.ones_like(parameter)
    for change in changes:
        change()
        blocks = flat.cast(torch.bfloat16)
        assert [block.dtype for block in blocks] == [torch.bfloat16] * 2
        for block, values in zip(blocks, flat.values, strict=True):
            assert torch.equal(block, values.bfloat16())


def test_casts_to_evaluate_by_are_of_the_weights_after_the_last_step(layers):
    flat = flat_of(layers)
    optimizer = fused_adamw(flat.parameters, lr=1.0)
    for _ in range(2):
        flat.cast(torch.bfloat16)
        for parameter in flat.parameters:
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        with torch.inference_mode():
            assert torch.equal(flat.cast(torch.bfloat16)[0], flat.values[0].bfloat16())


def test_in_their_own_type_values_are_not_copied(layers):
    flat = flat_of(layers)
    assert flat.cast(torch.float32)[0].data_ptr() == layers[0].weight.data_ptr()


def test_nothing_is_copied_again_that_has_not_changed(layers):
    flat = flat_of(layers)
    with torch.inference_mode():
        block = flat.cast(torch.bfloat16)[0]
        block.zero_()  # would be written over
        assert not flat.cast(torch.bfloat16)[0].any()


def test_what_was_put_in_a_parameters_place_is_taken_in(layers):
    flat = flat_of(layers)
    layers[1].weight.data = torch.ones(4, 3)
    flat.sync()
    assert torch.equal(flat.values[0][2:], torch.ones(4, 3))
    with torch.no_grad():
        flat.values[0].zero_()
    assert not layers[1].weight.any()


def test_what_is_first_used_in_inference_mode_can_be_trained(layers):
    with torch.inference_mode():
        flat_of(layers).cast(torch.bfloat16)
    flat = flat_of(layers)
    with torch.inference_mode():
        flat.cast(torch.bfloat16)
    with torch.no_grad():
        layers[0].weight.add_(1)
    assert torch.equal(flat.cast(torch.bfloat16)[0], flat.values[0].bfloat16())
