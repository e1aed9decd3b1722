"""A table of word pieces of which only those rows are trained that the training sentences can touch.

Half of a small BERT's weights are its table, and a corpus has a fraction of the pieces: of the 30,522 rows of
all-MiniLM-L6-v2, WNUT 2016's tweets touch a quarter. The gradient of the others is 0 at every step, so that Adam leaves
them where they are, and weight decay multiplies them all by the same number. Zeroing, clipping and stepping only
the live rows is therefore exact; the resting ones are multiplied when somebody reads them.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class LiveEmbedding(nn.Module):
    """Takes the place of an encoder's nn.Embedding; `weight` is the live rows. Its state dict is that of the whole.

    Args:
        whole: the embedding to replace.
        live: the rows that training can touch, (live,), each once.
    """

    _order: torch.Tensor
    _place: torch.Tensor

    def __init__(self, whole: nn.Embedding, live: torch.Tensor):
        super().__init__()
        if whole.max_norm is not None or whole.sparse or whole.scale_grad_by_freq:
            raise ValueError("an embedding with max_norm, sparse or scale_grad_by_freq cannot be split into live rows")
        rows = len(whole.weight)
        resting = torch.ones(rows, dtype=torch.bool)
        resting[live] = False
        order = torch.cat((live, resting.nonzero()[:, 0]))
        self.padding_idx = whole.padding_idx
        self.embedding_dim = whole.embedding_dim
        self.num_embeddings = rows
        self._table = whole.weight.detach()[order]  # (rows, width), the live ones first
        self.weight = nn.Parameter(self._table[: len(live)])  # shares its memory
        self.register_buffer("_order", order, persistent=False)
        self.register_buffer("_place", torch.argsort(order), persistent=False)
        self._factor = 1.0
        self._padding = None if whole.padding_idx is None else int(self._place[whole.padding_idx])

    @property
    def resting(self) -> int:
        """How many weights are not trained, as no training sentence has their piece."""
        return (self.num_embeddings - len(self.weight)) * self.embedding_dim

    def forward(self, pieces: torch.Tensor) -> torch.Tensor:
        """(batch, pieces) → (batch, pieces, width). While training, every piece must be a live one."""
        places = self._place[pieces]
        if self.training and torch.is_grad_enabled():
            padding = self._padding if self._padding is not None and self._padding < len(self.weight) else None
            return F.embedding(places, self.weight, padding)
        self._settle()
        return F.embedding(places, self._table)

    def decay(self, factor: float) -> None:
        """One step's weight decay of the resting rows: 1 - rate x decay, as AdamW does to all."""
        self._factor *= factor

    def _settle(self) -> None:
        if self._factor != 1.0:
            self._table[len(self.weight) :].mul_(self._factor)
            self._factor = 1.0

    def _apply(self, fn: Any, recurse: bool = True) -> "LiveEmbedding":
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._settle()
        self._table = fn(self._table)
        self.weight.data = self._table[: len(self.weight)]  # one memory again
        return self

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        self._settle()
        destination[prefix + "weight"] = self._table[self._place]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        whole = state_dict[prefix + "weight"]
        with torch.no_grad():
            self._table.copy_(whole[self._order.to(whole.device)])
        self._factor = 1.0


def keep_live(encoder: Any, live: torch.Tensor) -> LiveEmbedding | None:
    """Splits an encoder's table of pieces in place; None, and nothing done, where it has none of the usual kind."""
    whole = encoder.get_input_embeddings()
    if type(whole) is not nn.Embedding or len(live) == len(whole.weight):
        return None
    embedding = LiveEmbedding(whole, live).train(whole.training)
    encoder.set_input_embeddings(embedding)
    return embedding
