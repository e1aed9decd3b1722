"""What follows an encoder, as plain settings: by the names that RunConfig and a checkpoint give them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

DOWNSTREAM = ("bilstm", "idcnn", "none")
DECODERS = ("crf", "softmax")


@dataclass(frozen=True)
class HeadConfig:
    """encoder's last layer, or a mix of all → projection → BiLSTM, IDCNN or nothing → tanh layer → linear → decoder.

    Args:
        lstm_size: hidden values per direction.
        idcnn_filters, idcnn_dilations, idcnn_repeats: see labkit.model.idcnn; dilations as `1,1,2`.
        mix_layers: whether all layers of the encoder are mixed, or its last one goes on.
        projection_size: values a word after a linear layer in front of all; 0 has no such layer.
        tanh_size: values a word after a linear layer and tanh behind the structure; 0 has no such layer.
        dropout: before and after the BiLSTM or IDCNN; once where there is neither.

    Raises ValueError for a downstream structure or a decoder that does not exist.
    """

    downstream: str = "bilstm"
    decoder: str = "crf"
    lstm_size: int = 128
    lstm_layers: int = 1
    idcnn_filters: int = 256
    idcnn_dilations: str = "1,1,2"
    idcnn_repeats: int = 4
    mix_layers: bool = False
    projection_size: int = 0
    tanh_size: int = 0
    dropout: float = 0.3

    def __post_init__(self) -> None:
        for name, known in (("downstream", DOWNSTREAM), ("decoder", DECODERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")

    @property
    def dilations(self) -> tuple[int, ...]:
        return tuple(int(number) for number in self.idcnn_dilations.split(","))

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """From settings of which some are its fields. A checkpoint lacks those that are newer than it: their defaults
        are what it was made with."""
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})
