"""Event log: several writers, reading while it grows, damaged lines skipped."""

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from labkit.events import (
    CHUNK_BYTES,
    CONTROL_FILE,
    EVENTS_FILE,
    CheckpointSaved,
    CorpusRead,
    CrfTransitions,
    DeviceSampled,
    Evaluated,
    Event,
    LineWriter,
    OperatorsProfiled,
    OperatorTime,
    ParamGroupInfo,
    ParamGroupsBuilt,
    PathsCompleted,
    PhaseEntered,
    RateChanged,
    RateRequested,
    RunFinished,
    RunQueued,
    RunStarted,
    StepDone,
    StopRequested,
    TimeBreakdown,
    TrainingPlanned,
    TypeScore,
    WeightsMoved,
    open_control_log,
    open_event_log,
)

ONE_OF_EACH: list[Event] = [
    RunQueued(1.5),
    RunStarted(2.0, 17, "machine"),
    PhaseEntered(0.1, "Reading the corpus"),
    CorpusRead(0.2, "wnut16", "ab" * 32, 10, 2, 3, 99, ["O", "B-person"], ["2 sentences were <b>cut</b>."], "de" * 32),
    ParamGroupsBuilt(0.3, [ParamGroupInfo("head", 4, 1000, 5e-3, "linear", 3, 0.0, 2)]),
    TrainingPlanned(0.4, 30, 10, "cuda:0", "A card", "bfloat16", 1, "cd" * 32),
    StepDone(0.5, 1, 0.1, 2.25, {"encoder": 5e-5, "head": 5e-3}, {"encoder": 1.0, "head": None}, 640),
    Evaluated(0.6, 10, 1.0, 6400, 1.5, 0.5, 0.25, 1 / 3, {"person": TypeScore(1.0, 0.5, 2 / 3, 7)}, "dev", 1, 7, 3),
    CrfTransitions(0.6, 10, ["O", "B-person"], [0.1, -0.2], [[0.25, 1.0], [-1.5, 0.0]], [0.0, 0.5]),
    WeightsMoved(0.61, 10, {"encoder": 0.01, "head": 1.25, "crf": None}),
    PathsCompleted(0.62, 10, [5, 10], {"encoder": [0.5, 1.0], "head": [0.95, 1.0]}),
    TimeBreakdown(0.65, 10, {"loading": 0.2, "encoder": 0.4, "other": 0.05}),
    OperatorsProfiled(0.66, 10, 2, 128, 0.1, [OperatorTime("addmm", 96, 0.05, 0.5)], "trace.json.gz"),
    DeviceSampled(0.7, "gpu 0", None, 1.0, 2.0, 3.0, missing={"utilization": "MIG"}),
    RateChanged(0.8, 11, "head", 1e-3),
    CheckpointSaved(0.9, 20, "best"),
    RunFinished(1.0, "failed", 21, "The loss is not a number: ü \u2028 \n new line.", "Lower the rate.", "Traceback"),
]

STEP = StepDone(0.5, 1, 0.1, 2.25, {"head": 5e-3}, {"head": 1.0}, 640)


def write(folder: Path, *lines: Event) -> None:
    writer = LineWriter(folder / EVENTS_FILE)
    writer.write(*lines)
    writer.close()


def append(folder: Path, data: bytes) -> None:
    with open(folder / EVENTS_FILE, "ab") as file:
        file.write(data)


def test_every_kind_of_event_comes_back_as_it_was(tmp_path: Path) -> None:
    assert {type(event) for event in ONE_OF_EACH} == set(Event.__args__)
    write(tmp_path, *ONE_OF_EACH)
    tail = open_event_log(tmp_path)
    assert tail.read() == ONE_OF_EACH
    assert tail.skipped_lines == 0


def test_lines_can_be_taken_one_by_one(tmp_path: Path) -> None:
    write(tmp_path, *ONE_OF_EACH)
    tail = open_event_log(tmp_path)
    lines = tail.iter_events()
    assert next(lines) == ONE_OF_EACH[0]
    assert list(lines) == ONE_OF_EACH[1:]
    assert tail.read() == []


def test_a_line_is_one_plain_json_object_that_names_its_kind(tmp_path: Path) -> None:
    write(tmp_path, *ONE_OF_EACH)
    lines = (tmp_path / EVENTS_FILE).read_bytes().removesuffix(b"\n").split(b"\n")
    assert [json.loads(line)["kind"] for line in lines] == [
        "run queued",
        "run started",
        "phase entered",
        "corpus read",
        "groups audited",
        "training planned",
        "step done",
        "evaluated",
        "transitions learnt",
        "weights moved",
        "paths completed",
        "time spent",
        "operators profiled",
        "device sampled",
        "rate changed",
        "checkpoint saved",
        "run finished",
    ]


def test_controls_come_back_as_they_were(tmp_path: Path) -> None:
    writer = LineWriter(tmp_path / CONTROL_FILE)
    writer.write(RateRequested("head", 1e-3), StopRequested())
    assert open_control_log(tmp_path).read() == [RateRequested("head", 1e-3), StopRequested()]
    writer.close()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_or_norm_that_is_no_number_comes_back_as_none(value: float, tmp_path: Path) -> None:
    write(tmp_path, StepDone(0.5, 1, 0.1, value, {"head": 5e-3}, {"head": value}, 640))
    (step,) = open_event_log(tmp_path).read()
    assert isinstance(step, StepDone)
    assert step.loss is None
    assert step.gradient_norms == {"head": None}
    assert b"NaN" not in (tmp_path / EVENTS_FILE).read_bytes()


def test_what_a_device_did_not_tell_stays_none_and_never_becomes_zero(tmp_path: Path) -> None:
    write(tmp_path, DeviceSampled(0.7, "gpu 0", None, None, None, None))
    (sample,) = open_event_log(tmp_path).read()
    assert isinstance(sample, DeviceSampled)
    assert (sample.utilization, sample.power_w, sample.temperature_c) == (None, None, None)


def test_floats_come_back_bit_by_bit(tmp_path: Path) -> None:
    rates = [0.1, 1 / 3, 5e-5, 5e-324, 1.7976931348623157e308, 2**53 + 0.0]
    write(tmp_path, *(RateChanged(0.0, 1, "head", rate) for rate in rates))
    assert [event.rate for event in open_event_log(tmp_path).read() if isinstance(event, RateChanged)] == rates


def test_reading_before_there_is_a_file_finds_nothing(tmp_path: Path) -> None:
    tail = open_event_log(tmp_path / "not yet")
    assert tail.read() == []
    (tmp_path / "not yet").mkdir()
    write(tmp_path / "not yet", STEP)
    assert tail.read() == [STEP]


def test_each_look_finds_only_what_is_new(tmp_path: Path) -> None:
    tail = open_event_log(tmp_path)
    write(tmp_path, *ONE_OF_EACH[:2])
    assert tail.read() == ONE_OF_EACH[:2]
    assert tail.read() == []
    write(tmp_path, *ONE_OF_EACH[2:])
    assert tail.read() == ONE_OF_EACH[2:]


def test_a_half_written_last_line_waits_for_its_rest(tmp_path: Path) -> None:
    write(tmp_path, *ONE_OF_EACH)
    data = (tmp_path / EVENTS_FILE).read_bytes()
    (tmp_path / EVENTS_FILE).write_bytes(b"")
    tail, found = open_event_log(tmp_path), []
    for start in range(0, len(data), 7):  # cuts inside numbers, names and letters of two bytes
        append(tmp_path, data[start : start + 7])
        found += tail.read()
    assert found == ONE_OF_EACH
    assert tail.skipped_lines == 0


def test_a_log_cut_in_its_last_line_gives_all_lines_before_it(tmp_path: Path) -> None:
    write(tmp_path, STEP, STEP)
    data = (tmp_path / EVENTS_FILE).read_bytes()
    (tmp_path / EVENTS_FILE).write_bytes(data[:-5])
    tail = open_event_log(tmp_path)
    assert tail.read() == [STEP]
    assert tail.skipped_lines == 0


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"moon rose","seconds":1.0}',
        b'{"seconds":1.0}',
        b'{"kind":"step done","seconds":1.0}',
        b'{"kind":"checkpoint saved","seconds":"soon","step":1,"name":"best"}',
        b'{"kind":"step do{"kind":"phase entered","seconds":1.0,"text":"x"}',
        b"[]",
        b"no json",
        b"\xff\xfe\x00",
        b"",
        b'{"kind":"phase entered","seconds":1.0,"text":"x"}{"kind":"phase entered","seconds":2.0,"text":"y"}',
    ],
    ids=[
        *("unknown kind", "no kind", "fields missing", "wrong type", "broken off", "list", "text", "bytes", "empty"),
        "two in one",
    ],
)
def test_a_line_that_cannot_be_understood_is_counted_and_the_rest_is_read(line: bytes, tmp_path: Path) -> None:
    write(tmp_path, STEP)
    append(tmp_path, line + b"\n")
    write(tmp_path, STEP)
    tail = open_event_log(tmp_path)
    assert tail.read() == [STEP, STEP]
    assert tail.skipped_lines == 1


def test_a_long_log_is_read_whole_in_parts_and_a_broken_line_costs_none_but_itself(tmp_path: Path) -> None:
    several = 3 * CHUNK_BYTES // len(msgspec.json.encode(STEP))
    write(tmp_path, *[STEP] * several)
    append(tmp_path, b"no json\n")
    write(tmp_path, *[STEP] * several)
    tail = open_event_log(tmp_path)
    parts = list(tail.iter_batches())
    assert len(parts) > 5
    assert [event for part in parts for event in part] == [STEP] * 2 * several
    assert tail.skipped_lines == 1
    assert list(tail.iter_batches()) == []


def test_a_field_of_a_later_version_is_passed_over(tmp_path: Path) -> None:
    append(tmp_path, b'{"kind":"phase entered","seconds":1.0,"text":"x","mood":"good"}\n')
    assert open_event_log(tmp_path).read() == [PhaseEntered(1.0, "x")]


def test_a_field_with_a_default_may_be_missing_in_an_older_log(tmp_path: Path) -> None:
    append(tmp_path, b'{"kind":"run finished","seconds":1.0,"state":"completed","step":3}\n')
    append(tmp_path, b'{"kind":"run started","time":2.0,"pid":17,"process_started":1.9,"host":"machine"}\n')
    assert open_event_log(tmp_path).read() == [RunFinished(1.0, "completed", 3), RunStarted(2.0, 17, "machine")]


def corpus_read(**told: Any) -> CorpusRead:
    return CorpusRead(0.2, "mine", **{"sha256": "ab", "train_sentences": 10, "dev_sentences": 4, "test_sentences": 4,
                                      "train_words": 99, "tags": ["O"], "notes": [], **told})  # fmt: skip


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_split_is_known_by_its_sentences_and_in_older_logs_by_corpus_and_size(part: str) -> None:
    told = corpus_read(dev_sha256="d1", test_sha256="t1")
    assert told.split_id(part) == corpus_read(sha256="cd", dev_sha256="d1", test_sha256="t1").split_id(part)
    assert told.split_id(part) != corpus_read(dev_sha256="d2", test_sha256="t2").split_id(part)
    old = corpus_read()
    assert old.split_id(part) == corpus_read(train_sentences=5).split_id(part)
    others = (corpus_read(sha256="cd"), corpus_read(dev_sentences=5, test_sentences=5), told)
    assert old.split_id(part) not in {other.split_id(part) for other in others}


def test_a_score_rests_on_entities_and_there_is_none_without_any() -> None:
    types = {"LOC": TypeScore(1.0, 0.5, 2 / 3, 7), "PER": TypeScore(0.0, 0.0, 0.0, 3)}
    told, older = scored(0.5, 1.0, gold=7), msgspec.structs.replace(scored(0.0, 1.0), types=types)
    assert (told.entities, told.score, older.entities, older.score) == (7, 0.5, 10, 0.0)
    assert (scored(0.0, 1.0, gold=0).score, scored(0.0, 1.0).score) == (None, None)


def scored(f1: float, loss: float | None, **more: Any) -> Evaluated:
    return Evaluated(0.6, 10, 1.0, 6400, loss, f1, f1, f1, {}, **more)


def test_the_best_evaluation_has_the_highest_f1_then_the_lower_loss_and_no_number_is_the_worst_loss() -> None:
    worst_first = [scored(0.4, 0.1), scored(0.5, None), scored(0.5, 2.0), scored(0.5, 1.0), scored(0.6, math.nan)]
    assert sorted(worst_first, key=lambda each: each.rank_key, reverse=True) == worst_first[::-1]
    assert len({scored(0.5, loss).rank_key for loss in (None, math.nan, math.inf, -math.inf)}) == 1
    first, second = scored(0.5, None, split="dev"), scored(0.5, math.nan)
    assert max([first, second], key=lambda each: each.rank_key) is first


def test_writing_nothing_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    assert (tmp_path / EVENTS_FILE).read_bytes() == b""


def test_an_event_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    writer = LineWriter(tmp_path / EVENTS_FILE)
    writer.write(STEP)
    assert open_event_log(tmp_path).read() == [STEP]
    writer.close()


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """A write beyond it is cut short, as on a disk that is almost full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("same", [True, False], ids=["same writer", "another writer"])
def test_a_line_that_a_full_disk_tore_is_raised_and_spoils_no_other_one(same: bool, tmp_path: Path) -> None:
    writer = LineWriter(tmp_path / EVENTS_FILE)
    writer.write(STEP)
    with (
        no_file_longer_than(os.stat(tmp_path / EVENTS_FILE).st_size + 20),
        pytest.raises(OSError, match="No space left"),
    ):
        writer.write(STEP)
    end = RunFinished(1.0, "failed", 1, "No space left on device.")
    if same:
        writer.write(end)
        writer.write(STEP)
    else:
        write(tmp_path, end)
        write(tmp_path, STEP)
    writer.close()
    tail = open_event_log(tmp_path)
    assert tail.read() == [STEP, end, STEP]
    assert tail.skipped_lines == 1


def test_opening_a_log_writes_nothing(tmp_path: Path) -> None:
    append(tmp_path, b"torn")
    LineWriter(tmp_path / EVENTS_FILE).close()
    assert (tmp_path / EVENTS_FILE).read_bytes() == b"torn"


WRITE = """
import sys
from pathlib import Path
from labkit.events import LineWriter, PhaseEntered
writer = LineWriter(Path(sys.argv[1]))
print("ready", flush=True)
input()
for number in range(400):
    writer.write(*[PhaseEntered(float(number), sys.argv[2] * 3000)] * (1 + number % 2))
"""


def test_lines_of_two_processes_never_mix(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE, str(tmp_path / EVENTS_FILE)]
    root = Path(__file__).parent.parent
    pipe = subprocess.PIPE
    writers = [subprocess.Popen([*command, letter], stdin=pipe, stdout=pipe, cwd=root) for letter in "ab"]
    tail, found = open_event_log(tmp_path), []
    for writer in writers:
        assert writer.stdout
        writer.stdout.readline()
    for writer in writers:
        assert writer.stdin
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    while any(writer.poll() is None for writer in writers):
        found += tail.read()
    found += tail.read()
    for writer in writers:
        writer.communicate()
    phases = [event for event in found if isinstance(event, PhaseEntered)]
    expected = [float(number) for number in range(400) for _ in range(1 + number % 2)]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert tail.skipped_lines == 0
    for letter in "ab":
        assert [event.seconds for event in phases if event.text == letter * 3000] == expected
    assert len(phases) == 2 * len(expected)


def test_lines_of_threads_that_share_a_writer_never_mix(tmp_path: Path) -> None:
    writer = LineWriter(tmp_path / EVENTS_FILE)

    def work(letter: str) -> None:
        for number in range(300):
            writer.write(PhaseEntered(float(number), letter * 500))

    threads = [threading.Thread(target=work, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    tail = open_event_log(tmp_path)
    assert sorted({event.text[0] for event in tail.read() if isinstance(event, PhaseEntered)}) == list("abcd")
    assert tail.skipped_lines == 0
