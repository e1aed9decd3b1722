"""Weights of many layers end to end in one memory, with their gradients and copies to compute with.

A layer's weights are a dozen tensors; clipping, stepping and copying each by itself costs a tenth of a training step.
End to end they are one tensor to the optimizer, which does the same to every value of it.
"""

from collections.abc import Sequence

import torch
from torch import nn

Run = Sequence[nn.Parameter]  # parameters that lie one after another, and are computed with as one
Gradient = torch.Tensor | tuple[torch.Tensor, torch.Tensor]  # or the two matrices that it is the product of


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
        with torch.inference_mode(False), torch.no_grad():  # what is made in that mode could not be trained later
            self.whole = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in self.parameters]))
        self._gradient: torch.Tensor | None = None
        self._parts = _views(self.whole.detach(), [parameter.shape for parameter in self.parameters])
        self._shapes = [torch.Size((sum(len(each) for each in run), *run[0].shape[1:])) for run in runs]
        self.values = _views(self.whole.detach(), self._shapes)
        self.gradients: list[torch.Tensor] = []
        self._waiting: set[int] = set()
        self._copy = self.whole.detach()
        self._copies = self.values
        self._copied: list[int] = []  # the versions of all parameters that the copy is of; empty for a copy to be made
        self.gather()

    def gather(self) -> None:
        """Takes in what has been put in a parameter's place since, by moving or loading it: then it lies elsewhere."""
        for parameter, part in zip(self.parameters, self._parts, strict=True):
            if parameter.data_ptr() != part.data_ptr():
                part.copy_(parameter.data)
                parameter.data = part

    def copies(self, dtype: torch.dtype) -> list[torch.Tensor]:
        """Each run in that type, with its values of the moment; where it is their own type, the values themselves.

        Whatever changes a parameter or `whole` in place counts, but for changes of its `data`, of which torch does not
        tell. Nor does it tell of a step of its fused optimizers, which leaves all versions as they were: a copy that
        gradients are computed by serves once.
        """
        self.gather()
        if dtype == self.whole.dtype:
            return self.values
        may_be_stepped = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.parameters)
        with torch.inference_mode(False), torch.no_grad():
            self._copy_to(dtype)
        if may_be_stepped:
            self._copied = []
        return self._copies

    def _copy_to(self, dtype: torch.dtype) -> None:
        if self._copy.dtype != dtype:
            self._copy = torch.empty_like(self.whole, dtype=dtype, requires_grad=False)
            self._copies = _views(self._copy, self._shapes)
            self._copied = []
        if self._copied != self._versions():
            self._copy.copy_(self.whole)
            self._copied = self._versions()

    def _versions(self) -> list[int]:
        return [self.whole._version, *(parameter._version for parameter in self.parameters)]

    def own_gradients(self) -> None:
        """From now on gradients are to be given to `receive`; the parameters' are views of the whole's."""
        self._gradient = torch.zeros_like(self.whole, requires_grad=False)
        self.gradients = _views(self._gradient, self._shapes)
        shapes = [parameter.shape for parameter in self.parameters]
        for parameter, part in zip(self.parameters, _views(self._gradient, shapes), strict=True):
            parameter.grad = part

    def receive(self, run: int, gradient: Gradient) -> None:
        """Adds to a run's gradient, or is the first to write it, so that nothing has to be zeroed.

        Every run must be given one at every step, or it keeps that of the step before.
        """
        if self.whole.grad is None:
            self.whole.grad = self._gradient
            self._waiting = set(range(len(self.gradients)))
        mine = self.gradients[run]
        if run not in self._waiting:
            mine += multiplied(gradient)
        elif isinstance(gradient, tuple) and gradient[0].dtype == mine.dtype:
            torch.mm(*gradient, out=mine)
        else:
            mine.copy_(multiplied(gradient))
        self._waiting.discard(run)


def multiplied(gradient: Gradient) -> torch.Tensor:
    """A gradient that may come as the two matrices that it is the product of."""
    return gradient[0] @ gradient[1] if isinstance(gradient, tuple) else gradient


def _views(memory: torch.Tensor, shapes: Sequence[torch.Size]) -> list[torch.Tensor]:
    parts = memory.split([shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
