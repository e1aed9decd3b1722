"""Pretrained encoders and their tokenizers, from a local folder, without running any code of theirs."""

import pickle
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()  # loading a local file needs none, and it would land in the run's output.log


def load_encoder(place: Path) -> Any:
    """The pretrained encoder of a folder: from safetensors, else from torch's file, of which tensors alone are read.

    Raises ValueError for a folder that cannot be read, for weights that hold more than tensors, and for those of
    another model: what they lack would be random, and nobody would see.
    """
    safe = any(place.glob("model.safetensors*"))
    _load_config(place)
    try:
        encoder, told = AutoModel.from_pretrained(
            place,
            trust_remote_code=False,
            use_safetensors=safe,
            weights_only=True,  # in the place of pickle's machine, which does whatever a file says
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are told below, and by name
        )
    except pickle.UnpicklingError:
        what = "pytorch_model.bin holds more than tensors, or is damaged, and is not loaded"
        raise ValueError(f"encoder folder {str(place)!r}: its {what}; look for the encoder as safetensors") from None
    except ValueError as error:  # of the model's own checks of its config
        raise _describe_load_error(place, "config.json", error) from error
    except (SafetensorError, OSError, EOFError, RuntimeError) as error:
        raise _describe_load_error(place, "model.safetensors" if safe else "pytorch_model.bin", error) from error
    for name, found, expected in sorted(told["mismatched_keys"]):
        sizes = f"{name} has the shape {tuple(found)}, and {tuple(expected)} by its config.json"
        raise ValueError(f"encoder folder {str(place)!r}: {sizes}; do both belong to one model?")
    # The pooler is taken off anyway.
    lacking = sorted(name for name in told["missing_keys"] if "pooler" not in name and not _is_computed(encoder, name))
    if lacking:
        what = f"lacks {len(lacking)} of the encoder's weights, such as {lacking[0]}"
        raise ValueError(f"encoder folder {str(place)!r} {what}; is it of the model that its config.json names?")
    broken = [name for name, weight in encoder.named_parameters() if not bool(weight.isfinite().all())]
    if broken:
        what = f"its weights hold values that are not numbers, such as in {broken[0]}"
        raise ValueError(f"encoder folder {str(place)!r}: {what}; is it damaged?")
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
    """The folder's tokenizer; byte-level ones are told that words come apart, with a space before each.

    Raises ValueError where it cannot be read.
    """
    kind = _load_config(place).model_type
    spaced = {"add_prefix_space": True} if kind in ("roberta", "longformer", "bart", "deberta", "gpt2") else {}
    try:
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False, **spaced)
    except Exception as error:  # KeyError, ImportError, or a bare Exception of the Rust library
        raise _describe_load_error(place, "tokenizer", error) from error


def _load_config(place: Path) -> Any:
    try:
        return AutoConfig.from_pretrained(place, trust_remote_code=False)
    except Exception as error:  # of the kinds that check a value there are many
        raise _describe_load_error(place, "config.json", error) from error


def _describe_load_error(place: Path, what: str, error: Exception) -> ValueError:
    """Raises the error itself where memory ran out: nothing is damaged then."""
    if isinstance(error, MemoryError) or "memory" in str(error) or "failed to map segment" in str(error):
        raise error
    first = next(iter(str(error).strip().splitlines()), "")
    reason = f"{type(error).__name__}: {first}".rstrip(".: ")
    return ValueError(f"encoder folder {str(place)!r}: its {what} cannot be read ({reason}); is it damaged?")


def max_sequence_length(pretrained: Any) -> int:
    """How many pieces this encoder's position embeddings allow; sys.maxsize where they set no limit."""
    positions: int | None = getattr(pretrained.config, "max_position_embeddings", None)
    if not positions or positions < 0:
        return sys.maxsize
    table = getattr(getattr(pretrained, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - 1 - padding  # as in RoBERTa, they start behind the padding's
