"""Learning-rate groups: which weights get which rate, by which schedule.

Groups are made of submodules and their complement, never of name patterns: every parameter is in exactly one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from labkit.config import RunConfig
from labkit.events import ParamGroupInfo
from labkit.model.fast.subset_embedding import SubsetEmbedding
from labkit.training.schedules import SCHEDULES

_ROW = 4096  # values of a gradient whose norm is taken at once
_MANY = 1 << 16  # below, one go is fine


@dataclass
class ParamGroup:
    """Parameters that share a peak rate and a schedule. `peak` may be changed while training."""

    name: str
    peak_rate: float
    schedule: str
    warmup_steps: int
    weight_decay: float
    total_steps: int
    staircase_steps: int = 5000
    staircase_factor: float = 0.5
    decay_parameters: dict[str, nn.Parameter] = field(default_factory=dict)
    no_decay_parameters: dict[str, nn.Parameter] = field(default_factory=dict)
    embedding: SubsetEmbedding | None = None  # whose live rows are among these, and whose other rows only decay
    fused_into: Mapping[nn.Parameter, nn.Parameter] = field(default_factory=dict)  # to the one they are stepped as

    def resolve_fused(self, parameters: Mapping[str, nn.Parameter]) -> list[nn.Parameter]:
        """What an optimizer steps in the place of these, and whose gradients are theirs."""
        return list(dict.fromkeys(self.fused_into.get(parameter, parameter) for parameter in parameters.values()))

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return {**self.decay_parameters, **self.no_decay_parameters}

    def collect_gradients(self) -> list[torch.Tensor]:
        """All values of the parameters' gradients that may not be 0."""
        found = [
            self.embedding.nonzero_gradient()
            if self.embedding and parameter is self.embedding.weight
            else parameter.grad
            for parameter in self.resolve_fused(self.parameters)
        ]
        return [gradient for gradient in found if gradient is not None]

    def rate_at(self, step: int) -> float:
        """The rate of a step, counted from 0.

        Climbs linearly over the warm-up, reaching the peak at its last step; then it follows the schedule.
        """
        if step < self.warmup_steps:
            return self.peak_rate * (step + 1) / self.warmup_steps
        return self.peak_rate * SCHEDULES[self.schedule](
            step, self.warmup_steps, self.total_steps, self.staircase_steps, self.staircase_factor
        )

    def describe(self) -> ParamGroupInfo:
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
            frozen_parameters=self.embedding.num_frozen_weights if self.embedding else 0,
        )

    def decay_frozen_rows(self, rate: float) -> None:
        """What a step of AdamW does to weights that no gradient reaches."""
        if self.embedding:
            self.embedding.decay_frozen_rows(1 - rate * self.weight_decay)


def build_param_groups(model: Any, config: RunConfig, total_steps: int) -> list[ParamGroup]:
    """The groups `encoder` and `head`, and `crf` where it has a rate of its own.

    Args:
        model: has the submodules `encoder` and `crf`, which may be None; all else belongs to the head.
        total_steps: optimizer steps of the whole run, which schedules and warm-ups are shares of.

    Raises:
        ValueError: naming the parameter that is in no group or in two; for a rate of a CRF where there is none.
    """
    modules = {"encoder": model.encoder}
    if config.crf_rate is not None:
        if model.crf is None:
            raise ValueError(
                f"there is no CRF for a crf_rate of {config.crf_rate:g}; leave the rate out, or choose the decoder crf"
            )
        modules["crf"] = model.crf
    groups = [_empty_group(name, config, total_steps) for name in ("encoder", "head", "crf")]
    by_name = {group.name: group for group in groups}
    homes = {id(parameter): name for name, module in modules.items() for parameter in module.parameters()}
    undecayed = _find_no_decay_ids(model)
    for name, parameter in model.named_parameters():
        group = by_name[homes.get(id(parameter), "head")]
        (group.no_decay_parameters if id(parameter) in undecayed else group.decay_parameters)[name] = parameter
    by_name["encoder"].embedding = next((each for each in model.modules() if isinstance(each, SubsetEmbedding)), None)
    filled = [group for group in groups if group.parameters]
    check_partition(model, filled)
    return filled


def check_partition(model: nn.Module, groups: Sequence[ParamGroup]) -> None:
    """Raises ValueError naming the parameters of the model that are in no group, or in more than one."""
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
    """What torch's optimizers take: two entries a group, with and without weight decay, named by their group."""
    entries = []
    for group in groups:
        for parameters, decay in ((group.decay_parameters, group.weight_decay), (group.no_decay_parameters, 0.0)):
            if parameters:
                entry = {"params": group.resolve_fused(parameters), "lr": group.rate_at(0), "weight_decay": decay}
                entries.append({**entry, "group": group.name})
    return entries


def set_rates(optimizer: torch.optim.Optimizer, groups: Sequence[ParamGroup], step: int) -> dict[str, float]:
    """Gives every group its rate for a step (from 0); the only place that does. Returns the rates by name."""
    rates = {group.name: group.rate_at(step) for group in groups}
    for entry in optimizer.param_groups:
        entry["lr"] = rates[entry["group"]]
    return rates


def clip_gradients(
    groups: Sequence[ParamGroup], max_norm: float, optimizer: torch.optim.Optimizer | None = None
) -> dict[str, torch.Tensor]:
    """Scales all gradients so that their norm together is at most `largest` (0 does not); without waiting.

    Args:
        optimizer: one of torch's fused optimizers, which then scales the gradients of a CPU on its way through them, as
            it can for a GradScaler; without it they are scaled here, which takes a pass over all of them.

    Returns each group's norm before clipping, scalars on the device. Equals torch's `clip_grad_norm_`.
    """
    norms = {group.name: _norm(own) for group in groups if (own := group.collect_gradients())}
    if not norms:
        return norms
    total = torch.linalg.vector_norm(torch.stack(list(norms.values())))
    on_cpu = total.device.type == "cpu"
    divisor = torch.clamp((total + 1e-6) / max_norm, min=1.0).float() if max_norm > 0 else None
    if on_cpu and divisor is not None and divisor == 1:  # asking a GPU would wait for it, dividing by 1 costs less
        divisor = None
    if on_cpu and optimizer is not None:
        optimizer.grad_scale = divisor  # type: ignore[attr-defined]
    elif divisor is not None:
        torch._foreach_div_(_optimizer_gradients(groups), divisor)
    return norms


def _optimizer_gradients(groups: Sequence[ParamGroup]) -> list[torch.Tensor]:
    stepped = (parameter for group in groups for parameter in group.resolve_fused(group.parameters))
    return [parameter.grad for parameter in stepped if parameter.grad is not None]


def _norm(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """Of all of them together. Large ones row by row: in one go a CPU takes twice as long, and is off by 4e-4."""
    parts: list[torch.Tensor] = []
    for gradient in gradients:
        whole = gradient.numel() // _ROW * _ROW
        if gradient.device.type != "cpu" or not gradient.is_contiguous() or whole < _MANY:
            parts.append(gradient)
        else:
            values = gradient.view(-1)
            parts += [torch.linalg.vector_norm(values[:whole].view(-1, _ROW), dim=1), values[whole:]]
    together: torch.Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(parts)))
    return together


def _empty_group(name: str, config: RunConfig, total_steps: int) -> ParamGroup:
    kind = "encoder" if name == "encoder" else "head"  # the CRF goes by the head's plan, at its own rate
    peak = config.crf_rate if name == "crf" else getattr(config, f"{kind}_rate")
    return ParamGroup(
        name=name,
        peak_rate=0.0 if peak is None else peak,
        schedule=getattr(config, f"{kind}_schedule"),
        warmup_steps=round(getattr(config, f"{kind}_warmup") * total_steps),
        weight_decay=getattr(config, f"{kind}_weight_decay"),
        total_steps=total_steps,
        staircase_steps=config.staircase_steps,
        staircase_factor=config.staircase_factor,
    )


def _find_no_decay_ids(model: nn.Module) -> set[int]:
    """Biases and the weights of normalisation layers: of one dimension, all of them (Devlin et al., optimization.py).

    The CRF's start and end scores are of one dimension too, and act as biases.
    """
    return {id(parameter) for parameter in model.parameters() if parameter.dim() < 2}
