"""Dropout with cheap random numbers on a CPU. (Srivastava et al. 2014)

torch draws a CPU's masks value by value on one thread: a tenth to an eighth of a training step. Here one random byte
decides on each value, eight of them from one 64-bit number. On any other device this is torch's dropout, which is one
kernel there.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

_BYTES = 256  # values that a byte can take
_BLOCK = 256  # values that share a threshold


class DropoutMasks:
    """Sampler of dropout masks, seeded from torch when first used."""

    def __init__(self) -> None:
        self._generator: np.random.Generator | None = None

    def sample(self, probability: float, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype) -> list[torch.Tensor]:
        """Sample one mask per shape, to multiply with.

        A value is 0 with this probability, else 1 / (1 - probability). All are drawn at once, as many small draws cost
        more to start than to run. A probability of 1 drops everything; any other is at most 255/256.
        """
        sizes = [math.prod(shape) for shape in shapes]
        blocks = -(-sum(sizes) // _BLOCK)
        values = torch.empty(blocks, _BLOCK, dtype=dtype)
        if probability >= 1:
            values.zero_()
        else:
            probability = min(probability, 1 - 1 / _BYTES)
            torch.ge(self._bytes(blocks), self._thresholds(probability, blocks), out=values)
            values.mul_(1 / (1 - probability))
        masks = values.view(-1)[: sum(sizes)].split(sizes)
        return [mask.view(shape) for mask, shape in zip(masks, shapes, strict=True)]

    def _thresholds(self, probability: float, blocks: int) -> torch.Tensor:
        """Threshold of each block: 256 x probability, rounded at random.

        Up or down so often that the mean is exact.
        """
        thresholds = probability * _BYTES + self._random().random((blocks, 1))
        return torch.from_numpy(thresholds.astype(np.uint8))

    def _bytes(self, blocks: int) -> torch.Tensor:
        numbers = self._random().bit_generator.random_raw(blocks * _BLOCK // 8)
        return torch.from_numpy(numbers.view(np.uint8)).view(blocks, _BLOCK)

    def _random(self) -> np.random.Generator:
        if self._generator is None:
            seed = int(torch.randint(2**62, ()).item())
            self._generator = np.random.Generator(np.random.SFC64(seed))
        return self._generator


class Dropout(nn.Dropout):
    """Dropout with masks from DropoutMasks on a CPU, else torch's."""

    def __init__(self, p: float, masks: DropoutMasks):
        super().__init__(p)
        self.masks = masks

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if values.device.type != "cpu" or not self.training or self.p == 0:
            return super().forward(values)
        return values * self.masks.sample(self.p, [tuple(values.shape)], values.dtype)[0]


def replace_dropout(model: nn.Module, masks: DropoutMasks) -> None:
    """Replace every torch dropout inside a model by Dropout."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p, masks))
