"""`labkit pretrain`: pretrain in this process, with progress lines and Ctrl-C."""

import shlex
import time
from collections import Counter, deque
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from labkit import paths
from labkit.cli.fetch import fetch_assets
from labkit.cli.output import escape_markup, make_console
from labkit.cli.train import on_interrupt
from labkit.data import downloads
from labkit.formatting import format_duration
from labkit.i18n.recogniser import translate_message
from labkit.i18n.translation import tr
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
        progress.print_line("reading the text")
        data = _load_texts(config, texts, exclude)
        is_stopping = False

        def stop() -> None:
            nonlocal is_stopping
            is_stopping = True
            progress.print_line("Saving after this step; the same command goes on. Ctrl-C again aborts.")

        command = shlex.join(["python", "-m", "labkit", *command_line])
        with on_interrupt(stop), tune_spinning():
            for event in pretrain(config, data, folder, command, lambda: is_stopping):
                progress.update(event)
    assert isinstance(event, PretrainFinished)
    return event


def encoder_folder(name: str) -> Path:
    """Folder of the encoder of a name. Raises ValueError for an empty one."""
    if not name.strip():
        raise ValueError("name is empty; give the encoder a name, or a path")
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
            raise ValueError(f"text {other} is given twice; give each file once")
    names = Counter(path.name for path in texts)
    return {path.name if names[path.name] == 1 else str(path): path for path in texts}


class PretrainingProgress:
    """Prints the events of pretraining on a console. The bar is drawn on terminals only."""

    def __init__(self, console: Console):
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None
        self._recent: deque[PretrainStepDone] = deque(maxlen=_RECENT_STEPS)
        self._last_line_at = time.monotonic()

    def __enter__(self) -> "PretrainingProgress":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def print_line(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(escape_markup(translate_message(text)), highlight=False)

    def update(self, event: PretrainEvent) -> None:
        """Show one more event."""
        match event:
            case PretrainStarted():
                self._on_prepared(event)
            case PretrainStepDone():
                self._on_step(event)
            case HeldOutEvaluated():
                self.print_line(
                    f"step {event.step}, {format_duration(event.seconds)}: held-out loss {event.loss:.3f}, "
                    f"{event.accuracy:.1%} guessed right, training loss {event.train_loss:.3f}"
                )
            case StateSaved():
                self.print_line(f"saved at step {event.step}")
            case PretrainFinished(stopped=True):
                self.print_line(f"stopped at step {event.step}; the same command goes on from there")
            case PretrainFinished():
                self.print_line(
                    f"{event.step} steps in {format_duration(event.seconds)}; the encoder is in {event.folder}"
                )

    def _on_prepared(self, event: PretrainStarted) -> None:
        for source in event.source_stats:
            self.print_line(
                f"{source.name}: {source.lines:,} lines; left out {source.exact} excluded ones, "
                f"{source.overlapping} that overlap with these, {source.near_held_out} near the held-out text; "
                f"{source.train_characters:,} characters to train on, {source.held_out_characters:,} held out"
            )
        self.print_line(
            f"{event.train_tokens:,} tokens to train on, {event.held_out_tokens:,} held out; {event.vocabulary:,} in "
            f"the vocabulary; {event.parameters / 1e6:.2f} million parameters, {event.precision}"
        )
        if event.resumed:
            self.print_line(f"going on from step {event.resumed}")
        self._task = self._bar.add_task("pretraining", total=1.0, figures="")

    def _on_step(self, event: PretrainStepDone) -> None:
        self._recent.append(event)
        if self._task is not None:
            self._bar.update(
                self._task, completed=event.progress, description=f"step {event.step}", figures=self._figures()
            )
        if self._bar.disable and time.monotonic() - self._last_line_at > _LINE_INTERVAL_S:
            self._last_line_at = time.monotonic()
            self.print_line(f"step {event.step}, {event.progress:.1%}  {self._figures()}")

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
