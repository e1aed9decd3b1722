"""Encoders from folders that lack something, or hold what nobody could read, and how long their windows may be."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertConfig, DistilBertConfig, MPNetConfig, RobertaConfig, RoFormerConfig

from labkit.model.pretrained import load_encoder, longest_window

SIZES = {"vocab_size": 12, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
DISTIL = {"vocab_size": 12, "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}
BERT = BertConfig(max_position_embeddings=16, **SIZES)


def folder_of(place, config):
    AutoModel.from_config(config).save_pretrained(place)
    return place


def without(place, part):
    """The folder without the weights whose names hold this."""
    weights = load_file(place / "model.safetensors")
    kept = {name: value for name, value in weights.items() if part not in name}
    assert len(kept) < len(weights)
    save_file(kept, place / "model.safetensors", metadata={"format": "pt"})
    return place


@pytest.mark.parametrize("config", [BERT, DistilBertConfig(**DISTIL)], ids=lambda config: config.model_type)
def test_learnt_positions_that_are_not_there_are_told_and_not_made_up(tmp_path, config):
    place = without(folder_of(tmp_path / "mine", config), "position_embeddings")
    with pytest.raises(ValueError, match=r"lacks 1 of the encoder's weights, such as embeddings\.position_embeddings"):
        load_encoder(place)


@pytest.mark.parametrize(
    ("config", "part"),
    [
        (DistilBertConfig(sinusoidal_pos_embds=True, **DISTIL), "position_embeddings"),
        (RoFormerConfig(max_position_embeddings=16, embedding_size=8, **SIZES), "embed_positions"),
    ],
    ids=["distilbert", "roformer"],
)
def test_tables_of_sines_that_are_not_there_are_computed(tmp_path, config, part):
    place = folder_of(tmp_path / "mine", config)
    whole = load_encoder(place).state_dict()
    lacking = load_encoder(without(place, part)).state_dict()
    assert whole.keys() == lacking.keys()
    assert all(torch.equal(whole[name], lacking[name]) for name in whole)


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        (BERT, 16),
        (DistilBertConfig(max_position_embeddings=16, **DISTIL), 16),
        (RobertaConfig(max_position_embeddings=16, pad_token_id=1, **SIZES), 14),
        (MPNetConfig(max_position_embeddings=16, pad_token_id=1, **SIZES), 14),
    ],
    ids=lambda value: getattr(value, "model_type", None),
)
def test_the_longest_window_is_as_long_as_an_encoder_has_positions(config, longest):
    encoder = AutoModel.from_config(config)
    assert longest_window(encoder) == longest
    assert encoder(torch.full((1, longest), 7)).last_hidden_state.shape == (1, longest, 8)
    with pytest.raises((IndexError, RuntimeError)):
        encoder(torch.full((1, longest + 1), 7))
