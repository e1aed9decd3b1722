"""The written-out layers against Hugging Face's own, which autograd goes through step by step."""

import pytest
import torch
from transformers import AutoConfig, AutoModel

from labkit.model.fast.dropout import DropoutMasks
from labkit.model.fast.encoder import FAMILIES, FastEncoder

SMALL = {
    "vocab_size": 60,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 40,
}

FIRST = torch.tensor([[1, 2, 4, 6, 7], [1, 3, 5, 0, 0], [0, 0, 0, 0, 0]])  # the index of each word's first token
REAL = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])[:, :, None]  # the rest are no words
WORDS = REAL[:, :, 0].bool()


def at_words(vectors):
    """(batch, tokens, width) → (batch, words, width), 0 where there is no word."""
    return torch.stack([row[places] for row, places in zip(vectors, FIRST, strict=True)]) * REAL


def encoder_of(family, **changes):
    torch.manual_seed(1)
    narrow = {"embedding_size": 16} if family == "electra" else {}
    model = AutoModel.from_config(AutoConfig.for_model(family, **{**SMALL, **narrow, **changes}))
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model.eval()


def embedded(encoder, input_ids):
    vectors = encoder.embeddings(input_ids=input_ids)
    return encoder.embeddings_project(vectors) if hasattr(encoder, "embeddings_project") else vectors


@pytest.fixture
def input_ids():
    return torch.randint(5, 60, (3, 9), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=["nothing padded", "padded"])
def attention(request):
    attention = torch.ones(3, 9, dtype=torch.long)
    if request.param == "padded":
        attention[1, 6:] = 0
        attention[2, 1:] = 0
    return attention


@pytest.mark.parametrize("family", FAMILIES)
def test_results_and_gradients_are_those_of_hugging_face(family, input_ids, attention):
    encoder = encoder_of(family).double()
    weights = torch.randn(3, 5, 24, dtype=torch.float64)
    encoder_output = at_words(encoder(input_ids=input_ids, attention_mask=attention).last_hidden_state)
    (encoder_output * weights).sum().backward()
    expected = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    encoder.zero_grad()
    fast_encoder = FastEncoder(encoder, DropoutMasks())
    (output,) = fast_encoder(embedded(encoder, input_ids), attention, FIRST, WORDS, False, torch.float64)
    (output * REAL * weights).sum().backward()
    torch.testing.assert_close(output * REAL, encoder_output)
    for name, parameter in encoder.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_is_hugging_faces_hidden_state_and_so_are_their_gradients(family, input_ids, attention):
    encoder = encoder_of(family).double()
    weights = torch.randn(3, 3, 5, 24, dtype=torch.float64)
    hidden = encoder(input_ids=input_ids, attention_mask=attention, output_hidden_states=True).hidden_states[1:]
    known = torch.stack([at_words(vectors) for vectors in hidden])
    (known * weights).sum().backward()
    expected = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    encoder.zero_grad()
    fast_encoder = FastEncoder(encoder, DropoutMasks())
    layers = fast_encoder(embedded(encoder, input_ids), attention, FIRST, WORDS, False, torch.float64, all_layers=True)
    found = torch.stack(layers) * REAL
    (found * weights).sum().backward()
    torch.testing.assert_close(found, known)
    for name, parameter in encoder.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], msg=lambda text, name=name: f"{name}: {text}")


def test_gradients_are_those_of_finite_differences(input_ids, attention):
    encoder = encoder_of("bert", num_hidden_layers=1, hidden_size=8, intermediate_size=6).double()
    fast_encoder = FastEncoder(encoder, DropoutMasks())
    start = torch.randn(2, 4, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: fast_encoder(x, attention[:2, :4], FIRST[:2, :2], WORDS[:2, :2], False, torch.float64)[0], (start,)
    )


def test_dropout_is_where_hugging_face_has_it(input_ids, monkeypatch):
    """With the same masks at the same places, down to the order in which they are drawn, the twin agrees."""
    encoder = encoder_of("bert", hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2)
    attention = torch.ones(3, 9, dtype=torch.long)
    drawn = []

    def draw(self, probability, shapes, dtype):
        masks = [torch.bernoulli(torch.full(shape, 1 - probability)) / (1 - probability) for shape in shapes]
        drawn.append(masks)
        return masks

    monkeypatch.setattr(DropoutMasks, "sample", draw)
    x = embedded(encoder, input_ids).detach().requires_grad_()
    (output,) = FastEncoder(encoder, DropoutMasks())(x, attention, FIRST, WORDS, True, torch.float32)
    (output * REAL).square().sum().backward()
    twin = x.detach().clone().requires_grad_()
    expected = _by_hand(encoder, twin, *drawn)
    expected.square().sum().backward()
    torch.testing.assert_close(output * REAL, expected)
    torch.testing.assert_close(x.grad, twin.grad)


def _by_hand(encoder, x, by_weights, by_rows):
    for number, layer in enumerate(encoder.encoder.layer):
        inner, outer = layer.attention.self, layer.attention.output
        query, key, value = (
            each(x).view(3, 9, 4, 6).transpose(1, 2) for each in (inner.query, inner.key, inner.value)
        )  # (batch, heads, tokens, head size)
        real = torch.ones(3, 9, dtype=torch.bool)
        if number == 2:
            query, x, real = (
                at_words(query.transpose(1, 2).flatten(2)).view(3, 5, 4, 6).transpose(1, 2),
                at_words(x),
                WORDS,
            )
        rows = x.shape[1]
        by_output, by_contraction = (_padded(by_rows[2 * number + half], real) for half in (0, 1))
        weights = (query @ key.transpose(2, 3) / 6**0.5).softmax(-1) * by_weights[number].view(3, 4, rows, 9)
        seen = outer.dense((weights @ value).transpose(1, 2).reshape(3, rows, 24))
        x = outer.LayerNorm(x + seen * by_output)
        out = layer.output.dense(torch.nn.functional.gelu(layer.intermediate.dense(x)))
        x = layer.output.LayerNorm(x + out * by_contraction)
    return x * REAL


def _padded(by_rows, real):
    """A mask of rows, which are what is real end to end, as (batch, columns, width)."""
    padded = torch.zeros(*real.shape, by_rows.shape[1])
    padded[real] = by_rows[: real.sum()]
    return padded


def test_bfloat16_is_close_to_float32_and_its_gradients_arrive_in_float32(input_ids, attention):
    encoder = encoder_of("bert")
    fast_encoder = FastEncoder(encoder, DropoutMasks())
    (exact,) = fast_encoder(embedded(encoder, input_ids), attention, FIRST, WORDS, False, torch.float32)
    (rough,) = fast_encoder(embedded(encoder, input_ids), attention, FIRST, WORDS, False, torch.bfloat16)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close((rough * REAL).float(), exact * REAL, atol=0.05, rtol=0.05)
    (rough * REAL).float().square().sum().backward()
    weight = encoder.encoder.layer[0].attention.self.value.weight
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_it_computes_with_the_weights_of_the_moment(input_ids, attention):
    encoder = encoder_of("bert")
    fast_encoder = FastEncoder(encoder, DropoutMasks())
    (before,) = fast_encoder(embedded(encoder, input_ids), attention, FIRST, WORDS, False, torch.float32)
    with torch.no_grad():
        for layer in encoder.encoder.layer:
            layer.intermediate.dense.weight.mul_(2)
            layer.attention.self.key.bias.add_(1)
    (after,) = fast_encoder(embedded(encoder, input_ids), attention, FIRST, WORDS, False, torch.float32)
    assert not torch.allclose(before, after)
    expected = encoder(input_ids=input_ids, attention_mask=attention).last_hidden_state
    torch.testing.assert_close(after * REAL, at_words(expected))


def test_a_frozen_encoder_gets_no_gradients(input_ids, attention):
    encoder = encoder_of("bert").requires_grad_(False)
    (output,) = FastEncoder(encoder, DropoutMasks())(
        embedded(encoder, input_ids), attention, FIRST, WORDS, True, torch.float32
    )
    assert not output.requires_grad


@pytest.mark.parametrize(
    ("family", "changes"), [("bert", {"hidden_act": "relu"}), ("bert", {"is_decoder": True}), ("distilbert", {})]
)
def test_other_layers_are_left_to_hugging_face(family, changes):
    config = AutoConfig.for_model(family, **changes) if family != "bert" else AutoConfig.for_model("bert", **changes)

    class Encoder:
        pass

    encoder = Encoder()
    encoder.config = config
    assert not FastEncoder.is_supported(encoder)


def test_layers_learn_where_nothing_before_them_does(input_ids, attention):
    encoder = encoder_of("bert")
    encoder.embeddings.requires_grad_(False)
    fast_encoder = FastEncoder(encoder, DropoutMasks())
    (output,) = fast_encoder(embedded(encoder, input_ids), attention, FIRST, WORDS, False, torch.float32)
    output.sum().backward()
    assert encoder.encoder.layer[0].attention.self.query.weight.grad.any()


def test_weights_put_in_by_hand_are_computed_with(input_ids, attention):
    encoder = encoder_of("bert")
    fast_encoder = FastEncoder(encoder, DropoutMasks())
    inputs = (embedded(encoder, input_ids), attention, FIRST, WORDS, False, torch.float32)
    (before,) = fast_encoder(*inputs)
    dense = encoder.encoder.layer[2].output.dense
    dense.weight.data = dense.weight.data + 1
    expected = at_words(encoder(input_ids=input_ids, attention_mask=attention).last_hidden_state)
    (after,) = fast_encoder(*inputs)
    torch.testing.assert_close(after * REAL, expected)
    assert not torch.equal(after * REAL, before * REAL)
