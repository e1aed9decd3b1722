"""The limit of step_speed.py: how fast training would be, did it consist of the encoder's matrix products alone.

    python benchmarks/limit.py '{"seed": 0}' '[310, 245, 412]' bfloat16 float32

Arguments are a RunConfig as JSON, the pieces of each step of an epoch, and precisions, `auto` among them. Without any
steps, they are drawn by the batch size from the config's corpus. For each step, with as many pieces as
it really has, without padding: every linear layer of the encoder forward, then backward in reverse order, by the
gradient of its input and that of its weight. Each layer has weights, inputs and gradients of its own, so that caches
are as full as in training. Left out: attention's own products (1 % at the embedded corpus's lengths), and whatever is
no matrix product. Each step is taken REPEATS times in a row and its fastest counts: a step of a length that did not
come lately first has its kernels generated (oneDNN), which is no product. Prints, as one line of JSON, by precision:
pieces per second, and GFLOP/s.
"""

import json
import random
import sys
import time
from dataclasses import dataclass
from typing import Any

import torch
from peer import data_of
from transformers import AutoModel

from labkit.config import RunConfig
from labkit.data.downloads import locate_encoder
from labkit.training.precision import choose_precision

REPEATS = 3


@dataclass
class Layer:
    """A linear layer with room for the longest step; shapes as in torch.nn.Linear."""

    weight: torch.Tensor  # (out, in)
    inputs: torch.Tensor  # (pieces, in)
    outputs: torch.Tensor  # (pieces, out); backward, their gradients
    input_gradients: torch.Tensor  # (pieces, in)
    weight_gradient: torch.Tensor  # (out, in)


def main() -> None:
    config = RunConfig.from_dict(json.loads(sys.argv[1]))
    pretrained = AutoModel.from_pretrained(locate_encoder(config.encoder), use_safetensors=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    steps = json.loads(sys.argv[2]) or drawn_steps(config)
    names = dict.fromkeys(choose_precision(name, device) for name in sys.argv[3:])
    found = {name: measure(pretrained, steps, getattr(torch, name), device) for name in names}
    print(json.dumps(found))


def drawn_steps(config: RunConfig) -> list[int]:
    """Pieces without padding of every step of an epoch in random order."""
    lengths = [len(window.input_ids) for window in data_of(config).train]
    random.Random(config.seed).shuffle(lengths)
    size = config.batch_size
    return [sum(lengths[start : start + size]) for start in range(0, len(lengths), size)]


def measure(pretrained: Any, steps: list[int], kind: torch.dtype, device: torch.device) -> dict[str, float]:
    layers = layers_of(pretrained, max(steps), kind, device)
    seconds = sum(min(one_step(layers, pieces, device) for _ in range(REPEATS)) for pieces in steps)
    operations = 3 * 2 * sum(steps) * sum(layer.weight.numel() for layer in layers)
    return {"tokens_per_s": sum(steps) / seconds, "gflop_per_s": operations / seconds / 1e9}


def layers_of(pretrained: Any, most: int, kind: torch.dtype, device: torch.device) -> list[Layer]:
    """The encoder's linear layers, the pooler's not, in the order of its modules."""
    pretrained.pooler = None
    found = []
    for module in pretrained.modules():
        if isinstance(module, torch.nn.Linear):
            weight = module.weight.detach().to(device, kind)
            inputs = torch.randn(most, module.in_features, dtype=kind, device=device)
            outputs = torch.randn(most, module.out_features, dtype=kind, device=device)
            found.append(Layer(weight, inputs, outputs, torch.empty_like(inputs), torch.empty_like(weight)))
    return found


def one_step(layers: list[Layer], pieces: int, device: torch.device) -> float:
    """Seconds of a step's products."""
    begin = now(device)
    for layer in layers:
        torch.mm(layer.inputs[:pieces], layer.weight.T, out=layer.outputs[:pieces])
    for layer in reversed(layers):
        torch.mm(layer.outputs[:pieces], layer.weight, out=layer.input_gradients[:pieces])
        torch.mm(layer.outputs[:pieces].T, layer.inputs[:pieces], out=layer.weight_gradient)
    return now(device) - begin


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
