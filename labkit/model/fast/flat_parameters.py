"""Weights of many layers end to end in one memory, with their gradients and copies to compute with.

A layer's weights are a dozen tensors; clipping, stepping and copying each by itself costs a tenth of a training step.
End to end they are one tensor to the optimizer, which does the same to every value of it.
"""

from collections.abc import Sequence

import torch
from torch import nn

ParameterBlock = Sequence[nn.Parameter]  # parameters that lie one after another, and are computed with as one
Gradient = torch.Tensor | tuple[torch.Tensor, torch.Tensor]  # or the two matrices that it is the product of


class FlatParameters:
    """Parameters whose memory is that of one; they stay themselves, and `whole` is what an optimizer may step.

    Args:
        runs: each becomes one tensor for computing, its parameters stacked along their first dimension.

    Attributes:
        whole: all values in one dimension. Its gradient is None or theirs; whoever sets it to None zeroes them all.
        values, gradients: of each run, as views of `whole` and of its gradient.
    """

    def __init__(self, blocks: Sequence[ParameterBlock]):
        self.parameters = [parameter for run in blocks for parameter in run]
        with torch.inference_mode(False), torch.no_grad():  # what is made in that mode could not be trained later
            self.flat_parameter = nn.Parameter(
                torch.cat([parameter.detach().flatten() for parameter in self.parameters])
            )
        self._gradient: torch.Tensor | None = None
        self._parts = _views(self.flat_parameter.detach(), [parameter.shape for parameter in self.parameters])
        self._shapes = [torch.Size((sum(len(each) for each in run), *run[0].shape[1:])) for run in blocks]
        self.values = _views(self.flat_parameter.detach(), self._shapes)
        self.gradients: list[torch.Tensor] = []
        self._unwritten: set[int] = set()
        self._cast_flat = self.flat_parameter.detach()
        self._cast_values = self.values
        self._cast_versions: list[
            int
        ] = []  # the versions of all parameters that the copy is of; empty for a copy to be made
        self.sync()

    def sync(self) -> None:
        """Takes in what has been put in a parameter's place since, by moving or loading it: then it lies elsewhere."""
        for parameter, part in zip(self.parameters, self._parts, strict=True):
            if parameter.data_ptr() != part.data_ptr():
                part.copy_(parameter.data)
                parameter.data = part

    def cast(self, dtype: torch.dtype) -> list[torch.Tensor]:
        """Each run in that type, with its values of the moment; where it is their own type, the values themselves.

        Whatever changes a parameter or `whole` in place counts, but for changes of its `data`, of which torch does not
        tell. Nor does it tell of a step of its fused optimizers, which leaves all versions as they were: a copy that
        gradients are computed by serves once.
        """
        self.sync()
        if dtype == self.flat_parameter.dtype:
            return self.values
        may_be_stepped = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.parameters)
        with torch.inference_mode(False), torch.no_grad():
            self._refresh_cast(dtype)
        if may_be_stepped:
            self._cast_versions = []
        return self._cast_values

    def _refresh_cast(self, dtype: torch.dtype) -> None:
        if self._cast_flat.dtype != dtype:
            self._cast_flat = torch.empty_like(self.flat_parameter, dtype=dtype, requires_grad=False)
            self._cast_values = _views(self._cast_flat, self._shapes)
            self._cast_versions = []
        if self._cast_versions != self._versions():
            self._cast_flat.copy_(self.flat_parameter)
            self._cast_versions = self._versions()

    def _versions(self) -> list[int]:
        return [self.flat_parameter._version, *(parameter._version for parameter in self.parameters)]

    def allocate_gradients(self) -> None:
        """From now on gradients are to be given to `receive`; the parameters' are views of the whole's."""
        self._gradient = torch.zeros_like(self.flat_parameter, requires_grad=False)
        self.gradients = _views(self._gradient, self._shapes)
        shapes = [parameter.shape for parameter in self.parameters]
        for parameter, part in zip(self.parameters, _views(self._gradient, shapes), strict=True):
            parameter.grad = part

    def accumulate_grad(self, block: int, gradient: Gradient) -> None:
        """Adds to a run's gradient, or is the first to write it, so that nothing has to be zeroed.

        Every run must be given one at every step, or it keeps that of the step before.
        """
        if self.flat_parameter.grad is None:
            self.flat_parameter.grad = self._gradient
            self._unwritten = set(range(len(self.gradients)))
        mine = self.gradients[block]
        if block not in self._unwritten:
            mine += materialize_grad(gradient)
        elif isinstance(gradient, tuple) and gradient[0].dtype == mine.dtype:
            torch.mm(*gradient, out=mine)
        else:
            mine.copy_(materialize_grad(gradient))
        self._unwritten.discard(block)


def materialize_grad(gradient: Gradient) -> torch.Tensor:
    """A gradient that may come as the two matrices that it is the product of."""
    return gradient[0] @ gradient[1] if isinstance(gradient, tuple) else gradient


def _views(memory: torch.Tensor, shapes: Sequence[torch.Size]) -> list[torch.Tensor]:
    parts = memory.split([shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
