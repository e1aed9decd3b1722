"""The tagger: encoder → first piece of each word → BiLSTM (or nothing) → linear → CRF."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from labkit.data.encoding import Batch
from labkit.model.crf import CRF
from labkit.model.dropout import Dropout, Masks, replace_dropout
from labkit.model.legal import Legal, legal_transitions
from labkit.model.recurrent import BiLSTM
from labkit.model.stack import Stack
from labkit.model.watch import Watch


class Tagger(nn.Module):
    """Scores every tag for every word, and a CRF over each sentence's scores.

    Gathering the first piece of each word (Devlin et al. 2019, section 5.3) lets the CRF see words only, never
    [CLS], inner pieces or padding. The CRF and the loss stay in float32 whatever the rest runs in: its sums of
    exponentials overflow in half precision.

    Args:
        encoder: a Hugging Face encoder; its pooler, which tagging does not use, is taken off.
        tags: how many tags there are.
        downstream: `bilstm`, or `none` for the linear layer right on the encoder.
        lstm_size: hidden values per direction.
        legal: what decoding may use; everything where None. The loss knows nothing of it.
    """

    def __init__(
        self,
        encoder: Any,
        tags: int,
        downstream: str = "bilstm",
        lstm_size: int = 128,
        lstm_layers: int = 1,
        dropout: float = 0.3,
        legal: Legal | None = None,
    ):
        super().__init__()
        self.watch = Watch()
        if downstream not in ("bilstm", "none"):
            raise ValueError(f"downstream must be bilstm or none, not {downstream!r}")
        self.encoder = encoder
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None  # unused weights would sit in a group, in memory and in every checkpoint
        width: int = encoder.config.hidden_size
        masks = Masks()
        replace_dropout(encoder, masks)
        self.stack = Stack(encoder, masks) if Stack.fits(encoder) else None
        self.lstm: BiLSTM | None = None
        if downstream == "bilstm":
            self.lstm = BiLSTM(width, lstm_size, lstm_layers, dropout)
            width = 2 * lstm_size
        self.dropout = Dropout(dropout, masks)
        self.linear = nn.Linear(width, tags)
        self.crf = CRF(tags, batch_first=True)
        self.legal = legal

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss: negative log likelihood per word, a scalar in float32."""
        loss = self.negative_log_likelihood(self.scores(batch), batch) / batch.words
        self.watch.spent("CRF")
        return loss

    def scores(self, batch: Batch) -> torch.Tensor:
        """Unnormalised tag scores, (batch, words, tags), float32."""
        vectors = self._encode(batch)
        self.watch.boundary("encoder", "downstream", vectors)
        words = self.dropout(vectors)
        if self.lstm is not None:
            words = self.dropout(self.lstm(words, batch.lengths))
        scores: torch.Tensor = self.linear(words).float()
        self.watch.boundary("downstream", "CRF", scores)
        return scores

    def _encode(self, batch: Batch) -> torch.Tensor:
        """The encoder's vector of each word's first piece, (batch, words, width)."""
        if self.stack is None or batch.pieces.device.type != "cpu":
            vectors = self.encoder(input_ids=batch.pieces, attention_mask=self._mask(batch)).last_hidden_state
            places = batch.first[:, :, None].expand(-1, -1, vectors.shape[-1])
            return vectors.gather(1, places)  # type: ignore[no-any-return]
        embedded = self.encoder.embeddings(input_ids=batch.pieces)
        if hasattr(self.encoder, "embeddings_project"):  # an ELECTRA whose embeddings are narrower than its layers
            embedded = self.encoder.embeddings_project(embedded)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else embedded.dtype
        return self.stack(embedded, batch.attention, batch.first, self.training, dtype)

    def _mask(self, batch: Batch) -> torch.Tensor | None:
        """What hides padding; None where there is none, so that attention takes its fastest way.

        Given a mask of two dimensions, transformers asks the device whether all of it is set, which waits for a GPU
        at every step; one of four it takes as it is. Encoders of other families may want two.
        """
        if batch.tokens == batch.pieces.numel():
            return None
        return batch.attention[:, None, None, :].bool() if self.stack else batch.attention

    def negative_log_likelihood(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Summed over the batch; a scalar in float32. (Lafferty et al. 2001)"""
        with torch.autocast(scores.device.type, enabled=False):
            likelihood: torch.Tensor = self.crf(scores.float(), batch.tags, mask=batch.mask, reduction="sum")
        return -likelihood

    def decode(self, scores: torch.Tensor, batch: Batch) -> list[list[int]]:
        """The best tag sequence of each row; the best legal one where the tagger keeps to legal tags."""
        return self.crf.decode(scores.float(), mask=batch.mask, legal=self.legal)


def new_tagger(encoder: Any, tags: Sequence[str], settings: dict[str, Any]) -> Tagger:
    """A Tagger from plain settings as a checkpoint keeps them: RunConfig's fields of its structure, and `legal_only`.

    Checkpoints older than `legal_only` are without it.
    """
    names = ("downstream", "lstm_size", "lstm_layers", "dropout")
    legal = legal_transitions(tags) if settings.get("legal_only", False) else None
    return Tagger(encoder, len(tags), **{name: settings[name] for name in names}, legal=legal)
