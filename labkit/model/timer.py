"""Who is told where a pass through the model crosses from one part into the next."""

import torch


class Timer:
    """Takes no notice; the training loop puts one in its place that does."""

    def lap(self, part: str) -> None:
        """What passed since the last call went to this part."""

    def mark(self, before: str, after: str, values: torch.Tensor) -> None:
        """`values` are what the part `before` made, and the part `after` goes on with.

        Forward, what passed since the last call went to `before`; backward, once the gradient of the values is there,
        to `after`.
        """
