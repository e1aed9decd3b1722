"""Which precision a run computes in: bfloat16 where the device does it fast, whatever the device is."""

import functools
import hashlib
import json
import platform
import time
from collections.abc import Mapping
from typing import Any

import torch

from labkit.data.json_cache import load_json, store_json
from labkit.model.checkpoint import is_precision_supported
from labkit.training.distributed import broadcast_text, is_main_process

# Faster than this many times float32, or it is not worth its rounding; well away from 1 so that two measurements on
# one machine choose the same.
MIN_BFLOAT16_SPEEDUP = 1.5
# Instructions that multiply bfloat16 and add in float32, as torch names them (Intel and AMD, Intel's AMX, ARM).
_FLAGS = ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16")
TRIALS_PER_START, MAX_TRIALS = 3, 9  # measurements, of some 50 ms each, before one is believed against the flags


def choose_precision(requested: str, device: torch.device) -> str:
    """`float32`, `bfloat16` or `float16`. `auto` finds out once what a CPU is fast in, and asks a GPU what it has.

    Raises ValueError where the device cannot compute in what was asked for.
    """
    if not is_precision_supported(requested, device.type):
        raise ValueError("precision float16 is not possible on a CPU; choose auto, bfloat16 or float32")
    if requested != "auto":
        return requested
    if device.type == "cuda":
        # Since Ampere (compute capability 8) in hardware; `is_bf16_supported` would also count emulation.
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    if device.type == "cpu":
        return broadcast_text(_measure_cpu_precision() if is_main_process() else None, "precision")
    return "float32"


def _measure_cpu_precision() -> str:
    """By one process of several: another might measure otherwise, and batch its windows for another precision."""
    return "bfloat16" if is_cpu_fast_in_bfloat16() else "float32"


def precision_notes(precision: str, device: torch.device) -> list[str]:
    """What a user should know of a precision that was chosen, one sentence each."""
    if precision == "bfloat16" and device.type == "cpu" and not any(_describe_machine()["flags"]):
        return ["This CPU has no instructions for bfloat16: it computes many times slower than in float32."]
    return []


def is_cpu_fast_in_bfloat16() -> bool:
    """What the CPU's flags say, if a measurement agrees; each is kept in folders.cache() for this CPU and torch.

    A neighbour's work can hide a gain: where none of three measurements agrees they are believed, but made again at the
    next starts, and only after TRIES for good.
    """
    machine = _describe_machine()
    name = f"precision-{hashlib.sha256(json.dumps(machine).encode()).hexdigest()[:16]}"
    expected = any(machine["flags"])
    gains = kept = _load_gains(name)
    for _ in range(0 if _is_settled(gains, expected) else TRIALS_PER_START):
        gains = [*gains, measure_bfloat16_speedup()]
        if _is_confirmed(gains, expected):
            break
    if gains != kept:
        store_json(name, [round(gain, 3) for gain in gains])
    return expected if _is_confirmed(gains, expected) else not expected


def measure_bfloat16_speedup(repeats: int = 7) -> float:
    """How many times faster this CPU multiplies matrices of an encoder's shape in bfloat16 than in float32.

    The shortest of several, taken in turns, so that a neighbour's moment on the CPU spoils neither.
    """
    kinds = (torch.float32, torch.bfloat16)
    pairs = {kind: (torch.ones(512, 384, dtype=kind), torch.ones(384, 1536, dtype=kind)) for kind in kinds}
    for left, right in pairs.values():
        left @ right  # the first product pays for set-up
    seconds = {kind: min(times) for kind, times in _time_interleaved(pairs, repeats).items()}
    return seconds[torch.float32] / seconds[torch.bfloat16]


def _time_interleaved(pairs: Mapping[Any, tuple[torch.Tensor, torch.Tensor]], repeats: int) -> dict[Any, list[float]]:
    times: dict[Any, list[float]] = {kind: [] for kind in pairs}
    for _ in range(repeats):
        for kind, (left, right) in pairs.items():
            begin = time.perf_counter()
            left @ right
            times[kind].append(time.perf_counter() - begin)
    return times


def _is_confirmed(gains: list[float], expected: bool) -> bool:
    """Whether any measurement shows what the flags let expect."""
    return any((gain > MIN_BFLOAT16_SPEEDUP) == expected for gain in gains)


def _is_settled(gains: list[float], expected: bool) -> bool:
    return _is_confirmed(gains, expected) or len(gains) >= MAX_TRIALS


@functools.cache
def _describe_machine() -> dict[str, Any]:
    """What a measurement holds for."""
    told = torch.cpu.get_capabilities()
    return {
        "cpu": str(told.get("cpu_name") or platform.processor() or platform.machine()),
        "host": platform.node(),
        "flags": [name for name in _FLAGS if told.get(name)],
        "torch": torch.__version__,
    }


def _load_gains(name: str) -> list[float]:
    """Earlier measurements; none where there are none, or no usable ones."""
    told = load_json(name)
    gains = told if isinstance(told, list) else []
    usable = all(isinstance(gain, float) and 0 < gain < 1000 for gain in gains)
    return gains if usable else []
