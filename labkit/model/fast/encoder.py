"""Fast encoder: a BERT's layers fused into a few large operators over packed batches.

On a CPU torch's own layers take twice the time.
"""

from collections.abc import Sequence
from typing import Any

import torch

from labkit.model.fast.dropout import DropoutMasks
from labkit.model.fast.flat_parameters import FlatParameters, ParameterBlock
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


class FastEncoder:
    """Fused forward and backward pass of a Hugging Face encoder's layers.

    It computes with the encoder's own parameters, which are flat ones from the first call on; results and gradients are
    the encoder's up to rounding. On a CPU only: a GPU has better kernels for attention, and autocast's copies cost it
    nothing.
    """

    def __init__(self, encoder: Any, masks: DropoutMasks | None = None):
        self._config = encoder.config
        self._layers = list(encoder.encoder.layer)
        self._masks = masks or DropoutMasks()
        self._flat: FlatParameters | None = None

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
        with torch.autocast("cpu", enabled=False):
            rows = tokens.pack(x).to(dtype)
            bias = _build_attention_bias(attention_mask, heads, dtype)
            halves: list[HalfLayer] = []
            weights = iter(self._current_weights(dtype))
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
        assert self._flat
        parameters = self._flat.parameters
        if not torch.is_grad_enabled() or not any(tensor.requires_grad for tensor in (rows, *parameters)):
            return forward_layers(rows, halves, word_rows)
        outputs: tuple[torch.Tensor, ...] = FusedLayers.apply(rows, halves, word_rows, *parameters)  # type: ignore[no-untyped-call]
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

    def _current_weights(self, dtype: torch.dtype) -> list[list[torch.Tensor]]:
        """Six tensors of every half layer, as `layers` wants them."""
        if self._flat is None or self._flat.dtype != next(self._layers[0].parameters()).dtype:
            self._flat = FlatParameters([block for layer in self._layers for block in _blocks(layer)])
        cast, values = self._flat.cast(dtype), self._flat.values
        # normalisation, the last two, computes in float32 anyway
        return [[*cast[half : half + 4], *values[half + 4 : half + 6]] for half in range(0, len(values), 6)]


def _build_attention_bias(attention_mask: torch.Tensor, heads: int, dtype: torch.dtype) -> torch.Tensor | None:
    """Bias that hides padding from attention, (batch x heads, 1, tokens).

    None where nothing is padded.
    """
    if bool(attention_mask.all()):
        return None
    bias = torch.zeros(attention_mask.shape, dtype=dtype).masked_fill_(attention_mask == 0, PADDING_BIAS)
    return bias.repeat_interleave(heads, dim=0)[:, None]


def _blocks(layer: Any) -> list[ParameterBlock]:
    """Six blocks of either half of a layer; those of query, key and value are stacked."""
    inner, outer, norm = layer.attention.self, layer.attention.output.dense, layer.attention.output.LayerNorm
    projections = [inner.query, inner.key, inner.value]
    stacked = [[linear.weight for linear in projections], [linear.bias for linear in projections]]
    modules = (outer, norm, layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm)
    return [*stacked, *([parameter] for module in modules for parameter in (module.weight, module.bias))]
