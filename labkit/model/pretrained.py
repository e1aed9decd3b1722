"""Loading of pretrained encoders and tokenizers from a folder.

No code of theirs is run.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

from labkit.messages import N_, Message

logging.disable_progress_bar()  # loading a local file needs none, and it would land in the run's output.log


def load_encoder(place: Path) -> Any:
    """Load the pretrained encoder of a folder.

    Weights are read from safetensors, else from torch's file, of which tensors alone are loaded.

    Raises:
        ValueError: for a folder that cannot be read, for weights that hold more than tensors, and for weights of
            another model: what they lack would be random, and nobody would notice.
    """
    safe = any(place.glob("model.safetensors*"))
    _load_config(place)
    try:
        encoder, report = AutoModel.from_pretrained(
            place,
            trust_remote_code=False,
            use_safetensors=safe,
            weights_only=True,  # a full unpickler runs whatever code a file holds
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported below, by name
        )
    except pickle.UnpicklingError:
        text = N_(
            "encoder folder {name!r}: its pytorch_model.bin holds more than tensors, or is damaged, and is not loaded; "
            "look for the encoder as safetensors"
        )
        raise ValueError(Message(text, name=str(place))) from None
    except (TypeError, ValueError) as error:  # from the model's own checks of its config
        raise _describe_load_error(place, "config.json", error) from error
    except (SafetensorError, OSError, EOFError, RuntimeError) as error:
        raise _describe_load_error(place, "model.safetensors" if safe else "pytorch_model.bin", error) from error
    _check_weights(place, encoder, report)
    return encoder


def _check_weights(place: Path, encoder: Any, report: dict[str, Any]) -> None:
    """Raise ValueError for weights that are missing, misshapen or not finite."""
    for name, found, expected in sorted(report["mismatched_keys"]):
        text = N_(
            "encoder folder {name!r}: {weight} has the shape {found}, and {expected} by its config.json; the two files "
            "are of different models"
        )
        shapes = {"found": str(tuple(found)), "expected": str(tuple(expected))}
        raise ValueError(Message(text, name=str(place), weight=name, **shapes))
    # The pooler is removed anyway.
    missing = [name for name in report["missing_keys"] if "pooler" not in name and not _is_computed(encoder, name)]
    if missing:
        text = N_(
            "encoder folder {name!r} lacks {count} of the encoder's weights, for example {weight}; its config.json may "
            "be that of another model"
        )
        raise ValueError(Message(text, name=str(place), count=len(missing), weight=min(missing)))
    for name, weight in encoder.named_parameters():
        if not bool(weight.isfinite().all()):
            text = N_(
                "encoder folder {name!r}: its weights hold values that are not numbers, for example in {weight}; "
                "replace the damaged file"
            )
            raise ValueError(Message(text, name=str(place), weight=name))


def _is_computed(encoder: Any, name: str) -> bool:
    """True if a weight is position numbers or a table of sines.

    Both are computed, and older folders lack them. RoFormer has a module for such a table; DistilBERT and XLM have it
    where the config says so.
    """
    if "position" not in name:
        return False
    module = encoder.get_submodule(name.rpartition(".")[0])
    sines = ("sinusoidal_pos_embds", "sinusoidal_embeddings")
    by_config = any(getattr(encoder.config, option, False) for option in sines)
    return by_config or "Sinusoidal" in type(module).__name__ or name in dict(encoder.named_buffers())


def load_tokenizer(place: Path) -> Any:
    """Load the tokenizer of a folder.

    Words come one by one, so byte-level tokenizers are set to put a space before each.

    Raises:
        ValueError: if it cannot be read.
    """
    kind = _load_config(place).model_type
    spaced = {"add_prefix_space": True} if kind in ("roberta", "longformer", "bart", "deberta", "gpt2") else {}
    try:
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False, **spaced)
    except Exception as error:  # KeyError, ImportError, or a bare Exception of the Rust library
        raise _describe_load_error(place, Message("tokenizer"), error) from error


def _load_config(place: Path) -> Any:
    try:
        return AutoConfig.from_pretrained(place, trust_remote_code=False)
    except Exception as error:  # checks of values raise many kinds
        raise _describe_load_error(place, "config.json", error) from error


def _describe_load_error(place: Path, component: str, error: Exception) -> ValueError:
    """Convert a library's error to a ValueError that names the folder.

    Raises:
        Exception: the error itself where memory ran out, as nothing is damaged then.
    """
    if isinstance(error, MemoryError) or "memory" in str(error) or "failed to map segment" in str(error):
        raise error
    first_line = next(iter(str(error).strip().splitlines()), "")
    reason = f"{type(error).__name__}: {first_line}".rstrip(".: ")
    text = N_("encoder folder {name!r}: its {file} cannot be read ({reason}); it may be damaged")
    return ValueError(Message(text, name=str(place), file=component, reason=reason))


def max_sequence_length(pretrained: Any) -> int:
    """Largest number of tokens that the encoder's position embeddings allow.

    sys.maxsize where they set no limit.
    """
    positions: int | None = getattr(pretrained.config, "max_position_embeddings", None)
    if not positions or positions < 0:
        return sys.maxsize
    table = getattr(getattr(pretrained, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - 1 - padding  # RoBERTa's positions start after the padding's
