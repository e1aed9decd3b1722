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

    def __call__(self, x: torch.Tensor, attention: torch.Tensor, training: bool, dtype: torch.dtype) -> torch.Tensor:
        """The last layer's output, of that dtype.

        Args:
            x: what the embeddings gave, (batch, pieces, width).
            attention: 1 for a piece and 0 for padding, (batch, pieces).
            dtype: what to compute in; sums, normalisation and softmax are in float32 inside whatever it is.
        """
        batch, pieces, width = x.shape
        heads = self._config.num_attention_heads
        shape = Shape(batch, pieces, heads, width // heads)
        self._refresh(dtype)
        with torch.autocast("cpu", enabled=False):
            rows = x.reshape(batch * pieces, width).to(dtype)
            bias = _bias(attention, shape, dtype)
            for (attend, feed), masks in zip(self._halves, self._draw(shape, width, training, dtype), strict=True):
                eps = self._config.layer_norm_eps
                rows = Attention.apply(rows, bias, *masks[:2], shape, eps, attend.work, *attend.parameters)  # type: ignore[no-untyped-call]
                rows = FeedForward.apply(rows, masks[2], eps, feed.work, *feed.parameters)  # type: ignore[no-untyped-call]
            return rows.view(batch, pieces, width)

    def _draw(self, shape: Shape, width: int, training: bool, dtype: torch.dtype) -> list[list[torch.Tensor | None]]:
        """Three masks a layer: of attention's weights, and of the outputs of both halves; None where none is due."""
        layers = len(self._layers)
        rows = (shape.batch * shape.pieces, width)
        weights = (shape.planes, shape.pieces, shape.pieces)
        wanted = (
            (self._config.attention_probs_dropout_prob, [weights] * layers),
            (self._config.hidden_dropout_prob, [rows] * 2 * layers),
        )
        drawn: list[list[torch.Tensor | None]] = [
            [*self._masks.draw(share, shapes, dtype)] if training and share > 0 else [None] * len(shapes)
            for share, shapes in wanted
        ]
        return [[drawn[0][i], drawn[1][2 * i], drawn[1][2 * i + 1]] for i in range(layers)]

    def _refresh(self, dtype: torch.dtype) -> None:
        """Brings the copies up to date with the parameters, which the optimizer moves."""
        if self._dtype != dtype:
            self._halves = [(_attention(layer, dtype), _feed_forward(layer, dtype)) for layer in self._layers]
            self._dtype = dtype
        with torch.no_grad():
            for half in (half for halves in self._halves for half in halves):
                torch._foreach_copy_(*half.fresh)


def _bias(attention: torch.Tensor, shape: Shape, dtype: torch.dtype) -> torch.Tensor | None:
    """What hides padding from attention, (planes, pieces, pieces); None where nothing is padded."""
    if bool(attention.all()):
        return None
    hidden = torch.zeros(shape.batch, 1, 1, shape.pieces, dtype=dtype)
    hidden.masked_fill_(attention[:, None, None, :] == 0, HIDDEN)
    whole = hidden.expand(shape.batch, shape.heads, shape.pieces, shape.pieces)
    return whole.reshape(shape.planes, shape.pieces, shape.pieces)


def _attention(layer: Any, dtype: torch.dtype) -> _Half:
    inner, outer = layer.attention.self, layer.attention.output
    linear = [inner.query, inner.key, inner.value]
    weights, biases = [each.weight for each in linear], [each.bias for each in linear]
    own = [*weights, *biases, outer.dense.weight, outer.dense.bias]
    width = weights[0].shape[1]
    work = [torch.empty(3 * len(weights[0]), width, dtype=dtype), torch.empty(3 * len(weights[0]), dtype=dtype)]
    work += [torch.empty_like(each, dtype=dtype) for each in own[6:]]
    return _half(own, work, [*work[0].chunk(3), *work[1].chunk(3), *work[2:]], outer.LayerNorm)


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
