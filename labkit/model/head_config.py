"""Settings of the head: all layers after the encoder, by their names in RunConfig and in checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from labkit.config import RunConfig
from labkit.settings import field_specs, validate

_CHOICES = [spec for spec in field_specs(RunConfig) if spec.name in ("downstream", "decoder")]


@dataclass(frozen=True)
class HeadConfig:
    """Head of a tagger: mix → projection → downstream → tanh → linear → decoder.

    The mix is of all the encoder's layers, else its last layer goes on. Projection, downstream structure and tanh
    layer may be absent. Choices are those of RunConfig.

    Args:
        lstm_size: hidden values per direction.
        idcnn_filters, idcnn_dilations, idcnn_repeats: see labkit.model.idcnn; dilations as `1,1,2`.
        mix_layers: True mixes all layers of the encoder; False takes its last one.
        projection_size: values a word after a linear layer before the downstream structure; 0 has no such layer.
        tanh_size: values a word after a linear layer and tanh behind the downstream structure; 0 has no such layer.
        dropout: before and after the downstream structure; once where there is none.

    Raises:
        ValueError: for an unknown downstream structure or decoder.
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
        for spec in _CHOICES:
            validate(spec, getattr(self, spec.name))

    @property
    def dilations(self) -> tuple[int, ...]:
        """`idcnn_dilations` as numbers."""
        return tuple(int(number) for number in self.idcnn_dilations.split(","))

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Select the head's fields from a run's or checkpoint's settings.

        A checkpoint lacks the settings that are newer than it. Their defaults are what it was made with.
        """
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})
