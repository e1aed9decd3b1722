"""Which tag may follow which, for decoding that never breaks a tag scheme's rules."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch

from labkit.data.tags import match_scheme


class Constraints(NamedTuple):
    """What is allowed, as bool: (tags,), (tags, tags) from row to column, (tags,)."""

    start: torch.Tensor
    transitions: torch.Tensor
    end: torch.Tensor

    def to(self, device: torch.device) -> Self:
        cuda = device.type == "cuda"  # a copy to MPS may read memory that was given away (pytorch issue 189690)
        return type(self)(*(allowed.to(device, non_blocking=cuda) for allowed in self))


def allowed_transitions(tags: Sequence[str]) -> Constraints:
    """What the scheme that the tags are written in allows: BIO, or one that marks an entity's end, such as BIOES.

    >>> legal_transitions(["O", "B-PER", "I-PER"]).start
    tensor([ True,  True, False])

    Raises ValueError where the tags' letters belong to no scheme.
    """
    scheme = match_scheme(tags)
    return Constraints(
        torch.tensor([not scheme.find_violation("", tag) for tag in tags]),
        torch.tensor([[not scheme.find_violation(before, tag) for tag in tags] for before in tags]),
        torch.tensor([not scheme.find_violation(tag, "") for tag in tags]),
    )
