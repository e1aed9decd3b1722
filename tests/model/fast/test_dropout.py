import pytest
import torch
from torch import nn

from labkit.model.fast.dropout import Dropout, DropoutMasks, replace_dropout


@pytest.mark.parametrize("probability", [0.0, 0.001, 0.1, 0.1035, 0.3, 0.5, 0.9, 0.99])
def test_the_share_of_zeros_is_the_probability_and_the_mean_stays(probability):
    torch.manual_seed(0)
    (mask,) = DropoutMasks().sample(probability, [(2000, 2000)], torch.float32)
    deviation = (probability * (1 - probability) / mask.numel()) ** 0.5
    assert (mask == 0).double().mean().item() == pytest.approx(probability, abs=5 * deviation)  # a byte's step is 0.004
    assert mask.double().mean().item() == pytest.approx(1, abs=5 * deviation / (1 - probability))
    assert len(mask.unique()) == (1 if probability == 0 else 2)


def test_probability_one_drops_everything_and_a_little_less_all_but_a_256th():
    assert not DropoutMasks().sample(1.0, [(4, 5)], torch.float32)[0].any()
    torch.manual_seed(0)
    (mask,) = DropoutMasks().sample(0.9999, [(1000, 1000)], torch.float32)
    assert (mask > 0).float().mean().item() == pytest.approx(1 / 256, rel=0.1)
    assert mask.mean().item() == pytest.approx(1, rel=0.1)


def test_masks_of_all_shapes_are_drawn_in_one_go_and_differ():
    masks = DropoutMasks().sample(0.5, [(3, 40), (40, 3), (1,)], torch.bfloat16)
    assert [tuple(mask.shape) for mask in masks] == [(3, 40), (40, 3), (1,)]
    assert all(mask.dtype == torch.bfloat16 for mask in masks)
    assert not torch.equal(masks[0].flatten(), masks[1].flatten())


def test_the_same_seed_draws_the_same_masks_and_another_seed_others():
    def drawn(seed):
        torch.manual_seed(seed)
        masks = DropoutMasks()
        return torch.cat([masks.sample(0.5, [(100,)], torch.float32)[0] for _ in range(2)])

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert not torch.equal(drawn(1)[:100], drawn(1)[100:])


def test_neighbouring_values_are_dropped_independently():
    torch.manual_seed(0)
    kept = DropoutMasks().sample(0.5, [(400_000,)], torch.float32)[0] > 0
    for distance in (1, 2, 3, 4, 8, 16, 256):
        together = (kept[:-distance] & kept[distance:]).float().mean().item()
        assert together == pytest.approx(0.25, abs=0.005)


def test_the_module_drops_while_training_only_and_passes_gradients_where_it_kept():
    torch.manual_seed(0)
    dropout = Dropout(0.5, DropoutMasks())
    values = torch.ones(50, requires_grad=True)
    output = dropout(values)
    output.sum().backward()
    assert torch.equal(values.grad, output.detach())
    assert set(output.tolist()) == {0.0, 2.0}
    assert torch.equal(dropout.eval()(values), values)


def test_every_dropout_of_a_model_is_replaced_and_keeps_its_probability():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2), nn.Sequential(nn.Dropout(0.4)))
    replace_dropout(model, DropoutMasks())
    assert [(type(each), each.p) for each in (model[1], model[2][0])] == [(Dropout, 0.2), (Dropout, 0.4)]
