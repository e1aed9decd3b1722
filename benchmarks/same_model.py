"""Whether labkit's tagger and the peer's are one model: same first weights, same loss, same gradients.

    python benchmarks/same_model.py '{"seed": 0}'

The argument is a RunConfig as JSON. Compares on the CPU in float32, without dropout, on one batch: weight by weight
with labkit's model as it is built, then loss and gradient norms of both groups with the first step of a labkit run.
Prints the largest differences, as shares, as one line of JSON, and fails where one is above TOLERANCE.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from peer import Collator, data_of, grouped, new_peer, rows_of

from labkit.config import RunConfig
from labkit.data.downloads import locate_encoder
from labkit.events import RunFinished, StepDone
from labkit.model.pretrained import load_encoder
from labkit.model.tagger import build_tagger
from labkit.training.trainer import train

TOLERANCE = 1e-4

Tensors = dict[str, torch.Tensor]


def main() -> None:
    torch.manual_seed(1234)  # neither side may depend on what was drawn before
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        differences = compare(without_dropout(RunConfig.from_dict(json.loads(sys.argv[1])), Path(place) / "encoder"))
    print(json.dumps(differences))
    if not max(differences.values()) <= TOLERANCE:  # nor where one is no number
        sys.exit(f"labkit and its peer do not train the same model: they differ by {differences}")


def without_dropout(config: RunConfig, folder: Path) -> RunConfig:
    """The config for one step, with an encoder in `folder` whose own configuration has no dropout."""
    shutil.copytree(locate_encoder(config.encoder), folder)
    settings = json.loads((folder / "config.json").read_bytes())
    settings |= {name: 0.0 for name in settings if "drop" in name and isinstance(settings[name], float)}
    (folder / "config.json").write_text(json.dumps(settings))
    one_batch = {"train_limit": config.batch_size, "batch_size": 2 * config.batch_size}  # even if sentences are cut
    still: dict[str, Any] = {"dropout": 0.0, "precision": "float32", "device": "cpu", "epochs": 1, **one_batch}
    return config.replace(encoder=str(folder), dev_limit=1, keep="none", **still)


def compare(config: RunConfig) -> dict[str, float]:
    """The largest differences, as shares: of first weights, loss and gradients, and of a run's loss and norms."""
    data = data_of(config)
    peer = new_peer(config, len(data.corpus.tags))
    pretrained = load_encoder(locate_encoder(config.encoder))
    torch.manual_seed(config.seed)
    tagger = build_tagger(pretrained, data.corpus.tags, config.as_dict())
    weights = largest_difference(weights_of(tagger), weights_of(peer))
    theirs = peer.train()(**Collator(data.encoder.pad_token_id)(rows_of(data.train)))["loss"]
    theirs.backward()
    ours = tagger.train()(data.encoder.collate(data.train))
    ours.backward()
    step = first_step(config)
    return {
        "weights": weights,
        "loss": share(ours.item(), theirs.item()),
        "gradients": largest_difference(gradients_of(tagger), gradients_of(peer)),
        "loss of a run": share(step.loss or float("nan"), theirs.item()),
        "norms of a run": max(
            share(step.gradient_norms[name] or float("nan"), norm) for name, norm in norms(peer, config)
        ),
    }


def first_step(config: RunConfig) -> StepDone:
    """Of a labkit run. Raises RuntimeError where it failed."""
    for event in train(config):
        if isinstance(event, StepDone):
            return event
        if isinstance(event, RunFinished):
            raise RuntimeError(f"labkit's run {event.state}: {event.reason} {event.details}")
    raise AssertionError


def weights_of(model: torch.nn.Module) -> Tensors:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def gradients_of(model: torch.nn.Module) -> Tensors:
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def norms(peer: Any, config: RunConfig) -> list[tuple[str, float]]:
    """The norm of all gradients of the peer's encoder, and of its head."""
    groups = [group["params"] for group in grouped(peer, config)]  # two each, with and without decay
    both = {"encoder": groups[0] + groups[1], "head": groups[2] + groups[3]}
    return [
        (name, torch.cat([each.grad.flatten().double() for each in group]).norm().item())
        for name, group in both.items()
    ]


def share(one: float, other: float) -> float:
    return abs(one - other) / abs(other)


def largest_difference(one: Tensors, other: Tensors) -> float:
    """The largest difference of any tensor, as a share of that tensor's largest value. Raises ValueError for names.

    A key's bias moves no attention, so its gradient is rounding alone; tensors that small are measured by all of them.
    """
    if set(one) != set(other):
        raise ValueError(f"only one of the two models has {', '.join(sorted(set(one) ^ set(other)))}")
    floor = 1e-3 * max(value.abs().max().item() for value in other.values())
    apart = {name: (one[name] - other[name]).abs().max().item() for name in other}
    return max(apart[name] / max(floor, other[name].abs().max().item()) for name in other)


if __name__ == "__main__":
    main()
