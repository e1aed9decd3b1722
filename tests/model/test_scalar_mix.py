import pytest
import torch

from labkit.model.scalar_mix import ScalarMix


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return [torch.randn(2, 3, 4) for _ in range(3)]


def test_it_begins_as_the_mean_of_all_layers(layers):
    torch.testing.assert_close(ScalarMix(3)(layers), sum(layers) / 3)


def test_it_is_the_weighted_sum_written_out(layers):
    mix = ScalarMix(3)
    scores, gain = [0.5, -1.0, 2.0], 1.5
    with torch.no_grad():
        mix.scores.copy_(torch.tensor(scores))
        mix.gain.fill_(gain)
    powers = [2.718281828459045**score for score in scores]
    for row, word, value in ((0, 0, 0), (1, 2, 3), (0, 1, 2)):
        expected = gain * sum(
            p / sum(powers) * layer[row, word, value] for p, layer in zip(powers, layers, strict=True)
        )
        assert mix(layers)[row, word, value].item() == pytest.approx(expected.item(), rel=1e-5)


def test_both_of_its_weights_learn_and_it_stays_in_the_layers_own_type(layers):
    mix = ScalarMix(3)
    mixed = mix([layer.bfloat16() for layer in layers])
    assert mixed.dtype == torch.bfloat16
    mixed.float().square().sum().backward()
    assert all(parameter.grad.any() for parameter in mix.parameters())
