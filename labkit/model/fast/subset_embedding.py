"""A table of word pieces of which only those rows are trained that the training sentences can touch.

Half of a small BERT's weights are its table, and a corpus has a fraction of the pieces: of the 30,522 rows of
all-MiniLM-L6-v2, WNUT 2016's tweets touch a quarter. The gradient of the others is 0 at every step, so that Adam leaves
them where they are, and weight decay multiplies them all by the same number. Zeroing, clipping and stepping only
the live rows is therefore exact; the resting ones are multiplied when somebody reads them.

A batch touches a few hundred of the live rows. With a gradient of its own (`own_gradient`), those alone are written,
zeroed and measured, where torch makes ten million zeros at every step. Adam still steps all live rows, as it has to.
"""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class SubsetEmbedding(nn.Module):
    """Takes the place of an encoder's nn.Embedding; `weight` is the live rows. Its state dict is that of the whole.

    Args:
        whole: the embedding to replace.
        live: the rows that training can touch, (live,), each once.
    """

    _order: torch.Tensor
    _place: torch.Tensor

    def __init__(self, whole: nn.Embedding, trained_rows: torch.Tensor):
        super().__init__()
        if whole.max_norm is not None or whole.sparse or whole.scale_grad_by_freq:
            raise ValueError("an embedding with max_norm, sparse or scale_grad_by_freq cannot be split into live rows")
        rows = len(whole.weight)
        resting = torch.ones(rows, dtype=torch.bool)
        resting[trained_rows] = False
        order = torch.cat((trained_rows, resting.nonzero()[:, 0]))
        self.padding_idx = whole.padding_idx
        self.embedding_dim = whole.embedding_dim
        self.num_embeddings = rows
        self._table = whole.weight.detach()[order]  # (rows, width), the live ones first
        self.weight = nn.Parameter(self._table[: len(trained_rows)])  # shares its memory
        self.register_buffer("_order", order, persistent=False)
        self.register_buffer("_place", torch.argsort(order), persistent=False)
        self._factor = 1.0
        self._padding = None if whole.padding_idx is None else int(self._place[whole.padding_idx])
        self._gradient: torch.Tensor | None = None
        self._touched = trained_rows.new_empty(0)  # which rows of it are not 0, each once

    @property
    def num_frozen_weights(self) -> int:
        """How many weights are not trained, as no training sentence has their piece."""
        return (self.num_embeddings - len(self.weight)) * self.embedding_dim

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(batch, pieces) → (batch, pieces, width). While training, every piece must be a live one."""
        places = self._place[input_ids]
        if self.training and torch.is_grad_enabled():
            if self._gradient is not None and self.weight.requires_grad:
                found: torch.Tensor = _InplaceLookup.apply(self.weight, places, self)  # type: ignore[no-untyped-call]
                return found
            return F.embedding(places, self.weight, self._trained_padding)
        self._apply_decay()
        return F.embedding(places, self._table)

    @property
    def _trained_padding(self) -> int | None:
        """The row of the padding piece, which never gets a gradient, if it is a live one."""
        return self._padding if self._padding is not None and self._padding < len(self.weight) else None

    def enable_inplace_gradients(self) -> None:
        """Lets the backward pass write the gradient where it stays, not through autograd; in one process, on a CPU."""
        self._gradient = torch.zeros_like(self.weight, requires_grad=False)
        self._touched = self._order.new_empty(0)

    def accumulate_grad(self, places: torch.Tensor, gradient: torch.Tensor) -> None:
        """Adds to the gradient's rows at these places; the first time after `weight.grad` was None, to zeros.

        Args:
            places: rows of `weight`, (count,); some may be the same.
            gradient: (count, width).
        """
        mine, touched = self._gradient, places.unique()
        assert mine is not None
        if self.weight.grad is None:
            mine.index_fill_(0, self._touched, 0.0)
            self.weight.grad = mine
        else:
            touched = torch.cat((self._touched, touched)).unique()
        self._touched = touched
        mine.index_add_(0, places, gradient)
        if self._trained_padding is not None:
            mine[self._trained_padding] = 0

    def nonzero_gradient(self) -> torch.Tensor | None:
        """All of the gradient that may not be 0: its touched rows alone where it is the embedding's own."""
        if self.weight.grad is None or self.weight.grad is not self._gradient:
            return self.weight.grad
        return self._gradient.index_select(0, self._touched)

    def decay_frozen_rows(self, factor: float) -> None:
        """One step's weight decay of the resting rows: 1 - rate x decay, as AdamW does to all."""
        self._factor *= factor

    def _apply_decay(self) -> None:
        if self._factor != 1.0:
            self._table[len(self.weight) :].mul_(self._factor)
            self._factor = 1.0

    def _apply(self, fn: Any, recurse: bool = True) -> "SubsetEmbedding":
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._apply_decay()
        self._table = fn(self._table)
        self.weight.data = self._table[: len(self.weight)]  # one memory again
        if self._gradient is not None:
            self._gradient = None
            if self.weight.device.type == "cpu":
                self.enable_inplace_gradients()
        return self

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        self._apply_decay()
        destination[prefix + "weight"] = self._table[self._place]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        whole = state_dict[prefix + "weight"]
        with torch.no_grad():
            self._table.copy_(whole[self._order.to(whole.device)])
        self._factor = 1.0


class _InplaceLookup(torch.autograd.Function):
    """A look into a table that keeps its own gradient."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, places: torch.Tensor, embedding: SubsetEmbedding) -> torch.Tensor:
        ctx.places, ctx.embedding = places, embedding
        return F.embedding(places, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, None]:
        ctx.embedding.accumulate_grad(ctx.places.flatten(), gradient.reshape(-1, gradient.shape[-1]))
        return None, None, None


def replace_embedding(encoder: Any, trained_rows: torch.Tensor) -> SubsetEmbedding | None:
    """Splits an encoder's table of pieces in place; None, and nothing done, where it has none of the usual kind."""
    whole = encoder.get_input_embeddings()
    if type(whole) is not nn.Embedding or len(trained_rows) == len(whole.weight):
        return None
    embedding = SubsetEmbedding(whole, trained_rows).train(whole.training)
    encoder.set_input_embeddings(embedding)
    return embedding
