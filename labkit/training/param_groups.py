"""Parameter groups: weights that share a learning rate, a schedule and a weight decay.

Groups are made of submodules and their complement, never of name patterns: every parameter is in exactly one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from labkit.config import RunConfig
from labkit.events import ParamGroupInfo
from labkit.messages import Message
from labkit.model.fast import NoSpeedUp
from labkit.training.config_checks import NO_CRF
from labkit.training.schedules import SCHEDULES


@dataclass
class ParamGroup:
    """Parameters that share a peak rate and a schedule.

    Attributes:
        peak_rate: may be changed while training.
        total_steps: of the whole run.
        start_step: first step, counted from 0, at which the group trains. Warm-up and schedule begin there.
    """

    name: str
    peak_rate: float
    schedule: str
    warmup_steps: int
    weight_decay: float
    total_steps: int
    staircase_steps: int = 5000
    staircase_factor: float = 0.5
    start_step: int = 0
    decay_parameters: dict[str, nn.Parameter] = field(default_factory=dict)
    no_decay_parameters: dict[str, nn.Parameter] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return {**self.decay_parameters, **self.no_decay_parameters}

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0.

        It is 0 before `start_step`, climbs linearly over the warm-up, whose last step has the peak, and then follows
        the schedule.
        """
        own_step, own_steps = step - self.start_step, self.total_steps - self.start_step
        if own_step < 0:
            return 0.0
        if own_step < self.warmup_steps:
            return self.peak_rate * (own_step + 1) / self.warmup_steps
        return self.peak_rate * SCHEDULES[self.schedule](
            own_step, self.warmup_steps, own_steps, self.staircase_steps, self.staircase_factor
        )

    def describe(self, speed_up: NoSpeedUp) -> ParamGroupInfo:
        parameters = self.parameters.values()
        return ParamGroupInfo(
            name=self.name,
            tensors=len(parameters),
            parameters=sum(parameter.numel() for parameter in parameters),
            rate=self.peak_rate,
            schedule=self.schedule,
            warmup_steps=self.warmup_steps,
            weight_decay=self.weight_decay,
            no_decay_tensors=len(self.no_decay_parameters),
            frozen_parameters=speed_up.count_frozen(parameters),
        )


def build_param_groups(model: Any, config: RunConfig, total_steps: int) -> list[ParamGroup]:
    """Builds the parameter groups `encoder`, `head` and, with its own rate, `crf`.

    Args:
        model: has the submodules `encoder` and `crf`, which may be None; all else belongs to the head.
        total_steps: optimizer steps of the whole run, of which the encoder's start and a warm-up are shares.

    Raises:
        ValueError: a parameter, which is named, is in no group or in two; or there is a CRF rate but no CRF.
    """
    modules = {"encoder": model.encoder}
    if config.crf_rate is not None:
        if model.crf is None:
            raise ValueError(Message(NO_CRF, rate=config.crf_rate))
        modules["crf"] = model.crf
    groups = [_empty_group(name, config, total_steps) for name in ("encoder", "head", "crf")]
    by_name = {group.name: group for group in groups}
    group_names = {id(parameter): name for name, module in modules.items() for parameter in module.parameters()}
    for name, parameter in model.named_parameters():
        group = by_name[group_names.get(id(parameter), "head")]
        # biases and LayerNorm have one dimension (Devlin et al., optimization.py), and so have the CRF's start and end
        # scores, which act as biases
        (group.no_decay_parameters if parameter.dim() < 2 else group.decay_parameters)[name] = parameter
    groups = [group for group in groups if group.parameters]
    check_partition(model, groups)
    return groups


def check_partition(model: nn.Module, groups: Sequence[ParamGroup]) -> None:
    """Checks that every parameter of the model is in exactly one group.

    Raises:
        ValueError: naming the parameters that are in no group or in several.
    """
    seen: dict[int, str] = {}
    for group in groups:
        for name, parameter in group.parameters.items():
            if id(parameter) in seen:
                raise ValueError(f"parameter {name} is in the groups {seen[id(parameter)]} and {group.name}")
            seen[id(parameter)] = group.name
    missing = [name for name, parameter in model.named_parameters() if id(parameter) not in seen]
    if missing:
        raise ValueError(f"parameters in no group would never be trained: {', '.join(missing)}")


def build_optimizer_groups(groups: Sequence[ParamGroup]) -> list[dict[str, Any]]:
    """Builds torch's `param_groups`: per group one with decay, one without."""
    entries = []
    for group in groups:
        for parameters, decay in ((group.decay_parameters, group.weight_decay), (group.no_decay_parameters, 0.0)):
            if parameters:
                stepped = list(parameters.values())
                entries.append({"params": stepped, "lr": group.rate_at(0), "weight_decay": decay, "group": group.name})
    return entries


def set_rates(optimizer: torch.optim.Optimizer, groups: Sequence[ParamGroup], step: int) -> dict[str, float]:
    """Sets the groups' rates for a step (from 0); returns them."""
    rates = {group.name: group.rate_at(step) for group in groups}
    for entry in optimizer.param_groups:
        entry["lr"] = rates[entry["group"]]
    return rates


def _empty_group(name: str, config: RunConfig, total_steps: int) -> ParamGroup:
    kind = "encoder" if name == "encoder" else "head"  # the CRF has the head's schedule, at its own rate
    peak = config.crf_rate if name == "crf" else getattr(config, f"{kind}_rate")
    # at least the last step is left to it, in however short a run
    start_step = min(round(config.encoder_start * total_steps), total_steps - 1) if name == "encoder" else 0
    return ParamGroup(
        name=name,
        peak_rate=0.0 if peak is None else peak,
        schedule=getattr(config, f"{kind}_schedule"),
        warmup_steps=round(getattr(config, f"{kind}_warmup") * (total_steps - start_step)),
        weight_decay=getattr(config, f"{kind}_weight_decay"),
        total_steps=total_steps,
        staircase_steps=config.staircase_steps,
        staircase_factor=config.staircase_factor,
        start_step=start_step,
    )
