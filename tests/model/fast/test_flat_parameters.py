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
        flat.flat_parameter += 1
    torch.testing.assert_close(layers[2].weight, before[2] + 1)


def fused_adamw(parameters, lr):
    """What labkit trains with; torch counts its steps as no change of a version."""
    return torch.optim.AdamW(parameters, lr=lr, fused=True)


@pytest.mark.parametrize("optimizer_of", [torch.optim.SGD, fused_adamw])
def test_casts_are_the_values_of_the_moment_in_another_type(layers, optimizer_of):
    flat = flat_of(layers)
    optimizer = optimizer_of([flat.flat_parameter], lr=1.0)
    changes = [
        lambda: None,
        lambda: nn.init.ones_(layers[0].weight),
        lambda: layers[2].load_state_dict({"weight": torch.full((5, 4), 3.0), "bias": torch.zeros(5)}),
        lambda: setattr(layers[1].weight, "data", torch.full((4, 3), 2.0)),
        optimizer.step,
        optimizer.step,
    ]
    flat.flat_parameter.grad = torch.ones_like(flat.flat_parameter)
    for change in changes:
        change()
        blocks = flat.cast(torch.bfloat16)
        assert [block.dtype for block in blocks] == [torch.bfloat16] * 2
        for block, values in zip(blocks, flat.values, strict=True):
            assert torch.equal(block, values.bfloat16())


def test_casts_to_evaluate_by_are_of_the_weights_after_the_last_step(layers):
    flat = flat_of(layers)
    optimizer = fused_adamw([flat.flat_parameter], lr=1.0)
    for _ in range(2):
        flat.cast(torch.bfloat16)
        flat.flat_parameter.grad = torch.ones_like(flat.flat_parameter)
        optimizer.step()
        with torch.inference_mode():
            assert torch.equal(flat.cast(torch.bfloat16)[0], flat.values[0].bfloat16())


def test_in_their_own_type_values_are_not_copied(layers):
    flat = flat_of(layers)
    assert flat.cast(torch.float32)[0].data_ptr() == flat.flat_parameter.data_ptr()


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
        flat.flat_parameter.zero_()
    assert not layers[1].weight.any()


def test_the_first_gradient_is_written_and_the_next_added(layers):
    flat = flat_of(layers)
    flat.allocate_gradients()
    for given in (2.0, 3.0):  # two steps, in each two parts; the second step knows nothing of the first
        flat.accumulate_grad(0, torch.full((6, 3), given))
        flat.accumulate_grad(1, torch.ones(5, 4))
        flat.accumulate_grad(1, torch.ones(5, 4))
        assert torch.equal(layers[1].weight.grad, torch.full((4, 3), given))
        assert torch.equal(layers[2].weight.grad, torch.full((5, 4), 2.0))
        assert flat.flat_parameter.grad.sum() == 18 * given + 40
        flat.flat_parameter.grad = None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gradient_may_come_as_the_product_that_it_is(layers, dtype):
    torch.manual_seed(1)
    flat = flat_of(layers)
    flat.allocate_gradients()
    left, right = torch.randn(6, 7).to(dtype), torch.randn(7, 3).to(dtype)
    for times in (1, 2):
        flat.accumulate_grad(0, (left, right))
        found = torch.cat([layers[0].weight.grad, layers[1].weight.grad])
        torch.testing.assert_close(found, times * (left @ right).float())


def test_what_is_first_used_in_inference_mode_can_be_trained(layers):
    with torch.inference_mode():
        flat_of(layers).cast(torch.bfloat16)
    flat = flat_of(layers)
    with torch.inference_mode():
        flat.cast(torch.bfloat16)
    with torch.no_grad():
        layers[0].weight.add_(1)
    assert torch.equal(flat.cast(torch.bfloat16)[0], flat.values[0].bfloat16())
