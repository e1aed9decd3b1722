"""Event log of a run: its event types, writer and reader (JSON lines).

A run's `events.jsonl` holds one event a line, each a JSON object with a `kind`. Times called `seconds` count from
`RunStarted.time`. A figure that could not be read from a device is None, never 0.
"""

import errno
import math
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, BinaryIO, Generic, TypeVar

import msgspec

from labkit.messages import N_, Message, decode_hook, encode_hook

EVENTS_FILE = "events.jsonl"
CONTROL_FILE = "control.jsonl"

CHUNK_BYTES = 1 << 17  # bytes of a log, some four hundred lines

# All errors of reading a file that may be damaged: as a file, as text, as JSON of a certain form.
READ_ERRORS = (OSError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)

# Ranges of numbers that can be added up, divided and rounded: a line with a number outside is skipped. A rate may be
# any float, as it is set by hand.
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Real = Annotated[float, msgspec.Meta(ge=-1e100, le=1e100)]

FINAL_STATES = ("completed", "stopped", "failed", "interrupted")


class _Line(msgspec.Struct, frozen=True, tag_field="kind"):
    """A line of a log. `tag` is its kind on disk, which stays when a class is renamed."""


class RunQueued(_Line, frozen=True, tag="run queued"):
    """The run was queued; it starts when its turn comes."""

    time: Real  # Unix seconds


class RunStarted(_Line, frozen=True, tag="run started"):
    """The run's process has started. Whether it still runs is told by the run's lock, see runs/folder.py."""

    time: Real  # Unix seconds
    pid: Whole
    host: str


class PhaseEntered(_Line, frozen=True, tag="phase entered"):
    """The run entered a phase, named by a text for the user."""

    seconds: Real
    text: Message


class CorpusRead(_Line, frozen=True, tag="corpus read"):
    """The corpus was read. Each note is a sentence on what was repaired, skipped or cut."""

    seconds: Real
    name: str
    sha256: str
    train_sentences: Whole
    dev_sentences: Whole
    test_sentences: Whole
    train_words: Whole
    tags: list[str]
    notes: list[Message]
    dev_sha256: str = ""  # of the words and gold tags that are scored; empty in older logs
    test_sha256: str = ""
    # of the training split, in nats per word; None in older logs
    tag_entropy: Real | None = None  # the loss of tag frequencies
    conditional_tag_entropy: Real | None = None  # of a tag given the one before: the loss of transitions alone
    unknown_tokens: dict[str, Real] = {}  # by split, share of its tokens; special ones do not count
    cut_entities: dict[str, Real] = {}  # by split, share of its entities that lie in more than one window

    def describe(self) -> Message:
        """Sizes of the splits and number of tags, in words."""
        return Message(
            "{corpus}: {train:,} training, {dev:,} dev, {test:,} test sentences, {tags} tags",
            corpus=self.name,
            train=self.train_sentences,
            dev=self.dev_sentences,
            test=self.test_sentences,
            tags=len(self.tags),
        )

    def describe_entropies(self) -> Message:
        """Losses that no word was read for, in words. Empty for older logs."""
        if self.tag_entropy is None or self.conditional_tag_entropy is None:
            return Message("")
        return Message(
            "loss without reading a word: {tag:.2f} by tag frequencies, {conditional:.2f} by the tag before",
            tag=self.tag_entropy,
            conditional=self.conditional_tag_entropy,
        )

    def split_id(self, split: str) -> str:
        """Identity of the scored sentences of dev or test.

        Only runs that share it have comparable scores. For an older log it is made of the corpus's hash and the number
        of these sentences.
        """
        sentences, sha256 = {
            "dev": (self.dev_sentences, self.dev_sha256),
            "test": (self.test_sentences, self.test_sha256),
        }[split]
        return sha256 or f"{self.sha256} {sentences}"


class ParamGroupInfo(msgspec.Struct, frozen=True):
    """One parameter group: its size and its training settings."""

    name: str
    tensors: Whole
    parameters: Whole
    rate: float
    schedule: str
    warmup_steps: Whole
    weight_decay: Real
    no_decay_tensors: Whole = msgspec.field(name="undecayed_tensors")  # biases and LayerNorm
    # weights beside these that no training sentence can touch
    frozen_parameters: Whole = msgspec.field(default=0, name="resting")


class ParamGroupsBuilt(_Line, frozen=True, tag="groups audited"):
    """The parameter groups were built; each parameter is in exactly one."""

    seconds: Real
    groups: list[ParamGroupInfo]


class TrainingPlanned(_Line, frozen=True, tag="training planned"):
    """Loading has ended; the first step comes next."""

    seconds: Real
    steps: Whole
    steps_per_epoch: Whole
    device: str  # "cpu", "cuda:0"
    device_name: str
    precision: str
    processes: Whole
    encoder_sha256: str


class StepDone(_Line, frozen=True, tag="step done"):
    """One optimizer step. Rates and norms are by group name; norms are before clipping."""

    seconds: Real
    step: Whole  # from 1
    epoch: Real
    loss: Real | None  # negative log likelihood per word; None if it is not finite
    rates: dict[str, float]
    gradient_norms: dict[str, Real | None]
    tokens: Whole  # seen so far, padding not counted


class TypeScore(msgspec.Struct, frozen=True):
    """Entity scores of one type, from 0 to 1."""

    precision: Real
    recall: Real
    f1: Real
    support: Whole  # gold entities


class Evaluated(_Line, frozen=True, tag="evaluated"):
    """Entity scores of dev or test, from 0 to 1: exact span and type, micro average."""

    seconds: Real
    step: Whole
    epoch: Real
    tokens: Whole
    loss: Real | None  # negative log likelihood per word; None if it is not finite
    precision: Real
    recall: Real
    f1: Real
    types: dict[str, TypeScore]
    split: str = msgspec.field(default="dev", name="part")  # or "test"
    illegal: Whole | None = None  # places where decoding broke the tag scheme, those included that `legal_only` mends
    gold: Whole | None = None  # entities in the corpus; None in older logs, see `entities`
    predicted: Whole | None = None  # entities; None in older logs

    @property
    def entities(self) -> int:
        """Number of gold entities, which the scores rest on."""
        return sum(score.support for score in self.types.values()) if self.gold is None else self.gold

    @property
    def score(self) -> float | None:
        """F1; None if there was no entity to find."""
        return self.f1 if self.f1 or self.entities else None

    @property
    def rank_key(self) -> tuple[float, float]:
        """Sort key for the best evaluation: the highest F1, then the lowest loss.

        The greatest key is best, and the first of equal ones. A loss that is not finite is the worst. Kept weights,
        plots and tables all use this key.
        """
        return self.f1, -math.inf if self.loss is None or not math.isfinite(self.loss) else -self.loss


class CrfTransitions(_Line, frozen=True, tag="transitions learnt"):
    """Transition scores of the CRF at an evaluation. In nats, from row to column."""

    seconds: Real
    step: Whole
    tags: list[str]
    start: list[Real]
    transitions: list[list[Real]]
    end: list[Real]


PARTS = N_({"encoder": "the encoder", "head": "the head", "crf": "the CRF"})
NEARLY_RANDOM = 0.1  # distance from its random start below which a head is nearly still that


class WeightsMoved(_Line, frozen=True, tag="weights moved"):
    """Distance of encoder, head and CRF from the weights they began with, divided by their norm.

    None for weights that began at 0. Distance is not usefulness, see training/sync_meter.py.
    """

    seconds: Real
    step: Whole
    distances: dict[str, Real | None]

    def describe(self) -> Message:
        """Distances in words; empty if none is known."""
        known = {name: distance for name, distance in self.distances.items() if distance is not None}
        first, *others = sorted(known, key=lambda name: name != "head") or [""]
        if not first:
            return Message("")
        text = N_("{part} has moved {share} of its own size")
        if first == "head" and known[first] < NEARLY_RANDOM:
            text = N_("{part} has moved {share} of its own size: it is still, nearly, the random numbers it began with")
        told = Message(text, part=_part(first), share=format_distance(known[first]))
        for name in others:
            told = Message("{told}; {part} {share}", told=told, part=_part(name), share=format_distance(known[name]))
        return told


class PathsCompleted(_Line, frozen=True, tag="paths completed"):
    """Share of its own final way that encoder, head and CRF had made by step, by projection on the final displacement.

    A part that has not moved is left out.
    """

    seconds: Real
    step: Whole
    steps: list[Whole]
    shares: dict[str, list[Real]]

    def steps_to(self, share: float) -> dict[str, int]:
        """First step by which each part had made this share, the earliest first."""
        found = {
            name: next(step for step, made in zip(self.steps, shares, strict=False) if made >= share)
            for name, shares in self.shares.items()
            if any(made >= share for made in shares[: len(self.steps)])
        }
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def describe(self) -> Message:
        """Steps by which nine tenths of the ways were made, in words; empty if nothing moved."""
        told = Message("")
        for name, step in self.steps_to(0.9).items():
            values = {"part": _part(name), "step": f"{step:,}"}
            if told:
                told = Message("{told}, {part} at step {step}", told=told, **values)
            else:
                told = Message("{part} had made 90 % of its way at step {step}", **values)
        return told


def format_distance(distance: float) -> str:
    """Distance in percent: `6.2 %`, `140 %`, `1,300 %`."""
    percent = 100 * distance
    return f"{percent:,.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _part(name: str) -> Message:
    return Message(PARTS.get(name, name))


class TimeBreakdown(_Line, frozen=True, tag="time spent"):
    """Time by part since the run began. The parts add up to all of it.

    Forward and backward count as one. `loading` is the time before the first step; `data`, `encoder`, `downstream`,
    `CRF` and `optimizer` are the parts of a step; the others are `evaluation`, `saving`, `profiling` and `other`.
    """

    seconds: Real
    step: Whole
    totals: dict[str, Real] = msgspec.field(name="spent")  # seconds by part, since the run began


class OperatorTime(msgspec.Struct, frozen=True):
    """One operator's time in the profiled steps, without operators that it called."""

    name: str
    calls: Whole
    seconds: Real
    share: Real  # of all operators, from 0 to 1


class OperatorsProfiled(_Line, frozen=True, tag="operators profiled"):
    """Operator times of the profiled steps.

    Recording slows these steps, so they are left out of tokens per second.
    """

    seconds: Real
    step: Whole  # the last recorded one
    steps: Whole  # recorded
    tokens: Whole  # in these steps
    duration_s: Real = msgspec.field(name="took")  # seconds for these steps, and for recording them
    operators: list[OperatorTime]  # the longest ones
    trace: str = ""  # a file in the run folder, for chrome://tracing or ui.perfetto.dev


class DeviceSampled(_Line, frozen=True, tag="device sampled"):
    """Use of one device. For `cpu`, the run's share of the cores and memory it may use."""

    seconds: Real
    device: str  # "cpu", "gpu 0"
    utilization: Real | None  # percent, 0 to 100
    memory_run_mib: Real | None
    memory_others_mib: Real | None
    memory_total_mib: Real | None
    power_w: Real | None = None
    temperature_c: Real | None = None
    missing: dict[str, Message] = {}  # figure → why it could not be read; only when that changes


class RateChanged(_Line, frozen=True, tag="rate changed"):
    """A group's peak rate was set by hand while training."""

    seconds: Real
    step: Whole
    group: str
    rate: float


class CheckpointSaved(_Line, frozen=True, tag="checkpoint saved"):
    """Weights were written to disk."""

    seconds: Real
    step: Whole
    name: str  # "best" or "last"


class RunFinished(_Line, frozen=True, tag="run finished"):
    """The run has ended. `hint` is a remedy for the user, `details` a traceback.

    `early` tells a run that stopped by itself, as its scores got no better, from one that was stopped.
    """

    seconds: Real
    state: str  # one of FINAL_STATES
    step: Whole
    reason: Message = Message("")  # one sentence
    hint: Message = Message("")
    details: str = ""
    early: bool = False


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
    | WeightsMoved
    | PathsCompleted
    | TimeBreakdown
    | OperatorsProfiled
    | DeviceSampled
    | RateChanged
    | CheckpointSaved
    | RunFinished
)


class StopRequested(_Line, frozen=True, tag="stop asked"):
    """Request to end the run after the current step, keeping its model."""


class RateRequested(_Line, frozen=True, tag="rate asked"):
    """Request to change a group's peak rate from the next step on."""

    group: str
    rate: float


ControlRequest = StopRequested | RateRequested

T = TypeVar("T")

_json_encoder = msgspec.json.Encoder(enc_hook=encode_hook)


class LineWriter:
    """Append-only writer of events or requests, safe between threads and processes.

    Each line is a single `write` on a file opened for appending, so lines of two writers never mix. A full disk may
    tear a line; the next one, of this writer or of one opened later, then begins on a line of its own.
    """

    def __init__(self, path: Path):
        self._file: BinaryIO = open(path, "a+b", buffering=0)  # noqa: SIM115 (closed by close)
        self._is_torn = False
        if self._file.tell():
            self._file.seek(-1, os.SEEK_END)
            self._is_torn = self._file.read(1) != b"\n"

    def write(self, *lines: Event | ControlRequest) -> None:
        """Append lines.

        Raises:
            FileNotFoundError: the file was deleted meanwhile.
            OSError: the disk is full.
        """
        if not lines:
            return
        try:
            os.stat(self._file.name)
        except FileNotFoundError:  # nobody would ever read these lines
            problem = N_("the log {file} is gone; it was deleted or renamed while it was in use")
            raise FileNotFoundError(Message(problem, file=str(self._file.name))) from None
        data = b"".join(_json_encoder.encode(line) + b"\n" for line in lines)
        data = b"\n" + data if self._is_torn else data
        written = self._file.write(data)
        self._is_torn = data[written - 1 : written] != b"\n"
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._file.name))

    def close(self) -> None:
        self._file.close()


class LogReader(Generic[T]):
    """Incremental reader of a log: each call returns the lines appended since.

    A half-written last line waits for its rest. A log that has become shorter is a new one, and is read from its start.
    No content or state of a log raises.
    """

    def __init__(self, path: Path, kind: type[T]):
        self.path = path
        self.skipped_lines = 0  # lines that are no event of this kind
        self.problem = Message("")  # why the file cannot be read; usually empty
        self.offset = 0  # bytes read
        self._decoder = msgspec.json.Decoder(kind, dec_hook=decode_hook)

    def read(self) -> list[T]:
        """New lines, oldest first; empty if there are none, or no file."""
        return list(self.iter_events())

    def iter_events(self) -> Iterator[T]:
        """Iterate over the new lines.

        For a long log that is summed up, a list of all lines would take longer than reading them.
        """
        return chain.from_iterable(self.iter_batches())

    def iter_batches(self) -> Iterator[list[T]]:
        """Iterate over the new lines in batches of about CHUNK_BYTES.

        Work on a whole batch takes half the time of work line by line.
        """
        try:
            self.problem = Message("")
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
            names = {"file": self.path.name, "run": self.path.parent.name}
            self.problem = Message("{file} of {run} cannot be read: {why}", **names, why=error.strerror or str(error))
            return
        lines = data[: data.rfind(b"\n") + 1]
        self.offset += len(lines)
        start = 0
        while start < len(lines):
            end = lines.find(b"\n", min(start + CHUNK_BYTES, len(lines) - 1)) + 1
            yield self._decode_chunk(lines[start:end])
            start = end

    def _decode_chunk(self, lines: bytes) -> list[T]:
        try:
            events = self._decoder.decode_lines(lines)
        except READ_ERRORS:
            events = []
        if len(events) != lines.count(b"\n"):  # some line is no event, or more than one: find it
            return list(self._decode_line_by_line(lines.splitlines()))
        return events

    def _decode_line_by_line(self, lines: list[bytes]) -> Iterator[T]:
        for line in lines:
            try:
                yield self._decoder.decode(line)
            except READ_ERRORS:
                self.skipped_lines += 1


def open_event_log(folder: Path) -> "LogReader[Event]":
    """Reader of a run folder's events."""
    return LogReader(folder / EVENTS_FILE, Event)  # type: ignore[arg-type]


def open_control_log(folder: Path) -> "LogReader[ControlRequest]":
    """Reader of a run folder's requests."""
    return LogReader(folder / CONTROL_FILE, ControlRequest)  # type: ignore[arg-type]
