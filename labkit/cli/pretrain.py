"""`labkit pretrain`: pretrain in this process, with progress lines and Ctrl-C."""

import shlex
import time
from collections import Counter, deque
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from rich.console import Console
from rich.progress import TextColumn

from labkit import paths
from labkit.cli.fetch import fetch_assets
from labkit.cli.output import make_console
from labkit.cli.progress import LinesAboveBar
from labkit.cli.train import on_interrupt
from labkit.data import downloads
from labkit.formatting import format_duration
from labkit.i18n.translation import tr
from labkit.messages import N_, Message
from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.events import (
    HeldOutEvaluated,
    PretrainEvent,
    PretrainFinished,
    PretrainStarted,
    PretrainStepDone,
    StateSaved,
)
from labkit.pretraining.export import require_no_encoder
from labkit.pretraining.folder_lock import lock_folder
from labkit.pretraining.pretrainer import pretrain
from labkit.pretraining.texts import prepare_sources, read_plain
from labkit.pretraining.training_data import (
    PINNED_ASSETS,
    PretrainingData,
    load_pinned_texts,
    prepare_data,
)
from labkit.training.openmp_spinning import tune_spinning

_RECENT_STEPS = 50  # window of mean loss and speed
_LINE_INTERVAL_S = 30.0  # between two lines, if there is no bar


def pretrain_in_terminal(
    config: PretrainConfig, name: str, texts: Sequence[Path], exclude: Path | None, command_line: Sequence[str]
) -> PretrainFinished:
    """Pretrain into data/encoders/NAME, or into NAME if it is a path.

    Ctrl-C saves and stops; the same command resumes.

    Args:
        texts: plain text files to read instead of the pinned ones.
        exclude: a file of sentences that must not be in the text.
        command_line: the words of the command line, for the model card.

    Returns:
        How pretraining ended.
    """
    folder = encoder_folder(name)
    require_no_encoder(folder)
    with lock_folder(folder), PretrainingProgress(make_console(stderr=True)) as progress:
        progress.print_line(tr("reading the text"))
        data = _load_texts(config, texts, exclude)
        is_stopping = False

        def stop() -> None:
            nonlocal is_stopping
            is_stopping = True
            progress.print_line(tr("Saving after this step; the same command goes on. Ctrl-C again aborts."))

        command = shlex.join(["python", "-m", "labkit", *command_line])
        with on_interrupt(stop), tune_spinning():
            for event in pretrain(config, data, folder, command, lambda: is_stopping):
                progress.update(event)
    assert isinstance(event, PretrainFinished)
    return event


def encoder_folder(name: str) -> Path:
    """Folder of the encoder of a name. Raises ValueError for an empty one."""
    if not name.strip():
        raise ValueError(Message("name is empty; give the encoder a name, or a path"))
    return Path(name).expanduser() if len(Path(name).parts) > 1 else paths.data() / "encoders" / name


def _load_texts(config: PretrainConfig, texts: Sequence[Path], exclude: Path | None) -> PretrainingData:
    excluded = read_plain(exclude) if exclude else []
    if texts:
        plain = {name: read_plain(path) for name, path in _unique_names(texts).items()}
        return prepare_data(prepare_sources(segmented={}, newspapers={}, plain=plain), excluded, config)
    missing = [name for name in PINNED_ASSETS if not downloads.is_present(name)]
    if missing:
        fetch_assets(missing)
    sources, test_sentences = load_pinned_texts()
    return prepare_data(sources, [*test_sentences, *excluded], config)


def _unique_names(texts: Sequence[Path]) -> dict[str, Path]:
    """Files by name, or by path if two share a name. Raises ValueError for duplicates."""
    for one, other in combinations(texts, 2):
        if one.samefile(other):
            raise ValueError(Message("text {file} is given twice; give each file once", file=str(other)))
    names = Counter(path.name for path in texts)
    return {path.name if names[path.name] == 1 else str(path): path for path in texts}


class PretrainingProgress(LinesAboveBar):
    """Prints the events of pretraining."""

    def __init__(self, console: Console):
        super().__init__(console, TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.fields[figures]}"))
        self._recent: deque[PretrainStepDone] = deque(maxlen=_RECENT_STEPS)
        self._last_line_at = time.monotonic()

    def update(self, event: PretrainEvent) -> None:
        """Show one more event."""
        match event:
            case PretrainStarted():
                self._on_prepared(event)
            case PretrainStepDone():
                self._on_step(event)
            case HeldOutEvaluated():
                text = N_(
                    "step {step}, {time}: held-out loss {loss:.3f}, {share:.1%} guessed right, "
                    "training loss {train:.3f}"
                )
                figures = {"loss": event.loss, "share": event.accuracy, "train": event.train_loss}
                self.print_line(tr(text, step=event.step, time=format_duration(event.seconds), **figures))
            case StateSaved():
                self.print_line(tr("saved at step {step}", step=event.step))
            case PretrainFinished(stopped=True):
                text = N_("stopped at step {step}; the same command goes on from there")
                self.print_line(tr(text, step=event.step))
            case PretrainFinished():
                text = N_("{steps} steps in {time}; the encoder is in {folder}")
                self.print_line(tr(text, steps=event.step, time=format_duration(event.seconds), folder=event.folder))

    def _on_prepared(self, event: PretrainStarted) -> None:
        for source in event.source_stats:
            line = tr(
                "{name}: {lines:,} lines; left out {whole} excluded ones, {overlapping} that overlap with these, "
                "{near} near the held-out text; {train:,} characters to train on, {held:,} held out",
                name=source.name,
                lines=source.lines,
                whole=source.exact,
                overlapping=source.overlapping,
                near=source.near_held_out,
                train=source.train_characters,
                held=source.held_out_characters,
            )
            self.print_line(line)
        line = tr(
            "{tokens:,} tokens to train on, {held:,} held out; {vocabulary:,} in the vocabulary; "
            "{millions:.2f} million parameters, {precision}",
            tokens=event.train_tokens,
            held=event.held_out_tokens,
            vocabulary=event.vocabulary,
            millions=event.parameters / 1e6,
            precision=event.precision,
        )
        self.print_line(line)
        if event.resumed:
            self.print_line(tr("going on from step {step}", step=event.resumed))
        self._task = self._bar.add_task(tr("pretraining"), total=1.0, figures="")

    def _on_step(self, event: PretrainStepDone) -> None:
        self._recent.append(event)
        step = tr("step {step}", step=event.step)
        if self._task is not None:
            self._bar.update(self._task, completed=event.progress, description=step, figures=self._figures())
        if self._bar.disable and time.monotonic() - self._last_line_at > _LINE_INTERVAL_S:
            self._last_line_at = time.monotonic()
            self.print_line(f"{step}, {event.progress:.1%}  {self._figures()}")

    def _figures(self) -> str:
        """Loss, speed and time left."""
        first, last = self._recent[0], self._recent[-1]
        loss = sum(event.loss for event in self._recent) / len(self._recent)
        figures = [tr("loss {loss}", loss=f"{loss:.3f}")]
        if last.seconds > first.seconds:
            speed = (last.tokens - first.tokens) / (last.seconds - first.seconds)
            figures.append(tr("{number} tokens/s", number=f"{speed:,.0f}"))
        if last.progress > first.progress:
            left = (1 - last.progress) * (last.seconds - first.seconds) / (last.progress - first.progress)
            figures.append(tr("{time} left", time=format_duration(left)))
        return "  ".join(figures)
