"""Encoders from folders that lack something, or hold what nobody could read, and how long their windows may be."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    MPNetConfig,
    RobertaConfig,
    RoFormerConfig,
)

from labkit.data import encoders
from labkit.model.pretrained import load_encoder, load_tokenizer, max_sequence_length

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
    with pytest.raises(
        ValueError, match=r"lacks 1 of the encoder's weights, for example embeddings\.position_embeddings"
    ):
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
    # copied, as transformers 5.0 maps the file into memory that is written anew below
    whole = {name: value.clone() for name, value in load_encoder(place).state_dict().items()}
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
def test_the_longest_window_is_as_long_as_an_encoder_has_positions(config, longest, tmp_path):
    encoder = AutoModel.from_config(config)
    assert max_sequence_length(encoder) == longest
    encoder.save_pretrained(tmp_path)
    assert encoders.read_max_sequence_length(str(tmp_path)) == longest, "as it is told before anything is loaded"
    assert encoder(torch.full((1, longest), 7)).last_hidden_state.shape == (1, longest, 8)
    with pytest.raises((IndexError, RuntimeError)):
        encoder(torch.full((1, longest + 1), 7))


def config_with(place, **changes):
    path = place / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def cut(place, name):
    data = (place / name).read_bytes()
    (place / name).write_bytes(data[: len(data) // 2])


def only_torch_file(place, share):
    torch.save(load_file(place / "model.safetensors"), place / "pytorch_model.bin")
    (place / "model.safetensors").unlink()
    data = (place / "pytorch_model.bin").read_bytes()
    (place / "pytorch_model.bin").write_bytes(data[: int(len(data) * share)])


BROKEN = {
    "weights cut off": (lambda place: cut(place, "model.safetensors"), r"its model\.safetensors cannot be read"),
    "torch's file cut off": (lambda place: only_torch_file(place, 0.5), r"its pytorch_model\.bin cannot be read"),
    "torch's file empty": (lambda place: only_torch_file(place, 0), r"its pytorch_model\.bin cannot be read"),
    "another width": (
        lambda place: config_with(place, hidden_size=48),
        r"embeddings\.LayerNorm\.bias has the shape \(32,\), and \(48,\) by its config\.json",
    ),
    "heads that do not fit": (
        lambda place: config_with(place, num_attention_heads=5),
        r"its config\.json cannot be read \(ValueError: The hidden size",
    ),
    "no kind that is known": (lambda place: config_with(place, model_type="x"), r"its config\.json cannot be read"),
    "a width that is no number": (
        lambda place: config_with(place, hidden_size="x"),
        r"its config\.json cannot be read",
    ),
    "tokenizer cut off": (lambda place: cut(place, "tokenizer.json"), "its tokenizer cannot be read"),
    "not a tokenizer": (lambda place: (place / "tokenizer.json").write_text("{}"), "its tokenizer cannot be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_of_an_encoder_is_told_with_its_folder(tiny_encoder, tmp_path, name):
    damage, told = BROKEN[name]
    place = shutil.copytree(tiny_encoder, tmp_path / "mine")
    damage(place)
    with pytest.raises(ValueError, match=rf"^encoder folder '{place}': {told}") as raised:
        (load_encoder(place), load_tokenizer(place))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("DefaultCPUAllocator: can't allocate memory"), MemoryError(),
     ImportError("libx.so: failed to map segment from shared object")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("part", "load"), [(AutoModel, load_encoder), (AutoConfig, load_encoder), (AutoTokenizer, load_tokenizer)]
)
def test_memory_that_runs_out_is_not_called_damage(tiny_encoder, monkeypatch, error, part, load):
    def full(*_, **__):
        raise error

    monkeypatch.setattr(part, "from_pretrained", full)
    with pytest.raises(type(error)) as raised:
        load(tiny_encoder)
    assert raised.value is error


def test_weights_that_are_not_numbers_are_told_with_the_encoder(tiny_encoder, tmp_path):
    place = shutil.copytree(tiny_encoder, tmp_path / "mine")
    weights = load_file(place / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][7, 3] = float("nan")
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    what = "its weights hold values that are not numbers, for example in embeddings.word_embeddings.weight"
    with pytest.raises(ValueError, match=rf"^encoder folder '{place}': {what}; replace the damaged file$"):
        load_encoder(place)
