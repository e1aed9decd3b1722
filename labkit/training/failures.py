"""What went wrong, in a sentence a user can act on."""

import traceback

import torch

from labkit.config import RunConfig
from labkit.events import RunFinished
from labkit.knobs import show_rate

_FIXED = (
    "The batch size plays no part here: close other programs, or try a shorter longest window or a smaller encoder."
)


class Diverged(Exception):
    """The loss is no number any more, or has exploded."""

    def __init__(self, step: int, loss: float, rates: dict[str, float]):
        self.step = step
        self.rates = rates
        what = "is not a number" if loss != loss else f"exploded to {loss:.3g} per word"
        told = ", ".join(f"{name} {show_rate(float(f'{rate:.2g}'))}" for name, rate in rates.items())
        super().__init__(f"The loss {what} at step {step} (rates: {told}).")


def failure_of(error: Exception, config: RunConfig, seconds: float, step: int, phase: str = "training") -> RunFinished:
    """The last event of a run that raised: reason, hint and, folded away, the traceback.

    Args:
        phase: what the run was busy with, as it told it: only in training does memory depend on the batch size.
    """
    if isinstance(error, Diverged):
        return RunFinished(seconds, "failed", error.step, str(error), _rate_hint(error.rates))
    details = "".join(traceback.format_exception(error))
    if is_out_of_memory(error) and phase != "training":
        return RunFinished(seconds, "failed", step, f"Out of memory while {phase}, step {step}.", _FIXED, details)
    if is_out_of_memory(error):
        batch = f"token budget {config.token_budget}" if config.token_budget else f"batch size {config.batch_size}"
        reason = f"Out of memory at {batch}, step {step}."
        return RunFinished(seconds, "failed", step, reason, _memory_hint(config), details)
    if isinstance(error, (ValueError, OSError)):
        return RunFinished(seconds, "failed", step, _sentence(error), "", details)
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return RunFinished(seconds, "failed", step, reason, "The details say where it happened.", details)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU's or the machine's memory ran out; torch's CPU allocator raises a plain RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    told = str(error).lower()
    return isinstance(error, RuntimeError) and ("can't allocate memory" in told or "out of memory" in told)


def _rate_hint(rates: dict[str, float]) -> str:
    highest = max(rates, key=lambda name: rates[name], default="head")
    return f"Lower the {highest} rate (a third of it is a good next try), or lengthen its warm-up."


def _memory_hint(config: RunConfig) -> str:
    smaller = f"batch size {max(1, config.batch_size // 2)}"
    if config.token_budget:
        smaller = f"token budget {max(1, config.token_budget // 2)}"
    return (
        f"Try {smaller} (with accumulate {config.accumulate * 2} the step stays the same), "
        "a shorter longest window, or a smaller encoder."
    )


def _sentence(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text[0].upper() + text[1:]
