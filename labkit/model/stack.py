"""The layers of a BERT, computed by a few large operators where torch's own would cost a CPU twice the time."""

from dataclasses import dataclass
from typing import Any

import torch

from labkit.model.dropout import Masks
from labkit.model.layers import Attention, FeedForward, Shape

# Those of Hugging Face's families whose layers are BERT's, by other names of classes.
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
HIDDEN = -1e9  # added to a score of padding; far from bfloat16's range, and no weight is left of it


@dataclass(frozen=True)
class _Half:
    """Half a layer: its parameters, and copies to compute with; `fresh` pairs copies with their parameters."""

    parameters: tuple[torch.nn.Parameter, ...]
    work: tuple[torch.Tensor, ...]
    fresh: tuple[list[torch.Tensor], list[torch.Tensor]]


class Stack:
    """Runs a Hugging Face encoder's layers, on its own parameters; gradients and results are theirs up to rounding.

    Weights are copied once a call into the type that is computed in, which takes a hundredth of a step. On a CPU
    only: a GPU has better kernels for attention, and autocast's copies cost it nothing.
    """

    def __init__(self, encoder: Any, masks: Masks):
        self._config = encoder.config
        self._layers = list(encoder.encoder.layer)
        self._masks = masks
        self._halves: list[tuple[_Half, _Half]] = []
        self._dtype: torch.dtype | None = None

    @staticmethod
    def fits(encoder: Any) -> bool:
        """Whether this encoder's layers are of the kind that is written out here."""
        config = encoder.config
        return (
            config.model_type in FAMILIES
            and config.hidden_act == "gelu"
            and not getattr(config, "is_decoder", False)
            and not getattr(config, "chunk_size_feed_forward", 0)
            and getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
        )

    def __call__(
        self, x: torch.Tensor, attention: torch.Tensor, first: torch.Tensor, training: bool, dtype: torch.dtype
    ) -> torch.Tensor:
        """The last layer's output at each word's first piece, (batch, words, width), of that dtype.

        The last layer is computed for those pieces only, as no one reads the others.

        Args:
            x: what the embeddings gave, (batch, pieces, width).
            attention: 1 for a piece and 0 for padding, (batch, pieces).
            first: the place of each word's first piece, (batch, words).
            dtype: what to compute in; sums, normalisation and softmax are in float32 inside whatever it is.
        """
        batch, pieces, width = x.shape
        heads = self._config.num_attention_heads
        shape, eps = Shape(batch, heads, width // heads), self._config.layer_norm_eps
        self._refresh(dtype)
        with torch.autocast("cpu", enabled=False):
            rows = x.reshape(batch * pieces, width).to(dtype)
            bias = _bias(attention, heads, dtype)
            drawn = self._draw(x.shape, first.shape[1], training, dtype)
            wanted = (first + torch.arange(batch)[:, None] * pieces).flatten()
            for place, ((attend, feed), masks) in enumerate(zip(self._halves, drawn, strict=True), start=1):
                places = wanted if place == len(drawn) else None
                given = (places, bias, *masks[:2], shape, eps, attend.work, *attend.parameters)
                rows = Attention.apply(rows, *given)  # type: ignore[no-untyped-call]
                rows = FeedForward.apply(rows, masks[2], eps, feed.work, *feed.parameters)  # type: ignore[no-untyped-call]
            return rows.view(batch, -1, width)

    def _draw(
        self, shape: torch.Size, words: int, training: bool, dtype: torch.dtype
    ) -> list[list[torch.Tensor | None]]:
        """Three masks a layer: of attention's weights, and of the outputs of both halves; None where none is due."""
        batch, pieces, width = shape
        planes = batch * self._config.num_attention_heads
        rows = [pieces] * (len(self._layers) - 1) + [words]
        wanted = (
            (self._config.attention_probs_dropout_prob, [(planes, each, pieces) for each in rows]),
            (self._config.hidden_dropout_prob, [(batch * each, width) for each in rows for _ in range(2)]),
        )
        weights, outputs = (
            [*self._masks.draw(share, shapes, dtype)] if training and share > 0 else [None] * len(shapes)
            for share, shapes in wanted
        )
        return [[each, *outputs[2 * place : 2 * place + 2]] for place, each in enumerate(weights)]

    def _refresh(self, dtype: torch.dtype) -> None:
        """Brings the copies up to date with the parameters, which the optimizer moves."""
        if self._dtype != dtype:
            self._halves = [(_attention(layer, dtype), _feed_forward(layer, dtype)) for layer in self._layers]
            self._dtype = dtype
        with torch.no_grad():
            for half in (half for halves in self._halves for half in halves):
                torch._foreach_copy_(*half.fresh)


def _bias(attention: torch.Tensor, heads: int, dtype: torch.dtype) -> torch.Tensor | None:
    """What hides padding from attention, (batch x heads, 1, pieces); None where nothing is padded."""
    if bool(attention.all()):
        return None
    hidden = torch.zeros(attention.shape, dtype=dtype).masked_fill_(attention == 0, HIDDEN)
    return hidden.repeat_interleave(heads, dim=0)[:, None]


def _attention(layer: Any, dtype: torch.dtype) -> _Half:
    inner, outer = layer.attention.self, layer.attention.output
    linear = [inner.query, inner.key, inner.value]
    own = [*(each.weight for each in linear), *(each.bias for each in linear), outer.dense.weight, outer.dense.bias]
    width, inputs = inner.query.weight.shape
    projection, bias = torch.empty(3 * width, inputs, dtype=dtype), torch.empty(3 * width, dtype=dtype)
    outputs = [torch.empty_like(each, dtype=dtype) for each in own[6:]]
    return _half(own, [projection, bias, *outputs], [*projection.chunk(3), *bias.chunk(3), *outputs], outer.LayerNorm)


def _feed_forward(layer: Any, dtype: torch.dtype) -> _Half:
    expand, contract = layer.intermediate.dense, layer.output.dense
    own = [expand.weight, expand.bias, contract.weight, contract.bias]
    work = [torch.empty_like(each, dtype=dtype) for each in own]
    return _half(own, work, work, layer.output.LayerNorm)


def _half(own: list[Any], work: list[torch.Tensor], copies: list[torch.Tensor], norm: Any) -> _Half:
    """The normalisation's weights are used as they are: they are few, and it computes in float32."""
    norms = [norm.weight, norm.bias]
    copies = [copy.detach() for copy in copies]
    return _Half((*own, *norms), (*(each.detach() for each in work), *norms), (copies, own))
