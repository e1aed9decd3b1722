"""The encoder as a folder that AutoModel and AutoTokenizer load: weights in half precision, with a model card."""

import copy
import hashlib
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import BertModel

from labkit.pretraining.checkpoint import PretrainState
from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.model_card import model_card
from labkit.pretraining.training_data import PretrainingData
from labkit.pretraining.vocabulary import CONTINUATION_TOKENS, build_tokenizer, save_tokenizer

DROPOUT = 0.1  # for whoever trains it on; BERT's
WEIGHTS, CHECKSUMS = "model.safetensors", "SHA256SUMS"


def require_no_encoder(folder: Path) -> None:
    """Raises ValueError where an encoder lies in a folder already."""
    if (folder / WEIGHTS).exists():
        raise ValueError(f"{folder} holds an encoder already; remove it, or give another name")


def export_encoder(
    model: Any,
    config: PretrainConfig,
    data: PretrainingData,
    state: PretrainState,
    precision: str,
    command: str,
    folder: Path,
) -> None:
    """Writes config, tokenizer, card, sums and, last, the weights: until they are there the folder is no encoder."""
    vocabulary = list(data.vocabulary)
    folder.mkdir(parents=True, exist_ok=True)
    encoder = _to_half_precision(model, vocabulary)
    encoder.config.save_pretrained(folder)
    save_tokenizer(build_tokenizer(vocabulary, config.max_sequence_length), vocabulary, folder)
    aside = folder / f".{WEIGHTS}.part"
    save_file(
        {name: each.contiguous() for name, each in encoder.state_dict().items()}, aside, metadata={"format": "pt"}
    )
    _write_checksums(folder, aside)
    parameters = sum(each.numel() for each in encoder.parameters())
    sizes = (parameters, aside.stat().st_size)
    card = model_card(folder.name, config, data, state, precision, command, sizes, encoder.config)
    (folder / "README.md").write_text(card, encoding="utf-8")
    aside.chmod(0o644)  # safetensors makes files for their owner alone
    os.replace(aside, folder / WEIGHTS)


@torch.no_grad()
def _to_half_precision(model: Any, vocabulary: list[str]) -> BertModel:
    """The encoder of a BertForMaskedLM, with the pooler that AutoModel expects: the identity, as it was not trained."""
    config = copy.deepcopy(model.config)
    config.architectures = ["BertModel"]
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = DROPOUT
    encoder = BertModel(config)
    encoder.load_state_dict(model.bert.state_dict(), strict=False)
    assert encoder.pooler is not None
    encoder.pooler.dense.weight.copy_(torch.eye(config.hidden_size))
    encoder.pooler.dense.bias.zero_()
    numbers = {token: number for number, token in enumerate(vocabulary)}
    table = encoder.embeddings.word_embeddings.weight
    for token in CONTINUATION_TOKENS:  # no text of ours has them
        table[numbers[token]] = table[numbers[token.removeprefix("##")]]
    kinds = encoder.embeddings.token_type_embeddings.weight
    kinds[1:] = kinds[0]  # nor a second text
    encoder.half()
    encoder.config.dtype = torch.float16
    return encoder


def _write_checksums(folder: Path, weights: Path) -> None:
    """As `sha256sum -c` reads it; the card is left out, which may be written on."""
    paths = {WEIGHTS: weights} | {
        path.name: path for path in folder.iterdir() if path.suffix in (".json", ".txt") and path.is_file()
    }
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in sorted(paths.items())]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
