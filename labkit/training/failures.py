"""What went wrong, in a sentence a user can act on."""

import errno
import math
import shutil
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.config import RunConfig, run_settings
from labkit.events import RunFinished
from labkit.presets import HIGH_ENCODER_RATE, HIGH_IDCNN_RATE, recommended_rate_range
from labkit.settings import format_rate

# How libraries say that memory ran out, where they raise no MemoryError: torch's allocators, the loader of shared
# libraries, oneDNN, CUDA's libraries.
_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "failed to map segment",
    "could not execute a primitive",
    "_alloc_failed",
)
_DISK = ("no space left on device", "disk quota exceeded")
_COMPUTING = ("training", "evaluating", "scoring the test part")  # phases that memory depends on the window in


class DivergenceError(Exception):
    """A loss is no number any more, or has exploded."""

    def __init__(self, step: int, loss: float, rates: dict[str, float], split: str = "", steps: int = 1):
        """`part` is what was scored, empty for training, whose loss is the mean of the last `steps`."""
        self.step = step
        self.rates = rates
        self.was_untrained = step == 1 and not split
        what = "is not a number" if math.isnan(loss) else f"exploded to {loss:.3g} per word"
        over = f", the mean of the last {steps} steps," if steps > 1 else ""
        told = ", ".join(f"{name} {format_rate(float(f'{rate:.2g}'))}" for name, rate in rates.items())
        kind = "peak rates" if split else "rates"  # a score is not of one step, whose rates may have fallen to 0
        super().__init__(f"The {split} loss {what}{over} at step {step} ({kind}: {told}).".replace("  ", " "))


def describe_failure(
    error: Exception,
    config: RunConfig,
    seconds: float,
    step: int,
    phase: str = "training",
    *,
    longest_window: int | None = None,
    folder: Path | None = None,
) -> RunFinished:
    """The last event of a run that raised: reason, hint and, folded away, the traceback.

    Args:
        phase: what the run was busy with, as it told it: only in training does memory depend on the batch size.
        window: word pieces of the longest window that there is; None where that is not known yet.
        folder: what the run writes into.
    """
    if isinstance(error, DivergenceError):
        hint = _untrained_hint(config) if error.was_untrained else rate_hint(config, error.rates)
        return RunFinished(seconds, "failed", error.step, str(error), hint)
    reason, hint = _explain_error(error, config, step, phase, longest_window or config.max_pieces, folder or Path())
    return RunFinished(seconds, "failed", step, reason, hint, "".join(traceback.format_exception(error)))


def _explain_error(
    error: Exception, config: RunConfig, step: int, phase: str, window: int, folder: Path
) -> tuple[str, str]:
    """Reason and hint. A reason keeps its case: it may begin with a path or a name."""
    if is_out_of_memory(error):
        return _memory_reason(config, step, phase), _memory_hint(config, phase, window)
    if is_disk_full(error):
        return f"No room on the disk for what the run writes, step {step}.", disk_hint(folder, error)
    if isinstance(error, ImportError):
        return f"A package is missing: {error}.", "Run `make setup`."
    if isinstance(error, (ValueError, OSError)):
        return str(error).strip() or type(error).__name__, ""
    return f"{type(error).__name__}: {error}".splitlines()[0], "The details say where it happened."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU's or the machine's memory ran out; most libraries raise something else than MemoryError."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    told = str(error).lower()
    return not isinstance(error, ValueError) and any(text in told for text in _MEMORY)


def is_disk_full(error: BaseException) -> bool:
    """Whether there was no room for a file, be it told by the system or by safetensors."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return True
    return not isinstance(error, ValueError) and any(text in str(error).lower() for text in _DISK)


def disk_hint(folder: Path, error: BaseException) -> str:
    """How much is free where a file found no room, and what to do."""
    named = getattr(error, "filename", None)
    place = Path(named).absolute().parent if isinstance(named, str) else folder.absolute()
    try:
        free = shutil.disk_usage(place).free / 2**20
    except OSError:  # the folder is gone
        return "Delete what is not needed, or keep fewer weights."
    return f"{free:,.0f} MiB are free in {place}: delete what is not needed, or keep fewer weights."


def rate_hint(config: RunConfig, rates: Mapping[str, float]) -> str:
    """The group whose rate to lower: that which is the most times what is high for it; empty where all are 0."""
    head = HIGH_IDCNN_RATE if config.downstream == "idcnn" else RunConfig().head_rate
    high = {"encoder": max(HIGH_ENCODER_RATE, recommended_rate_range(config.encoder)[1]), "head": head, "crf": head}
    if not any(rates.values()):
        return ""
    group = max(rates, key=lambda name: rates[name] / high[name])
    return f"Lower the {group} rate (a third of it is a good next try), or lengthen its warm-up."


def _untrained_hint(config: RunConfig) -> str:
    begun = "Nothing was learnt yet, so no rate is to blame: try"
    return f"{begun} another encoder." if config.precision == "float32" else f"{begun} precision float32."


def describe_poor_loss(loss: float, f1: float, uniform_loss: float) -> str:
    """What is told of a run that ended well, but with a dev loss that a guess would beat."""
    what = f"The dev loss ended at {loss:.3g} per word (F1 {f1:.3f})"
    return f"{what}, where a tagger that guesses evenly has {uniform_loss:.3g}."


def _memory_reason(config: RunConfig, step: int, phase: str) -> str:
    if phase != "training":
        return f"Out of memory while {phase}, step {step}."
    batch = f"token budget {config.token_budget}" if config.token_budget else f"batch size {config.batch_size}"
    return f"Out of memory at {batch}, step {step}."


def _memory_hint(config: RunConfig, phase: str, window: int) -> str:
    options, shorter = [], min(config.max_pieces, window) // 2
    if phase in _COMPUTING and shorter >= (run_settings()["max_pieces"].low or 1):
        options.append(f"a shorter longest window (max_pieces {shorter} instead of {config.max_pieces})")
    if phase in (*_COMPUTING, "loading the encoder"):
        options.append("a smaller encoder")
    if phase != "training":
        begun = "The batch size plays no part here: close other programs"
        return f"{begun}, or try {_join_options(options)}." if options else f"{begun}."
    budget = config.token_budget
    size, name = (budget, "token budget") if budget else (config.batch_size, "batch size")
    if size > (window if budget else 1):  # windows longer than a budget go alone, whatever it is
        twice = config.accumulate * 2
        is_same = size % 2 == 0 and twice <= (run_settings()["accumulate"].high or twice)
        same = f" (with accumulate {twice} the step stays the same)" if is_same else ""
        options.insert(0, f"{name} {size // 2}{same}")
    return f"Try {_join_options(options)}."


def _join_options(options: Sequence[str]) -> str:
    *others, last = options
    return f"{', '.join(others)}{',' if len(others) > 1 else ''} or {last}" if others else last
