"""Fast tagger: the reference tagger with parts that cost less, from the same weights."""

from collections import ChainMap
from typing import Any

import torch

from labkit.data.featurize import Batch
from labkit.model.crf import CRF
from labkit.model.crf.constraints import Constraints
from labkit.model.downstream import DOWNSTREAM, Structure
from labkit.model.fast.bilstm import FastBiLSTM
from labkit.model.fast.dropout import DropoutMasks, replace_dropout
from labkit.model.fast.encoder import FastEncoder
from labkit.model.head_config import HeadConfig
from labkit.model.reference import Tagger

_BILSTM = Structure("lstm", lambda head, size: FastBiLSTM(size, head.lstm_size, head.lstm_layers, head.dropout))


class FastTagger(Tagger):
    """Tagger with labkit's CRF and BiLSTM; on a CPU also with its encoder and dropout.

    Each line below that puts a part in its place can go by itself.

    Attributes:
        fast_encoder: None for a family that it does not compute, and unused on a GPU.
    """

    structures = ChainMap({"bilstm": _BILSTM}, DOWNSTREAM)
    crf_class = CRF

    def __init__(
        self, encoder: Any, num_tags: int, head_config: HeadConfig | None = None, constraints: Constraints | None = None
    ):
        super().__init__(encoder, num_tags, head_config, constraints)
        masks = DropoutMasks()
        replace_dropout(self, masks)
        self.fast_encoder = FastEncoder(encoder, masks) if FastEncoder.is_supported(encoder) else None

    def _encode(self, batch: Batch) -> torch.Tensor:
        if self.fast_encoder is None or batch.input_ids.device.type != "cpu":
            return super()._encode(batch)
        embedded = self.encoder.embeddings(input_ids=batch.input_ids)
        if hasattr(self.encoder, "embeddings_project"):  # an ELECTRA whose embeddings are narrower than its layers
            embedded = self.encoder.embeddings_project(embedded)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else embedded.dtype
        layers = self.fast_encoder(
            embedded, batch.attention_mask, batch.first_token, batch.word_mask, self.training, dtype,
            all_layers=self.mix is not None,
        )  # fmt: skip
        return layers[-1] if self.mix is None else self.mix(layers)

    def _attention_mask(self, batch: Batch) -> torch.Tensor | None:
        """Mask that hides padding from attention; None if nothing is padded.

        Without a mask attention takes its fastest path. Given a mask of two dimensions, transformers asks the device
        whether all of it is set, which waits for a GPU at every step; a mask of four dimensions it uses as it is.
        Encoders of other families may want two.
        """
        if batch.num_tokens == batch.input_ids.numel():
            return None
        return batch.attention_mask[:, None, None, :].bool() if self.fast_encoder else batch.attention_mask
