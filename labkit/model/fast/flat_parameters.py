"""Flat parameters: the weights of many layers as views of one buffer, with gradients and casts.

A layer's weights are a dozen tensors; clipping, stepping and casting each by itself costs a tenth of a training step.
As one flat tensor they cost the optimizer one operation, the same for every value.
"""

from collections.abc import Sequence

import torch
from torch import nn

ParameterBlock = Sequence[nn.Parameter]  # adjacent in memory, and computed with as one tensor
Gradient = torch.Tensor | tuple[torch.Tensor, torch.Tensor]  # a pair stands for its matrix product


class FlatParameters:
    """Parameters as views of one flat parameter.

    They stay parameters of their modules; an optimizer steps the flat one.

    Args:
        blocks: each becomes one tensor for computing, its parameters stacked along their first dimension.

    Attributes:
        flat_parameter: all values, in one dimension. Its gradient is None or theirs; setting it to None zeroes theirs.
        values, gradients: of each block, as views of `flat_parameter` and of its gradient.
    """

    def __init__(self, blocks: Sequence[ParameterBlock]):
        self.parameters = [parameter for block in blocks for parameter in block]
        with torch.inference_mode(False), torch.no_grad():  # tensors made in inference mode cannot be trained later
            flat = torch.cat([parameter.detach().flatten() for parameter in self.parameters])
            self.flat_parameter = nn.Parameter(flat)
        self._gradient: torch.Tensor | None = None
        self._parameter_views = _views(self.flat_parameter.detach(), [parameter.shape for parameter in self.parameters])
        self._shapes = [torch.Size((sum(map(len, block)), *block[0].shape[1:])) for block in blocks]
        self.values = _views(self.flat_parameter.detach(), self._shapes)
        self.gradients: list[torch.Tensor] = []
        self._unwritten: set[int] = set()
        self._cast_flat = self.flat_parameter.detach()
        self._cast_values = self.values
        self._cast_versions: list[int] = []  # of all parameters when they were cast; empty if they must be cast again
        self.sync()

    def sync(self) -> None:
        """Copy back parameters whose memory was replaced, by moving or loading them."""
        for parameter, view in zip(self.parameters, self._parameter_views, strict=True):
            if parameter.data_ptr() != view.data_ptr():
                view.copy_(parameter.data)
                parameter.data = view

    def cast(self, dtype: torch.dtype) -> list[torch.Tensor]:
        """Cast the current values of each block to a type.

        In their own type they are the values themselves. A cast is reused until torch's version counter of a parameter,
        or of `flat_parameter`, changes. In-place changes of `data` do not raise it, nor do steps of torch's fused
        optimizers: so a cast that gradients are computed from is used once.
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
        """Allocate the flat gradient, of which the parameters' gradients become views.

        From now on gradients must go through `accumulate_grad`.
        """
        self._gradient = torch.zeros_like(self.flat_parameter, requires_grad=False)
        self.gradients = _views(self._gradient, self._shapes)
        shapes = [parameter.shape for parameter in self.parameters]
        for parameter, view in zip(self.parameters, _views(self._gradient, shapes), strict=True):
            parameter.grad = view

    def accumulate_grad(self, block: int, gradient: Gradient) -> None:
        """Add to the gradient of a block.

        A step's first gradient overwrites, so nothing has to be zeroed. Every block must get a gradient at every step,
        or it keeps that of the step before.
        """
        if self.flat_parameter.grad is None:
            self.flat_parameter.grad = self._gradient
            self._unwritten = set(range(len(self.gradients)))
        own = self.gradients[block]
        if block not in self._unwritten:
            own += materialize_grad(gradient)
        elif isinstance(gradient, tuple) and gradient[0].dtype == own.dtype:
            torch.mm(*gradient, out=own)
        else:
            own.copy_(materialize_grad(gradient))
        self._unwritten.discard(block)


def materialize_grad(gradient: Gradient) -> torch.Tensor:
    """Multiply out a gradient that is given as two matrices."""
    return gradient[0] @ gradient[1] if isinstance(gradient, tuple) else gradient


def _views(flat: torch.Tensor, shapes: Sequence[torch.Size]) -> list[torch.Tensor]:
    segments = flat.split([shape.numel() for shape in shapes])
    return [segment.view(shape) for segment, shape in zip(segments, shapes, strict=True)]
