"""Progress of a training run in a terminal: event lines above a progress bar."""

import statistics
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from labkit.cli.output import escape_markup
from labkit.events import (
    CheckpointSaved,
    CorpusRead,
    Evaluated,
    Event,
    PhaseEntered,
    RateChanged,
    RunFinished,
    StepDone,
    TrainingPlanned,
)
from labkit.formatting import format_loss
from labkit.i18n.recogniser import translate_message
from labkit.i18n.translation import tr

_RECENT_S = 10.0  # window of tokens per second
_RECENT_STEPS = 10  # window of the mean loss


class TrainingProgress:
    """Prints a run's events on a console. The bar is drawn on terminals only."""

    def __init__(self, console: Console):
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None
        self._recent: deque[tuple[float, int]] = deque()  # seconds, tokens seen
        self._losses: deque[float] = deque(maxlen=_RECENT_STEPS)
        self._f1: float | None = None
        self._printed_notes: set[str] = set()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, event: Event) -> None:
        """Show one more event of the run."""
        match event:
            case PhaseEntered():
                self._on_phase(event)
            case CorpusRead():
                self._print_line(_corpus_line(event))
                for note in (note for note in event.notes if note not in self._printed_notes):
                    self._print_line(f"  {translate_message(note)}")
            case TrainingPlanned():
                device = {"device": event.device_name, "precision": event.precision}
                self._print_line(tr("{steps} steps on {device}, {precision}", steps=event.steps, **device))
                self._task = self._bar.add_task(tr("training"), total=event.steps, figures="")
            case StepDone():
                self._on_step(event)
            case Evaluated():
                self._on_evaluated(event)
            case RateChanged():
                rate = {"group": tr(event.group), "rate": f"{event.rate:g}"}
                self._print_line(tr("rate of {group} set to {rate} at step {step}", step=event.step, **rate))
            case CheckpointSaved():
                self._print_line(tr("{name} weights saved at step {step}", name=tr(event.name), step=event.step))
            case RunFinished() if event.reason and event.state != "failed":  # a failure is the command's own last line
                self._print_line(f"{translate_message(event.reason)} {translate_message(event.hint)}".strip())

    def print_note(self, text: str) -> None:
        """Print a line above the bar. A corpus note with the same text is then skipped."""
        self._printed_notes.add(text)
        self._print_line(text)

    def _print_line(self, text: str) -> None:
        self._bar.console.print(escape_markup(translate_message(text)), highlight=False)

    def _on_phase(self, event: PhaseEntered) -> None:
        """A line while loading, later the description of the bar."""
        if self._task is None:
            self._print_line(event.text)
        else:
            self._bar.update(self._task, description=tr(event.text))

    def _on_step(self, event: StepDone) -> None:
        if event.loss is not None:
            self._losses.append(event.loss)
        self._recent.append((event.seconds, event.tokens))
        while event.seconds - self._recent[0][0] > _RECENT_S:
            self._recent.popleft()
        if self._task is not None:
            self._bar.update(
                self._task,
                completed=event.step,
                description=tr("epoch {number}", number=f"{event.epoch:.2f}"),
                figures=self._figures(),
            )

    def _on_evaluated(self, event: Evaluated) -> None:
        if event.split == "dev":
            self._f1 = event.score
        loss = "n/a" if event.loss is None else format_loss(event.loss)
        if event.score is None:
            scores = f"no F1, as there is no entity in the {event.split} split"
        else:
            entities = "1 entity" if event.entities == 1 else f"{event.entities:,} entities"
            parts = f"precision {event.precision:.3f}, recall {event.recall:.3f}, {entities}"
            scores = f"{event.split} F1 {event.score:.3f} ({parts})"
        self._print_line(f"epoch {event.epoch:.2f}, step {event.step}: {scores}, loss {loss}")

    def _figures(self) -> str:
        """Loss, F1 and speed, as far as known."""
        (first_s, first), (last_s, last) = self._recent[0], self._recent[-1]
        figures = [
            tr("loss {loss}", loss=format_loss(statistics.fmean(self._losses))) if self._losses else "",
            f"F1 {self._f1:.3f}" if self._f1 is not None else "",
            tr("{number} tokens/s", number=f"{(last - first) / (last_s - first_s):,.0f}") if last_s > first_s else "",
        ]
        return "  ".join(figure for figure in figures if figure)


def _corpus_line(event: CorpusRead) -> str:
    return tr(
        "corpus {name}: {train} sentences to train on, {dev} for dev, {test} for test; {tags} tags",
        name=event.name,
        train=f"{event.train_sentences:,}",
        dev=f"{event.dev_sentences:,}",
        test=f"{event.test_sentences:,}",
        tags=len(event.tags),
    )
