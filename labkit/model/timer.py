"""Timer interface: marks where a forward or backward pass enters its next phase."""

import torch


class Timer:
    """Timer that records nothing; training replaces it by one that does."""

    def lap(self, phase: str) -> None:
        """Attribute the time since the last call to this phase."""

    def mark(self, before: str, after: str, values: torch.Tensor) -> None:
        """Mark the boundary between two phases, forward and backward.

        Forward, the time since the last call goes to `before`. Backward, once the gradient of `values` is there, the
        time since the last call goes to `after`.

        Args:
            values: the output of the phase `before` and the input of the phase `after`.
        """
