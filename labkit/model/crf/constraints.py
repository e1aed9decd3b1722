"""Constraints on tag transitions, for decoding within a tag scheme's rules."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch

from labkit.data.tags import match_scheme


class Constraints(NamedTuple):
    """Allowed starts, transitions and ends, as bool tensors."""

    start: torch.Tensor  # (tags,)
    transitions: torch.Tensor  # (tags, tags), from row to column
    end: torch.Tensor  # (tags,)

    def to(self, device: torch.device) -> Self:
        cuda = device.type == "cuda"  # a copy to MPS may read memory that was freed (pytorch issue 189690)
        return type(self)(*(allowed.to(device, non_blocking=cuda) for allowed in self))


def allowed_transitions(tags: Sequence[str]) -> Constraints:
    """Derive constraints from the scheme of the tags.

    BIO, or a scheme that marks an entity's end, like BIOES.

    >>> allowed_transitions(["O", "B-PER", "I-PER"]).start
    tensor([ True,  True, False])

    Raises:
        ValueError: if the tags' letters belong to no scheme.
    """
    scheme = match_scheme(tags)
    return Constraints(
        torch.tensor([not scheme.find_violation("", tag) for tag in tags]),
        torch.tensor([[not scheme.find_violation(before, tag) for tag in tags] for before in tags]),
        torch.tensor([not scheme.find_violation(tag, "") for tag in tags]),
    )
