"""Weights of many layers end to end in one memory, with their gradients and copies to compute with.

A layer's weights are a dozen tensors; clipping, stepping and copying each by itself costs a tenth of a training step.
End to end they are one tensor to the optimizer, which does the same to every value of it.
"""

from collections.abc import Sequence

import torch
from torch import nn

Run = Sequence[nn.Parameter]  # parameters that lie one after another, and are computed with as one


class Flat:
    """Parameters whose memory is that of one; they stay themselves, and `whole` is what an optimizer may step.

    Args:
        runs: each becomes one tensor for computing, its parameters stacked along their first dimension.

    Attributes:
        whole: all values in one dimension. Its gradient is None or theirs; whoever sets it to None zeroes them all.
        values, gradients: of each run, as views of `whole` and of its gradient.
    """

    def __init__(self, runs: Sequence[Run]):
        self.parameters = [parameter for run in runs for parameter in run]
        with torch.no_grad():
            self.whole = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in self.parameters]))
        self._gradient: torch.Tensor | None = None
        self._parts = _views(self.whole.detach(), [parameter.shape for parameter in self.parameters])
        self._shapes = [torch.Size((sum(len(each) for each in run), *run[0].shape[1:])) for run in runs]
        self.values = _views(self.whole.detach(), self._shapes)
        self.gradients: list[torch.Tensor] = []
        self._waiting: set[int] = set()
        self.gather()

    def gather(self) -> None:
        """Takes in what has been put in a parameter's place since, by moving or loading it: then it lies elsewhere."""
        for parameter, part in zip(self.parameters, self._parts, strict=True):
            if parameter.data_ptr() != part.data_ptr():
                part.copy_(parameter.data)
                parameter.data = part

    def copies(self, dtype: torch.dtype) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Memory of that type for a copy of `whole`, and each run in it."""
        copy = torch.empty_like(self.whole, dtype=dtype, requires_grad=False)
        return copy, _views(copy, self._shapes)

    def own_gradients(self) -> None:
        """From now on gradients are to be given to `receive`; the parameters' are views of the whole's."""
        self._gradient = torch.zeros_like(self.whole, requires_grad=False)
        self.gradients = _views(self._gradient, self._shapes)
        shapes = [parameter.shape for parameter in self.parameters]
        for parameter, part in zip(self.parameters, _views(self._gradient, shapes), strict=True):
            parameter.grad = part

    def receive(self, run: int, gradient: torch.Tensor) -> None:
        """Adds to a run's gradient, or is the first to write it, so that nothing has to be zeroed.

        Every run must be given one at every step, or it keeps that of the step before.
        """
        if self.whole.grad is None:
            self.whole.grad = self._gradient
            self._waiting = set(range(len(self.gradients)))
        if run in self._waiting:
            self._waiting.remove(run)
            self.gradients[run].copy_(gradient)
        else:
            self.gradients[run] += gradient


def _views(memory: torch.Tensor, shapes: Sequence[torch.Size]) -> list[torch.Tensor]:
    parts = memory.split([shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
