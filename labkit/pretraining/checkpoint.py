"""Checkpoint of a pretraining: weights, optimizer moments and position in one file.

After a crash it is the last or the previous checkpoint. The text that a step reads, and the tokens it masks, follow
from the seed and the step, so no random state is saved.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from labkit.messages import N_, Message
from labkit.paths import atomic_write
from labkit.pretraining.events import HeldOutEvaluated

STATE_FILE = "pretraining.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class PretrainState:
    """Position in a pretraining: everything but weights and moments."""

    step: int = 0
    seconds: float = 0.0  # of training
    tokens: int = 0
    epoch: int = 0
    length: int = 0  # tokens of each of the epoch's sequences
    cursor: int = 0  # number of the epoch's sequences read so far
    losses: list[float] = field(default_factory=list)  # of the last steps
    history: list[HeldOutEvaluated] = field(default_factory=list)


def save(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: PretrainState, facts: dict[str, Any]
) -> None:
    """Writes weights, optimizer moments and position.

    Args:
        facts: values that JSON can hold, which must be the same for resuming.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"weight {name}": parameter.detach() for name, parameter in model.named_parameters()}
    for name, parameter in model.named_parameters():
        tensors |= {f"{moment} {name}": optimizer.state[parameter][moment] for moment in _MOMENTS}
    metadata = {"position": json.dumps(asdict(state)), "facts": json.dumps(facts)}
    with atomic_write(folder / STATE_FILE) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=metadata)


def load(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, facts: dict[str, Any]
) -> PretrainState | None:
    """Restores a checkpoint and returns its position, or None without one.

    Raises ValueError where the checkpoint cannot be read, or is of another text or another config.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            _require_same_facts(folder, json.loads(metadata["facts"]), json.loads(json.dumps(facts)))
            position = json.loads(metadata["position"])
            _restore(file, model, optimizer, float(position["step"]))
    except (SafetensorError, KeyError, TypeError) as error:
        text = N_("{file} cannot be read ({problem}); remove it to start again")
        raise ValueError(Message(text, file=str(path), problem=str(error))) from error
    position["history"] = [HeldOutEvaluated(**event) for event in position["history"]]
    return PretrainState(**position)


def _require_same_facts(folder: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    if changed:
        text = N_(
            "the pretraining in {folder} cannot go on: {names} changed from {then} to {now}; give the same values and "
            "text, or another folder"
        )
        names = ", ".join(changed)
        before, after = (", ".join(repr(facts.get(name)) for name in changed) for facts in (then, now))
        raise ValueError(Message(text, folder=str(folder), names=names, then=before, now=after))


@torch.no_grad()
def _restore(file: Any, model: nn.Module, optimizer: torch.optim.Optimizer, step: float) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(file.get_tensor(f"weight {name}"))
        moments = {moment: file.get_tensor(f"{moment} {name}") for moment in _MOMENTS}
        optimizer.state[parameter] = {"step": torch.tensor(step), **moments}
