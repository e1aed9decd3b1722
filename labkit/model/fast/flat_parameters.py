"""Flat parameters: the weights of many layers as views of one buffer, with casts.

Weights that are computed with as one tensor lie end to end, and all of them are cast in one operation.
"""

from collections.abc import Sequence

import torch
from torch import nn

ParameterBlock = Sequence[nn.Parameter]  # adjacent in memory, and computed with as one tensor


class FlatParameters:
    """Parameters as views of one flat buffer. They stay parameters of their modules.

    Args:
        blocks: each becomes one tensor for computing, its parameters stacked along their first dimension.

    Attributes:
        values: of each block.
    """

    def __init__(self, blocks: Sequence[ParameterBlock]):
        self.parameters = [parameter for block in blocks for parameter in block]
        with torch.inference_mode(False), torch.no_grad():  # tensors made in inference mode cannot be trained later
            self._flat = torch.cat([parameter.detach().flatten() for parameter in self.parameters])
        self._parameter_views = _views(self._flat, [parameter.shape for parameter in self.parameters])
        self._shapes = [torch.Size((sum(map(len, block)), *block[0].shape[1:])) for block in blocks]
        self.values = _views(self._flat, self._shapes)
        self._cast_flat = self._flat
        self._cast_values = self.values
        self._cast_versions: list[int] = []  # of all parameters when they were cast; empty if they must be cast again
        self.sync()

    @property
    def dtype(self) -> torch.dtype:
        return self._flat.dtype

    def sync(self) -> None:
        """Copy back parameters whose memory was replaced, by moving or loading them."""
        for parameter, view in zip(self.parameters, self._parameter_views, strict=True):
            if parameter.data_ptr() != view.data_ptr():
                view.copy_(parameter.data)
                parameter.data = view

    def cast(self, dtype: torch.dtype) -> list[torch.Tensor]:
        """Cast the current values of each block to a type.

        In their own type they are the values themselves. A cast is reused until torch's version counter of a parameter
        changes. In-place changes of `data` do not raise it, nor do steps of torch's fused optimizers: so a cast that
        gradients are computed from is used once.
        """
        self.sync()
        if dtype == self.dtype:
            return self.values
        may_be_stepped = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.parameters)
        with torch.inference_mode(False), torch.no_grad():
            self._refresh_cast(dtype)
        if may_be_stepped:
            self._cast_versions = []
        return self._cast_values

    def _refresh_cast(self, dtype: torch.dtype) -> None:
        if self._cast_flat.dtype != dtype:
            self._cast_flat = torch.empty_like(self._flat, dtype=dtype)
            self._cast_values = _views(self._cast_flat, self._shapes)
            self._cast_versions = []
        versions = [parameter._version for parameter in self.parameters]
        if self._cast_versions != versions:
            self._cast_flat.copy_(self._flat)
            self._cast_versions = versions


def _views(flat: torch.Tensor, shapes: Sequence[torch.Size]) -> list[torch.Tensor]:
    segments = flat.split([shape.numel() for shape in shapes])
    return [segment.view(shape) for segment, shape in zip(segments, shapes, strict=True)]
