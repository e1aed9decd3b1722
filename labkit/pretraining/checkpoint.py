"""Where a pretraining stands, as one file that is written aside and renamed: it is the last one, or the one before.

Which text a step reads, and what is hidden of it, follows from the seed and the step's number, so no generator has
to be kept.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from labkit.pretraining.events import HeldOutEvaluated

STATE_FILE = "pretraining.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class PretrainState:
    """All but the weights."""

    step: int = 0
    seconds: float = 0.0  # of training
    tokens: int = 0
    epoch: int = 0
    length: int = 0  # of the epoch's sequences
    cursor: int = 0  # sequences of the epoch that were read
    losses: list[float] = field(default_factory=list)  # of the last steps
    history: list[HeldOutEvaluated] = field(default_factory=list)


def save(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: PretrainState, facts: dict[str, Any]
) -> None:
    """Writes weights, the optimizer's moments and the position.

    Args:
        facts: what has to be the same for going on, as JSON can hold it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"weight {name}": each.detach() for name, each in model.named_parameters()}
    for name, parameter in model.named_parameters():
        tensors |= {f"{moment} {name}": optimizer.state[parameter][moment] for moment in _MOMENTS}
    told = {"position": json.dumps(asdict(state)), "facts": json.dumps(facts)}
    aside = folder / f".{STATE_FILE}.part"
    save_file({name: each.contiguous() for name, each in tensors.items()}, aside, metadata=told)
    os.replace(aside, folder / STATE_FILE)


def load(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, facts: dict[str, Any]
) -> PretrainState | None:
    """Puts back what `save` wrote; None where there is nothing.

    Raises ValueError where it was made from another text or by another plan, or cannot be read.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata()
            _require_same_facts(folder, json.loads(told["facts"]), json.loads(json.dumps(facts)))
            position = json.loads(told["position"])
            _restore(file, model, optimizer, float(position["step"]))
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}); remove it to begin anew") from error
    position["history"] = [HeldOutEvaluated(**each) for each in position["history"]]
    return PretrainState(**position)


def remove(folder: Path) -> None:
    (folder / STATE_FILE).unlink(missing_ok=True)


def _require_same_facts(folder: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    other = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    if other:
        told = ", ".join(f"{name} was {then.get(name)!r} and is {now.get(name)!r}" for name in other)
        raise ValueError(
            f"the pretraining begun in {folder} cannot go on: {told}; ask for the same, or give another folder"
        )


@torch.no_grad()
def _restore(file: Any, model: nn.Module, optimizer: torch.optim.Optimizer, step: float) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(file.get_tensor(f"weight {name}"))
        moments = {moment: file.get_tensor(f"{moment} {name}") for moment in _MOMENTS}
        optimizer.state[parameter] = {"step": torch.tensor(step), **moments}
