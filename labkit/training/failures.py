"""Failure messages: reason and remedy for an exception or a diverged loss."""

import errno
import math
import shutil
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.config import RunConfig, run_settings
from labkit.events import RunFinished
from labkit.messages import N_, Message, message_of
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
        if split:  # at the time of a score the rates may have fallen to 0
            text = N_("The {split} loss exploded to {loss} per word at step {step} (peak rates: {rates}).")
            if math.isnan(loss):
                text = N_("The {split} loss is not a number at step {step} (peak rates: {rates}).")
        elif math.isnan(loss):
            text = N_("The loss is not a number at step {step} (rates: {rates}).")
        elif steps > 1:
            text = N_(
                "The loss exploded to {loss} per word, the mean of the last {count} steps, at step {step} "
                "(rates: {rates})."
            )
        else:
            text = N_("The loss exploded to {loss} per word at step {step} (rates: {rates}).")
        listed = ", ".join(f"{name} {format_rate(float(f'{rate:.2g}'))}" for name, rate in rates.items())
        values: dict[str, str | float] = {
            "split": Message(split),
            "loss": f"{loss:.3g}",
            "count": steps,
            "step": step,
            "rates": listed,
        }
        super().__init__(Message(text, **values))


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
            hint = Message("Nothing was learnt yet, so no rate is to blame: try precision float32.")
            if config.precision == "float32":
                hint = Message("Nothing was learnt yet, so no rate is to blame: try another encoder.")
        return RunFinished(seconds, "failed", error.step, message_of(error), hint)
    reason, hint = _explain_error(error, config, step, phase, longest_window or config.max_pieces, folder or Path())
    return RunFinished(seconds, "failed", step, reason, hint, "".join(traceback.format_exception(error)))


def _explain_error(
    error: Exception, config: RunConfig, step: int, phase: str, window: int, folder: Path
) -> tuple[Message, Message]:
    """Reason and hint for an exception.

    A reason keeps its case: it may begin with a path or a name.
    """
    if is_out_of_memory(error):
        if phase != "training":
            reason = Message("Out of memory while {phase}, step {step}.", phase=Message(phase), step=step)
        elif budget := config.token_budget:
            reason = Message("Out of memory at token budget {size}, step {step}.", size=budget, step=step)
        else:
            reason = Message("Out of memory at batch size {size}, step {step}.", size=config.batch_size, step=step)
        return reason, _memory_hint(config, phase, window)
    if is_disk_full(error):
        text = N_("No room on the disk for what the run writes, step {step}.")
        return Message(text, step=step), disk_hint(folder, error)
    if isinstance(error, ImportError):
        return Message("A package is missing: {error}.", error=str(error)), Message("Run `make setup`.")
    if isinstance(error, (ValueError, OSError)):
        return (message_of(error) if str(error).strip() else Message(type(error).__name__)), Message("")
    first = f"{type(error).__name__}: {error}".splitlines()[0]
    return Message(first), Message("The details say where it happened.")


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


def disk_hint(folder: Path, error: BaseException) -> Message:
    """Hint for a full disk: free space at the file's place, and a remedy."""
    filename = getattr(error, "filename", None)
    place = Path(filename).absolute().parent if isinstance(filename, str) else folder.absolute()
    try:
        free = shutil.disk_usage(place).free / 2**20
    except OSError:  # the folder is gone
        return Message("Delete what is not needed, or keep fewer weights.")
    text = N_("{free:,.0f} MiB are free in {folder}: delete what is not needed, or keep fewer weights.")
    return Message(text, free=free, folder=str(place))


def rate_hint(config: RunConfig, rates: Mapping[str, float]) -> Message:
    """Hint to lower the rate that is furthest above its usual maximum.

    Empty if all rates are 0.
    """
    head = HIGH_IDCNN_RATE if config.downstream == "idcnn" else RunConfig().head_rate
    high = {"encoder": max(HIGH_ENCODER_RATE, recommended_rate_range(config.encoder)[1]), "head": head, "crf": head}
    if not any(rates.values()):
        return Message("")
    group = max(rates, key=lambda name: rates[name] / high[name])
    text = N_("Lower the {group} rate (a third of it is a good next try), or lengthen its warm-up.")
    return Message(text, group=Message(group))


def describe_poor_loss(loss: float, f1: float, uniform_loss: float) -> Message:
    """Reason of a completed run whose dev loss is worse than guessing."""
    text = N_(
        "The dev loss ended at {loss:.3g} per word (F1 {f1:.3f}), where a tagger that guesses evenly has {guess:.3g}."
    )
    return Message(text, loss=loss, f1=f1, guess=uniform_loss)


def _memory_hint(config: RunConfig, phase: str, window: int) -> Message:
    options: list[Message] = []
    shorter = min(config.max_pieces, window) // 2
    if phase in _COMPUTING and shorter >= (run_settings()["max_pieces"].low or 1):
        text = N_("a shorter longest window (max_pieces {size} instead of {now})")
        options.append(Message(text, size=shorter, now=config.max_pieces))
    if phase in (*_COMPUTING, "loading the encoder"):
        options.append(Message("a smaller encoder"))
    if phase != "training":
        if not options:
            return Message("The batch size plays no part here: close other programs.")
        text = N_("The batch size plays no part here: close other programs, or try {options}.")
        return Message(text, options=_join_options(options))
    budget = config.token_budget
    size = budget or config.batch_size
    if size > (window if budget else 1):  # a window longer than the budget is a batch of its own anyway
        twice = config.accumulate * 2
        is_same = size % 2 == 0 and twice <= (run_settings()["accumulate"].high or twice)
        smaller = Message("token budget {size}" if budget else "batch size {size}", size=size // 2)
        if is_same:
            smaller = Message(
                "{smaller} (with accumulate {count} the step stays the same)", smaller=smaller, count=twice
            )
        options.insert(0, smaller)
    return Message("Try {options}.", options=_join_options(options))


def _join_options(options: Sequence[Message]) -> Message:
    """One to three options as one text."""
    named = dict(zip(("first", "second", "third"), options, strict=False))
    if len(options) == 3:
        return Message("{first}, {second}, or {third}", **named)
    return Message("{first} or {second}", **named) if len(options) == 2 else options[0]
