"""Choice of a run's precision: bfloat16 if the device is fast in it."""

import functools
import hashlib
import json
import platform
import time
from typing import Any

import torch

from labkit.data.json_cache import load_json, store_json
from labkit.messages import N_, Message
from labkit.model.checkpoint import is_precision_supported
from labkit.training.config_checks import NO_FLOAT16
from labkit.training.distributed import broadcast_text, is_main_process

# bfloat16 must be this many times faster than float32 to be worth its rounding. Well away from 1, so that two
# measurements on one machine choose the same.
MIN_BFLOAT16_SPEEDUP = 1.5
# Instructions that multiply bfloat16 and add in float32, as torch names them (Intel and AMD, Intel's AMX, ARM).
_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16")
TRIALS_PER_START, MAX_TRIALS = 3, 9  # measurements, of some 50 ms each, before they overrule the flags


def choose_precision(requested: str, device: torch.device) -> str:
    """Chooses `float32`, `bfloat16` or `float16` for a device.

    `auto` goes by a GPU's compute capability; a CPU is measured once.

    Raises:
        ValueError: the device cannot compute in the requested precision.
    """
    if not is_precision_supported(requested, device.type):
        raise ValueError(NO_FLOAT16)
    if requested != "auto":
        return requested
    if device.type == "cuda":
        # Since Ampere (compute capability 8) in hardware; `is_bf16_supported` would also count emulation.
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    if device.type == "cpu":
        measured = None
        if is_main_process():  # another process might measure otherwise, and batch its windows for another precision
            measured = "bfloat16" if is_cpu_fast_in_bfloat16() else "float32"
        return broadcast_text(measured, "precision")
    return "float32"


def precision_notes(precision: str, device: torch.device) -> list[Message]:
    """Warnings about a chosen precision, one sentence each."""
    if precision == "bfloat16" and device.type == "cpu" and not any(_describe_machine()["flags"]):
        text = N_("This CPU has no instructions for bfloat16: it computes many times slower than in float32.")
        return [Message(text)]
    return []


def is_cpu_fast_in_bfloat16() -> bool:
    """Returns True if flags and measurements call this CPU fast in bfloat16.

    A measurement that agrees with the flags settles it. Other processes can hide a gain: if none of TRIALS_PER_START
    agrees, the measurements decide for now and are repeated at the next start, until there are MAX_TRIALS. All are kept
    in paths.cache() for this CPU and torch.
    """
    machine = _describe_machine()
    name = f"precision-{hashlib.sha256(json.dumps(machine).encode()).hexdigest()[:16]}"
    expected = any(machine["flags"])
    speedups = kept = load_json(name, list[float]) or []
    for _ in range(TRIALS_PER_START if len(kept) < MAX_TRIALS else 0):
        if _is_confirmed(speedups, expected):
            break
        speedups = [*speedups, measure_bfloat16_speedup()]
    if speedups != kept:
        store_json(name, [round(speedup, 3) for speedup in speedups])
    return expected if _is_confirmed(speedups, expected) else not expected


def measure_bfloat16_speedup(repeats: int = 7) -> float:
    """Measures the speedup of bfloat16 over float32, for an encoder's matrix product.

    Takes the shortest of several interleaved products, so that a short load of other processes does not count.
    """
    dtypes = (torch.float32, torch.bfloat16)
    pairs = {dtype: (torch.ones(512, 384, dtype=dtype), torch.ones(384, 1536, dtype=dtype)) for dtype in dtypes}
    for left, right in pairs.values():
        left @ right  # the first product pays for set-up
    seconds = dict.fromkeys(dtypes, float("inf"))
    for _ in range(repeats):
        for dtype, (left, right) in pairs.items():
            begin = time.perf_counter()
            left @ right
            seconds[dtype] = min(seconds[dtype], time.perf_counter() - begin)
    return seconds[torch.float32] / seconds[torch.bfloat16]


def _is_confirmed(speedups: list[float], expected: bool) -> bool:
    """Returns True if any measurement agrees with the flags."""
    return any((speedup > MIN_BFLOAT16_SPEEDUP) == expected for speedup in speedups)


@functools.cache
def _describe_machine() -> dict[str, Any]:
    """Identity of the machine and torch that a measurement is valid for."""
    capabilities = torch.cpu.get_capabilities()
    return {
        "cpu": str(capabilities.get("cpu_name") or platform.processor() or platform.machine()),
        "host": platform.node(),
        "flags": [name for name in _BFLOAT16_FLAGS if capabilities.get(name)],
        "torch": torch.__version__,
    }
