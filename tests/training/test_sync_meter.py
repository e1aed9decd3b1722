"""The sync meter on constructed cases, and on whole runs against a twin that reads every weight of a checkpoint."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from labkit.config import RunConfig
from labkit.events import PathsCompleted, WeightsMoved
from labkit.training import trainer
from labkit.training.sync_meter import MAX_READINGS, MAX_WEIGHTS, SyncMeter, sample_blocks
from labkit.training.trainer import train


class Twins(nn.Module):
    """Three parts; encoder and head begin alike."""

    def __init__(self, size=40):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Embedding(size, 16)
        self.encoder.get_input_embeddings = lambda: self.encoder
        self.head = nn.Embedding(size, 16)
        self.head.load_state_dict(self.encoder.state_dict())
        self.crf = nn.Linear(4, 4)


def meter_of(model, steps, rows=40):
    return SyncMeter(model, np.arange(rows), steps, seed=0)


def travel(model, rates, steps, gradient, meter=None):
    """Steps of plain gradient descent: distances by reading, every second step, and the shares of the ways."""
    meter = meter or meter_of(model, steps)
    for step in range(1, steps + 1):
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter -= rates[name.partition(".")[0]] * gradient(parameter, step)
        meter.after_step(step)
    *moves, paths = meter.finish(steps, lambda: 0.0)
    assert all(isinstance(move, WeightsMoved) for move in moves)
    return {part: [move.distances[part] for move in moves] for part in meter.parts}, paths.shares


def test_twins_with_equal_rates_and_gradients_read_equal():
    distances, shares = travel(Twins(), {"encoder": 0.1, "head": 0.1, "crf": 0.2}, 8, lambda p, step: p.sin() / step)
    assert distances["encoder"] == distances["head"]
    assert shares["encoder"] == shares["head"]
    assert all(0 < distance < 1 for distance in distances["encoder"])


def test_a_part_at_rate_zero_reads_zero_and_has_no_way():
    distances, shares = travel(Twins(), {"encoder": 0.0, "head": 0.1, "crf": 0.1}, 4, lambda p, step: p)
    assert distances["encoder"] == [0.0] * 2
    assert set(shares) == {"head", "crf"}


def test_a_tenth_of_the_rate_reads_a_tenth_of_the_distance_under_constant_gradients():
    rates = {"encoder": 1.0, "head": 0.1, "crf": 0.0}
    distances, shares = travel(Twins(), rates, 8, lambda p, step: torch.full_like(p, 0.5))
    np.testing.assert_allclose(np.array(distances["encoder"]) / distances["head"], 10, rtol=1e-5)
    np.testing.assert_allclose(shares["head"], np.arange(2, 9, 2) / 8, atol=1e-5)


def test_a_part_that_began_at_zero_has_no_distance_but_a_way():
    model = Twins()
    for parameter in model.crf.parameters():
        nn.init.zeros_(parameter)
    distances, shares = travel(model, {"encoder": 0.0, "head": 0.0, "crf": 0.1}, 4, lambda p, step: torch.ones_like(p))
    assert distances["crf"] == [None, None]
    assert shares == {"crf": [0.5, 1.0]}


def test_rows_of_tokens_that_never_occur_are_not_read():
    model = Twins()
    meter = SyncMeter(model, np.array([3, 7]), 1, seed=0)
    with torch.no_grad():
        model.encoder.weight += 5.0
        model.encoder.weight[[3, 7]] -= 5.0 - model.encoder.weight[[3, 7]] + 5.0  # doubled
    (moved, _) = meter.finish(1, lambda: 0.0)
    assert moved.distances["encoder"] == pytest.approx(1.0, rel=1e-5)


def values_of(parameters, seed):
    blocks = sample_blocks(parameters, np.random.default_rng(seed))
    return torch.cat([block.parameter.detach().flatten()[block.start : block.stop] for block in blocks])


def test_samples_are_bounded_drawn_by_the_seed_and_fair():
    parameters = [(nn.Parameter(torch.arange(300_000.0).view(1000, 300)), None), (nn.Parameter(torch.zeros(7)), None)]
    first, again, other = (values_of(parameters, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first[:100], other[:100])
    assert 0.9 * MAX_WEIGHTS < len(first) <= MAX_WEIGHTS
    assert first.unique().numel() >= len(first) - 7
    assert first.mean().item() == pytest.approx(150_000, rel=0.05)
    assert len(values_of(parameters[1:], 0)) == 7, "a small part is read whole"


@pytest.mark.parametrize("steps", [1, 7, 100, 101, 3_000])
def test_a_run_has_at_most_so_many_readings_the_last_step_among_them(steps):
    meter = meter_of(Twins(size=2), steps, rows=2)
    for step in range(1, steps + 1):
        meter.after_step(step)
    *moves, paths = meter.finish(steps, lambda: 0.0)
    assert [move.step for move in moves] == paths.steps
    assert paths.steps[-1] == steps
    assert min(steps, MAX_READINGS) // 2 <= len(moves) <= MAX_READINGS + 1


# Whole runs.


@pytest.fixture
def config(tiny_encoder, tiny_corpus):
    config = RunConfig(encoder=str(tiny_encoder), corpus=str(tiny_corpus), epochs=2, batch_size=8, keep="last")
    return config.replace(precision="float32", device="cpu", lstm_size=16, dropout=0.0, dev_limit=2, test_limit=2)


def meter_events(config, folder=None):
    events = list(train(config, folder))
    assert events[-1].state == "completed", events[-1]
    (paths,) = [event for event in events if isinstance(event, PathsCompleted)]
    return [event for event in events if isinstance(event, WeightsMoved)], paths


@pytest.mark.parametrize("changes", [{}, {"crf_rate": 0.5}, {"decoder": "softmax"}], ids=["crf", "own rate", "softmax"])
def test_the_last_distances_of_a_run_are_those_of_its_checkpoints(config, changes, tmp_path, monkeypatch):
    """The tiny model has fewer weights than the sample of a part, but for the encoder: all of that is read here."""
    monkeypatch.setattr("labkit.training.sync_meter.MAX_WEIGHTS", 10**7)
    still = {"encoder_rate": 0.0, "head_rate": 0.0, **({"crf_rate": 0.0} if "crf_rate" in changes else {})}
    config, weights = config.replace(**changes, encoder_weight_decay=0.0), []
    for name, rates in (("start", still), ("end", {"encoder_rate": 1e-3, "head_rate": 1e-2})):
        (tmp_path / name).mkdir()
        moves, paths = meter_events(config.replace(**{**changes, **rates}), tmp_path / name)
        weights.append(load_file(tmp_path / name / "last" / "model.safetensors"))
    start, end = weights
    name = "encoder.embeddings.word_embeddings.weight"
    occurring = [0, *(start[name] != end[name]).any(dim=1).nonzero()[:, 0].tolist()]  # and padding, which never moves
    squares = {}
    for name in start:
        part = name.partition(".")[0]
        rows = occurring if "word_embeddings" in name else slice(None)
        before, after = start[name][rows].double(), end[name][rows].double()
        sums = squares.setdefault(part if part in ("encoder", "crf") else "head", [0.0, 0.0])
        sums[0] += (after - before).square().sum().item()
        sums[1] += before.square().sum().item()
    slow = {part: math.sqrt(moved / size) for part, (moved, size) in squares.items()}
    assert moves[-1].distances.keys() == slow.keys() == paths.shares.keys()
    for part, distance in moves[-1].distances.items():
        assert distance == pytest.approx(slow[part], rel=1e-5), part
    assert [shares[-1] for shares in paths.shares.values()] == [1.0] * len(slow)


def test_a_higher_rate_reads_farther_on_a_real_run_and_a_frozen_encoder_not_at_all(config):
    ends = [meter_events(config.replace(head_rate=rate, encoder_rate=0.0))[0][-1] for rate in (1e-4, 1e-3, 1e-2)]
    distances = [end.distances["head"] for end in ends]
    assert distances == sorted(distances)
    assert {end.distances["encoder"] for end in ends} == {0.0}


def test_a_stopped_run_has_its_ways_and_the_readings_do_not_change_its_losses(config, monkeypatch):
    losses = [event.loss for event in train(config) if hasattr(event, "gradient_norms")]
    nothing = SimpleNamespace(after_step=lambda step: None, report=lambda s: iter(()), finish=lambda step, s: iter(()))
    monkeypatch.setattr(trainer, "SyncMeter", lambda *_: nothing)
    assert [event.loss for event in train(config) if hasattr(event, "gradient_norms")] == losses


def test_what_was_measured_is_said_in_words():
    moved = WeightsMoved(1.0, 9, {"encoder": 0.012, "head": 0.0621, "crf": None})
    text = "the head has moved 6.2 % of its own size: it is still, nearly, the random numbers it began with"
    assert moved.describe() == f"{text}; the encoder 1.2 %"
    assert WeightsMoved(1.0, 9, {"encoder": 0.03, "head": 1.4}).describe() == (
        "the head has moved 140 % of its own size; the encoder 3 %"
    )
    assert WeightsMoved(1.0, 9, {"encoder": None}).describe() == ""
    paths = PathsCompleted(1.0, 9, [100, 200, 300], {"encoder": [0.1, 0.8, 1.0], "head": [0.9, 1.1, 1.0]})
    assert paths.describe() == "the head had made 90 % of its way at step 100, the encoder at step 300"
    assert PathsCompleted(1.0, 9, [100], {}).describe() == ""
