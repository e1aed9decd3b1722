"""Fast encoder: a BERT's layers fused into a few large operators over packed batches.

On a CPU torch's own layers take twice the time.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from labkit.model.fast.dropout import DropoutMasks
from labkit.model.fast.flat_parameters import FlatParameters, Gradient, ParameterBlock, materialize_grad
from labkit.model.fast.layers import Attention, FeedForward, FusedLayers, HalfLayer, forward_layers
from labkit.model.fast.packing import PackedBatch

# Hugging Face's families whose layers are BERT's, under other class names.
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
# The number of rows of a packed batch is a multiple of this. In bfloat16 oneDNN generates code for every new number of
# rows, which takes 20 ms or so each time.
ROW_MULTIPLE, ROW_MULTIPLES = 8, {torch.bfloat16: 32}
PADDING_BIAS = -1e9  # added to attention scores of padding; within bfloat16's range, and leaves no weight


def row_multiple_for(dtype: torch.dtype) -> int:
    """Row multiple of packed batches that are computed in a type.

    The rows are the batch's tokens and at least one spare row.
    """
    return ROW_MULTIPLES.get(dtype, ROW_MULTIPLE)


class _FlatWeights:
    """Weights of half a layer in flat parameters, as `layers.HalfLayerWeights`.

    They are six blocks, some of matrices and some of vectors.
    """

    def __init__(self, blocks: Sequence[ParameterBlock]):
        self.blocks = blocks
        self.parameters = tuple(parameter for block in blocks for parameter in block)
        self.locations: list[tuple[FlatParameters, int]] = []  # of each block: flat parameters, and the index there
        self.tensors: list[torch.Tensor] = []
        self.inplace_gradients = False

    @property
    def autograd_inputs(self) -> tuple[nn.Parameter, ...]:
        """Parameters that autograd sees as inputs; it is faster with none."""
        return () if self.inplace_gradients else self.parameters

    def accumulate_grads(self, first: int, *gradients: Gradient) -> tuple[torch.Tensor, ...]:
        """Accumulate gradients of `blocks[first:]`.

        Returns:
            Per-parameter gradients for autograd, or () if they are stored in place.
        """
        selected = slice(first, first + len(gradients))
        if self.inplace_gradients:
            for (flat, block), gradient in zip(self.locations[selected], gradients, strict=True):
                flat.accumulate_grad(block, gradient)
            return ()
        return tuple(
            part
            for block, gradient in zip(self.blocks[selected], gradients, strict=True)
            for part in materialize_grad(gradient).split([len(parameter) for parameter in block])
        )


class FastEncoder:
    """Fused forward and backward pass of a Hugging Face encoder's layers.

    It computes with the encoder's own parameters; results and gradients are the encoder's up to rounding. From the
    first call on, these are flat parameters, matrices and vectors apart, so that changed weights are cast at once to
    the type that is computed in. On a CPU only: a GPU has better kernels for attention, and autocast's copies cost it
    nothing.
    """

    def __init__(self, encoder: Any, masks: DropoutMasks | None = None):
        self._config = encoder.config
        self._layers = list(encoder.encoder.layer)
        self._masks = masks or DropoutMasks()
        self._weights = [
            _FlatWeights(blocks)
            for layer in self._layers
            for blocks in (_attention_blocks(layer), _feed_forward_blocks(layer))
        ]
        self._flat_parameters: tuple[FlatParameters, ...] = ()
        self._inplace_gradients = False

    @staticmethod
    def is_supported(encoder: Any) -> bool:
        """True if an encoder's layers are those that this class computes."""
        config = encoder.config
        return (
            config.model_type in FAMILIES
            and config.hidden_act == "gelu"
            and not getattr(config, "is_decoder", False)
            and not getattr(config, "chunk_size_feed_forward", 0)
            and getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
        )

    def __call__(
        self,
        x: torch.Tensor,
        attention_mask: torch.Tensor,
        first_token: torch.Tensor,
        word_mask: torch.Tensor,
        training: bool,
        dtype: torch.dtype,
        all_layers: bool = False,
    ) -> list[torch.Tensor]:
        """Encode each word by its first token, by one or all layers.

        The last layer is computed for those tokens only, as nothing reads the others. Values where there is no word
        mean nothing, and get no gradient.

        Args:
            x: output of the embeddings, (batch, tokens, width).
            attention_mask: (batch, tokens), 1 for a token and 0 for padding.
            first_token: (batch, words), the index of each word's first token.
            word_mask: (batch, words), true for a word.
            training: True applies dropout.
            dtype: type to compute in; sums, normalisation and softmax are in float32 inside whatever it is.

        Returns:
            (batch, words, width) of `dtype` for each layer.
        """
        heads, eps = self._config.num_attention_heads, self._config.layer_norm_eps
        tokens, words = (
            PackedBatch(mask.bool(), row_multiple_for(dtype), heads) for mask in (attention_mask, word_mask)
        )
        word_rows = tokens.row_indices.view(len(x), -1).gather(1, first_token).flatten()[words.padded_indices]
        word_rows[words.num_real_rows :] = tokens.num_real_rows
        self._refresh_weights(dtype)
        with torch.autocast("cpu", enabled=False):
            rows = tokens.pack(x).to(dtype)
            if self._inplace_gradients and torch.is_grad_enabled() and not rows.requires_grad:
                rows.requires_grad_()  # or autograd would not run this backward pass
            bias = _build_attention_bias(attention_mask, heads, dtype)
            halves: list[HalfLayer] = []
            weights = iter(self._weights)
            masks = self._sample_masks(tokens, words, training, dtype)
            for number, (of_weights, of_attention, of_output) in enumerate(masks, start=1):
                queries, query_rows = (words, word_rows) if number == len(masks) else (tokens, None)
                halves.append(
                    Attention(next(weights), eps, tokens, queries, query_rows, bias, of_weights, of_attention)
                )
                halves.append(FeedForward(next(weights), eps, of_output))
            outputs = self._apply_layers(rows, halves, word_rows if all_layers else None)
            return [words.unpack(output) for output in outputs]

    def _apply_layers(
        self, rows: torch.Tensor, halves: Sequence[HalfLayer], word_rows: torch.Tensor | None
    ) -> Sequence[torch.Tensor]:
        """Apply all layers, through autograd only where something needs gradients.

        Otherwise nothing is saved for a backward pass.
        """
        inputs = [parameter for weights in self._weights for parameter in weights.autograd_inputs]
        if not torch.is_grad_enabled() or not any(tensor.requires_grad for tensor in (rows, *inputs)):
            return forward_layers(rows, halves, word_rows)
        outputs: tuple[torch.Tensor, ...] = FusedLayers.apply(rows, halves, word_rows, *inputs)  # type: ignore[no-untyped-call]
        return outputs

    def _sample_masks(
        self, tokens: PackedBatch, queries: PackedBatch, training: bool, dtype: torch.dtype
    ) -> list[list[torch.Tensor | None]]:
        """Sample three dropout masks per layer; None where nothing is dropped.

        They are of the attention weights, and of the outputs of both halves.
        """
        width, layers = self._config.hidden_size, [tokens] * (len(self._layers) - 1) + [queries]
        planes, columns = tokens.batch * tokens.heads, tokens.padded_length
        draws = (
            (self._config.attention_probs_dropout_prob, [(planes, packed.padded_length, columns) for packed in layers]),
            (self._config.hidden_dropout_prob, [(packed.num_rows, width) for packed in layers for _ in range(2)]),
        )
        weights, outputs = (
            [*self._masks.sample(probability, shapes, dtype)] if training and probability > 0 else [None] * len(shapes)
            for probability, shapes in draws
        )
        return [[mask, *outputs[2 * layer : 2 * layer + 2]] for layer, mask in enumerate(weights)]

    def enable_inplace_gradients(self) -> dict[nn.Parameter, nn.Parameter]:
        """Let the backward pass write gradients in place, bypassing autograd; see SpeedUp.

        Returns:
            Of each of the layers' parameters, the flat parameter that an optimizer must step in its place.
        """
        self._flatten_weights()
        for flat in self._flat_parameters:
            flat.allocate_gradients()
        for half in self._weights:
            half.inplace_gradients = True
        self._inplace_gradients = True
        return {parameter: flat.flat_parameter for flat in self._flat_parameters for parameter in flat.parameters}

    def _flatten_weights(self) -> None:
        """Flatten all matrices into one parameter, and all vectors into another.

        These are also the parameters with and without weight decay.
        """
        blocks = [block for weights in self._weights for block in weights.blocks]
        self._flat_parameters = tuple(
            FlatParameters([block for block in blocks if (block[0].dim() > 1) == is_matrix])
            for is_matrix in (True, False)
        )
        counts = [itertools.count(), itertools.count()]
        for weights in self._weights:
            kinds = [0 if block[0].dim() > 1 else 1 for block in weights.blocks]
            weights.locations = [(self._flat_parameters[kind], next(counts[kind])) for kind in kinds]

    def _refresh_weights(self, dtype: torch.dtype) -> None:
        """Set the tensors of every half layer to its current weights.

        An optimizer changes them.
        """
        if (
            not self._flat_parameters
            or self._flat_parameters[0].flat_parameter.dtype != self._weights[0].parameters[0].dtype
        ):
            self._flatten_weights()
        casts = {id(flat): flat.cast(dtype) for flat in self._flat_parameters}
        for weights in self._weights:
            linear, norm = weights.locations[:4], weights.locations[4:]  # normalisation computes in float32 anyway
            weights.tensors = [casts[id(flat)][block] for flat, block in linear]
            weights.tensors += [flat.values[block] for flat, block in norm]


def _build_attention_bias(attention_mask: torch.Tensor, heads: int, dtype: torch.dtype) -> torch.Tensor | None:
    """Bias that hides padding from attention, (batch x heads, 1, tokens).

    None where nothing is padded.
    """
    if bool(attention_mask.all()):
        return None
    bias = torch.zeros(attention_mask.shape, dtype=dtype).masked_fill_(attention_mask == 0, PADDING_BIAS)
    return bias.repeat_interleave(heads, dim=0)[:, None]


def _attention_blocks(layer: Any) -> list[ParameterBlock]:
    inner, outer, norm = layer.attention.self, layer.attention.output.dense, layer.attention.output.LayerNorm
    projections = [inner.query, inner.key, inner.value]
    fused = [[linear.weight for linear in projections], [linear.bias for linear in projections]]
    return [*fused, [outer.weight], [outer.bias], [norm.weight], [norm.bias]]


def _feed_forward_blocks(layer: Any) -> list[ParameterBlock]:
    modules = (layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm)
    return [[parameter] for module in modules for parameter in (module.weight, module.bias)]
