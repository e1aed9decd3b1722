"""Reference tagger: encoder → first token of each word → downstream → linear → CRF or softmax.

Start here to read the model. It is plain transformers, torch and pytorch-crf, on any device, and what a run with
`implementation: reference` trains. `labkit.model.fast` computes the same, with the same weights, in less time.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torchcrf
from torch import nn

from labkit.data.featurize import Batch
from labkit.model.crf import CRF
from labkit.model.crf.constraints import Constraints
from labkit.model.downstream import DOWNSTREAM, Downstream, Structure
from labkit.model.head_config import HeadConfig
from labkit.model.scalar_mix import ScalarMix
from labkit.model.softmax import SoftmaxDecoder
from labkit.model.timer import Timer


class ReferenceCRF(CRF):
    """CRF with pytorch-crf's own loss; it decodes as every CRF of labkit."""

    forward = torchcrf.CRF.forward


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
        structures, crf_class: parts that another implementation has of its own.
    """

    structures: Mapping[str, Structure | None] = DOWNSTREAM
    crf_class: type[CRF] = ReferenceCRF

    def __init__(
        self, encoder: Any, num_tags: int, head_config: HeadConfig | None = None, constraints: Constraints | None = None
    ):
        super().__init__()
        head = head_config or HeadConfig()
        self.timer = Timer()
        self.constraints = constraints
        self.encoder = encoder
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None  # unused weights would sit in a group, in memory and in every checkpoint
        self.mix = ScalarMix(encoder.config.num_hidden_layers) if head.mix_layers else None
        self.dropout = nn.Dropout(head.dropout)
        width = encoder.config.hidden_size
        self.projection = nn.Linear(width, head.projection_size) if head.projection_size else None
        width = head.projection_size or width
        self._downstream: str | None = None  # the name of the attribute, which checkpoints name its weights by
        if structure := self.structures[head.downstream]:
            downstream = structure.build(head, width)
            self._downstream = structure.attribute
            setattr(self, structure.attribute, downstream)
            width = downstream.output_size
        self.hidden = nn.Linear(width, head.tanh_size) if head.tanh_size else None
        self.linear = nn.Linear(head.tanh_size or width, num_tags)
        self.crf = self.crf_class(num_tags, batch_first=True) if head.decoder == "crf" else None
        self._softmax = SoftmaxDecoder()

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
        words = self.dropout(vectors if self.projection is None else self.projection(vectors))
        if self._downstream is not None:
            downstream: Downstream = getattr(self, self._downstream)
            words = self.dropout(downstream(words, batch.word_mask, batch.word_counts))
        hidden = words if self.hidden is None else torch.tanh(self.hidden(words))
        scores: torch.Tensor = self.linear(hidden).float()
        self.timer.mark("downstream", "CRF", scores)
        return scores

    def _encode(self, batch: Batch) -> torch.Tensor:
        """Encode each word by its first token, (batch, words, width)."""
        mixed = self.mix is not None
        output = self.encoder(
            input_ids=batch.input_ids, attention_mask=self._attention_mask(batch), output_hidden_states=mixed
        )
        layers = output.hidden_states[1:] if mixed else [output.last_hidden_state]  # the first are the embeddings
        index = batch.first_token[:, :, None].expand(-1, -1, layers[-1].shape[-1])
        words = [layer.gather(1, index) for layer in layers]
        return words[-1] if self.mix is None else self.mix(words)  # type: ignore[no-any-return]

    def _attention_mask(self, batch: Batch) -> torch.Tensor | None:
        """Mask that hides padding from attention."""
        return batch.attention_mask

    def negative_log_likelihood(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Negative log likelihood summed over the batch; a scalar in float32. (Lafferty et al. 2001)"""
        with torch.autocast(scores.device.type, enabled=False):
            likelihood: torch.Tensor = self.decoder(scores.float(), batch.tags, mask=batch.word_mask, reduction="sum")
        return -likelihood

    def decode(self, scores: torch.Tensor, batch: Batch) -> list[list[int]]:
        """Find the best tag sequence of each row that the constraints allow."""
        return self.decoder.decode(scores.float(), mask=batch.word_mask, constraints=self.constraints)
