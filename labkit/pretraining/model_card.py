"""The model card of a pretrained encoder, in the form of the Hugging Face hub, with its figures as measured."""

from typing import Any

import torch
import transformers

from labkit import __version__
from labkit.pretraining.checkpoint import PretrainState
from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.decontamination import OVERLAP_CHARACTERS
from labkit.pretraining.training_data import PretrainingData, SourceStats

_FRONT_MATTER = """---
language: zh
license: apache-2.0
library_name: transformers
pipeline_tag: feature-extraction
tags:
- bert
- chinese
- character-level
- masked-language-modelling
- named-entity-recognition
---
"""


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
    """README.md of an encoder's folder.

    Args:
        sizes: parameters of the encoder, and bytes of its weights.
    """
    parts = (
        f"{_FRONT_MATTER}\n# {name}",
        _about(config, data, sizes, bert_config),
        _use(name, config),
        _text(data),
        _training(config, state, precision, command),
        _limits(config),
    )
    return "\n\n".join(parts) + "\n"


def _about(config: PretrainConfig, data: PretrainingData, sizes: tuple[int, int], bert_config: Any) -> str:
    parameters, size = sizes
    return (
        f"A small Chinese encoder that reads characters: BERT with {config.layers} layers, {config.width} wide, "
        f"{config.heads} heads, {config.inner} inner, {bert_config.max_position_embeddings} positions, "
        f"{len(data.vocabulary):,} tokens; {parameters / 1e6:.2f} million parameters, {size / 1e6:.1f} MB in half "
        "precision. It was pretrained by labkit's own script, on the CPU of an ordinary computer, to have a Chinese "
        "encoder that can be fine-tuned offline in seconds to minutes. Larger encoders are better; this one is small."
    )


def _use(name: str, config: PretrainConfig) -> str:
    return f"""## Use

```python
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("data/encoders/{name}")
encoder = AutoModel.from_pretrained("data/encoders/{name}", dtype="float32")
```

One character is one token. Letters are made small and lose their accents, full-width forms become their usual ones
(Unicode's NFKC: "ＷＴＯ", "WTO" and "wto" are the same three tokens, "，" is a comma), and white space is left out.
A few characters that NFKC spells out, such as ①, may be several tokens. The pooler was not trained and is the
identity. Nothing longer than {config.max_sequence_length} tokens can be read at once."""


def _text(data: PretrainingData) -> str:
    rows = "\n".join(_row(told) for told in data.source_stats)
    unknown = float((data.held_out.tokens == 1).mean()) if len(data.held_out) else 0.0
    return f"""## Text

| source | lines | left out: spared, overlapping | near the held-out text | trained on: lines, characters | held out |
|---|---|---|---|---|---|
{rows}

{len(data.train):,} tokens to train on and {len(data.held_out):,} held out, marks between lines included.
Each line counts once, repetitions are left out. Left out as well are lines that are one of the sentences to be spared
(where the pinned texts are used: MSRA's test part), that contain one of them, or that have {OVERLAP_CHARACTERS} characters in a
row in common with one; and, of the text to train on, lines that have as many in common with the held-out text.
{unknown:.2%} of the held-out tokens are unknown to the vocabulary. No tags were read."""


def _row(source: SourceStats) -> str:
    return (
        f"| {source.name} | {source.lines:,} | {source.exact}, {source.overlapping} | {source.near_held_out} "
        f"| {source.train_lines:,}, {source.train_characters:,} | {source.held_out_lines:,}, {source.held_out_characters:,} |"
    )


def _training(config: PretrainConfig, state: PretrainState, precision: str, command: str) -> str:
    last = state.history[-1]
    speed = state.tokens / max(state.seconds, 1e-9)
    stages = "; ".join(
        f"up to {stage.until:.0%} sequences of {stage.length}, {stage.tokens:,} tokens a step"
        for stage in config.stages
    )
    length = f"{config.minutes:g} minutes" if config.minutes else f"{config.steps:,} steps"
    rows = "\n".join(
        f"| {each.seconds / 60:.1f} | {each.step:,} | {each.tokens / 1e6:.1f} | {each.train_loss:.3f} "
        f"| {each.loss:.3f} | {each.accuracy:.1%} |"
        for each in _thin_history(state.history)
    )
    return f"""## Training

    {command}

Masked language modelling: {config.share:.0%} of the tokens, in whole words, of which 80% are hidden, 10% exchanged and
10% left. (Words are those that People's Daily comes with, and in other texts the longest matches with them.) AdamW
with a peak rate of {config.rate:g}, which is reached after {config.warmup:.0%} of the training and falls to 0; weight decay
{config.weight_decay:g}, gradients clipped at {config.clip_norm:g}, no dropout, seed {config.seed}, layers in {precision}.
Planned for {length}: {stages}.
First weights know which characters stand beside each other and where neighbours are (labkit/pretraining/initialisation.py).

{state.step:,} steps, {state.tokens / 1e6:.1f} million tokens, {state.seconds / 60:.1f} minutes, {speed:,.0f}
tokens a second. At the end the loss of hidden tokens was {last.loss:.3f} on the held-out text (natural logarithm), and
{last.accuracy:.1%} of them were guessed right.

| minutes | step | million tokens | training loss | held-out loss | guessed right |
|---|---|---|---|---|---|
{rows}

labkit {__version__}, torch {torch.__version__}, transformers {transformers.__version__}."""


def _thin_history(history: list[Any], most: int = 16) -> list[Any]:
    """At most so many, evenly chosen, the last one among them."""
    every = -(-len(history) // most)
    return history[::-1][::every][::-1]


def _limits(config: PretrainConfig) -> str:
    return """## Limits

- It has read the texts above and nothing else, which is little. Of other kinds of text, of words that came up later,
  and of characters that these texts do not have (nearly all traditional ones) it knows little or nothing.
- It has taken over what these texts say about people, places and products, errors and prejudices included.
- It is made for fine-tuning. As it comes, its vectors are not meant for comparing sentences.
- Fine-tuned, it wants higher rates than large encoders do: try 1e-4 to 1e-3.

## Licence

Weights and tokenizer files: Apache-2.0, as labkit. The texts belong to their authors and are not part of this folder;
no licence is stated at their sources, so judge for yourself whether your use of what was learnt from them is fine."""
