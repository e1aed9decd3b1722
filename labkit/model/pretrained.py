"""Pretrained encoders and their tokenizers, from a local folder, without running any code of theirs."""

import pickle
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()  # loading a local file needs none, and it would land in the run's output.log


def load_encoder(place: Path) -> Any:
    """The pretrained encoder of a folder: from safetensors, else from torch's file, of which tensors alone are read.

    Raises ValueError for weights that hold more than tensors, and for those of another model: what they lack would
    be random, and nobody would see.
    """
    safe = any(place.glob("model.safetensors*"))
    try:
        encoder, told = AutoModel.from_pretrained(
            place,
            trust_remote_code=False,
            use_safetensors=safe,
            weights_only=True,  # in the place of pickle's machine, which does whatever a file says
            dtype=torch.float32,
            output_loading_info=True,
        )
    except pickle.UnpicklingError:
        what = "pytorch_model.bin holds more than tensors, or is damaged, and is not loaded"
        raise ValueError(f"encoder folder {str(place)!r}: its {what}; look for the encoder as safetensors") from None
    # The pooler is taken off anyway.
    lacking = sorted(name for name in told["missing_keys"] if "pooler" not in name and not _is_computed(encoder, name))
    if lacking:
        what = f"lacks {len(lacking)} of the encoder's weights, such as {lacking[0]}"
        raise ValueError(f"encoder folder {str(place)!r} {what}; is it of the model that its config.json names?")
    return encoder


def _is_computed(encoder: Any, name: str) -> bool:
    """Whether these are numbers of positions, or a table of sines for them: both are computed, and older folders are
    without them. RoFormer has a module for such a table, DistilBERT and XLM have it where the config says so."""
    if "position" not in name:
        return False
    module = encoder.get_submodule(name.rpartition(".")[0])
    sines = ("sinusoidal_pos_embds", "sinusoidal_embeddings")
    by_config = any(getattr(encoder.config, each, False) for each in sines)
    return by_config or "Sinusoidal" in type(module).__name__ or name in dict(encoder.named_buffers())


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
    table = getattr(getattr(pretrained, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - 1 - padding  # as in RoBERTa, they start behind the padding's
