"""One optimizer step, from the numbers of windows to moved weights. Nothing in it waits for the device."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from labkit.data.windows import Array
from labkit.training.param_groups import clip_gradients, set_rates
from labkit.training.setup import Workshop
from labkit.training.timing import Stopwatch


@dataclass(frozen=True)
class Step:
    """What a step gave; loss (per word) and norms by group are scalars that are still on the device."""

    rates: dict[str, float]
    loss: torch.Tensor
    norms: dict[str, torch.Tensor]
    tokens: int  # word pieces of this process's batches, padding not counted


def take_step(shop: Workshop, watch: Stopwatch, parts: Sequence[Array], step: int, clip_norm: float) -> Step:
    """Adds up the gradients of all parts, each a batch of windows by number, clips them and moves the weights.

    Args:
        step: which one, from 0; schedules go by it.
        clip_norm: largest norm of all gradients together; 0 does not clip.
    """
    accelerator = shop.accelerator
    watch.begin_step()
    batches = [shop.encoder.collate(shop.train[chosen]) for chosen in parts]
    words = sum(batch.words for batch in batches)
    rates = set_rates(shop.optimizer, shop.groups, step)
    total = torch.zeros((), device=shop.device)
    for number, batch in enumerate(batches, start=1):
        with accelerator.no_sync(shop.model) if number < len(batches) else nullcontext():
            moved = batch.to(shop.device)
            watch.spent("data")
            loss = shop.model(moved) * (batch.words / words)
            accelerator.backward(loss)
            watch.backward_over()
        total += loss.detach()
    accelerator.unscale_gradients(shop.optimizer)
    norms = clip_gradients(shop.groups, clip_norm, shop.optimizer.optimizer)
    # accelerate's optimizer looks for packages on disk at every step, and has something to do only for a GradScaler
    optimizer = shop.optimizer if accelerator.scaler else shop.optimizer.optimizer
    optimizer.step()
    if not accelerator.optimizer_step_was_skipped:
        for group in shop.groups:
            group.decay_resting(rates[group.name])
    optimizer.zero_grad()
    watch.spent("optimizer")
    return Step(rates, total, norms, sum(batch.tokens for batch in batches))
