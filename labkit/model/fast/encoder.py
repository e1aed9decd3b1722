"""The layers of a BERT, computed by a few large operators where torch's own would cost a CPU twice the time."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from labkit.model.fast.dropout import DropoutMasks
from labkit.model.fast.flat_parameters import FlatParameters, Gradient, ParameterBlock, materialize_grad
from labkit.model.fast.layers import Attention, FeedForward, FusedLayers, HalfLayer, forward_layers
from labkit.model.fast.packing import PackedBatch

# Those of Hugging Face's families whose layers are BERT's, by other names of classes.
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
# Rows of a batch are filled up to a multiple of this. In bfloat16 oneDNN generates code for every new number of rows,
# which takes 20 ms or so each time.
ROW_MULTIPLE, ROW_MULTIPLES = 8, {torch.bfloat16: 32}
PADDING_BIAS = -1e9  # added to a score of padding; far from bfloat16's range, and no weight is left of it


def row_multiple_for(dtype: torch.dtype) -> int:
    """What a batch's pieces, and a spare row, are filled up to a multiple of, to compute in that type."""
    return ROW_MULTIPLES.get(dtype, ROW_MULTIPLE)


class _FlatWeights:
    """The weights of half a layer, as `layers.Weights` wants them: six runs, some matrices and some vectors."""

    def __init__(self, blocks: Sequence[ParameterBlock]):
        self.blocks = blocks
        self.parameters = tuple(parameter for run in blocks for parameter in run)
        self.locations: list[tuple[FlatParameters, int]] = []  # which run of which memory each is
        self.tensors: list[torch.Tensor] = []
        self.inplace_gradients = False

    @property
    def autograd_inputs(self) -> tuple[nn.Parameter, ...]:
        """What autograd is to see as inputs; it is quicker with none."""
        return () if self.inplace_gradients else self.parameters

    def accumulate_grads(self, first: int, *gradients: Gradient) -> tuple[torch.Tensor, ...]:
        """Takes the gradients of these runs, from the first on; returns those of their parameters, if not kept."""
        given = slice(first, first + len(gradients))
        if self.inplace_gradients:
            for (flat, run), gradient in zip(self.locations[given], gradients, strict=True):
                flat.accumulate_grad(run, gradient)
            return ()
        pairs = zip(self.blocks[given], gradients, strict=True)
        return tuple(part for run, each in pairs for part in materialize_grad(each).split([len(one) for one in run]))


class FastEncoder:
    """Runs a Hugging Face encoder's layers, on its own parameters; gradients and results are theirs up to rounding.

    Weights are copied into the type that is computed in where they have changed; for that they lie end to end in two
    memories, matrices and vectors, from the first call on. On a CPU only: a GPU has better kernels for attention, and
    autocast's copies cost it nothing.
    """

    def __init__(self, encoder: Any, masks: DropoutMasks):
        self._config = encoder.config
        self._layers = list(encoder.encoder.layer)
        self._masks = masks
        self._weights = [
            _FlatWeights(runs)
            for layer in self._layers
            for runs in (_attention_blocks(layer), _feed_forward_blocks(layer))
        ]
        self._flat_parameters: tuple[FlatParameters, ...] = ()
        self._inplace_gradients = False

    @staticmethod
    def is_supported(encoder: Any) -> bool:
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
        self, x: torch.Tensor, attention_mask: torch.Tensor, first_token: torch.Tensor, word_mask: torch.Tensor, training: bool,
        dtype: torch.dtype,
    ) -> torch.Tensor:  # fmt: skip
        """The last layer's output at each word's first piece, (batch, words, width), of that dtype.

        The last layer is computed for those pieces only, as no one reads the others. What stands where there is no word
        means nothing, and takes no gradient.

        Args:
            x: what the embeddings gave, (batch, pieces, width).
            attention: 1 for a piece and 0 for padding, (batch, pieces).
            first: the place of each word's first piece, (batch, words).
            words: true where there is a word, (batch, words).
            dtype: what to compute in; sums, normalisation and softmax are in float32 inside whatever it is.
        """
        return self._forward(x, attention_mask, first_token, word_mask, training, dtype, all_layers=False)[-1]

    def encode_all_layers(
        self, x: torch.Tensor, attention_mask: torch.Tensor, first_token: torch.Tensor, word_mask: torch.Tensor, training: bool,
        dtype: torch.dtype,
    ) -> list[torch.Tensor]:  # fmt: skip
        """As calling it, but each layer's output at each word's first piece, from the first layer to the last."""
        return self._forward(x, attention_mask, first_token, word_mask, training, dtype, all_layers=True)

    def _forward(
        self, x: torch.Tensor, attention_mask: torch.Tensor, first_token: torch.Tensor, word_mask: torch.Tensor, training: bool,
        dtype: torch.dtype, all_layers: bool,
    ) -> list[torch.Tensor]:  # fmt: skip
        """The outputs of every layer, or of the last alone, each (batch, words, width)."""
        heads, eps = self._config.num_attention_heads, self._config.layer_norm_eps
        pieces, asked = (
            PackedBatch(real.bool(), row_multiple_for(dtype), heads) for real in (attention_mask, word_mask)
        )
        places = pieces.row_indices.view(len(x), -1).gather(1, first_token).flatten()[asked.padded_indices]
        places[asked.num_real_rows :] = pieces.num_real_rows
        self._refresh_weights(dtype)
        with torch.autocast("cpu", enabled=False):
            rows = pieces.pack(x).to(dtype)
            if self._inplace_gradients and torch.is_grad_enabled() and not rows.requires_grad:
                rows.requires_grad_()  # or no backward pass would come by here
            bias = _build_attention_bias(attention_mask, heads, dtype)
            halves: list[HalfLayer] = []
            weights = iter(self._weights)
            drawn = self._sample_masks(pieces, asked, training, dtype)
            for number, (by_weights, by_attention, by_output) in enumerate(drawn, start=1):
                wanted, at = (asked, places) if number == len(drawn) else (pieces, None)
                halves.append(Attention(next(weights), eps, pieces, wanted, at, bias, by_weights, by_attention))
                halves.append(FeedForward(next(weights), eps, by_output))
            found = self._apply_layers(rows, halves, places if all_layers else None)
            return [asked.unpack(each) for each in found]

    def _apply_layers(
        self, rows: torch.Tensor, halves: Sequence[HalfLayer], places: torch.Tensor | None
    ) -> Sequence[torch.Tensor]:
        """Through all layers, by autograd only where it has something to record: what it records is kept."""
        inputs = [parameter for half in self._weights for parameter in half.autograd_inputs]
        if not torch.is_grad_enabled() or not any(each.requires_grad for each in (rows, *inputs)):
            return forward_layers(rows, halves, places)
        outputs: tuple[torch.Tensor, ...] = FusedLayers.apply(rows, halves, places, *inputs)  # type: ignore[no-untyped-call]
        return outputs

    def _sample_masks(
        self, tokens: PackedBatch, queries: PackedBatch, training: bool, dtype: torch.dtype
    ) -> list[list[torch.Tensor | None]]:
        """Three masks a layer: of attention's weights, and of the outputs of both halves; None where none is due."""
        width, layers = self._config.hidden_size, [tokens] * (len(self._layers) - 1) + [queries]
        planes = tokens.batch * tokens.heads
        wanted = (
            (
                self._config.attention_probs_dropout_prob,
                [(planes, each.padded_length, tokens.padded_length) for each in layers],
            ),
            (self._config.hidden_dropout_prob, [(each.num_rows, width) for each in layers for _ in range(2)]),
        )
        weights, outputs = (
            [*self._masks.sample(share, shapes, dtype)] if training and share > 0 else [None] * len(shapes)
            for share, shapes in wanted
        )
        return [[each, *outputs[2 * place : 2 * place + 2]] for place, each in enumerate(weights)]

    def enable_inplace_gradients(self) -> dict[nn.Parameter, nn.Parameter]:
        """Lets the backward pass write gradients where they stay, not through autograd; in one process only.

        Returns, for each of the layers' parameters, the one that an optimizer is to step in the place of all of them.
        """
        self._flatten_weights()
        for flat in self._flat_parameters:
            flat.allocate_gradients()
        for half in self._weights:
            half.inplace_gradients = True
        self._inplace_gradients = True
        return {parameter: flat.flat_parameter for flat in self._flat_parameters for parameter in flat.parameters}

    def _flatten_weights(self) -> None:
        """Matrices and vectors each end to end; these are the same groups as those with and without weight decay."""
        self._flat_parameters = tuple(
            FlatParameters([run for half in self._weights for run in half.blocks if (run[0].dim() > 1) == wide])
            for wide in (True, False)
        )
        counts = [itertools.count(), itertools.count()]
        for half in self._weights:
            kinds = [0 if run[0].dim() > 1 else 1 for run in half.blocks]
            half.locations = [(self._flat_parameters[kind], next(counts[kind])) for kind in kinds]

    def _refresh_weights(self, dtype: torch.dtype) -> None:
        """Lets every half compute with its weights of the moment, which an optimizer moves."""
        if (
            not self._flat_parameters
            or self._flat_parameters[0].flat_parameter.dtype != self._weights[0].parameters[0].dtype
        ):
            self._flatten_weights()
        copies = {id(flat): flat.cast(dtype) for flat in self._flat_parameters}
        for half in self._weights:
            copied, kept = half.locations[:4], half.locations[4:]  # a normalisation computes in float32 anyway
            half.tensors = [*(copies[id(flat)][run] for flat, run in copied), *(flat.values[run] for flat, run in kept)]


def _build_attention_bias(attention_mask: torch.Tensor, heads: int, dtype: torch.dtype) -> torch.Tensor | None:
    """What hides padding from attention, (batch x heads, 1, pieces); None where nothing is padded."""
    if bool(attention_mask.all()):
        return None
    hidden = torch.zeros(attention_mask.shape, dtype=dtype).masked_fill_(attention_mask == 0, PADDING_BIAS)
    return hidden.repeat_interleave(heads, dim=0)[:, None]


def _attention_blocks(layer: Any) -> list[ParameterBlock]:
    inner, outer, norm = layer.attention.self, layer.attention.output.dense, layer.attention.output.LayerNorm
    linear = [inner.query, inner.key, inner.value]
    together = [[each.weight for each in linear], [each.bias for each in linear]]
    return [*together, [outer.weight], [outer.bias], [norm.weight], [norm.bias]]


def _feed_forward_blocks(layer: Any) -> list[ParameterBlock]:
    parts = (layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm)
    return [[each] for part in parts for each in (part.weight, part.bias)]
