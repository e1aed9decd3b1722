"""The fast implementation against its twin in plain transformers, torch and pytorch-crf: whole runs of each."""

import itertools
import shutil
import statistics
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig

from labkit.config import RunConfig
from labkit.events import PathsCompleted, StepDone, WeightsMoved
from labkit.training.trainer import train
from tests.long_cases import mostly_long
from tests.model.structures import STRUCTURES

WAYS = {
    "free": (None, {"clip_norm": 0.0}),
    "clipped and accumulated": (None, {"clip_norm": 0.1, "accumulate": 2, "token_budget": 60}),
    "clipped beside a frozen encoder": ("encoder", {"clip_norm": 0.1, "encoder_rate": 0.0}),
    "clipped with a late start of the encoder": (None, {"clip_norm": 0.1, "encoder_start": 0.5}),
    "free beside a frozen head": ("head", {"clip_norm": 0.0, "head_rate": 0.0}),
}
MOST_USED, MOST_PARTS = "BiLSTM", "a projection, a mix and IDCNN"


def with_dropout(share, encoder, folder):
    """The encoder with this dropout of its own."""
    shutil.copytree(encoder, folder)
    config = AutoConfig.from_pretrained(encoder, hidden_dropout_prob=share, attention_probs_dropout_prob=share)
    config.save_pretrained(folder)
    return folder


def config_of(encoder, corpus, **changes):
    """A run of six batches an epoch; batches by tokens do not depend on the implementation."""
    config = RunConfig(
        encoder=str(encoder), corpus=str(corpus), token_budget=120, dev_limit=1, test_limit=1, keep="last"
    )
    config = config.replace(encoder_rate=1e-3, head_rate=2e-3, encoder_weight_decay=0.1, precision="float32")
    return config.replace(device="cpu", epochs=3).replace(**changes)


def events_of(config, folder=None):
    *events, end = train(config, folder)
    assert end.state == "completed", end
    return events


def losses_of(events):
    return [event.loss for event in events if isinstance(event, StepDone)]


def trained(config, folder):
    """The events of a run, and its last weights."""
    folder.mkdir()
    return events_of(config, folder), load_file(folder / "last" / "model.safetensors")


def meter_events(events):
    return [event for event in events if isinstance(event, WeightsMoved | PathsCompleted)]


def length_of(weights):
    return torch.cat([value.flatten().double() for value in weights]).norm().item()


@pytest.fixture(scope="module")
def start(request, tiny_encoder, tiny_corpus, tmp_path_factory):
    """The config of a structure, and its first weights: those of a run that moves none."""
    folder = tmp_path_factory.mktemp("start")
    structure = {**asdict(STRUCTURES[request.param]), "dropout": 0.0}
    config = config_of(with_dropout(0.0, tiny_encoder, folder / "encoder"), tiny_corpus, **structure)
    return config, trained(config.replace(encoder_rate=0.0, head_rate=0.0, epochs=1), folder / "run")[1]


@pytest.mark.parametrize(
    ("start", "way"),
    mostly_long(
        itertools.product(STRUCTURES, WAYS),
        lambda case: case[0] in (MOST_USED, MOST_PARTS) or case[1] == "clipped and accumulated",
    ),
    indirect=["start"],
)
def test_from_the_same_weights_both_take_the_same_way(start, way, tmp_path):
    still, changes = WAYS[way]
    config, first = start[0].replace(**changes), start[1]
    events, reference = trained(config.replace(implementation="reference"), tmp_path / "reference")
    fast_events, fast = trained(config.replace(implementation="fast"), tmp_path / "fast")
    assert len(losses_of(events)) == 18
    assert losses_of(fast_events) == pytest.approx(losses_of(events), abs=1e-5)
    (*moves, paths), (*fast_moves, fast_paths) = meter_events(events), meter_events(fast_events)
    for here, there in zip(moves, fast_moves, strict=True):
        assert there.distances == pytest.approx(here.distances, rel=1e-4)
    for part, shares in paths.shares.items():
        assert fast_paths.shares[part] == pytest.approx(shares, abs=1e-3)
    assert first.keys() == reference.keys() == fast.keys()
    for group in ("encoder", "head"):
        names = [name for name in first if name.startswith("encoder.") == (group == "encoder")]
        way = length_of([reference[name] - first[name] for name in names])
        assert (way == 0) == (group == still)
        assert length_of([fast[name] - reference[name] for name in names]) <= 1e-4 * way


def test_with_dropout_the_mean_loss_of_twelve_seeds_is_the_same_within_noise(tiny_encoder, tiny_corpus, tmp_path):
    encoder = with_dropout(0.3, tiny_encoder, tmp_path / "encoder")
    config = config_of(encoder, tiny_corpus, downstream="none", epochs=1, dropout=0.3, head_rate=1e-2)
    differences = []
    for seed in range(12):  # both begin with the same weights and batches
        runs = (config.replace(seed=seed, implementation=name) for name in ("fast", "reference"))
        fast, reference = (statistics.fmean(losses_of(events_of(run))) for run in runs)
        differences.append(fast - reference)
    assert abs(statistics.fmean(differences)) < 3 * statistics.stdev(differences) / 12**0.5
