"""Training step: forward, backward, clipping and optimizer, without waiting for the device."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from labkit.data.windows import Array
from labkit.training.param_groups import set_rates
from labkit.training.setup import TrainingSetup
from labkit.training.timing import PhaseTimer


@dataclass(frozen=True)
class StepResult:
    """Result of a step; its scalars are still on the device."""

    rates: dict[str, float]
    loss: torch.Tensor  # per word
    gradient_norms: dict[str, torch.Tensor]  # by group
    tokens: int  # of this process's batches, padding not counted


def train_step(
    setup: TrainingSetup, timer: PhaseTimer, micro_batches: Sequence[Array], step: int, clip_norm: float
) -> StepResult:
    """Accumulates the gradients of micro-batches, clips them and steps the optimizer.

    A frozen encoder is unfrozen at the first step at which it has a rate: where its schedule begins, or when one is set
    by hand.

    Args:
        micro_batches: indices of the windows of each.
        step: number of the step, from 0, for the schedules.
        clip_norm: largest norm of all gradients together; 0 does not clip.
    """
    accelerator = setup.accelerator
    timer.begin_step()
    batches = [setup.featurizer.collate(setup.train[chosen]) for chosen in micro_batches]
    words = sum(batch.num_words for batch in batches)
    rates = set_rates(setup.optimizer, setup.param_groups, step)
    if setup.is_encoder_frozen and rates["encoder"] > 0:
        setup.tagger.encoder.requires_grad_(True)
        setup.is_encoder_frozen = False
    total = torch.zeros((), device=setup.device)
    for number, batch in enumerate(batches, start=1):
        with accelerator.no_sync(setup.model) if number < len(batches) else nullcontext():
            on_device = batch.to(setup.device)
            timer.lap("data")
            loss = setup.model(on_device) * (batch.num_words / words)
            accelerator.backward(loss)
            timer.end_backward()
        total += loss.detach()
    accelerator.unscale_gradients(setup.optimizer)
    norms = setup.speed_up.clip_gradients(setup.optimizer.optimizer, clip_norm)
    # accelerate's optimizer searches for packages on disk at every step, and is needed only for a GradScaler
    optimizer = setup.optimizer if accelerator.scaler else setup.optimizer.optimizer
    optimizer.step()
    if not accelerator.optimizer_step_was_skipped:
        setup.speed_up.after_step(setup.optimizer.optimizer)
    optimizer.zero_grad()
    timer.lap("optimizer")
    return StepResult(rates, total, norms, sum(batch.num_tokens for batch in batches))
