"""Subset embedding: a token embedding that trains only the rows of tokens in the training sentences.

Half of a small BERT's weights are its token embedding, and a corpus has a fraction of the tokens: of the 30,522 rows of
all-MiniLM-L6-v2, WNUT 2016's tweets touch a quarter. The gradient of the other rows is 0 at every step, so Adam leaves
them as they are, and weight decay multiplies them all by the same number. Zeroing, clipping and stepping only the
trained rows is therefore exact; the frozen ones are multiplied when they are next read.

A batch touches a few hundred of the trained rows. With a sparse gradient in place (`enable_inplace_gradients`), those
alone are written, zeroed and measured, where torch makes ten million zeros at every step. Adam still steps all trained
rows, as it has to.
"""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class SubsetEmbedding(nn.Module):
    """Replacement of an nn.Embedding that trains a subset of its rows.

    `weight` holds the trained rows. The state dict is that of the whole embedding.

    Args:
        whole: the embedding to replace.
        trained_rows: the rows that training can touch, (trained rows,), each once.
    """

    _order: torch.Tensor  # (rows,), the whole embedding's row of each row of `_table`
    _place: torch.Tensor  # (rows,), its inverse: the row of `_table` of each token

    def __init__(self, whole: nn.Embedding, trained_rows: torch.Tensor):
        super().__init__()
        if whole.max_norm is not None or whole.sparse or whole.scale_grad_by_freq:
            raise ValueError("an embedding with max_norm, sparse or scale_grad_by_freq cannot be trained in part")
        rows = len(whole.weight)
        frozen = torch.ones(rows, dtype=torch.bool)
        frozen[trained_rows] = False
        order = torch.cat((trained_rows, frozen.nonzero()[:, 0]))
        self.padding_idx = whole.padding_idx
        self.embedding_dim = whole.embedding_dim
        self.num_embeddings = rows
        self._table = whole.weight.detach()[order]  # (rows, width), the trained ones first
        self.weight = nn.Parameter(self._table[: len(trained_rows)])  # shares its memory
        self.register_buffer("_order", order, persistent=False)
        self.register_buffer("_place", torch.argsort(order), persistent=False)
        self._factor = 1.0
        self._padding = None if whole.padding_idx is None else int(self._place[whole.padding_idx])
        self._gradient: torch.Tensor | None = None
        self._touched = trained_rows.new_empty(0)  # rows of it that are not 0, each once

    @property
    def num_frozen_weights(self) -> int:
        """Number of weights that are not trained.

        No training sentence has their tokens.
        """
        return (self.num_embeddings - len(self.weight)) * self.embedding_dim

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Look up vectors: (batch, tokens) → (batch, tokens, width).

        While training, every token must have a trained row.
        """
        rows = self._place[input_ids]
        if self.training and torch.is_grad_enabled():
            if self._gradient is not None and self.weight.requires_grad:
                vectors: torch.Tensor = _InplaceLookup.apply(self.weight, rows, self)  # type: ignore[no-untyped-call]
                return vectors
            return F.embedding(rows, self.weight, self._trained_padding)
        self._apply_decay()
        return F.embedding(rows, self._table)

    @property
    def _trained_padding(self) -> int | None:
        """Row of the padding token in `weight`; None if it is frozen.

        It never gets a gradient.
        """
        return self._padding if self._padding is not None and self._padding < len(self.weight) else None

    def enable_inplace_gradients(self) -> None:
        """Let the backward pass write the gradient in place, bypassing autograd; see SpeedUp."""
        self._gradient = torch.zeros_like(self.weight, requires_grad=False)
        self._touched = self._order.new_empty(0)

    def accumulate_grad(self, rows: torch.Tensor, gradient: torch.Tensor) -> None:
        """Add to these rows of the gradient.

        Where `weight.grad` is None, the gradient is zeroed first.

        Args:
            rows: of `weight`, (count,); may repeat.
            gradient: (count, width).
        """
        own, touched = self._gradient, rows.unique()
        assert own is not None
        if self.weight.grad is None:
            own.index_fill_(0, self._touched, 0.0)
            self.weight.grad = own
        else:
            touched = torch.cat((self._touched, touched)).unique()
        self._touched = touched
        own.index_add_(0, rows, gradient)
        if self._trained_padding is not None:
            own[self._trained_padding] = 0

    def nonzero_gradient(self) -> torch.Tensor | None:
        """Rows of the gradient that may be nonzero.

        The touched rows alone where it is written in place, else all.
        """
        if self.weight.grad is None or self.weight.grad is not self._gradient:
            return self.weight.grad
        return self._gradient.index_select(0, self._touched)

    def decay_frozen_rows(self, factor: float) -> None:
        """Apply one step's weight decay to the frozen rows.

        Args:
            factor: 1 - rate x decay, as AdamW applies it to all weights.
        """
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
    """Embedding lookup whose gradient is written in place."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, rows: torch.Tensor, embedding: SubsetEmbedding) -> torch.Tensor:
        ctx.rows, ctx.embedding = rows, embedding
        return F.embedding(rows, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, None]:
        ctx.embedding.accumulate_grad(ctx.rows.flatten(), gradient.reshape(-1, gradient.shape[-1]))
        return None, None, None


def replace_embedding(encoder: Any, trained_rows: torch.Tensor) -> SubsetEmbedding | None:
    """Replace an encoder's token embedding by a subset embedding.

    Returns:
        None, with nothing replaced, where it is no plain nn.Embedding or all of its rows are trained.
    """
    whole = encoder.get_input_embeddings()
    if type(whole) is not nn.Embedding or len(trained_rows) == len(whole.weight):
        return None
    embedding = SubsetEmbedding(whole, trained_rows).train(whole.training)
    encoder.set_input_embeddings(embedding)
    return embedding
