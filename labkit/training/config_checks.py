"""Validation of a run's settings, without its folder, torch or network.

Errors that only the run itself can find (tags that break their scheme, a name that the hub does not know) fail there.
"""

import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from labkit.config import RunConfig
from labkit.data.corpus_files import find_corpus, open_or_explain
from labkit.data.encoders import check_encoder
from labkit.messages import N_, Message

# accelerate's trackers, and the packages of which one must be installed; asking accelerate would import torch.
TRACKERS = {
    "aim": ("aim",),
    "comet_ml": ("comet_ml",),
    "mlflow": ("mlflow", "mlflow-skinny"),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "clearml": ("clearml",),
    "dvclive": ("dvclive",),
    "swanlab": ("swanlab",),
    "trackio": ("trackio",),
}

NO_CRF = N_("there is no CRF for a CRF rate of {rate:g}; leave the rate out, or choose the decoder crf")
# what the run itself fails with, where only torch can tell: training/setup.py, training/precision.py
NO_CUDA = Message("device cuda was asked for, but torch finds no GPU here; `labkit devices` says why")
NO_MPS = Message("device mps was asked for, but this machine has none")
NO_FLOAT16 = Message("precision float16 is not possible on a CPU; choose auto, bfloat16 or float32")


def check_config(config: RunConfig) -> None:
    """Checks a config for errors that would fail the run; takes milliseconds.

    Raises:
        ValueError: with the message that the run would fail with.
    """
    _check_corpus(config)
    check_encoder(config.encoder)
    if config.crf_rate is not None and config.decoder != "crf":
        raise ValueError(Message(NO_CRF, rate=config.crf_rate))
    _check_device(config)
    check_trackers(config.trackers)


def check_trackers(names: str) -> list[str]:
    """Splits a comma-separated list of trackers into names.

    Raises:
        ValueError: for a tracker that accelerate would silently leave out.
    """
    trackers = [name.strip() for name in names.split(",") if name.strip()]
    for name in trackers:
        if name not in TRACKERS:
            text = N_("trackers: accelerate knows no {name!r}, but {known}")
            raise ValueError(Message(text, name=name, known=", ".join(TRACKERS)))
        if not any(map(_version, TRACKERS[name])):
            raise ValueError(Message("trackers: {name} is not installed here; pip install {name}", name=name))
    return trackers


def _check_corpus(config: RunConfig) -> None:
    source = find_corpus(config.corpus)
    for path, display_path in source.all_files():
        with open_or_explain(path, display_path) as file:
            is_empty = not file.read(1)
        if is_empty:
            from labkit.data.corpora import read_corpus  # imports numpy

            read_corpus(source)  # raises: each file format explains what it needs


def _check_device(config: RunConfig) -> None:
    if config.device == "cuda" and (sys.platform == "darwin" or _version("torch").endswith("+cpu")):
        raise ValueError(NO_CUDA)
    if config.device == "mps" and sys.platform != "darwin":
        raise ValueError(NO_MPS)
    if config.device == "cpu" and config.precision == "float16":
        raise ValueError(NO_FLOAT16)


def _version(package: str) -> str:
    """Version of an installed package, or an empty text."""
    with suppress(PackageNotFoundError):
        return version(package)
    return ""
