"""The dilated convolutions against a twin that looks at one word after another."""

import pytest
import torch

from labkit.model.idcnn import IDCNN

LENGTHS = (7, 1, 4)


def mask_of(lengths, columns=8):
    return torch.arange(columns) < torch.tensor(lengths)[:, None]


@pytest.fixture(params=[((1, 1, 2), 4), ((3,), 1), ((1, 9), 2)], ids=str)
def idcnn(request):
    torch.manual_seed(0)
    dilations, repeats = request.param
    made = IDCNN(5, 6, dilations, repeats).double()
    for weights in made.parameters():  # away from the identity, whose ReLUs stand where they have no slope
        torch.nn.init.normal_(weights, std=0.4)
    return made


def convolved(sentence, layer, dilation):
    """One sentence's words, a list of vectors: each word with those beside it, or zeros where the sentence ends."""
    nothing = torch.zeros_like(sentence[0])
    found = []
    for place in range(len(sentence)):
        wanted = (place - dilation, place, place + dilation)
        seen = [sentence[each] if 0 <= each < len(sentence) else nothing for each in wanted]
        found.append(layer.weight @ torch.cat(seen) + layer.bias)
    return found


def twin(idcnn, sentence):
    words = convolved(list(sentence), idcnn.first, 1)
    ends = []
    for _ in range(idcnn.repeats):
        for dilation, layer in zip(idcnn.dilations, idcnn.block, strict=True):
            words = [word.clamp(min=0) for word in convolved(words, layer, dilation)]
        ends.append(torch.stack(words))
    return torch.cat(ends, dim=1)


def test_results_and_gradients_are_those_of_the_twin_and_padding_is_zero(idcnn):
    words = torch.randn(3, 8, 5, dtype=torch.float64, requires_grad=True)
    found = idcnn(words, mask_of(LENGTHS))
    assert found.shape == (3, 8, idcnn.output_size)
    weights = torch.randn_like(found)
    parameters = [words, *idcnn.parameters()]
    expected = [twin(idcnn, row[:count]) for row, count in zip(words, LENGTHS, strict=True)]
    for row, count, known in zip(found, LENGTHS, expected, strict=True):
        torch.testing.assert_close(row[:count], known)
        assert not row[count:].any()
    ours = torch.autograd.grad((found * weights).sum(), parameters)
    known_loss = sum((known * row[: len(known)]).sum() for known, row in zip(expected, weights, strict=True))
    for gradient, known in zip(ours, torch.autograd.grad(known_loss, parameters), strict=True):
        torch.testing.assert_close(gradient, known)


def test_torchs_own_convolution_with_the_same_weights_agrees():
    torch.manual_seed(0)
    idcnn = IDCNN(5, 6, (2,), 1)
    words, weights = (
        torch.randn(2, 9, 5),
        [each.weight.view(6, 3, -1).transpose(1, 2) for each in (idcnn.first, idcnn.block[0])],
    )
    first = torch.nn.functional.conv1d(words.transpose(1, 2), weights[0], idcnn.first.bias, padding=1)
    known = torch.nn.functional.conv1d(first, weights[1], idcnn.block[0].bias, padding=2, dilation=2).relu()
    torch.testing.assert_close(idcnn(words, mask_of((9, 9), 9)), known.transpose(1, 2))


def test_what_stands_in_padding_is_neither_read_nor_trained(idcnn):
    words = torch.randn(3, 8, 5, dtype=torch.float64, requires_grad=True)
    mask = mask_of(LENGTHS)
    other = torch.where(mask[:, :, None], words, 1e3)
    torch.testing.assert_close(idcnn(other, mask), idcnn(words, mask), rtol=0, atol=0)
    idcnn(words, mask).sum().backward()
    assert not words.grad[~mask].any()


def test_the_block_begins_as_the_identity_of_what_is_positive():
    torch.manual_seed(0)
    idcnn = IDCNN(5, 6, (1, 1, 2), 4)
    words, mask = torch.randn(2, 8, 5), mask_of((8, 5))
    once = torch.stack(convolved(list(words[0]), idcnn.first, 1)).clamp(min=0)
    torch.testing.assert_close(idcnn(words, mask)[0], once.repeat(1, 4))


def test_a_repeated_block_has_one_set_of_weights():
    counts = [sum(weights.numel() for weights in IDCNN(5, 6, (1, 1, 2), repeats).parameters()) for repeats in (1, 4)]
    assert counts[0] == counts[1] == (15 + 1) * 6 + 3 * (18 + 1) * 6
    assert IDCNN(5, 6, (1, 1, 2), 4).output_size == 24
