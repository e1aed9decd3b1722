"""Dropout whose random numbers cost little on a CPU.

torch draws a CPU's masks value by value on one thread: a tenth to an eighth of a training step. Here a share of values
is dropped by comparing 16 random bits each, four of them from one 64-bit number, so a probability is met to 2^-17.
(Srivastava et al. 2014. On any other device this is torch's dropout, which is one kernel there.)
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

_STEPS = 1 << 16  # values that 16 bits can take


class Masks:
    """Draws dropout masks; the same ones for the same torch seed. Seeded when first used."""

    def __init__(self) -> None:
        self._generator: np.random.Generator | None = None

    def draw(self, probability: float, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype) -> list[torch.Tensor]:
        """A mask a shape, to multiply with: 0 with the probability, else 1 / (1 - probability).

        Drawn together, as many small masks cost more to start than to draw.
        """
        sizes = [math.prod(shape) for shape in shapes]
        keep = torch.empty(sum(sizes), dtype=dtype)
        if probability >= 1:
            keep.zero_()
        else:
            torch.ge(self._bits(len(keep)), round(_STEPS * probability) - _STEPS // 2, out=keep)
            keep.mul_(1 / (1 - probability))
        return [part.view(shape) for part, shape in zip(keep.split(sizes), shapes, strict=True)]

    def _bits(self, count: int) -> torch.Tensor:
        if self._generator is None:
            seed = int(torch.randint(2**62, ()).item())
            self._generator = np.random.Generator(np.random.SFC64(seed))
        numbers = self._generator.integers(0, 2**64, size=-(-count // 4), dtype=np.uint64)
        return torch.from_numpy(numbers.view(np.int16))[:count]


class Dropout(nn.Dropout):
    """torch's dropout, with masks of its own on a CPU."""

    def __init__(self, p: float, masks: Masks):
        super().__init__(p)
        self.masks = masks

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if values.device.type != "cpu" or not self.training or self.p == 0:
            return super().forward(values)
        return values * self.masks.draw(self.p, [tuple(values.shape)], values.dtype)[0]


def replace_dropout(model: nn.Module, masks: Masks) -> None:
    """Puts Dropout in the place of every torch dropout inside a model, whatever its architecture."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p, masks))
