"""Export of the encoder as a folder that AutoModel and AutoTokenizer load.

Weights are in half precision; the folder has a tokenizer, a model card and checksums.
"""

import copy
import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import BertModel

from labkit.messages import N_, Message
from labkit.paths import atomic_write
from labkit.pretraining.checkpoint import PretrainState
from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.model_card import model_card
from labkit.pretraining.training_data import PretrainingData
from labkit.pretraining.vocabulary import CONTINUATION_TOKENS, build_tokenizer, save_tokenizer

DROPOUT = 0.1  # for fine-tuning; BERT's
WEIGHTS, CHECKSUMS = "model.safetensors", "SHA256SUMS"


def require_no_encoder(folder: Path) -> None:
    """Raises ValueError if the folder already holds an encoder."""
    if (folder / WEIGHTS).exists():
        text = N_("{folder} holds an encoder already; remove it, or give another name")
        raise ValueError(Message(text, folder=str(folder)))


def export_encoder(
    model: Any,
    config: PretrainConfig,
    data: PretrainingData,
    state: PretrainState,
    precision: str,
    command: str,
    folder: Path,
) -> None:
    """Writes config, tokenizer, model card and checksums, and the weights last.

    Without weights the folder does not count as an encoder.
    """
    vocabulary = list(data.vocabulary)
    folder.mkdir(parents=True, exist_ok=True)
    encoder = _to_half_precision(model, vocabulary)
    encoder.config.save_pretrained(folder)
    save_tokenizer(build_tokenizer(vocabulary, config.max_sequence_length), vocabulary, folder)
    weights = {name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}
    with atomic_write(folder / WEIGHTS) as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
        _write_checksums(folder, temporary)
        sizes = (sum(parameter.numel() for parameter in encoder.parameters()), temporary.stat().st_size)
        card = model_card(folder.name, config, data, state, precision, command, sizes, encoder.config)
        (folder / "README.md").write_text(card, encoding="utf-8")


@torch.no_grad()
def _to_half_precision(model: Any, vocabulary: list[str]) -> BertModel:
    """Returns the encoder of a BertForMaskedLM in float16.

    It has the pooler that AutoModel expects, as the identity, because it was not trained.
    """
    config = copy.deepcopy(model.config)
    config.architectures = ["BertModel"]
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = DROPOUT
    encoder = BertModel(config)
    encoder.load_state_dict(model.bert.state_dict(), strict=False)
    assert encoder.pooler is not None
    encoder.pooler.dense.weight.copy_(torch.eye(config.hidden_size))
    encoder.pooler.dense.bias.zero_()
    ids = {token: index for index, token in enumerate(vocabulary)}
    table = encoder.embeddings.word_embeddings.weight
    for token in CONTINUATION_TOKENS:  # untrained, as the pretraining text has none
        table[ids[token]] = table[ids[token.removeprefix("##")]]
    token_types = encoder.embeddings.token_type_embeddings.weight
    token_types[1:] = token_types[0]  # untrained, as no sequence has a second text
    encoder.half()
    encoder.config.dtype = torch.float16
    return encoder


def _write_checksums(folder: Path, weights: Path) -> None:
    """Writes SHA256SUMS for `sha256sum -c`, without the card, which may be edited."""
    paths = {WEIGHTS: weights} | {
        path.name: path for path in folder.iterdir() if path.suffix in (".json", ".txt") and path.is_file()
    }
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in sorted(paths.items())]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
