"""Failure messages: reason and remedy for an exception or a diverged loss."""

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

# Messages of libraries that raise no MemoryError when memory runs out: torch's allocators, the loader of shared
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
_COMPUTING = ("training", "evaluating", "scoring the test part")  # phases whose memory depends on the window


class DivergenceError(Exception):
    """A loss that is not a number, or has exploded."""

    def __init__(self, step: int, loss: float, rates: dict[str, float], split: str = "", steps: int = 1):
        """
        Args:
            split: split that was scored; empty for training, whose loss is the mean of the last `steps` steps.
        """
        self.step = step
        self.rates = rates
        self.was_untrained = step == 1 and not split
        what = "is not a number" if math.isnan(loss) else f"exploded to {loss:.3g} per word"
        over = f", the mean of the last {steps} steps," if steps > 1 else ""
        listed = ", ".join(f"{name} {format_rate(float(f'{rate:.2g}'))}" for name, rate in rates.items())
        kind = "peak rates" if split else "rates"  # at the time of a score the rates may have fallen to 0
        super().__init__(f"The {split} loss {what}{over} at step {step} ({kind}: {listed}).".replace("  ", " "))


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
    """Builds the last event of a run that raised: reason, hint and traceback.

    Args:
        phase: text of the run's last PhaseEntered. Only in training does memory depend on the batch size.
        longest_window: tokens of the longest window of the corpus; None if not known yet.
        folder: the run folder.
    """
    if isinstance(error, DivergenceError):
        hint = rate_hint(config, error.rates)
        if error.was_untrained:
            remedy = "another encoder" if config.precision == "float32" else "precision float32"
            hint = f"Nothing was learnt yet, so no rate is to blame: try {remedy}."
        return RunFinished(seconds, "failed", error.step, str(error), hint)
    reason, hint = _explain_error(error, config, step, phase, longest_window or config.max_pieces, folder or Path())
    return RunFinished(seconds, "failed", step, reason, hint, "".join(traceback.format_exception(error)))


def _explain_error(
    error: Exception, config: RunConfig, step: int, phase: str, window: int, folder: Path
) -> tuple[str, str]:
    """Reason and hint for an exception.

    A reason keeps its case: it may begin with a path or a name.
    """
    if is_out_of_memory(error):
        batch = f"token budget {config.token_budget}" if config.token_budget else f"batch size {config.batch_size}"
        cause = f"at {batch}" if phase == "training" else f"while {phase}"
        return f"Out of memory {cause}, step {step}.", _memory_hint(config, phase, window)
    if is_disk_full(error):
        return f"No room on the disk for what the run writes, step {step}.", disk_hint(folder, error)
    if isinstance(error, ImportError):
        return f"A package is missing: {error}.", "Run `make setup`."
    if isinstance(error, (ValueError, OSError)):
        return str(error).strip() or type(error).__name__, ""
    return f"{type(error).__name__}: {error}".splitlines()[0], "The details say where it happened."


def is_out_of_memory(error: BaseException) -> bool:
    """Returns True if GPU or main memory ran out.

    Most libraries raise something else than MemoryError.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return not isinstance(error, ValueError) and any(text in str(error).lower() for text in _MEMORY)


def is_disk_full(error: BaseException) -> bool:
    """Returns True if the disk was full, for the system or safetensors."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return True
    return not isinstance(error, ValueError) and any(text in str(error).lower() for text in _DISK)


def disk_hint(folder: Path, error: BaseException) -> str:
    """Hint for a full disk: free space at the file's place, and a remedy."""
    filename = getattr(error, "filename", None)
    place = Path(filename).absolute().parent if isinstance(filename, str) else folder.absolute()
    try:
        free = shutil.disk_usage(place).free / 2**20
    except OSError:  # the folder is gone
        return "Delete what is not needed, or keep fewer weights."
    return f"{free:,.0f} MiB are free in {place}: delete what is not needed, or keep fewer weights."


def rate_hint(config: RunConfig, rates: Mapping[str, float]) -> str:
    """Hint to lower the rate that is furthest above its usual maximum.

    Empty if all rates are 0.
    """
    head = HIGH_IDCNN_RATE if config.downstream == "idcnn" else RunConfig().head_rate
    high = {"encoder": max(HIGH_ENCODER_RATE, recommended_rate_range(config.encoder)[1]), "head": head, "crf": head}
    if not any(rates.values()):
        return ""
    group = max(rates, key=lambda name: rates[name] / high[name])
    return f"Lower the {group} rate (a third of it is a good next try), or lengthen its warm-up."


def describe_poor_loss(loss: float, f1: float, uniform_loss: float) -> str:
    """Reason of a completed run whose dev loss is worse than guessing."""
    ended = f"The dev loss ended at {loss:.3g} per word (F1 {f1:.3f})"
    return f"{ended}, where a tagger that guesses evenly has {uniform_loss:.3g}."


def _memory_hint(config: RunConfig, phase: str, window: int) -> str:
    options, shorter = [], min(config.max_pieces, window) // 2
    if phase in _COMPUTING and shorter >= (run_settings()["max_pieces"].low or 1):
        options.append(f"a shorter longest window (max_pieces {shorter} instead of {config.max_pieces})")
    if phase in (*_COMPUTING, "loading the encoder"):
        options.append("a smaller encoder")
    if phase != "training":
        close = "The batch size plays no part here: close other programs"
        return f"{close}, or try {_join_options(options)}." if options else f"{close}."
    budget = config.token_budget
    size, name = (budget, "token budget") if budget else (config.batch_size, "batch size")
    if size > (window if budget else 1):  # a window longer than the budget is a batch of its own anyway
        twice = config.accumulate * 2
        is_same = size % 2 == 0 and twice <= (run_settings()["accumulate"].high or twice)
        same = f" (with accumulate {twice} the step stays the same)" if is_same else ""
        options.insert(0, f"{name} {size // 2}{same}")
    return f"Try {_join_options(options)}."


def _join_options(options: Sequence[str]) -> str:
    *others, last = options
    return f"{', '.join(others)}{',' if len(others) > 1 else ''} or {last}" if others else last
