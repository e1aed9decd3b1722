"""SpeedUp: the one door between training and gradients that are kept in ways of their own."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from labkit.model.fast.encoder import row_multiple_for
from labkit.model.fast.subset_embedding import replace_embedding
from labkit.model.fast.tagger import FastTagger
from labkit.model.reference import Tagger

_NORM_ROW = 4096  # values of a large gradient whose norm is computed at once
_MIN_LARGE_VALUES = 1 << 16  # smaller gradients need no rows


class NoSpeedUp:
    """Null twin of SpeedUp: training in plain torch.

    Attributes:
        row_multiple: multiple that the tokens of a batch, and one more, are brought close to.
    """

    row_multiple = 1

    def count_frozen(self, parameters: Iterable[nn.Parameter]) -> int:
        """Count weights beside these that only decay.

        No training sentence has their tokens.
        """
        return 0

    def gradients(self, parameters: Iterable[nn.Parameter]) -> list[torch.Tensor]:
        """Return the possibly nonzero gradients of parameters."""
        return [parameter.grad for parameter in parameters if parameter.grad is not None]

    def clip_gradients(self, optimizer: torch.optim.Optimizer, max_norm: float) -> dict[str, torch.Tensor]:
        """Clip the norm of all gradients together; never waits for a GPU.

        Args:
            optimizer: each entry of its `param_groups` has the name of a group as `group`.
            max_norm: largest norm; 0 does not clip.

        Returns:
            Norm of each group that has gradients, before clipping; scalars on the device.
        """
        norms = self._group_norms(optimizer, nn.utils.get_total_norm)
        if max_norm > 0 and norms:
            stepped = [parameter for entry in optimizer.param_groups for parameter in entry["params"]]
            nn.utils.clip_grads_with_norm_(stepped, max_norm, nn.utils.get_total_norm(norms.values()))
        return norms

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Complete a step that the optimizer has taken at its present rates."""

    def _group_norms(
        self, optimizer: torch.optim.Optimizer, norm: Callable[[list[torch.Tensor]], torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        gradients: defaultdict[str, list[torch.Tensor]] = defaultdict(list)
        for entry in optimizer.param_groups:
            gradients[entry["group"]] += self.gradients(entry["params"])
        return {name: norm(of_group) for name, of_group in gradients.items() if of_group}


class SpeedUp(NoSpeedUp):
    """Training of a FastTagger: how steps are clipped and completed.

    Who owns `.grad`, and who zeroes it when:

    - As a rule autograd writes it and `optimizer.zero_grad()` sets it to None after the step, as always in torch.
    - Token embedding, where one CPU process trains it: its backward pass writes the rows of the batch's tokens into one
      tensor that is kept for ever. None means zero again: the next backward pass first zeroes the rows that the last
      step has written.
    - Tokens that no training sentence has: their rows are no parameters. `after_step` applies the weight decay.
    - Clipping on a CPU leaves gradients as they are; the optimizer divides them while it steps.

    So nothing may change a gradient between `clip_gradients` and `optimizer.step()`, and every step ends with
    `after_step` and `zero_grad`.

    Args:
        tagger: not yet in parameter groups.
        token_ids: all tokens of the training batches, padding included, each once.
        device, dtype: what it will be trained on and in.
        trains_encoder_alone: True if no other process trains with this one, and the encoder trains, even if
            it begins late.
    """

    def __init__(
        self,
        tagger: FastTagger,
        token_ids: torch.Tensor,
        device: torch.device,
        dtype: torch.dtype,
        trains_encoder_alone: bool,
    ):
        self._on_cpu = device.type == "cpu"
        self._embedding = replace_embedding(tagger.encoder, token_ids)
        if not self._on_cpu or tagger.fast_encoder is None:
            return
        self.row_multiple = row_multiple_for(dtype)
        if trains_encoder_alone and self._embedding:  # DDP has to see each gradient
            self._embedding.enable_inplace_gradients()

    def count_frozen(self, parameters: Iterable[nn.Parameter]) -> int:
        embedding = self._embedding
        return embedding.num_frozen_weights if embedding and embedding.weight in set(parameters) else 0

    def gradients(self, parameters: Iterable[nn.Parameter]) -> list[torch.Tensor]:
        embedding = self._embedding
        gradients = [
            embedding.nonzero_gradient() if embedding and parameter is embedding.weight else parameter.grad
            for parameter in parameters
        ]
        return [gradient for gradient in gradients if gradient is not None]

    def clip_gradients(self, optimizer: torch.optim.Optimizer, max_norm: float) -> dict[str, torch.Tensor]:
        if not self._on_cpu:
            return super().clip_gradients(optimizer, max_norm)
        norms = self._group_norms(optimizer, _norm)
        divisor = torch.ones(())
        if max_norm > 0 and norms:
            divisor = ((_norm(list(norms.values())) + 1e-6) / max_norm).clamp(min=1.0).float()
        # torch's fused optimizers divide by it in their step, as for a GradScaler, which saves a pass over gradients
        optimizer.grad_scale = None if divisor == 1 else divisor  # type: ignore[attr-defined]
        return norms

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        if embedding := self._embedding:
            (entry,) = (each for each in optimizer.param_groups if any(embedding.weight is p for p in each["params"]))
            embedding.decay_frozen_rows(1 - entry["lr"] * entry["weight_decay"])


def build_speed_up(
    tagger: Tagger, token_ids: torch.Tensor, device: torch.device, dtype: torch.dtype, trains_encoder_alone: bool
) -> NoSpeedUp:
    """Build a SpeedUp for a FastTagger, else its null twin; arguments are SpeedUp's."""
    if isinstance(tagger, FastTagger):
        return SpeedUp(tagger, token_ids, device, dtype, trains_encoder_alone)
    return NoSpeedUp()


def _norm(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """Norm of all gradients together, on a CPU.

    Large ones are taken row by row: at once they take twice as long, and the norm is off by 4e-4.
    """
    chunks: list[torch.Tensor] = []
    for gradient in gradients:
        in_rows = gradient.numel() // _NORM_ROW * _NORM_ROW  # values that fill whole rows
        if not gradient.is_contiguous() or in_rows < _MIN_LARGE_VALUES:
            chunks.append(gradient)
        else:
            values = gradient.view(-1)
            chunks += [torch.linalg.vector_norm(values[:in_rows].view(-1, _NORM_ROW), dim=1), values[in_rows:]]
    return nn.utils.get_total_norm(chunks)
