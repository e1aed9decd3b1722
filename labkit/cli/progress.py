"""Progress of a training run in a terminal: event lines above a progress bar."""

import statistics
from collections import deque
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn

from labkit.cli.output import escape_markup
from labkit.events import (
    CheckpointSaved,
    CorpusRead,
    Evaluated,
    Event,
    PathsCompleted,
    PhaseEntered,
    RateChanged,
    RunFinished,
    StepDone,
    TrainingPlanned,
    WeightsMoved,
)
from labkit.formatting import format_entity_count, format_loss
from labkit.i18n.translation import tr
from labkit.messages import N_, Message

_RECENT_S = 10.0  # window of tokens per second
_RECENT_STEPS = 10  # window of the mean loss


class LinesAboveBar:
    """Lines on a console, above a progress bar. The bar is drawn on terminals only."""

    def __init__(self, console: Console, *columns: ProgressColumn):
        columns = (TextColumn("{task.description}"), BarColumn(), *columns)
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def print_line(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(escape_markup(text), highlight=False)


class TrainingProgress(LinesAboveBar):
    """Prints a run's events."""

    def __init__(self, console: Console):
        completed = TextColumn("{task.completed:.0f}/{task.total:.0f}")
        super().__init__(console, completed, TextColumn("{task.fields[figures]}"), TimeRemainingColumn())
        self._recent: deque[tuple[float, int]] = deque()  # seconds, tokens seen
        self._losses: deque[float] = deque(maxlen=_RECENT_STEPS)
        self._f1: float | None = None
        self._moved: WeightsMoved | None = None
        self._printed_notes: set[str] = set()

    def update(self, event: Event) -> None:
        """Show one more event of the run."""
        match event:
            case PhaseEntered():
                self._on_phase(event)
            case CorpusRead():
                self.print_line(tr(event.describe()))
                if entropies := event.describe_entropies():
                    self.print_line(tr(entropies))
                for note in (note for note in event.notes if note not in self._printed_notes):
                    self.print_line(f"  {tr(note)}")
            case TrainingPlanned():
                device = {"device": event.device_name, "precision": event.precision}
                self.print_line(tr("{steps} steps on {device}, {precision}", steps=event.steps, **device))
                self._task = self._bar.add_task(tr("training"), total=event.steps, figures="")
            case StepDone():
                self._on_step(event)
            case Evaluated():
                self._on_evaluated(event)
            case RateChanged():
                rate = {"group": tr(event.group), "rate": f"{event.rate:g}"}
                self.print_line(tr("rate of {group} set to {rate} at step {step}", step=event.step, **rate))
            case WeightsMoved():
                self._moved = event
            case PathsCompleted():
                told = [self._moved.describe()] if self._moved else []
                for sentence in filter(None, [*told, event.describe()]):
                    self.print_line(tr(sentence))
            case CheckpointSaved():
                self.print_line(tr("{name} weights saved at step {step}", name=tr(event.name), step=event.step))
            case RunFinished() if event.reason and event.state != "failed":  # a failure is the command's own last line
                self.print_line(f"{tr(event.reason)} {tr(event.hint)}".strip())

    def print_note(self, note: Message) -> None:
        """Print a note. A corpus note with the same text is then skipped."""
        self._printed_notes.add(note)
        self.print_line(tr(note))

    def _on_phase(self, event: PhaseEntered) -> None:
        """A line while loading, later the description of the bar."""
        if self._task is None:
            self.print_line(tr(event.text))
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
        text = N_("epoch {epoch:.2f}, step {step}: no F1, as there is no entity in the {split} split, loss {loss}")
        if event.score is not None:
            text = N_(
                "epoch {epoch:.2f}, step {step}: {split} F1 {f1:.3f} "
                "(precision {precision:.3f}, recall {recall:.3f}, {entities}), loss {loss}"
            )
        line = tr(
            text,
            epoch=event.epoch,
            step=event.step,
            split=tr(event.split),
            f1=event.score,
            precision=event.precision,
            recall=event.recall,
            entities=format_entity_count(event.entities),
            loss=tr("n/a") if event.loss is None else format_loss(event.loss),
        )
        self.print_line(line)

    def _figures(self) -> str:
        """Loss, F1 and speed, as far as known."""
        (first_s, first), (last_s, last) = self._recent[0], self._recent[-1]
        figures = [
            tr("loss {loss}", loss=format_loss(statistics.fmean(self._losses))) if self._losses else "",
            f"F1 {self._f1:.3f}" if self._f1 is not None else "",
            tr("{number} tokens/s", number=f"{(last - first) / (last_s - first_s):,.0f}") if last_s > first_s else "",
        ]
        return "  ".join(figure for figure in figures if figure)
