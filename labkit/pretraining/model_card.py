"""Model card of a pretrained encoder: `model_card.md`, filled in with measured figures."""

from pathlib import Path
from typing import Any

import torch
import transformers

from labkit import __version__
from labkit.pretraining.checkpoint import PretrainState
from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.decontamination import OVERLAP_CHARACTERS
from labkit.pretraining.training_data import PretrainingData
from labkit.pretraining.vocabulary import UNK

_TEMPLATE = Path(__file__).with_suffix(".md")
_MAX_HISTORY_ROWS = 16


def model_card(
    name: str,
    config: PretrainConfig,
    data: PretrainingData,
    state: PretrainState,
    precision: str,
    command: str,
    sizes: tuple[int, int],
    bert_config: Any,
) -> str:
    """Returns the README.md of an encoder, in the Hugging Face hub's form.

    Args:
        name: of the encoder's folder.
        precision: dtype that the layers computed in.
        command: command line that pretrained it.
        sizes: parameters of the encoder, and bytes of its weights.
        bert_config: the encoder's BertConfig.
    """
    history_step = -(-len(state.history) // _MAX_HISTORY_ROWS)
    history = state.history[::-1][::history_step][::-1]  # evenly spaced, with the last one
    return _TEMPLATE.read_text(encoding="utf-8").format(
        name=name,
        config=config,
        state=state,
        precision=precision,
        command=command,
        positions=bert_config.max_position_embeddings,
        vocabulary=len(data.vocabulary),
        million_parameters=sizes[0] / 1e6,
        megabytes=sizes[1] / 1e6,
        source_rows="\n".join(
            f"| {source.name} | {source.lines:,} | {source.exact}, {source.overlapping} | {source.near_held_out} | "
            f"{source.train_lines:,}, {source.train_characters:,} | "
            f"{source.held_out_lines:,}, {source.held_out_characters:,} |"
            for source in data.source_stats
        ),
        train_tokens=len(data.train),
        held_out_tokens=len(data.held_out),
        overlap=OVERLAP_CHARACTERS,
        unknown_share=float((data.held_out.tokens == UNK).mean()) if len(data.held_out) else 0.0,
        length=f"{config.minutes:g} minutes" if config.minutes else f"{config.steps:,} steps",
        stages="; ".join(
            f"up to {stage.until:.0%} sequences of {stage.length}, {stage.tokens:,} tokens a step"
            for stage in config.stages
        ),
        million_tokens=state.tokens / 1e6,
        minutes=state.seconds / 60,
        tokens_per_second=state.tokens / max(state.seconds, 1e-9),
        last=state.history[-1],
        history_rows="\n".join(
            f"| {event.seconds / 60:.1f} | {event.step:,} | {event.tokens / 1e6:.1f} | {event.train_loss:.3f} "
            f"| {event.loss:.3f} | {event.accuracy:.1%} |"
            for event in history
        ),
        labkit=__version__,
        torch=torch.__version__,
        transformers=transformers.__version__,
    )
