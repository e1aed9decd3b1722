"""Pretrained encoders and their tokenizers, from a local folder: safetensors only, and no code of theirs."""

import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()  # loading a local file needs none, and it would land in the run's output.log


def load_encoder(place: Path) -> Any:
    """The pretrained encoder of a folder: safetensors only, no code of its own."""
    return AutoModel.from_pretrained(place, trust_remote_code=False, use_safetensors=True, dtype=torch.float32)


def load_tokenizer(place: Path) -> Any:
    """The folder's tokenizer; byte-level ones are told that words come apart, with a space before each."""
    kind = AutoConfig.from_pretrained(place, trust_remote_code=False).model_type
    spaced = {"add_prefix_space": True} if kind in ("roberta", "longformer", "bart", "deberta", "gpt2") else {}
    return AutoTokenizer.from_pretrained(place, trust_remote_code=False, **spaced)


def longest_window(pretrained: Any) -> int:
    """How many pieces this encoder's position embeddings allow; sys.maxsize where they set no limit."""
    positions: int | None = getattr(pretrained.config, "max_position_embeddings", None)
    if not positions or positions < 0:
        return sys.maxsize
    if pretrained.config.model_type in ("roberta", "camembert", "xlm-roberta", "longformer"):
        positions -= 1 + pretrained.config.pad_token_id  # positions start behind the padding's
    return positions
