"""Construction of a tagger, by its implementation: fast or reference."""

from collections.abc import Sequence
from typing import Any

from labkit.model.crf.constraints import allowed_transitions
from labkit.model.fast import FastTagger
from labkit.model.head_config import HeadConfig
from labkit.model.reference import Tagger

__all__ = ["IMPLEMENTATIONS", "Tagger", "build_tagger"]

IMPLEMENTATIONS: dict[str, type[Tagger]] = {"fast": FastTagger, "reference": Tagger}


def build_tagger(encoder: Any, tags: Sequence[str], settings: dict[str, Any]) -> Tagger:
    """Build a tagger from the plain settings that a checkpoint keeps.

    Args:
        settings: HeadConfig's fields, `implementation` and `legal_only`, by their names in RunConfig; a checkpoint that
            is older than a setting lacks it.
    """
    constraints = allowed_transitions(tags) if settings.get("legal_only", False) else None
    implementation = IMPLEMENTATIONS[settings.get("implementation", "fast")]
    return implementation(encoder, len(tags), HeadConfig.from_settings(settings), constraints)
