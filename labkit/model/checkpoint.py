"""Checkpoints: a trained tagger's weights, tokenizer and tags in one folder.

A checkpoint is written beside its place and then renamed, so that it is replaced as a whole.
"""

import os
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoTokenizer

from labkit import paths
from labkit.data.featurize import Featurizer
from labkit.data.word_splitting import Granularity
from labkit.events import TrainingPlanned, open_event_log
from labkit.messages import N_, Message, message_of
from labkit.model.inference import TrainedTagger
from labkit.model.tagger import Tagger, build_tagger

WEIGHTS = "model.safetensors"
SETTINGS = "tagger.json"
CONFIG = "config.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
_UNREADABLE = N_("{file} of {run} cannot be read ({reason})")


def save_tagger(
    folder: Path, model: Tagger, featurizer: Featurizer, tags: Sequence[str], settings: dict[str, Any]
) -> None:
    """Write a checkpoint folder, replacing an old one atomically.

    Raises:
        FileNotFoundError: if the folder above it is gone.
    """
    with _replace_folder(folder) as aside:
        aside.mkdir()
        weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
        with paths.atomic_write(aside / WEIGHTS) as temporary:  # for the permissions, which save_file alone narrows
            save_file(weights, temporary, metadata={"format": "pt"})
        model.encoder.config.save_pretrained(aside)
        featurizer.tokenizer.save_pretrained(aside)
        settings = {"tags": list(tags), "splitting": str(featurizer.granularity), **settings}
        (aside / SETTINGS).write_bytes(msgspec.json.encode(settings))


def link_checkpoint(source: Path, folder: Path) -> None:
    """Link the checkpoint `source` to a second name.

    Copied where the disk has no hard links.
    """
    with _replace_folder(folder) as aside:
        shutil.copytree(source, aside, copy_function=_link_or_copy)


def load_tagger(folder: str | Path, device: str = "cpu") -> TrainedTagger:
    """Load the tagger of a run folder or a checkpoint folder.

    Of a run, the best weights are taken, else the last. It computes in the run's precision (`read_precision`) where the
    device supports it, else in float32.

    Raises:
        ValueError: if there is no checkpoint; naming the file that is missing or damaged.
    """
    place = find_checkpoint(Path(folder))
    with _explain_errors(place, SETTINGS):
        settings = msgspec.json.decode((place / SETTINGS).read_bytes(), type=dict[str, Any])
    with _explain_errors(place, CONFIG):
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
    with _explain_errors(place, *TOKENIZER):  # if one is missing, transformers makes up another tokenizer
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    model = build_tagger(AutoModel.from_config(config), settings["tags"], settings)
    with _explain_errors(place, WEIGHTS):
        weights = load_file(place / WEIGHTS, device="cpu")
        if broken := [name for name, weight in weights.items() if not bool(weight.isfinite().all())]:
            raise ValueError(Message("{weight} holds values that are not numbers", weight=broken[0]))
        model.load_state_dict(weights)
    tags = tuple(settings["tags"])
    granularity = Granularity(settings.get("splitting", Granularity.WORDS))  # older checkpoints lack it
    featurizer = Featurizer(tokenizer, tags, settings["max_pieces"], granularity)
    precision = read_precision(place)
    if not is_precision_supported(precision, device):
        precision = "float32"
    return TrainedTagger(model.eval().to(device), featurizer, tags, precision)


def read_precision(folder: Path) -> str:
    """Read the precision that a checkpoint's run computed in.

    Older checkpoints have it in the run's event log alone, or nowhere: float32 then.
    """
    place = find_checkpoint(folder)
    with _explain_errors(place, SETTINGS):
        precision = msgspec.json.decode((place / SETTINGS).read_bytes(), type=dict[str, Any]).get("precision", "auto")
    if precision != "auto":
        return str(precision)
    planned = (
        event.precision for event in open_event_log(place.parent).iter_events() if isinstance(event, TrainingPlanned)
    )
    return next(planned, "float32")


def is_precision_supported(precision: str, device: str) -> bool:
    """True if a device supports a precision: all but float16 on a CPU."""
    return precision != "float16" or torch.device(device).type != "cpu"


def find_checkpoint(folder: Path) -> Path:
    """Find the checkpoint of a run folder: `best`, else `last`.

    Raises:
        ValueError: if there is none.
    """
    if not folder.is_dir():
        raise ValueError(Message("there is no folder {folder}", folder=str(folder)))
    for place in (folder, folder / "best", folder / "last"):
        if (place / SETTINGS).is_file():
            return place
    text = N_("{run} has no weights; it ended before its first evaluation, or was set to keep none")
    raise ValueError(Message(text, run=folder.name))


@contextmanager
def _explain_errors(place: Path, *names: str) -> Iterator[None]:
    """Convert any error within to a ValueError that names file and run.

    Each library has errors of its own.
    """
    run = "/".join(place.absolute().parts[-2:])
    for name in names:
        if not (place / name).is_file():
            reason = Message("it is missing")
            raise ValueError(Message(_UNREADABLE, file=name, run=run, reason=reason))
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        reason = message_of(error)
        if not reason.values:  # a library's text
            reason = Message(textwrap.shorten(reason, 200, placeholder=" …"))
        raise ValueError(Message(_UNREADABLE, file=", ".join(names), run=run, reason=reason)) from error


@contextmanager
def _replace_folder(folder: Path) -> Iterator[Path]:
    """Path of a folder that replaces `folder` at the end."""
    paths.require_dir(folder.parent)
    aside, old = (folder.with_name(f".{folder.name}-{prefix}{os.getpid()}") for prefix in ("", "old-"))
    shutil.rmtree(aside, ignore_errors=True)
    try:
        yield aside
        if folder.exists():
            folder.rename(old)
        try:
            aside.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
