"""The tagger: encoder → first piece of each word → downstream structure → linear → CRF or softmax."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from labkit.data.featurize import Batch
from labkit.model.bilstm import BiLSTM
from labkit.model.crf import CRF
from labkit.model.crf.constraints import Constraints, allowed_transitions
from labkit.model.fast.dropout import Dropout, DropoutMasks, replace_dropout
from labkit.model.fast.encoder import FastEncoder
from labkit.model.head_config import HeadConfig
from labkit.model.idcnn import IDCNN
from labkit.model.scalar_mix import ScalarMix
from labkit.model.softmax import SoftmaxDecoder
from labkit.model.timer import Timer


class Tagger(nn.Module):
    """Scores every tag for every word, and each sentence's tags by these scores.

    Gathering the first piece of each word (Devlin et al. 2019, section 5.3) lets the decoder see words only, never
    [CLS], inner pieces or padding. CRF, softmax and the loss stay in float32 whatever the rest runs in: their sums of
    exponentials overflow in half precision.

    Args:
        encoder: a Hugging Face encoder; its pooler, which tagging does not use, is taken off.
        tags: how many tags there are.
        structure: what follows the encoder; Structure's defaults where None.
        legal: what decoding may use; everything where None. The loss knows nothing of it.

    Attributes:
        crf: None where softmax decodes; `decoder` is either.
    """

    def __init__(
        self, encoder: Any, num_tags: int, head_config: HeadConfig | None = None, constraints: Constraints | None = None
    ):
        super().__init__()
        chosen = head_config or HeadConfig()
        self.timer = Timer()
        self.encoder = encoder
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None  # unused weights would sit in a group, in memory and in every checkpoint
        masks = DropoutMasks()
        replace_dropout(encoder, masks)
        self.fast_encoder = FastEncoder(encoder, masks) if FastEncoder.is_supported(encoder) else None
        self.mix = ScalarMix(encoder.config.num_hidden_layers) if chosen.mix_layers else None
        self.dropout = Dropout(chosen.dropout, masks)
        width = self._build_downstream(chosen, encoder.config.hidden_size)
        self.linear = nn.Linear(width, num_tags)
        self.crf = CRF(num_tags, batch_first=True) if chosen.decoder == "crf" else None
        self._softmax = SoftmaxDecoder()
        self.constraints = constraints

    def _build_downstream(self, head_config: HeadConfig, width: int) -> int:
        """Makes all between encoder and scores; returns how many values a word has in the end."""
        self.projection: nn.Linear | None = None
        self.lstm: BiLSTM | None = None
        self.idcnn: IDCNN | None = None
        self.hidden: nn.Linear | None = None
        if head_config.projection_size:
            self.projection = nn.Linear(width, head_config.projection_size)
            width = head_config.projection_size
        if head_config.downstream == "bilstm":
            self.lstm = BiLSTM(width, head_config.lstm_size, head_config.lstm_layers, head_config.dropout)
            width = 2 * head_config.lstm_size
        elif head_config.downstream == "idcnn":
            self.idcnn = IDCNN(width, head_config.idcnn_filters, head_config.dilations, head_config.idcnn_repeats)
            width = self.idcnn.output_size
        if head_config.tanh_size:
            self.hidden = nn.Linear(width, head_config.tanh_size)
            width = head_config.tanh_size
        return width

    @property
    def decoder(self) -> CRF | SoftmaxDecoder:
        """What makes a loss, tags and probabilities of scores."""
        return self._softmax if self.crf is None else self.crf

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss: negative log likelihood per word, a scalar in float32."""
        loss = self.negative_log_likelihood(self.scores(batch), batch) / batch.num_words
        self.timer.lap("CRF")
        return loss

    def scores(self, batch: Batch) -> torch.Tensor:
        """Unnormalised tag scores, (batch, words, tags), float32."""
        vectors = self._encode(batch)
        self.timer.mark("encoder", "downstream", vectors)
        scores: torch.Tensor = self.linear(self._run_downstream(vectors, batch)).float()
        self.timer.mark("downstream", "CRF", scores)
        return scores

    def _run_downstream(self, vectors: torch.Tensor, batch: Batch) -> torch.Tensor:
        """What is known of each word in the end, (batch, words, values)."""
        words = self.dropout(vectors if self.projection is None else self.projection(vectors))
        if self.lstm is not None:
            words = self.dropout(self.lstm(words, batch.word_counts))
        elif self.idcnn is not None:
            words = self.dropout(self.idcnn(words, batch.word_mask))
        return words if self.hidden is None else torch.tanh(self.hidden(words))

    def _encode(self, batch: Batch) -> torch.Tensor:
        """The encoder's vector of each word's first piece, (batch, words, width)."""
        if self.fast_encoder is None or batch.input_ids.device.type != "cpu":
            return self._encode_with_transformers(batch)
        embedded = self.encoder.embeddings(input_ids=batch.input_ids)
        if hasattr(self.encoder, "embeddings_project"):  # an ELECTRA whose embeddings are narrower than its layers
            embedded = self.encoder.embeddings_project(embedded)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else embedded.dtype
        given = (embedded, batch.attention_mask, batch.first_token, batch.word_mask, self.training, dtype)
        if self.mix is None:
            return self.fast_encoder(*given)
        layers = self.fast_encoder.encode_all_layers(*given)
        return self.mix(layers)  # type: ignore[no-any-return]

    def _encode_with_transformers(self, batch: Batch) -> torch.Tensor:
        mixed = self.mix is not None
        out = self.encoder(
            input_ids=batch.input_ids, attention_mask=self._build_attention_mask(batch), output_hidden_states=mixed
        )
        layers = out.hidden_states[1:] if mixed else [out.last_hidden_state]  # the first are the embeddings
        places = batch.first_token[:, :, None].expand(-1, -1, layers[-1].shape[-1])
        found = [layer.gather(1, places) for layer in layers]
        return found[-1] if self.mix is None else self.mix(found)  # type: ignore[no-any-return]

    def _build_attention_mask(self, batch: Batch) -> torch.Tensor | None:
        """What hides padding; None where there is none, so that attention takes its fastest way.

        Given a mask of two dimensions, transformers asks the device whether all of it is set, which waits for a GPU
        at every step; one of four it takes as it is. Encoders of other families may want two.
        """
        if batch.num_tokens == batch.input_ids.numel():
            return None
        return batch.attention_mask[:, None, None, :].bool() if self.fast_encoder else batch.attention_mask

    def negative_log_likelihood(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Summed over the batch; a scalar in float32. (Lafferty et al. 2001)"""
        with torch.autocast(scores.device.type, enabled=False):
            likelihood: torch.Tensor = self.decoder(scores.float(), batch.tags, mask=batch.word_mask, reduction="sum")
        return -likelihood

    def decode(self, scores: torch.Tensor, batch: Batch) -> list[list[int]]:
        """The best tag sequence of each row; the best legal one where the tagger keeps to legal tags."""
        return self.decoder.decode(scores.float(), mask=batch.word_mask, constraints=self.constraints)


def build_tagger(encoder: Any, tags: Sequence[str], settings: dict[str, Any]) -> Tagger:
    """A Tagger from plain settings as a checkpoint keeps them: RunConfig's fields of Structure, and `legal_only`.

    Checkpoints older than one of them are without it.
    """
    legal = allowed_transitions(tags) if settings.get("legal_only", False) else None
    return Tagger(encoder, len(tags), HeadConfig.from_settings(settings), legal)
