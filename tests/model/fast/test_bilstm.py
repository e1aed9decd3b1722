import pytest
import torch
from torch import nn

from labkit.model.bilstm import BiLSTM
from labkit.model.fast.bilstm import FastBiLSTM

LENGTHS = torch.tensor([3, 7, 1, 5])
MASK = torch.arange(7) < LENGTHS[:, None]


@pytest.fixture(params=[1, 3])
def lstm(request):
    torch.manual_seed(0)
    return FastBiLSTM(6, 5, request.param)


def test_results_and_gradients_are_those_of_packed_sequences(lstm):
    words = torch.randn(4, 7, 6)
    found = []
    for way in (lstm, lambda *given: BiLSTM.forward(lstm, *given)):
        lstm.zero_grad()
        given = words.clone().requires_grad_()
        output = way(given, MASK, LENGTHS)
        (output * torch.arange(10)).sum().backward()
        found.append([output, given.grad, *(weight.grad.clone() for weight in lstm.parameters())])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_way_of_a_gpu_gives_the_same(lstm):
    words = torch.randn(4, 7, 6)
    torch.testing.assert_close(lstm._forward_packed(words, LENGTHS), lstm(words, MASK, LENGTHS))


def test_padding_is_neither_read_nor_written(lstm):
    words = torch.randn(4, 7, 6)
    soiled = words.clone()
    for row, length in enumerate(LENGTHS):
        soiled[row, length:] = 1e3
    clean = lstm(words, MASK, LENGTHS)
    assert torch.equal(lstm(soiled, MASK, LENGTHS), clean)
    assert not clean[0, 3:].any()


def test_bfloat16_autocast_is_close(lstm):
    words = torch.randn(4, 7, 6)
    exact = lstm(words, MASK, LENGTHS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = lstm(words, MASK, LENGTHS)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=0.02, rtol=0.05)


def test_its_weights_are_those_of_torchs_lstm(lstm):
    layers = lstm.num_layers
    twin = nn.LSTM(6, 5, layers, batch_first=True, bidirectional=True)
    twin.load_state_dict(lstm.state_dict())
    torch.manual_seed(3)
    ours = FastBiLSTM(6, 5, layers)
    torch.manual_seed(3)
    theirs = nn.LSTM(6, 5, layers, batch_first=True, bidirectional=True)
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)


def test_dropout_between_layers_is_drawn_while_training_only():
    torch.manual_seed(0)
    lstm = FastBiLSTM(6, 5, 2, dropout=0.5)
    words = torch.randn(4, 7, 6)
    assert not torch.equal(lstm(words, MASK, LENGTHS), lstm(words, MASK, LENGTHS))
    lstm.eval()
    assert torch.equal(lstm(words, MASK, LENGTHS), lstm(words, MASK, LENGTHS))


def test_torchs_own_way_stays_in_float32_as_it_has_no_bfloat16_on_every_cpu(lstm):
    words, lengths = torch.randn(2, 3, 6), torch.tensor([3, 3])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert BiLSTM.forward(lstm, words.bfloat16(), None, lengths).dtype == torch.float32
