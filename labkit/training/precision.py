"""Which precision a run computes in: bfloat16 where the device does it fast, whatever the device is."""

import time

import torch

# Faster than this many times float32, or it is not worth its rounding; well away from 1 so that two measurements on
# one machine choose the same.
WORTH_IT = 1.5


def choose_precision(asked: str, device: torch.device) -> str:
    """`float32`, `bfloat16` or `float16`. `auto` measures a CPU for some 10 ms, and asks a GPU what it has.

    Raises ValueError where the device cannot compute in what was asked for.
    """
    if asked == "float16" and device.type == "cpu":
        raise ValueError("precision float16 is not possible on a CPU; choose auto, bfloat16 or float32")
    if asked != "auto":
        return asked
    if device.type == "cuda":
        # Since Ampere (compute capability 8) in hardware; `is_bf16_supported` would also count emulation.
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    if device.type == "cpu":
        return "bfloat16" if bfloat16_gain() > WORTH_IT else "float32"
    return "float32"


def bfloat16_gain(repeats: int = 5) -> float:
    """How many times faster this CPU multiplies matrices of an encoder's shape in bfloat16 than in float32."""
    seconds = {}
    for kind in (torch.float32, torch.bfloat16):
        left, right = torch.ones(512, 384, dtype=kind), torch.ones(384, 1536, dtype=kind)
        left @ right  # the first product pays for set-up
        seconds[kind] = min(_timed(left, right) for _ in range(repeats))
    return seconds[torch.float32] / seconds[torch.bfloat16]


def _timed(left: torch.Tensor, right: torch.Tensor) -> float:
    begin = time.perf_counter()
    left @ right
    return time.perf_counter() - begin
