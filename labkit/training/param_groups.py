"""Parameter groups: weights that share a learning rate, a schedule and a weight decay.

Groups are made of submodules and their complement, never of name patterns: every parameter is in exactly one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from labkit.config import RunConfig
from labkit.events import ParamGroupInfo
from labkit.messages import Message
from labkit.model.fast.subset_embedding import SubsetEmbedding
from labkit.training.config_checks import NO_CRF
from labkit.training.schedules import SCHEDULES

_NORM_ROW = 4096  # values of a large gradient whose norm is computed at once
_MIN_LARGE_VALUES = 1 << 16  # smaller gradients need no rows


@dataclass
class ParamGroup:
    """Parameters that share a peak rate and a schedule.

    `peak_rate` may be changed while training.
    """

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
    embedding: SubsetEmbedding | None = None  # its trained rows are among these, its frozen rows only decay
    fused_into: Mapping[nn.Parameter, nn.Parameter] = field(default_factory=dict)  # parameter → flat one to step

    def resolve_fused(self, parameters: Mapping[str, nn.Parameter]) -> list[nn.Parameter]:
        """Replaces fused parameters by the flat ones that the optimizer steps."""
        return list(dict.fromkeys(self.fused_into.get(parameter, parameter) for parameter in parameters.values()))

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return {**self.decay_parameters, **self.no_decay_parameters}

    def collect_gradients(self) -> list[torch.Tensor]:
        """Gradients of all parameters, without rows known to be 0."""
        gradients = [
            self.embedding.nonzero_gradient()
            if self.embedding and parameter is self.embedding.weight
            else parameter.grad
            for parameter in self.resolve_fused(self.parameters)
        ]
        return [gradient for gradient in gradients if gradient is not None]

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0.

        It climbs linearly over the warm-up, whose last step has the peak, and then follows the schedule.
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
        """Applies AdamW's weight decay to rows that no gradient reaches."""
        if self.embedding:
            self.embedding.decay_frozen_rows(1 - rate * self.weight_decay)


def build_param_groups(model: Any, config: RunConfig, total_steps: int) -> list[ParamGroup]:
    """Builds the parameter groups `encoder`, `head` and, with its own rate, `crf`.

    Args:
        model: has the submodules `encoder` and `crf`, which may be None; all else belongs to the head.
        total_steps: optimizer steps of the whole run, of which a warm-up is a share.

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
    embeddings = (module for module in model.modules() if isinstance(module, SubsetEmbedding))
    by_name["encoder"].embedding = next(embeddings, None)
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
                entry = {"params": group.resolve_fused(parameters), "lr": group.rate_at(0), "weight_decay": decay}
                entries.append({**entry, "group": group.name})
    return entries


def set_rates(optimizer: torch.optim.Optimizer, groups: Sequence[ParamGroup], step: int) -> dict[str, float]:
    """Sets the groups' rates for a step (from 0); returns them."""
    rates = {group.name: group.rate_at(step) for group in groups}
    for entry in optimizer.param_groups:
        entry["lr"] = rates[entry["group"]]
    return rates


def clip_gradients(
    groups: Sequence[ParamGroup], max_norm: float, optimizer: torch.optim.Optimizer | None = None
) -> dict[str, torch.Tensor]:
    """Clips the norm of all gradients together, as torch's `clip_grad_norm_` does.

    Never waits for a GPU.

    Args:
        max_norm: largest norm; 0 does not clip.
        optimizer: one of torch's fused optimizers. On a CPU it then divides the gradients during its step, as it can
            for a GradScaler, which saves a pass over all of them.

    Returns:
        Norm of each group before clipping, scalars on the device.
    """
    norms = {group.name: _norm(gradients) for group in groups if (gradients := group.collect_gradients())}
    if not norms:
        return norms
    total = torch.linalg.vector_norm(torch.stack(list(norms.values())))
    on_cpu = total.device.type == "cpu"
    divisor = torch.clamp((total + 1e-6) / max_norm, min=1.0).float() if max_norm > 0 else None
    if on_cpu and divisor is not None and divisor == 1:  # on a GPU reading it would wait; dividing by 1 costs less
        divisor = None
    if on_cpu and optimizer is not None:
        optimizer.grad_scale = divisor  # type: ignore[attr-defined]
    elif divisor is not None:
        stepped = (parameter for group in groups for parameter in group.resolve_fused(group.parameters))
        torch._foreach_div_([parameter.grad for parameter in stepped if parameter.grad is not None], divisor)
    return norms


def _norm(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """Norm of all gradients together.

    On a CPU large ones are taken row by row: at once they take twice as long, and the norm is off by 4e-4.
    """
    chunks: list[torch.Tensor] = []
    for gradient in gradients:
        in_rows = gradient.numel() // _NORM_ROW * _NORM_ROW  # values that fill whole rows
        if gradient.device.type != "cpu" or not gradient.is_contiguous() or in_rows < _MIN_LARGE_VALUES:
            chunks.append(gradient)
        else:
            values = gradient.view(-1)
            chunks += [torch.linalg.vector_norm(values[:in_rows].view(-1, _NORM_ROW), dim=1), values[in_rows:]]
    total: torch.Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(chunks)))
    return total


def _empty_group(name: str, config: RunConfig, total_steps: int) -> ParamGroup:
    kind = "encoder" if name == "encoder" else "head"  # the CRF has the head's schedule, at its own rate
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
