"""Sequence tagger: encoder → first token of each word → downstream → linear → CRF or softmax."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from labkit.data.featurize import Batch
from labkit.model.crf import CRF
from labkit.model.crf.constraints import Constraints, allowed_transitions
from labkit.model.downstream import DOWNSTREAM, Downstream
from labkit.model.fast.dropout import Dropout, DropoutMasks, replace_dropout
from labkit.model.fast.encoder import FastEncoder
from labkit.model.head_config import HeadConfig
from labkit.model.scalar_mix import ScalarMix
from labkit.model.softmax import SoftmaxDecoder
from labkit.model.timer import Timer


class Tagger(nn.Module):
    """Model that scores the tags of each word, and decodes them.

    Words are represented by their first token (Devlin et al. 2019, section 5.3), so that the decoder sees words only:
    no [CLS], no later tokens of a word, no padding. CRF, softmax and the loss stay in float32 whatever the rest
    computes in: their sums of exponentials overflow in half precision.

    Args:
        encoder: a Hugging Face encoder; its pooler, which tagging does not use, is removed.
        num_tags: number of tags.
        head_config: layers after the encoder; HeadConfig's defaults if None.
        constraints: what decoding may use; everything if None. They have no effect on the loss.

    Attributes:
        crf: None where softmax decodes; `decoder` is either.
    """

    def __init__(
        self, encoder: Any, num_tags: int, head_config: HeadConfig | None = None, constraints: Constraints | None = None
    ):
        super().__init__()
        head_config = head_config or HeadConfig()
        self.timer = Timer()
        self.encoder = encoder
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None  # unused weights would sit in a group, in memory and in every checkpoint
        masks = DropoutMasks()
        replace_dropout(encoder, masks)
        self.fast_encoder = FastEncoder(encoder, masks) if FastEncoder.is_supported(encoder) else None
        self.mix = ScalarMix(encoder.config.num_hidden_layers) if head_config.mix_layers else None
        self.dropout = Dropout(head_config.dropout, masks)
        width = self._build_downstream(head_config, encoder.config.hidden_size)
        self.linear = nn.Linear(width, num_tags)
        self.crf = CRF(num_tags, batch_first=True) if head_config.decoder == "crf" else None
        self._softmax = SoftmaxDecoder()
        self.constraints = constraints

    def _build_downstream(self, head_config: HeadConfig, width: int) -> int:
        """Build all layers between encoder and scores; return their output width."""
        self.projection = nn.Linear(width, head_config.projection_size) if head_config.projection_size else None
        width = head_config.projection_size or width
        self._downstream: str | None = None  # the name of the attribute, which checkpoints name its weights by
        if structure := DOWNSTREAM[head_config.downstream]:
            downstream = structure.build(head_config, width)
            self._downstream = structure.attribute
            setattr(self, structure.attribute, downstream)
            width = downstream.output_size
        self.hidden = nn.Linear(width, head_config.tanh_size) if head_config.tanh_size else None
        return head_config.tanh_size or width

    @property
    def decoder(self) -> CRF | SoftmaxDecoder:
        """Decoder that turns scores into a loss, tags and probabilities."""
        return self._softmax if self.crf is None else self.crf

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the loss: negative log likelihood per word, a scalar in float32."""
        loss = self.negative_log_likelihood(self.scores(batch), batch) / batch.num_words
        self.timer.lap("CRF")
        return loss

    def scores(self, batch: Batch) -> torch.Tensor:
        """Return unnormalised tag scores, (batch, words, tags), float32."""
        vectors = self._encode(batch)
        self.timer.mark("encoder", "downstream", vectors)
        scores: torch.Tensor = self.linear(self._run_downstream(vectors, batch)).float()
        self.timer.mark("downstream", "CRF", scores)
        return scores

    def _run_downstream(self, vectors: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Apply all layers between encoder and scores, (batch, words, width)."""
        words = self.dropout(vectors if self.projection is None else self.projection(vectors))
        if self._downstream is not None:
            downstream: Downstream = getattr(self, self._downstream)
            words = self.dropout(downstream(words, batch.word_mask, batch.word_counts))
        return words if self.hidden is None else torch.tanh(self.hidden(words))

    def _encode(self, batch: Batch) -> torch.Tensor:
        """Encode each word by its first token, (batch, words, width)."""
        if self.fast_encoder is None or batch.input_ids.device.type != "cpu":
            return self._encode_with_transformers(batch)
        embedded = self.encoder.embeddings(input_ids=batch.input_ids)
        if hasattr(self.encoder, "embeddings_project"):  # an ELECTRA whose embeddings are narrower than its layers
            embedded = self.encoder.embeddings_project(embedded)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else embedded.dtype
        inputs = (embedded, batch.attention_mask, batch.first_token, batch.word_mask, self.training, dtype)
        if self.mix is None:
            return self.fast_encoder(*inputs)
        layers = self.fast_encoder.encode_all_layers(*inputs)
        return self.mix(layers)  # type: ignore[no-any-return]

    def _encode_with_transformers(self, batch: Batch) -> torch.Tensor:
        mixed = self.mix is not None
        out = self.encoder(
            input_ids=batch.input_ids, attention_mask=self._build_attention_mask(batch), output_hidden_states=mixed
        )
        layers = out.hidden_states[1:] if mixed else [out.last_hidden_state]  # the first are the embeddings
        index = batch.first_token[:, :, None].expand(-1, -1, layers[-1].shape[-1])
        words = [layer.gather(1, index) for layer in layers]
        return words[-1] if self.mix is None else self.mix(words)  # type: ignore[no-any-return]

    def _build_attention_mask(self, batch: Batch) -> torch.Tensor | None:
        """Mask that hides padding from attention; None if nothing is padded.

        Without a mask attention takes its fastest path. Given a mask of two dimensions, transformers asks the device
        whether all of it is set, which waits for a GPU at every step; a mask of four dimensions it uses as it is.
        Encoders of other families may want two.
        """
        if batch.num_tokens == batch.input_ids.numel():
            return None
        return batch.attention_mask[:, None, None, :].bool() if self.fast_encoder else batch.attention_mask

    def negative_log_likelihood(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Negative log likelihood summed over the batch; a scalar in float32. (Lafferty et al. 2001)"""
        with torch.autocast(scores.device.type, enabled=False):
            likelihood: torch.Tensor = self.decoder(scores.float(), batch.tags, mask=batch.word_mask, reduction="sum")
        return -likelihood

    def decode(self, scores: torch.Tensor, batch: Batch) -> list[list[int]]:
        """Find the best tag sequence of each row that the constraints allow."""
        return self.decoder.decode(scores.float(), mask=batch.word_mask, constraints=self.constraints)


def build_tagger(encoder: Any, tags: Sequence[str], settings: dict[str, Any]) -> Tagger:
    """Build a Tagger from the plain settings that a checkpoint keeps.

    Args:
        settings: HeadConfig's fields and `legal_only`, by their names in RunConfig; a checkpoint that is older than a
            setting lacks it.
    """
    constraints = allowed_transitions(tags) if settings.get("legal_only", False) else None
    return Tagger(encoder, len(tags), HeadConfig.from_settings(settings), constraints)
