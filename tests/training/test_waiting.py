"""That a training step asks its device for nothing: on torch's meta device, whose values nobody can read."""

import contextlib
import time
from dataclasses import asdict, replace

import pytest
import torch
from accelerate.optimizer import AcceleratedOptimizer

from labkit.config import RunConfig
from labkit.model.fast import NoSpeedUp
from labkit.training import setup, trainer
from labkit.training.param_groups import build_optimizer_groups, build_param_groups
from tests.model.structures import STRUCTURES

META = torch.device("meta")


@pytest.fixture(params=STRUCTURES)
def training(request, tiny_encoder, tiny_corpus, monkeypatch):
    """A run that is ready to train, its model and batches on a device without values."""
    config = RunConfig(
        encoder=str(tiny_encoder),
        corpus=str(tiny_corpus),
        batch_size=8,
        precision="float32",
        device="cpu",
        **asdict(STRUCTURES[request.param]),
    )
    begun = trainer._Trainer(config, None, time.time())
    list(begun._prepare())
    prepared = begun.setup
    prepared.tagger.to(META)
    groups = build_param_groups(prepared.tagger, config, prepared.steps_per_epoch)
    optimizer = AcceleratedOptimizer(torch.optim.AdamW(build_optimizer_groups(groups)), device_placement=False)
    made = {"speed_up": NoSpeedUp(), "param_groups": groups, "optimizer": optimizer}
    begun.setup = replace(prepared, model=prepared.tagger, **made)
    monkeypatch.setattr(setup.TrainingSetup, "device", META)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # it knows no such device
    return begun


def batches(training):
    order = trainer.np.random.default_rng(0)
    lengths = training.setup.train.token_counts
    return trainer.epoch_batches(lengths, lengths, 8, 0, order)


def test_steps_read_no_value_from_the_device_and_reports_read_all_of_theirs_in_two_transfers(training, monkeypatch):
    """A wait of microseconds each on a GPU; reading one value raises here."""
    training.setup.model.train()
    pending = [training._run_step([chosen], 0.5) for chosen in batches(training)[:2]]
    assert [step.step for step in pending] == [1, 2]
    assert all(step.result.loss.is_meta for step in pending)
    assert all(norm.is_meta for step in pending for norm in step.result.gradient_norms.values())
    for parameter in training.setup.tagger.parameters():
        with pytest.raises(RuntimeError, match="meta"):
            parameter.sum().item()  # so that the test would notice
    training._pending, read = pending, []

    def tolist(values):
        read.append(tuple(values.shape))
        return [0.5] * len(values)

    monkeypatch.setattr(torch.Tensor, "tolist", tolist)
    assert len(list(training._report())) == 2
    assert read == [(2,), (2 * 2,)]
