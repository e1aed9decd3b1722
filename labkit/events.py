"""The vocabulary of a run's log, and how it is written and read.

A run's `events.jsonl` holds one event a line, each a JSON object with a `kind`. Times called `seconds` count from the
moment in `RunStarted.time`. Whatever could not be read from a device is None, never 0.
"""

import errno
import math
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, BinaryIO, Generic, TypeVar

import msgspec

EVENTS_FILE = "events.jsonl"
CONTROL_FILE = "control.jsonl"

CHUNK_BYTES = 1 << 17  # bytes of a log, some four hundred lines

# Every way in which a file that somebody else may have damaged fails to be read: as a file, as text, as JSON of a form.
READ_ERRORS = (OSError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)

# Numbers that can be added up, divided and rounded: a line with one beyond these cannot be understood. A rate may be
# any float, as it is set by hand.
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Real = Annotated[float, msgspec.Meta(ge=-1e100, le=1e100)]

FINAL_STATES = ("completed", "stopped", "failed", "interrupted")


class _Line(msgspec.Struct, frozen=True, tag_field="kind"):
    """A line of a log. Each class names its kind on disk, which stays whatever the class is called."""


class RunQueued(_Line, frozen=True, tag="run queued"):
    """The run was asked for; it starts when its turn comes."""

    time: Real  # Unix seconds


class RunStarted(_Line, frozen=True, tag="run started"):
    """The run's process is up. Pid and the process's own start tell later whether it still is, see liveness.py."""

    time: Real  # Unix seconds
    pid: Whole
    process_started: Real  # Unix seconds, as psutil gives it: by a clock that may be set
    host: str
    boot: str = ""  # the boot id of the machine; empty where it has none, and in older logs
    started_ticks: Whole = 0  # the process's start in clock ticks since that boot

    @property
    def process_identity(self) -> tuple[int, float, str, str, int]:
        """All fields but the time, as `processes.lives` wants them."""
        return self.pid, self.process_started, self.host, self.boot, self.started_ticks


class PhaseEntered(_Line, frozen=True, tag="phase entered"):
    """What the run is busy with, in words for the user."""

    seconds: Real
    text: str


class CorpusRead(_Line, frozen=True, tag="corpus read"):
    """What is being trained on, and what was repaired, skipped or cut on the way, one sentence a note."""

    seconds: Real
    name: str
    sha256: str
    train_sentences: Whole
    dev_sentences: Whole
    test_sentences: Whole
    train_words: Whole
    tags: list[str]
    notes: list[str]
    dev_sha256: str = ""  # of the words and gold tags that are scored; empty in older logs
    test_sha256: str = ""

    def split_id(self, split: str) -> str:
        """An identity of the scored sentences of dev or test: only runs that share it have comparable scores.

        Of an older log, the corpus and the number of these sentences.
        """
        sentences, sha256 = {
            "dev": (self.dev_sentences, self.dev_sha256),
            "test": (self.test_sentences, self.test_sha256),
        }[split]
        return sha256 or f"{self.sha256} {sentences}"


class ParamGroupInfo(msgspec.Struct, frozen=True):
    """One learning-rate group: how much it holds and how it is to be trained."""

    name: str
    tensors: Whole
    parameters: Whole
    rate: float
    schedule: str
    warmup_steps: Whole
    weight_decay: Real
    no_decay_tensors: Whole = msgspec.field(name="undecayed_tensors")  # biases and LayerNorm
    frozen_parameters: Whole = msgspec.field(
        default=0, name="resting"
    )  # weights beside these that no training sentence can touch


class ParamGroupsBuilt(_Line, frozen=True, tag="groups audited"):
    """Every parameter is in exactly one of these groups."""

    seconds: Real
    groups: list[ParamGroupInfo]


class TrainingPlanned(_Line, frozen=True, tag="training planned"):
    """All is loaded; the first step comes next."""

    seconds: Real
    steps: Whole
    steps_per_epoch: Whole
    device: str  # "cpu", "cuda:0"
    device_name: str
    precision: str
    processes: Whole
    encoder_sha256: str


class StepDone(_Line, frozen=True, tag="step done"):
    """One optimizer step. Rates and norms are by group name; a norm is taken before clipping."""

    seconds: Real
    step: Whole  # from 1
    epoch: Real
    loss: Real | None  # negative log likelihood per word; None where it is not a finite number
    rates: dict[str, float]
    gradient_norms: dict[str, Real | None]
    tokens: Whole  # word pieces seen so far, padding not counted


class TypeScore(msgspec.Struct, frozen=True):
    """Entity scores of one type, each from 0 to 1."""

    precision: Real
    recall: Real
    f1: Real
    support: Whole  # gold entities


class Evaluated(_Line, frozen=True, tag="evaluated"):
    """Entity scores (exact span and type, micro average), each from 0 to 1."""

    seconds: Real
    step: Whole
    epoch: Real
    tokens: Whole
    loss: Real | None  # negative log likelihood per word; None where it is not a finite number
    precision: Real
    recall: Real
    f1: Real
    types: dict[str, TypeScore]
    split: str = msgspec.field(default="dev", name="part")  # or "test"
    illegal: Whole | None = None  # places where decoding broke the tag scheme, whatever `legal_only` then mends
    gold: Whole | None = None  # entities in the corpus; None in older logs, see `entities`
    predicted: Whole | None = None  # entities; None in older logs

    @property
    def entities(self) -> int:
        """The number of gold entities, which the scores rest on."""
        return sum(score.support for score in self.types.values()) if self.gold is None else self.gold

    @property
    def score(self) -> float | None:
        """F1; None where there was no entity to find."""
        return self.f1 if self.f1 or self.entities else None

    @property
    def rank_key(self) -> tuple[float, float]:
        """The rule for best: the higher F1, then the lower loss; of equals the first.

        A greater merit is better; a loss that is no number is the worst. Kept weights, marks and tables all go by it.
        """
        return self.f1, -math.inf if self.loss is None or not math.isfinite(self.loss) else -self.loss


class CrfTransitions(_Line, frozen=True, tag="transitions learnt"):
    """How the CRF scores each tag after each other one, at an evaluation on dev; in nats, from row to column."""

    seconds: Real
    step: Whole
    tags: list[str]
    start: list[Real]
    transitions: list[list[Real]]
    end: list[Real]


class TimeBreakdown(_Line, frozen=True, tag="time spent"):
    """Where the time went since the run began: all parts together are all of it.

    Forward and backward count as one. `loading` is all before the first step; `data`, `encoder`, `downstream`, `CRF`
    and `optimizer` are the parts of a step; then `evaluation`, `saving`, `profiling` and `other`.
    """

    seconds: Real
    step: Whole
    totals: dict[str, Real] = msgspec.field(name="spent")  # seconds by part, summed up since the run began


class OperatorTime(msgspec.Struct, frozen=True):
    """One operator in the profiled steps; its own time, without that of the operators that it called."""

    name: str
    calls: Whole
    seconds: Real
    share: Real  # of all operators, from 0 to 1


class OperatorsProfiled(_Line, frozen=True, tag="operators profiled"):
    """A few steps were recorded operator by operator, which slows them: they are left out of tokens per second."""

    seconds: Real
    step: Whole  # the last recorded one
    steps: Whole  # recorded
    tokens: Whole  # word pieces in these steps
    duration_s: Real = msgspec.field(name="took")  # seconds for these steps, and for recording them
    operators: list[OperatorTime]  # the longest ones
    trace: str = ""  # a file in the run folder, for chrome://tracing or ui.perfetto.dev


class DeviceSampled(_Line, frozen=True, tag="device sampled"):
    """What one device was doing. For `cpu` the figures are this run's, of the cores and memory that it may use."""

    seconds: Real
    device: str  # "cpu", "gpu 0"
    utilization: Real | None  # percent, 0 to 100
    memory_run_mib: Real | None
    memory_others_mib: Real | None
    memory_total_mib: Real | None
    power_w: Real | None = None
    temperature_c: Real | None = None
    missing: dict[str, str] = {}  # figure → why it could not be read; told once, when it changes


class RateChanged(_Line, frozen=True, tag="rate changed"):
    """A group's peak rate was set by hand while training."""

    seconds: Real
    step: Whole
    group: str
    rate: float


class CheckpointSaved(_Line, frozen=True, tag="checkpoint saved"):
    """Weights are on disk."""

    seconds: Real
    step: Whole
    name: str  # "best" or "last"


class RunFinished(_Line, frozen=True, tag="run finished"):
    """The end. `reason` is one sentence, `hint` what the user can do, `details` a traceback or nothing."""

    seconds: Real
    state: str  # one of FINAL_STATES
    step: Whole
    reason: str = ""
    hint: str = ""
    details: str = ""


Event = (
    RunQueued
    | RunStarted
    | PhaseEntered
    | CorpusRead
    | ParamGroupsBuilt
    | TrainingPlanned
    | StepDone
    | Evaluated
    | CrfTransitions
    | TimeBreakdown
    | OperatorsProfiled
    | DeviceSampled
    | RateChanged
    | CheckpointSaved
    | RunFinished
)


class StopRequested(_Line, frozen=True, tag="stop asked"):
    """End the run after the current step, keeping its model."""


class RateRequested(_Line, frozen=True, tag="rate asked"):
    """Give a group another peak rate from the next step on."""

    group: str
    rate: float


ControlRequest = StopRequested | RateRequested

T = TypeVar("T")

_json_encoder = msgspec.json.Encoder()


class LineWriter:
    """Appends events or controls to a file, whole lines only; safe to share between threads and processes.

    A line goes out in a single `write` on a file opened for appending, so lines of two writers never mix. On a full
    disk it may be torn; the next one, of this writer or of one opened later, begins on a line of its own.
    """

    def __init__(self, path: Path):
        self._file: BinaryIO = open(path, "a+b", buffering=0)  # noqa: SIM115 (closed by close)
        self._is_torn = False
        if self._file.tell():
            self._file.seek(-1, os.SEEK_END)
            self._is_torn = self._file.read(1) != b"\n"

    def write(self, *lines: Event | ControlRequest) -> None:
        """Raises OSError where not all of it found room, and FileNotFoundError where the file was deleted meanwhile."""
        if not lines:
            return
        try:
            os.stat(self._file.name)
        except FileNotFoundError:  # what is written now, nobody would ever read
            gone = f"the log {self._file.name} is gone; it was deleted or renamed while it was in use"
            raise FileNotFoundError(gone) from None
        data = b"".join(_json_encoder.encode(line) + b"\n" for line in lines)
        data = b"\n" + data if self._is_torn else data
        written = self._file.write(data)
        self._is_torn = data[written - 1 : written] != b"\n"
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._file.name))

    def close(self) -> None:
        self._file.close()


class LogReader(Generic[T]):
    """Reads what has been appended to a log since the last look; a half-written last line waits for its rest.

    A log that has become shorter is another one, and read from its start. Nothing in or about a log raises.
    """

    def __init__(self, path: Path, kind: type[T]):
        self.path = path
        self.skipped_lines = 0  # lines that could not be understood
        self.problem = ""  # why there is a file that cannot be read; empty at most times
        self.offset = 0  # bytes read
        self._decoder = msgspec.json.Decoder(kind)

    def read(self) -> list[T]:
        """New lines, oldest first; empty when there are none or no file yet."""
        return list(self.iter_events())

    def iter_events(self) -> Iterator[T]:
        """The same one by one: of a long log that is folded, keeping all lines would take longer than reading them."""
        return chain.from_iterable(self.iter_batches())

    def iter_batches(self) -> Iterator[list[T]]:
        """The same by some hundred: what is done to all of them at once costs half of what it costs one by one."""
        try:
            self.problem = ""
            size = os.stat(self.path).st_size
            if size < self.offset:
                self.offset = 0
            if size <= self.offset:
                return
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            self.problem = f"{self.path.name} of {self.path.parent.name} cannot be read: {error.strerror}"
            return
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        start = 0
        while start < len(whole):
            end = whole.find(b"\n", min(start + CHUNK_BYTES, len(whole) - 1)) + 1
            yield self._decode_chunk(whole[start:end])
            start = end

    def _decode_chunk(self, lines: bytes) -> list[T]:
        try:
            found = self._decoder.decode_lines(lines)
        except READ_ERRORS:
            found = []
        if len(found) != lines.count(b"\n"):  # some line is no event, or not one: which?
            return list(self._decode_line_by_line(lines.splitlines()))
        return found

    def _decode_line_by_line(self, lines: list[bytes]) -> Iterator[T]:
        for line in lines:
            try:
                yield self._decoder.decode(line)
            except READ_ERRORS:
                self.skipped_lines += 1


def open_event_log(folder: Path) -> "LogReader[Event]":
    """The events of a run folder."""
    return LogReader(folder / EVENTS_FILE, Event)  # type: ignore[arg-type]


def open_control_log(folder: Path) -> "LogReader[ControlRequest]":
    """The controls of a run folder."""
    return LogReader(folder / CONTROL_FILE, ControlRequest)  # type: ignore[arg-type]
